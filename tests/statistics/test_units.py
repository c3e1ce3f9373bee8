"""Long tables into one row a subject or slice."""

import numpy as np
import pandas as pd
import pytest

from hifisyn.errors import UserError
from hifisyn.statistics.units import by_slice, by_subject


def test_by_subject_averages_slices_then_cases():
    cases = pd.DataFrame(
        {
            "method": ["B", "B", "B", "B", "A", "A"],
            "subject": ["z", "z", "z", "y", "z", "y"],
            "case": ["z1", "z1", "z2", "y1", "z1", "y1"],
            "psnr": [10.0, 20.0, 30.0, np.inf, np.inf, np.nan],
        }
    )
    found = by_subject(cases, "psnr")
    assert list(found.index) == ["z", "y"]
    assert list(found.columns) == ["B", "A"]
    assert found.loc["z", "B"] == (15 + 30) / 2
    assert found.loc["y", "B"] == np.inf
    assert np.isnan(found.loc["y", "A"])
    mixed = by_subject(cases.assign(psnr=[10.0, np.inf, 30.0, 1, 1, 1]), "psnr")
    assert mixed.loc["z", "B"] == 20
    assert by_subject(cases.drop(columns="subject"), "psnr").loc["z2", "B"] == 30
    assert by_subject(cases.drop(columns="case"), "psnr").loc["z", "B"] == 20


def test_by_slice_pairs_slices_of_the_same_case():
    slices = pd.DataFrame(
        {
            "method": ["A", "A", "A", "B", "B"],
            "case": list("xxyxx"),
            "slice": [1, 2, 1, 2, 1],
            "ssim": [1.0, 2, 3, 4, 5],
        }
    )
    found = by_slice(slices, "ssim")
    assert list(found.index) == [("x", 1), ("x", 2), ("y", 1)]
    assert list(found["A"]) == [1, 2, 3]
    assert list(found["B"][:2]) == [5, 4]
    assert np.isnan(found["B"].iloc[2])


def test_missing_columns_are_named():
    with pytest.raises(UserError, match=r"must have a column psnr \(got method, case\)"):
        by_subject(pd.DataFrame({"method": ["A"], "case": ["x"]}), "psnr")
    with pytest.raises(UserError, match="must have a column slice"):
        by_slice(pd.DataFrame({"method": ["A"], "case": ["x"], "psnr": [1.0]}), "psnr")
