import math

import numpy as np
import pytest
import torch

from hifisyn.base.condition import LENGTH, condition, tissue_means
from hifisyn.base.contrasts import SLOTS, STACK, TARGETS
from hifisyn.base.loss import losses
from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import UserError


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = BaseNetwork(4)
    for parameter in made.parameters():  # what is told counts from the first step on only once weights have moved
        torch.nn.init.normal_(parameter, 0.0, 0.2)
    return made.eval()


def told(*rows):
    return torch.from_numpy(np.stack(rows))


@pytest.mark.parametrize("sides", [(16, 24), (40, 32)])
def test_output_is_images_then_bounded_scales(network, sides):
    slices = torch.rand(2, len(SLOTS) * STACK, *sides) * 2 - 1
    output = network(slices, told(condition(["T1"], 1.0), condition(["T2"], 2.0)))
    assert output.shape == (2, 2 * len(TARGETS), *sides)
    images, scales = output.chunk(2, dim=1)
    assert images.abs().max() <= 1
    assert -5 <= scales.min() <= scales.max() <= 1


def test_each_slice_is_translated_by_itself(network):
    slices = torch.rand(3, len(SLOTS) * STACK, 16, 16) * 2 - 1
    rows = told(condition(["T1"], 1.0), condition(["PD"], 2.0), condition(["FLAIR"], 1.5, {"T1": (0, 0.1, 0.2, None)}))
    together = network(slices, rows)
    for n in range(3):
        torch.testing.assert_close(network(slices[n : n + 1], rows[n : n + 1]), together[n : n + 1])


@pytest.mark.parametrize("place", range(LENGTH))
def test_everything_that_is_told_changes_the_image(network, place):
    slices = torch.rand(1, len(SLOTS) * STACK, 16, 16) * 2 - 1
    one, other = torch.zeros(1, LENGTH), torch.zeros(1, LENGTH)
    other[0, place] = 1.0
    assert (network(slices, one) - network(slices, other)).abs().max() > 1e-5


def test_condition_holds_what_it_says():
    row = condition(["T1ce", "unnamed"], 2.0, {"FLAIR": (-0.5, None, 0.25, 1.0)})
    assert row[:6].tolist() == [0, 1, 0, 0, 0, 1]
    assert row[6] == pytest.approx(math.log(2))
    assert row[7:15].tolist() == [0.0] * 8
    assert row[15:19].tolist() == [-0.5, 0.0, 0.25, 1.0]
    assert row[19:].tolist() == [0.0] * 8 + [1.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("look", [{"T1ce": (0, 0, 0, 0)}, {"T1": (0, 0, 0)}, {"T2": (0, 0, 1.2, 0)}])
def test_impossible_looks_are_refused(look):
    with pytest.raises(UserError, match="a look must be"):
        condition(["T1"], 1.0, look)


def test_tissue_means_are_those_of_each_label():
    image, labels = np.array([[0.5, 0.7, -1.0, 0.2]]), np.array([[1, 1, 0, 3]])
    assert tissue_means(image, labels) == [pytest.approx(0.6), None, 0.2, None]


def test_loss_is_that_of_a_loop_in_double_precision():
    rng = np.random.default_rng(1)
    output = np.concatenate([rng.uniform(-1, 1, (2, 3, 5, 4)), rng.uniform(-3, 1, (2, 3, 5, 4))], axis=1)
    targets, brain = rng.uniform(-1, 1, (2, 3, 5, 4)), (rng.random((2, 1, 5, 4)) < 0.6).astype(float)
    weights = np.array([[1.0, 0.2, 1.0], [0.2, 1.0, 1.0]])
    l1 = laplace = total = 0.0
    for n, t, y, x in np.ndindex(2, 3, 5, 4):
        w = weights[n, t] * brain[n, 0, y, x]
        error, scale = abs(targets[n, t, y, x] - output[n, t, y, x]), output[n, 3 + t, y, x]
        l1 += w * error
        laplace += w * (error / math.exp(scale) + scale)
        total += w
    y, truth, inside, w = (torch.from_numpy(array) for array in (output, targets, brain, weights))
    terms = losses(y, truth, inside, w, 0.2)
    assert float(terms["l1"]) == pytest.approx(0.8 * l1 / total, rel=1e-10)
    assert float(terms["laplace"]) == pytest.approx(0.2 * laplace / total, rel=1e-10)


def test_the_likelihood_is_least_where_the_scale_is_the_mean_error():
    error = torch.tensor([0.1, 0.3, 0.2, 0.6]).double().reshape(1, 1, 2, 2)
    ones = torch.ones_like(error)

    def at(scale):
        output = torch.cat([0 * error, ones * math.log(scale)], dim=1)
        return float(losses(output, error, ones, ones[:, :, 0, 0], 1.0)["laplace"])

    assert at(0.3) < min(at(0.28), at(0.32))
