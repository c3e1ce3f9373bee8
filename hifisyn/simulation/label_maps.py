"""Label maps of whole heads: FreeSurfer's and SynthSeg's numbers, as classes of tissue on a grid."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from hifisyn.errors import FileError, UserError
from hifisyn.largest_piece import largest_piece
from hifisyn.raw_files import is_nifti
from hifisyn.volume import Volume

MARGIN_MM = 14.0
SMALLEST_ML = 300.0
PARCELS: dict[str, tuple[tuple[int, int], ...]] = {
    "cortex": ((1000, 1036), (2000, 2036), (11100, 11176), (12100, 12176))
}
PARCELS["white_matter"] = ((3000, 3036), (4000, 4036), (5001, 5003))

# FreeSurferColorLUT.txt names the numbers below 500, but for 136, 137, 163 and 164, which lie in the ventricles of
# SynthSeg's maps as choroid plexus does. It does not name those above; here they are called after what they cover.
NUMBERS: dict[str, tuple[int, ...]] = {
    "air": (0,),
    "fluid": (24,),
    "ventricle": (4, 5, 14, 15, 43, 44, 72, 213, 221),
    "cortex": (3, 19, 42),
    "white_matter": (2, 41, 85, 192, *range(250, 256)),
    "thalamus": (9, 10, 48, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 18, 53, 54),
    "accumbens": (26, 58),
    "ventral_diencephalon": (27, 28, 59, 60),
    "brainstem": (16, 170, 171, 172, 173, 174, 175, 178),
    "cerebellar_cortex": (8, 47),
    "cerebellar_white_matter": (7, 46),
    "choroid_plexus": (31, 63, 136, 137, 163, 164),
    "blood": (30, 62, 502, 514),
    "white_matter_lesion": (25, 57, 77, 78, 79),
    "soft_tissue": (507, 258),
    "skin": (511,),
    "bone": (515, 165),
    "marrow": (516,),
    "eye": (506, 259),
    "mucosa": (509,),
    "nerve": (508, 512, 530),
}
CLASSES = tuple(NUMBERS)
INDEX = {name: index for index, name in enumerate(CLASSES)}
TISSUES = (*CLASSES[INDEX["cortex"] : INDEX["choroid_plexus"] + 1], "white_matter_lesion")


@dataclass(frozen=True)
class Anatomy:
    """A head, cut to its brain and a margin.

    Attributes:
        classes: (I, J, K) uint8, places in `CLASSES`; axes to the right, to the front and up.
        spacing: (3,) mm.
        to_tissue: (I, J, K) uint8, distance to the nearest cell of brain tissue or ventricle in steps of
            `DISTANCE_STEP_MM`.
        to_hull: (I/2, J/2, K/2) float32, signed mm to the surface of the brain with its sulci closed; inside < 0.
        to_ventricle: (I/2, J/2, K/2) float32, mm to the ventricles.
    """

    classes: np.ndarray
    spacing: np.ndarray
    to_tissue: np.ndarray
    to_hull: np.ndarray
    to_ventricle: np.ndarray


DISTANCE_STEP_MM = 0.1
CLOSING_MM = 8.0


def find_maps(folder: Path) -> list[Path]:
    """Return the label maps of a folder, sorted.

    Raises:
        UserError: there is none.
    """
    found = sorted(p for p in folder.glob("*") if is_nifti(p))
    if not found:
        raise UserError(
            "the folder of label maps must hold NIfTI files",
            got=folder,
            hint="give a folder of FreeSurfer or SynthSeg label maps of whole heads",
        )
    return found


def check_map(path: Path) -> None:
    """Refuse a file that is no label map of numbers that are known.

    Raises:
        FileError: it is none.
    """
    _numbers(Volume.load(path), path)


@lru_cache(maxsize=24)
def read_anatomy(path: Path) -> Anatomy:
    """Read a label map; the last ones stay in memory (about 10 MB each).

    Raises:
        FileError: the file is no label map, or holds numbers that are not known.
    """
    return load_anatomy(path, MARGIN_MM)


def load_anatomy(path: Path, margin_mm: float | None) -> Anatomy:
    """Read a label map.

    Args:
        path: the map.
        margin_mm: that stays around the brain; none: the whole head.

    Raises:
        FileError: the file is no label map, or holds numbers that are not known.
    """
    volume = Volume.load(path).reoriented("RAS")
    numbers = _numbers(volume, path)
    try:
        return anatomy_of(classes_of(numbers), np.asarray(volume.spacing, dtype=float), margin_mm)
    except ValueError as error:
        raise FileError(path, str(error), hint="give label maps of whole heads") from None


def _numbers(volume: Volume, path: Path) -> np.ndarray:
    """Return the whole numbers of a map, all of them known."""
    numbers: np.ndarray = np.rint(volume.data).astype(np.int64)
    if not np.array_equal(numbers, volume.data):
        raise FileError(path, "must hold whole numbers", got="fractions", hint="give label maps")
    unknown = unknown_numbers(numbers)
    if unknown:
        raise FileError(
            path,
            "must hold labels of FreeSurfer or SynthSeg",
            got=", ".join(map(str, unknown[:8])),
            hint="take the map out of the folder, or write these labels as their FreeSurfer numbers",
        )
    return numbers


def number_table() -> np.ndarray:
    """Return the class of each number from 0 on; 255 where there is none."""
    table = np.full(12200, 255, dtype=np.uint8)
    for name, numbers in NUMBERS.items():
        table[list(numbers)] = INDEX[name]
    for name, spans in PARCELS.items():
        for first, end in spans:
            table[first:end] = INDEX[name]
    return table


def unknown_numbers(numbers: np.ndarray) -> list[int]:
    """Return the numbers that no class has, ascending.

    >>> unknown_numbers(np.array([2, 24, 499, 515, -1]))
    [-1, 499]
    """
    table = number_table()
    present = [int(n) for n in np.unique(numbers)]
    return [n for n in present if not 0 <= n < len(table) or table[n] == 255]


def classes_of(numbers: np.ndarray) -> np.ndarray:
    """Return the class of each voxel, uint8.

    >>> [CLASSES[c] for c in classes_of(np.array([2, 24, 515, 1035]))]
    ['white_matter', 'fluid', 'bone', 'cortex']
    """
    return np.asarray(number_table()[numbers])


def members(classes: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return where one of the classes is, bool."""
    chosen = np.zeros(256, dtype=bool)
    chosen[[INDEX[name] for name in names]] = True
    return np.asarray(chosen[classes])


def anatomy_of(classes: np.ndarray, spacing: np.ndarray, margin_mm: float | None = MARGIN_MM) -> Anatomy:
    """Cut a head to its brain and measure distances.

    Args:
        classes: (I, J, K) uint8, axes to the right, to the front and up.
        spacing: (3,) mm.
        margin_mm: that stays around the brain; none: all that there is.

    Raises:
        ValueError: there is no brain.
    """
    tissue = largest_piece(members(classes, (*TISSUES, "ventricle")))
    if tissue.sum() * spacing.prod() / 1000 < SMALLEST_ML:
        raise ValueError(f"must hold a brain of {SMALLEST_ML:g} ml and more")
    if margin_mm is not None:
        classes, tissue = _cut(classes, tissue, np.ceil(margin_mm / spacing).astype(int))
    outwards = ndimage.distance_transform_edt(~tissue, sampling=spacing)
    coarse, step = tissue[::2, ::2, ::2], 2 * spacing
    ventricle = ~(members(classes, ("ventricle",)) & tissue)[::2, ::2, ::2]
    return Anatomy(
        classes=np.ascontiguousarray(classes),
        spacing=spacing,
        to_tissue=np.clip(np.rint(outwards / DISTANCE_STEP_MM), 0, 255).astype(np.uint8),
        to_hull=hull_distance(coarse, step),
        to_ventricle=ndimage.distance_transform_edt(ventricle, sampling=step).astype(np.float32),
    )


def _cut(classes: np.ndarray, tissue: np.ndarray, margins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both, cut to the tissue and so many voxels around it; air where the map ends before."""
    corners = [np.flatnonzero(tissue.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in range(3)]
    cut = tuple(slice(max(a - m, 0), b + m + 1) for (a, b), m in zip(corners, margins, strict=True))
    room = [
        (max(m - a, 0), max(b + m + 1 - n, 0)) for (a, b), m, n in zip(corners, margins, classes.shape, strict=True)
    ]
    return np.pad(classes[cut], room), np.pad(tissue[cut], room)


def hull_distance(tissue: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return signed mm to the surface of a mask closed by `CLOSING_MM`, inside < 0, lightly smoothed."""
    grown = ndimage.distance_transform_edt(~tissue, sampling=step) < CLOSING_MM
    hull = (ndimage.distance_transform_edt(grown, sampling=step) > CLOSING_MM) | tissue
    hull = ndimage.binary_fill_holes(hull)
    outer = ndimage.distance_transform_edt(~hull, sampling=step)
    inner = ndimage.distance_transform_edt(hull, sampling=step)
    return np.asarray(ndimage.gaussian_filter(outer - inner, 0.8).astype(np.float32))
