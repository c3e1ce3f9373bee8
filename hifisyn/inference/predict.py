"""A whole cohort completed in one call: each case gets what it lacks, and no case costs another."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

from hifisyn.dataset_conversion.bids_dataset import is_bids
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.inference.bids_input import find_bids_cases
from hifisyn.inference.bids_output import BidsDerivatives
from hifisyn.inference.cases import find_cases
from hifisyn.inference.choice import Candidates
from hifisyn.inference.gaps import Gap
from hifisyn.inference.models import Model, find_models, read_model
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.sidecar import identity
from hifisyn.inference.translations import TargetFailure, Translation, channel_order, plan_translations, spelled
from hifisyn.inference.worker import Attempt, PredictionSettings, generate_all, load_predictors
from hifisyn.paths import Roots
from hifisyn.preprocessing.steps import Status

log = logging.getLogger(__name__)
Existing = Literal["refuse", "overwrite", "keep"]

# The mask loses up to 1.5 % by being resampled alone.
WORTH_SAYING = 0.02
OTHERS_SHOWN = 3
_FOREIGN = "{}: wanted room for our file, found one of another program; name another folder"
_WHY = {
    "refuse": "found {}; pass --overwrite, or --continue to keep finished ones",
    "keep": "found {} of other scans or weights; pass --overwrite",
}


@dataclass
class PredictionSummary:
    """What came of a cohort.

    Attributes:
        made: volumes written.
        kept: volumes that were there already.
        failures: what could not be made, and why.
        gaps: what else cases lack and no model makes.
    """

    made: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failures: list[TargetFailure] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def predict_folder(
    path: Path | str,
    output: Path | str,
    *,
    models: Sequence[Path | str] = (),
    results: Path | str | None = None,
    source: str | None = None,
    targets: Sequence[str] = (),
    settings: PredictionSettings | None = None,
    existing: Existing = "refuse",
    bids_derivatives: bool = False,
    selection: Selection | None = None,
) -> PredictionSummary:
    """Make the contrasts that the cases of a folder lack.

    Args:
        path: a folder of NIfTI files named CASE_MODALITY.nii.gz, the root of a BIDS data set, or one file.
        output: folder to write to; another one than `path`.
        models: model folders to choose from; empty: all below `results`.
        results: root of the results, where `models` is empty.
        source: the only modality to start from.
        targets: the modalities to make, even where a case has them; empty: those that lack.
        settings: how.
        existing: what to do with outputs that exist: "refuse", "overwrite", or "keep" those that the same weights
            made from the same scan.
        bids_derivatives: write `output` as BIDS derivatives of `path`, which is a BIDS data set then.
        selection: which scans of a BIDS data set.

    Raises:
        UserError: nothing can be done at all, or outputs exist; nothing was written then.
    """
    path, output, settings, selection = (
        Path(path),
        Path(output),
        settings or PredictionSettings(),
        selection or Selection(),
    )
    if output.resolve() == path.resolve():
        raise UserError(f"{output}: wanted another folder than the input's; name another one")
    known = [read_model(folder) for folder in models] or _models_below(results)
    source, targets = source and spelled(source, known), [spelled(target, known) for target in targets]
    if bids_derivatives or selection != Selection() or is_bids(path):
        inputs = find_bids_cases(path, selection)
    else:
        inputs = find_cases(path, channel_order(known), source)
    for file, why in inputs.left_out.items():
        log.info(f"left out: {file.name} ({why})")
    tasks, failures, gaps = plan_translations(
        inputs.cases, Candidates.of(known, settings.fold, settings.checkpoint), source, targets
    )
    summary = PredictionSummary(failures=failures, gaps=gaps)
    predictors = _load(tasks, settings)
    folder = BidsDerivatives(output, path) if bids_derivatives else OutputFolder(output)
    todo = _unfinished(tasks, predictors, folder, existing, summary)
    folder.prepare()
    _make(todo, predictors, folder, settings, summary)
    return summary


def _models_below(results: Path | str | None) -> list[Model]:
    root = Roots.resolve(results=results).results
    models = find_models(root, log.info)
    if not models:
        raise UserError(
            f"{root}: wanted a trained model, found none; "
            "name its folder with --model, or the results with --results, or train one with hifisyn_train"
        )
    return models


def _load(tasks: list[Translation], settings: PredictionSettings) -> dict[Path, Predictor]:
    predictors = load_predictors(list({task.model.folder: task.model for task in tasks}.values()), settings)
    for folder, predictor in predictors.items():
        log.info(f"model: {folder} ({predictor.model}), {predictor.weights}")
        others = dict.fromkeys(other.folder for task in tasks if task.model.folder == folder for other in task.others)
        if others:
            more = f" and {len(others) - OTHERS_SHOWN} more" if len(others) > OTHERS_SHOWN else ""
            names = ", ".join(map(str, list(others)[:OTHERS_SHOWN])) + more
            log.info(f"  taken of {len(others) + 1} that fit: not {names}; --model chooses another")
    return predictors


def _unfinished(
    tasks: list[Translation],
    predictors: dict[Path, Predictor],
    output: OutputFolder,
    existing: Existing,
    summary: PredictionSummary,
) -> list[Translation]:
    """Return the tasks that are still to do.

    Raises:
        UserError: an output exists and is neither to be replaced nor made from the same scan and weights.
    """
    todo, in_the_way = [], []
    for task in tasks:
        outputs = output.outputs(task)
        if outputs.foreign:
            summary.failures.append(TargetFailure(task.case, task.target, _FOREIGN.format(outputs.foreign[0])))
            continue
        finished = outputs.record() if existing == "keep" else None
        if finished and identity(task, predictors[task.model.folder]).items() <= finished.items():
            summary.kept.append(outputs.image)
            continue
        if finished or (outputs.existing and existing == "refuse"):
            in_the_way.append(outputs.stem)
        todo.append(task)
    if in_the_way:
        names = ", ".join(in_the_way[:3]) + (f" and {len(in_the_way) - 3} more" if len(in_the_way) > 3 else "")
        raise UserError(
            f"{output.folder}: wanted room for new outputs, {_WHY[existing].format(names)}, or name another folder"
        )
    return todo


def _make(
    tasks: list[Translation],
    predictors: dict[Path, Predictor],
    output: OutputFolder,
    settings: PredictionSettings,
    summary: PredictionSummary,
) -> None:
    cases = [list(group) for _, group in groupby(tasks, key=lambda task: task.case)]
    began = time.monotonic()
    for number, outcome in enumerate(generate_all(cases, predictors, output, settings), start=1):
        task = outcome.task
        if outcome.problem:
            summary.failures.append(TargetFailure(task.case, task.target, outcome.problem))
        else:
            summary.made.append(output.outputs(task).image)
        left = (time.monotonic() - began) / number * (len(tasks) - number)
        what = f"{task.case}: {task.source} to {task.target}"
        log.info(f"[{number}/{len(tasks)}] {what}: {_end(outcome)}, {duration(left)} left")


def _end(outcome: Attempt) -> str:
    if outcome.problem:
        return "failed"
    stripped = outcome.skull_strip is not None and outcome.skull_strip.status is Status.SEEN_DONE
    done = "done, stripped already as the scan shows" if stripped else "done"
    if outcome.unseen > WORTH_SAYING:
        return f"{done}, but {outcome.unseen:.1%} of the brain lies outside the model's view"
    return done
