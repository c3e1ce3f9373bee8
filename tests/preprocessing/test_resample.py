import numpy as np
import pytest
import SimpleITK

from hifisyn.preprocessing.resample import isotropic_grid, resample, resample_mask
from hifisyn.volume import Volume
from tests.support.heads import grid

FLIP = np.diag([-1.0, -1.0, 1.0])


def noise(shape, affine, seed=0):
    return Volume(np.random.default_rng(seed).random(shape).astype(np.float32), affine)


def itk(volume):
    """The same image for ITK, whose world is LPS."""
    image = SimpleITK.GetImageFromArray(volume.data.transpose(2, 1, 0).astype(np.float64))
    spacing = np.array(volume.spacing)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin((FLIP @ volume.affine[:3, 3]).tolist())
    image.SetDirection((FLIP @ volume.affine[:3, :3] / spacing).ravel().tolist())
    return image


ONTO = [
    grid((17, 15, 9), (1.1, 0.9, 2.0), axes="LPS", degrees=(12, -7, 20), middle=(1, -2, 0.5)),
    grid((20, 12, 14), (0.8, 1.3, 1.0), axes="ASL", degrees=(-3, 30, 5)),
]


@pytest.mark.parametrize(("order", "method"), [(0, SimpleITK.sitkNearestNeighbor), (1, SimpleITK.sitkLinear)])
@pytest.mark.parametrize("onto", ONTO)
def test_oblique_and_permuted_grids_as_simpleitk(order, method, onto):
    volume = noise(*grid((16, 18, 12), (1.5, 1.2, 1.7), axes="RIP", degrees=(5, 9, -14), middle=(1, 1, 1)))
    target = Volume(np.zeros(onto[0]), onto[1])
    ours = resample(volume, target, order=order, antialias=False, fill=-7)
    image = SimpleITK.Resample(itk(volume), itk(target), SimpleITK.Transform(), method, -7.0)
    theirs = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    assert (theirs != -7).mean() > 0.5
    np.testing.assert_allclose(ours.data, theirs, atol=1e-5)
    np.testing.assert_array_equal(ours.affine, target.affine)


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SRA", "PIL"])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_flips_and_permutations_change_no_value(axes, order):
    volume = noise(*grid((7, 8, 9), (0.9101558394709854, 1.1, 2.9), degrees=(4, 8, -5), middle=(-91.3, 4, 17)))
    turned = volume.reoriented(axes)
    np.testing.assert_allclose(resample(volume, turned, order=order).data, turned.data, atol=0 if order < 3 else 1e-5)


def test_the_view_ends_half_a_voxel_beyond_the_outermost_centres():
    line = Volume(np.array([2.0, 4.0]).reshape(2, 1, 1), np.eye(4))
    onto = Volume(np.zeros((13, 1, 1)), np.diag([0.25, 1, 1, 1]))
    onto.affine[0, 3] = -1
    expected = [9, 9, 2, 2, 2, 2.5, 3, 3.5, 4, 4, 4, 9, 9]
    np.testing.assert_allclose(resample(line, onto, order=1, fill=9).data.ravel(), expected, atol=1e-6)


def test_coarser_grids_are_antialiased_and_finer_ones_are_not():
    stripes = Volume((np.arange(60)[:, None, None] % 2 * np.ones((1, 6, 6))).astype(np.float32), np.eye(4))
    coarse = Volume(np.zeros((14, 6, 6)), np.diag([4.0, 1, 1, 1]))
    np.testing.assert_allclose(resample(stripes, coarse, order=1).data[1:-1], 0.5, atol=0.05)
    turned, coarse_turned = stripes.reoriented("SRA"), coarse.reoriented("ASR")
    np.testing.assert_allclose(resample(turned, coarse_turned, order=1).data[:, :, 1:-1], 0.5, atol=0.05)
    assert set(np.unique(resample(stripes, coarse, order=1, antialias=False).data)) == {0}
    fine = Volume(np.zeros((60, 6, 6)), np.eye(4))
    np.testing.assert_array_equal(resample(stripes, fine, order=1).data, stripes.data)


def test_a_cubic_spline_follows_a_smooth_function_and_stays_in_range():
    x = np.arange(40.0)
    wave = Volume(np.sin(x / 3)[:, None, None] * np.ones((1, 4, 4), np.float32), np.eye(4))
    onto = Volume(np.zeros((60, 4, 4)), np.diag([0.5, 1, 1, 1]))
    onto.affine[0, 3] = 4.25
    exact = np.sin((4.25 + 0.5 * np.arange(60)) / 3)
    reachable = np.clip(exact, wave.data.min(), wave.data.max())
    assert np.abs(resample(wave, onto).data[:, 2, 2] - reachable).max() < 3e-4
    step = Volume((x > 20)[:, None, None] * np.ones((1, 4, 4), np.float32), np.eye(4))
    found = resample(step, onto).data
    assert (found.min(), found.max()) == (0, 1)


def test_a_mask_keeps_its_volume():
    ball = noise(*grid((30, 30, 30), (1, 1, 1)))
    ball = ball.with_data(((np.indices(ball.shape) - 14.5) ** 2).sum(axis=0) < 11**2)
    onto = Volume(np.zeros((40, 40, 16)), grid((40, 40, 16), (0.8, 0.7, 1.9), axes="LPS", degrees=(10, 5, 0))[1])
    found = resample_mask(ball, onto)
    assert found.data.dtype == np.uint8
    assert found.data.sum() * np.prod(onto.spacing) == pytest.approx(ball.data.sum(), rel=0.02)


def test_an_isotropic_grid_covers_every_corner_and_has_its_centre_on_a_voxel():
    volume = noise(*grid((11, 9, 7), (1, 2, 3), axes="PIR", degrees=(20, 30, 40), middle=(5, 6, 7)))
    centre = np.array([4.0, 5.5, 9.0])
    cubes = isotropic_grid(volume, 2.0, centre)
    np.testing.assert_allclose(cubes.affine[:3, :3], 2 * np.eye(3))
    place = np.linalg.solve(cubes.affine, [*centre, 1])[:3]
    np.testing.assert_allclose(place, np.rint(place), atol=1e-9)
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in volume.shape], [1])).reshape(4, -1)
    index = np.linalg.solve(cubes.affine, volume.affine @ corners)[:3]
    assert (index > -0.5 - 1e-9).all()
    assert (index < np.array(cubes.shape)[:, None] - 0.5 + 1e-9).all()
