"""Label maps, and slices of them: every number has a class, right stays right, and nothing is lost."""

import os
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hifisyn.errors import FileError
from hifisyn.simulation import atrophy, brain_lesions, growths
from hifisyn.simulation.label_maps import CLASSES, INDEX, classes_of, find_maps, read_anatomy
from hifisyn.simulation.slice_geometry import PLANES, SliceGeometry, draw_geometry
from hifisyn.simulation.slice_sampling import sample_slices
from hifisyn.simulation.strokes import GROUPS, paint_groups, paint_signal
from hifisyn.volume import Volume
from tests.support.toy_heads import STEP, toy_anatomy, toy_numbers


@pytest.fixture(scope="module")
def toy():
    return toy_anatomy()


def straight(toy, plane, size=70, pixel=2.0):
    centre = (np.array(toy.classes.shape) - 1) / 2 * STEP
    return SliceGeometry(plane, size, pixel, 2.0, 2.0, 70, np.zeros(3), PLANES[plane].T, centre, ())


@pytest.mark.parametrize("plane", PLANES)
def test_right_is_right_in_every_plane(toy, plane):
    putamen = paint_signal(toy.classes, dict.fromkeys(CLASSES, 0.0) | {"putamen": 1.0}, ())
    stack = sample_slices(toy, straight(toy, plane), [putamen], paint_groups(toy.classes, ()), 4).maps[0]
    found = (
        np.array(
            [
                np.average(np.arange(n) - (n - 1) / 2, weights=stack.sum(axis=tuple({0, 1, 2} - {a})))
                for a, n in enumerate(stack.shape)
            ]
        )
        * 2.0
    )
    right, front, up = 30.0, 20.0, 10.0
    wanted = {"axial": (up, -front, -right), "coronal": (-front, -up, -right), "sagittal": (-right, -up, -front)}
    np.testing.assert_allclose(found, wanted[plane], atol=0.5)


def test_slices_keep_the_volume_of_every_tissue(toy):
    geometry = straight(toy, "axial", pixel=2.2)
    stack = sample_slices(toy, geometry, [], paint_groups(toy.classes, ()), len(GROUPS))
    for name, classes in (("CSF", (24, 4)), ("GM", (3, 51)), ("WM", (2,))):
        truth = np.isin(toy_numbers(), classes).sum() * STEP**3
        found = stack.shares[GROUPS[name] - 1].sum() * geometry.pixel_mm**2 * geometry.slice_mm
        assert found == pytest.approx(truth, rel=0.02)


def test_distances_are_those_of_a_ball(toy):
    middle = np.array(toy.classes.shape) // 2
    outwards = toy.to_tissue[middle[0] :, middle[1], middle[2]] * 0.1
    wanted = np.clip(np.arange(len(outwards)) * STEP - 57, 0, 25)
    assert np.abs(outwards - wanted)[wanted < 20].max() <= 1.5
    assert toy.to_hull[tuple(middle // 2)] < -40


def test_sulci_and_ventricles_change_by_the_sign_of_the_amount(toy):
    wide, wider, narrower = (atrophy.sulci(replace(toy, spacing=np.ones(3)), amount) for amount in (0.8, 1.0, -1.0))
    assert (wide.tissue, wider.tissue, narrower.tissue) == ("fluid", "fluid", "cortex")
    assert wider.share.sum() > wide.share.sum() > 0
    assert (toy.classes.ravel()[wider.places] == INDEX["cortex"]).all()
    assert (toy.classes.ravel()[narrower.places] == INDEX["fluid"]).all()
    plain, larger = (paint_groups(toy.classes, s) for s in ([], [atrophy.ventricles(toy, 1.0)]))
    assert (larger == GROUPS["CSF"]).sum() > (plain == GROUPS["CSF"]).sum()


def test_lesions_stay_in_the_brain(toy):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        groups = paint_groups(toy.classes, brain_lesions.draw_lesions(rng, toy, growths.draw_growths(rng, toy)))
        outside = np.isin(toy.classes, [INDEX["air"], INDEX["bone"], INDEX["fluid"], INDEX["ventricle"]])
        assert not (groups[outside] == GROUPS["lesion"]).any()
    rng = np.random.default_rng(3)
    tumour = growths.grown(rng, toy, growths.draw_glioma(rng, toy))
    assert (paint_groups(toy.classes, tumour) == GROUPS["lesion"]).sum() * STEP**3 > 200


def test_nothing_folds(toy):
    for seed in range(5):
        geometry = draw_geometry(np.random.default_rng(seed), toy, 40)
        x, y, z = (np.linspace(o - 60, o + 60, 41) for o in geometry.origin)
        points = geometry.points((x, y, z))
        jacobian = np.stack([np.stack(np.gradient(p, 3.0, 3.0, 3.0)) for p in points]).transpose(2, 3, 4, 0, 1)
        signs = np.sign(np.linalg.det(jacobian))
        assert (signs == signs[0, 0, 0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: np.where(n == 51, 499, n), "labels of FreeSurfer"),
        (lambda n: np.where(n == 515, 515, 0), "a brain of 300 ml"),
    ],
)
def test_maps_that_cannot_be_used_are_refused(tmp_path, change, message):
    path = tmp_path / "head.nii.gz"
    nib.save(nib.Nifti1Image(change(toy_numbers()).astype(np.int16), np.diag([STEP] * 3 + [1])), path)
    with pytest.raises(FileError, match=message):
        read_anatomy(path)


@pytest.mark.slow
def test_all_real_maps_have_classes_and_brains():
    root = os.environ.get("HIFISYN_TEST_DATA")
    if root is None:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    for path in find_maps(Path(root) / "head_labels"):
        numbers = Volume.load(path).reoriented("RAS").data.astype(int)
        classes = classes_of(numbers)
        assert classes.max() < len(CLASSES)
        assert (classes[numbers >= 500] >= INDEX["blood"]).all()
        right = np.argwhere(np.isin(numbers, (42, 41)))[:, 0].mean()
        left = np.argwhere(np.isin(numbers, (3, 2)))[:, 0].mean()
        assert right > left
