"""Tests of prediction never need the weights that come with the package: a toy stands for the base model."""

import pytest
import torch

from hifisyn.base import shipped, weights
from hifisyn.base.unet import BaseNetwork, ToldNorm


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory):
    """Write untrained weights."""
    path = tmp_path_factory.mktemp("base") / "base1.safetensors"
    torch.manual_seed(0)
    network = BaseNetwork(4)
    for module in network.modules():
        if isinstance(module, ToldNorm):
            torch.nn.init.normal_(module.moves.weight, std=0.3)  # else it would not listen to what it is told
    weights.write(path, network, {})
    return path


@pytest.fixture(autouse=True)
def base_is_a_toy(toy_base, monkeypatch):
    monkeypatch.setattr(shipped, "FILE", toy_base)
    shipped.shipped.cache_clear()
    yield
    shipped.shipped.cache_clear()
