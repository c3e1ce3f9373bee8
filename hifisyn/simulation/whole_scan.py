"""One scan of a simulated whole head: slices, bias, noise, ghosts, field of view, and what was done to it since."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hifisyn.simulation import mr_signal
from hifisyn.simulation.fields import draw_field

SAMPLES = 2  # along each side of a voxel
THICK, THICKNESS_MM, GAPS = 0.65, (2.5, 8.0), (0.0, 0.3)
PLANE_SHARES = (0.2, 0.2, 0.6)  # slices across, from back to front, from below to above
SOFT, SOFT_VOXELS = 0.3, (0.2, 0.7)
BIAS, BIAS_KNOT_MM = (0.0, 1.0), (60.0, 160.0)
TEXTURE, TEXTURE_KNOT_MM = (0.0, 0.5), (15.0, 40.0)
NOISE = (0.003, 0.1)  # standard deviation, of the brightest signal in the brain
GHOST, GHOST_SHARE = 0.15, (0.03, 0.25)
AIR_REMOVED, AIR_MM = 0.25, (0.0, 12.0)
STRIPPED, STRIPPED_MM, FRAY_KNOT_MM, FRAY_MM = 0.18, (-2.5, 4.0), 20.0, 10.0
CUT, CUT_BRAIN_MM = 0.3, 25.0  # of each end of the field of view
BELOW_CUT = 0.5


@dataclass(frozen=True)
class HeadSamples:
    """A head in a grid.

    Attributes:
        head: (2X, 2Y, 2Z) bool, no air.
        to_edge: (X, Y, Z) float32, mm to the edge of the brain mask; inside < 0.
        millimetres: side of a voxel.
    """

    head: np.ndarray
    to_edge: np.ndarray
    millimetres: float


def draw_scan(rng: np.random.Generator, signal: np.ndarray, samples: HeadSamples) -> tuple[np.ndarray, np.ndarray]:
    """Scan a head.

    Args:
        rng: where chance comes from.
        signal: (2X, 2Y, 2Z) signed signal.
        samples: where the head is.

    Returns:
        The scan (X, Y, Z) float32, 0 and more, and the share of each voxel that is brain.
    """
    edge, mm = samples.to_edge, samples.millimetres
    brain = np.clip(0.5 - edge / mm, 0, 1)
    inside = edge < 0
    axis = int(rng.choice(3, p=PLANE_SHARES))
    slices, between = _slices(rng, signal.shape[axis], mm)
    stack = _along(signal, slices, axis)
    for other in {0, 1, 2} - {axis}:
        stack = _halved(stack, other)
    if rng.random() < SOFT:
        sigma = np.full(3, rng.uniform(*SOFT_VOXELS))
        sigma[axis] = 0
        stack = ndimage.gaussian_filter(stack, sigma)
    if rng.random() < GHOST:
        stack = _ghosts(rng, stack, axis)
    brightest = max(float(np.percentile(np.abs(stack), 98)), 1e-6)
    noisy = mr_signal.rician(stack, brightest * float(np.exp(rng.uniform(*np.log(NOISE)))), rng)
    scan = _along(noisy, between, axis)
    scan *= _gain(rng, scan.shape, mm, inside)
    kept = _kept(rng, samples)
    return (scan * kept).astype(np.float32), (brain * kept).astype(np.float32)


def _slices(rng: np.random.Generator, count: int, mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw slices along an axis of `count` samples.

    Returns:
        (S, count) which samples make each slice, and (count / 2, S) which slices make each voxel.
    """
    step = mm / SAMPLES
    if rng.random() >= THICK:
        return np.kron(np.eye(count // SAMPLES), np.full((1, SAMPLES), 1 / SAMPLES)), np.eye(count // SAMPLES)
    thick = rng.uniform(*THICKNESS_MM)
    spacing = max(thick * (1 + rng.uniform(*GAPS)), mm / 2)
    centres = np.arange(rng.uniform(0, spacing), count * step, spacing)
    at = (np.arange(count) + 0.5) * step
    cover = np.clip((thick + step) / 2 - np.abs(at - centres[:, None]), 0, min(step, thick))
    cover /= cover.sum(axis=1, keepdims=True)
    voxels = (np.arange(count // SAMPLES) + 0.5) * mm
    place = np.clip((voxels - centres[0]) / spacing, 0, len(centres) - 1)
    weights = np.clip(1 - np.abs(place[:, None] - np.arange(len(centres))), 0, 1)
    return cover, weights


def _along(data: np.ndarray, matrix: np.ndarray, axis: int) -> np.ndarray:
    """Return data whose axis was multiplied by a matrix."""
    moved = np.tensordot(matrix.astype(np.float32), data, axes=(1, axis))
    return np.ascontiguousarray(np.moveaxis(moved, 0, axis))


def _halved(data: np.ndarray, axis: int) -> np.ndarray:
    """Return means of `SAMPLES` neighbours along an axis."""
    shape = (*data.shape[:axis], data.shape[axis] // SAMPLES, SAMPLES, *data.shape[axis + 1 :])
    return np.asarray(data.reshape(shape).mean(axis=axis + 1))


def _ghosts(rng: np.random.Generator, stack: np.ndarray, axis: int) -> np.ndarray:
    """Add a faint copy, shifted along an axis of the slices."""
    along = int(rng.choice([a for a in range(3) if a != axis]))
    shift = int(rng.integers(3, stack.shape[along] // 2))
    return np.asarray(stack + rng.uniform(*GHOST_SHARE) * np.roll(np.abs(stack), shift, along))


def _gain(rng: np.random.Generator, shape: tuple[int, ...], mm: float, brain: np.ndarray) -> np.ndarray:
    """Draw bias and texture, (X, Y, Z)."""
    reach = np.array(shape) * mm / 2
    x, y, z = ((np.arange(n) + 0.5) * mm - r for n, r in zip(shape, reach, strict=True))
    bias = draw_field(rng, -reach, reach, float(rng.uniform(*BIAS_KNOT_MM)), 1.0).on((x, y, z))
    texture = draw_field(rng, -reach, reach, float(rng.uniform(*TEXTURE_KNOT_MM)), 1.0).on((x, y, z))
    gain = 1 + float(rng.uniform(*TEXTURE)) * texture
    strength = float(rng.uniform(*BIAS))
    return np.asarray(gain * (mr_signal.bias_field(bias, brain, strength) if brain.any() else 1), dtype=np.float32)


def _kept(rng: np.random.Generator, samples: HeadSamples) -> np.ndarray:
    """Draw which voxels hold signal, (X, Y, Z) bool: those in view, and of them those that nobody set to 0."""
    edge, mm = samples.to_edge, samples.millimetres
    kept = _view(rng, edge, mm)
    fate = rng.random()
    if fate < STRIPPED:
        reach = np.array(edge.shape) * mm / 2
        x, y, z = ((np.arange(n) + 0.5) * mm - r for n, r in zip(edge.shape, reach, strict=True))
        fray = draw_field(rng, -reach, reach, FRAY_KNOT_MM, FRAY_MM * rng.random() ** 2).on((x, y, z))
        kept &= edge < rng.uniform(*STRIPPED_MM) + np.clip(fray, -6, 9)
    elif fate < STRIPPED + AIR_REMOVED:
        head = samples.head[::SAMPLES, ::SAMPLES, ::SAMPLES]
        distance = ndimage.distance_transform_edt(~head, sampling=mm) if head.any() else np.inf
        kept &= ndimage.binary_fill_holes(distance <= rng.uniform(*AIR_MM))
    return kept


def _view(rng: np.random.Generator, edge: np.ndarray, mm: float) -> np.ndarray:
    """Draw a field of view, (X, Y, Z) bool: each of its ends lies outside the brain or a little inside."""
    view = np.ones(edge.shape, dtype=bool)
    for axis, n in enumerate(edge.shape):
        across = (edge < 0).any(axis=tuple({0, 1, 2} - {axis}))
        if not across.any():
            continue
        first, last = np.flatnonzero(across)[[0, -1]]
        inside = int(CUT_BRAIN_MM / mm * rng.random() ** 2)
        place = [slice(None)] * 3
        if rng.random() < (BELOW_CUT if axis == 2 else CUT):
            place[axis] = slice(0, int(rng.integers(0, first + inside + 1)))
            view[tuple(place)] = False
        if rng.random() < CUT:
            place[axis] = slice(int(rng.integers(max(last + 1 - inside, 0), n + 1)), None)
            view[tuple(place)] = False
    return view
