"""A split by numbers: so many subjects to train on, so many held out, none to validate on.

HiFi-Syn's paper splits its cohorts like that (section 4.1). Which subjects it took it does not say: they are drawn.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.errors import UserError
from hifisyn.planning.splits import Fold, Splits

PAPER = "paper"


@dataclass(frozen=True)
class CountedSplit:
    """How many subjects of which contrasts.

    Attributes:
        train: subjects to train on.
        test: subjects to hold out.
        contrasts: that a subject must have in one case.
    """

    train: int
    test: int
    contrasts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.train}/{self.test}"

    @property
    def total(self) -> int:
        """Subjects of both parts."""
        return self.train + self.test

    @classmethod
    def parse(cls, text: str, dataset: Dataset) -> "CountedSplit":
        """Read "60/20", or "paper": the numbers and contrasts of the paper's cohort that the data set is named after.

        Raises:
            UserError: it is neither, the paper has no such cohort, or cases are held out already.
        """
        if dataset.test:
            raise UserError(
                f"--draw {text} must draw from cases of imagesTr",
                got=f"{len(dataset.test)} in imagesTs",
                hint="convert without --test, or leave out --draw",
            )
        if text == PAPER:
            return _of_the_paper(dataset.name)
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        train, test = (int(digits) for digits in match.groups()) if match else (0, 0)
        if train < 2 or test < 1:
            raise UserError(
                "--draw must be paper, or subjects to train on and to hold out, such as 60/20",
                got=text,
                hint="a training needs two subjects, a test one",
            )
        return cls(train, test, dataset.modalities)

    def require(self, subjects: int) -> None:
        """Refuse too few subjects.

        Raises:
            UserError: there are fewer than the split asks for.
        """
        if subjects < self.total:
            raise UserError(
                f"--draw {self} must find {self.total} subjects with {' and '.join(self.contrasts)}",
                got=subjects,
                hint="pass smaller numbers, as in --draw 12/4",
            )

    def splits(self, order: Sequence[Case]) -> Splits:
        """Return the splits: the first of an order train, the next are held out.

        Raises:
            UserError: there are too few.
        """
        self.require(len(order))
        names = [case.name for case in order[: self.total]]
        return Splits(tuple(sorted(names[self.train :])), (Fold(tuple(sorted(names[: self.train])), ()),))


COHORTS = {
    "IXI": CountedSplit(60, 20, ("T1", "T2")),
    "UKB": CountedSplit(70, 30, ("T1", "FLAIR")),
    "BRATS": CountedSplit(70, 30, ("T1", "T1ce", "T2", "FLAIR")),
}


def _of_the_paper(name: str) -> CountedSplit:
    for begins, cohort in COHORTS.items():
        if name.upper().startswith(begins):
            return cohort
    numbers = ", ".join(f"{begins} {cohort}" for begins, cohort in COHORTS.items())
    raise UserError(
        "--draw paper needs a data set named after a cohort of the paper",
        got=f"{name}, not one of {numbers}",
        hint="pass the numbers, as in --draw 60/20",
    )


def drawing_order(cases: Mapping[str, Case], contrasts: Sequence[str], seed: int) -> list[Case]:
    """Return one case of each subject that has all contrasts in it, the subjects in random order.

    Args:
        cases: by name.
        contrasts: that the case must have.
        seed: the same seed gives the same order, whatever the order of the cases.

    Returns:
        The first case of a subject by name, since the paper counts people and not visits.
    """
    first: dict[str, Case] = {}
    for _, case in sorted(cases.items()):
        if set(contrasts) <= set(case.images):
            first.setdefault(case.subject, case)
    subjects = sorted(first)
    return [first[subjects[index]] for index in np.random.default_rng(seed).permutation(len(subjects))]
