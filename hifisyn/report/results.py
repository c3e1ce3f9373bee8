"""The tables of results: which numbers stand in which rows; `hifisyn.tables.comparison` formats them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, MODEL, SUBJECT
from hifisyn.downstream.lesion import SOURCE
from hifisyn.downstream.measures import COMPARISON, REAL, measure_title, shown_measures
from hifisyn.downstream.show import borders
from hifisyn.downstream.table_4 import tables_4
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.downstream.tissue_of_folders import CEILING, MAIN
from hifisyn.evaluation.adapted_rows import competes, rows_of_base, with_adapted_explained
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.evaluation.detail_tables import detail_tables
from hifisyn.evaluation.measures import LOWER_IS_BETTER, MEASURES, TITLES
from hifisyn.evaluation.model_tables import comparable_groups
from hifisyn.evaluation.model_task import TEST
from hifisyn.evaluation.untrained import base_rows, with_base_explained
from hifisyn.experiments.ablation import comparison
from hifisyn.experiments.cost import beside_quality
from hifisyn.experiments.tables import SEED, seed_table
from hifisyn.report import published_tasks
from hifisyn.report.collect import Facts
from hifisyn.report.collect_tasks import Downstream
from hifisyn.report.published import beside_the_paper
from hifisyn.statistics.friedman import friedman
from hifisyn.statistics.units import by_subject
from hifisyn.statistics.verdict import p_text
from hifisyn.tables.cell import Cell
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.differences import differences
from hifisyn.tables.heads import heads
from hifisyn.tables.table import Table

OVERVIEW, RANKED = ("psnr", "ssim"), ("psnr", "ssim", "psnr_brain", "ssim_brain")
FEWEST_MODELS = 3
WITHOUT_MODEL = (REAL, SOURCE, CEILING)  # comparisons that are the same for every model


@dataclass(frozen=True)
class ResultTable:
    """A table and the name of its files."""

    file: str
    table: Table


def image_quality(facts: Facts) -> list[ResultTable]:
    """Return the overview in the form of the paper's tables 1 and 2, one table a direction, and the ranks of models."""
    groups = dict(comparable_groups(facts.tested)) if not facts.tested.empty else {}
    if not groups:
        return []
    alike = facts.split == TEST  # all folds were evaluated on the same cases
    overview = pd.concat([rows if alike else rows.assign(**{DIRECTION: group}) for group, rows in groups.items()])
    title = "Image quality over the whole slice"
    result = [ResultTable("image_quality", _compare(facts, overview, OVERVIEW, title, unit=facts.unit))]
    for group, rows in groups.items():
        table = _compare(facts, rows, MEASURES, f"Image quality, {group}", by="", unit=facts.unit)
        result.append(ResultTable(file_name("image_quality", group), table))
    for group, rows in comparable_groups(facts.evaluated):
        models = rows[rows[MODEL].isin([label for label in facts.labels if competes(label)])]
        if models[MODEL].nunique() >= FEWEST_MODELS:
            result.append(ResultTable(file_name("ranks", group), _rank_table(group, models)))
    paper = beside_the_paper(facts)
    return [*result, ResultTable("beside_the_paper", paper)] if paper else result


def details(facts: Facts) -> list[ResultTable]:
    """Return structure and sharpness, lesions and confidence, a table of each a direction."""
    groups = dict(comparable_groups(facts.evaluated)) if not facts.evaluated.empty else {}
    return [
        ResultTable(file_name(detail.name, group), table)
        for group, rows in groups.items()
        for detail, table in detail_tables(models_first(facts, rows), MODEL, title=group)
    ]


def regions(facts: Facts) -> list[ResultTable]:
    """Return one table a direction: PSNR and SSIM inside each structure."""
    table = facts.tables.get("regions", pd.DataFrame())
    groups = dict(comparable_groups(table)) if not table.empty else {}
    return [
        ResultTable(
            file_name("structures", group),
            _compare(facts, rows, OVERVIEW, f"Image quality by structure, {group}", by="region"),
        )
        for group, rows in groups.items()
    ]


def tissue(facts: Facts) -> list[ResultTable]:
    """Return the paper's table 3: overlap and volumes of tissues on synthetic and real scans."""
    parts = [
        (entry, entry.cases.assign(**{MODEL: _tissue_rows(entry)}))
        for entry in facts.downstream_of(DownstreamTask.TISSUE)
    ]
    if not parts:
        return []
    rows = pd.concat([cases.assign(**{DIRECTION: str(entry.direction)}) for entry, cases in parts], ignore_index=True)
    rows = rows.drop_duplicates([DIRECTION, MODEL, CASE])
    reference = f"{facts.reference}: {MAIN}"
    tools = sorted({str(entry.settings.get("tool", "")) for entry, _ in parts} - {""})
    title = f"Tissue maps by {', '.join(tools) or 'the same tool'}"
    apart = [ResultTable(f"{DownstreamTask.TISSUE}_borders", table) for table in borders(rows, MODEL, title)]
    paper = _beside("table_3", published_tasks.table_3(facts))
    return [ResultTable(DownstreamTask.TISSUE, _task(rows, reference, title)), *apart, *paper]


def lesion(facts: Facts) -> list[ResultTable]:
    """Return Dice of lesions that nnU-Net finds on real and on synthetic scans."""
    return _by_nnunet(
        facts, DownstreamTask.LESION, "Lesions found by nnU-Net, trained on real scans of the target contrast", REAL
    )


def augment(facts: Facts) -> list[ResultTable]:
    """Return the paper's table 4: nnU-Net trained on real, and on real and synthetic scans of each model."""
    done = facts.downstream_of(DownstreamTask.AUGMENT)
    if not done:
        return []
    cases = pd.concat(
        [entry.cases.assign(**{MODEL: entry.label, DIRECTION: str(entry.direction)}) for entry in done],
        ignore_index=True,
    )
    remarks = dict.fromkeys(f"{e.direction}: {e.settings['remark']}." for e in done if e.settings.get("remark"))
    made = tables_4(cases, remarks=list(remarks))
    own = [ResultTable(f"{DownstreamTask.AUGMENT}{end}", table) for end, table in made.items()]
    return [*own, *_beside("table_4", published_tasks.table_4(facts))]


def ablations(facts: Facts) -> list[ResultTable]:
    """Return a table for each ablation, and one on the spread over seeds where there are several."""
    tables = []
    for ablation in facts.ablations:
        what = f"{ablation.name.replace('_', ' ')}, {ablation.split} cases"
        table = beside_quality(comparison(ablation.cases, f"Ablation, {what}"), ablation.seconds_a_step)
        tables.append(ResultTable(file_name("ablation", ablation.name), table))
        if ablation.cases[SEED].nunique() > 1:
            tables.append(ResultTable(file_name("ablation_seeds", ablation.name), seed_table(ablation.cases)))
    return [*tables, *_beside("table_5", published_tasks.table_5(facts))]


def _beside(name: str, table: Table | None) -> list[ResultTable]:
    """Return a table of the paper's numbers beside ours, where there is one."""
    return [ResultTable(f"beside_the_paper_{name}", table)] if table else []


def models_first(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the models first, the reference at their head, then the base model and the baselines."""
    order = {label: place for place, label in enumerate([*facts.labels, *base_rows(rows[MODEL])])}
    return rows.sort_values(MODEL, key=lambda names: names.map(lambda name: order.get(name, len(order))), kind="stable")


def _compare(
    facts: Facts, rows: pd.DataFrame, measures: Sequence[str], title: str, *, by: str = DIRECTION, unit: str = SUBJECT
) -> Table:
    methods = set(rows[MODEL])
    rows = models_first(facts, rows)
    base, ceilings = base_rows(rows[MODEL]), ceiling_rows(rows[MODEL])
    table = compare_methods(
        rows,
        measures=[measure for measure in measures if measure in rows],
        by=by,
        row=MODEL,
        reference=next((label for label in facts.labels if label in methods), None) if len(methods) > 1 else None,
        apart=rows_of_base(rows[MODEL]),
        unranked=ceilings,
        titles=TITLES,
        lower_is_better=LOWER_IS_BETTER,
        unit=unit,
        title=title,
    )
    table = with_adapted_explained(with_base_explained(table, base), rows[MODEL])
    return with_ceilings_explained(table, ceilings)


def _rank_table(group: str, rows: pd.DataFrame) -> Table:
    tests = {m: friedman(by_subject(rows, m, method=MODEL)) for m in RANKED if m in rows}
    methods = list(next(iter(tests.values())).mean_ranks.index)
    best = {measure: test.mean_ranks.min() for measure, test in tests.items()}
    body = tuple(
        (Cell(str(name)), *(Cell(f"{t.mean_ranks[name]:.2f}", t.mean_ranks[name] == best[m]) for m, t in tests.items()))
        for name in methods
    )
    results = "; ".join(
        f"{TITLES.get(m, m)}: n {t.n}, chi-square {t.statistic:.3g}, {p_text(t.p)}, {t.verdict}, "
        f"critical difference {t.critical_difference:.2f}"
        for m, t in tests.items()
    )
    numbers = pd.DataFrame({measure: test.mean_ranks for measure, test in tests.items()}).rename_axis(MODEL)
    note = f"Mean rank over subjects, 1 is best. Friedman's test, Nemenyi's critical difference. {results}."
    head = heads(MODEL, *(TITLES.get(measure, measure) for measure in tests))
    return Table(f"Ranks of the models, {group}", note, head, body, numbers.reset_index())


def _tissue_rows(entry: Downstream) -> pd.Series:
    """Return the names of the rows of a tissue task."""
    comparison = entry.cases[COMPARISON]
    return comparison.where(comparison.isin(WITHOUT_MODEL), entry.label + ": " + comparison)


def _by_nnunet(facts: Facts, task: DownstreamTask, title: str, reference: str) -> list[ResultTable]:
    tables = []
    for entry in facts.downstream_of(task):
        comparison = entry.cases[COMPARISON]
        names = comparison.where(comparison.isin(WITHOUT_MODEL), comparison + f" ({entry.label})")
        tables.append(entry.cases.assign(**{MODEL: names, DIRECTION: str(entry.direction)}))
    if not tables:
        return []
    rows = pd.concat(tables, ignore_index=True).drop_duplicates([DIRECTION, MODEL, CASE])
    remarks = [f"{e.direction}: {e.settings['remark']}." for e in facts.downstream_of(task) if e.settings.get("remark")]
    table = _task(rows, reference, title)
    table = replace(table, note=" ".join([*dict.fromkeys(remarks), table.note]))
    gaps = differences(table, percent=True, title=f"Difference from {reference}, percentage points")
    return [ResultTable(task, table), *([ResultTable(f"{task}_differences", gaps)] if gaps.rows else [])]


def _task(rows: pd.DataFrame, reference: str, title: str) -> Table:
    measures = shown_measures(rows)
    return compare_methods(
        rows,
        measures=measures,
        row=MODEL,
        reference=reference if reference in set(rows[MODEL]) and rows[MODEL].nunique() > 1 else None,
        titles={name: measure_title(name) for name in measures},
        title=title,
        percent=True,
    )


def file_name(kind: str, what: str) -> str:
    """Return the name of the files of a table."""
    return f"{kind}_{re.sub('[^A-Za-z0-9.-]+', '_', what)}"
