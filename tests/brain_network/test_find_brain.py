"""From a scan to its brain: geometry by a network that only looks at brightness, whatever the grid."""

import numpy as np
import pytest
import torch

from hifisyn.brain_network.find_brain import find_brain
from hifisyn.brain_network.network import GRID_MM, BrainNetwork
from hifisyn.brain_network.scaling import coarse, fitted, margin, scaled
from hifisyn.volume import Volume
from tests.support.heads import grid

RADII, MIDDLE = np.array([55.0, 70.0, 50.0]), np.array([12.0, -8.0, 20.0])
GRIDS = [
    grid((180, 200, 170), (1, 1, 1)),
    grid((100, 90, 40), (2, 2.2, 4.5), axes="LPS", degrees=(20, -15, 10), middle=MIDDLE),
    grid((44, 200, 200), (4, 1, 1), axes="RSA", degrees=(-8, 5, 25), middle=MIDDLE),
]


class Bright(BrainNetwork):
    """Takes what is brighter than half for brain."""

    def __init__(self):
        super().__init__(1)

    def forward(self, x):
        return (x - 0.5) * 200


def ball(shape, affine, scale=1.0):
    """Return a scan of an ellipsoid whose brightness falls with distance, and where it is above half."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    radius = np.sqrt((((points - MIDDLE) / (scale * RADII)) ** 2).sum(axis=-1))
    bright = np.clip(0.5 + (1 - radius) * 3, 0, 1)
    return Volume((100 * bright).astype(np.float32), affine), radius < 1


@pytest.mark.parametrize(("shape", "affine"), GRIDS)
def test_the_mask_lies_where_the_brain_is(shape, affine):
    scan, truth = ball(shape, affine)
    found = find_brain(scan, Bright())
    assert found.shape == shape
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.98


def test_one_piece_without_holes():
    scan, truth = ball(*GRIDS[0])
    data = scan.data.copy()
    data[:12, :12, :12] = 100
    middle = np.argwhere(truth).mean(axis=0).astype(int)
    data[tuple(slice(m - 5, m + 5) for m in middle)] = 0
    mask = find_brain(scan.with_data(data), Bright())
    assert not mask[:12, :12, :12].any()
    assert mask[tuple(middle)]


def test_what_is_too_small_is_no_head():
    scan, _ = ball(*GRIDS[0], scale=0.3)
    assert not find_brain(scan, Bright()).any()


def test_scaled_ignores_gain_and_offset_and_bears_what_is_even():
    rng = np.random.default_rng(0)
    data = rng.gamma(2, 50, (20, 20, 20))
    data[:10] = 0
    np.testing.assert_allclose(scaled(data), scaled(7 * data - 300), atol=1e-5)
    assert scaled(data).min() == 0
    assert np.quantile(scaled(data)[10:], 0.99) == pytest.approx(1, abs=0.02)
    assert (scaled(np.full((4, 4, 4), 3.0)) == 0).all()


def test_the_coarse_grid_is_upright_and_covers_the_scan():
    scan, truth = ball(*GRIDS[1])
    seen = coarse(scan)
    assert seen.axcodes == "RAS"
    np.testing.assert_allclose(seen.spacing, GRID_MM)
    assert (seen.data > 0.5).sum() * GRID_MM**3 == pytest.approx(truth.sum() * scan.voxel_ml * 1000, rel=0.05)


@pytest.mark.parametrize("side", [1, 23, 24, 25, 63, 64])
def test_fitted_pads_at_both_ends(side):
    before, after = margin(side)
    data = fitted(np.ones((side, 24, 24)))
    assert data.shape[0] % 8 == 0
    assert data.shape[0] >= 24
    assert data[before : before + side].all()
    assert data.sum() == side * 24 * 24
    assert 0 <= after - before <= 1


def test_the_network_gives_a_logit_a_voxel():
    assert BrainNetwork(4)(torch.rand(2, 1, 24, 32, 40)).shape == (2, 1, 24, 32, 40)
