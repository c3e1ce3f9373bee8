"""hifisyn_predict and skulls: what the user names, and that a model's own command is never run."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from hifisyn.cli import plan_and_preprocess
from hifisyn.cli import predict as cli
from hifisyn.inference import write as writing
from hifisyn.inference.predictor import Predictor
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing import brain_networks
from hifisyn.volume import Volume
from tests.inference.test_predict import brain_scan, make_model, predict, save_scan

STRIP = """
import nibabel, numpy, pathlib, sys
pathlib.Path(__file__).with_suffix(".ran").touch()
image = nibabel.load(sys.argv[1])
mask = (numpy.asarray(image.dataobj) > 100).astype("uint8")
nibabel.save(nibabel.Nifti1Image(mask, image.affine), sys.argv[2])
"""


class Program:
    """A program that strips by a threshold and tells whether it ran."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / f"{name}.py"
        self.file.write_text(STRIP)
        self.command = f"{sys.executable} {self.file} {{input}} {{mask}}"

    @property
    def ran(self) -> bool:
        return self.file.with_suffix(".ran").exists()


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch) -> None:
    monkeypatch.setattr(writing, "sheet", lambda path, *_, **__: path.write_bytes(b"a picture"))


@pytest.fixture
def theirs(tmp_path) -> Program:
    return Program(tmp_path, "theirs")


@pytest.fixture
def foreign(tmp_path, theirs) -> Path:
    """A model from elsewhere whose plans name a program."""
    plan = PreprocessingPlan(skull_strip="command", strip_command=theirs.command)
    return make_model(tmp_path / "results", "T1", "T2", preprocessing=plan)


@pytest.fixture
def model(tmp_path) -> Path:
    return make_model(tmp_path / "results", "T1", "T2", dataset="own")


@pytest.fixture
def raw(tmp_path) -> Path:
    return save_scan(tmp_path / "raw" / "a_T1.nii.gz").parent


def stripper(output: Path) -> str:
    return json.loads((output / "a_T2.json").read_text())["Steps"]["skull_strip"]


@pytest.mark.parametrize("more", [[], ["--with-skull"]])
def test_a_command_of_a_model_is_shown_and_never_run(foreign, theirs, raw, tmp_path, capsys, more):
    assert predict(raw, tmp_path / "out", foreign, *more) == 2
    shown = capsys.readouterr().err
    assert f"pass --strip-command '{theirs.command}', else --skull-strip auto" in shown
    assert not theirs.ran
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("more", [["--stripped"], ["--skull-strip", "auto"], ["--masks"]])
def test_other_ways_run_no_command_of_a_model(foreign, theirs, raw, tmp_path, more):
    if more == ["--masks"]:
        more = ["--masks", str(tmp_path / "masks")]
        (tmp_path / "masks").mkdir()
        scan = Volume.load(raw / "a_T1.nii.gz")
        scan.with_data((scan.data > 0).astype(np.uint8)).save(tmp_path / "masks" / "a_brain.nii.gz")
    assert predict(raw, tmp_path / "out", foreign, *more) == 0
    assert not theirs.ran


def test_a_case_without_its_mask_runs_no_command_of_a_model(foreign, theirs, raw, tmp_path, capsys):
    (tmp_path / "masks").mkdir()
    assert predict(raw, tmp_path / "out", foreign, "--masks", str(tmp_path / "masks")) == 2
    assert "never run unasked" in capsys.readouterr().out
    assert not theirs.ran


def test_python_runs_no_command_of_a_model_either(foreign, theirs):
    with pytest.raises(Exception, match="never run unasked"):
        Predictor.from_folder(foreign, device="cpu").predict(brain_scan(), "T1", "T2")
    assert not theirs.ran


def test_the_command_that_is_typed_is_run(foreign, theirs, raw, tmp_path):
    mine = Program(tmp_path, "mine")
    assert predict(raw, tmp_path / "out", foreign, "--strip-command", mine.command) == 0
    assert mine.ran
    assert not theirs.ran
    assert stripper(tmp_path / "out") == f"own command, {mine.command}"
    found, scan = Volume.load(tmp_path / "out" / "a_T2_brain.nii.gz"), Volume.load(raw / "a_T1.nii.gz")
    np.testing.assert_array_equal(found.data > 0, scan.data > 100)


def test_a_tool_that_is_named_is_used_in_place_of_the_planned_one(model, raw, tmp_path, monkeypatch):
    monkeypatch.setattr(brain_networks, "find_brain", lambda tool, volume, device: volume.data > 100)
    assert predict(raw, tmp_path / "out", model, "--skull-strip", "deepbet") == 0
    assert stripper(tmp_path / "out").startswith("deepbet ")


@pytest.mark.slow
def test_what_is_stripped_already_is_said(model, raw, tmp_path, capsys):
    assert predict(raw, tmp_path / "out", model) == 0
    assert "a: T1 to T2 done, stripped already as the scan shows" in capsys.readouterr().out
    assert stripper(tmp_path / "out") == "none: done before, as the scan shows"
    assert predict(raw, tmp_path / "again", model, "--stripped") == 0
    assert "as the scan shows" not in capsys.readouterr().out


def test_masks_of_the_user_are_used_as_they_are(model, raw, tmp_path):
    scan = Volume.load(raw / "a_T1.nii.gz")
    mask = (scan.data > 300).astype(np.uint8)
    (tmp_path / "masks").mkdir()
    scan.with_data(mask).save(tmp_path / "masks" / "a.nii.gz")
    assert predict(raw, tmp_path / "out", model, "--masks", str(tmp_path / "masks")) == 0
    assert stripper(tmp_path / "out") == "as given"
    np.testing.assert_array_equal(Volume.load(tmp_path / "out" / "a_T2_brain.nii.gz").data, mask)


def test_a_mask_on_another_grid_or_none_fails_its_case_alone(model, raw, tmp_path, capsys):
    save_scan(raw / "b_T1.nii.gz")
    save_scan(raw / "c_T1.nii.gz")
    scan = Volume.load(raw / "a_T1.nii.gz")
    (tmp_path / "masks").mkdir()
    scan.with_data((scan.data > 0).astype(np.uint8)).save(tmp_path / "masks" / "a.nii.gz")
    Volume(np.ones((9, 9, 9), np.uint8), np.eye(4)).save(tmp_path / "masks" / "b.nii.gz")
    assert predict(raw, tmp_path / "out", model, "--masks", str(tmp_path / "masks"), "--skull-strip", "mask") == 1
    shown = capsys.readouterr().out
    assert "1 volume written, 2 failed" in shown
    assert "the brain mask must be on the grid of T1" in shown
    assert "put it into the folder of --masks" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strip-command", "ben {input}"], r"strip_command must be a program followed by"),
        (["--skull-strip", "command"], r"strip_command must be a program followed by"),
        (
            ["--skull-strip", "bet", "--strip-command", "ben {input} {mask}"],
            "--strip-command must come with --skull-strip command (got bet)",
        ),
        (
            ["--stripped", "--strip-command", "ben {input} {mask}"],
            "--strip-command must come with scans that have skulls (got --stripped)",
        ),
        (["--masks", "nowhere"], "--masks: the folder nowhere does not exist"),
        (["--skull-strip", "mask"], "--skull-strip mask needs a folder of brain masks; add --masks FOLDER"),
    ],
)
def test_what_does_not_go_together_is_refused_at_once(model, raw, tmp_path, capsys, words, message):
    assert predict(raw, tmp_path / "out", model, *words) == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_both_commands_offer_the_tools_that_plans_know():
    known = set(PreprocessingPlan.model_fields["skull_strip"].annotation.__args__)  # type: ignore[union-attr]
    assert choices(plan_and_preprocess) == known
    assert choices(cli) == known - {"none"}


def choices(module) -> set[str]:
    [action] = [action for action in module.parser()._actions if "--skull-strip" in action.option_strings]
    return set(action.choices)
