"""The training cases: who has which contrast, how many slices each has, and whose are labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from hifisyn.errors import UserError
from hifisyn.slices import SliceStore


@dataclass(frozen=True)
class TrainingCases:
    """The training cases of two contrasts or more.

    Attributes:
        cases: contrast to subject to the cases of that subject that have the contrast.
        slices: case to its number of training slices.
        labelled: the cases with a label map.
        paired: case to the contrasts that may be taken as pairs (`SliceStore.paired`).
    """

    cases: dict[str, dict[str, tuple[str, ...]]]
    slices: dict[str, int]
    labelled: frozenset[str]
    paired: dict[str, set[str]]

    @classmethod
    def read(
        cls, store: SliceStore, cases: Sequence[str], subjects: Mapping[str, str], domains: Sequence[str]
    ) -> "TrainingCases":
        """Look up what the store has of `cases`; `subjects` says whose they are, by default each its own.

        Raises:
            UserError: a contrast is in no case, or all images of two contrasts are of one subject.
        """
        records = {case: store.record(case) for case in cases}
        by_contrast: dict[str, dict[str, tuple[str, ...]]] = {m: {} for m in domains}
        for case in sorted(records):
            for contrast in set(domains) & set(records[case]["modalities"]):
                subject = subjects.get(case, case)
                by_contrast[contrast][subject] = (*by_contrast[contrast].get(subject, ()), case)
        for contrast, subjects_with_it in by_contrast.items():
            if not subjects_with_it:
                there = sorted({m for record in records.values() for m in record["modalities"]})
                raise UserError(
                    f"some training case must have {contrast}",
                    got=f"{len(records)} with {', '.join(there) or 'no contrast'}",
                    hint="choose other contrasts or another fold",
                )
        for first, second in combinations(domains, 2):
            if len({*by_contrast[first], *by_contrast[second]}) < 2:
                raise UserError(
                    f"training subjects must be at least two, one for {first} and another for {second}: unpaired "
                    "training never shows both contrasts of one subject in a step",
                    got=1,
                    hint="add a subject or train fold all",
                )
        return cls(
            by_contrast,
            {case: int(record["slices"]) for case, record in records.items()},
            frozenset(case for case, record in records.items() if record["labelled"]),
            {case: store.paired(case) for case in records},
        )

    @property
    def domains(self) -> tuple[str, ...]:
        """The contrasts."""
        return tuple(self.cases)

    @property
    def subject_numbers(self) -> dict[str, int]:
        """Subject to a number, the same in every process."""
        everyone = sorted({subject for subjects in self.cases.values() for subject in subjects})
        return {subject: number for number, subject in enumerate(everyone)}

    @property
    def untrusted(self) -> tuple[str, ...]:
        """The cases that have a contrast whose registration is not trusted, sorted."""
        having = {(case, m) for m, subjects in self.cases.items() for cases in subjects.values() for case in cases}
        return tuple(sorted({case for case, contrast in having if contrast not in self.paired[case]}))

    def labelled_subjects(self, contrast: str) -> list[list[str]]:
        """Return the labelled cases that have a contrast, of each subject that has some."""
        subjects = ([case for case in cases if case in self.labelled] for cases in self.cases[contrast].values())
        return [cases for cases in subjects if cases]

    @property
    def has_pairs(self) -> bool:
        """Whether some case has two of the contrasts, registered to each other."""
        return any(self.both(first, second) for first, second in combinations(self.domains, 2))

    def both(self, first: str, second: str) -> dict[str, tuple[str, ...]]:
        """Return subject to the cases that have both contrasts, registered to each other."""
        shared = {
            s: tuple(c for c in cases if {first, second} <= self.paired[c]) for s, cases in self.cases[first].items()
        }
        return {subject: cases for subject, cases in shared.items() if cases}
