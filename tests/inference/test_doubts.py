"""A model that does not beat what is simple says so in the sidecar and in the last lines, and only then."""

import json

import pytest

from hifisyn.baselines import HISTOGRAM, SOURCE
from hifisyn.cli.predict import main
from hifisyn.files import write_json
from hifisyn.inference.doubts import doubts
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.translations import Translation
from tests.inference.test_predict import make_model, save_scan

WARNING = "does not beat the"
LAST = "verdict: T1 to T2 by HiFiSyn: "
PARTS = {"T1_to_T2/tissue_statistics": 0.934, "T1_to_T2/cycle": 0.5}


@pytest.fixture
def predicted(tmp_path, capsys):
    """Return a run with a verdict in its model folder: exit code, sidecar and what was printed."""
    folder = make_model(tmp_path / "results", "T1", "T2")
    scan = save_scan(tmp_path / "raw" / "a_T1.nii.gz")

    def run(verdict, mean=()):
        if verdict is not None:
            write_json(folder / "fold_0" / "validation" / "summary.json", {"mean": dict(mean), "verdict": verdict})
        out = tmp_path / "synth"
        words = [
            "-i",
            str(scan),
            "-o",
            str(out),
            "--model",
            str(folder),
            "--device",
            "cpu",
            "--overwrite",
            "--stripped",
        ]
        capsys.readouterr()
        assert main(words) == 0
        printed = "".join(capsys.readouterr())
        return json.loads((out / "a_T2.json").read_text()), printed

    return run


def test_what_is_not_beaten_is_told(predicted):
    sidecar, printed = predicted({"T1_to_T2": {SOURCE: True, HISTOGRAM: False}})
    assert sidecar["Beats"] == {SOURCE: True, HISTOGRAM: False}
    assert f"{LAST}beats the source itself; does not beat its histogram match\n" in printed
    assert "use --model base --target T2" in printed
    assert f"T1 to T2 by HiFiSyn: on its own validation cases this model {WARNING} {HISTOGRAM}" in printed


@pytest.mark.parametrize(
    "verdict", [None, {}, [], {"T1_to_T2": 3}, {"T2_to_T1": {SOURCE: False}}, {"T1_to_T2": {SOURCE: True}}]
)
def test_nothing_is_told_where_all_is_beaten_or_nothing_known(predicted, verdict):
    sidecar, printed = predicted(verdict)
    assert WARNING not in printed
    known = verdict == {"T1_to_T2": {SOURCE: True}}
    assert sidecar["Beats"] == ({SOURCE: True} if known else "not measurable without pairs")


def test_without_pairs_the_stand_ins_that_chose_are_named(predicted):
    sidecar, printed = predicted({}, PARTS)
    assert f"{LAST}not measurable without pairs; chosen by tissue statistics 0.93, cycle 0.50" in printed
    assert sidecar["ChosenWithoutPairs"] == {"tissue_statistics": 0.934, "cycle": 0.5}


@pytest.mark.parametrize(("target", "offered"), [("T2", True), ("T1ce", False)])
def test_the_base_model_is_offered_only_for_what_it_makes(tmp_path, target, offered):
    folder = make_model(tmp_path, "T1", target)
    key = f"T1_to_{target}"
    write_json(folder / "fold_0" / "validation" / "summary.json", {"mean": {}, "verdict": {key: {SOURCE: False}}})
    predictor = Predictor.from_folder(folder, device="cpu")
    translation = Translation("a", "T1", target, tmp_path / "a_T1.nii.gz", predictor.model)
    (line,) = doubts([translation], {predictor.model.folder: predictor})
    assert ("--model base" in line) is offered
