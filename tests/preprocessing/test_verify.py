import zipfile
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.engine.ledger import Ledger
from hifisyn.engine.sweep import Engine
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
    assert found.what == "l.nii.gz must be on the grid of T1 (shape 10x11x12)"


def test_unknown_label_values(cohort, tmp_path):
    case = Case("a", "a", cohort().cases["a"].images, labels(tmp_path / "l.nii.gz", top=4))
    found = only(verify(cohort(a=case)))
    assert (found.what, found.got) == ("l.nii.gz must hold the labels background 0, CSF 1, GM 2, WM 3", "4")


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
    assert (found.what, found.got) == ("4d.nii.gz must have three axes", "shape (9, 9, 9, 2)")
    assert found.hint == "split it into one file per contrast"


def test_thick_slices_are_a_warning(cohort, tmp_path):
    thick = Case("a", "a", {"T1": scan(tmp_path / "thick.nii.gz", affine=np.diag([1.0, 1, 5, 1]))})
    found = only(verify(cohort(a=thick)), "warning")
    assert found.what == "thick.nii.gz must have voxels of about 1.00 x 1.00 x 2.00 mm, as the other T1 scans"
    assert found.got == "1.00 x 1.00 x 5.00"


def test_a_subject_on_both_sides_of_the_split(cohort, tmp_path):
    whole = cohort()
    other = Case("d", "a", {"T1": scan(tmp_path / "d_T1.nii.gz", seed=9)})
    found = only(verify(Dataset("X", whole.modalities, TISSUES, whole.cases, {"d": other})))
    assert (found.case, found.what) == ("a", "subject a must be either held out or trained on")
    assert found.got == "cases on both sides"


def test_the_same_voxels_twice_are_odd_and_across_the_split_an_error(cohort, tmp_path):
    whole = cohort()
    copy = tmp_path / "copy_T1.nii.gz"
    Volume.load(whole.cases["b"].images["T1"]).save(copy)
    found = only(verify(cohort(d=Case("d", "d", {"T1": copy}))), "warning")
    assert (found.case, found.problem) == ("d", "copy_T1.nii.gz holds the same voxels as b_T1.nii.gz")
    found = only(verify(Dataset("X", whole.modalities, TISSUES, whole.cases, {"d": Case("d", "d", {"T1": copy})})))
    assert (found.case, found.problem) == (
        "d",
        "copy_T1.nii.gz holds the same voxels as b_T1.nii.gz of the training cases",
    )


def test_a_header_without_orientation(cohort, tmp_path):
    image = nib.Nifti1Image(np.random.default_rng(9).random((10, 11, 12)).astype(np.float32), None)
    nib.save(image, tmp_path / "lost.nii.gz")
    found = only(verify(cohort(a=Case("a", "a", {"T1": tmp_path / "lost.nii.gz"}))), "warning")
    assert "does not give the orientation of the head" in found.what


def test_nan_and_constant_volumes_and_slabs(cohort, tmp_path):
    data = np.random.default_rng(0).random((10, 11, 12)).astype(np.float32)
    for name, bad in (("nan", np.where(data > 0.03, np.nan, data)), ("flat", data * 0 + 3), ("slab", data[:, :, :4])):
        nib.save(nib.Nifti1Image(bad.astype(np.float32), AFFINE), tmp_path / f"{name}.nii.gz")
    findings = verify(cohort(**{n: Case(n, n, {"T1": tmp_path / f"{n}.nii.gz"}) for n in ("nan", "flat", "slab")}))
    problems = {f.case: f.problem for f in findings if f.severity == "error"}
    assert problems["nan"] == "nan.nii.gz must hold finite intensities (got 97% NaN or infinite voxels)"
    assert "constant volume" in problems["flat"]
    assert problems["slab"] == "slab.nii.gz must have at least 8 voxels along each axis (got 10x11x4)"


def test_a_few_voxels_that_are_not_finite_are_a_warning_that_counts_them(cohort, tmp_path):
    data = np.random.default_rng(9).random((10, 11, 12)).astype(np.float32)
    data[0, 0, :] = np.nan
    data[0, 1, :5] = np.inf
    nib.save(nib.Nifti1Image(data, AFFINE), tmp_path / "nan.nii.gz")
    found = only(verify(cohort(a=Case("a", "a", {"T1": tmp_path / "nan.nii.gz"}))), "warning")
    assert (found.what, found.got) == ("nan.nii.gz must hold finite intensities", "17 NaN or infinite voxels")
    assert "lowest intensity" in found.hint


@pytest.mark.parametrize(("degrees", "shift", "told"), [(0, 0, False), (0, 0.9, False), (0, 1.2, True), (30, 0, True)])
def test_forms_that_place_a_scan_differently_are_a_warning(degrees, shift, told, cohort, tmp_path):
    image = nib.Nifti1Image(np.random.default_rng(9).random((10, 11, 12)).astype(np.float32), AFFINE)
    turned = AFFINE.copy()
    turned[:3, :3] = nib.eulerangles.euler2mat(np.deg2rad(degrees), 0, 0) @ AFFINE[:3, :3]
    turned[1, 3] += shift
    image.set_qform(AFFINE, 1)
    image.set_sform(turned, 2)
    nib.save(image, tmp_path / "moved.nii.gz")
    found = verify(cohort(a=Case("a", "a", {"T1": tmp_path / "moved.nii.gz"})))
    assert [f.severity for f in found] == ["warning"] * told
    if told:
        assert found[0].got.startswith(f"{degrees}.0 degrees and ")


def head(path):
    """A ball of tissue in the air, and the map of its voxels."""
    ball = sum((x - n / 2) ** 2 for x, n in zip(np.indices((20, 22, 24)), (20, 22, 24), strict=True)) < 36
    data = np.random.default_rng(9).normal(5, 1, ball.shape) + 400 * ball
    Volume(data.astype(np.float32), AFFINE).save(path)
    return ball


def labelled(cohort, tmp_path, data):
    Volume(data, AFFINE).save(tmp_path / "l.nii.gz")
    return verify(cohort(a=Case("a", "a", {"T1": tmp_path / "head.nii.gz"}, tmp_path / "l.nii.gz")))


def test_a_map_of_one_tissue_alone_is_odd_and_one_of_lesions_alone_is_not(cohort, tmp_path):
    ball = head(tmp_path / "head.nii.gz")
    found = only(labelled(cohort, tmp_path, np.where(ball, 3, 0).astype(np.uint8)), "warning")
    assert (found.what, found.got) == ("l.nii.gz must hold CSF, GM, WM, or none of them", "WM alone")
    (tmp_path / "l.nii.gz").unlink()
    whole = cohort()
    case = Case("a", "a", {"T1": tmp_path / "head.nii.gz"}, tmp_path / "l.nii.gz")
    Volume(np.where(ball, 4, 0).astype(np.uint8), AFFINE).save(tmp_path / "l.nii.gz")
    assert verify(Dataset("X", whole.modalities, {**TISSUES, "lesion": 4}, whole.cases | {"a": case})) == []


def test_labels_in_the_air_are_odd(cohort, tmp_path):
    ball = head(tmp_path / "head.nii.gz")
    tissues = np.where(ball, np.random.default_rng(0).integers(1, 4, ball.shape), 0).astype(np.uint8)
    assert labelled(cohort, tmp_path, tissues) == []
    (tmp_path / "l.nii.gz").unlink()
    found = only(labelled(cohort, tmp_path, np.roll(tissues, 9, axis=2)), "warning")
    assert found.what == "the labelled voxels of l.nii.gz must lie where T1 is brighter than air"
    assert "another subject" in found.hint


def test_labels_beside_whole_numbers_are_sound(cohort, tmp_path):
    Volume(Volume.load_labels(labels(tmp_path / "l.nii.gz")).data * 0.9999997, AFFINE).save(tmp_path / "f.nii.gz")
    assert verify(cohort(a=Case("a", "a", cohort().cases["a"].images, tmp_path / "f.nii.gz"))) == []


def test_an_empty_label_map_is_a_healthy_subject(cohort, tmp_path):
    path = labels(tmp_path / "l.nii.gz", top=0)
    assert verify(cohort(a=Case("a", "a", cohort().cases["a"].images, path))) == []


def test_a_head_in_a_data_set_that_is_said_to_be_stripped(cohort):
    whole = cohort()
    findings = verify(Dataset("X", whole.modalities, TISSUES, whole.cases, skull_stripped=True))
    assert {f.case for f in findings} == {"a", "b", "c"}
    assert all(f.got == "what looks like a whole head" for f in findings)


def test_one_value_for_two_labels_and_a_modality_without_cases(cohort):
    findings = verify(Dataset("X", ("T1", "T2", "PD"), {**TISSUES, "tumour": 1}, cohort().cases))
    assert [f.problem for f in findings] == [
        "the label value 1 must stand for one structure (got CSF and tumour)",
        "no training case has PD: it cannot be trained on",
    ]


def mask(path, values=(0, 1), affine=AFFINE, shape=(10, 11, 12)):
    data = np.random.default_rng(1).choice(values, shape).astype(np.float32)
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def test_a_brain_mask_of_ones_and_zeros_on_the_grid_is_sound(cohort, tmp_path):
    case = replace(cohort().cases["a"], brain=mask(tmp_path / "m.nii.gz"))
    assert verify(cohort(a=case)) == []


@pytest.mark.parametrize(
    ("values", "affine", "problem"),
    [
        (
            (0, 1),
            AFFINE + np.eye(4, k=3),
            "m.nii.gz must be on the grid of T1 (shape 10x11x12) (got another one)",
        ),
        ((0, -1), AFFINE, "m.nii.gz must hold 0 and 1 (got -1)"),
        ((0, 0), AFFINE, "m.nii.gz must not be empty"),
        ((1, 1), AFFINE, "m.nii.gz must have voxels outside the brain (got brain everywhere)"),
    ],
)
def test_a_brain_mask_that_cannot_be_one_is_an_error(cohort, tmp_path, values, affine, problem):
    case = replace(cohort().cases["a"], brain=mask(tmp_path / "m.nii.gz", values, affine))
    found = only(verify(cohort(a=case)))
    assert (found.case, found.file, found.problem) == ("a", "m.nii.gz", problem)


def test_a_brain_mask_that_is_not_there_is_an_error(cohort, tmp_path):
    case = replace(cohort().cases["a"], brain=tmp_path / "m.nii.gz")
    assert only(verify(cohort(a=case))).file == "m.nii.gz"


def test_files_of_private_data_are_called_by_their_cases(cohort, tmp_path):
    whole = cohort()
    copy, cut = tmp_path / "1234567_T1.nii.gz", tmp_path / "7654321_T1.nii.gz"
    Volume.load(whole.cases["b"].images["T1"]).save(copy)
    cut.write_bytes(b"")
    thick = scan(tmp_path / "1112223.nii.gz", affine=np.diag([1.0, 1, 9, 1]), seed=9)
    cases = {"d": Case("d", "d", {"T1": copy}), "e": Case("e", "e", {"T1": cut}), "f": Case("f", "f", {"T1": thick})}
    findings = verify(Dataset("X", ("T1", "T2"), TISSUES, {**whole.cases, **cases}, private=True))
    assert {(f.case, f.file) for f in findings} == {("d", "d_T1"), ("e", "e_T1"), ("f", "f_T1")}
    text = str(findings)
    assert not any(word in text for word in ("1234567", "7654321", "1112223", str(tmp_path)))
    assert "the same voxels as b_T1" in text


def test_scans_in_an_archive_are_verified_where_they_lie(cohort, tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.write(cohort().cases["a"].images["T1"], "T1.nii.gz")
    inside = Case("z", "z", {"T1": tmp_path / "s.zip" / "T1.nii.gz", "T2": tmp_path / "s.zip" / "none.nii.gz"})
    findings = verify(cohort(z=inside))
    assert [(f.case, f.file, f.severity) for f in findings] == [
        ("z", "none.nii.gz", "error"),
        ("z", "T1.nii.gz", "warning"),
    ]
    assert "the same voxels as a_T1.nii.gz" in findings[1].problem


def test_a_second_look_reads_no_volume_and_finds_the_same(cohort, tmp_path, monkeypatch):
    thick = Case("a", "a", {"T1": scan(tmp_path / "thick.nii.gz", affine=np.diag([1.0, 1, 12, 1]))})
    (tmp_path / "cut.nii.gz").write_bytes(b"")
    sound = Case("d", "d", {"T1": scan(tmp_path / "d.nii.gz", seed=8)})
    dataset = cohort(a=thick, b=Case("b", "b", {"T1": tmp_path / "cut.nii.gz"}), d=sound)
    with Ledger.opened(tmp_path / "ledger") as ledger:
        first = verify(dataset, engine=Engine(ledger, 1))
    assert len(first) == 2
    monkeypatch.setattr(Volume, "load", lambda *_, **__: pytest.fail("read"))
    with Ledger.opened(tmp_path / "ledger") as ledger:
        assert verify(dataset, engine=Engine(ledger, 1)) == first
    monkeypatch.undo()
    (tmp_path / "cut.nii.gz").unlink()
    scan(tmp_path / "cut.nii.gz", seed=7)
    with Ledger.opened(tmp_path / "ledger") as ledger:
        assert [f.case for f in verify(dataset, engine=Engine(ledger, 1))] == ["a"]


@pytest.mark.slow
def test_processes_find_the_same(cohort, tmp_path):
    (tmp_path / "cut.nii.gz").write_bytes(b"")
    bad = cohort(a=Case("a", "a", {"T1": tmp_path / "cut.nii.gz"}))
    assert verify(bad, processes=2) == verify(bad)
