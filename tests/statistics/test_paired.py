"""Tests of differences between methods, against enumeration, closed forms and scipy asked in another way."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hifisyn.errors import UserError
from hifisyn.statistics.paired import (
    SLICE_LEVEL,
    against_reference,
    by_slice,
    by_subject,
    friedman,
    holm,
    interval,
    p_text,
)
from hifisyn.statistics.signed_rank import signed_rank

FEW = 200  # resamples, where intervals are not looked at


def table(rows, methods="ABCD", seed=0):
    return pd.DataFrame(
        np.random.default_rng(seed).normal(size=(rows, len(methods))),
        columns=list(methods),
        index=[f"s{i}" for i in range(rows)],
    )


def row_of(found, method):
    return found.set_index("method").loc[method]


def enumerated(differences):
    """Return the two-sided p and the least one among all ways to set the signs."""
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    sums = np.array([np.dot(signs, ranks) for signs in product((-1, 1), repeat=len(kept))])
    observed = np.dot(np.sign(kept), ranks)
    extreme = np.abs(sums) >= abs(observed) - 1e-9
    return extreme.mean(), np.isclose(np.abs(sums), ranks.sum()).mean()


@pytest.mark.parametrize(
    "differences",
    [
        [0.3],
        [0.3, -0.1],
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [1.5, -0.2, 0.7, 2.2, -0.9, 0.4, 3.1],
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [1.0, -1.0, 1.0, 2.0, 2.0, -2.0, 3.0],
        [0.0, 1.0, 0.0, 2.0, -1.0, 2.0, 2.0, 0.0],
        [np.inf, 1.0, np.inf, -2.0, 0.5],
    ],
)
def test_exact_p_counts_every_way_to_set_the_signs(differences):
    found = signed_rank(np.array(differences))
    p, least = enumerated(np.array(differences))
    assert found.p == pytest.approx(p, abs=1e-12)
    assert found.least_p == pytest.approx(least, abs=1e-12)
    assert found.n == np.count_nonzero(differences)


def test_exact_p_with_ties_of_many_pairs_agrees_with_random_signs():
    differences = np.random.default_rng(7).integers(-3, 7, size=30).astype(float)
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    sums = np.random.default_rng(0).choice([-1, 1], size=(100_000, len(kept))) @ ranks
    extreme = np.abs(sums) >= abs(np.dot(np.sign(kept), ranks))
    found = signed_rank(differences).p
    assert 0.001 < found < 0.2
    assert found == pytest.approx(extreme.mean(), abs=4 * extreme.std() / np.sqrt(len(sums)))


def test_p_of_more_pairs_than_are_counted_out_is_that_of_scipy():
    differences = np.random.default_rng(4).normal(0.3, 1, size=80)
    assert signed_rank(differences).p == pytest.approx(stats.wilcoxon(differences, method="approx").pvalue)


def test_effect_is_the_matched_pairs_rank_biserial_correlation():
    differences = np.array([3.0, -1.0, 2.0, 0.0, -4.0, 6.0])  # ranks 3, 1, 2, none, 4, 5
    assert signed_rank(differences).effect == pytest.approx(((3 + 2 + 5) - (1 + 4)) / 15)


def test_numbers_that_differ_by_rounding_only_are_ties():
    a, b = np.array([0.3, 0.8, 0.5]), np.array([0.1 + 0.2, 0.6, 0.3])
    assert a[0] != b[0]
    assert (a - b)[1] != (a - b)[2]
    found = signed_rank(a - b)
    assert (found.n, found.p) == (2, 0.5)


def test_against_reference_gives_the_numbers_by_their_definitions():
    values = table(12)
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
    values = table(10, "ABC")
    values["B"] = values["A"] + 1 + 0.1 * values["B"]
    found = against_reference(values, "A", resamples=FEW)
    assert row_of(found, "B")["verdict"] == "differs"
    assert row_of(found, "B")["effect"] == 1
    assert row_of(found, "C")["verdict"] == "no difference shown"


def test_order_of_subjects_and_methods_changes_nothing():
    values = table(9)
    there = against_reference(values, "A", resamples=FEW)
    back = against_reference(values.iloc[::-1, [3, 0, 2, 1]], "A", resamples=FEW)
    pd.testing.assert_frame_equal(
        back.set_index("method").loc[there["method"]].reset_index(), there, check_exact=False, rtol=1e-12
    )


def test_swapping_method_and_reference_turns_the_signs():
    values = table(11, "AB")
    there = against_reference(values, "A", resamples=20_000).iloc[0]
    back = against_reference(values, "B", resamples=20_000).iloc[0]
    assert back["p"] == there["p"]
    assert back["effect"] == pytest.approx(-there["effect"])
    assert back["difference"] == pytest.approx(-there["difference"])
    assert (back["low"], back["high"]) == pytest.approx((-there["high"], -there["low"]), abs=0.03)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    with_nothing = holm([0.01, np.nan, 0.02])
    assert with_nothing[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(with_nothing[1])
    assert len(holm([])) == 0


@pytest.mark.parametrize(("n", "reaches"), [(1, False), (5, False), (6, True)])
def test_one_test_reaches_significance_from_six_subjects_on(n, reaches):
    values = pd.DataFrame({"A": np.zeros(n), "B": 1.0 + np.arange(n)})
    found = against_reference(values, "A", resamples=FEW).iloc[0]
    assert found["p"] == found["least_p"] == 2 / 2**n
    if reaches:
        assert found["verdict"] == "differs"
    else:
        count = "1 subject" if n == 1 else f"{n} subjects"
        assert found["verdict"] == f"cannot reach significance: with {count} p is at least {2 / 2**n:.2g}"


def test_the_correction_counts_in_what_can_be_reached():
    values = pd.DataFrame({"A": np.zeros(6), "B": 1.0 + np.arange(6), "C": 2.0 + np.arange(6)})
    found = against_reference(values, "A", resamples=FEW)
    least = "cannot reach significance: with 6 subjects and 2 tests p after Holm is at least 0.062"
    assert list(found["verdict"]) == [least, least]
    assert list(found["p_holm"]) == [0.0625, 0.0625]


@pytest.mark.parametrize("seed", range(5))
def test_no_data_fall_below_what_the_verdict_calls_the_least(seed):
    values = table(6, "ABC", seed)
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
    assert found["verdict"] == "cannot reach significance: with 5 subjects that differ p is at least 0.062"


def test_methods_that_are_equal_everywhere_are_said_to_be():
    values = table(7, "AB")
    values["B"] = values["A"]
    found = against_reference(values, "A", resamples=FEW).iloc[0]
    assert (found["p"], found["p_holm"], found["effect"], found["low"], found["high"]) == (1, 1, 0, 0, 0)
    assert found["verdict"] == "no difference: equal in 7 subjects"


def test_pairs_without_a_number_are_left_out_and_counted():
    values = table(9, "ABC")
    values.loc["s0", "A"] = np.nan
    values.loc["s1", "B"] = np.nan
    whole = against_reference(values.loc["s2":, ["A", "B"]], "A", resamples=FEW).iloc[0]
    found = row_of(against_reference(values, "A", resamples=FEW), "B")
    assert found["n"] == 7
    for name in ("p", "effect", "difference", "reference", "mean", "low", "high"):
        assert found[name] == pytest.approx(whole[name])
    assert found["verdict"].endswith("; 2 left out, where a number is missing")


def test_a_method_without_any_number_is_no_test_of_the_family():
    values = table(9, "ABC")
    alone = against_reference(values[["A", "B"]], "A", resamples=FEW).iloc[0]
    values["C"] = np.nan
    found = against_reference(values, "A", resamples=FEW)
    assert row_of(found, "B")["p_holm"] == alone["p_holm"]
    assert np.isnan(row_of(found, "C")["p"])
    assert row_of(found, "C")["verdict"].startswith("no pair")


def test_infinite_psnr_counts_in_the_test_and_in_no_mean():
    values = pd.DataFrame({"A": [20.0, 21, 22, 23, 24, 25, 26], "B": [np.inf, 22, 24, 26, 28, 30, 32]})
    large = values.replace(np.inf, 1e6)
    found, wanted = (against_reference(v, "A", resamples=FEW).iloc[0] for v in (values, large))
    assert (found["p"], found["effect"]) == (wanted["p"], wanted["effect"])
    assert found["difference"] == pytest.approx((values["B"] - values["A"])[1:].mean())
    assert found["reference"] == pytest.approx(23.5)
    assert np.isfinite([found["low"], found["high"]]).all()
    assert "1 infinite" in found["verdict"]
    both = against_reference(pd.DataFrame({"A": [np.inf] * 3, "B": [np.inf] * 3}), "A").iloc[0]
    assert both["verdict"].startswith("no difference: equal in 3 subjects")


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tables_of_next_to_nothing_do_not_crash(rows):
    found = against_reference(table(rows), "A")
    assert found["low"].isna().all()
    assert not found["verdict"].isin(["differs", "no difference shown"]).any()
    assert against_reference(table(3, "A"), "A").empty


def test_slices_are_always_labelled():
    found = against_reference(table(40), "A", unit="slice", resamples=FEW)
    assert found["verdict"].str.endswith(f"({SLICE_LEVEL})").all()
    assert not against_reference(table(40), "A", resamples=FEW)["verdict"].str.contains("slice").any()


def test_unknown_reference_and_unit_are_refused():
    with pytest.raises(UserError, match="wanted one of A, B, C, D, found E"):
        against_reference(table(3), "E")
    with pytest.raises(UserError, match="wanted subject or slice, found slices"):
        against_reference(table(3), "A", unit="slices")


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(400, 40))
    intervals = np.array([interval(draw, resamples=500, seed=i) for i, draw in enumerate(draws)])
    covered = ((intervals[:, 0] < 1) & (intervals[:, 1] > 1)).mean()
    assert 0.90 < covered < 0.975
    wide = np.array([interval(draw, resamples=500, confidence=0.5) for draw in draws[:100]])
    assert 0.35 < ((wide[:, 0] < 1) & (wide[:, 1] > 1)).mean() < 0.65


def test_interval_of_many_values_is_that_of_the_normal_law():
    values = np.random.default_rng(1).normal(5, 2, size=3_000)
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert interval(values, resamples=2_000) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.1 * half
    )


def test_interval_is_bias_corrected_and_accelerated():
    values = np.random.default_rng(5).exponential(size=15) ** 2
    means = np.random.default_rng(6).choice(values, size=(50_000, 15)).mean(axis=1)
    influence = values.mean() - np.array([np.delete(values, i).mean() for i in range(15)])
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)  # Efron 1987
    bias = stats.norm.ppf((means < values.mean()).mean())
    z = bias + stats.norm.ppf([0.025, 0.975])
    wanted = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    tolerance = 0.03 * np.ptp(wanted)
    assert interval(values, resamples=30_000) == pytest.approx(tuple(wanted), abs=tolerance)
    assert abs(np.quantile(means, 0.975) - wanted[1]) > 3 * tolerance


def test_interval_is_seeded_and_knows_its_edges():
    values = np.random.default_rng(2).normal(size=12)
    assert interval(values, seed=1, resamples=FEW) == interval(values[::-1], seed=1, resamples=FEW)
    assert interval(values, seed=1, resamples=FEW) != interval(values, seed=2, resamples=FEW)
    assert np.isnan(interval([1.0, 2.0])).all()
    assert interval([4.0, 4.0, 4.0]) == (4.0, 4.0)
    assert interval([1.0, 2.0, 3.0, np.nan, np.inf], resamples=FEW) == interval([1.0, 2.0, 3.0], resamples=FEW)


def test_friedman_is_the_closed_form_of_its_ranks():
    values = table(8)
    found = friedman(values)
    ranks = (-values).rank(axis=1)
    n, k = values.shape
    wanted = 12 / (n * k * (k + 1)) * (ranks.sum() ** 2).sum() - 3 * n * (k + 1)
    assert (found.n, found.k) == (n, k)
    assert found.statistic == pytest.approx(wanted)
    assert found.p == pytest.approx(stats.chi2.sf(wanted, k - 1))
    pd.testing.assert_series_equal(found.mean_ranks, ranks.mean(), check_names=False)


def test_friedman_corrects_for_ties():
    values = pd.DataFrame([[1, 1, 2], [3, 1, 1], [1, 2, 2], [1, 2, 3], [2, 2, 3]], columns=list("ABC"))
    ranks = values.rank(axis=1)
    n, k = values.shape
    plain = 12 / (n * k * (k + 1)) * (ranks.sum() ** 2).sum() - 3 * n * (k + 1)
    ties = 4 * (2**3 - 2)  # four rows with one tied pair
    found = friedman(values, higher_is_better=False)
    assert found.statistic == pytest.approx(plain / (1 - ties / (n * k * (k**2 - 1))))
    assert list(found.mean_ranks) == pytest.approx(list(ranks.mean()))


def test_numbers_equal_but_for_rounding_tie_within_a_row():
    values = pd.DataFrame([[0.3, 0.1 + 0.2, 1.0]] * 4, columns=list("ABC"))
    assert list(friedman(values).mean_ranks) == [2.5, 2.5, 1]


# Demsar 2006, table 5(a): q at 0.05 for k methods.
@pytest.mark.parametrize(("k", "q"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_is_that_of_the_published_table(k, q):
    found = friedman(table(14, "ABCDEFGHIJ"[:k]))
    assert found.critical_difference == pytest.approx(q * np.sqrt(k * (k + 1) / (6 * 14)), rel=3e-4)


def test_posthoc_p_passes_alpha_where_ranks_are_a_critical_difference_apart():
    values = table(12, "ABCDE", seed=5) + np.arange(5)
    found = friedman(values)
    assert len(found.posthoc) == 10
    gaps = [
        abs(found.mean_ranks[a] - found.mean_ranks[b]) for a, b in zip(found.posthoc.a, found.posthoc.b, strict=True)
    ]
    apart = np.array(gaps) > found.critical_difference
    assert apart.any()
    assert not apart.all()
    assert list(found.posthoc["p"] < 0.05) == list(apart)
    assert found.verdict == f"differ; Nemenyi tells {apart.sum()} of 10 pairs apart"
    assert found.mean_ranks.idxmin() == "E"


def test_friedman_does_not_mind_the_order_and_turns_with_the_sense():
    values = table(9)
    there, back = friedman(values), friedman(values.iloc[::-1, ::-1])
    assert there.statistic == pytest.approx(back.statistic)
    assert dict(there.mean_ranks) == pytest.approx(dict(back.mean_ranks))
    other = friedman(values, higher_is_better=False)
    assert list(other.mean_ranks) == pytest.approx([5 - rank for rank in there.mean_ranks])
    assert other.statistic == pytest.approx(there.statistic)


def test_friedman_of_few_rows_says_that_it_cannot_reach_significance():
    values = pd.DataFrame([[1.0, 2, 3], [1, 2, 3]], columns=list("ABC"))
    found = friedman(values)
    assert found.p == pytest.approx(stats.chi2.sf(4, 2))
    assert found.verdict == "cannot reach significance: with 2 rows and 3 methods p is at least 0.14"
    three = friedman(pd.concat([values, values.iloc[:1]]))
    assert three.p < 0.05
    assert three.verdict.startswith("differ; ")
    assert "differ" not in friedman(values.iloc[:1]).verdict


def test_friedman_says_where_the_posthoc_test_cannot_tell():
    values = pd.DataFrame([np.arange(10.0)] * 2, columns=list("ABCDEFGHIJ"))
    found = friedman(values)
    assert found.p < 0.05
    assert found.critical_difference > 9
    assert "it cannot with 2 rows" in found.verdict


def test_friedman_leaves_out_rows_and_says_where_there_is_no_test():
    values = table(8)
    values.loc["s3", "B"] = np.nan
    found, wanted = friedman(values), friedman(values.drop(index="s3"))
    assert (found.n, found.statistic) == (7, wanted.statistic)
    assert found.verdict.endswith("; 1 of 8 rows left out, where a number is missing")
    for nothing in (table(8, "AB"), table(0), table(4) * np.nan, table(3, "A"), pd.DataFrame()):
        found = friedman(nothing)
        assert np.isnan(found.p)
        assert found.verdict.startswith("no test")
    equal = friedman(table(6) * 0)
    assert (equal.statistic, equal.p) == (0, 1)
    assert equal.verdict.startswith("no difference")
    infinite = table(8)
    infinite.loc["s0", "C"] = np.inf
    assert friedman(infinite).n == 8


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
    with pytest.raises(UserError, match="wanted a column psnr, found method, case"):
        by_subject(pd.DataFrame({"method": ["A"], "case": ["x"]}), "psnr")
    with pytest.raises(UserError, match="wanted a column slice"):
        by_slice(pd.DataFrame({"method": ["A"], "case": ["x"], "psnr": [1.0]}), "psnr")


def test_p_is_never_written_as_zero():
    assert p_text(np.nan) == "no test"
    assert [p_text(p) for p in (1.0, 0.0625, 0.05, 0.001, 1e-9)] == ["p 1", "p 0.062", "p 0.05", "p 0.001", "p < 0.001"]
