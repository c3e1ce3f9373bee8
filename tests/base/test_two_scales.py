import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.base.contrasts import SLOTS, STACK, TARGETS
from hifisyn.base.translate import BaseModel
from hifisyn.base.two_scales import blended, halved
from hifisyn.base.unet import BaseNetwork


class Copies(BaseNetwork):
    """Returns the T1 as every target; remembers the sizes that it saw."""

    def __init__(self):
        super().__init__(4)
        self.sizes = []

    def forward(self, slices, told):
        self.sizes.append(tuple(slices.shape[-2:]))
        image = slices[:, SLOTS.index("T1") * STACK + 1][:, None].repeat(1, len(TARGETS), 1, 1)
        return torch.cat([image, torch.zeros_like(image)], dim=1)


def test_blocks_are_the_mean_of_their_brain():
    rng = np.random.default_rng(0)
    stack = np.where(rng.random((2, 3, 6, 8)) < 0.6, rng.uniform(-0.9, 1, (2, 3, 6, 8)), -1).astype(np.float32)
    small = halved(torch.from_numpy(stack)).numpy()
    for at in np.ndindex(2, 3, 3, 4):
        block = stack[at[0], at[1], 2 * at[2] : 2 * at[2] + 2, 2 * at[3] : 2 * at[3] + 2]
        brain = block[block > -1]
        assert small[at] == pytest.approx(brain.mean() if len(brain) >= 2 else -1, abs=1e-6)


def test_what_is_even_stays_even_up_to_the_edge_of_the_brain():
    brain = np.zeros((1, 4, 4), bool)
    brain[0, 1:3, 1:3] = True
    coarse = np.where(brain[:, None], 0.5, -1).astype(np.float32)
    fine = np.full((1, 1, 8, 7), 0.1, np.float32)
    found = blended(*(torch.from_numpy(part) for part in (fine, coarse, brain)))[0, 0]
    np.testing.assert_allclose(found[1:7, 1:7], 0.3, atol=1e-6)
    np.testing.assert_allclose(found[0], 0.1, atol=1e-6)


@pytest.mark.parametrize(("pixel_mm", "sizes"), [(2.0, [(16, 24)]), (1.0, [(16, 24), (8, 16)])])
def test_only_fine_pixels_are_seen_twice(pixel_mm, sizes):
    network = Copies()
    rng = np.random.default_rng(1)
    image = rng.uniform(-0.5, 0.5, (2, 15, 22)).astype(np.float32)
    (found, error) = BaseModel(network).translate({"T1": image}, pixel_mm)["T2"]
    assert network.sizes == sizes
    assert found.shape == image.shape
    np.testing.assert_allclose(error, 1, atol=1e-6)
    expected = image
    if len(sizes) > 1:
        padded = np.pad(image, ((0, 0), (0, 1), (0, 0)), constant_values=-1)
        wide = np.where((padded > -1), padded, np.nan).reshape(2, 8, 2, 11, 2)
        blocks = torch.from_numpy(np.nanmean(wide, axis=(2, 4)))[:, None]
        up = nn.functional.interpolate(blocks, scale_factor=2, mode="bilinear", align_corners=False)
        expected = (image + up[:, 0, :15, :22].numpy()) / 2
    np.testing.assert_allclose(found, expected, atol=1e-5)
