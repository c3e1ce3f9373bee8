"""A round head as a label map: white matter, cortex, fluid, bone and skin as shells, with a neck of muscle."""

import nibabel as nib
import numpy as np

STEP = 2.0
BRAIN_MM, FLUID_EDGE_MM, BONE_MM, SKIN_MM = 58.0, 66.0, 72.0, 78.0


def round_head(fluid_mm=FLUID_EDGE_MM, bone_mm=BONE_MM, skin_mm=SKIN_MM):
    """Return label numbers, axes to the right, to the front and up, the brain amid 200 mm."""
    x, y, z = np.meshgrid(*[np.arange(-50, 51) * STEP] * 3, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    shells = [radius < 12, radius < 48, radius < BRAIN_MM, radius < fluid_mm, radius < bone_mm, radius < skin_mm]
    neck = (np.hypot(x, y) < 45) & (z < 0)
    return np.select([*shells, neck], [4, 2, 3, 24, 515, 511, 507], 0).astype(np.int16)


def write_map(path):
    """Write the head as a NIfTI file; return its path."""
    nib.save(nib.Nifti1Image(round_head(), np.diag([STEP, STEP, STEP, 1])), path)
    return path
