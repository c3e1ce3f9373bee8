"""Verdicts of tests as data, and the words of tables and pages for them."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

FEWEST_METHODS = 3  # that Friedman's test compares
SLICE_LEVEL = "slice-level, as the paper; slices of a subject are not independent"


class VerdictKind(StrEnum):
    """What a test says."""

    DIFFERENT = "differs"
    NOT_SHOWN = "no difference shown"
    EQUAL = "no difference"
    OUT_OF_REACH = "cannot reach significance"
    UNTESTED = "no test"


@dataclass(frozen=True)
class PairedVerdict:
    """The verdict of a test of one method against the reference; `str` gives the sentence.

    Attributes:
        kind: what the test says.
        unit: what is paired: "subject" or "slice".
        n: pairs with both numbers.
        differ: pairs whose numbers differ.
        tests: tests that are corrected together.
        least_p: the smallest p after correction that `differ` pairs can give; NaN where there is no test.
        lost: rows left out because a number is missing.
        infinite: pairs with an infinite number.
        slice_level: whether slices are the unit, which makes p too small.
    """

    kind: VerdictKind
    unit: str
    n: int
    differ: int
    tests: int
    least_p: float
    lost: int = 0
    infinite: int = 0
    slice_level: bool = False

    def __str__(self) -> str:
        parts = [self._outcome()]
        if self.lost:
            parts.append(f"{self.lost} left out, where a number is missing")
        if self.infinite:
            parts.append(f"{self.infinite} infinite: counted in the test, not in the means")
        return "; ".join(parts) + (f" ({SLICE_LEVEL})" if self.slice_level else "")

    def _outcome(self) -> str:
        match self.kind:
            case VerdictKind.UNTESTED:
                return f"{self.kind}: no {self.unit} has both numbers"
            case VerdictKind.EQUAL:
                return f"{self.kind}: equal in {count(self.n, self.unit)}"
            case VerdictKind.OUT_OF_REACH:
                pairs = count(self.differ, self.unit) + (" that differ" if self.differ < self.n else "")
                several = f" and {self.tests} tests p after Holm" if self.tests > 1 else " p"
                return f"{self.kind}: with {pairs}{several} is at least {self.least_p:.2g}"
            case _:
                return str(self.kind)


@dataclass(frozen=True)
class FriedmanVerdict:
    """The verdict of Friedman's test; `str` gives the sentence.

    Attributes:
        kind: what the test says.
        n: rows with a number for every method.
        k: methods.
        least_p: the smallest p that n rows and k methods can give; NaN where there is no test.
        apart: pairs of methods that Nemenyi's test separates.
        pairs: pairs of methods.
        critical_difference: of Nemenyi's test; NaN without rows or methods.
        lost: rows left out because a number is missing.
    """

    kind: VerdictKind
    n: int
    k: int
    least_p: float
    apart: int
    pairs: int
    critical_difference: float
    lost: int = 0

    def __str__(self) -> str:
        lost = f"; {self.lost} of {self.n + self.lost} rows left out, where a number is missing" if self.lost else ""
        return self._outcome() + lost

    def _outcome(self) -> str:
        rows = count(self.n, "row")
        match self.kind:
            case VerdictKind.UNTESTED:
                needed = f"{FEWEST_METHODS} methods and a row with a number for each"
                return f"{self.kind}: needs {needed} (got {count(self.k, 'method')}, {rows})"
            case VerdictKind.EQUAL:
                return f"{self.kind}: all methods rank equal in each of {rows}"
            case VerdictKind.OUT_OF_REACH:
                return f"{self.kind}: with {rows} and {self.k} methods p is at least {self.least_p:.2g}"
            case VerdictKind.DIFFERENT:
                return f"methods differ; Nemenyi separates {self.apart} of {self.pairs} pairs{self._powerless(rows)}"
            case _:
                return str(self.kind)

    def _powerless(self, rows: str) -> str:
        """Return why Nemenyi's test can separate nothing; "" where it can."""
        most = self.k - 1
        if not self.critical_difference > most:
            return ""
        return f" (it cannot with {rows}: mean ranks must be {self.critical_difference:.2g} apart, {most} at most are)"


@dataclass(frozen=True)
class GroupsVerdict:
    """The verdict of Kruskal and Wallis' test; `str` gives the sentence.

    Attributes:
        kind: what the test says.
        groups: groups that were compared.
        n: subjects in all of them.
        p_holm: p after the correction; NaN where there is no test.
        least_p: the smallest p after the correction that groups of these sizes can give.
    """

    kind: VerdictKind
    groups: int
    n: int
    p_holm: float
    least_p: float

    def __str__(self) -> str:
        match self.kind:
            case VerdictKind.OUT_OF_REACH:
                sizes = f"{count(self.n, 'subject')} in {count(self.groups, 'group')}"
                return f"{self.kind}: with {sizes} p is at least {self.least_p:.2g}"
            case VerdictKind.EQUAL:
                return f"{self.kind}: equal in {count(self.n, 'subject')}"
            case _:
                return str(self.kind)


def p_text(p: float) -> str:
    """Return a p-value for a table: two significant digits, never 0; "no test" for NaN."""
    if np.isnan(p):
        return str(VerdictKind.UNTESTED)
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "row"), count(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
