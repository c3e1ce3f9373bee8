"""A simulated head with skull, scalp and neck on a coarse grid, in some contrasts, and where its brain is.

The head is turned, scaled and deformed once; each of its scans then has a sequence, faults, a field of view and a
background of its own (`whole_scan`). Made for a network that looks for the brain, whatever the scan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from hifisyn.simulation.atrophy import draw_atrophy
from hifisyn.simulation.brain_edge import read_whole_anatomy
from hifisyn.simulation.brain_lesions import KEPT, draw_lesions, without_lesions
from hifisyn.simulation.fields import INJECTIVE_SHARE, draw_field
from hifisyn.simulation.growths import draw_growths
from hifisyn.simulation.label_maps import INDEX, Anatomy
from hifisyn.simulation.simulated_head import ATROPHY, LESIONS, SHAPE, draw_values, stream
from hifisyn.simulation.strokes import paint_signal
from hifisyn.simulation.whole_scan import SAMPLES, HeadSamples, draw_scan

GRID_MM = 4.0
SHARES = {"T1": 0.2, "T1ce": 0.13, "T2": 0.2, "PD": 0.1, "FLAIR": 0.25, "strange": 0.12}
OUTSIDE_BRAIN = ("soft_tissue", "skin", "bone", "marrow", "eye", "mucosa", "nerve", "fat", "blood")
GIVEN = 11  # stream of what is scanned


LESIONED, AGED = 0.3, 0.1  # of the heads; both take as long as all else
TILT_DEGREES, TILTED_DEGREES, TILTED = 12.0, 40.0, 0.15
TURNED_OVER = 0.06
COMMON_SCALE, SCALE = 0.18, 0.12
ELASTIC = {60.0: (0.05, 0.6), 25.0: (0.0, 0.35)}  # knot distance, mm, and the span of its share of `INJECTIVE_SHARE`
FAT_KNOT_MM, FAT_LEVEL = 18.0, (-0.25, 0.25)
ALTERED, ALTERED_SD, ANY = 0.5, 0.45, 0.15


@dataclass(frozen=True)
class WholeHead:
    """Scans of one head.

    Attributes:
        scans: (N, X, Y, Z) float32, 0 and more, axes to the right, to the front and up, `GRID_MM` apart.
        brain: (N, X, Y, Z) float32, share of the voxel that is brain with its sulci, 0 outside the field of view.
        names: contrast of each scan; "strange" where no scanner makes it.
    """

    scans: np.ndarray
    brain: np.ndarray
    names: tuple[str, ...]


def simulate_whole_head(
    map_file: Path, seed: int, number: int, shape: tuple[int, int, int] = (48, 56, 56), scans: int = 2
) -> WholeHead:
    """Simulate a head; the same arguments give the same.

    Args:
        map_file: a label map of a whole head.
        seed: of all heads.
        number: of the head.
        shape: voxels of `GRID_MM` that are made; the head may be larger.
        scans: how many, of contrasts drawn.

    Raises:
        FileError: the map cannot be used.
    """
    anatomy, to_edge = read_whole_anatomy(map_file)
    rng = stream(seed, number, LESIONS)
    if rng.random() >= KEPT:
        anatomy = without_lesions(anatomy)
    strokes = draw_lesions(rng, anatomy, draw_growths(rng, anatomy)) if rng.random() < LESIONED else []
    rng = stream(seed, number, ATROPHY)
    if rng.random() < AGED:
        strokes = draw_atrophy(rng, anatomy) + strokes
    rng = stream(seed, number, SHAPE)
    places, edge = _placed(rng, anatomy, to_edge, shape)
    classes = anatomy.classes.reshape(-1)[places]
    samples = HeadSamples(classes != INDEX["air"], edge, GRID_MM)
    fatty = (classes == INDEX["soft_tissue"]) & _fatty(rng, shape)
    values = draw_values(seed, number)
    rng = stream(seed, number, GIVEN)
    names = tuple(str(name) for name in rng.choice(list(SHARES), scans, p=list(SHARES.values())))
    made = []
    for name in names:
        altered = _altered(rng, values[name])
        if strokes:
            signal = paint_signal(anatomy.classes, altered, strokes).reshape(-1)[places]
        else:
            signal = paint_signal(classes, altered, ())
        signal[fatty] = altered["fat"]
        made.append(draw_scan(rng, signal, samples))
    return WholeHead(np.stack([scan for scan, _ in made]), np.stack([brain for _, brain in made]), names)


def _placed(
    rng: np.random.Generator, anatomy: Anatomy, to_edge: np.ndarray, shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw how a head lies in the grid.

    Returns:
        Place in the flat map of each sample (`SAMPLES` along each side of a voxel), and mm from the edge of the brain
        of each voxel.
    """
    brain = np.argwhere(to_edge[::4, ::4, ::4] < 0) * 8 * anatomy.spacing
    centre = (brain.min(axis=0) + brain.max(axis=0)) / 2
    matrix = _turned(rng)
    half = np.array(shape) * GRID_MM / 2
    reach = half + 1e-3
    fields = [
        draw_field(rng, -reach, reach, knot, rng.uniform(*share) * INJECTIVE_SHARE * knot, (3,))
        for knot, share in ELASTIC.items()
    ]
    seen = np.abs((brain - centre) @ np.linalg.inv(matrix).T).max(axis=0)
    spare = np.maximum(half - seen, 8.0)
    offset = np.array([0.5, 0.5, 0.7]) * spare * rng.uniform(-1, 1, 3) + np.array([0, 0, -0.15]) * spare
    middle = matrix.astype(np.float32), (centre + matrix @ offset).astype(np.float32)
    found = []
    for samples in (SAMPLES, 1):
        axes = [(np.arange(n * samples) + 0.5) / samples * GRID_MM - h for n, h in zip(shape, half, strict=True)]
        moved = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
        for field in fields:
            moved += field.on((axes[0], axes[1], axes[2]))
        found.append(np.tensordot(middle[0], moved, axes=1) + middle[1].reshape(3, 1, 1, 1))
    fine, coarse = (points / anatomy.spacing.astype(np.float32).reshape(3, 1, 1, 1) for points in found)
    edge = ndimage.map_coordinates(to_edge, coarse / 2, order=1, mode="nearest", output=np.float32)
    return _nearest(fine, anatomy.classes.shape), edge


def _turned(rng: np.random.Generator) -> np.ndarray:
    """Draw the matrix from mm of the grid to mm of the map: mirrored or not, tilted, and now and then turned over."""
    most = TILTED_DEGREES if rng.random() < TILTED else TILT_DEGREES
    turn = Rotation.from_euler("xyz", rng.uniform(-most, most, 3), degrees=True).as_matrix()
    mirror = np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1.0, 1.0])
    scale = np.exp(COMMON_SCALE * rng.uniform(-1, 1) + SCALE * rng.uniform(-1, 1, 3))
    over = np.eye(3)
    if rng.random() < TURNED_OVER:
        over = Rotation.from_euler("xyz", 90.0 * rng.integers(0, 4, 3), degrees=True).as_matrix()
    matrix: np.ndarray = mirror @ np.diag(1 / scale) @ turn @ over
    return matrix


def _nearest(voxels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the place in a flat grid of the nearest voxel; beyond it, of the corner, which is air."""
    indices = np.rint(voxels).astype(np.int32)
    inside = np.ones(indices.shape[1:], dtype=bool)
    for index, n in zip(indices, shape, strict=True):
        inside &= (index >= 0) & (index < n)
    flat = (indices[0] * shape[1] + indices[1]) * shape[2] + indices[2]
    return np.where(inside, flat, 0)


def _fatty(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Draw where soft tissue is fat: maps have one class for both."""
    reach = np.array(shape) * GRID_MM / 2
    x, y, z = ((np.arange(n * SAMPLES) + 0.5) / SAMPLES * GRID_MM - r for n, r in zip(shape, reach, strict=True))
    level = rng.uniform(*FAT_LEVEL)
    return np.asarray(draw_field(rng, -reach, reach, FAT_KNOT_MM, 1.0).on((x, y, z)) > level)


def _altered(rng: np.random.Generator, values: Mapping[str, float]) -> dict[str, float]:
    """Return signals whose tissues outside the brain are brighter or darker than theirs, or as bright as chance says.

    Fat saturation, flow and coils do that, and one class of a map holds several tissues.
    """
    changed = dict(values)
    if rng.random() < ALTERED:
        highest = max(abs(v) for v in values.values())
        for name in OUTSIDE_BRAIN:
            changed[name] *= float(np.exp(ALTERED_SD * rng.standard_normal()))
            if rng.random() < ANY:
                changed[name] = float(highest * rng.random())
    return changed
