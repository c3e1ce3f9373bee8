"""The tables that stand behind image quality: structure and sharpness, lesions, confidence, each where it is known.

They describe and are not tested, so that the tests of image quality stay as many as they are. What is right when it
is as in truth, such as sharpness, bears no mark of the best; the true scan is a row of its own beside.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, SUBJECT
from hifisyn.evaluation.case_measures import CONFIDENCE, LESIONS, OF_TRUTH, STRUCTURE, TRUE
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.table import Table

TRUE_SCAN = "true scan"
TITLES = {
    "nmi": "NMI",
    "blur": "blur effect",
    "high_frequency": "high-frequency energy",
    "stripes": "stripes",
    "lesion_sign": "lesion sign right",
    "lesion_contrast": "lesion contrast",
    "bright_ml": "false bright (ml)",
    "error_over_expected": "error / expected",
    "reliability_error": "reliability error",
    "ause": "AUSE",
    "error_correlation": "Spearman",
}
LOWER = ("stripes", "reliability_error", "ause")
AS_IN_TRUTH = (*OF_TRUTH, "high_frequency", "error_over_expected")
WHERE = "Slices that count, intensities in [-1, 1], range 2, inside the brain mask; not tested."


@dataclass(frozen=True)
class Detail:
    """A kind of table.

    Attributes:
        name: of its files.
        title: what it shows.
        measures: its columns.
        note: what each of them is.
    """

    name: str
    title: str
    measures: tuple[str, ...]
    note: str


DETAILS = (
    Detail(
        "structure",
        "Structure and sharpness",
        STRUCTURE,
        "NMI: normalised mutual information with the true scan, 64 bins, 1 to 2. Blur effect (scikit-image): 0 sharp, "
        "1 blurred; right where it is as in the true scan. High-frequency energy: what a Gaussian of 1 pixel takes "
        "away, 3 pixels and more inside the brain, synthetic over true; right where it is 1. Stripes: standard "
        "deviation of what sets a row of coronal and sagittal planes off against the rows above and below; 0 is best.",
    ),
    Detail(
        "lesions",
        "Lesions",
        LESIONS,
        "Lesion sign right: share of cases in which the lesion is brighter or darker than the white matter 3 to 8 mm "
        "around it as in the true scan, of those whose true contrast is above 0.1. Lesion contrast: mean of the lesion "
        "- mean of that rim. False bright: FLAIR above white matter's mean + 3 standard deviations outside the lesion "
        "mask, pieces of 20 mm3 and more. Both are right where they are as in the true scan.",
    ),
    Detail(
        "confidence",
        "Confidence",
        CONFIDENCE,
        "Error / expected: mean absolute error over what the method expects; right where it is 1, above 1 it trusts "
        "itself too much. Reliability error: mean distance from 1 of the same in ten bins of as many pixels, by "
        "expected error. AUSE: area under the sparsification error curve, over the mean error; 0 is best. Spearman: "
        "correlation of error and expected error over pixels. Methods that tell no error have no row.",
    ),
)


def detail_tables(cases: pd.DataFrame, row: str, *, by: str = "", title: str = "") -> Iterator[tuple[Detail, Table]]:
    """Yield the tables for which there are numbers.

    Args:
        cases: one row a case and method: direction, case, subject and `CASE_MEASURES`; what was measured by an earlier
            version lacks the latter and has no tables.
        row: column whose values become the rows.
        by: column whose values become groups of columns; "" for none.
        title: what the cases are, put behind the title of each table.
    """
    for detail in DETAILS:
        measures = [name for name in detail.measures if name in cases and cases[name].notna().any()]
        if measures:
            shown = cases[cases[measures].notna().any(axis=1)]
            ceilings = ceiling_rows(shown[row])
            truth = _true_rows(shown, row, by, measures)
            table = compare_methods(
                pd.concat([shown, truth], ignore_index=True) if len(truth) else shown,
                measures=measures,
                by=by,
                row=row,
                unranked=ceilings,
                unmarked=AS_IN_TRUTH,
                titles=TITLES,
                lower_is_better=LOWER,
                title=f"{detail.title}, {title}" if title else detail.title,
            )
            table = replace(table, note=f"{table.note} {detail.note} {WHERE}")
            yield detail, with_ceilings_explained(table, ceilings)


def _true_rows(cases: pd.DataFrame, row: str, by: str, measures: list[str]) -> pd.DataFrame:
    """Return a row a case with what was measured on the true scan; none where nothing was."""
    known = [name for name in measures if name in OF_TRUTH]
    if not known:
        return pd.DataFrame()
    keys = list(dict.fromkeys(key for key in (by, DIRECTION, CASE, SUBJECT) if key in cases))
    once = cases.drop_duplicates(keys)
    numbers = {name: once[name + TRUE] for name in known}
    return once[keys].assign(**{row: TRUE_SCAN}, **numbers)
