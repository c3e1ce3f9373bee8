"""Lesions that are commoner or larger with one contrast are told, in cohorts made by hand."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from hifisyn.planning.prevalence import imbalance, prevalence


def cohort(**contrasts):
    """Contrast to the volumes of its own subjects: what `prevalence` finds where no subject has two contrasts."""
    volumes = {f"{name}{i}": ml for name, own in contrasts.items() for i, ml in enumerate(own)}
    return prevalence(volumes, {name: [f"{name}{i}" for i in range(len(own))] for name, own in contrasts.items()})


def test_patients_with_one_contrast_and_controls_with_the_other_are_told():
    line = imbalance(cohort(T1=[2.0, 3.0, 40.0, 5.0, 6.0, 0.0], T2=[0.0] * 6))
    p = 2 * hypergeom.pmf(5, 12, 5, 6)  # both tails of one table are alike: 5 of 6 against 0 of 6
    assert line.startswith("lesions in 5 of 6 with T1 (median 5 ml) and 0 of 6 with T2")
    assert f"Fisher's exact test of shares, p {p:.2g})" in line
    assert "may then invent or remove lesions" in line


def test_lesions_that_are_as_common_but_larger_are_told():
    small, large = np.linspace(1, 3, 10), np.linspace(30, 60, 10)
    line = imbalance(cohort(T1=small, FLAIR=large))
    assert "10 of 10 with T1 (median 2 ml) and 10 of 10 with FLAIR (median 45 ml) (Mann-Whitney" in line
    assert imbalance(cohort(T1=small, FLAIR=small * 1.8)) == ""  # surely larger, but not by much


@pytest.mark.parametrize(
    "contrasts",
    [
        {"T1": [1.0, 2, 0, 0] * 5, "T2": [1.5, 0, 3, 0] * 5},
        {"T1": [1.0, 2.0], "T2": [0.0, 0.0]},  # too few to tell from chance
        {"T1": [1.0] * 2000 + [0.0] * 2000, "T2": [1.0] * 1800 + [0.0] * 2200},  # surely rarer, but by 5 % alone
        {"T1": [1.0] * 9},
        {},
    ],
)
def test_nothing_is_said_where_it_does_not_matter(contrasts):
    assert imbalance(cohort(**contrasts)) == ""


def test_subjects_with_both_contrasts_make_no_difference():
    volumes = {f"s{i}": float(i % 2) for i in range(40)}
    assert imbalance(prevalence(volumes, {"T1": list(volumes), "T2": list(volumes)})) == ""
    extra = volumes | {f"healthy{i}": 0.0 for i in range(60)}
    assert "20 of 40 with T1" in imbalance(prevalence(extra, {"T1": list(volumes), "T2": list(extra)}))


def test_subjects_without_a_label_map_are_not_taken_for_healthy():
    volumes = {f"a{i}": 5.0 for i in range(10)}
    unlabelled = [f"b{i}" for i in range(10)]
    assert imbalance(prevalence(volumes, {"T1": list(volumes), "T2": unlabelled})) == ""
    assert [one.subjects for one in prevalence(volumes, {"T1": list(volumes), "T2": ["a0", *unlabelled]})] == [10, 1]


def test_of_three_contrasts_the_surest_pair_is_named():
    line = imbalance(cohort(T1=[1.0] * 10, T2=[1.0] * 7 + [0.0] * 3, PD=[0.0] * 10))
    assert "10 of 10 with T1" in line
    assert "0 of 10 with PD" in line
