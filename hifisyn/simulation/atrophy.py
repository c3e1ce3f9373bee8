"""Wider or narrower sulci and ventricles: what age makes of a brain, and what a label map drew too wide."""

import numpy as np
from scipy import ndimage

from hifisyn.simulation.label_maps import Anatomy, members
from hifisyn.simulation.strokes import Stroke, stroke, whole

CORTEX = ("cortex", "cerebellar_cortex")
SULCUS_MM, VENTRICLE_MM = 1.0, 2.5
RAMP = 0.2
SULCI = (-1.3, 0.8)
VENTRICLES = (0.0, 1.0)


def draw_atrophy(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Draw how wide sulci and ventricles are; both follow age, so they go together."""
    age = rng.uniform(*SULCI)
    strokes = [sulci(anatomy, float(np.clip(age + 0.3 * rng.standard_normal(), *SULCI)))]
    enlarged = float(np.clip(age + 0.4 * rng.standard_normal(), *VENTRICLES))
    return strokes + ([ventricles(anatomy, enlarged)] if enlarged else [])


def sulci(anatomy: Anatomy, amount: float) -> Stroke:
    """Return a stroke of fluid over cortex beside sulci (amount above 0, to 1), or else of cortex over thin fluid."""
    classes, spacing = anatomy.classes, anatomy.spacing
    if amount > 0:
        return stroke("fluid", opening(classes, spacing, amount), whole(classes.shape), classes.shape)
    return stroke("cortex", closing(classes, spacing, amount), whole(classes.shape), classes.shape)


def opening(classes: np.ndarray, spacing: np.ndarray, amount: float) -> np.ndarray:
    """Return how much fluid covers each voxel of cortex beside sulci; amount 0 to 1."""
    cortex = members(classes, CORTEX)
    return np.asarray(np.clip((_fluid(classes, spacing) - 0.5 + 0.3 * amount) / RAMP, 0, 1) * cortex)


def closing(classes: np.ndarray, spacing: np.ndarray, amount: float) -> np.ndarray:
    """Return how much cortex covers each voxel of fluid beside it; amount 0 to -1.3, which closes most sulci.

    Blurred by a millimetre, fluid is above a half where it is wide and well below in a sulcus a voxel wide, so that
    closing leaves cisterns alone.
    """
    beside = ndimage.maximum_filter(members(classes, CORTEX), 3) & members(classes, ("fluid",))
    return np.asarray(np.clip((0.3 - 0.35 * amount - _fluid(classes, spacing)) / RAMP, 0, 1) * beside)


def _fluid(classes: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    fluid = members(classes, ("fluid",)).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(fluid, SULCUS_MM / spacing))


def ventricles(anatomy: Anatomy, amount: float) -> Stroke:
    """Return a stroke of fluid around the ventricles: some 2 mm at an amount of 1."""
    classes = anatomy.classes
    cavity = members(classes, ("ventricle", "choroid_plexus")).astype(np.float32)
    blurred = ndimage.gaussian_filter(cavity, VENTRICLE_MM / anatomy.spacing)
    tissue = members(classes, ("white_matter", "caudate", "white_matter_lesion", "thalamus"))
    share = np.clip((blurred - 0.55 + 0.4 * amount) / RAMP, 0, 1) * tissue
    return stroke("ventricle", share, whole(classes.shape), classes.shape)
