"""A model that does not beat what is simple says so in the sidecar and in the last lines, and only then."""

import json

import pytest

from hifisyn.baselines import HISTOGRAM, SOURCE
from hifisyn.cli.predict import main
from hifisyn.files import write_json
from tests.inference.test_predict import make_model, save_scan

WARNING = "does not beat the"


@pytest.fixture
def predicted(tmp_path, capsys):
    """Return a run with a verdict in its model folder: exit code, sidecar and what was printed."""
    folder = make_model(tmp_path / "results", "T1", "T2")
    scan = save_scan(tmp_path / "raw" / "a_T1.nii.gz")

    def run(verdict):
        if verdict is not None:
            write_json(folder / "fold_0" / "validation" / "summary.json", {"mean": {}, "verdict": verdict})
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
        return json.loads((out / "a_T2.json").read_text())["Beats"], printed

    return run


def test_what_is_not_beaten_is_told(predicted):
    beats, printed = predicted({"T1_to_T2": {SOURCE: True, HISTOGRAM: False}})
    assert beats == {SOURCE: True, HISTOGRAM: False}
    assert f"T1 to T2 by HiFiSyn: on its own validation cases this model {WARNING} {HISTOGRAM}" in printed


@pytest.mark.parametrize(
    "verdict", [None, {}, [], {"T1_to_T2": 3}, {"T2_to_T1": {SOURCE: False}}, {"T1_to_T2": {SOURCE: True}}]
)
def test_nothing_is_told_where_all_is_beaten_or_nothing_known(predicted, verdict):
    beats, printed = predicted(verdict)
    assert WARNING not in printed
    assert beats == ({SOURCE: True} if verdict == {"T1_to_T2": {SOURCE: True}} else beats)
    assert isinstance(beats, (dict, str))
