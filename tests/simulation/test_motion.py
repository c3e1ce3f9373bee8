"""Motion: k-space line by line as a moved head gives it; ghosts along one axis; the mean and the targets stay."""

import numpy as np
import pytest

from hifisyn.simulation import scan_faults
from hifisyn.simulation.motion import displaced, draw_path, move
from hifisyn.simulation.simulated_head import simulate_head


def line_by_line(image, path):
    """Take each line of k-space from an image that was rolled by whole pixels, (H, W) along the first axis."""
    lines = image.shape[0]
    rows = np.arange(lines)
    spectrum = np.zeros(image.shape, dtype=complex)
    for number, shift in enumerate(path):
        frequency = number - lines // 2
        wave = np.exp(-2j * np.pi * frequency * rows / lines)
        spectrum[number] = wave @ np.roll(image, int(shift), axis=0)
    back = np.exp(2j * np.pi * np.outer(rows, np.arange(lines) - lines // 2) / lines) / lines
    return (back @ spectrum).real


@pytest.mark.parametrize("lines", [15, 16])
@pytest.mark.parametrize("axis", [1, 2])
def test_each_line_sees_the_head_where_it_was(lines, axis):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(lines, 7)).astype(np.float32)
    path = rng.integers(-3, 4, lines)
    stack = (image if axis == 1 else image.T)[None]
    found = displaced(stack, path, axis)[0]
    np.testing.assert_allclose(found if axis == 1 else found.T, line_by_line(image, path), atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_motion_keeps_the_mean_and_spreads_along_one_axis_only(axis):
    stack = np.zeros((4, 40, 40), dtype=np.float32)
    stack[:, 18:22, 18:22] = 1
    for seed in range(20):
        moved = move(np.random.default_rng(seed), stack, axis, 1.0)
        np.testing.assert_allclose(moved.sum(axis=axis), stack.sum(axis=axis), atol=1e-4)
        away = np.abs(moved).sum(axis=(0, axis))
        assert np.delete(away, range(18, 22)).max() < 1e-6
        assert np.abs(moved - stack).max() > 0.01


def test_interleaved_shots_make_ghosts_half_a_field_of_view_away():
    stack = np.zeros((1, 64, 3), dtype=np.float32)
    stack[0, 8:12] = 1
    ghosts = np.abs(displaced(stack, np.arange(64) % 2 * 1.0, 1)[0, :, 0])
    assert ghosts[32:48].max() > 0.1
    assert ghosts[16:32].max() < 0.2 * ghosts[32:48].max()


def test_a_path_rests_at_the_middle_and_is_as_far_as_asked():
    for seed in range(30):
        path = draw_path(np.random.default_rng(seed), 96, 1 + seed % 8, 1.5)
        assert path[48] == 0
        assert np.abs(path).max() == pytest.approx(1.5)


@pytest.mark.slow
def test_inputs_move_and_targets_stay(monkeypatch):
    heads = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(scan_faults, "MOVED", share)
        heads.append(simulate_head(None, 2, 5, 48))
    for contrast, target in heads[0].targets.items():
        np.testing.assert_array_equal(target, heads[1].targets[contrast])
        assert np.abs(heads[0].images[contrast] - heads[1].images[contrast]).max() > 0.05
