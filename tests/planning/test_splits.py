from collections import Counter
from pathlib import Path

import pytest

from hifisyn.dataset import Case
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.planning.draw_splits import make_splits
from hifisyn.planning.splits import Fold, Splits, check_splits


def cohort(subjects, modalities=("T1", "T2"), visits=1, prefix="S"):
    """Cases of `subjects` people, each with `visits` cases and images of `modalities`."""
    return {
        f"{prefix}{s:03d}v{v}": Case(f"{prefix}{s:03d}v{v}", f"{prefix}{s:03d}", {m: Path(m) for m in modalities})
        for s in range(subjects)
        for v in range(visits)
    }


def subjects_of(cases, names):
    return {cases[name].subject for name in names}


@pytest.mark.parametrize("subjects", [2, 3, 4, 7, 10, 80])
def test_no_person_stands_on_two_sides(subjects):
    cases = cohort(subjects, visits=3)
    splits = make_splits(cases)
    for fold in splits.folds:
        train, val, test = (subjects_of(cases, part) for part in (fold.train, fold.val, splits.test))
        assert train
        assert val
        assert not train & val
        assert not (train | val) & test
        assert train | val | test == subjects_of(cases, cases)


@pytest.mark.parametrize(
    ("subjects", "folds", "test"), [(2, 2, 0), (3, 1, 0), (4, 4, 0), (9, 5, 0), (10, 5, 2), (80, 5, 16)]
)
def test_number_of_folds_and_of_held_out_subjects(subjects, folds, test):
    cases = cohort(subjects)
    splits = make_splits(cases)
    assert len(splits.folds) == folds
    assert len(splits.test) == test


def test_each_training_subject_validates_once():
    cases = cohort(23, visits=2)
    splits = make_splits(cases)
    times = Counter(name for fold in splits.folds for name in fold.val)
    assert set(times.values()) == {1}
    assert set(times) == set(cases) - set(splits.test)


def test_the_order_of_cases_does_not_matter_but_the_seed_does():
    cases = cohort(40)
    backwards = dict(reversed(list(cases.items())))
    assert make_splits(cases, seed=3) == make_splits(backwards, seed=3)
    assert make_splits(cases, seed=3) != make_splits(cases, seed=4)


def test_given_test_cases_are_the_held_out_ones():
    cases, test = cohort(30), cohort(4, prefix="X")
    splits = make_splits(cases, test)
    assert set(splits.test) == set(test)
    assert set(splits.training_cases) == set(cases)


def test_nobody_is_held_out_where_that_is_not_wanted():
    assert make_splits(cohort(30), hold_out=False).test == ()


def test_folds_and_test_hold_their_share_of_the_paired_and_of_the_unpaired():
    cases = cohort(50) | cohort(25, ("T1",), prefix="A") | cohort(25, ("T2",), prefix="B")
    splits = make_splits(cases)
    for part in (splits.test, *(fold.val for fold in splits.folds)):
        kinds = Counter(name[0] for name in part)
        assert kinds["S"] == pytest.approx(len(part) / 2, abs=1)
        assert kinds["A"] == pytest.approx(len(part) / 4, abs=1)


def test_of_three_subjects_one_validates_whom_the_others_can_spare():
    cases = cohort(1) | cohort(2, ("T1",), prefix="A")
    fold = make_splits(cases).folds[0]
    assert "S000v0" in fold.train


def test_one_subject_is_refused():
    with pytest.raises(UserError, match=r"training subjects must be at least 2 \(got 1\)"):
        make_splits(cohort(1, visits=5))


def test_a_subject_in_training_and_test_is_refused():
    with pytest.raises(UserError, match="S001"):
        make_splits(cohort(3), {"other": Case("other", "S001", {"T1": Path("x")})})


def test_fold_all_trains_on_everything_that_is_not_held_out():
    cases = cohort(20)
    splits = make_splits(cases)
    assert set(splits.fold("all").train) == set(cases) - set(splits.test)
    assert splits.fold(2) == splits.folds[2]
    for wrong in (5, -1, "fold7"):
        with pytest.raises(UserError, match="fold4 or all"):
            splits.fold(wrong)


def test_two_subjects_give_a_warning_that_names_the_way_out():
    cases = cohort(2)
    text = " ".join(make_splits(cases).warnings(cases))
    assert "train on all" in text


def test_a_fold_without_a_modality_is_told():
    cases = cohort(3, ("T1",)) | cohort(1, ("T2",), prefix="B")
    text = " ".join(make_splits(cases).warnings(cases))
    assert "no training case with T2" in text


def test_save_and_load(tmp_path):
    splits = make_splits(cohort(12))
    splits.save(tmp_path / "splits_final.json")
    assert Splits.load(tmp_path / "splits_final.json") == splits


def test_the_plain_list_of_nnunet_is_read(tmp_path):
    write_json(tmp_path / "s.json", [{"train": ["a"], "val": ["b"]}])
    assert Splits.load(tmp_path / "s.json") == Splits((), (Fold(("a",), ("b",)),))


@pytest.mark.parametrize("content", [{}, [], {"folds": [{"train": []}]}, {"folds": [3]}, "text", {"folds": None}])
def test_what_is_no_splits_file_is_refused(tmp_path, content):
    write_json(tmp_path / "s.json", content)
    with pytest.raises(UserError, match=r"s\.json"):
        Splits.load(tmp_path / "s.json")


@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        (Splits((), (Fold(("S000v0",), ("S009v0",)),)), "S009v0"),
        (Splits((), (Fold(("S000v0",), ("S000v1",)),)), "train and val of fold0 must not share a subject .got S000"),
        (Splits(("S000v1",), (Fold(("S000v0",), ("S001v0",)),)), "folds and test"),
        (Splits((), (Fold(("S000v0", "X000v0"), ("S001v0",)),)), "imagesTs"),
        (Splits((), (Fold(("S000v0",), ()),)), "fold0 must have cases in train and val"),
    ],
)
def test_edited_splits_that_do_not_fit_are_refused(splits, reason):
    with pytest.raises(UserError, match=reason):
        check_splits(splits, cohort(3, visits=2), cohort(1, prefix="X"), "splits_final.json")


def test_edited_splits_that_fit_are_kept_and_unused_cases_told():
    cases = cohort(3)
    splits = Splits((), (Fold(("S000v0",), ("S001v0",)),))
    check_splits(splits, cases, {}, "splits_final.json")
    assert "not used: S002v0" in " ".join(splits.warnings(cases))


def test_the_fold_to_train_first_has_two_subjects_to_train_on():
    few, enough = cohort(2, visits=2), cohort(4)
    assert make_splits(few).first_fold(few) == "all"
    assert make_splits(enough).first_fold(enough) == "fold0"
    lone = Splits((), (Fold(("S000v0",), ("S001v0",)), Fold(("S001v0", "S002v0"), ("S000v0",))))
    assert lone.first_fold(enough) == "fold1"
