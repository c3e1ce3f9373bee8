import numpy as np

from hifisyn.brain_network.bright_rim import without_bright_rim

SPACING = (1.0, 1.0, 2.0)


def ball(radius, centre=(0, 0, 0), shape=(80, 80, 40)):
    axes = np.meshgrid(*(s * (np.arange(n) - (n - 1) / 2) for n, s in zip(shape, SPACING, strict=True)), indexing="ij")
    return sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)) <= radius**2


def head(bright):
    brain, fat = ball(30), ball(8, (30, 0, 0)) & ~ball(29)
    image = np.where(brain | fat, 100.0, 0.0) + np.random.default_rng(0).normal(0, 5, brain.shape)
    image[fat] = bright
    return brain, fat, image


def test_fat_at_the_edge_goes_and_brain_stays():
    brain, fat, image = head(300.0)
    found = without_bright_rim(brain | fat, image, SPACING)
    assert not (found & fat & ~brain).any()
    assert (found & brain).sum() > 0.98 * brain.sum()


def test_what_is_as_bright_as_brain_stays():
    brain, fat, image = head(105.0)
    found = without_bright_rim(brain | fat, image, SPACING)
    assert found.sum() > 0.98 * (brain | fat).sum()


def test_a_bright_lesion_inside_stays():
    brain, _, image = head(100.0)
    lesion = ball(6, (8, 0, 0))
    image[lesion] = 300
    assert without_bright_rim(brain, image, SPACING)[lesion].all()


def test_gain_and_offset_do_not_matter():
    brain, fat, image = head(300.0)
    np.testing.assert_array_equal(
        without_bright_rim(brain | fat, image, SPACING), without_bright_rim(brain | fat, 7 * image - 400, SPACING)
    )


def test_a_mask_without_an_inside_stays():
    mask = ball(5)
    np.testing.assert_array_equal(without_bright_rim(mask, np.ones(mask.shape), SPACING), mask)
