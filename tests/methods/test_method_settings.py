"""Settings of a method: published values in the plans, checked, named in the model folder."""

# mypy: no-check-untyped-defs
import json

import pytest

from hifisyn.errors import UserError
from hifisyn.methods.cosmos.trainer import COSMOS
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.planner import complete
from hifisyn.training.method_plans import plans_of_method
from hifisyn.training.rates import RATE_SHARE, set_rates
from hifisyn.training.request import Request, look_up
from tests.planning.test_planner import DEMO, fingerprint, plan
from tests.support.training_toys import FINGERPRINT, toy_dataset, toy_plans, toy_store


def for_cyclegan(plans):
    return plans_of_method(plans, CycleGAN, "CycleGAN", lambda: FINGERPRINT)


def test_published_values_replace_those_of_the_plans_and_settings_are_written_out():
    plans = toy_plans(lr=1e-4, weight_decay=1e-4)
    own = for_cyclegan(plans)
    assert own.optimisation.lr == own.optimisation.lr_discriminator == 2e-4
    assert own.optimisation.weight_decay == 0
    assert own.optimisation.batch_size == plans.optimisation.batch_size
    networks = {"width": 64, "n_down": 1}
    assert own.settings == {"networks": networks, "blocks": 9, "cycle": 10.0, "identity": 0.5, "pool": 50}
    assert plans_of_method(plans, HiFiSyn, "HiFiSyn", lambda: FINGERPRINT) == plans


def test_each_rate_is_scaled_as_the_planner_scaled_that_of_hifisyn():
    shared, own = plan(fingerprint(), DEMO).optimisation, plan(fingerprint(), DEMO, CycleGAN).optimisation
    assert (shared.lr, shared.lr_discriminator) == (2e-3, 5e-4)
    assert own.lr == pytest.approx(20 * 2e-4)
    assert own.lr_discriminator == pytest.approx(5 * 2e-4)


def test_planning_does_not_repeat_itself_where_a_model_folder_is_read_again():
    own = complete(for_cyclegan(toy_plans()).override(["settings.cycle=3"]), CycleGAN)
    again = type(own).checked(json.loads(json.dumps(own.model_dump(mode="json"))), "plans.json")
    assert CycleGAN(again, ("T1", "T2")).settings.cycle == 3.0
    assert again == own
    assert for_cyclegan(again) == own


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cycel": 3}, "settings.cycel is no key of the plans; did you mean cycle?"),
        ({"cycle": -1}, "settings.cycle must be greater than or equal to 0 (got -1)"),
        ({"pool": "many"}, "settings.pool must be a valid integer"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(settings, message):
    plans = toy_plans(CycleGAN).model_copy(update={"settings": settings})
    with pytest.raises(UserError) as error:
        for_cyclegan(plans)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def request(roots, method, *assignments):
    return Request("TOY", ("T1", "T2"), 0, method=method, assignments=assignments, roots=roots)


def test_changed_settings_stand_in_the_name_of_the_model_folder_and_published_ones_do_not(tmp_path):
    roots = toy_dataset(tmp_path)
    assert look_up(request(roots, "CycleGAN"))[0].folder.parent.name == "CycleGAN__plans__2d"
    for key in ("settings.cycle", "cycle"):
        job, _ = look_up(request(roots, "CycleGAN", f"{key}=3"))
        assert job.folder.parent.name == "CycleGAN__plans__2d__cycle=3.0"
        assert job.plans.settings["cycle"] == 3.0


@pytest.mark.parametrize(
    ("method", "assignment", "message"),
    [
        ("CycleGAN", "settings.cycel=3", "got settings.cycel.; did you mean cycle"),
        ("HiFiSyn", "settings.cycle=3", "must name a key of the plans .got settings.cycle"),
        ("CycleGAN", "losses.cycle=3", "must name a key of the plans .got losses.cycle"),
    ],
)
def test_a_setting_that_is_not_there_is_told(tmp_path, method, assignment, message):
    with pytest.raises(UserError, match=message):
        look_up(request(toy_dataset(tmp_path), method, assignment))


def test_where_no_case_has_labels_a_method_says_what_it_loses(tmp_path):
    roots = toy_dataset(tmp_path)
    assert look_up(request(roots, "COSMOS"))[1] == []
    folder = roots.preprocessed / "TOY" / "plans_2d"
    for file in folder.glob("*.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"labelled": False}))
    assert look_up(request(roots, "COSMOS"))[1] == [
        f"no training case has labels: {COSMOS.without_labels(toy_plans(COSMOS))}"
    ]
    assert look_up(request(roots, "MUNIT"))[1] == []
    (told,) = look_up(request(roots, "MUNIT", "settings.label_map=true"))[1]
    assert "label_map pushes away pixels of every structure" in told
    assert look_up(request(roots, "CycleGAN"))[1] == []
    assert toy_store(folder).cases()


def test_parameters_may_have_a_share_of_their_groups_rate():
    import torch

    one, other = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    adam = torch.optim.Adam([{"params": [one]}, {"params": [other], RATE_SHARE: 0.01}], lr=1.0)
    set_rates({"generator": adam}, {"generator": 0.5})
    assert [settings["lr"] for settings in adam.param_groups] == [0.5, 0.005]
