"""Which cases train, which validate, which are held out: by subject, in a file that may be edited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from hifisyn.dataset import Case, Dataset
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import checked_json, read_json
from hifisyn.paths import DATASET_JSON, SPLITS_JSON

NAMES_SHOWN = 10
CHOSEN_WITHOUT_PAIRS = "best weights will be chosen without pairs"
FIX = "fix the file, or remove it and run hifisyn_plan_and_preprocess to split again"


class _FoldContent(BaseModel):
    train: list[str]
    val: list[str]
    site: str = ""


class _SplitsContent(BaseModel):
    test: list[str] = []
    folds: list[_FoldContent]


@dataclass(frozen=True)
class Fold:
    """Case names of one fold.

    Attributes:
        train: those to train on.
        val: those to validate on.
        site: where the cases to validate on come from, and none to train on; "" where sites are on both sides.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    site: str = ""


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

    @property
    def without_validation(self) -> bool:
        """Whether all cases that are not held out train, and none validates, as in HiFi-Syn's paper."""
        return bool(self.test) and not any(fold.val for fold in self.folds)

    @property
    def sites_left_out(self) -> dict[int, str]:
        """Number of a fold to the site that it left out; empty where folds were not split by site."""
        return {number: fold.site for number, fold in enumerate(self.folds) if fold.site}

    def save(self, path: Path) -> None:
        """Write splits_final.json atomically."""
        write_json(path, {"test": list(self.test), "folds": [_fold_json(fold) for fold in self.folds]})

    @classmethod
    def load(cls, path: Path | str) -> "Splits":
        """Read splits_final.json; nnU-Net's plain list of folds is read too.

        Raises:
            UserError: the file is missing or is not such a file, or a case stands on two sides.
        """
        content = read_json(path)
        content = {"folds": content} if isinstance(content, list) else content
        what = "splits with test and folds, each fold with train and val"
        read = checked_json(_SplitsContent, content, path, what)
        folds = tuple(Fold(tuple(fold.train), tuple(fold.val), fold.site) for fold in read.folds)
        splits = cls(tuple(read.test), folds)
        if not splits.folds:
            raise UserError(f"{path} must hold at least one fold", got="none", hint=FIX)
        splits._refuse_shared_cases(str(path))
        return splits

    @classmethod
    def of_dataset(cls, folder: Path, dataset: Dataset | None = None) -> "Splits":
        """Read the splits of a preprocessed data set, and check them with its subjects, since they may be edited.

        Args:
            folder: of the preprocessed data set.
            dataset: with subjects and sites; none: as dataset.json in the folder has it, if there is one.

        Raises:
            UserError: as `load` and `refuse_leaks`.
        """
        path = folder / SPLITS_JSON
        splits = cls.load(path)
        if dataset is None and (folder / DATASET_JSON).is_file():
            dataset = Dataset.load(folder)
        if dataset is not None:
            refuse_leaks(splits, dataset.cases, dataset.test, str(path), dataset.sites)
        return splits

    def _refuse_shared_cases(self, origin: str) -> None:
        for number, fold in enumerate(self.folds):
            if both := sorted({*fold.train} & {*fold.val}):
                got = first_names(both)
                raise UserError(f"{origin}: train and val of fold{number} must not share a case", got=got, hint=FIX)
        if both := sorted({*self.test} & {*self.training_cases}):
            raise UserError(f"{origin}: folds and test must not share a case", got=first_names(both), hint=FIX)

    def warnings(self, cases: Mapping[str, Case]) -> list[str]:
        """Return what a user should know: too few subjects, cases left out, modalities that a fold lacks."""
        lines = []
        if not self.test:
            lines.append("no held-out test cases: figures on validation cases are not independent of choices")
        named = {*self.test, *self.training_cases}
        unused = sorted(set(cases) - named)
        if unused:
            lines.append(f"not in the splits, so not used: {first_names(unused)}")
        everywhere = modalities_of(cases, self.training_cases)
        for number, fold in enumerate(self.folds):
            if not _trainable(fold, cases):
                lines.append(f"fold{number} has one training subject and training needs two; train on all instead")
            lacking = everywhere - modalities_of(cases, fold.train)
            if lacking:
                lines.append(f"fold{number} has no training case with {', '.join(sorted(lacking))}")
        without = [f"fold{number}" for number, fold in enumerate(self.folds) if not _holds_pair(fold, cases)]
        if self.without_validation:
            lines.append("no validation cases: the newest weights will count as best")
        elif without and len(everywhere) > 1:
            lines.append(f"no validation case of {', '.join(without)} holds two contrasts: {CHOSEN_WITHOUT_PAIRS}")
        return lines

    def first_fold(self, cases: Mapping[str, Case]) -> str:
        """Return what to train first: the first fold that has two training subjects, "all" where none has."""
        return next((f"fold{n}" for n, fold in enumerate(self.folds) if _trainable(fold, cases)), "all")

    def counts(self, cases: Mapping[str, Case]) -> list[str]:
        """Return one line a fold for people, test first."""
        lines = [f"test: {_count(cases, self.test)}"]
        for number, fold in enumerate(self.folds):
            left_out = f" ({fold.site} left out)" if fold.site else ""
            train, val = _count(cases, fold.train), _count(cases, fold.val) if fold.val else "none"
            lines.append(f"fold{number}{left_out}: train {train}, validation {val}")
        return lines


def _fold_json(fold: Fold) -> dict[str, list[str] | str]:
    cases: dict[str, list[str] | str] = {"train": list(fold.train), "val": list(fold.val)}
    return cases | ({"site": fold.site} if fold.site else {})


def _holds_pair(fold: Fold, cases: Mapping[str, Case]) -> bool:
    return any(len(cases[case].images) > 1 for case in fold.val if case in cases)


def _trainable(fold: Fold, cases: Mapping[str, Case]) -> bool:
    return len({cases[c].subject for c in fold.train if c in cases}) >= 2


def check_splits(
    splits: Splits,
    cases: Mapping[str, Case],
    test: Mapping[str, Case],
    origin: str,
    sites: Mapping[str, str] | None = None,
) -> None:
    """Refuse splits that do not fit the cases (a user may have edited them, or the data set changed).

    Args:
        splits: of the data set.
        cases: training cases by name.
        test: held-out cases by name.
        origin: where the splits stand.
        sites: subject to site, of those whose site is known.

    Raises:
        UserError: a case is unknown, a subject stands on two sides, a fold is empty or alone has no cases to validate
            on, imagesTs is trained on, or a fold trains on the site that it says it leaves out.
    """
    everyone = dict(cases) | dict(test)
    unknown = sorted(({*splits.test, *splits.training_cases}) - set(everyone))
    if unknown:
        raise UserError(f"{origin} must name usable cases of the data set", got=first_names(unknown), hint=FIX)
    for number, fold in enumerate(splits.folds):
        if not fold.train or not (fold.val or splits.without_validation):
            raise UserError(f"{origin}: fold{number} must have cases in train and val", got="an empty part", hint=FIX)
    refuse_leaks(splits, cases, test, origin, sites)


def refuse_leaks(
    splits: Splits,
    cases: Mapping[str, Case],
    test: Mapping[str, Case],
    origin: str,
    sites: Mapping[str, str] | None = None,
) -> None:
    """Refuse splits by which something is judged by what it was trained on; the arguments are those of `check_splits`.

    A case that the data set lacks is its own subject.

    Raises:
        UserError: a subject stands on two sides, imagesTs is trained on, or a fold trains on the site that it says it
            leaves out.
    """
    everyone = dict(cases) | dict(test)
    trained_on = sorted(set(splits.training_cases) & set(test))
    if trained_on:
        raise UserError(
            f"{origin} must have the cases of imagesTs in test only", got=f"{trained_on[0]} in a fold", hint=FIX
        )
    for number, fold in enumerate(splits.folds):
        _refuse_overlap(everyone, fold.train, fold.val, f"{origin}: train and val of fold{number}")
        train_sites = {case: (sites or {}).get(_subject(everyone, case)) for case in fold.train}
        if seen := sorted(case for case, site in train_sites.items() if fold.site and site == fold.site):
            raise UserError(
                f"{origin}: fold{number} leaves out {fold.site}, so train must hold none of it",
                got=first_names(seen),
                hint=FIX,
            )
    _refuse_overlap(everyone, splits.training_cases, splits.test, f"{origin}: folds and test")


def _refuse_overlap(cases: Mapping[str, Case], left: Iterable[str], right: Iterable[str], where: str) -> None:
    both = sorted({_subject(cases, case) for case in left} & {_subject(cases, case) for case in right})
    if both:
        raise UserError(f"{where} must not share a subject", got=first_names(both), hint=FIX)


def _subject(cases: Mapping[str, Case], case: str) -> str:
    return cases[case].subject if case in cases else case


def modalities_of(cases: Mapping[str, Case], names: Iterable[str]) -> set[str]:
    """Return the modalities that any of the named cases has."""
    return {m for name in names if name in cases for m in cases[name].images}


def first_names(names: list[str]) -> str:
    """Return the first of some names as a message lists them, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(cases: Mapping[str, Case], names: tuple[str, ...]) -> str:
    subjects = len({cases[name].subject for name in names if name in cases})
    return f"{len(names)} case{'s' * (len(names) != 1)} of {subjects} subject{'s' * (subjects != 1)}"
