"""Which method is trained, and what is refused of plans that were edited."""

# mypy: no-check-untyped-defs
import json

import pytest

from hifisyn.cli.train import main
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.plans import Plans
from hifisyn.slices import EXTRACTED_BY
from hifisyn.training.request import Request, look_up
from tests.support.training_toys import Toy, toy_dataset, toy_plans

TOY = "tests.support.training_toys:Toy"


@pytest.fixture
def roots(tmp_path):
    return toy_dataset(tmp_path, Toy)


def plans_file(roots):
    return roots.preprocessed / "TOY" / "plans.json"


def edit(roots, **changes):
    write_json(plans_file(roots), read_json(plans_file(roots)) | changes)


def request(roots, method=None, *assignments):
    return Request("TOY", ("T1", "T2"), 0, method, assignments=assignments, roots=roots)


def refused(roots, *words):
    with pytest.raises(UserError) as error:
        look_up(request(roots, *words))
    assert "\n" not in str(error.value)
    return error.value


def remember_plans(roots):
    """Let the slices say that they were extracted by the plans as they are."""
    plans = Plans.load(plans_file(roots)).model_dump(mode="json", include={"slices", "preprocessing"})
    for record in (roots.preprocessed / "TOY" / "plans_2d").glob("*.json"):
        write_json(record, read_json(record) | {EXTRACTED_BY: plans})


def test_without_a_method_that_of_the_plans_is_trained(roots):
    job, _ = look_up(request(roots))
    assert (job.trainer, job.plans.method) == (Toy, TOY)
    assert job.folder.parent.name == "Toy__plans__2d"


@pytest.mark.parametrize("way", ["base", "base first", "train"])
def test_whatever_way_is_recommended_hifisyn_is_trained(tmp_path, way):
    roots = toy_dataset(tmp_path)
    edit(roots, way=way)
    job, _ = look_up(request(roots))
    assert job.trainer.TITLE == job.plans.method == "HiFiSyn"
    assert job.folder.parent.name == "HiFiSyn__plans__2d"


@pytest.mark.parametrize("words", [(None, "method=CycleGAN"), (None, " method = 'CycleGAN'"), ("CycleGAN",)])
def test_a_method_that_is_set_is_the_method_that_is_trained(roots, words):
    job, _ = look_up(request(roots, *words))
    assert job.trainer.TITLE == job.plans.method == "CycleGAN"
    assert job.folder.parent.name == "CycleGAN__plans__2d"
    assert "cycle" in job.plans.settings


def test_the_settings_of_a_method_that_is_set_can_be_set_beside_it(roots):
    job, _ = look_up(request(roots, None, "method=CycleGAN", "settings.cycle=3"))
    assert job.plans.settings["cycle"] == 3.0
    assert job.folder.parent.name == "CycleGAN__plans__2d__cycle=3.0"


def test_two_methods_at_once_are_refused(roots):
    error = refused(roots, "MUNIT", "method=CycleGAN")
    assert (error.what, error.got) == ("--set method must be that of -tr, MUNIT", "CycleGAN")
    assert look_up(request(roots, "MUNIT", "method=MUNIT"))[0].plans.method == "MUNIT"


def test_the_command_trains_the_method_of_the_plans(roots, capsys, no_pictures):
    flags = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    words = ["TOY", "T1", "T2", "fold0", "--epochs", "1", "--iterations", "1", "--device", "cpu", *map(str, flags)]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("model folder ")
    folder = roots.results / "TOY" / "T1_T2" / "Toy__plans__2d__iterations=1"
    assert json.loads((folder / "config.json").read_text())["method"] == TOY


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("slices", "pixel_mm", 2.0),
        ("slices", "per_case", 7),
        ("preprocessing", "upper_percentile", 98.0),
        ("preprocessing", "bias", "always"),
    ],
)
def test_plans_that_were_edited_after_the_slices_were_extracted_are_refused(roots, part, key, value):
    remember_plans(roots)
    look_up(request(roots))
    before = read_json(plans_file(roots))[part]
    edit(roots, **{part: before | {key: value}})
    error = refused(roots)
    assert error.what == f"{part}.{key} must be {before[key]}, by which the slices of c0 were extracted"
    assert error.got == str(value)
    assert error.hint.endswith("extract the slices again with hifisyn_plan_and_preprocess -d TOY")
    remember_plans(roots)
    look_up(request(roots))


def test_the_crop_may_be_edited_at_any_time(roots):
    remember_plans(roots)
    edit(roots, slices=read_json(plans_file(roots))["slices"] | {"crop": 24})
    assert look_up(request(roots))[0].plans.slices.crop == 24


@pytest.mark.parametrize(
    ("changes", "what", "got"),
    [
        ({"dataset": "IXI"}, "dataset must be TOY, as in dataset.json", "IXI"),
        (
            {"labels": {"background": 0}},
            "labels must be background 0, CSF 1, GM 2, WM 3, as in dataset.json",
            "background 0",
        ),
        ({"intensity_scale": {"T1": -1.0}}, "intensity_scale.T1 must be greater than 0", "-1.0"),
        ({"settings": {"cycel": 3}}, "settings.cycel is no key of the plans", ""),
    ],
)
def test_plans_that_do_not_fit_name_the_file(roots, changes, what, got):
    edit(roots, **changes)
    error = refused(roots)
    assert (error.what, error.got) == (f"{plans_file(roots)}: {what}", got)


def test_a_setting_of_another_type_names_the_flag_that_set_it(roots):
    error = refused(roots, None, "content_discriminator.steps=0")
    assert error.what == "--set: settings.content_discriminator.steps must be greater than or equal to 1"


def test_a_foreign_file_to_start_from_says_what_it_must_be(roots, tmp_path):
    (tmp_path / "model.pt").write_text("no weights")
    with pytest.raises(UserError) as error:
        look_up(Request("TOY", ("T1", "T2"), 0, roots=roots, pretrained=tmp_path / "model.pt"))
    assert error.value.what == f"--pretrained: {tmp_path / 'model.pt'} must be a checkpoint of hifisyn_train"
    assert error.value.got == "a broken file or one of another program"


def test_the_planner_refuses_another_method_in_set(tmp_path):
    from hifisyn.planning.planner import plan
    from tests.planning.test_planner import DEMO, fingerprint

    with pytest.raises(UserError, match=r"--set method must be Toy.*plan with -tr CycleGAN"):
        plan(fingerprint(), DEMO, Toy, method_name="Toy", assignments=["method=CycleGAN"])
    assert toy_plans(Toy).method == TOY
