"""The measures of a case as a whole, as tables show them: title, one line on what each is, which value is best."""

from dataclasses import dataclass
from enum import Enum


class Best(Enum):
    """Which value of a measure is the best; where it is that of the true scan, no mean is marked."""

    HIGHEST = "highest"
    LOWEST = "lowest"
    AS_IN_TRUTH = "as in truth"


@dataclass(frozen=True)
class DetailMeasure:
    """A column.

    Attributes:
        column: its name in `hifisyn.evaluation.case_measures`.
        title: its head.
        best: its best value.
        what: what it is and which value is right.
    """

    column: str
    title: str
    best: Best
    what: str

    def line(self) -> str:
        """Return what stands below a table."""
        return f"{self.title}: {self.what}."


@dataclass(frozen=True)
class Detail:
    """A kind of table.

    Attributes:
        name: of its files.
        title: what it shows.
        measures: its columns.
        note: what holds for all of them, "" for nothing.
    """

    name: str
    title: str
    measures: tuple[DetailMeasure, ...]
    note: str = ""


STRUCTURE = Detail(
    "structure",
    "Structure and sharpness",
    (
        DetailMeasure(
            "nmi", "NMI", Best.HIGHEST, "normalised mutual information with the true scan, 64 bins; 1 nothing, 2 all"
        ),
        DetailMeasure(
            "blur",
            "blur effect",
            Best.AS_IN_TRUTH,
            "0 sharp, 1 blurred (Crete 2007, scikit-image); right where it is as in the true scan",
        ),
        DetailMeasure(
            "high_frequency",
            "high-frequency energy",
            Best.AS_IN_TRUTH,
            "sum of squares of what a Gaussian of 1 pixel takes away, 3 pixels and more inside the brain, synthetic "
            "over true; right where it is 1",
        ),
        DetailMeasure(
            "stripes",
            "stripes",
            Best.LOWEST,
            "standard deviation of what sets rows of coronal and sagittal planes off against those above and below; 0 "
            "is best",
        ),
    ),
)
LESIONS = Detail(
    "lesions",
    "Lesions",
    (
        DetailMeasure(
            "lesion_sign",
            "lesion sign right",
            Best.HIGHEST,
            "share of cases whose lesion is brighter or darker than the white matter 3 to 8 mm around it as in truth, "
            "of those with a true contrast above 0.1",
        ),
        DetailMeasure(
            "lesion_contrast",
            "lesion contrast",
            Best.AS_IN_TRUTH,
            "mean of the lesion - mean of that white matter; right where it is as in the true scan",
        ),
        DetailMeasure(
            "bright_ml",
            "false bright (ml)",
            Best.AS_IN_TRUTH,
            "FLAIR above white matter's mean + 3 standard deviations outside the lesion mask, in pieces of 20 mm3 and "
            "more; right where it is as in the true scan",
        ),
    ),
)
CONFIDENCE = Detail(
    "confidence",
    "Confidence",
    (
        DetailMeasure(
            "error_over_expected",
            "error / expected",
            Best.AS_IN_TRUTH,
            "mean absolute error over what the method expects; right where it is 1, above 1 it trusts itself too much",
        ),
        DetailMeasure(
            "reliability_error",
            "reliability error",
            Best.LOWEST,
            "mean distance from 1 of the same in ten bins of as many pixels, by expected error; 0 is best",
        ),
        DetailMeasure(
            "ause",
            "AUSE",
            Best.LOWEST,
            "how much more error stays where pixels of most expected error are left out first than where those of most "
            "error are (area under the sparsification error curve), over the mean error; 0 is best",
        ),
        DetailMeasure(
            "error_correlation", "Spearman", Best.HIGHEST, "rank correlation of error and expected error over pixels"
        ),
    ),
    "Methods that tell no error have no row.",
)
DETAILS = (STRUCTURE, LESIONS, CONFIDENCE)
