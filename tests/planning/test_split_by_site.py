"""Folds that leave a site out: which subjects they train on, what is held out, and what is refused."""

from dataclasses import replace

import pytest

from hifisyn.errors import UserError
from hifisyn.planning.draw_splits import make_splits
from hifisyn.planning.splits import Fold, Splits, check_splits
from tests.planning.test_splits import cohort, subjects_of


def three_sites(subjects=30, visits=1):
    """Half of the subjects are of Guys, a third of HH and a sixth of IOP."""
    cases = cohort(subjects, visits=visits)
    order = ("Guys", "HH", "Guys", "HH", "Guys", "IOP")
    return cases, {case.subject: order[int(case.subject[1:]) % 6] for case in cases.values()}


def sites_of(cases, sites, names):
    return {sites[subject] for subject in subjects_of(cases, names)}


def test_each_fold_validates_on_one_site_and_trains_on_all_others():
    cases, sites = three_sites(visits=2)
    splits = make_splits(cases, sites=sites)
    assert splits.sites_left_out == {0: "Guys", 1: "HH", 2: "IOP"}
    for fold in splits.folds:
        assert sites_of(cases, sites, fold.val) == {fold.site}
        assert sites_of(cases, sites, fold.train) == {"Guys", "HH", "IOP"} - {fold.site}
        everyone = subjects_of(cases, fold.train) | subjects_of(cases, fold.val)
        assert everyone | subjects_of(cases, splits.test) == subjects_of(cases, cases)
        assert not everyone & subjects_of(cases, splits.test)


def test_held_out_subjects_come_from_every_site_by_its_share():
    cases, sites = three_sites(60)
    splits = make_splits(cases, sites=sites)
    held_out = [sites[subject] for subject in subjects_of(cases, splits.test)]
    assert {site: held_out.count(site) for site in ("Guys", "HH", "IOP")} == {"Guys": 6, "HH": 4, "IOP": 2}


def test_a_few_subjects_are_all_trained_on_and_given_test_cases_stay():
    cases, sites = three_sites(6)
    assert make_splits(cases, sites=sites).test == ()
    test = cohort(2, prefix="X")
    assert make_splits(three_sites()[0], test, sites=three_sites()[1]).test == tuple(sorted(test))


def test_who_has_no_site_is_in_no_fold_and_this_is_told():
    cases, sites = three_sites(6)
    del sites["S004"]
    splits = make_splits(cases, sites=sites)
    assert "S004v0" not in {*splits.training_cases, *splits.test}
    assert "not in the splits, so not used: S004v0" in " ".join(splits.warnings(cases))


@pytest.mark.parametrize("sites", [{}, dict.fromkeys(three_sites()[1], "HH")])
def test_fewer_than_two_sites_are_refused(sites):
    with pytest.raises(UserError, match="of at least 2 sites") as error:
        make_splits(three_sites()[0], sites=sites)
    assert "participants.tsv" in str(error.value)


def test_the_file_and_the_printed_lines_name_the_sites(tmp_path):
    cases, sites = three_sites(6)
    splits = make_splits(cases, sites=sites)
    splits.save(tmp_path / "s.json")
    assert Splits.load(tmp_path / "s.json") == splits
    assert splits.counts(cases)[1].startswith("fold0 (Guys left out): train 3 cases of 3 subjects, validation 3 cases")


def test_a_fold_that_trains_on_the_site_that_it_leaves_out_is_refused():
    cases, sites = three_sites(6)
    splits = make_splits(cases, sites=sites)
    check_splits(splits, cases, {}, "splits_final.json", sites)
    first = splits.folds[0]
    wrong = Fold((*first.train, first.val[0]), first.val[1:], first.site)
    with pytest.raises(UserError, match=r"fold0 leaves out Guys, so train must hold none of it .got S000v0"):
        check_splits(replace(splits, folds=(wrong, *splits.folds[1:])), cases, {}, "splits_final.json", sites)
