"""Tests of differences from a reference, against enumeration and by their definitions."""

import numpy as np
import pandas as pd
import pytest

from hifisyn.errors import UserError
from hifisyn.statistics.holm import holm
from hifisyn.statistics.paired import against_reference
from hifisyn.statistics.verdict import SLICE_LEVEL, VerdictKind
from tests.support.statistics_by_hand import enumerated, methods_table

FEW = 200  # resamples, where intervals are not looked at


def row_of(found, method):
    return found.set_index("method").loc[method]


def test_against_reference_gives_the_numbers_by_their_definitions():
    values = methods_table(12)
    found = against_reference(values, "B", resamples=2_000)
    assert list(found.columns) == [
        *(
            "method",
            "n",
            "reference",
            "mean",
            "difference",
            "low",
            "high",
            "effect",
            "p",
            "p_holm",
            "least_p",
            "verdict",
        )
    ]
    assert list(found["method"]) == ["A", "C", "D"]
    for method in "ACD":
        row = row_of(found, method)
        assert row["n"] == 12
        assert row["reference"] == pytest.approx(values["B"].mean())
        assert row["mean"] == pytest.approx(values[method].mean())
        assert row["difference"] == pytest.approx((values[method] - values["B"]).mean())
        assert row["low"] < row["difference"] < row["high"]
        assert row["p"] == pytest.approx(enumerated((values[method] - values["B"]).to_numpy())[0])
        assert row["least_p"] == 2 / 2**12


def test_a_method_that_is_always_better_differs_and_one_of_noise_does_not():
    values = methods_table(10, "ABC")
    values["B"] = values["A"] + 1 + 0.1 * values["B"]
    found = against_reference(values, "A", resamples=FEW)
    assert row_of(found, "B")["verdict"].kind is VerdictKind.DIFFERENT
    assert row_of(found, "B")["effect"] == 1
    assert row_of(found, "C")["verdict"].kind is VerdictKind.NOT_SHOWN


def test_order_of_subjects_and_methods_changes_nothing():
    values = methods_table(9)
    there = against_reference(values, "A", resamples=FEW)
    back = against_reference(values.iloc[::-1, [3, 0, 2, 1]], "A", resamples=FEW)
    pd.testing.assert_frame_equal(
        back.set_index("method").loc[there["method"]].reset_index(), there, check_exact=False, rtol=1e-12
    )


def test_swapping_method_and_reference_turns_the_signs():
    values = methods_table(11, "AB")
    there = against_reference(values, "A", resamples=20_000).iloc[0]
    back = against_reference(values, "B", resamples=20_000).iloc[0]
    assert back["p"] == there["p"]
    assert back["effect"] == pytest.approx(-there["effect"])
    assert back["difference"] == pytest.approx(-there["difference"])
    assert (back["low"], back["high"]) == pytest.approx((-there["high"], -there["low"]), abs=0.03)


@pytest.mark.parametrize(("n", "reaches"), [(1, False), (5, False), (6, True)])
def test_one_test_reaches_significance_from_six_subjects_on(n, reaches):
    values = pd.DataFrame({"A": np.zeros(n), "B": 1.0 + np.arange(n)})
    found = against_reference(values, "A", resamples=FEW).iloc[0]
    assert found["p"] == found["least_p"] == 2 / 2**n
    if reaches:
        assert found["verdict"].kind is VerdictKind.DIFFERENT
    else:
        count = "1 subject" if n == 1 else f"{n} subjects"
        assert found["verdict"].kind is VerdictKind.OUT_OF_REACH
        assert str(found["verdict"]) == f"cannot reach significance: with {count} p is at least {2 / 2**n:.2g}"


def test_the_correction_counts_in_what_can_be_reached():
    values = pd.DataFrame({"A": np.zeros(6), "B": 1.0 + np.arange(6), "C": 2.0 + np.arange(6)})
    found = against_reference(values, "A", resamples=FEW)
    least = "cannot reach significance: with 6 subjects and 2 tests p after Holm is at least 0.062"
    assert [verdict.kind for verdict in found["verdict"]] == [VerdictKind.OUT_OF_REACH] * 2
    assert list(map(str, found["verdict"])) == [least, least]
    assert list(found["p_holm"]) == [0.0625, 0.0625]


@pytest.mark.parametrize("seed", range(5))
def test_no_data_fall_below_what_the_verdict_calls_the_least(seed):
    values = methods_table(6, "ABC", seed)
    values["C"] = values["A"] + np.arange(1, 7)
    values.loc[["s0", "s1"][: seed % 3], "B"] = np.nan
    found = against_reference(values, "A", resamples=FEW)
    assert (found["p"] >= found["least_p"] - 1e-12).all()
    assert (found["p_holm"] >= holm(found["least_p"]) - 1e-12).all()


def test_subjects_without_a_difference_do_not_count_towards_what_can_be_reached():
    values = pd.DataFrame({"A": np.zeros(8), "B": [0, 0, 0, 1.0, 2, 3, 4, 5]})
    found = against_reference(values, "A", resamples=FEW).iloc[0]
    assert found["n"] == 8
    assert found["least_p"] == 2 / 2**5
    assert str(found["verdict"]) == "cannot reach significance: with 5 subjects that differ p is at least 0.062"


def test_methods_that_are_equal_everywhere_are_said_to_be():
    values = methods_table(7, "AB")
    values["B"] = values["A"]
    found = against_reference(values, "A", resamples=FEW).iloc[0]
    assert (found["p"], found["p_holm"], found["effect"], found["low"], found["high"]) == (1, 1, 0, 0, 0)
    assert str(found["verdict"]) == "no difference: equal in 7 subjects"


def test_pairs_without_a_number_are_left_out_and_counted():
    values = methods_table(9, "ABC")
    values.loc["s0", "A"] = np.nan
    values.loc["s1", "B"] = np.nan
    whole = against_reference(values.loc["s2":, ["A", "B"]], "A", resamples=FEW).iloc[0]
    found = row_of(against_reference(values, "A", resamples=FEW), "B")
    assert found["n"] == 7
    for name in ("p", "effect", "difference", "reference", "mean", "low", "high"):
        assert found[name] == pytest.approx(whole[name])
    assert found["verdict"].lost == 2
    assert str(found["verdict"]).endswith("; 2 left out, where a number is missing")


def test_a_method_without_any_number_is_no_test_of_the_family():
    values = methods_table(9, "ABC")
    alone = against_reference(values[["A", "B"]], "A", resamples=FEW).iloc[0]
    values["C"] = np.nan
    found = against_reference(values, "A", resamples=FEW)
    assert row_of(found, "B")["p_holm"] == alone["p_holm"]
    assert np.isnan(row_of(found, "C")["p"])
    assert row_of(found, "C")["verdict"].kind is VerdictKind.UNTESTED
    assert str(row_of(found, "C")["verdict"]).startswith("no test: no subject has both numbers")


def test_infinite_psnr_counts_in_the_test_and_in_no_mean():
    values = pd.DataFrame({"A": [20.0, 21, 22, 23, 24, 25, 26], "B": [np.inf, 22, 24, 26, 28, 30, 32]})
    large = values.replace(np.inf, 1e6)
    found, wanted = (against_reference(v, "A", resamples=FEW).iloc[0] for v in (values, large))
    assert (found["p"], found["effect"]) == (wanted["p"], wanted["effect"])
    assert found["difference"] == pytest.approx((values["B"] - values["A"])[1:].mean())
    assert found["reference"] == pytest.approx(23.5)
    assert np.isfinite([found["low"], found["high"]]).all()
    assert found["verdict"].infinite == 1
    assert "1 infinite" in str(found["verdict"])
    both = against_reference(pd.DataFrame({"A": [np.inf] * 3, "B": [np.inf] * 3}), "A").iloc[0]
    assert both["verdict"].kind is VerdictKind.EQUAL
    assert str(both["verdict"]).startswith("no difference: equal in 3 subjects")


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tables_of_next_to_nothing_do_not_crash(rows):
    found = against_reference(methods_table(rows), "A")
    assert found["low"].isna().all()
    kinds = {verdict.kind for verdict in found["verdict"]}
    assert not kinds & {VerdictKind.DIFFERENT, VerdictKind.NOT_SHOWN}
    assert against_reference(methods_table(3, "A"), "A").empty


def test_slices_are_always_labelled():
    found = against_reference(methods_table(40), "A", unit="slice", resamples=FEW)
    assert found["verdict"].map(str).str.endswith(f"({SLICE_LEVEL})").all()
    assert not against_reference(methods_table(40), "A", resamples=FEW)["verdict"].map(str).str.contains("slice").any()


def test_unknown_reference_and_unit_are_refused():
    with pytest.raises(UserError) as error:
        against_reference(methods_table(3), "E")
    assert (error.value.what, error.value.got) == ("reference must be one of A, B, C, D", "E")
    with pytest.raises(UserError) as error:
        against_reference(methods_table(3), "A", unit="slices")
    assert (error.value.what, error.value.got) == ("unit must be subject or slice", "slices")
