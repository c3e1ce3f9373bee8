"""One factor a direction brings the error that a network expects to the error that it made on real scans."""

from collections.abc import Collection, Mapping

import numpy as np

# Source to target to factor: mean absolute error over mean learnt scale.
Calibration = Mapping[str, Mapping[str, float]]


def factor(calibration: Calibration, given: Collection[str], target: str) -> float:
    """Return what the scales of a target are multiplied by: the geometric mean over the sources that have a factor.

    Sources without one take the mean of all others of this target; a network without factors has 1.

    >>> known = {"T1": {"FLAIR": 1.0}, "T2": {"FLAIR": 4.0}}
    >>> factor(known, ["T1"], "FLAIR"), factor(known, ["T1", "T2"], "FLAIR"), factor(known, ["PD"], "T1")
    (1.0, 2.0, 1.0)
    """
    known = {source: factors[target] for source, factors in calibration.items() if target in factors}
    used = [known[source] for source in given if source in known] or list(known.values())
    return float(np.exp(np.log(used).mean())) if used else 1.0
