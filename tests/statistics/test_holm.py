"""Holm's correction, by hand and by its definition."""

import numpy as np
import pytest

from hifisyn.statistics.holm import holm


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    with_nothing = holm([0.01, np.nan, 0.02])
    assert with_nothing[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(with_nothing[1])
    assert len(holm([])) == 0


@pytest.mark.parametrize("seed", range(20))
def test_holm_is_what_the_step_down_procedure_rejects(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(rng.integers(1, 12)) ** 3, 2)  # rounded, so that some are equal
    corrected = holm(p)
    for alpha in np.linspace(0.001, 0.999, 97):
        rejected = np.zeros(len(p), dtype=bool)
        for place, index in enumerate(np.argsort(p, kind="stable")):
            if p[index] * (len(p) - place) > alpha:
                break
            rejected[index] = True
        assert list(corrected <= alpha) == list(rejected)
    assert ((corrected >= p) & (corrected <= 1)).all()
