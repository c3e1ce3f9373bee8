"""The paper's Tables 3 to 5 beside what was measured here, where data set and task are the same.

arXiv 2311.12461v2, all of IXI: Dice and volumetric similarity in %, PSNR in dB, SSIM in 0..1.
"""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, METHOD, SUBJECT
from hifisyn.dataset import TISSUES
from hifisyn.downstream.augment import BOTH
from hifisyn.downstream.best_baseline import OURS, score
from hifisyn.downstream.measures import COMPARISON, REAL, measure_title
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.downstream.tissue_of_folders import MAIN
from hifisyn.experiments.rows import FULL, ROWS, TABLE_5
from hifisyn.experiments.tables import ROW
from hifisyn.report.collect import Facts
from hifisyn.report.collect_tasks import Downstream
from hifisyn.report.published import NOT_OURS, cohort_of
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head
from hifisyn.tables.table import Table

IXI = "IXI"
Printed = Mapping[str, Mapping[tuple[str, str], float]]  # by row, then by column: group and measure

TISSUE_MEASURES = ("dice_GM", "vs_GM", "dice_WM", "vs_WM")
T2_TO_T1 = "T2 to T1"
TABLE_3 = {
    "CycleGAN": (85.5, 95.7, 85.9, 95.7),
    "MGUIT": (89.2, 97.2, 87.5, 97.0),
    "InstaFormer": (89.3, 96.6, 88.6, 97.1),
    OURS: (89.9, 97.5, 90.3, 98.3),
}
TABLE_4 = {REAL: (95.2, 83.1), f"{BOTH} (InstaFormer)": (95.5, 83.5), f"{BOTH} ({OURS})": (95.7, 83.8)}
SEGMENTED = ("T1", "T2")
TWO_LOSSES = ((23.81, 0.821), (23.63, 0.835))
TABLE_5_PRINTED = {
    ROWS["none"].name: ((22.15, 0.795), (22.37, 0.809)),
    ROWS["pgd_i"].name: ((22.17, 0.804), (22.68, 0.816)),
    ROWS["pgd_ii"].name: ((22.52, 0.806), (22.77, 0.819)),
    ROWS["pgd"].name: ((23.42, 0.817), (23.46, 0.828)),
    ROWS["pgd_sgd"].name: TWO_LOSSES,
    ROWS["pgd_ggd"].name: TWO_LOSSES,
    FULL.name: ((23.84, 0.824), (24.18, 0.837)),
}
TASKS = ("T1 to T2", T2_TO_T1)
OTHERWISE = "Cohorts, preparation and lengths differ: numbers of the paper and those here tell an order, no difference."


def table_3(facts: Facts) -> Table | None:
    """Return tissues of synthetic T1 beside the paper's; none where they were not segmented, or not of IXI."""
    done = [e for e in _of_ixi(facts, DownstreamTask.TISSUE) if str(e.direction) == T2_TO_T1]
    if not done:
        return None
    here: dict[str, dict[tuple[str, str], float]] = {}
    for entry in done:
        means = _by_subject(entry.cases[entry.cases[COMPARISON] == MAIN], TISSUE_MEASURES)
        here.setdefault(_method(facts, entry.label), {(T2_TO_T1, m): 100 * means[m] for m in TISSUE_MEASURES})
    printed = {
        row: {(T2_TO_T1, m): v for m, v in zip(TISSUE_MEASURES, values, strict=True)} for row, values in TABLE_3.items()
    }
    tools = ", ".join(dict.fromkeys(str(entry.settings.get("tool", "")) for entry in done))
    note = f"In %. The paper: FSL FAST, 20 test subjects; here: {tools}, {_people(done)}. {OTHERWISE}"
    return _table("Beside the paper, Table 3: tissues of synthetic T1", METHOD, printed, here, note)


def table_4(facts: Facts) -> Table | None:
    """Return nnU-Net's mean Dice beside the paper's; none where no tissues were segmented, or not of IXI."""
    done = [
        entry
        for entry in _of_ixi(facts, DownstreamTask.AUGMENT)
        if set(entry.settings.get("classes") or ()) <= set(TISSUES) and entry.direction.target in SEGMENTED
    ]
    if not done:
        return None
    here: dict[str, dict[tuple[str, str], float]] = {}
    for entry in done:
        column = (entry.direction.target, "dice")
        means = score(entry.cases).groupby(entry.cases[COMPARISON]).mean()
        for comparison, row in ((REAL, REAL), (BOTH, f"{BOTH} ({_method(facts, entry.label)})")):
            if comparison in means:
                here.setdefault(row, {}).setdefault(column, 100 * float(means[comparison]))
    printed = {
        row: {(segmented, "dice"): value for segmented, value in zip(SEGMENTED, values, strict=True)}
        for row, values in TABLE_4.items()
    }
    note = f"Mean Dice of tissues in %. The paper: 60 training and 20 test subjects; here: {_people(done)}. {OTHERWISE}"
    return _table("Beside the paper, Table 4: nnU-Net with synthetic copies", "trained on", printed, here, note)


def table_5(facts: Facts) -> Table | None:
    """Return the ablation beside the paper's; none where none has its rows and contrasts, or not of IXI."""
    cohort = cohort_of(facts.name)
    names = {row.name for row in TABLE_5}
    fitting = [
        one for one in facts.ablations if set(one.cases[DIRECTION]) <= set(TASKS) and set(one.cases[ROW]) & names
    ]
    if cohort is None or cohort.begins != IXI or not fitting:
        return None
    cases = fitting[0].cases
    means = cases.groupby([ROW, DIRECTION, SUBJECT])[["psnr", "ssim"]].mean().groupby(level=[ROW, DIRECTION]).mean()
    here: dict[str, dict[tuple[str, str], float]] = {}
    for (row, direction), values in means.iterrows():
        if row in names:
            here.setdefault(str(row), {}).update({(str(direction), m): float(values[m]) for m in ("psnr", "ssim")})
    printed = {
        row: {
            (task, measure): number
            for task, pair in zip(TASKS, values, strict=True)
            for measure, number in zip(("psnr", "ssim"), pair, strict=True)
        }
        for row, values in TABLE_5_PRINTED.items()
    }
    note = (
        f"PSNR and SSIM over the slice. Here: {fitting[0].name.replace('_', ' ')}, "
        f"{cases[SUBJECT].nunique()} subjects. Which two losses the paper's row has could not be read in our copy: "
        f"both candidates stand beside it. The bank alone is no row of the paper. {OTHERWISE}"
    )
    return _table("Beside the paper, Table 5: ablation", ROW, printed, here, note)


def _of_ixi(facts: Facts, task: DownstreamTask) -> list[Downstream]:
    cohort = cohort_of(facts.name)
    return facts.downstream_of(task) if cohort is not None and cohort.begins == IXI else []


def _method(facts: Facts, label: str) -> str:
    """Return the method of a model."""
    return next((t.model.method for t in facts.trainings if t.label == label), label)


def _by_subject(cases: pd.DataFrame, measures: Sequence[str]) -> pd.Series:
    present = cases.reindex(columns=[*measures, SUBJECT])
    return present.groupby(SUBJECT)[list(measures)].mean().mean()


def _people(done: Iterable[Downstream]) -> str:
    count = len({subject for entry in done for subject in entry.cases[SUBJECT if SUBJECT in entry.cases else CASE]})
    return f"{count} test subject{'s' * (count != 1)}"


def _table(title: str, head: str, printed: Printed, here: Printed, note: str) -> Table:
    """Return the printed rows, then those that only exist here; each number of the paper beside the one measured."""
    columns = list(dict.fromkeys(column for row in printed.values() for column in row))
    columns = [column for column in columns if any(column in row for row in here.values())]
    rows, numbers = [], []
    for name in dict.fromkeys([*printed, *here]):
        cells = [Cell(name)]
        for group, measure in columns:
            pair = [side.get(name, {}).get((group, measure)) for side in (printed, here)]
            cells += [Cell(NOT_OURS if value is None or pd.isna(value) else _text(value, measure)) for value in pair]
            numbers.append({head: name, "group": group, "measure": measure, "paper": pair[0], "here": pair[1]})
        rows.append(tuple(cells))
    heads = [Head(f"{_title(measure)} {side}", group) for group, measure in columns for side in ("paper", "here")]
    return Table(title, note, (Head(head), *heads), tuple(rows), pd.DataFrame(numbers))


def _title(measure: str) -> str:
    return measure.upper() if measure in ("psnr", "ssim") else measure_title(measure)


def _text(value: float, measure: str) -> str:
    return f"{value:.3f}" if measure == "ssim" else f"{value:.2f}" if measure == "psnr" else f"{value:.1f}"
