"""Whether lesions are as common and as large among the training subjects of one contrast as of another.

Losses that match distributions, as all unpaired training does, make a contrast look like its training scans: where
lesions are rarer in these than in those of the source, they remove lesions, and where commoner, they invent some
(Cohen, Luck and Honari, "Distribution matching losses can hallucinate features", MICCAI 2018).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hifisyn.statistics.holm import holm
from hifisyn.statistics.verdict import p_text

ALPHA = 0.05
LEAST_DIFFERENCE, LEAST_FACTOR = 0.1, 2.0  # of shares and of median volumes: less is not worth a line
ADVICE = (
    "unpaired losses may then invent or remove lesions (Cohen et al., MICCAI 2018); balance the subjects, or trust no "
    "lesion of a synthetic scan"
)


@dataclass(frozen=True)
class Prevalence:
    """The lesions of the training subjects of one contrast.

    Attributes:
        contrast: that the subjects have.
        subjects: those with a label map, with lesions or without.
        volumes_ml: (N,), one a subject with lesions.
    """

    contrast: str
    subjects: int
    volumes_ml: np.ndarray

    @property
    def share(self) -> float:
        """Of the subjects, those with lesions."""
        return len(self.volumes_ml) / self.subjects

    def __str__(self) -> str:
        median = f" (median {np.median(self.volumes_ml):.2g} ml)" if len(self.volumes_ml) else ""
        return f"{len(self.volumes_ml)} of {self.subjects} with {self.contrast}{median}"


@dataclass(frozen=True)
class _Difference:
    """Two contrasts of which a test asks whether their lesions differ, and whether they differ enough to matter."""

    one: Prevalence
    other: Prevalence
    test: str
    p: float
    large: bool


def prevalence(volumes_ml: Mapping[str, float], subjects: Mapping[str, Collection[str]]) -> list[Prevalence]:
    """Return the lesions by contrast, of contrasts that labelled subjects have.

    Args:
        volumes_ml: labelled subject to the volume of all lesions, 0 without any.
        subjects: contrast to the subjects that have it, labelled or not.

    >>> [str(one) for one in prevalence({"a": 3.0, "b": 0.0}, {"T1": ["a", "b"], "T2": ["b", "c"], "PD": ["c"]})]
    ['1 of 2 with T1 (median 3 ml)', '0 of 1 with T2']
    """
    found = []
    for contrast, having in subjects.items():
        volumes = np.array([volumes_ml[subject] for subject in having if subject in volumes_ml], dtype=np.float64)
        if len(volumes):
            found.append(Prevalence(contrast, len(volumes), volumes[volumes > 0]))
    return found


def imbalance(found: Sequence[Prevalence]) -> str:
    """Return a line on the two contrasts whose lesions differ most surely; "" where none differ so that it matters.

    Shares are compared by Fisher's exact test and volumes by Mann and Whitney's, with Holm's correction over all tests.
    Who has both contrasts counts on both sides, which makes the tests cautious.
    """
    tests = [test for one, other in combinations(found, 2) for test in _tests(one, other)]
    corrected = holm([test.p for test in tests])
    sure = [(p, test) for p, test in zip(corrected, tests, strict=True) if p <= ALPHA and test.large]
    if not sure:
        return ""
    p, test = min(sure, key=lambda entry: entry[0])
    return f"lesions in {test.one} and {test.other} ({test.test}, {p_text(float(p))}); {ADVICE}"


def _tests(one: Prevalence, other: Prevalence) -> Iterator[_Difference]:
    from scipy.stats import fisher_exact, mannwhitneyu

    counts = [[len(side.volumes_ml), side.subjects - len(side.volumes_ml)] for side in (one, other)]
    shares_differ = abs(one.share - other.share) >= LEAST_DIFFERENCE
    yield _Difference(one, other, "Fisher's exact test of shares", float(fisher_exact(counts).pvalue), shares_differ)
    if len(one.volumes_ml) and len(other.volumes_ml):
        medians = sorted(float(np.median(side.volumes_ml)) for side in (one, other))
        p = float(mannwhitneyu(one.volumes_ml, other.volumes_ml).pvalue)
        yield _Difference(one, other, "Mann-Whitney test of volumes", p, medians[1] >= LEAST_FACTOR * medians[0])
