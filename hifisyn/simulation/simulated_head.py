"""One simulated head as slices in every contrast: what goes in, degraded, and what comes out, clean.

Order of things: a map of classes; what grows, and tissue that it pushes away; wider or narrower sulci; lesions; tissues
of one person at one field; sequences; the signed signal of each contrast on the map; the head deformed and cut into
slices once for all; mask and ranges as the pipeline has them. Every draw has its own stream, so that a change of one
leaves the others as they were.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hifisyn.intensities import OUTSIDE
from hifisyn.simulation import scan_faults, sequences, strange_contrast, tissue_parameters
from hifisyn.simulation.atrophy import draw_atrophy
from hifisyn.simulation.brain_lesions import KEPT, draw_lesions, without_lesions
from hifisyn.simulation.brain_masks import draw_mask
from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.growths import draw_growths
from hifisyn.simulation.label_maps import read_anatomy
from hifisyn.simulation.mass_effect import effaced, pushed
from hifisyn.simulation.slice_geometry import Cut, SliceGeometry, draw_geometry
from hifisyn.simulation.slice_sampling import Slices, sample_slices
from hifisyn.simulation.strokes import GROUPS, paint_groups, paint_signal
from hifisyn.simulation.template_heads import template_anatomy
from hifisyn.simulation.unphysical import draw_brightness

VERSION = 2  # of what the same arguments give
CONTRASTS = ("T1", "T1ce", "T2", "PD", "FLAIR")
TARGETS = ("T1", "T2", "FLAIR")
SHAPE, ATROPHY, LESIONS, TISSUES, SEQUENCES, TEXTURE, MASK, RANGE, FAULTS, STRANGE, TEMPLATE = range(11)

WINSORISED = 0.35
UPPER_PERCENTILES = ((96.0, 98.5), (98.5, 99.9))
BRIGHTER, HEADROOM = 0.3, (1.0, 1.5)
TEXTURES = {30.0: 0.12, 9.0: 0.10}  # knot distance in mm: amplitude, of which a fifth is the standard deviation
OWN_TEXTURE = 0.5


@dataclass(frozen=True)
class SimulatedHead:
    """One anatomy, one orientation of slices, every contrast, as the pipeline's slices look.

    Rows go from front to back and columns from the patient's right to the left, slices from below to above, where
    the plane is axial; in the others rows go from above to below, coronal columns from right to left and slices from
    front to back, sagittal columns from front to back and slices from right to left.

    Attributes:
        images: contrast to (S, H, W) float32 in [-1, 1], exactly -1 outside the brain: degraded, what goes in.
        targets: the same of T1, T2 and FLAIR: same sequence, same range, no noise, no bias, sharp as acquired.
        strange: (S, H, W) an input whose contrast no scanner makes.
        labels: (S, H, W) uint8: 0 background and what is no brain in the mask, 1 CSF, 2 GM, 3 WM, 4 lesion.
        brain: (S, H, W) bool.
        pixel_mm: side of a pixel.
        slice_mm: from one slice to the next.
        plane: "axial", "coronal" or "sagittal".
    """

    images: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    strange: np.ndarray
    labels: np.ndarray
    brain: np.ndarray
    pixel_mm: float
    slice_mm: float
    plane: str = "axial"


def stream(seed: int, number: int, purpose: int) -> np.random.Generator:
    """Return the random stream of one purpose of one head."""
    return np.random.default_rng([seed, number, purpose])


def simulate_head(
    map_file: Path | None,
    seed: int,
    number: int,
    size: int = 112,
    *,
    lesions: bool = True,
    physics: bool = True,
    cut: Cut | None = None,
) -> SimulatedHead:
    """Simulate a head; the same arguments give the same head.

    Args:
        map_file: a label map of a whole head; or none: a head of the template.
        seed: of all heads.
        number: of the head: its anatomy, plane, thickness, pixel and sequences.
        size: pixels along each side of a slice.
        lesions: whether there may be any, the map's own included.
        physics: whether signals follow tissues and sequences that vary; else each tissue has one brightness a
            contrast, and chance.
        cut: plane and pixel of the slices; none: drawn.

    Raises:
        FileError: the map cannot be used.
    """
    anatomy = read_anatomy(map_file) if map_file else template_anatomy(stream(seed, number, TEMPLATE))
    rng = stream(seed, number, LESIONS)
    if rng.random() >= KEPT or not lesions:
        anatomy = without_lesions(anatomy)
    growths = draw_growths(rng, anatomy) if lesions else []
    masses = [g.mass for g in growths]
    anatomy = pushed(anatomy, masses)
    strokes = effaced(anatomy, masses, draw_atrophy(stream(seed, number, ATROPHY), anatomy))
    if lesions:
        strokes += draw_lesions(rng, anatomy, growths)
    values = draw_values(seed, number)
    if not physics:
        values |= draw_brightness(stream(seed, number, TISSUES))
    maps = [paint_signal(anatomy.classes, v, strokes) for v in values.values()]
    groups = paint_groups(anatomy.classes, strokes)
    geometry = draw_geometry(stream(seed, number, SHAPE), anatomy, size, cut)
    slices = sample_slices(anatomy, geometry, maps, groups, len(GROUPS))
    brain = draw_mask(stream(seed, number, MASK), slices, geometry)
    if not brain.any():
        raise ValueError(f"head {number} of seed {seed} has no brain in its slices")
    return _pictured(seed, number, dict(zip(values, slices.maps, strict=True)), slices, brain, geometry)


def draw_values(seed: int, number: int) -> dict[str, dict[str, float]]:
    """Draw a person, a scanner and its sequences: the signal of each tissue in each contrast, and in a strange one."""
    rng = stream(seed, number, TISSUES)
    tissues = tissue_parameters.draw_tissues(rng, float(rng.choice(tissue_parameters.FIELDS)))
    agent = tissue_parameters.draw_agent(rng)
    rng = stream(seed, number, SEQUENCES)
    flow = float(rng.uniform(0, 1))
    values = {}
    before = sequences.draw_sequence(rng, "T1", tissues["fluid"])
    for contrast in CONTRASTS:
        if contrast == "T1":
            sequence = before
        elif contrast == "T1ce":
            same = rng.random() < 0.5
            sequence = (
                replace(before, contrast_agent=True)
                if same
                else sequences.draw_sequence(rng, "T1", tissues["fluid"], agent=True)
            )
        else:
            sequence = sequences.draw_sequence(rng, contrast, tissues["fluid"])
        saturation = float(rng.uniform(0, sequences.SATURATION)) if contrast in sequences.TURBO else 0.0
        values[contrast] = sequences.signals(tissues, sequence, agent, saturation, flow)
    values["strange"] = strange_contrast.draw_values(stream(seed, number, STRANGE), tissues)
    return values


def brightest(rng: np.random.Generator, brain: np.ndarray) -> float:
    """Draw the signal that becomes +1: a percentile of the brain's, lower where scans come winsorised.

    In some scans vessels, markers or lesions that are not simulated are brighter than all else.
    """
    winsorised = rng.random() < WINSORISED
    level = float(np.percentile(brain, rng.uniform(*UPPER_PERCENTILES[0 if winsorised else 1])))
    headroom = rng.uniform(*HEADROOM)
    return max(level * (headroom if not winsorised and rng.random() < BRIGHTER else 1.0), 1e-6)


def ranged(data: np.ndarray, brain: np.ndarray, high: float) -> np.ndarray:
    """Return intensities from 0 to `high` as -1 to 1, and -1 outside the brain; float32."""
    return np.where(brain, np.clip(2 * data / high - 1, -1, 1), OUTSIDE).astype(np.float32)


def _pictured(
    seed: int, number: int, maps: dict[str, np.ndarray], slices: Slices, brain: np.ndarray, geometry: SliceGeometry
) -> SimulatedHead:
    texture, ranges, faults = (stream(seed, number, purpose) for purpose in (TEXTURE, RANGE, FAULTS))
    shared = _texture(texture, geometry)
    sharpness = float(faults.uniform(*scan_faults.POINT_SPREAD))
    images, targets = {}, {}
    for contrast, signal in maps.items():
        own = _texture(texture, geometry)
        mixed = texture.normal() * shared + OWN_TEXTURE * own
        signal = scan_faults.soften(signal * (1 + mixed), sharpness)
        clean = np.abs(signal)
        high = brightest(ranges, clean[brain])
        degraded = scan_faults.draw_faults(faults, signal, brain, geometry, high)
        images[contrast] = ranged(degraded, brain, high)
        if contrast in TARGETS:
            targets[contrast] = ranged(clean, brain, high)
    strange = images.pop("strange")
    best = slices.shares.argmax(axis=0).astype(np.uint8) + 1
    labels = np.where(brain & (slices.shares.sum(axis=0) >= 0.5), best, 0).astype(np.uint8)
    return SimulatedHead(images, targets, strange, labels, brain, geometry.pixel_mm, geometry.slice_mm, geometry.plane)


def _texture(rng: np.random.Generator, geometry: SliceGeometry) -> np.ndarray:
    axes = geometry.centres()
    low, high = (np.array([a[end] for a in axes]) for end in (0, -1))
    fields = [draw_field(rng, low - 1e-3, high + 1e-3, knot, amplitude) for knot, amplitude in TEXTURES.items()]
    total: np.ndarray = sum((f.on(axes) for f in fields[1:]), fields[0].on(axes))
    return total
