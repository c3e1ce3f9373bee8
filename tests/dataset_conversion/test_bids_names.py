"""BIDS names, the rule where several scans fit, look-up tables, and .bidsignore against git itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hifisyn.dataset_conversion.bids_ignore import Ignore
from hifisyn.dataset_conversion.bids_names import mask_name, parse, synthetic_name
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.dataset_conversion.bids_tables import look_up
from tests.support import bids_tree


@pytest.mark.parametrize(
    "word", ["T1w.nii.gz", "sub-01_T1w_label-lesion_roi.nii.gz", "sub-01_acq_T1w.nii.gz", "sub-.nii"]
)
def test_names_that_are_not_of_bids(word):
    assert parse(word) is None


def test_names_are_put_together_in_the_order_of_the_specification():
    name = parse("sub-01_desc-x_space-orig_run-1_ses-02_acq-a_T1w.nii.gz")
    assert name is not None
    assert str(name) == "sub-01_ses-02_acq-a_run-1_space-orig_desc-x_T1w.nii.gz"
    assert str(synthetic_name(name, "T1ce")) == (
        "sub-01_ses-02_acq-a_ce-gadolinium_run-1_space-orig_desc-synth_T1w.nii.gz"
    )
    assert str(mask_name(name)) == "sub-01_ses-02_acq-a_run-1_space-orig_desc-brain_mask.nii.gz"


def test_bidsignore_is_understood_as_git_understands_it(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git, the judge of this test, is not installed")
    patterns = [
        "# note",
        "*_scout*",
        "extra/",
        "/derivatives",
        "**/figures",
        "sub-01/**/x.txt",
        "a?c",
        "[bd]og",
        "!dog",
    ]
    patterns += ["sub-*/anat/*.log", "tail ", "\\#odd", "deep/**", "!deep/keep"]
    paths = [
        "sub-01_scout.nii",
        "sub-01/anat/a_scout_T1w.nii",
        "extra/x",
        "sub-01/extra/y/z",
        "extra",
        "derivatives/a/b",
    ]
    paths += ["sub-01/derivatives", "sub-02/figures/a.png", "figures", "sub-01/x.txt", "sub-01/a/b/x.txt", "x.txt"]
    paths += ["abc", "abbc", "q/a-c", "bog", "dog", "fog", "sub-9/anat/1.log", "sub-9/ses-1/anat/1.log", "tail", "#odd"]
    paths += ["deep/x/y", "sub-01/anat/sub-01_T1w.nii.gz", "note"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(patterns) + "\n")
    done = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", "--no-index", *paths], capture_output=True, text=True, check=False
    )
    ignore = Ignore(patterns)
    assert {path for path in paths if ignore(path)} == {line.strip('"') for line in done.stdout.splitlines()}


def test_a_data_set_without_bidsignore_ignores_nothing(tmp_path):
    assert not Ignore.read(tmp_path)(Path("a/b").as_posix())


@pytest.mark.parametrize(
    ("names", "modality", "chosen"),
    [
        (["run-2_T1w", "run-10_T1w"], "T1", "run-2_T1w"),
        (["run-02_T1w", "run-1_T1w"], "T1", "run-1_T1w"),
        (["acq-a_run-1_T1w", "run-2_T1w"], "T1", "run-2_T1w"),
        (["rec-norm_T1w", "T1w"], "T1", "T1w"),
        (["rec-norm_T1w"], "T1", "rec-norm_T1w"),
        (["acq-b_T1w", "acq-a_rec-norm_T1w"], "T1", "acq-b_T1w"),
        (["echo-1_T2w", "T2w"], "T2", "T2w"),
        (["part-phase_T1w", "part-mag_T1w"], "T1", "part-mag_T1w"),
        (["part-phase_T1w"], "T1", None),
        (["ce-gd_run-1_T1w", "ce-gd_run-2_T1w"], "T1", None),
        (["ce-gd_T1w", "T1w"], "T1ce", "ce-gd_T1w"),
        (["ce-gd_FLAIR", "FLAIR"], "FLAIR", "FLAIR"),
        (["ce-gd_FLAIR"], "FLAIR", "ce-gd_FLAIR"),
        (["desc-preproc_T1w"], "T1", None),
        (["space-MNI152NLin6Asym_T1w"], "T1", None),
        (["inv-1_MP2RAGE", "UNIT1", "T1map"], "T1", None),
    ],
)
def test_the_rule_where_there_are_several(names, modality, chosen):
    parsed = [parse(f"sub-01_{name}.nii.gz") for name in names]
    got = Selection().choose([name for name in parsed if name]).get(modality)
    assert str(got) == (f"sub-01_{chosen}.nii.gz" if chosen else "None")


def test_the_nearest_table_that_says_nothing_else_is_read(tmp_path):
    file = tmp_path / "sub-01/anat/sub-01_desc-aseg_dseg.nii.gz"
    bids_tree.write_table(tmp_path / "dseg.tsv", [{"index": "1", "name": "general"}])
    bids_tree.write_table(tmp_path / "desc-aparc_dseg.tsv", [{"index": "1", "name": "other"}])
    assert look_up(file, tmp_path) == {1: "general"}
    bids_tree.write_table(tmp_path / "desc-aseg_dseg.tsv", [{"index": "1", "name": "special"}])
    assert look_up(file, tmp_path) == {1: "special"}
