"""Facts of the data set without paths: its cases, its split and what was done to the scans."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.paths import DATASET_JSON, FINGERPRINT_JSON, SPLITS_JSON, slices_folder
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.preprocessing.record import steps_of
from hifisyn.preprocessing.steps import Stage, Step
from hifisyn.slices import SliceStore


@dataclass(frozen=True)
class Part:
    """One part of a split: how many cases and subjects, and how many cases have each contrast."""

    name: str
    cases: int
    subjects: int
    contrasts: dict[str, int]


@dataclass(frozen=True)
class Data:
    """A preprocessed data set in numbers.

    Attributes:
        dataset: raw; none where no dataset.json was found.
        splits: none where the data set was not split.
        fingerprint: dataset_fingerprint.json; empty where there is none.
        steps: stage of preprocessing to what it did and to how many cases, most frequent first.
        slices: number of slices of each case that has any.
        plans: of the data set, by name.
        contrasts: of each case that has slices.
    """

    dataset: Dataset | None = None
    splits: Splits | None = None
    fingerprint: dict[str, Any] = field(default_factory=dict)
    steps: dict[Stage, list[tuple[Step, int]]] = field(default_factory=dict)
    slices: dict[str, int] = field(default_factory=dict)
    plans: dict[str, Plans] = field(default_factory=dict)
    contrasts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        """Whether paths may identify a participant; true unless the data set says that they do not."""
        return self.dataset is None or self.dataset.private

    @property
    def subject_of(self) -> dict[str, str]:
        """Case to subject."""
        return {case.name: case.subject for case in self.dataset.all_cases.values()} if self.dataset else {}

    def subjects(self, cases: Iterable[str]) -> int:
        """Return the number of subjects of these cases."""
        return len({self.subject_of.get(case, case) for case in cases})

    def part(self, name: str, cases: tuple[str, ...]) -> Part:
        """Count a part of a split."""
        has = Counter(modality for case in cases for modality in self._contrasts(case))
        order = self.dataset.modalities if self.dataset else sorted(has)
        return Part(name, len(cases), self.subjects(cases), {m: has[m] for m in order if has[m]})

    def parts(self, folds: Collection[int | str]) -> list[Part]:
        """Return the counts of the held-out cases, and of training and validation in some folds; in all if none."""
        if self.splits is None:
            return []
        parts = [self.part("held out for the test", self.splits.test)]
        for number in folds or range(len(self.splits.folds)):
            fold = self.splits.fold(number)
            parts.append(self.part(f"fold {number}: training", fold.train))
            parts.append(self.part(f"fold {number}: validation", fold.val))
        return parts

    def _contrasts(self, case: str) -> tuple[str, ...]:
        everyone = self.dataset.all_cases if self.dataset else {}
        return self.contrasts.get(case) or (tuple(everyone[case].images) if case in everyone else ())


def read_data(preprocessed: Path, fallback: Path | None, plan_names: Iterable[str]) -> Data:
    """Read a preprocessed data set; what is missing stays empty.

    Args:
        preprocessed: folder of the data set.
        fallback: a model folder whose dataset.json is read where the data set has none.
        plan_names: of the plans that models were trained by.
    """
    splits = preprocessed / SPLITS_JSON
    fingerprint = preprocessed / FINGERPRINT_JSON
    steps: dict[Stage, Counter[Step]] = {}
    slices: dict[str, int] = {}
    contrasts: dict[str, tuple[str, ...]] = {}
    plans = {}
    for name in dict.fromkeys(["plans", *plan_names]):
        if (preprocessed / f"{name}.json").is_file():
            plans[name] = Plans.load(preprocessed / f"{name}.json")
        store = SliceStore(slices_folder(preprocessed, name))
        for case in store.cases() if not slices else ():
            record = store.record(case)
            slices[case], contrasts[case] = int(record["slices"]), tuple(record["modalities"])
            for stage, step in steps_of(record).items():
                steps.setdefault(stage, Counter())[step] += 1
    return Data(
        _dataset(preprocessed, fallback),
        Splits.of_dataset(preprocessed) if splits.is_file() else None,
        read_object(fingerprint) if fingerprint.is_file() else {},
        {stage: counted.most_common() for stage, counted in steps.items()},
        slices,
        plans,
        contrasts,
    )


def _dataset(*folders: Path | None) -> Dataset | None:
    for folder in folders:
        if folder is not None and (folder / DATASET_JSON).is_file():
            try:
                return Dataset.load(folder)
            except UserError:
                continue
    return None
