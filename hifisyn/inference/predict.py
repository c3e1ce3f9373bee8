"""A whole cohort completed in one call: each case gets what it lacks, and failures are isolated per case."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

from hifisyn.dataset_conversion.bids_dataset import is_bids
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.engine.progress import Progress
from hifisyn.errors import UserError
from hifisyn.inference.bids_input import find_bids_cases
from hifisyn.inference.bids_output import BidsDerivatives
from hifisyn.inference.cases import find_cases
from hifisyn.inference.choice import Candidate, Candidates
from hifisyn.inference.gaps import Gap
from hifisyn.inference.generate import generate_all
from hifisyn.inference.models import Model, find_models, read_model
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.sidecar import identity
from hifisyn.inference.translations import (
    TargetFailure,
    Translation,
    TranslationPlan,
    channel_order,
    plan_translations,
    spelling_of,
)
from hifisyn.inference.worker import Attempt, load_predictors
from hifisyn.paths import Roots
from hifisyn.preprocessing.steps import Status

Existing = Literal["refuse", "overwrite", "keep"]

WORTH_A_REMARK = 0.02  # the mask loses up to 1.5 % by being resampled alone
NAMES_SHOWN = 3

log = logging.getLogger(__name__)


@dataclass
class PredictionSummary:
    """What a run generated.

    Attributes:
        generated: volumes written.
        kept: volumes that existed already.
        failures: what could not be generated, and why.
        gaps: what else cases lack and no model generates.
    """

    generated: list[Path] = field(default_factory=list)
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
    """Generate the contrasts that the cases of a folder lack.

    Args:
        path: a folder of NIfTI files named CASE_MODALITY.nii.gz, the root of a BIDS data set, or one file.
        output: folder to write to; another one than `path`.
        models: model folders to choose from; empty: all below `results`.
        results: root of the results, where `models` is empty.
        source: the only contrast to start from.
        targets: the contrasts to generate, even where a case has them; empty: those that it lacks.
        settings: of the predictions.
        existing: what to do with outputs that exist: "refuse", "overwrite", or "keep" those that the same weights
            generated from the same scan.
        bids_derivatives: write `output` as BIDS derivatives of `path`, which is a BIDS data set then.
        selection: which scans of a BIDS data set.

    Raises:
        UserError: nothing can be done at all, or outputs exist; nothing was written then.
    """
    path, output, settings = Path(path), Path(output), settings or PredictionSettings()
    if output.resolve() == path.resolve():
        raise UserError(f"{output} must be another folder than the input's", hint="name another one")
    known = [read_model(folder) for folder in models] or _models_below(results)
    source, targets = source and spelling_of(source, known), [spelling_of(target, known) for target in targets]
    selection = selection or Selection()
    bids = bids_derivatives or selection != Selection() or is_bids(path)
    inputs = find_bids_cases(path, selection) if bids else find_cases(path, channel_order(known), source)
    for file, why in inputs.left_out.items():
        log.info(f"left out: {file.name} ({why})")
    candidates = Candidates.of(known, settings.fold, settings.checkpoint, named=bool(models))
    plan = plan_translations(inputs.cases, candidates, source, targets)
    predictors = load_predictors(plan.models, settings)
    _log_models(plan, predictors)
    folder = BidsDerivatives(output, path) if bids_derivatives else OutputFolder(output)
    summary = PredictionSummary(failures=plan.failures, gaps=plan.gaps)
    due = _due(plan.translations, predictors, folder, existing, summary)
    folder.prepare()
    _generate(due, predictors, folder, settings, summary)
    return summary


def _models_below(results: Path | str | None) -> list[Model]:
    root = Roots.resolve(results=results).results
    models = find_models(root)
    if not models:
        hint = "name a folder with --model or --results, or train a model with hifisyn_train"
        raise UserError(f"{root} has no trained model", hint=hint)
    return models


def _log_models(plan: TranslationPlan, predictors: dict[Path, Predictor]) -> None:
    for folder, predictor in predictors.items():
        log.info(f"model: {folder} ({predictor.model}), {predictor.weights}")
        others = plan.others.get(folder, [])
        if others:
            names = _shown([_described(other) for other in others])
            log.info(f"  chosen from {len(others) + 1} that fit, not {names}; --model chooses another")


def _described(other: Candidate) -> str:
    return f"{other.model.folder}{'' if other.weights else ' (without the requested weights)'}"


def _due(
    translations: list[Translation],
    predictors: dict[Path, Predictor],
    output: OutputFolder,
    existing: Existing,
    summary: PredictionSummary,
) -> list[Translation]:
    """Return the translations that are still to do.

    Raises:
        UserError: an output exists and is neither to be replaced nor of the same scan and weights.
    """
    due, in_the_way = [], []
    for translation in translations:
        outputs = output.outputs(translation)
        if outputs.foreign:
            problem = f"{outputs.foreign[0]} is of another program; name another output folder"
            summary.failures.append(TargetFailure(translation.case, translation.target, problem))
            continue
        finished = existing == "keep" and outputs.finished
        if finished and outputs.once(identity(translation, predictors[translation.model.folder])).holds:
            summary.kept.append(outputs.image)
            continue
        if finished or (existing == "refuse" and outputs.existing):
            in_the_way.append(outputs.stem)
        due.append(translation)
    if in_the_way:
        raise _refused(output.folder, in_the_way, existing)
    return due


def _refused(folder: Path, names: list[str], existing: Existing) -> UserError:
    if existing == "keep":
        hint = "pass --overwrite, or name another folder"
        return UserError(f"{folder} has outputs of other scans or weights", got=_shown(names), hint=hint)
    hint = "pass --overwrite, pass --continue to keep finished ones, or name another folder"
    return UserError(f"{folder} has outputs already", got=_shown(names), hint=hint)


def _generate(
    due: list[Translation],
    predictors: dict[Path, Predictor],
    output: OutputFolder,
    settings: PredictionSettings,
    summary: PredictionSummary,
) -> None:
    cases = [list(group) for _, group in groupby(due, key=lambda translation: translation.case)]
    progress = Progress("predict", len(due))
    with closing(generate_all(cases, predictors, output, settings)) as attempts:
        for attempt in attempts:
            translation, problem = attempt.translation, attempt.problem
            if problem:
                summary.failures.append(TargetFailure(translation.case, translation.target, problem))
            else:
                summary.generated.append(output.outputs(translation).image)
            name = f"{translation.case}: {translation.direction}"
            progress.step(name, failed=bool(problem), remark=_remark(attempt))


def _remark(attempt: Attempt) -> str:
    seen_stripped = attempt.skull_strip is not None and attempt.skull_strip.status is Status.SEEN_DONE
    remarks = ["stripped already as the scan shows"] if seen_stripped else []
    if attempt.unseen > WORTH_A_REMARK:
        remarks.append(f"but {attempt.unseen:.1%} of the brain lies outside the model's view")
    return ", ".join(remarks)


def _shown(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
