"""The words of verdicts and p-values."""

import numpy as np

from hifisyn.statistics.verdict import p_text


def test_p_is_never_written_as_zero():
    assert p_text(np.nan) == "no test"
    assert [p_text(p) for p in (1.0, 0.0625, 0.05, 0.001, 1e-9)] == ["p 1", "p 0.062", "p 0.05", "p 0.001", "p < 0.001"]
