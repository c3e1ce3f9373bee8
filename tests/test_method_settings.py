"""Settings of a method: published values in the plans, checked, named in the model folder."""

# mypy: no-check-untyped-defs
import json

import pytest
from hifisyn.training.settings import adapted, with_settings

from hifisyn.errors import UserError
from hifisyn.methods.cosmos import COSMOS
from hifisyn.methods.cyclegan import CycleGAN
from hifisyn.methods.hifisyn import HiFiSyn
from hifisyn.training.rates import RATE_SHARE, set_rates
from hifisyn.training.request import Request, look_up
from tests.training_toys import toy_dataset, toy_plans, toy_store


def test_published_values_replace_those_of_the_plans_and_settings_are_written_out():
    plans = toy_plans(lr=1e-4, weight_decay=1e-4)
    own = adapted(plans, CycleGAN)
    assert own.training.lr == own.training.lr_discriminator == 2e-4
    assert own.training.weight_decay == 0
    assert own.training.batch_size == plans.training.batch_size
    assert own.method == {"blocks": 9, "cycle": 10.0, "identity": 0.5, "pool": 50}
    assert adapted(plans, HiFiSyn) == plans


def test_each_rate_is_scaled_as_the_planner_scaled_that_of_hifisyn():
    plans = toy_plans(lr=2e-3, lr_discriminator=5e-4)
    own = adapted(plans, CycleGAN).training
    assert own.lr == pytest.approx(20 * 2e-4)
    assert own.lr_discriminator == pytest.approx(5 * 2e-4)


def test_adapting_does_not_repeat_itself_where_a_model_folder_is_read_again():
    own = with_settings(adapted(toy_plans(), CycleGAN).override(["method.cycle=3"]), CycleGAN)
    again = type(own).checked(json.loads(json.dumps(own.model_dump(mode="json"))), "plans.json")
    assert CycleGAN(again, ("T1", "T2")).settings.cycle == 3.0
    assert again == own


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"cycel": 3}, "method.cycel: wanted a key of the plans, found an unknown one; did you mean cycle?"),
        ({"cycle": -1}, "method.cycle: Input should be greater than or equal to 0, found -1"),
        ({"pool": "many"}, "method.pool: Input should be a valid integer"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(method, message):
    plans = toy_plans().model_copy(update={"method": method})
    with pytest.raises(UserError) as error:
        adapted(plans, CycleGAN)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def request(roots, method, *assignments):
    return Request("TOY", ("T1", "T2"), 0, method=method, assignments=assignments, roots=roots)


def test_changed_settings_stand_in_the_name_of_the_model_folder_and_published_ones_do_not(tmp_path):
    roots = toy_dataset(tmp_path)
    assert look_up(request(roots, "CycleGAN"))[0].folder.parent.name == "CycleGAN__plans__2d"
    job, _ = look_up(request(roots, "CycleGAN", "method.cycle=3"))
    assert job.folder.parent.name == "CycleGAN__plans__2d__cycle=3.0"
    assert job.plans.method["cycle"] == 3.0


@pytest.mark.parametrize(
    ("method", "assignment", "message"),
    [
        ("CycleGAN", "method.cycel=3", "found 'method.cycel'; did you mean cycle"),
        ("HiFiSyn", "method.cycle=3", "wanted a key of the plans, found 'method.cycle'"),
        ("CycleGAN", "cycle=3", "cycle is not unique; write losses.cycle or method.cycle"),
    ],
)
def test_a_setting_that_is_not_there_is_told(tmp_path, method, assignment, message):
    with pytest.raises(UserError, match=message.replace("(", ".")):
        look_up(request(toy_dataset(tmp_path), method, assignment))


def test_where_no_case_has_labels_a_method_says_what_it_loses(tmp_path):
    roots = toy_dataset(tmp_path)
    assert look_up(request(roots, "COSMOS"))[1] == []
    folder = roots.preprocessed / "TOY" / "plans_2d"
    for file in folder.glob("*.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"labelled": False}))
    assert look_up(request(roots, "COSMOS"))[1] == [
        f"no training case has labels: {COSMOS.without_labels(toy_plans())}"
    ]
    assert look_up(request(roots, "MUNIT"))[1] == []
    (told,) = look_up(request(roots, "MUNIT", "method.label_map=true"))[1]
    assert "label_map pushes away pixels of every structure" in told
    assert look_up(request(roots, "CycleGAN"))[1] == []
    assert toy_store(folder).cases()


def test_parameters_may_have_a_share_of_their_groups_rate():
    import torch

    one, other = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    adam = torch.optim.Adam([{"params": [one]}, {"params": [other], RATE_SHARE: 0.01}], lr=1.0)
    set_rates({"generator": adam}, {"generator": 0.5})
    assert [settings["lr"] for settings in adam.param_groups] == [0.5, 0.005]
