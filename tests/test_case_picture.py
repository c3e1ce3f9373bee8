import matplotlib.image
import numpy as np
import pytest

from hifisyn.preprocessing.picture import MARGIN_MM, axial_grids, draw_case
from hifisyn.preprocessing.resample import resample
from hifisyn.volume import Volume


def turned(degrees, spacing):
    """An affine with the given spacing, turned about the third axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * spacing
    affine[:3, 3] = (-60, -70, -30)
    return affine


def brick(affine):
    """A mask of one brick and its voxel centres in world mm, (N, 3)."""
    mask = np.zeros((60, 70, 20), np.uint8)
    mask[10:40, 15:60, 4:17] = 1
    inside = np.argwhere(mask)
    return Volume(mask, affine), inside @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize(("degrees", "spacing"), [(0, (1, 1, 3)), (0, (2, 0.7, 4)), (12, (1.5, 2.0, 3))])
def test_the_rows_of_the_picture_hold_the_whole_brain_and_its_surroundings(degrees, spacing):
    brain, world = brick(turned(degrees, spacing))
    grids = axial_grids(brain, 5)
    assert len(grids) == 5
    assert all(grid.axcodes == "LPS" for grid in grids)
    assert all(grid.spacing[:2] == pytest.approx((1, 1)) for grid in grids)
    for grid in grids:
        index = (world - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
        assert index[:, :2].min() >= MARGIN_MM - 1
        assert (np.array(grid.shape[:2]) - 1 - index[:, :2]).min() >= MARGIN_MM - 1
    heights = [grid.affine[2, 3] for grid in grids]
    assert heights == sorted(heights)
    assert world[:, 2].min() < heights[0] < heights[-1] < world[:, 2].max()


def test_rows_run_backwards_and_columns_to_the_left():
    brain, _ = brick(turned(0, (1, 1, 3)))
    i, j, _ = np.indices(brain.shape)
    along_x, along_y = Volume((i - 60.0), brain.affine), Volume((j - 70.0), brain.affine)
    grid = axial_grids(brain, 3)[1]
    inside = (slice(20, 40), slice(20, 40))
    x = resample(along_x, grid, order=1).data[:, :, 0].T[inside]
    y = resample(along_y, grid, order=1).data[:, :, 0].T[inside]
    assert (np.diff(x, axis=1) < 0).all()
    assert (np.diff(y, axis=0) < 0).all()
    assert np.abs(np.diff(x, axis=0)).max() < 1e-4


def test_a_sheet_is_written_with_a_column_for_each_contrast_and_one_for_labels(tmp_path):
    brain, _ = brick(turned(0, (1, 1, 3)))
    t1 = Volume(brain.data * 100.0 + 1, brain.affine)
    flat = Volume(np.full((10, 10, 10), 7.0), turned(0, (8, 8, 8)))
    widths = []
    for label in (None, brain):
        draw_case(tmp_path / "case.png", {"T1": t1, "T2": flat}, brain, label, title="case", slices=4)
        widths.append(matplotlib.image.imread(tmp_path / "case.png").shape[1])
    assert widths[1] / widths[0] == pytest.approx(3 / 2, abs=0.01)
