"""A true place is told from false ones without the truth."""

from dataclasses import replace

import numpy as np
import pytest

from hifisyn.preprocessing.flatten import flatten
from hifisyn.preprocessing.register import FINE_MM, register
from hifisyn.preprocessing.register_frame import Frame
from hifisyn.preprocessing.registration_checks import Checks, Verdict, check
from tests.support.heads import grid, rigid, scan

SHAPE, AFFINE = grid((58, 70, 44), (3, 3, 3.5))


@pytest.fixture(scope="module")
def frame():
    fixed, brain = scan(SHAPE, AFFINE, "T1", noise=3)
    moving, _ = scan(*grid((64, 72, 40), (2.7, 2.8, 4), degrees=(3, 2, 4)), "T2", noise=3, seed=1)
    return Frame(flatten(fixed), flatten(moving), brain, FINE_MM)


@pytest.mark.slow
def test_the_true_place_is_trusted_and_false_ones_are_not(frame):
    home = check(frame, np.eye(4))
    assert home.verdict is Verdict.TRUSTED
    assert home.edges_met > home.edges_by_chance + 0.2
    for degrees, shift in (((0, 0, 0), (9, 0, 0)), ((0, 0, 0), (0, -8, 6)), ((12, 0, 0), (0, 0, 0))):
        away = check(frame, rigid(degrees, shift))
        assert away.verdict is not Verdict.TRUSTED, away
        assert away.edges_met < home.edges_met
        assert away.nmi_after < home.nmi_after
        assert away.nmi_before == home.nmi_after


@pytest.mark.slow
def test_what_shows_no_head_fails():
    fixed, brain = scan(SHAPE, AFFINE, "T1", noise=3)
    noise = fixed.with_data(np.random.default_rng(7).normal(100, 10, SHAPE).astype(np.float32))
    assert register(fixed, noise, brain).checks.verdict is Verdict.FAILED


def test_a_scan_beside_the_brain_says_nothing(frame):
    beside = check(frame, rigid((0, 0, 0), (900, 0, 0)))
    assert (beside.seen, beside.overlap, beside.nmi_after, beside.fit_away) == (0, 0, 1, 1)
    assert beside.verdict is Verdict.FAILED


def test_the_verdict_adds_steepness_and_edges_above_chance():
    checks = Checks(
        seen=1.0, overlap=1.0, edges_met=0.64, edges_by_chance=0.28, nmi_before=1.0, nmi_after=1.1, fit_away=0.6
    )
    assert checks.agreement == pytest.approx(0.4 + 0.36 / 0.72)
    assert checks.verdict is Verdict.TRUSTED
    assert replace(checks, edges_met=0.33).verdict is Verdict.DOUBTFUL
    assert replace(checks, edges_met=0.33, fit_away=0.9).verdict is Verdict.FAILED
    assert replace(checks, edges_met=0.3, fit_away=0.1).verdict is Verdict.FAILED
    assert replace(checks, seen=0.03).verdict is Verdict.DOUBTFUL
