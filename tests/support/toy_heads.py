"""A round head: white matter, cortex, fluid and bone as shells, a ventricle in the middle, a putamen on the right."""

import numpy as np

from hifisyn.simulation.label_maps import Anatomy, anatomy_of, classes_of

STEP = 2.0


def toy_numbers():
    """Return the head's FreeSurfer numbers on a grid of `STEP` mm."""
    x, y, z = np.meshgrid(*[np.arange(-48, 49) * STEP] * 3, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    numbers = np.select([radius < 8, radius < 50, radius < 58, radius < 64, radius < 72], [4, 2, 3, 24, 515], 0)
    numbers[np.sqrt((x - 30) ** 2 + (y - 20) ** 2 + (z - 10) ** 2) < 8] = 51
    return numbers.astype(np.int16)


def toy_anatomy() -> Anatomy:
    """Return the head, cut to its brain."""
    return anatomy_of(classes_of(toy_numbers()), np.full(3, STEP))
