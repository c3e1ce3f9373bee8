"""Which cases train, which validate, which are held out: by subject, seeded, written to a file that may be edited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.dataset import Case
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json

FOLDS = 5
TEST_SHARE = 0.2
SUBJECTS_FOR_TEST = 10
NAMES_SHOWN = 10
FIX = "fix the file, or remove it and run hifisyn_plan_and_preprocess to split again"


@dataclass(frozen=True)
class Fold:
    """Case names of one fold."""

    train: tuple[str, ...]
    val: tuple[str, ...]


@dataclass(frozen=True)
class Splits:
    """All splits of a data set.

    Attributes:
        test: held-out cases; never planned with, trained on or tuned with.
        folds: cross-validation over the rest.
    """

    test: tuple[str, ...]
    folds: tuple[Fold, ...]

    def fold(self, fold: int | str) -> Fold:
        """Return one fold; "all" trains on every case that is not held out and watches the cases of fold 0.

        Raises:
            UserError: there is no such fold.
        """
        if fold == "all":
            return Fold(self.training_cases, self.folds[0].val)
        if not isinstance(fold, int) or not 0 <= fold < len(self.folds):
            there = ", ".join(f"fold{i}" for i in range(len(self.folds)))
            raise UserError(f"the fold must be {there} or all", got=fold)
        return self.folds[fold]

    @property
    def training_cases(self) -> tuple[str, ...]:
        """Every case of any fold, sorted: all that planning may look at."""
        return tuple(sorted({case for fold in self.folds for case in fold.train + fold.val}))

    def save(self, path: Path) -> None:
        """Write splits_final.json atomically."""
        folds = [{"train": list(fold.train), "val": list(fold.val)} for fold in self.folds]
        write_json(path, {"test": list(self.test), "folds": folds})

    @classmethod
    def load(cls, path: Path | str) -> "Splits":
        """Read splits_final.json; nnU-Net's plain list of folds is read too.

        Raises:
            UserError: the file is missing or is not such a file.
        """
        content = read_json(path)
        if isinstance(content, list):
            content = {"folds": content}
        try:
            folds = tuple(Fold(tuple(fold["train"]), tuple(fold["val"])) for fold in content["folds"])
            splits = cls(tuple(content.get("test", ())), folds)
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path} must hold test and folds, each fold with train and val", got=f"no usable {error}", hint=FIX
            ) from None
        if not splits.folds:
            raise UserError(f"{path} must hold at least one fold", got="none", hint=FIX)
        return splits

    def warnings(self, cases: Mapping[str, Case]) -> list[str]:
        """Return what a user should know: too few subjects, cases left out, modalities that a fold lacks."""
        lines = []
        if not self.test:
            lines.append("no held-out test cases: figures on validation cases are not independent of choices")
        named = {*self.test, *self.training_cases}
        unused = sorted(set(cases) - named)
        if unused:
            lines.append(f"not in the splits, so not used: {_first_names(unused)}")
        everywhere = _modalities(cases, self.training_cases)
        for number, fold in enumerate(self.folds):
            if not _trainable(fold, cases):
                lines.append(f"fold{number} has one training subject and training needs two; train on all instead")
            lacking = everywhere - _modalities(cases, fold.train)
            if lacking:
                lines.append(f"fold{number} has no training case with {', '.join(sorted(lacking))}")
        return lines

    def first_fold(self, cases: Mapping[str, Case]) -> str:
        """Return what to train first: the first fold that has two training subjects, "all" where none has."""
        return next((f"fold{n}" for n, fold in enumerate(self.folds) if _trainable(fold, cases)), "all")

    def counts(self, cases: Mapping[str, Case]) -> list[str]:
        """Return one line a fold for people, test first."""
        lines = [f"test: {_count(cases, self.test)}"]
        for number, fold in enumerate(self.folds):
            lines.append(f"fold{number}: train {_count(cases, fold.train)}, validation {_count(cases, fold.val)}")
        return lines


def _trainable(fold: Fold, cases: Mapping[str, Case]) -> bool:
    return len({cases[c].subject for c in fold.train if c in cases}) >= 2


def make_splits(
    cases: Mapping[str, Case],
    test: Mapping[str, Case] | None = None,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    hold_out: bool = True,
) -> Splits:
    """Split by subject, so that no person is on both sides, evenly over which modalities the subjects have.

    Held out are the given test cases; without any, 20 % of the subjects where there are at least 10. The rest
    goes into `folds` folds, or as many as leave a subject for each, but one fold for 3 subjects.

    Args:
        cases: training cases by name.
        test: held-out cases by name.
        folds: how many, where there are enough subjects.
        seed: the same seed gives the same splits, whatever the order of the cases.
        hold_out: hold out training subjects where no test cases are given.

    Raises:
        UserError: fewer than 2 training subjects, or a subject that is in training and in test.
    """
    test = test or {}
    _refuse_subjects_on_both_sides(cases, test)
    subjects = _ordered_subjects(cases, np.random.default_rng(seed))
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
    number = 1 if len(subjects) == 3 else min(folds, len(subjects))
    groups = [subjects[i::number] for i in range(number)] if number > 1 else [[_spare(subjects, cases)]]
    return Splits(
        test=tuple(sorted(test)) if test else _cases_of(cases, held_out),
        folds=tuple(
            Fold(_cases_of(cases, set(subjects).difference(group)), _cases_of(cases, group)) for group in groups
        ),
    )


def check_splits(splits: Splits, cases: Mapping[str, Case], test: Mapping[str, Case], origin: str) -> None:
    """Refuse splits that do not fit the cases (a user may have edited them, or the data set changed).

    Raises:
        UserError: a case is unknown, a subject stands on two sides, a fold is empty, or imagesTs is trained on.
    """
    everyone = dict(cases) | dict(test)
    unknown = sorted(({*splits.test, *splits.training_cases}) - set(everyone))
    if unknown:
        raise UserError(f"{origin} must name usable cases of the data set", got=_first_names(unknown), hint=FIX)
    trained_on = sorted(set(splits.training_cases) & set(test))
    if trained_on:
        raise UserError(
            f"{origin} must have the cases of imagesTs in test only", got=f"{trained_on[0]} in a fold", hint=FIX
        )
    for number, fold in enumerate(splits.folds):
        if not fold.train or not fold.val:
            raise UserError(f"{origin}: fold{number} must have cases in train and val", got="an empty part", hint=FIX)
        _refuse_overlap(everyone, fold.train, fold.val, f"{origin}: train and val of fold{number}")
    _refuse_overlap(everyone, splits.training_cases, splits.test, f"{origin}: folds and test")


def _refuse_overlap(cases: Mapping[str, Case], left: Iterable[str], right: Iterable[str], where: str) -> None:
    both = sorted({cases[c].subject for c in left} & {cases[c].subject for c in right})
    if both:
        raise UserError(f"{where} must not share a subject", got=_first_names(both), hint=FIX)


def _refuse_subjects_on_both_sides(cases: Mapping[str, Case], test: Mapping[str, Case]) -> None:
    both = sorted({c.subject for c in cases.values()} & {c.subject for c in test.values()})
    if both:
        raise UserError(
            "imagesTr and imagesTs must not share a subject",
            got=_first_names(both),
            hint="move all cases of a subject to one of them",
        )


def _ordered_subjects(cases: Mapping[str, Case], rng: np.random.Generator) -> list[str]:
    """Return the subjects shuffled within groups of equal modalities: taking every k-th is then stratified."""
    has: dict[str, set[str]] = {}
    for case in cases.values():
        has.setdefault(case.subject, set()).update(case.images)
    groups: dict[tuple[str, ...], list[str]] = {}
    for subject in sorted(has):
        groups.setdefault(tuple(sorted(has[subject])), []).append(subject)
    ordered = sorted(groups, key=lambda modalities: (-len(modalities), modalities))
    return [str(subject) for modalities in ordered for subject in rng.permutation(groups[modalities])]


def _spare(subjects: list[str], cases: Mapping[str, Case]) -> str:
    """Return the first subject without whom the others still have every modality; else the first."""
    everywhere = _modalities(cases, _cases_of(cases, subjects))
    for subject in subjects:
        if _modalities(cases, _cases_of(cases, [s for s in subjects if s != subject])) == everywhere:
            return subject
    return subjects[0]


def _cases_of(cases: Mapping[str, Case], subjects: Iterable[str]) -> tuple[str, ...]:
    chosen = set(subjects)
    return tuple(sorted(name for name, case in cases.items() if case.subject in chosen))


def _modalities(cases: Mapping[str, Case], names: Iterable[str]) -> set[str]:
    return {m for name in names if name in cases for m in cases[name].images}


def _first_names(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(cases: Mapping[str, Case], names: tuple[str, ...]) -> str:
    subjects = len({cases[name].subject for name in names if name in cases})
    return f"{len(names)} case{'s' * (len(names) != 1)} of {subjects} subject{'s' * (subjects != 1)}"
