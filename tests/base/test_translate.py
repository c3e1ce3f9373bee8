import numpy as np
import pytest
import torch

from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import UserError
from hifisyn.preprocessing.neighbours import with_neighbours
from tests.support.base_toys import toy_head


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = BaseNetwork(4)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.2)
    return BaseModel(network.eval())


HEAD = toy_head(0, slices=5, side=21)
GIVEN = {"T1": HEAD.images["T1"], "unnamed": HEAD.strange}


def test_images_and_scales_have_the_shape_of_the_input(model):
    found = model.translate(GIVEN, 2.0)
    assert sorted(found) == ["FLAIR", "T1", "T2"]
    for image, scale in found.values():
        assert image.shape == scale.shape == HEAD.brain.shape
        assert (image[~HEAD.brain] == -1).all()
        assert (scale[HEAD.brain] > 0).all()
        assert np.abs(image).max() <= 1


def test_told_changes_the_image_and_not_told_is_no_look(model):
    plain = model.translate(GIVEN, 2.0)["T2"][0]
    told = model.translate(GIVEN, 2.0, {"T2": (0.9, 0.1, -0.2, None)})["T2"][0]
    assert np.abs(told - plain).max() > 1e-4
    for untold in ({}, {"T2": (None,) * 4}):
        assert np.array_equal(model.translate(GIVEN, 2.0, untold)["T2"][0], plain)


def test_a_slice_sees_its_neighbours_unless_it_is_alone(model):
    other = {name: image.copy() for name, image in GIVEN.items()}
    other["T1"][0] = -1
    one, two = (model.translate(images, 2.0)["T1"][0] for images in (GIVEN, other))
    assert np.abs(one[1] - two[1]).max() > 0
    assert np.array_equal(one[2:], two[2:])
    one, two = (model.translate(images, 2.0, neighbours=False)["T1"][0] for images in (GIVEN, other))
    assert np.array_equal(one[1:], two[1:])


def test_slices_may_come_amid_their_neighbours(model):
    """Those above and below need not be among the slices that are asked for."""
    whole = {name: with_neighbours(image, np.ones(5, bool), range(5), 1) for name, image in GIVEN.items()}
    some = model.translate({name: stack[1:5:3] for name, stack in whole.items()}, 2.0)
    for target, (image, scale) in model.translate(GIVEN, 2.0).items():
        np.testing.assert_allclose(some[target][0], image[1:5:3], atol=1e-5)
        np.testing.assert_allclose(some[target][1], scale[1:5:3], atol=1e-5)


def test_mirror_average_does_not_know_left_from_right(model):
    """Sides of 24 pixels, so that nothing is padded: the mirrored input gives the mirrored output."""
    head = toy_head(1, side=24)
    one = model.translate({"T1": head.images["T1"]}, 2.0, mirror=True)["T2"][0]
    two = model.translate({"T1": np.ascontiguousarray(head.images["T1"][..., ::-1])}, 2.0, mirror=True)["T2"][0]
    np.testing.assert_allclose(one, two[..., ::-1], atol=1e-5)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ({}, "inputs must be of"),
        ({"CT": HEAD.strange}, "inputs must be of"),
        ({"T1": HEAD.strange, "T2": HEAD.strange[1:]}, "of one shape"),
        ({"T1": HEAD.strange[0]}, "of one shape"),
        ({"T1": HEAD.strange[:, None]}, "of one shape"),
    ],
)
def test_impossible_inputs_are_refused(model, slices, message):
    with pytest.raises(UserError, match=message):
        model.translate(slices, 2.0)
