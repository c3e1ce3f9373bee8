"""Grids that hold the same voxels agree, however programs write them."""

import numpy as np
import pytest

from hifisyn.evaluation import of_volumes
from hifisyn.volume import Volume
from tests.support.heads import grid, scan

SHAPE, AFFINE = grid((40, 44, 20), (4.0, 4.0, 7.0), axes="LAS", degrees=(12, 5, -8))


@pytest.fixture
def folders(tmp_path):
    """A synthetic volume, its mask, a real scan and a label map, each in a folder of its own."""
    head, brain = scan(SHAPE, AFFINE, stripped=True)
    head.save(tmp_path / "synth/a_T1.nii.gz")
    return tmp_path, head, brain


def evaluate(folder):
    found = of_volumes.evaluate(
        folder / "synth", folder / "truth", folder / "out", masks=folder / "masks", labels=folder / "labels"
    )
    return found.failures, found.cases, found.regions


def lay_out(folder, head, brain, change):
    labels = head.with_data(np.where(brain.data > 0, 2, 0).astype(np.uint8))
    for name, volume in {"truth/a_T1": head, "masks/a": brain, "labels/a": labels}.items():
        change(volume).save(folder / f"{name}.nii.gz", overwrite=True)


def moved(mm):
    def move(volume):
        affine = volume.affine.copy()
        affine[:3, 3] += mm
        return Volume(volume.data, affine)

    return move


SAME = {
    "axes in another order": lambda volume: volume.reoriented("PIR"),
    "flipped": lambda volume: volume.reoriented("RPS"),
    "thousandths of a mm apart": moved(0.005),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_voxels_are_compared_whatever_the_order_of_axes(folders, change):
    folder, head, brain = folders
    lay_out(folder, head, brain, lambda volume: volume)
    expected = evaluate(folder)
    assert expected[0] == []
    (folder / "out/summary.json").unlink()
    lay_out(folder, head, brain, change)
    found = evaluate(folder)
    assert found[0] == []
    for one, other in zip(expected[1:], found[1:], strict=True):
        assert one.equals(other)


def test_another_grid_is_refused_and_both_are_told(folders):
    folder, head, brain = folders
    lay_out(folder, head, brain, moved(0.5))
    (failure,) = evaluate(folder)[0]
    assert "masks/a.nii.gz must be on the grid of a_T1.nii.gz, 40x44x20 at 4x4x7 mm from" in failure.reason


@pytest.mark.parametrize("shift", [0.5, 3.0])
def test_what_lies_apart_is_on_no_common_grid(shift):
    head = Volume(np.zeros(SHAPE, np.float32), AFFINE)
    assert moved(shift)(head).on_grid_of(head) is None
    assert head.reoriented("SPR").on_grid_of(head) is not None
