"""A whole cohort completed in one call: each case gets what it lacks, and failures are isolated per case."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from hifisyn.base.contrasts import UNNAMED
from hifisyn.base.shipped import NAME, shipped
from hifisyn.dataset import MODALITIES
from hifisyn.dataset_conversion.bids_dataset import is_bids
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.engine.held import held
from hifisyn.engine.progress import Progress
from hifisyn.errors import UserError
from hifisyn.inference.attempt import Attempt
from hifisyn.inference.available import Available
from hifisyn.inference.base.plan import BaseTranslation, nothing_for_base, plan_base
from hifisyn.inference.base.ready import ready_base
from hifisyn.inference.base.sidecar import base_identity
from hifisyn.inference.bids_input import find_bids_cases
from hifisyn.inference.bids_output import BidsDerivatives
from hifisyn.inference.cases import Inputs, find_cases
from hifisyn.inference.choice import Candidate, Candidates
from hifisyn.inference.doubts import doubts, verdicts
from hifisyn.inference.gaps import Gap
from hifisyn.inference.generate import generate_all
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.sidecar import identity
from hifisyn.inference.translations import (
    Cases,
    TargetFailure,
    Translation,
    TranslationPlan,
    Wanted,
    channel_order,
    nothing_to_do,
    plan_translations,
)
from hifisyn.inference.worker import load_predictors
from hifisyn.preprocessing.steps import Status
from hifisyn.training.verdict import NOT_MEASURABLE

Existing = Literal["refuse", "overwrite", "keep"]

WORTH_A_REMARK = 0.02  # the mask loses up to 1.5 % by being resampled alone
NAMES_SHOWN = 3
OF_BASE = f"{NAME}: {NOT_MEASURABLE} of your own; it learnt from simulated heads, and shows the error that it expects"
INSTEAD = "no trained model fits these contrasts; using "

log = logging.getLogger(__name__)


@dataclass
class PredictionSummary:
    """What a run generated.

    Attributes:
        generated: volumes written.
        kept: volumes that existed already.
        failures: what could not be generated, and why.
        gaps: what else cases lack and no model generates.
        doubts: why what was generated should not be believed: a line a model and direction, and one for scans that look
            unlike those of the training.
        verdicts: which baselines a model beats, a line a model and direction.
    """

    generated: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failures: list[TargetFailure] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)


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
    looks: Sequence[str] = (),
) -> PredictionSummary:
    """Generate the contrasts that the cases of a folder lack.

    Args:
        path: a folder of NIfTI files named CASE_MODALITY.nii.gz, the root of a BIDS data set, or one file. Where the
            base model alone can generate, names need not have a modality: each file is a case of its own then.
        output: folder to write to; another one than `path`.
        models: model folders to choose from, and "base"; empty: all below `results`, and the base model behind them.
        results: root of the results, where `models` is empty.
        source: the only contrast to start from.
        targets: the contrasts to generate, even where a case has them; empty: those that it lacks.
        settings: of the predictions.
        existing: what to do with outputs that exist: "refuse", "overwrite", or "keep" those that the same weights
            generated from the same scan.
        bids_derivatives: write `output` as BIDS derivatives of `path`, which is a BIDS data set then.
        selection: which scans of a BIDS data set.
        looks: scans of other persons that targets of the base model are to look like, see `look.parse_looks`.

    Raises:
        UserError: nothing can be done at all, or outputs exist; nothing was written then.
    """
    path, output = Path(path), Path(output)
    if output.resolve() == path.resolve():
        raise UserError(f"{output} must be another folder than the input's", hint="name another one")
    available = Available.of(models, results)
    start = source and available.source(source)
    inputs = _find_inputs(path, available, start, selection or Selection(), bids_derivatives)
    for file, why in inputs.left_out.items():
        log.info(f"left out: {file.name} ({why})")
    folder = BidsDerivatives(output, path) if bids_derivatives else OutputFolder(output)
    summary = predict_cases(inputs.cases, folder, available, source, targets, settings, existing, looks)
    refused = [TargetFailure(case, "", why) for case, why in inputs.refused.items()]
    return replace(summary, failures=refused + summary.failures)


def predict_cases(
    cases: Cases,
    folder: OutputFolder,
    available: Available,
    source: str | None = None,
    targets: Sequence[str] = (),
    settings: PredictionSettings | None = None,
    existing: Existing = "refuse",
    looks: Sequence[str] = (),
) -> PredictionSummary:
    """Generate the contrasts that cases lack; see `predict_folder`.

    Args:
        cases: case to contrast to file.
        folder: to write to.
        available: what may generate.
        source: the only contrast to start from.
        targets: the contrasts to generate, even where a case has them; empty: those that it lacks.
        settings: of the predictions.
        existing: what to do with outputs that exist.
        looks: scans of other persons that targets of the base model are to look like.

    Raises:
        UserError: nothing can be done at all, or outputs exist; nothing was written then.
    """
    settings = settings or PredictionSettings()
    source, targets = source and available.source(source), [available.target(target) for target in targets]
    candidates = Candidates.of(available.models, settings.fold, settings.checkpoint, named=available.named)
    plan = plan_translations(cases, candidates, source, targets)
    of_base = plan_base(cases, plan, source, targets) if available.base else []
    if not plan.translations and not of_base:
        raise (nothing_for_base(plan) if available.base and plan.failures else nothing_to_do(cases, candidates, plan))
    if of_base or looks:
        settings = ready_base(settings, looks, plan, of_base)
    predictors = load_predictors(plan.models, settings)
    _log_models(plan, predictors)
    if of_base:
        log.info(f"{'model: ' if available.only_base else INSTEAD}{NAME}, learnt from simulated heads")
    summary = PredictionSummary(
        failures=plan.failures,
        gaps=plan.gaps,
        doubts=doubts(plan.translations, predictors),
        verdicts=[*verdicts(plan.translations, predictors), *([OF_BASE] if of_base else [])],
    )
    order = list(cases)
    wanted = sorted([*plan.translations, *of_base], key=lambda one: order.index(one.case))
    due = _due(wanted, predictors, settings, folder, existing, summary)
    folder.prepare()
    with held(folder.folder):
        _generate(due, predictors, folder, settings, summary)
    return summary


def _find_inputs(
    path: Path, available: Available, source: str | None, selection: Selection, derivatives: bool
) -> Inputs:
    if derivatives or selection != Selection() or is_bids(path):
        return find_bids_cases(path, selection)
    channels = channel_order(available.models)
    strange = [source] if source is not None and source not in (*channels, *MODALITIES) else []
    nameless = UNNAMED if available.base and not available.models else None
    return find_cases(path, (*channels, *strange), source, nameless)


def _log_models(plan: TranslationPlan, predictors: dict[Path, Predictor]) -> None:
    for folder, predictor in predictors.items():
        log.info(f"model: {folder} ({predictor.model}), {predictor.weights}")
        others = plan.others.get(folder, [])
        if others:
            names = _shown([_described(other) for other in others])
            log.info(f"  chosen from {len(others) + 1} that fit, not {names}; --model chooses another")


def _described(other: Candidate) -> str:
    return f"{other.model.folder}{'' if other.weights else ' (without the requested weights)'}"


def _identity(wanted: Wanted, predictors: dict[Path, Predictor], settings: PredictionSettings) -> dict[str, Any]:
    if isinstance(wanted, Translation):
        return dict(identity(wanted, predictors[wanted.model.folder]))
    assert isinstance(wanted, BaseTranslation)
    return base_identity(wanted, shipped(), settings)


def _due(
    translations: Sequence[Wanted],
    predictors: dict[Path, Predictor],
    settings: PredictionSettings,
    output: OutputFolder,
    existing: Existing,
    summary: PredictionSummary,
) -> list[Wanted]:
    """Return the translations that are still to do.

    Raises:
        UserError: an output exists and is neither to be replaced nor of the same scan and weights.
    """
    due: list[Wanted] = []
    in_the_way: list[str] = []
    for translation in translations:
        outputs = output.outputs(translation)
        if outputs.foreign:
            problem = f"{outputs.foreign[0]} is of another program; name another output folder"
            summary.failures.append(TargetFailure(translation.case, translation.target, problem))
            continue
        finished = existing == "keep" and outputs.finished
        if finished and outputs.once(_identity(translation, predictors, settings)).holds:
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
    due: list[Wanted],
    predictors: dict[Path, Predictor],
    output: OutputFolder,
    settings: PredictionSettings,
    summary: PredictionSummary,
) -> None:
    cases = [list(group) for _, group in groupby(due, key=lambda translation: translation.case)]
    progress = Progress("predict", len(due))
    unlike: dict[str, str] = {}
    with closing(generate_all(cases, predictors, output, settings)) as attempts:
        for attempt in attempts:
            translation, problem = attempt.translation, attempt.problem
            if problem:
                summary.failures.append(TargetFailure(translation.case, translation.target, problem))
            else:
                summary.generated.append(output.outputs(translation).image)
            if attempt.unlike:
                unlike[translation.case] = attempt.unlike
            progress.step(translation.title, failed=bool(problem), remark=_remark(attempt))
    if unlike:
        names = _shown([f"{case}: {why}" for case, why in unlike.items()])
        summary.doubts.append(f"of {len(cases)} cases {len(unlike)} should be looked at, {names}")


def _remark(attempt: Attempt) -> str:
    seen_stripped = attempt.skull_strip is not None and attempt.skull_strip.status is Status.SEEN_DONE
    remarks = ["stripped already as the scan shows"] if seen_stripped else []
    if attempt.unseen > WORTH_A_REMARK:
        remarks.append(f"but {attempt.unseen:.1%} of the brain lies outside the model's view")
    return ", ".join([*remarks, *attempt.remarks, *([f"but {attempt.unlike}"] if attempt.unlike else [])])


def _shown(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
