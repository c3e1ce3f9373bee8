"""The network that the package holds: simulated heads as they come, and heads as they should not come."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from hifisyn.brain_network import weights
from hifisyn.brain_network.find_brain import find_brain
from hifisyn.errors import FileError
from hifisyn.networks.weights_file import HASH
from hifisyn.simulation.label_maps import find_maps
from hifisyn.simulation.whole_head import GRID_MM, simulate_whole_head
from hifisyn.volume import Volume

SEED, NUMBERS = 99, range(6)  # no training has this seed


def overlap(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.fixture(scope="module")
def heads():
    root = os.environ.get("HIFISYN_TEST_DATA")
    if root is None:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    files = find_maps(Path(root) / "head_labels")
    return [simulate_whole_head(files[number], SEED, number) for number in NUMBERS]


def volumes(heads):
    affine = np.diag([GRID_MM, GRID_MM, GRID_MM, 1])
    for head in heads:
        for scan, brain in zip(head.scans, head.brain, strict=True):
            yield Volume(scan, affine), brain > 0.5


@pytest.mark.slow
def test_brains_of_simulated_heads_are_found(heads):
    found = [overlap(find_brain(scan), brain) for scan, brain in volumes(heads)]
    assert np.median(found) > 0.9
    assert min(found) > 0.7


@pytest.mark.slow
def test_a_small_head_and_one_upside_down_are_masks_of_their_grid(heads):
    scan, _ = next(volumes(heads))
    for affine in (np.diag([2.4, 2.4, 2.4, 1]), np.diag([GRID_MM, GRID_MM, -GRID_MM, 1])):
        mask = find_brain(Volume(scan.data, affine))
        assert mask.shape == scan.shape
        assert mask.dtype == bool


@pytest.mark.parametrize("shape", [(64, 64, 64), (40, 90, 3), (1, 80, 80)])
def test_noise_is_no_head(shape):
    noise = np.random.default_rng(0).gamma(1.0, 100.0, shape).astype(np.float32)
    assert not find_brain(Volume(noise, np.diag([3.0, 3, 3, 1]))).any()


def test_weights_that_were_changed_are_refused(tmp_path, monkeypatch):
    assert weights.shipped().card["seed"] == 0
    copy = tmp_path / weights.SHIPPED.name
    weights.write(copy, weights.shipped().network, {"another": True})
    shutil.copy(weights.SHIPPED.with_name(copy.name + HASH), tmp_path)
    weights.shipped.cache_clear()
    monkeypatch.setattr(weights, "SHIPPED", copy)
    with pytest.raises(FileError, match="must have the hash"):
        weights.shipped()
    weights.shipped.cache_clear()
