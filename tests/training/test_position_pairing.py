"""Slices of like height: who meets whom in a step, which slice and window the partner has, what random pairing does."""

from collections import Counter

import pytest

from hifisyn.training.draws import draw_step
from hifisyn.training.training_cases import TrainingCases
from tests.support.training_toys import toy_plans

PAIR = ("T1", "T2")
STEPS = 400


def cohort(slices):
    """Return a cohort of subjects that have both contrasts, each with one case of so many slices."""
    cases: dict[str, dict[str, tuple[str, ...]]] = {m: {s: (s,) for s in slices} for m in PAIR}
    return TrainingCases(cases, dict(slices), frozenset(), {s: set(PAIR) for s in slices})


def partners(found, steps=STEPS, **training):
    """Return the k-th draws of both contrasts, of many steps."""
    plans = toy_plans(**{"pairing": "position"} | training)
    drawn = [draw_step(found, plans, 1, t) for t in range(steps)]
    return [pair for step in drawn for pair in zip(step["T1"], step["T2"], strict=True)]


def test_partners_are_of_like_height_within_the_slack():
    offsets = Counter(b.index - a.index for a, b in partners(cohort(dict.fromkeys("abcdef", 60)), position_slack=2))
    assert set(offsets) == {-2, -1, 0, 1, 2}
    expected = 2 * STEPS / 5
    assert all(abs(n - expected) < 5 * expected**0.5 for n in offsets.values())


def test_without_slack_they_are_at_the_same_height():
    assert all(a.index == b.index for a, b in partners(cohort(dict.fromkeys("abcd", 9)), position_slack=0))


@pytest.mark.parametrize("slack", [0, 3])
def test_height_is_a_share_of_the_slices_of_a_case(slack):
    counts = {"a": 10, "b": 25, "c": 100, "d": 41, "e": 7, "f": 60}
    seen = set()
    for a, b in partners(cohort(counts), position_slack=slack):
        last = counts[b.case] - 1
        apart = abs(b.index - a.index / (counts[a.case] - 1) * last)
        assert apart <= slack + 0.5
        assert 0 <= b.index <= last
        seen.add((a.case, b.case))
    assert len(seen) == 30


def test_the_outermost_slices_meet_the_outermost():
    counts = {"a": 5, "b": 90}
    for a, b in partners(cohort(counts), position_slack=0, batch_size=1):
        share = a.index / (counts[a.case] - 1)
        if share in (0, 1):
            assert b.index == share * (counts[b.case] - 1)


def test_a_case_of_one_slice_is_met_too():
    counts = {"a": 1, "b": 30}
    drawn = partners(cohort(counts), position_slack=1, batch_size=1)
    assert {b.index for _, b in drawn if b.case == "a"} == {0}
    assert {b.index for _, b in drawn if b.case == "b"} == {0, 1}


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("people", [2, 3, 7])
def test_partners_are_never_one_person(people, size):
    found = cohort({f"s{i}": 20 for i in range(people)})
    for iteration in range(60):
        drawn = draw_step(found, toy_plans(pairing="position", batch_size=size), 0, iteration)
        first, second = ({d.subject for d in drawn[m]} for m in PAIR)
        assert len(drawn["T1"]) == len(drawn["T2"]) == size
        assert not first & second
        assert all(d.subject == d.case for m in PAIR for d in drawn[m])


def test_the_partner_has_the_contrast():
    cases: dict[str, dict[str, tuple[str, ...]]]
    cases = {"T1": {"a": ("a0",), "b": ("b0",), "x": ("x0",)}, "T2": {"x": ("x1", "x2"), "y": ("y0",)}}
    found = TrainingCases(cases, {"a0": 5, "b0": 8, "x0": 9, "x1": 30, "x2": 40, "y0": 50}, frozenset(), {})
    met = {(a.case, b.case) for a, b in partners(found, batch_size=1)}
    assert all(a in {"a0", "b0", "x0"} and b in {"x1", "x2", "y0"} for a, b in met)
    assert {b for _, b in met} == {"x1", "x2", "y0"}
    assert not any(a == "x0" and b in {"x1", "x2"} for a, b in met)


def test_windows_and_mirroring_are_those_of_the_partner():
    drawn = partners(cohort(dict.fromkeys("abcdef", 12)))
    assert all((a.row, a.column, a.mirrored) == (b.row, b.column, b.mirrored) for a, b in drawn)
    assert {a.mirrored for a, _ in drawn} == {False, True}
    assert {a.row for a, _ in drawn} == {a.column for a, _ in drawn} == set(range(9))
    assert not any(b.mirrored for _, b in partners(cohort(dict.fromkeys("abcdef", 12)), steps=30, flip=False))


def test_draws_depend_on_seed_iteration_and_rank_alone():
    found, plans = cohort(dict.fromkeys("abcdefgh", 20)), toy_plans(pairing="position")
    base = draw_step(found, plans, 0, 5, 0)
    assert base == draw_step(found, plans, 0, 5, 0)
    assert all(base != draw_step(found, plans, *other) for other in ((1, 5, 0), (0, 6, 0), (0, 5, 1)))


def test_both_pairings_draw_the_same_people_and_the_same_first_images():
    found = cohort(dict.fromkeys("abcdefgh", 20))
    for iteration in range(50):
        at_random = draw_step(found, toy_plans(), 0, iteration)
        alike = draw_step(found, toy_plans(pairing="position"), 0, iteration)
        assert at_random["T1"] == alike["T1"]
        assert [d.case for d in at_random["T2"]] == [d.case for d in alike["T2"]]


def test_random_pairing_knows_no_height_and_no_common_window():
    drawn = partners(cohort(dict.fromkeys("abcdef", 60)), pairing="random")
    far = sum(abs(a.index - b.index) > 2 for a, b in drawn) / len(drawn)
    assert far > 0.8
    same = [sum(getattr(a, key) == getattr(b, key) for a, b in drawn) / len(drawn) for key in ("row", "mirrored")]
    assert same == [pytest.approx(1 / 9, abs=0.06), pytest.approx(1 / 2, abs=0.1)]
    slack = [partners(cohort(dict.fromkeys("abcdef", 60)), 50, pairing="random", position_slack=s) for s in (0, 9)]
    assert slack[0] == slack[1]
