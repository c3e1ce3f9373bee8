"""From trained rows to numbers: each model on the same held-out cases, evaluated once, read from what lies on disk."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.errors import UserError
from hifisyn.evaluation.against_baselines import DIRECTION, METHOD, SUBJECT
from hifisyn.evaluation.measures import CASE, MEASURES
from hifisyn.evaluation.model_task import SUBJECTS_CSV, EvaluationTask, look_up, out_of_date
from hifisyn.evaluation.of_model import evaluate, load
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.experiments.comparison import Comparison
from hifisyn.experiments.rows import granularity_of
from hifisyn.experiments.tables import ROW, SEED
from hifisyn.experiments.train_all import Log
from hifisyn.experiments.trainings import Training
from hifisyn.files import read_json
from hifisyn.training import checkpoint


def compare_rows(
    comparison: Comparison, done: Sequence[Training], device: str, log: Log
) -> tuple[pd.DataFrame, list[Failure]]:
    """Evaluate the trainings that are done; an evaluation of the same weights, slices and cases is kept.

    A row of which a seed is missing or failed, or that was measured on other cases than the first, is left out: its
    numbers could not be held against the others'.

    Args:
        comparison: what was asked for.
        done: the trainings that reached their end.
        device: auto, cpu, cuda or cuda:1.
        log: takes the lines.

    Returns:
        One row a row, seed, direction and case: `row`, `seed`, `direction`, `case`, `subject`, `MEASURES`; empty where
        nothing was measured. And what was left out.
    """
    tables: dict[str, list[pd.DataFrame]] = {training.row.name: [] for training in done}
    failures = []
    for number, training in enumerate(done, 1):
        log(f"evaluation {number} of {len(done)}: {training}")
        try:
            tables[training.row.name].append(_cases(comparison, training, device, log))
        except Exception as error:
            failures.append(Failure(str(training), one_line(error)))
            log(f"{training} failed: {one_line(error)}")
    whole, measured = [], None
    for name, own in tables.items():
        if len(own) < len(comparison.seeds):
            if own:
                failures.append(Failure(name, f"wanted {len(comparison.seeds)} seeds, found {len(own)} measured"))
            continue
        cases = [set(zip(table[DIRECTION], table[CASE], strict=True)) for table in own]
        measured = measured or cases[0]
        if any(found != measured for found in cases):
            failures.append(Failure(name, "wanted the cases that the first row was measured on, found others"))
            continue
        whole += own
    return pd.concat(whole, ignore_index=True) if whole else pd.DataFrame(), failures


def compare_all(
    comparisons: Sequence[Comparison], done: Sequence[Training], device: str, log: Log
) -> tuple[pd.DataFrame, list[Failure]]:
    """Do `compare_rows` for each of several sets of contrasts, and put the tables one below the other.

    A row that was measured on other cases of a direction than the rows before it is left out there.
    """
    tables: list[pd.DataFrame] = []
    failures: list[Failure] = []
    measured: dict[str, set[str]] = {}
    for comparison in comparisons:
        own = [training for training in done if training in comparison.trainings]
        table, left_out = compare_rows(comparison, own, device, log)
        failures += left_out
        found = {str(d): set(part[CASE]) for d, part in table.groupby(DIRECTION)} if len(table) else {}
        others = [direction for direction, cases in found.items() if measured.setdefault(direction, cases) != cases]
        if others:
            names, reason = " and ".join(comparison.domains), f"wanted the cases of {others[0]} of the rows before"
            failures.append(Failure(names, f"{reason}, found others"))
            continue
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), failures


def _cases(comparison: Comparison, training: Training, device: str, log: Log) -> pd.DataFrame:
    """Evaluate one training if that is due, and read what it reached."""
    task = look_up(
        training.model,
        comparison.request.roots.preprocessed,
        split=comparison.split,
        fold=comparison.request.fold,
        checkpoint=comparison.checkpoint,
    )
    if remark := _before_its_losses(training, task.checkpoint.file):
        log(f"{training}: {remark}")
    summary = task.output / SUMMARY_JSON
    why = out_of_date(task) or ("cases failed" if read_json(summary)["failures"] else "")
    if why:
        log(f"{training}: {why}")
        evaluate(task, load(task, device), overwrite=True)
    failed = read_json(summary)["failures"]
    if failed:
        raise UserError(f"wanted every case compared, found {len(failed)} that failed: {next(iter(failed.values()))}")
    table = read_subjects(task)
    table = table[table[METHOD] == task.model.method].assign(**{ROW: training.row.name, SEED: training.job.seed})
    return table[[ROW, SEED, DIRECTION, CASE, SUBJECT, *MEASURES]]


def read_subjects(task: EvaluationTask) -> pd.DataFrame:
    """Return the cases of an evaluation, of the model and of what needs no training, as `SUBJECTS_CSV` has them."""
    types = {CASE: str, SUBJECT: str}  # cases may be called 001, or NA
    return pd.read_csv(task.output / SUBJECTS_CSV, dtype=types, keep_default_na=False, na_values=[""])


def _before_its_losses(training: Training, weights: Path) -> str:
    """Return what must be known of weights that were kept before the losses of their row began; "" of others."""
    plans, losses = training.job.plans, ", ".join(sorted(training.row.losses))
    granularity = granularity_of(plans) if losses else None
    begin = granularity.first_step(plans.length.total) if granularity else 0
    if not begin:
        return ""
    step = int(checkpoint.load(weights)["progress"]["iteration"])
    if step > begin:
        return ""
    return (
        f"these weights are of step {step}, {losses} began after step {begin}: they are those of the row without; "
        "compare with --checkpoint final"
    )
