from pathlib import Path

import pytest

from hifisyn.dataset import Case, Dataset
from hifisyn.errors import UserError
from hifisyn.planning.counted_split import COHORTS, CountedSplit, drawing_order
from hifisyn.planning.splits import Fold, Splits, check_splits
from hifisyn.report import published
from tests.planning.test_splits import cohort, subjects_of

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


def dataset(name, cases, modalities=("T1", "T2"), test=None):
    return Dataset(name, modalities, LABELS, cases, test or {})


@pytest.mark.parametrize(
    ("name", "contrasts", "train", "test"),
    [
        ("IXI", ("T1", "T2"), 60, 20),
        ("ixi_guys", ("T1", "T2"), 60, 20),
        ("UKB1000", ("T1", "FLAIR"), 70, 30),
        ("BraTS2018", ("T1", "T1ce", "T2", "FLAIR"), 70, 30),
    ],
)
def test_the_cohorts_of_the_paper_have_its_numbers(name, contrasts, train, test):
    everyone = cohort(130, contrasts)
    count = CountedSplit.parse("paper", dataset(name, everyone, contrasts))
    splits = count.splits(drawing_order(everyone, count.contrasts, seed=0))
    (fold,) = splits.folds
    assert (len(fold.train), len(fold.val), len(splits.test)) == (train, 0, test)
    assert not subjects_of(everyone, fold.train) & subjects_of(everyone, splits.test)
    check_splits(splits, everyone, {}, "splits_final.json")
    assert "the newest weights will count as best" in " ".join(splits.warnings(everyone))
    assert f"train {train} cases of {train} subjects, validation none" in splits.counts(everyone)[1]


def test_the_numbers_are_those_that_the_report_shows_beside_measures():
    assert {cohort.begins: cohort.subjects for cohort in published.COHORTS} == {
        name: (count.train, count.test) for name, count in COHORTS.items()
    }


def test_subjects_are_drawn_by_the_seed_alone_and_evenly():
    everyone = cohort(200)
    backwards = dict(reversed(list(everyone.items())))

    def held_out(cases, seed):
        return CountedSplit(60, 20, ("T1", "T2")).splits(drawing_order(cases, ("T1", "T2"), seed)).test

    assert held_out(everyone, 3) == held_out(backwards, 3)
    times = dict.fromkeys(everyone, 0)
    for seed in range(300):
        for name in held_out(everyone, seed):
            times[name] += 1
    # each of 200 is drawn with probability 0.1: 30 times, spread 5.2
    assert min(times.values()) > 10
    assert max(times.values()) < 52


def test_a_subject_counts_once_and_only_with_all_contrasts_in_one_case():
    cases = cohort(12, visits=3) | cohort(5, ("T1",), prefix="ONE")
    apart = {f"APART{m}": Case(f"APART{m}", "APART", {m: Path(m)}) for m in ("T1", "T2")}
    order = drawing_order(cases | apart, ("T1", "T2"), seed=1)
    assert sorted(case.name for case in order) == [f"S{s:03d}v0" for s in range(12)]
    with pytest.raises(UserError, match=r"--draw 10/3 must find 13 subjects with T1 and T2 \(got 12\)"):
        CountedSplit(10, 3, ("T1", "T2")).splits(order)


@pytest.mark.parametrize("text", ["60", "60/", "0/20", "1/4", "60/0", "60/20/5", "-3/4", "all"])
def test_what_is_no_split_is_refused(text):
    with pytest.raises(UserError, match="--draw must be paper, or subjects"):
        CountedSplit.parse(text, dataset("IXI", cohort(3)))


def test_a_data_set_that_the_paper_has_not_is_told_the_way_out():
    with pytest.raises(UserError, match=r"named after a cohort of the paper .got LGG, not one of IXI 60/20"):
        CountedSplit.parse("paper", dataset("LGG", cohort(100)))
    assert str(CountedSplit.parse(" 12/4 ", dataset("LGG", cohort(3)))) == "12/4"


def test_cases_that_are_held_out_already_are_not_drawn_from():
    with pytest.raises(UserError, match=r"must draw from cases of imagesTr .got 2 in imagesTs"):
        CountedSplit.parse("2/1", dataset("IXI", cohort(5), test=cohort(2, prefix="X")))


def test_a_fold_without_validation_is_whole_and_one_of_several_is_a_mistake(tmp_path):
    splits = CountedSplit(4, 2, ("T1", "T2")).splits(drawing_order(cohort(6), ("T1", "T2"), 0))
    splits.save(tmp_path / "splits_final.json")
    assert Splits.load(tmp_path / "splits_final.json") == splits
    assert splits.fold("all") == splits.fold(0)
    assert splits.first_fold(cohort(6)) == "fold0"
    names = sorted(cohort(6))
    mixed = Splits((names[5],), (Fold(tuple(names[:4]), ()), Fold(tuple(names[:3]), (names[3],))))
    with pytest.raises(UserError, match="fold0 must have cases in train and val"):
        check_splits(mixed, cohort(6), {}, "splits_final.json")
