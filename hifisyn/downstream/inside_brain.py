"""A volume on the grid of a brain mask, and exactly 0 outside of it: so real and synthetic scans are alike there."""

import numpy as np

from hifisyn.postprocessing.background import blank
from hifisyn.postprocessing.restore import extend
from hifisyn.preprocessing.resample import resample
from hifisyn.volume import Volume


def inside_brain(image: Volume, brain: Volume) -> Volume:
    """Return an image, float32, on the grid of a brain mask, 0 outside; on that grid already, its values are kept."""
    on_grid = image if image.same_grid(brain) else resample(image, brain)
    return brain.with_data(blank(on_grid.data.astype(np.float32), brain.data > 0))


def continued(image: Volume, own: Volume) -> Volume:
    """Return a synthetic image continued beyond the brain that it was generated in, to be cut by another mask.

    Args:
        image: 0 outside of `own`.
        own: its brain mask, on its grid.
    """
    return image.with_data(extend(image.data, own.data > 0, image.spacing))
