"""A cohort in which nobody has both contrasts, from raw scans to the report: every command, and what each says."""

import re

import pytest

from hifisyn.cli import evaluate, plan_and_preprocess, predict, report, train
from hifisyn.dataset import Case, Dataset
from hifisyn.json_files import read_object
from hifisyn.training import checkpoint
from tests.cli.test_plan_and_preprocess import LABELS, SMALL, write_case
from tests.support.logged_lines import logged_lines
from tests.support.report_toys import without_pictures

OF_T1, OF_T2 = "ABCD", "EFGH"


def alone(case, contrast):
    """Return a case that lacks all other contrasts."""
    for other, path in case.images.items():
        if other != contrast:
            path.unlink()
    return Case(case.name, case.subject, {contrast: case.images[contrast]}, case.label)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with a raw data set TOY: four subjects with T1, four with T2, and one held out of each."""
    home = tmp_path_factory.mktemp("unpaired")
    raw = home / "hifisyn_raw" / "TOY"
    cases = {n: alone(write_case(raw, n, seed), "T1" if n in OF_T1 else "T2") for seed, n in enumerate(OF_T1 + OF_T2)}
    test = {n: alone(write_case(raw, n, 20, test=True), contrast) for n, contrast in (("X", "T1"), ("Y", "T2"))}
    Dataset("TOY", ("T1", "T2"), LABELS, cases, test, skull_stripped=True, registered=True, bias_corrected=True).save(
        raw
    )
    return home


@pytest.fixture(scope="module")
def printed(home):
    """Return what every command printed; all end well."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("hifisyn_home", str(home))
        for variable in ("hifisyn_raw", "hifisyn_preprocessed", "hifisyn_results"):
            patch.delenv(variable, raising=False)
        without_pictures(patch)
        raw, synth = home / "hifisyn_raw" / "TOY" / "imagesTs", home / "synth"
        steps = {
            "plan": (plan_and_preprocess, ["-d", "TOY", *SMALL]),
            "train": (train, ["TOY", "T1", "T2", "fold0", "--epochs", "3", "--iterations", "2", "--device", "cpu"]),
            "predict": (predict, ["-i", str(raw), "-o", str(synth), "--device", "cpu"]),
            "report": (report, ["-d", "TOY", "--no-figures"]),
        }
        for name, (command, words) in steps.items():
            with logged_lines() as lines:
                assert command.main(words) == 0, (name, lines)
            found[name] = "\n".join(lines)
    return found


@pytest.fixture(scope="module")
def fold(home, printed):
    (folder,) = home.glob("hifisyn_results/TOY/T1_T2/HiFiSyn*/fold_0")
    return folder


@pytest.mark.slow
def test_the_plan_says_that_no_validation_case_holds_a_pair(printed):
    assert re.search(r"no validation case of fold0.* holds two contrasts: best weights will be chosen", printed["plan"])


@pytest.mark.slow
def test_training_says_what_chooses_and_writes_it(printed, fold):
    assert "the best weights are chosen without pairs" in printed["train"]
    assert re.search(r"best weights \(epoch \d, chosen by the unpaired score\)", printed["train"])
    assert read_object(fold / "config.json")["best_chosen_by"] == "unpaired score"
    summary = read_object(fold / "validation" / "summary.json")
    assert summary["chosen_by"] == "unpaired score"
    parts = {name.partition("/")[2] for name in summary["mean"]}
    assert {"unpaired_score", "tissue_statistics", "cycle", "base_agreement", "segmentation"} <= parts
    assert not {"ssim_brain", "psnr_brain"} & parts
    assert checkpoint.load(fold / checkpoint.BEST)["progress"]["epoch"] == summary["epoch"]


@pytest.mark.slow
def test_both_held_out_subjects_are_completed(home, printed):
    volumes = {path.name for path in (home / "synth").glob("*.nii.gz")}
    assert {"X_T2.nii.gz", "Y_T1.nii.gz"} <= volumes
    assert (home / "synth" / "X_T2.json").is_file()


@pytest.mark.slow
def test_the_report_says_how_the_weights_were_chosen(home, printed):
    page = (home / "hifisyn_results" / "TOY" / "report" / "report.html").read_text()
    assert "chosen on the validation subjects without pairs" in page
    assert "T1 to T2: unpaired score" in page


@pytest.mark.slow
def test_evaluation_names_what_is_missing(home, printed, monkeypatch, capsys):
    monkeypatch.setenv("hifisyn_home", str(home))
    assert evaluate.main(["--device", "cpu"]) == 2
    assert "both" in capsys.readouterr().err
