"""Draw splits: by subject and seeded, evenly over what the subjects have, or a fold for each site."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from hifisyn.dataset import Case
from hifisyn.errors import UserError
from hifisyn.paths import PARTICIPANTS_TSV
from hifisyn.planning.splits import Fold, Splits, first_names, modalities_of

FOLDS = 5
TEST_SHARE = 0.2
SUBJECTS_FOR_TEST = 10
FEWEST_SITES = 2


def make_splits(
    cases: Mapping[str, Case],
    test: Mapping[str, Case] | None = None,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    hold_out: bool = True,
    sites: Mapping[str, str] | None = None,
) -> Splits:
    """Split by subject, so that no person is on both sides, evenly over which modalities the subjects have.

    Held out are the given test cases; without any, 20 % of the subjects where there are at least 10. The rest
    goes into `folds` folds, or as many as leave a subject for each, but one fold for 3 subjects. With `sites` each fold
    leaves one site out: it validates on that site and trains on all others; who has no site is in no fold. Held-out
    subjects are then taken evenly from the sites, so that there are some of the site that a fold has never seen.

    Args:
        cases: training cases by name.
        test: held-out cases by name.
        folds: how many, where there are enough subjects.
        seed: the same seed gives the same splits, whatever the order of the cases.
        hold_out: hold out training subjects where no test cases are given.
        sites: subject to site, to split by site; none: sites are not looked at.

    Raises:
        UserError: fewer than 2 training subjects or sites to split by, or a subject that is in training and in test.
    """
    test = test or {}
    _refuse_subjects_on_both_sides(cases, test)
    if sites is not None:
        cases = {name: case for name, case in cases.items() if case.subject in sites}
        _refuse_few_sites({sites[case.subject] for case in cases.values()})
    subjects = _ordered_subjects(cases, sites or {}, np.random.default_rng(seed))
    held_out: list[str] = []
    if hold_out and not test and len(subjects) >= SUBJECTS_FOR_TEST:
        step = round(1 / TEST_SHARE)
        held_out = subjects[step - 1 :: step]
        del subjects[step - 1 :: step]
    if len(subjects) < 2:
        raise UserError(
            "training subjects must be at least 2",
            got=len(subjects),
            hint="add subjects, or check the entry subjects of dataset.json",
        )
    groups = _evenly(subjects, cases, folds) if sites is None else _by_site(subjects, sites)
    return Splits(
        test=tuple(sorted(test)) if test else _cases_of(cases, held_out),
        folds=tuple(
            Fold(_cases_of(cases, set(subjects).difference(group)), _cases_of(cases, group), site)
            for site, group in groups
        ),
    )


def _evenly(subjects: list[str], cases: Mapping[str, Case], folds: int) -> list[tuple[str, list[str]]]:
    """Return the subjects of each fold to validate on, of no one site."""
    number = 1 if len(subjects) == 3 else min(folds, len(subjects))
    return [("", subjects[i::number]) for i in range(number)] if number > 1 else [("", [_spare(subjects, cases)])]


def _by_site(subjects: list[str], sites: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return each site and its subjects, the largest site first."""
    groups: dict[str, list[str]] = {}
    for subject in subjects:
        groups.setdefault(sites[subject], []).append(subject)
    _refuse_few_sites(groups)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _refuse_few_sites(sites: Collection[str]) -> None:
    if len(sites) < FEWEST_SITES:
        raise UserError(
            f"to split by site, training subjects must be of at least {FEWEST_SITES} sites",
            got=first_names(sorted(sites)) or "none",
            hint=f"add the column site to {PARTICIPANTS_TSV} beside dataset.json, or split by subject",
        )


def _refuse_subjects_on_both_sides(cases: Mapping[str, Case], test: Mapping[str, Case]) -> None:
    both = sorted({c.subject for c in cases.values()} & {c.subject for c in test.values()})
    if both:
        raise UserError(
            "imagesTr and imagesTs must not share a subject",
            got=first_names(both),
            hint="move all cases of a subject to one of them",
        )


def _ordered_subjects(cases: Mapping[str, Case], sites: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    """Return the subjects shuffled within groups of equal site and modalities: taking every k-th is then stratified."""
    has: dict[str, set[str]] = {}
    for case in cases.values():
        has.setdefault(case.subject, set()).update(case.images)
    groups: dict[tuple[str, int, tuple[str, ...]], list[str]] = {}
    for subject in sorted(has):
        alike = (sites.get(subject, ""), -len(has[subject]), tuple(sorted(has[subject])))
        groups.setdefault(alike, []).append(subject)
    return [str(subject) for alike in sorted(groups) for subject in rng.permutation(groups[alike])]


def _spare(subjects: list[str], cases: Mapping[str, Case]) -> str:
    """Return the first subject without whom the others still have every modality; else the first."""
    everywhere = modalities_of(cases, _cases_of(cases, subjects))
    for subject in subjects:
        if modalities_of(cases, _cases_of(cases, [s for s in subjects if s != subject])) == everywhere:
            return subject
    return subjects[0]


def _cases_of(cases: Mapping[str, Case], subjects: Iterable[str]) -> tuple[str, ...]:
    chosen = set(subjects)
    return tuple(sorted(name for name, case in cases.items() if case.subject in chosen))
