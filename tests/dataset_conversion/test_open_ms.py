"""Folders of patients as the source ships them: named, copied, and reported where they are broken."""

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hifisyn.dataset import STEPS, Dataset
from hifisyn.dataset_conversion import open_ms
from hifisyn.dataset_conversion.raw_folder import write
from hifisyn.dataset_conversion.subjects import choose_subjects, read_ids
from hifisyn.errors import UserError
from hifisyn.volume import Volume
from tests.support.small_scans import write_label as write_values


def write_scan(path, shape=(6, 7, 4), spacing=(0.9, 0.9, 3.0), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(seed).integers(0, 900, shape).astype(np.int16)
    nib.save(nib.Nifti1Image(data, np.diag([*spacing, 1.0])), path)


def write_label(path, values, *, shape):
    write_values(path, values, shape=shape, affine=np.diag([0.9, 0.9, 3.0, 1.0]))


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for patient, studies in (("patient01", 2), ("patient04", 1), ("patient12", 1)):
        for study in range(1, studies + 1):
            for seed, contrast in enumerate(("T1W", "T2W", "FLAIR")):
                write_scan(root / patient / f"study{study}_{contrast}.nii.gz", (6, 7, 4 + seed), seed=seed)
            (root / patient / f"study{study}_T1W_intrastudy_to_FLAIR.txt").write_text("affine")
    return root


def convert(source, folder, **options):
    return write(open_ms.find([source]), folder, name="MS", **options)


def test_patients_are_subjects_and_studies_are_cases(source, tmp_path):
    conversion = convert(source, tmp_path / "MS")
    dataset = Dataset.load(tmp_path / "MS")
    assert list(dataset.cases) == ["patient01study1", "patient01study2", "patient04study1", "patient12study1"]
    assert dataset.cases["patient01study2"].subject == "patient01"
    assert dataset.modalities == ("T1", "T2", "FLAIR")
    assert (dataset.reference, dataset.skull_stripped, dataset.registered) == ("T1", False, False)
    assert dataset.test == {}
    assert dataset == conversion.dataset
    assert conversion.left_out == ()


def test_files_are_exact_copies_and_not_links(source, tmp_path):
    convert(source, tmp_path / "MS")
    original = source / "patient04" / "study1_T2W.nii.gz"
    copy = tmp_path / "MS" / "imagesTr" / "patient04study1_T2.nii.gz"
    assert copy.read_bytes() == original.read_bytes()
    assert not os.path.samefile(copy, original)
    assert os.stat(original).st_nlink == 1


def test_held_out_patients_go_to_the_test_images(source, tmp_path):
    convert(source, tmp_path / "MS", test=["patient04", "patient01"])
    dataset = Dataset.load(tmp_path / "MS")
    assert list(dataset.cases) == ["patient12study1"]
    assert {c.subject for c in dataset.test.values()} == {"patient01", "patient04"}
    assert (tmp_path / "MS" / "imagesTs" / "patient01study2_FLAIR.nii.gz").is_file()
    assert not list((tmp_path / "MS" / "imagesTr").glob("patient0*"))


def test_the_cross_sectional_names_and_plain_nifti_are_read_too(tmp_path):
    for contrast in ("T1W", "T1WKS", "T2W"):
        write_scan(tmp_path / "source" / "patient07" / f"{contrast}.nii.gz")
    write_scan(tmp_path / "source" / "patient07" / "flair.nii")
    write_scan(tmp_path / "source" / "patient07" / "brainmask.nii.gz")
    convert(tmp_path / "source", tmp_path / "MS")
    dataset = Dataset.load(tmp_path / "MS")
    assert set(dataset.cases["patient07"].images) == {"T1", "T2", "FLAIR", "T1ce"}
    packed = tmp_path / "MS" / "imagesTr" / "patient07_FLAIR.nii.gz"
    assert gzip.decompress(packed.read_bytes()) == (tmp_path / "source" / "patient07" / "flair.nii").read_bytes()
    assert Volume.load(packed).shape == (6, 7, 4)


def test_a_broken_file_costs_that_image_alone(source, tmp_path):
    broken = source / "patient01" / "study1_T2W.nii.gz"
    broken.write_bytes(broken.read_bytes()[:20])
    (source / "patient04" / "study1_FLAIR.nii.gz").write_text("no image")
    write_scan(source / "patient12" / "study1_T1W.nii.gz", (5, 5, 5, 3))
    nib.save(nib.Nifti1Image(np.ones((4, 4), np.int16), np.eye(4)), source / "patient12" / "study1_T2W.nii.gz")
    (source / "patient01" / "study2_FLAIR.nii.gz").write_bytes(b"")
    conversion = convert(source, tmp_path / "MS")
    assert sorted((item.case, item.file.name) for item in conversion.left_out) == [
        ("patient01study1", "study1_T2W.nii.gz"),
        ("patient01study2", "study2_FLAIR.nii.gz"),
        ("patient04study1", "study1_FLAIR.nii.gz"),
        ("patient12study1", "study1_T1W.nii.gz"),
        ("patient12study1", "study1_T2W.nii.gz"),
    ]
    assert all("must" in item.reason and "\n" not in item.reason for item in conversion.left_out)
    cases = Dataset.load(tmp_path / "MS").cases
    assert set(cases["patient01study1"].images) == {"T1", "FLAIR"}
    assert set(cases["patient12study1"].images) == {"FLAIR"}


def test_a_case_without_any_readable_scan_is_no_case(source, tmp_path):
    for file in (source / "patient04").glob("*.nii.gz"):
        file.write_bytes(b"junk")
    assert len(convert(source, tmp_path / "MS").left_out) == 3
    assert "patient04study1" not in Dataset.load(tmp_path / "MS").all_cases


def test_two_files_for_one_contrast_are_reported(source, tmp_path):
    write_scan(source / "patient04" / "study1_T1.nii.gz")
    (item,) = convert(source, tmp_path / "MS").left_out
    assert item.case == "patient04study1"
    assert "study1_T1.nii.gz" in item.reason or item.file.name == "study1_T1.nii.gz"


def test_nothing_is_overwritten_silently(source, tmp_path):
    folder = tmp_path / "MS"
    convert(source, folder)
    with pytest.raises(UserError, match="--overwrite"):
        convert(source, folder)
    (folder / "notes.txt").write_text("mine")
    convert(source, folder, subjects=["patient12"], overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"
    assert list(Dataset.load(folder).cases) == ["patient12study1"]
    assert not list(folder.glob("imagesTr/patient0*"))


def test_a_failing_conversion_leaves_the_earlier_one(source, tmp_path):
    convert(source, tmp_path / "MS")
    with pytest.raises(UserError):
        convert(source, tmp_path / "MS", subjects=["patient99"], overwrite=True)
    assert len(Dataset.load(tmp_path / "MS").cases) == 4


def test_users_mistakes_are_named(source, tmp_path):
    with pytest.raises(UserError, match=r"patient99.*patient01"):
        convert(source, tmp_path / "MS", subjects=["patient99"])
    with pytest.raises(UserError, match=r"patient12 are not in the source \(got patient01\)"):
        convert(source, tmp_path / "MS", limit=1, test=["patient12"])
    with pytest.raises(UserError, match="to train on"):
        convert(source, tmp_path / "MS", test=["patient01", "patient04", "patient12"])
    with pytest.raises(UserError, match="must be the folder of the patients"):
        convert(tmp_path / "missing", tmp_path / "MS")
    with pytest.raises(UserError, match="study1_T1W"):
        convert(source / "patient01", tmp_path / "MS")
    assert not (tmp_path / "MS").exists()


def test_lists_and_limits_choose_subjects(tmp_path):
    listed = tmp_path / "ids.txt"
    listed.write_text("# healthy\npatient12\n\n patient04 \n")
    assert read_ids(listed) == ["patient12", "patient04"]
    assert choose_subjects(["c", "a", "b", "a"], None, 2) == {"a", "b"}
    assert choose_subjects(["c", "a", "b"], ["c", "b"], 1) == {"b"}
    with pytest.raises(UserError, match="limit"):
        choose_subjects(["a"], None, 0)
    listed.write_text("# nobody\n")
    with pytest.raises(UserError, match="empty"):
        read_ids(listed)
    with pytest.raises(UserError, match="must be a text file with one subject per line"):
        read_ids(tmp_path / "missing.txt")


FORMS = {
    "raw": ("T1W T1WKS T2W FLAIR consensus_gt", "", (), "FLAIR"),
    "coregistered": ("T1W T1WKS T2W FLAIR consensus_gt brainmask", "", ("registered", "bias_corrected"), "T1"),
    "MNI": ("T1 T1POST T2 FLAIR GOLD_STANDARD", "_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI", STEPS, "T1"),
    "short": ("T1 T1POST T2 FLAIR GOLD_STANDARD", "", STEPS, "T1"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", ["", "patient07_"])
def test_every_published_form_of_the_cross_sectional_scans(tmp_path, form, prefix):
    words, suffix, done, reference = FORMS[form]
    for number, word in enumerate(words.split()):
        path = tmp_path / "source" / "patient07" / f"{prefix}{word}{suffix}.nii.gz"
        own_grid = form == "raw" and word not in ("FLAIR", "consensus_gt")
        shape = (6, 7, 4 + number) if own_grid else (6, 7, 9)
        if word in ("consensus_gt", "GOLD_STANDARD"):
            write_label(path, [0, 0, 1], shape=shape)
        else:
            write_scan(path, shape, seed=number)
    (tmp_path / "source" / "patient07" / "T1W_to_FLAIR.txt").write_text("affine")
    convert(tmp_path / "source", tmp_path / "MS")
    dataset = Dataset.load(tmp_path / "MS")
    (case,) = dataset.cases.values()
    assert (case.name, case.subject, set(case.images)) == ("patient07", "patient07", {"T1", "T2", "FLAIR", "T1ce"})
    assert (case.done, dataset.reference) == (tuple(done), reference)
    assert dataset.labels["lesion"] == 4
    assert case.label is not None
    assert set(np.unique(Volume.load(case.label).data)) == {0, 4}
    assert (case.brain is not None) == (form == "coregistered")


def test_scans_that_share_no_grid_are_not_registered_whatever_lies_beside_them(tmp_path):
    for seed, name in enumerate(("T1", "FLAIR")):
        write_scan(tmp_path / "source" / "patient07" / f"{name}.nii.gz", (6, 7, 4 + seed))
    write_label(tmp_path / "source" / "patient07" / "GOLD_STANDARD.nii.gz", [0, 1], shape=(6, 7, 4))
    (case,) = open_ms.find([tmp_path / "source"]).cases
    assert case.done == ()


def test_the_mask_of_the_longitudinal_scans_is_that_of_both_studies_and_change_is_no_lesion(source, tmp_path):
    for study in ("study1", "study2"):
        for contrast in ("T1W", "T2W", "FLAIR"):
            write_scan(source / "patient01" / f"{study}_{contrast}.nii.gz")
    for name in ("brainmask", "gt"):
        write_label(source / "patient01" / f"{name}.nii.gz", [0, 1], shape=(6, 7, 4))
    cases = {case.name: case for case in open_ms.find([source]).cases}
    assert set(cases) == {"patient01study1", "patient01study2", "patient04study1", "patient12study1"}
    for study in ("study1", "study2"):
        case = cases[f"patient01{study}"]
        assert (case.brain, case.label) == (source / "patient01" / "brainmask.nii.gz", None)
        assert case.done == ("registered", "bias_corrected")


@pytest.mark.real_data
def test_the_real_scans_convert(tmp_path):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    conversion = convert(Path(root) / "ms_raw", tmp_path / "MS", test=["patient04"])
    assert conversion.left_out == ()
    dataset = Dataset.load(tmp_path / "MS")
    assert len(dataset.cases) == 4
    assert list(dataset.test) == ["patient04study1"]
    for case in dataset.all_cases.values():
        assert set(case.images) == {"T1", "T2", "FLAIR"}
    assert Volume.load(dataset.test["patient04study1"].images["T2"]).shape == (348, 384, 44)


@pytest.mark.real_data
def test_the_real_scans_in_mni_space_convert(tmp_path):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    sources = [Path(root) / "ms_raw", Path(root) / "ms_mni"]
    conversion = write(open_ms.find(sources), tmp_path / "MS", name="MS", place="refer")
    assert conversion.left_out == ()
    dataset = Dataset.load(tmp_path / "MS")
    assert {case.name: case.done for case in dataset.cases.values() if case.done} == {"patient07": STEPS}
    case = dataset.cases["patient07"]
    assert set(case.images) == {"T1", "T2", "FLAIR", "T1ce"}
    assert case.label is not None
    label, scan = Volume.load(case.label), Volume.load(case.images["T1"])
    assert set(np.unique(label.data)) == {0, 4}
    assert label.same_grid(scan)
    given = Volume.load(sources[1] / "patient07" / "GOLD_STANDARD.nii.gz")
    assert (label.data > 0).sum() == (given.data > 0).sum()
