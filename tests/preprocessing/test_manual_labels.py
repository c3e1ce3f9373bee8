"""Labels out to people and back: on the voxels of the scan's own file, and nothing moves on the way."""

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from hifisyn.dataset import TISSUES
from hifisyn.errors import UserError
from hifisyn.pictures import label_colour
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.align import align_case
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.manual_labels import (
    Correction,
    export,
    export_case,
    import_case,
    import_folder,
    label_description,
    manual_label_path,
)
from hifisyn.volume import Volume
from tests.support import heads

QUICK = PreprocessingPlan(skull_strip="none", bias="never", registration="none")
LABELS = {**TISSUES, "lesion": 4}
GRIDS = {
    "upright": heads.grid((60, 66, 38), (2.4, 2.4, 3.6)),
    "flipped": heads.grid((62, 60, 40), (2.4, 2.6, 3.6), axes="LPS"),
    "oblique": heads.grid((62, 56, 40), (2.4, 2.6, 3.6), axes="PRS", degrees=(6, -4, 9), middle=(20, 5, -8)),
    "sagittal": heads.grid((66, 40, 58), (2.4, 3.6, 2.6), axes="AIL", degrees=(-11, 7, 3)),
    "half turned": heads.grid((60, 60, 40), (2.5, 2.5, 3.6), axes="RAS", degrees=(0, 0, 44.9)),
}


def read_nifti(path) -> Any:
    return nib.load(path)


def scanned(name):
    shape, affine = GRIDS[name]
    middle = affine @ [*((np.array(shape) - 1) / 2), 1]
    pose = heads.rigid((0, 0, 0), middle[:3])
    image, _ = heads.scan(shape, affine, "T1", pose=pose, stripped=True, noise=2)
    return image, image.with_data(heads.truth(image, pose))


def prepared(folder, names=("oblique",), *, labels=LABELS):
    """A preprocessed data set of one case a grid; returns the scans and their labels as their files have them."""
    store, scans = AlignedStore(folder / "aligned"), {}
    for name in names:
        image, label = scanned(name)
        store.write(name, align_case({"T1": image}, QUICK, label=label if labels == LABELS else None, labels=labels))
        scans[name] = (image, label)
    return scans


def change(path, voxel, value):
    """Give one voxel of a label file another value, as an editor would."""
    image = read_nifti(path)
    data = np.asanyarray(image.dataobj).copy()
    data[voxel] = value
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
def test_what_is_exported_lies_on_the_voxels_of_the_file(name, tmp_path):
    image, label = prepared(tmp_path, [name])[name]
    assert export(tmp_path, tmp_path / "out", LABELS, processes=1) == []
    out = {what: read_nifti(tmp_path / f"out/{name}_{what}.nii.gz") for what in ("T1", "labels")}
    for exported in out.values():
        assert np.abs(exported.affine - image.affine).max() < 1e-4
        assert np.abs(exported.get_qform() - exported.get_sform()).max() < 1e-4
    assert out["labels"].get_data_dtype() == np.uint8
    assert (np.asanyarray(out["labels"].dataobj) == label.data).all()
    assert (np.asanyarray(out["T1"].dataobj) == image.data).all()


@pytest.mark.slow
def test_unchanged_labels_change_nothing(tmp_path):
    prepared(tmp_path, GRIDS)
    export(tmp_path, tmp_path / "out", LABELS, processes=1)
    imported = import_folder(tmp_path, tmp_path / "out", LABELS, processes=1)
    assert imported.refused == {}
    assert imported.corrections == dict.fromkeys(sorted(GRIDS), Correction(0, 0.0))
    assert not (tmp_path / "labels_manual").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
def test_a_corrected_voxel_ends_at_the_same_point_of_the_world(name, tmp_path):
    image, label = prepared(tmp_path, [name])[name]
    export(tmp_path, tmp_path / "out", LABELS, processes=1)
    voxel = tuple(int(i) for i in np.argwhere(label.data == 3)[777])
    change(tmp_path / f"out/{name}_labels.nii.gz", voxel, 4)
    done = import_case(tmp_path, name, tmp_path / f"out/{name}_labels.nii.gz", LABELS, overwrite=False)
    assert done.voxels == 1
    assert done.millilitres == pytest.approx(np.prod(image.spacing) / 1000)
    corrected = Volume.load(manual_label_path(tmp_path, name), np.uint8)
    assert corrected.same_grid(image)
    aligned = align_case({"T1": image}, QUICK, label=corrected, labels=LABELS)
    assert aligned.label is not None
    found = np.argwhere(aligned.label.data == 4)
    assert len(found) == 1
    world, expected = aligned.label.affine @ [*found[0], 1], image.affine @ [*voxel, 1]
    assert np.abs(world - expected).max() < 1e-3


def test_a_map_as_another_program_saves_it_is_taken(tmp_path):
    _, label = prepared(tmp_path)["oblique"]
    export(tmp_path, tmp_path / "out", LABELS, processes=1)
    path = tmp_path / "out/oblique_labels.nii.gz"
    image = read_nifti(path)
    data = label.data.astype(np.float32)
    data[20, 20, 20] = 4
    path.unlink()
    nib.save(nib.Nifti1Image(data[..., None], image.affine), tmp_path / "out/oblique_labels.nii")
    imported = import_folder(tmp_path, tmp_path / "out", LABELS, processes=1)
    assert imported.refused == {}
    assert imported.corrections["oblique"].voxels == 1
    assert read_nifti(manual_label_path(tmp_path, "oblique")).get_data_dtype() == np.uint8


def test_an_earlier_correction_is_kept_unless_it_shall_go(tmp_path):
    prepared(tmp_path)
    export(tmp_path, tmp_path / "out", LABELS, processes=1)
    path = tmp_path / "out/oblique_labels.nii.gz"
    change(path, (20, 20, 20), 4)
    import_case(tmp_path, "oblique", path, LABELS, overwrite=False)
    before = manual_label_path(tmp_path, "oblique").read_bytes()
    assert import_case(tmp_path, "oblique", path, LABELS, overwrite=False) == Correction(0, 0.0)
    change(path, (21, 20, 20), 4)
    with pytest.raises(UserError, match="corrected before"):
        import_case(tmp_path, "oblique", path, LABELS, overwrite=False)
    assert manual_label_path(tmp_path, "oblique").read_bytes() == before
    assert import_case(tmp_path, "oblique", path, LABELS, overwrite=True).voxels == 1
    assert Volume.load(manual_label_path(tmp_path, "oblique")).data[20:22, 20, 20].tolist() == [4, 4]
    assert export_and_read(tmp_path)[20:22, 20, 20].tolist() == [4, 4]


def export_and_read(folder):
    """A second export holds the corrections, even before they are aligned."""
    export_case(folder, folder / "again", "oblique", overwrite=False)
    return Volume.load(folder / "again/oblique_labels.nii.gz").data


def refused(folder, spoil):
    """Export, spoil the map, import: the reason."""
    prepared(folder)
    export(folder, folder / "out", LABELS, processes=1)
    path = folder / "out/oblique_labels.nii.gz"
    image = read_nifti(path)
    spoil(np.asanyarray(image.dataobj).copy(), image.affine.copy(), path)
    imported = import_folder(folder, folder / "out", LABELS, processes=1)
    assert not (folder / "labels_manual").exists()
    ((_, reason),) = imported.refused.items()
    return reason


def save(data, affine, path):
    nib.save(nib.Nifti1Image(data, affine), path)


SPOILED = {
    "moved by half a millimetre": (
        lambda d, a, p: save(d, heads.rigid((0, 0, 0), (0.5, 0, 0)) @ a, p),
        "must be on the grid of",
    ),
    "cropped": (lambda d, a, p: save(d[1:], a, p), "must be on the grid of"),
    "flipped": (lambda d, a, p: save(d, a * [-1, 1, 1, 1], p), "must be on the grid of"),
    "a value too many": (lambda d, a, p: save(np.where(d == 2, 9, d).astype(np.uint8), a, p), "(got 9)"),
    "interpolated": (lambda d, a, p: save(d / 2, a, p), "whole numbers as labels (got 20328 voxels such as 0.5)"),
    "negative": (lambda d, a, p: save(d.astype(np.int16) - 1, a, p), "(got -1)"),
    "empty": (lambda d, a, p: save(d * 0, a, p), "holds no labelled voxels"),
    "torn": (lambda d, a, p: p.write_bytes(p.read_bytes()[:999]), "broken file"),
    "in two files": (lambda d, a, p: save(d, a, p.with_name("oblique_labels.nii")), "remove one"),
    "of another case": (lambda d, a, p: p.rename(p.with_name("x<b>_labels.nii.gz")), "x<b> is not aligned in"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILED)
def test_a_map_that_does_not_fit_is_refused_with_its_reason(name, tmp_path):
    spoil, reason = SPOILED[name]
    assert reason in refused(tmp_path, spoil)


def test_one_bad_file_costs_no_other(tmp_path):
    prepared(tmp_path, ("upright", "oblique", "flipped"))
    export(tmp_path, tmp_path / "out", LABELS, processes=1)
    (tmp_path / "out/oblique_labels.nii.gz").write_bytes(b"torn")
    for name in ("upright", "flipped"):
        change(tmp_path / f"out/{name}_labels.nii.gz", (20, 20, 20), 4)
    imported = import_folder(tmp_path, tmp_path / "out", LABELS, processes=1)
    assert list(imported.refused) == ["oblique"]
    assert {case: c.voxels for case, c in imported.corrections.items()} == {"upright": 1, "flipped": 1}


def test_an_export_does_not_overwrite_what_people_did(tmp_path):
    prepared(tmp_path, ("upright", "oblique"))
    export(tmp_path, tmp_path / "out", LABELS, ["oblique"], processes=1)
    change(tmp_path / "out/oblique_labels.nii.gz", (20, 20, 20), 4)
    before = (tmp_path / "out/oblique_labels.nii.gz").read_bytes()
    (failure,) = export(tmp_path, tmp_path / "out", LABELS, processes=1)
    assert failure.case == "oblique"
    assert "--overwrite" in failure.reason
    assert (tmp_path / "out/oblique_labels.nii.gz").read_bytes() == before
    assert (tmp_path / "out/upright_labels.nii.gz").exists()
    assert export(tmp_path, tmp_path / "out", LABELS, ["oblique"], overwrite=True, processes=1) == []
    assert (tmp_path / "out/oblique_labels.nii.gz").read_bytes() != before


def test_a_case_without_labels_gets_an_empty_map_to_draw_on(tmp_path):
    prepared(tmp_path, labels={"background": 0, "lesion": 4})
    names = {"background": 0, "lesion": 4}
    export(tmp_path, tmp_path / "out", names, processes=1)
    path = tmp_path / "out/oblique_labels.nii.gz"
    assert not np.asanyarray(read_nifti(path).dataobj).any()
    assert import_case(tmp_path, "oblique", path, names, overwrite=False).voxels == 0
    change(path, (20, 20, 20), 4)
    assert import_case(tmp_path, "oblique", path, names, overwrite=False).voxels == 1


def test_the_description_names_every_label_in_the_colour_of_the_pictures():
    lines = label_description({"background": 0, "CSF": 1, 'odd "name"': 9, "WM": 3}).splitlines()
    rows = [line.split(maxsplit=7) for line in lines if not line.startswith("#")]
    assert rows[0] == ["0", "0", "0", "0", "0", "0", "0", '"Clear Label"']
    assert [(int(row[0]), row[7]) for row in rows[1:]] == [(1, '"CSF"'), (3, '"WM"'), (9, "\"odd 'name'\"")]
    assert all(tuple(map(int, row[1:4])) == label_colour(int(row[0])) and row[4:7] == ["1"] * 3 for row in rows[1:])
