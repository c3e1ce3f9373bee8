"""Tissue painted over a map of classes: where, how much, and what it makes of signals and groups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from hifisyn.simulation.label_maps import CLASSES

LEAST = 0.02
GROUPS = {"CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
GROUP_OF = (
    dict.fromkeys(("fluid", "ventricle", "choroid_plexus", "blood"), "CSF")
    | dict.fromkeys(("cortex", "thalamus", "caudate", "putamen", "pallidum", "hippocampus", "accumbens"), "GM")
    | {"cerebellar_cortex": "GM"}
    | dict.fromkeys(("white_matter", "cerebellar_white_matter", "brainstem", "ventral_diencephalon"), "WM")
    | dict.fromkeys(("white_matter_lesion", "oedema", "solid_tumour", "enhancing", "necrosis"), "lesion")
    | dict.fromkeys(("infarct", "cavity"), "lesion")
)


@dataclass(frozen=True)
class Stroke:
    """Cover what is below by a tissue.

    Attributes:
        tissue: of `tissue_parameters.PARAMETERS`.
        places: (P,) of the flat grid.
        share: (P,) float32, 0..1.
    """

    tissue: str
    places: np.ndarray
    share: np.ndarray


def stroke(tissue: str, share: np.ndarray, box: tuple[slice, ...], shape: tuple[int, ...]) -> Stroke:
    """Return a stroke of the share, 0..1, that a tissue covers in a box of a grid of `shape`."""
    inside = np.nonzero(share > LEAST)
    places = np.ravel_multi_index([i + s.start for i, s in zip(inside, box, strict=True)], shape)
    return Stroke(tissue, places, share[inside].astype(np.float32))


def whole(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the box that is all of a grid."""
    return tuple(slice(0, n) for n in shape)


def paint_signal(classes: np.ndarray, values: Mapping[str, float], strokes: Iterable[Stroke]) -> np.ndarray:
    """Return the signed signal of each voxel, float32: that of its class, and of what was painted over it."""
    table = np.zeros(256, dtype=np.float32)
    table[: len(CLASSES)] = [values[name] for name in CLASSES]
    signal: np.ndarray = table[classes]
    flat = signal.reshape(-1)
    for s in strokes:
        flat[s.places] += s.share * (np.float32(values[s.tissue]) - flat[s.places])
    return signal


def paint_groups(classes: np.ndarray, strokes: Iterable[Stroke]) -> np.ndarray:
    """Return 1 CSF, 2 GM, 3 WM, 4 lesion and 0 for what is outside the brain, uint8."""
    table = np.zeros(256, dtype=np.uint8)
    table[: len(CLASSES)] = [GROUPS.get(GROUP_OF.get(name, ""), 0) for name in CLASSES]
    groups: np.ndarray = table[classes]
    flat = groups.reshape(-1)
    for s in strokes:
        flat[s.places[s.share > 0.5]] = GROUPS[GROUP_OF[s.tissue]]
    return groups
