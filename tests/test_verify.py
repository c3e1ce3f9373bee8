import nibabel as nib
import numpy as np
import pytest

from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.preprocessing.verify import verify
from hifisyn.volume import Volume

AFFINE = np.diag([1.0, 1, 2, 1])


def scan(path, shape=(10, 11, 12), affine=AFFINE, seed=0):
    Volume(np.random.default_rng(seed).random(shape).astype(np.float32), affine).save(path)
    return path


def labels(path, top=3, affine=AFFINE):
    data = np.random.default_rng(1).integers(0, top + 1, (10, 11, 12)).astype(np.uint8)
    Volume(data, affine).save(path)
    return path


@pytest.fixture
def cohort(tmp_path):
    files = {(name, m): tmp_path / f"{name}_{m}.nii.gz" for name in "abc" for m in ("T1", "T2")}
    for seed, path in enumerate(files.values()):
        scan(path, seed=seed)
    cases = {name: Case(name, name, {m: files[name, m] for m in ("T1", "T2")}) for name in "abc"}
    return lambda **changes: Dataset("X", ("T1", "T2"), TISSUES, {**cases, **changes})


def test_a_sound_data_set_has_no_findings(cohort):
    assert verify(cohort()) == []


def only(findings, severity="error"):
    assert [f.severity for f in findings] == [severity], findings
    return findings[0]


def test_labels_on_another_grid(cohort, tmp_path):
    moved = AFFINE.copy()
    moved[0, 3] = 0.1
    good = cohort().cases["a"]
    case = Case("a", "a", good.images, labels(tmp_path / "l.nii.gz", affine=moved))
    found = only(verify(cohort(a=case)))
    assert (found.case, found.file) == ("a", "l.nii.gz")
    assert "not on the grid of T1" in found.problem


def test_unknown_label_values(cohort, tmp_path):
    case = Case("a", "a", cohort().cases["a"].images, labels(tmp_path / "l.nii.gz", top=4))
    assert "it holds 4, labels are background 0, CSF 1, GM 2, WM 3" in only(verify(cohort(a=case))).problem


def test_a_missing_and_a_broken_file_are_findings_of_their_cases(cohort, tmp_path):
    gone = Case("a", "a", {"T1": tmp_path / "gone.nii.gz"})
    (tmp_path / "cut.nii.gz").write_bytes((tmp_path / "b_T1.nii.gz").read_bytes()[:300])
    cut = Case("b", "b", {"T1": tmp_path / "cut.nii.gz"})
    findings = verify(cohort(a=gone, b=cut))
    assert [(f.case, f.file, f.severity) for f in findings] == [
        ("a", "gone.nii.gz", "error"),
        ("b", "cut.nii.gz", "error"),
    ]
    assert str(tmp_path) not in findings[0].problem


def test_a_four_dimensional_file(cohort, tmp_path):
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((9, 9, 9, 2)), AFFINE), tmp_path / "4d.nii.gz")
    found = only(verify(cohort(a=Case("a", "a", {"T1": tmp_path / "4d.nii.gz"}))))
    assert "3D volume" in found.problem
    assert found.advice == "split it into one file a contrast"


def test_thick_slices_are_a_warning(cohort, tmp_path):
    thick = Case("a", "a", {"T1": scan(tmp_path / "thick.nii.gz", affine=np.diag([1.0, 1, 5, 1]))})
    found = only(verify(cohort(a=thick)), "warning")
    assert found.problem == "voxels of 1.00 x 1.00 x 5.00 mm, usual are 1.00 x 1.00 x 2.00"


def test_a_subject_on_both_sides_of_the_split(cohort, tmp_path):
    whole = cohort()
    other = Case("d", "a", {"T1": scan(tmp_path / "d_T1.nii.gz", seed=9)})
    found = only(verify(Dataset("X", whole.modalities, TISSUES, whole.cases, {"d": other})))
    assert (found.case, found.problem) == ("a", "its subject a is held out too")


def test_the_same_voxels_twice_are_odd_and_across_the_split_an_error(cohort, tmp_path):
    whole = cohort()
    copy = tmp_path / "copy_T1.nii.gz"
    Volume.load(whole.cases["b"].images["T1"]).save(copy)
    found = only(verify(cohort(d=Case("d", "d", {"T1": copy}))), "warning")
    assert (found.case, found.problem) == ("d", "it holds the same voxels as b_T1.nii.gz")
    found = only(verify(Dataset("X", whole.modalities, TISSUES, whole.cases, {"d": Case("d", "d", {"T1": copy})})))
    assert (found.case, found.problem) == ("d", "it holds the same voxels as b_T1.nii.gz of the training cases")


def test_a_header_without_orientation(cohort, tmp_path):
    image = nib.Nifti1Image(np.random.default_rng(9).random((10, 11, 12)).astype(np.float32), None)
    nib.save(image, tmp_path / "lost.nii.gz")
    found = only(verify(cohort(a=Case("a", "a", {"T1": tmp_path / "lost.nii.gz"}))), "warning")
    assert "does not say how the head lies" in found.problem


def test_nan_and_constant_volumes_and_slabs(cohort, tmp_path):
    data = np.random.default_rng(0).random((10, 11, 12)).astype(np.float32)
    for name, bad in (("nan", np.where(data > 0.9, np.nan, data)), ("flat", data * 0 + 3), ("slab", data[:, :, :4])):
        nib.save(nib.Nifti1Image(bad.astype(np.float32), AFFINE), tmp_path / f"{name}.nii.gz")
    findings = verify(cohort(**{n: Case(n, n, {"T1": tmp_path / f"{n}.nii.gz"}) for n in ("nan", "flat", "slab")}))
    problems = {f.case: f.problem for f in findings if f.severity == "error"}
    assert "NaN or infinite voxels" in problems["nan"]
    assert "constant volume" in problems["flat"]
    assert problems["slab"] == "10x11x4 voxels are no head"


def test_an_empty_label_map_is_a_healthy_subject(cohort, tmp_path):
    path = labels(tmp_path / "l.nii.gz", top=0)
    assert verify(cohort(a=Case("a", "a", cohort().cases["a"].images, path))) == []


def test_a_head_in_a_data_set_that_is_said_to_be_stripped(cohort):
    whole = cohort()
    findings = verify(Dataset("X", whole.modalities, TISSUES, whole.cases, skull_stripped=True))
    assert {f.case for f in findings} == {"a", "b", "c"}
    assert all("looks like a whole head" in f.problem for f in findings)


def test_one_value_for_two_labels_and_a_modality_without_cases(cohort):
    findings = verify(Dataset("X", ("T1", "T2", "PD"), {**TISSUES, "tumour": 1}, cohort().cases))
    assert [f.problem for f in findings] == [
        "the label value 1 stands for CSF and tumour",
        "no training case has PD",
    ]


def test_processes_find_the_same(cohort, tmp_path):
    (tmp_path / "cut.nii.gz").write_bytes(b"")
    bad = cohort(a=Case("a", "a", {"T1": tmp_path / "cut.nii.gz"}))
    assert verify(bad, processes=2) == verify(bad)
