"""Tests over slices beside those over subjects, against scipy on arrays that are put together by hand."""

# mypy: no-check-untyped-defs
import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from hifisyn.evaluation.measures import TITLES
from hifisyn.experiments.as_the_paper import as_the_paper
from hifisyn.statistics.holm import holm

DIRECTIONS, SUBJECTS, SLICES = ("T1 to T2", "T2 to T1"), 7, 4
METHODS = {"CycleGAN": -0.4, "MUNIT": 0.1, "HiFiSyn": 0.0}


def slices(methods=tuple(METHODS), seed=0):
    """Slices of subjects that share a level, as those of real subjects do."""
    rng = np.random.default_rng(seed)
    rows = []
    level = rng.normal(size=(len(DIRECTIONS), SUBJECTS))
    for method in methods:
        for d, direction in enumerate(DIRECTIONS):
            for s in range(SUBJECTS):
                offset = METHODS[method] + level[d, s] + 0.3 * rng.normal()
                for i in range(SLICES):
                    value = 20 + offset + 0.2 * rng.normal()
                    key = {"row": method, "seed": 0, "direction": direction, "case": f"c{s}", "subject": f"s{s}"}
                    rows.append({**key, "slice": i, "psnr": value, "ssim": value / 30})
    return pd.DataFrame(rows)


def column(table, group, title):
    place = next(i for i, head in enumerate(table.head) if (head.group, head.title) == (group, title))
    return {row[0].text: row[place].text for row in table.rows}


def test_both_tests_are_scipys_over_both_directions_together():
    cases = slices()
    table = as_the_paper(cases, "HiFiSyn")
    numbers = table.numbers.set_index(["measure", "row"])
    wide = cases.pivot_table(index=["direction", "case", "slice"], columns="row", values="psnr")
    people = cases.groupby(["row", "subject"])["psnr"].mean().unstack("row")
    raw = [wilcoxon(people[m] - people["HiFiSyn"], method="exact").pvalue for m in ("CycleGAN", "MUNIT")]
    for method, corrected in zip(("CycleGAN", "MUNIT"), holm(pd.Series(raw)), strict=True):
        found = numbers.loc[("psnr", method)]
        assert found["slices"] == len(DIRECTIONS) * SUBJECTS * SLICES
        assert found["subjects"] == SUBJECTS
        assert found["p_slices"] == pytest.approx(wilcoxon(wide[method] - wide["HiFiSyn"]).pvalue)
        assert found["p_subjects_holm"] == pytest.approx(corrected)
        assert found["mean"] == pytest.approx(wide[method].mean())
    assert column(table, TITLES["psnr"], "p over slices, not corrected")["HiFiSyn"] == "reference"
    assert "56 slices of 2 directions together" in table.note
    assert "7 subjects" in table.note
    assert "n too small" not in table.note
    few = as_the_paper(cases[cases["subject"].isin(["s0", "s1", "s2"])], "HiFiSyn")
    assert column(few, TITLES["psnr"], "p over subjects, Holm")["MUNIT"] == "n too small"
    assert "n too small: so few subjects" in few.note


def test_slices_claim_what_subjects_do_not():
    """A lucky seed shows what the page warns of: a difference that seven subjects cannot show."""
    numbers = as_the_paper(slices(), "HiFiSyn").numbers
    own = numbers[(numbers["row"] == "CycleGAN") & (numbers["measure"] == "psnr")].iloc[0]
    assert own["p_slices"] < 0.001 < own["p_subjects_holm"]


def test_rows_that_lack_a_direction_are_left_out_and_without_reference_there_is_no_table():
    cases = slices()
    part = cases[(cases["row"] != "MUNIT") | (cases["direction"] == DIRECTIONS[0])]
    assert [row[0].text for row in as_the_paper(part, "HiFiSyn").rows] == ["CycleGAN", "HiFiSyn"]
    assert as_the_paper(slices(("CycleGAN", "MUNIT")), "HiFiSyn") is None
    assert as_the_paper(slices(("HiFiSyn",)), "HiFiSyn") is None
    assert as_the_paper(pd.DataFrame(), "HiFiSyn") is None
