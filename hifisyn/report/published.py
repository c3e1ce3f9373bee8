"""What HiFi-Syn's paper reports of a cohort and task, beside what was measured here.

arXiv 2311.12461v2, Table 1 and its tasks of BraTS: PSNR in dB, SSIM in 0..1, over axial slices of 256 x 256 in [-1, 1].
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from hifisyn.columns import DIRECTION, METHOD, MODEL, SUBJECT
from hifisyn.downstream.best_baseline import OURS
from hifisyn.report.collect import Facts
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head
from hifisyn.tables.table import Table

MEASURES = ("psnr", "ssim")
AVERAGE = "average"
METHODS = (
    *("CycleGAN", "GC-CycleGAN", "SC-CycleGAN", "COSMOS", "AttentionGAN", "MUNIT", "DRIT++", "RegGAN", "UVCGAN"),
    *("StarGAN-v2", "MGUIT", "InstaFormer", OURS),
)
NOT_OURS = "-"  # a method or task that was not trained here


@dataclass(frozen=True)
class Cohort:
    """A cohort of the paper.

    Attributes:
        begins: how names of its data sets begin, in capitals.
        subjects: for training and for testing.
        tasks: of whose measures the paper's averages are means.
        columns: PSNR and SSIM as printed, by task or `AVERAGE`, then by method.
    """

    begins: str
    subjects: tuple[int, int]
    tasks: tuple[str, ...]
    columns: Mapping[str, Mapping[str, tuple[float, float]]]


def _printed(text: str) -> dict[str, tuple[float, float]]:
    """Return PSNR and SSIM of each method from "19.71/.774 19.78/.776 ...", in the order of `METHODS`."""
    pairs = [pair.split("/") for pair in text.split()]
    return {name: (float(psnr), float(ssim)) for name, (psnr, ssim) in zip(METHODS, pairs, strict=True)}


_BRATS = {
    "T1 to T2": (23.44, 0.894),
    "T2 to T1": (25.72, 0.908),
    "T1 to T1ce": (25.62, 0.855),
    "T1ce to T1": (26.84, 0.897),
    "T1 to FLAIR": (21.35, 0.806),
    "FLAIR to T1": (26.01, 0.884),
}
COHORTS = (
    Cohort(
        "IXI",
        (60, 20),
        ("T1 to T2", "T2 to T1"),
        {
            "T1 to T2": _printed(
                "19.71/.774 19.78/.776 20.68/.785 20.77/.791 21.89/.803 20.98/.783 22.32/.805 21.35/.794 22.09/.805 "
                "22.16/.798 24.37/.795 22.40/.811 23.84/.824"
            ),
            "T2 to T1": _printed(
                "20.33/.786 20.35/.791 20.46/.800 20.87/.812 21.45/.817 21.71/.802 22.24/.772 21.88/.814 22.11/.819 "
                "22.55/.813 23.27/.823 22.83/.826 24.18/.837"
            ),
            AVERAGE: _printed(
                "20.02/.780 20.06/.784 20.57/.793 20.82/.802 21.67/.810 21.35/.793 22.28/.789 21.62/.804 22.10/.812 "
                "22.85/.805 23.82/.809 22.61/.818 24.01/.831"
            ),
        },
    ),
    Cohort(
        "UKB",
        (70, 30),
        ("T1 to FLAIR", "FLAIR to T1"),
        {
            AVERAGE: _printed(
                "22.04/.756 22.15/.770 22.28/.778 22.35/.777 22.87/.795 22.94/.809 22.91/.819 23.27/.816 23.50/.823 "
                "23.36/.823 23.91/.832 24.11/.833 24.17/.840"
            )
        },
    ),
    Cohort(
        "BRATS",
        (70, 30),
        tuple(_BRATS),
        {
            **{task: {OURS: numbers} for task, numbers in _BRATS.items()},
            AVERAGE: _printed(
                "19.73/.783 19.79/.786 20.04/.789 20.62/.801 21.56/.811 21.33/.779 22.63/.839 21.42/.819 22.03/.826 "
                "21.51/.794 22.58/.844 23.31/.852 24.83/.874"
            ),
        },
    ),
)
REMARKS = {
    "IXI": "The paper prints 22.85 as the average of StarGAN-v2; the mean of its two directions is 22.35. From T1 "
    "to T2 MGUIT has a higher PSNR there than HiFi-Syn.",
    "UKB": "The paper heads its columns T1 to T2; its section 4.1.3 has T1 and FLAIR.",
    "BRATS": "The paper has BraTS 2018, and by task it prints HiFi-Syn alone in our copy of its numbers.",
}


def cohort_of(name: str) -> Cohort | None:
    """Return the cohort of the paper that a data set is of, by its name.

    >>> cohort_of("IXI_3T").begins, cohort_of("PHANTOM")
    ('IXI', None)
    """
    return next((cohort for cohort in COHORTS if name.upper().startswith(cohort.begins)), None)


def beside_the_paper(facts: Facts) -> Table | None:
    """Return the paper's numbers of this cohort and its tasks with those measured here; none where there are none."""
    cohort = cohort_of(facts.name)
    if cohort is None or facts.evaluated.empty:
        return None
    here = _measured(facts, cohort)
    columns = [column for column in cohort.columns if column in set(here[DIRECTION])]
    if not columns:
        return None
    found = here.set_index([DIRECTION, METHOD])
    rows = []
    for method in METHODS:
        cells = [_cell(found, cohort, column, method, measure) for column in columns for measure in MEASURES]
        rows.append((Cell(method), *(cell for pair in cells for cell in pair)))
    head = [Head(METHOD)]
    for column in columns:
        head += [Head(f"{name} {where}", column) for name in ("PSNR", "SSIM") for where in ("paper", "here")]
    title = "Beside the paper: image quality over the slice"
    return Table(title, _note(facts, cohort), tuple(head), tuple(rows), _numbers(here, cohort, columns))


def _measured(facts: Facts, cohort: Cohort) -> pd.DataFrame:
    """Return the mean over subjects of the first model of each method, by task, and the average where all are there."""
    rows = facts.evaluated[facts.evaluated[MODEL].isin(facts.labels)]
    models = {
        method: next(one for one in facts.labels if one in set(own)) for method, own in rows.groupby(METHOD)[MODEL]
    }
    rows = rows[rows[MODEL] == rows[METHOD].map(models)]
    rows = rows[rows[DIRECTION].isin(cohort.tasks)]
    subjects = rows.groupby([METHOD, DIRECTION, SUBJECT])[list(MEASURES)].mean()
    means = subjects.groupby(level=[METHOD, DIRECTION]).mean().reset_index()
    whole = means.groupby(METHOD).filter(lambda own: len(own) == len(cohort.tasks))
    average = whole.groupby(METHOD)[list(MEASURES)].mean().reset_index().assign(**{DIRECTION: AVERAGE})
    return pd.concat([means, average], ignore_index=True)


def _cell(found: pd.DataFrame, cohort: Cohort, column: str, method: str, measure: str) -> tuple[Cell, Cell]:
    printed = cohort.columns[column].get(method)
    text = NOT_OURS if printed is None else _text(printed[MEASURES.index(measure)], measure)
    there = (column, method) in found.index
    return Cell(text), Cell(_text(found.loc[(column, method), measure], measure) if there else NOT_OURS)


def _text(value: float, measure: str) -> str:
    return f"{value:.2f}" if measure == "psnr" else f"{value:.3f}"


def _numbers(here: pd.DataFrame, cohort: Cohort, columns: list[str]) -> pd.DataFrame:
    def printed() -> Iterator[dict[str, object]]:
        for column in columns:
            for method, (psnr, ssim) in cohort.columns[column].items():
                yield {METHOD: method, DIRECTION: column, "psnr_paper": psnr, "ssim_paper": ssim}

    return pd.DataFrame(printed()).merge(here, on=[METHOD, DIRECTION], how="outer")


def _note(facts: Facts, cohort: Cohort) -> str:
    train, test = cohort.subjects
    own = facts.evaluated[SUBJECT].nunique()
    return (
        f"The paper: {train} training and {test} test subjects, 100 slices of each; here: {own} subjects, the mean "
        "over them, of the first model of each method. Cohorts, slices, preparation and lengths differ: numbers of the "
        f"paper and those here tell an order, no difference. {REMARKS[cohort.begins]}"
    )
