"""From trained rows to numbers: each model on the same held-out cases, evaluated once, read from what lies on disk."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, METHOD, SUBJECT
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.errors import UserError
from hifisyn.evaluation.case_measures import CASE_MEASURES
from hifisyn.evaluation.measures import MEASURES
from hifisyn.evaluation.model_task import SUBJECTS_CSV, EvaluationTask, look_up, out_of_date
from hifisyn.evaluation.of_model import evaluate, load
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.rows import granularity_of
from hifisyn.experiments.tables import ROW, SEED
from hifisyn.experiments.train_all import Trained
from hifisyn.experiments.trainings import Training
from hifisyn.experiments.write import Results
from hifisyn.json_files import read_object
from hifisyn.tables.read_frame import read_frame
from hifisyn.training import checkpoint

log = logging.getLogger(__name__)


def compare(experiment: Experiment, trained: Trained, device: str) -> Results:
    """Evaluate the trained rows; an evaluation of the same weights, slices and cases is read again.

    A row that was measured on other cases of a direction than the rows before it is left out there.

    Args:
        experiment: what was asked for.
        trained: what was trained of it.
        device: auto, cpu, cuda or cuda:1.
    """
    tables: list[pd.DataFrame] = []
    compared: list[Training] = []
    failures = [*experiment.failures, *trained.failures]
    measured: dict[str, set[str]] = {}
    for domains, trainings in experiment.by_contrasts.items():
        own = [training for training in trained.done if training in trainings]
        table, left_out = compare_rows(experiment, own, device)
        failures += left_out
        cases = {str(d): set(part[CASE]) for d, part in table.groupby(DIRECTION)} if len(table) else {}
        others = [direction for direction, names in cases.items() if measured.setdefault(direction, names) != names]
        if others:
            failures.append(Failure(" and ".join(domains), f"{others[0]}: other cases than of the rows before"))
        elif len(table):
            tables.append(table)
            compared += [training for training in own if training.row.name in set(table[ROW])]
    return Results(compared, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), failures)


def compare_rows(experiment: Experiment, done: Sequence[Training], device: str) -> tuple[pd.DataFrame, list[Failure]]:
    """Evaluate the trainings on one set of contrasts.

    A row of which a seed is missing or failed, or that was measured on other cases than the first, is left out: its
    numbers could not be compared with the others'.

    Returns:
        One row a row, seed, direction and case: `row`, `seed`, `direction`, `case`, `subject`, `MEASURES`,
        `CASE_MEASURES`; empty where nothing was measured. And what was left out.
    """
    tables: dict[str, list[pd.DataFrame]] = {training.row.name: [] for training in done}
    failures = []
    for number, training in enumerate(done, 1):
        log.info(f"evaluation {number} of {len(done)}: {training}")
        try:
            tables[training.row.name].append(_cases(experiment, training, device))
        except Exception as error:
            failures.append(Failure(str(training), one_line(error)))
            log.info(f"{training} failed: {one_line(error)}")
    whole, measured = [], None
    for name, own in tables.items():
        if len(own) < len(experiment.seeds):
            if own:
                failures.append(Failure(name, f"{len(own)} of {len(experiment.seeds)} seeds are measured"))
            continue
        cases = [set(zip(table[DIRECTION], table[CASE], strict=True)) for table in own]
        measured = measured or cases[0]
        if any(names != measured for names in cases):
            failures.append(Failure(name, "measured on other cases than the first row"))
            continue
        whole += own
    return pd.concat(whole, ignore_index=True) if whole else pd.DataFrame(), failures


def task_of(experiment: Experiment, training: Training) -> EvaluationTask:
    """Return the evaluation of a training."""
    return look_up(
        training.model,
        experiment.request.roots.preprocessed,
        split=experiment.split,
        fold=experiment.request.fold,
        checkpoint=experiment.checkpoint,
    )


def read_subjects(task: EvaluationTask) -> pd.DataFrame:
    """Return the cases of an evaluation, of the model and of what needs no training, as `SUBJECTS_CSV` has them."""
    return read_frame(task.output / SUBJECTS_CSV, (CASE, SUBJECT))


def _cases(experiment: Experiment, training: Training, device: str) -> pd.DataFrame:
    """Evaluate one training if that is due, and read what it reached."""
    task = task_of(experiment, training)
    if remark := _before_its_losses(training, task.checkpoint.file):
        log.info(f"{training}: {remark}")
    summary = task.output / SUMMARY_JSON
    why = out_of_date(task) or ("cases failed" if read_object(summary)["failures"] else "")
    if why:
        log.info(f"{training}: {why}")
        evaluate(task, load(task, device), overwrite=True)
    failed = read_object(summary)["failures"]
    if failed:
        case, reason = next(iter(failed.items()))
        raise UserError(f"{len(failed)} cases could not be compared, such as {case}", got=reason)
    table = read_subjects(task)
    table = table[table[METHOD] == task.model.method].assign(**{ROW: training.row.name, SEED: training.job.seed})
    return table[[ROW, SEED, DIRECTION, CASE, SUBJECT, *MEASURES, *CASE_MEASURES]]


def _before_its_losses(training: Training, weights: Path) -> str:
    """Return what must be known of weights that were saved before the losses of their row began; "" of others."""
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
