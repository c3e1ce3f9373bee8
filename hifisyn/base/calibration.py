"""What brings the error that a network expects to the error that it made on real scans: a factor and a least error.

A factor alone leaves the network far too sure where it expects least, such as in the fluid of a FLAIR.
"""

from collections.abc import Collection, Mapping

import numpy as np

# Source to target to the factor of the learnt scales and the least error, both of mean absolute errors in [-1, 1].
Calibration = Mapping[str, Mapping[str, tuple[float, float]]]


def calibrated(scales: np.ndarray, calibration: Calibration, given: Collection[str], target: str) -> np.ndarray:
    """Return the expected errors of a target.

    The factor is the geometric mean over the sources that have one, the least error their mean. Sources without take
    the mean of all others of this target; without any calibration the scales stay.

    Args:
        scales: learnt, any shape, above 0.
        calibration: of the network.
        given: contrasts that it saw.
        target: contrast that it made.

    >>> known = {"T1": {"FLAIR": (1.0, 0.1)}, "T2": {"FLAIR": (4.0, 0.3)}}
    >>> [calibrated(np.array([0.01, 1.0]), known, given, "FLAIR").tolist() for given in (["T1"], ["T1", "T2"], ["PD"])]
    [[0.1, 1.0], [0.2, 2.0], [0.2, 2.0]]
    """
    known = {source: of[target] for source, of in calibration.items() if target in of}
    used = [known[source] for source in given if source in known] or list(known.values())
    if not used:
        return scales
    factors, least = np.array(used).T
    return np.asarray(np.maximum(np.exp(np.log(factors).mean()) * scales, least.mean()), dtype=scales.dtype)
