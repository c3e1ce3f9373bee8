"""What is drawn: balanced, seeded, one case a subject."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.reader_study.design import View, arrange, draw_cases, draw_slices, latin_rows

ONE_DIRECTION = {Direction("T1", "T2"): {f"c{i}": f"s{i}" for i in range(30)}}


def rng(seed=0):
    return np.random.default_rng(seed)


def views(count):
    return [View(f"c{number}", 3, Direction("T1", "T2")) for number in range(count)]


@pytest.mark.parametrize(("count", "width"), [(1, 3), (7, 3), (18, 13), (12, 4), (5, 2)])
def test_every_candidate_stands_at_every_place_equally_often(count, width):
    rows = latin_rows(count, width, rng())
    assert len(rows) == count
    assert all(sorted(row) == list(range(width)) for row in rows)
    for place in range(width):
        times = [sum(row[place] == candidate for row in rows) for candidate in range(width)]
        assert max(times) - min(times) <= 1


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_study_is_a_complete_block_design_whose_repeats_stand_elsewhere(count):
    names = ("a", "b", "c")
    trials = arrange(views(count), names, min(2, count), rng(5))
    assert all(sorted(trial.candidates) == sorted(names) for trial in trials)
    first = {trial.view: trial for trial in trials if not trial.repeats}
    assert set(first) == set(views(count))
    again = [trial for trial in trials if trial.repeats]
    assert len({trial.view for trial in again}) == len(again) == min(2, count)
    for trial in again:
        assert trial.candidates != first[trial.view].candidates
        assert trials.index(trial) > trials.index(first[trial.view])
    for shown in (trials, list(first.values())):
        for place in range(3):
            times = Counter(trial.candidates[place] for trial in shown)
            assert max(times.values()) - min(times[name] for name in names) <= 1


def test_a_repeat_does_not_follow_its_first_showing():
    for seed in range(60):
        trials = arrange(views(4), ("a", "b", "c"), 4, rng(seed))
        assert all(one.view != other.view for one, other in pairwise(trials))


def test_the_seed_decides():
    assert arrange(views(9), ("a", "b", "c"), 2, rng(1)) == arrange(views(9), ("a", "b", "c"), 2, rng(1))
    assert arrange(views(9), ("a", "b", "c"), 2, rng(1)) != arrange(views(9), ("a", "b", "c"), 2, rng(2))


def test_reading_order_is_not_the_order_of_cases():
    trials = arrange(views(18), ("a", "b", "c"), 0, rng())
    assert [trial.view for trial in trials] != views(18)


def test_one_case_a_subject_and_directions_in_equal_shares():
    subjects = {f"c{i}": f"s{i // 2}" for i in range(24)}
    subject_of = {Direction("T1", "T2"): subjects, Direction("T2", "T1"): subjects, Direction("T1", "FLAIR"): subjects}
    shown = draw_cases(subject_of, None, 18, rng())
    assert len(shown) == 12
    assert len({subjects[case] for case, _ in shown}) == 12
    assert set(Counter(direction for _, direction in shown).values()) == {4}


def test_the_paper_s_number_of_cases_unless_one_is_given():
    assert len(draw_cases(ONE_DIRECTION, None, 18, rng())) == 18
    assert len(draw_cases(ONE_DIRECTION, 25, 18, rng())) == 25
    with pytest.raises(UserError) as error:
        draw_cases(ONE_DIRECTION, 31, 18, rng())
    assert error.value.what.startswith("--cases-number must be at most 30")
    assert error.value.got == "31"
    with pytest.raises(UserError, match="on the same cases"):
        draw_cases({Direction("T1", "T2"): {}}, None, 18, rng())


def test_slices_with_much_brain_and_through_the_lesion():
    brain = np.array([0, 40, 60, 100, 90, 55, 10])
    lesion = np.array([0, 90, 0, 9, 20, 0, 0])
    assert {draw_slices(brain, None, 1, rng(s))[0] for s in range(40)} == {2, 3, 4, 5}
    assert {draw_slices(brain, lesion, 1, rng(s))[0] for s in range(40)} == {4}
    assert draw_slices(brain, lesion, 4, rng()) == [2, 3, 4, 5]
    with pytest.raises(UserError) as error:
        draw_slices(brain, lesion, 5, rng())
    assert error.value.what.startswith("--slices must be at most 4")
    assert error.value.got == "5"


def test_one_model_is_nothing_to_compare():
    with pytest.raises(UserError, match="at least 2 models") as error:
        arrange(views(3), ("a",), 0, rng())
    assert error.value.got == "1"
