"""Whole heads: the same seed gives the same head, the mask ends where it should, and scans are what was drawn."""

import numpy as np
import pytest

from hifisyn.simulation import whole_head, whole_scan
from hifisyn.simulation.brain_edge import FLUID_MM, TISSUE_MM, edge_distance, read_whole_anatomy
from hifisyn.simulation.label_maps import anatomy_of, classes_of, load_anatomy
from hifisyn.simulation.whole_head import GRID_MM, simulate_whole_head
from hifisyn.simulation.whole_scan import CUT_BRAIN_MM, HeadSamples, draw_scan
from tests.support.round_heads import BRAIN_MM, FLUID_EDGE_MM, STEP, round_head, write_map

SHAPE = (48, 48, 48)


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("maps") / "round.nii.gz")


def radius_of(mask, voxel_mm):
    return (mask.sum() * voxel_mm**3 * 3 / (4 * np.pi)) ** (1 / 3)


@pytest.mark.parametrize(("fluid_mm", "wanted"), [(FLUID_EDGE_MM, FLUID_MM), (BRAIN_MM, TISSUE_MM)])
def test_the_mask_ends_in_the_fluid_or_close_to_tissue(fluid_mm, wanted):
    anatomy = anatomy_of(classes_of(round_head(fluid_mm)), np.full(3, STEP), None)
    assert radius_of(edge_distance(anatomy) < 0, 2 * STEP) == pytest.approx(BRAIN_MM + wanted, abs=0.4 * 2 * STEP)


def test_the_whole_head_is_read(map_file):
    anatomy, edge = read_whole_anatomy(map_file)
    assert anatomy.classes.shape == round_head().shape
    assert load_anatomy(map_file, 14.0).classes.shape < anatomy.classes.shape
    assert edge.shape == anatomy.to_hull.shape


def test_same_arguments_same_head(map_file):
    head, again, other = (simulate_whole_head(map_file, 1, n, SHAPE) for n in (3, 3, 4))
    np.testing.assert_array_equal(head.scans, again.scans)
    np.testing.assert_array_equal(head.brain, again.brain)
    assert head.names == again.names
    assert not np.array_equal(head.scans, other.scans)


def test_the_brain_has_the_size_that_was_drawn(map_file, monkeypatch):
    monkeypatch.setattr(whole_head, "_turned", lambda rng: np.eye(3) / 0.8)
    monkeypatch.setattr(whole_head, "ELASTIC", {})
    for chance in ("CUT", "BELOW_CUT", "STRIPPED", "AIR_REMOVED"):
        monkeypatch.setattr(whole_scan, chance, 0.0)
    head = simulate_whole_head(map_file, 0, 0, SHAPE, scans=1)
    assert radius_of(head.brain, GRID_MM) == pytest.approx(0.8 * (BRAIN_MM + FLUID_MM), rel=0.03)


def samples(edge_of_air=70.0, n=40):
    axis = (np.arange(n) + 0.5 - n / 2) * GRID_MM
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2).astype(np.float32)
    fine = np.repeat(np.repeat(np.repeat(radius, 2, 0), 2, 1), 2, 2)
    return fine, HeadSamples(fine < edge_of_air, radius - 40, GRID_MM)


def test_scans_are_not_negative_and_empty_where_nothing_is_kept():
    fine, head = samples()
    for seed in range(12):
        scan, brain = draw_scan(np.random.default_rng(seed), np.where(fine < 55, -1, 0).astype(np.float32), head)
        assert scan.min() >= 0
        assert 0 <= brain.min() <= brain.max() <= 1
        assert scan.max() > 0
        assert (scan[brain > 0] > 0).mean() > 0.9


@pytest.mark.parametrize("seed", range(8))
def test_slices_keep_what_is_even_and_what_rises_evenly(seed):
    slices, between = whole_scan._slices(np.random.default_rng(seed), 120, GRID_MM)
    even, ramp = np.ones(120), (np.arange(120) + 0.5) * GRID_MM / 2
    np.testing.assert_allclose(between @ slices @ even, 1)
    inner = slice(8, -8)
    np.testing.assert_allclose((between @ slices @ ramp)[inner], ((np.arange(60) + 0.5) * GRID_MM)[inner], atol=0.2)


def test_the_field_of_view_takes_little_brain():
    _, head = samples()
    lost = []
    for seed in range(60):
        view = whole_scan._view(np.random.default_rng(seed), head.to_edge, GRID_MM)
        inside = np.argwhere(~view & (head.to_edge < 0))
        depth = -head.to_edge[tuple(inside.T)].min() if len(inside) else 0
        lost.append(depth)
    assert max(lost) <= 2 * CUT_BRAIN_MM
    assert 0.05 < np.mean(np.array(lost) > 0) < 0.5
