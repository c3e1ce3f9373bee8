import numpy as np
import pytest
import torch

from hifisyn.base import weights
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import FileError

KNOWN = {"T1": {"FLAIR": (2.0, 0.0), "T2": (3.0, 0.0)}, "T2": {"FLAIR": (8.0, 0.0)}}


def stack():
    image = np.full((2, 16, 16), -1, np.float32)
    image[:, 4:12, 4:12] = np.linspace(-0.9, 0.9, 64).reshape(8, 8)
    return image


def test_errors_are_multiplied_and_images_stay(tmp_path):
    torch.manual_seed(0)
    network = BaseNetwork(4).eval()
    weights.write(tmp_path / "plain.safetensors", network, {})
    weights.write(tmp_path / "known.safetensors", network, {}, KNOWN)
    plain, known = (BaseModel.load(tmp_path / f"{n}.safetensors") for n in ("plain", "known"))
    for given, factors in ((["T1"], (1, 3, 2)), (["T1", "T2"], (1, 3, 4)), (["PD"], (1, 3, 4))):
        slices = {name: stack() for name in given}
        before, after = (model.translate(slices, 1.0) for model in (plain, known))
        for target, expected in zip(("T1", "T2", "FLAIR"), factors, strict=True):
            np.testing.assert_array_equal(after[target][0], before[target][0])
            np.testing.assert_allclose(after[target][1], expected * before[target][1], rtol=1e-5)


def test_no_error_is_below_the_least_and_air_stays_without(tmp_path):
    torch.manual_seed(0)
    network = BaseNetwork(4).eval()
    weights.write(tmp_path / "base.safetensors", network, {}, {"T1": {"T2": (1.0, 50.0)}})
    error = BaseModel.load(tmp_path / "base.safetensors").translate({"T1": stack()}, 1.0)["T2"][1]
    brain = stack() > -1
    np.testing.assert_array_equal(error[brain], 50)
    np.testing.assert_array_equal(error[~brain], 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"T1": {"T1ce": (1.0, 0.0)}},
        {"T9": {}},
        {"T1": {"T2": (-1.0, 0.0)}},
        {"T1": {"T2": (1.0, -1.0)}},
        {"T1": {"T2": 1.0}},
        {"T1": 2.0},
    ],
)
def test_factors_that_cannot_be_are_refused(tmp_path, wrong):
    weights.write(tmp_path / "base.safetensors", BaseNetwork(4), {}, wrong)
    with pytest.raises(FileError, match="must be weights of format"):
        weights.read(tmp_path / "base.safetensors")
