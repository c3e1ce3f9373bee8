"""Tests of prediction never need the weights that come with the package: a toy stands for the base model."""

import pytest
import torch

from hifisyn.base import shipped, weights
from hifisyn.base.unet import BaseNetwork


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory):
    """Write untrained weights."""
    path = tmp_path_factory.mktemp("base") / "base1.safetensors"
    torch.manual_seed(0)
    weights.write(path, BaseNetwork(4), {})
    return path


@pytest.fixture(autouse=True)
def base_is_a_toy(toy_base, monkeypatch):
    monkeypatch.setattr(shipped, "FILE", toy_base)
    shipped.shipped.cache_clear()
    yield
    shipped.shipped.cache_clear()
