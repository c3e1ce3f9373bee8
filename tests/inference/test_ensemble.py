"""Several translators as one, and one translator at several places: what comes of images and expected errors."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.inference.augmented import Shifted
from hifisyn.inference.ensemble import Ensemble, mixture


class Map(nn.Module):
    """A network that is a function; it counts its calls."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.calls = function, 0

    def forward(self, image):
        self.calls += 1
        return self.function(image)


def images(seed=0, channels=1, size=16):
    return torch.rand(3, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def with_scale(shift, scale):
    """A network that adds `shift` and expects an error of `scale`."""
    return Map(lambda x: torch.cat([x + shift, torch.full_like(x, math.log(scale))], dim=1))


def test_one_member_is_that_member():
    made = Ensemble([with_scale(0.1, 0.3)])(images())
    assert torch.equal(made, with_scale(0.1, 0.3)(images()))
    with pytest.raises(ValueError, match="one member"):
        Ensemble([])


def test_images_are_averaged():
    members = [Map(lambda x, k=k: x * k) for k in (0.2, 0.5, 0.9)]
    made = Ensemble(members)(images())
    expected_image = np.mean([images().double().numpy() * k for k in (0.2, 0.5, 0.9)], axis=0)
    assert made.shape == (3, 1, 16, 16)
    np.testing.assert_allclose(made, expected_image, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_equal_members_change_no_bit(count):
    assert torch.equal(Ensemble([Map(lambda x: x * 0.37)] * count)(images()), images() * 0.37)


def test_the_expected_error_is_that_of_the_mixture():
    shifts, scales = (0.3, -0.1, 0.2), (0.05, 0.1, 0.4)
    made = Ensemble([with_scale(*each) for each in zip(shifts, scales, strict=True)])(images())
    # By sampling: the variance of a mixture of three Laplace distributions.
    rng = np.random.default_rng(0)
    sampled = np.concatenate([rng.laplace(m, b, 2_000_000) for m, b in zip(shifts, scales, strict=True)])
    np.testing.assert_allclose(made[:, 1].exp(), math.sqrt(sampled.var() / 2), rtol=3e-3)
    np.testing.assert_allclose(made[:, :1], images() + sampled.mean(), atol=1e-3)


def test_members_that_agree_expect_what_each_expects():
    made = Ensemble([with_scale(0.1, 0.2)] * 3)(images())
    np.testing.assert_allclose(made[:, 1].exp(), 0.2, rtol=1e-6)
    certain = mixture(torch.tensor([0.5, -80.0]).reshape(1, 1, 2, 1, 1).repeat(2, 1, 1, 1, 1))
    np.testing.assert_allclose(certain[0, 1], -80)


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_identity_gives_the_image_back_to_the_bit(stride, channels):
    network = Map(lambda x: x[:, channels // 2 : channels // 2 + 1])
    image = images(1, channels)
    made = Shifted(network, stride)(image)
    assert torch.equal(made, image[:, channels // 2 : channels // 2 + 1])
    assert network.calls == 8


@pytest.mark.parametrize(("stride", "period"), [(1, 2), (2, 2), (4, 4), (8, 8)])
@pytest.mark.parametrize("axis", [-1, -2])
def test_a_stripe_of_the_networks_grid_falls_out(stride, period, axis):
    place = torch.arange(16)
    stripe = torch.where(place % period < period // 2, 0.2, -0.2)
    stripe = stripe if axis == -1 else stripe[:, None]
    network = Map(lambda x: 0.5 * x + stripe)
    inner = slice(max(1, stride // 2), -max(1, stride // 2))
    assert (network(images()) - 0.5 * images()).abs().min() > 0.1
    made = Shifted(network, stride)(images())
    torch.testing.assert_close(made[..., inner, inner], 0.5 * images()[..., inner, inner])


def test_a_network_that_moves_with_its_image_is_unchanged():
    torch.manual_seed(0)
    kernel = torch.rand(3, 3)
    convolution = nn.Conv2d(1, 2, 3, bias=False)
    convolution.weight.data[:] = kernel + kernel.flip(-1)

    def blurred(x):
        return convolution(nn.functional.pad(x, (1, 1, 1, 1), value=-1.0))

    image = images(2)
    image[..., :3, :], image[..., -3:, :], image[..., :3], image[..., -3:] = -1, -1, -1, -1
    with torch.no_grad():
        torch.testing.assert_close(Shifted(Map(blurred), 4)(image), blurred(image))


def test_every_pass_sees_the_size_that_the_network_knows():
    seen: list[tuple[int, ...]] = []

    def look(image):
        seen.append(tuple(image.shape))
        return image

    Shifted(Map(look), 4)(images())
    assert seen == [(3, 1, 16, 16)] * 8


def test_what_the_mirror_image_says_otherwise_is_expected_as_an_error():
    half = (torch.arange(16) < 8).float() * 0.4  # left and right differ
    network = Map(lambda x: torch.cat([x + half, torch.full_like(x, math.log(0.1))], dim=1))
    made = Shifted(network)(images())
    # In the inner columns one mirror image says 0.4 and the other 0: a spread of 0.2.
    np.testing.assert_allclose(made[..., 2:6].exp()[:, 1, 2:14], math.sqrt((2 * 0.1**2 + 0.2**2) / 2), rtol=1e-5)
