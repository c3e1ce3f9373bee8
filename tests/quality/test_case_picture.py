import matplotlib.image
import numpy as np
import pytest

from hifisyn.pictures import BRAIN, MET, MISSED, label_colour
from hifisyn.preprocessing.resample import resample
from hifisyn.quality.case_picture import MARGIN_MM, PIXEL_MM, WIDE_PIXELS, axial_grids, draw_case, three_planes
from hifisyn.volume import Volume
from tests.support import heads


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


@pytest.fixture(scope="module")
def head():
    """T1 and T2 of one head on grids of their own, brain and tissues on that of T1."""
    t1, brain = heads.scan(*heads.grid((80, 90, 50), (2, 2, 3)), "T1", noise=2)
    t2, _ = heads.scan(*heads.grid((75, 85, 45), (2.1, 2.1, 3.3), degrees=(4, 0, 3)), "T2", noise=2, seed=1)
    return {"T1": t1, "T2": t2}, brain, brain.with_data(heads.truth(t1))


def moved(images, name, millimetres):
    """The images with one of them pushed aside."""
    push = np.eye(4)
    push[:3, 3] = millimetres
    return images | {name: Volume(images[name].data, push @ images[name].affine)}


def pixels(path, colour):
    """How many pixels of a picture have exactly this colour below its headings."""
    picture = np.rint(matplotlib.image.imread(path)[54:, :, :3] * 255).astype(int)
    return int((picture == colour).all(axis=-1).sum())


def places(grid, world):
    """World points as columns and rows of a slice's grid."""
    return ((world - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T)[:, :2]


@pytest.mark.parametrize(("degrees", "spacing"), [(0, (1, 1, 3)), (0, (2, 0.7, 4)), (12, (1.5, 2.0, 3))])
def test_the_rows_of_the_picture_hold_the_whole_brain_and_its_surroundings(degrees, spacing):
    brain, world = brick(turned(degrees, spacing))
    grids = axial_grids(brain, 5)
    assert len(grids) == 5
    assert all(grid.axcodes == "LPS" for grid in grids)
    assert all(grid.spacing[:2] == pytest.approx((PIXEL_MM, PIXEL_MM)) for grid in grids)
    for grid in grids:
        index = places(grid, world) * PIXEL_MM
        assert index.min() >= MARGIN_MM - 1
        assert ((np.array(grid.shape[:2]) - 1) * PIXEL_MM - index).min() >= MARGIN_MM - 1
    heights = [grid.affine[2, 3] for grid in grids]
    assert heights == sorted(heights)
    assert world[:, 2].min() < heights[0] < heights[-1] < world[:, 2].max()


def test_rows_run_backwards_and_columns_to_the_left():
    brain, _ = brick(turned(0, (1, 1, 3)))
    i, j, _ = np.indices(brain.shape)
    along_x, along_y = Volume((i - 60.0), brain.affine), Volume((j - 70.0), brain.affine)
    grid = axial_grids(brain, 3)[1]
    inside = (slice(20, 30), slice(20, 30))
    x = resample(along_x, grid, order=1).data[:, :, 0].T[inside]
    y = resample(along_y, grid, order=1).data[:, :, 0].T[inside]
    assert (np.diff(x, axis=1) < 0).all()
    assert (np.diff(y, axis=0) < 0).all()
    assert np.abs(np.diff(x, axis=0)).max() < 1e-4


def test_the_three_planes_lie_across_their_axes_and_hold_the_brain():
    brain, world = brick(turned(12, (1.5, 2.0, 3)))
    axial, coronal, sagittal = grids = three_planes(brain)
    assert [grid.axcodes[:2] for grid in grids] == ["LP", "LI", "PI"]
    assert all(grid.shape[0] == WIDE_PIXELS for grid in grids)
    for grid in (axial, coronal, sagittal):
        index = places(grid, world)
        assert index.min() > 0
        assert (np.array(grid.shape[:2]) - 1 - index).min() > 0


def test_planes_pass_through_the_largest_area_of_the_lesions():
    brain, _ = brick(turned(0, (1, 1, 3)))
    lesions = np.zeros(brain.shape, bool)
    lesions[20:24, 30:34, 7:9] = True
    lesions[21, 31, 5:15] = True
    lesions[21, 30:50, 8] = True
    grids = three_planes(brain, lesions)
    placed = [
        (np.linalg.inv(brain.affine) @ grid.affine[:, 3])[axis] for grid, axis in zip(grids, (2, 1, 0), strict=True)
    ]
    assert placed == pytest.approx([8, 31, 21], abs=1e-6)


@pytest.mark.slow
def test_a_shift_of_three_millimetres_turns_edges_orange(head, tmp_path):
    images, brain, label = head
    missed = {}
    for name, push in {"none": (0, 0, 0), "x": (3, 0, 0), "y": (0, 3, 0), "z": (0, 0, 4)}.items():
        draw_case(tmp_path / "case.png", moved(images, "T2", push), brain, label)
        met, lost = pixels(tmp_path / "case.png", MET), pixels(tmp_path / "case.png", MISSED) / 2
        missed[name] = lost / (met + lost)
    assert missed["none"] < 0.2
    assert min(missed[name] for name in "xyz") > missed["none"] + 0.12


def test_each_contrast_shows_the_border_of_the_brain_and_each_label_its_own_colour(head, tmp_path):
    images, brain, label = head
    draw_case(tmp_path / "plain.png", images, brain)
    draw_case(tmp_path / "labelled.png", images, brain, label)
    draw_case(tmp_path / "alone.png", {"T1": images["T1"]}, brain)
    assert pixels(tmp_path / "plain.png", BRAIN) == 2 * pixels(tmp_path / "alone.png", BRAIN) > 0
    for value in (1, 2, 3):
        assert pixels(tmp_path / "plain.png", label_colour(value)) == 0
        assert pixels(tmp_path / "labelled.png", label_colour(value)) > 100


def test_the_reference_is_found_by_the_grid_of_the_mask(head, tmp_path):
    images, brain, _ = head
    turned_round = dict(reversed(images.items()))
    draw_case(tmp_path / "found.png", turned_round, brain)
    draw_case(tmp_path / "given.png", turned_round, brain, reference="T1")
    draw_case(tmp_path / "other.png", turned_round, brain, reference="T2")
    read = {name: (tmp_path / f"{name}.png").read_bytes() for name in ("found", "given", "other")}
    assert read["found"] == read["given"] != read["other"]


def test_the_picture_is_small_and_the_same_every_time(head, tmp_path):
    images, brain, label = head
    for name in ("a", "b"):
        draw_case(tmp_path / f"{name}.png", images, brain, label, title="a case: brain 1200 ml")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size < 250_000


def test_a_contrast_that_is_even_or_far_away_is_no_obstacle(tmp_path):
    brain, _ = brick(turned(0, (1, 1, 3)))
    t1 = Volume(brain.data * 100.0 + 1, brain.affine)
    flat = Volume(np.full((10, 10, 10), 7.0), turned(0, (8, 8, 8)))
    far = Volume(t1.data, heads.rigid((0, 0, 0), (900, 0, 0)) @ t1.affine)
    draw_case(tmp_path / "case.png", {"T1": t1, "T2": flat, "PD": far}, brain, brain, title="<odd> $name_" * 20)
    assert pixels(tmp_path / "case.png", BRAIN) > 0
