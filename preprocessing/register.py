"""Rigid registration of two contrasts of one head, by mutual information, with a verdict on what came out.

Scans are clipped to their own range and flattened. ANTs finds the place at 4 mm from several starts; Powell's method
refines the best at 2 mm. What is not trusted then is tried again from heads turned and moved.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize

from hifisyn.preprocessing.flatten import flatten
from hifisyn.preprocessing.register_frame import Frame
from hifisyn.preprocessing.registration_checks import Checks, Verdict, check
from hifisyn.preprocessing.rigid import centre_of_mass, centre_of_view, rotation, translation
from hifisyn.volume import Volume

COARSE_MM, FINE_MM = 4.0, 2.0
SAME_START_MM = 15.0

# Of ANTs' schedules tried on raw clinical scans, this one found offsets of 30 degrees and 60 mm. It sees whole heads,
# which widens its capture range.
COARSE = {"aff_random_sampling_rate": 0.2, "aff_iterations": (300, 200, 100, 0)}
# Every fourth voxel of the brain: with all of them the result moves by a few hundredths of a millimetre.
FINE_STRIDE = 4
POWELL = {"xtol": 0.02, "ftol": 1e-4, "maxiter": 6}
# Where to try again: degrees about each axis, or mm along each.
TURNS, SHIFTS = (-60, -30, 0, 30, 60), (-40, -20, 0, 20, 40)
BEST_STARTS, ROUGH_STRIDE, ROUGH_BINS = 4, 5, 16


@dataclass(frozen=True)
class Registration:
    """The outcome of a registration.

    Attributes:
        moving_to_fixed: (4, 4) rigid, world mm (RAS) of the moving scan to world mm of the fixed one.
        checks: what was measured of it, and the verdict.
    """

    moving_to_fixed: np.ndarray
    checks: Checks


def register(fixed: Volume, moving: Volume, brain: Volume, *, seed: int = 0) -> Registration:
    """Find the rigid transform that puts `moving` onto `fixed`, and say how far it may be trusted.

    The placements to start from are the scanner's own, and those that bring the centres of mass or of the fields of
    view together. Where nothing fits better than the scanner's own placement, that stays.

    Args:
        fixed: whole head or stripped.
        moving: the same head, any contrast and grid; it may show a part of the brain only.
        brain: mask on the grid of `fixed`, in which the fit is measured.
        seed: of ANTs' random sampling.
    """
    fixed, moving = flatten(fixed), flatten(moving)
    coarse, fine = (Frame(fixed, moving, brain, millimetres) for millimetres in (COARSE_MM, FINE_MM))
    starts = _starts(fixed, moving)
    found = _search(coarse, fine, starts, seed)
    if found.checks.verdict is Verdict.TRUSTED:
        return found
    again = _search(coarse, fine, _elsewhere(coarse, starts), seed)
    return max(found, again, key=lambda registration: fine.fit(registration.moving_to_fixed))


def _search(coarse: Frame, fine: Frame, starts: Iterable[np.ndarray], seed: int) -> Registration:
    """Return the best that is found from any of the starts."""
    found = [place for start in starts for place in (start, coarse.optimise(start, seed, COARSE))]
    best = max([np.eye(4), *found], key=coarse.fit)
    best = max((np.eye(4), _refine(fine, best)), key=fine.fit)
    return Registration(best, check(fine, best))


def _refine(frame: Frame, start: np.ndarray) -> np.ndarray:
    """Return the optimum near `start`, by Powell's method over three shifts (mm) and three angles (degrees)."""

    def at(change: np.ndarray) -> np.ndarray:
        moved: np.ndarray = translation(change[:3]) @ rotation(change[3:], frame.middle) @ start
        return moved

    result = minimize(lambda change: -frame.fit(at(change), FINE_STRIDE), np.zeros(6), method="Powell", options=POWELL)
    return at(result.x)


def _starts(fixed: Volume, moving: Volume) -> list[np.ndarray]:
    """Return the placements to try, moving_to_fixed; those close to an earlier one are left out."""
    shifts = (
        np.zeros(3),
        centre_of_mass(fixed) - centre_of_mass(moving),
        centre_of_view(fixed) - centre_of_view(moving),
    )
    starts: list[np.ndarray] = []
    for shift in shifts:
        if all(np.linalg.norm(shift - other[:3, 3]) > SAME_START_MM for other in starts):
            starts.append(translation(shift))
    return starts


def _elsewhere(frame: Frame, starts: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Return the few best fitting of the starts with the head turned about the middle of the brain, or moved."""
    turned = [rotation(np.array(degrees), frame.middle) for degrees in product(TURNS, repeat=3)]
    moved = [translation(np.array(shift)) for shift in product(SHIFTS, repeat=3)]
    places = [change @ start for start in starts for change in (*turned, *moved)]
    places.sort(key=lambda place: frame.fit(place, ROUGH_STRIDE, ROUGH_BINS), reverse=True)
    return places[:BEST_STARTS]
