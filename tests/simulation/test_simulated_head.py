"""Heads from label maps: the same seed gives the same head, and slices look as the pipeline's do."""

import os
from pathlib import Path

import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.simulation.label_maps import find_maps
from hifisyn.simulation.simulated_head import CONTRASTS, TARGETS, simulate_head
from hifisyn.simulation.unphysical import draw_brightness


@pytest.fixture(scope="module")
def maps():
    root = os.environ.get("HIFISYN_TEST_DATA")
    if root is None:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    return find_maps(Path(root) / "head_labels")


@pytest.mark.slow
def test_same_arguments_same_head_and_minus_one_outside(maps):
    head, again, other = (simulate_head(maps[0], 1, n, 64) for n in (3, 3, 4))
    assert set(head.images) == set(CONTRASTS)
    assert set(head.targets) == set(TARGETS)
    for contrast in CONTRASTS:
        np.testing.assert_array_equal(head.images[contrast], again.images[contrast])
    assert other.pixel_mm != head.pixel_mm
    for stack in (*head.images.values(), *head.targets.values(), head.strange):
        assert stack.shape == head.brain.shape
        assert stack.dtype == np.float32
        assert (stack[~head.brain] == -1).all()
        assert stack.min() >= -1
        assert stack.max() <= 1
    assert (head.labels[~head.brain] == 0).all()
    assert set(np.unique(head.labels)) <= set(range(5))


@pytest.mark.slow
def test_without_lesions_there_are_none_and_all_else_stays(maps):
    sick = next(h for h in (simulate_head(maps[0], 1, n, 48) for n in range(8)) if (h.labels == 4).sum() > 50)
    number = next(n for n in range(8) if simulate_head(maps[0], 1, n, 48).pixel_mm == sick.pixel_mm)
    well = simulate_head(maps[0], 1, number, 48, lesions=False)
    assert not (well.labels == 4).any()
    assert well.plane == sick.plane
    assert (well.brain == sick.brain).mean() > 0.97


def test_without_physics_a_contrast_differs_by_chance_alone():
    one, other = (draw_brightness(np.random.default_rng(number)) for number in (1, 2))
    ratios = [np.log(abs(one[c][t] / other[c][t])) for c in TARGETS for t in ("white_matter", "cortex", "oedema")]
    assert 0.02 < np.std(ratios) < 0.4
    for values in (one, other):
        assert values["T1"]["white_matter"] > values["T1"]["cortex"] > values["T1"]["ventricle"]
        assert values["T2"]["ventricle"] > values["T2"]["cortex"]


def test_a_folder_without_maps_is_refused(tmp_path):
    with pytest.raises(UserError, match="must hold NIfTI files"):
        find_maps(tmp_path)
