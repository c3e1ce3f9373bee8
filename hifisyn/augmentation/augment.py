"""An augmented training set in one call: predict, bring onto the labels, write, split by subject, describe."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.augmentation.data_card import Made, facts
from hifisyn.augmentation.data_card_page import page
from hifisyn.augmentation.groups import balanced
from hifisyn.augmentation.on_labels import Stripping
from hifisyn.augmentation.recipe import PREDICTED, RECORDS, Recipe
from hifisyn.augmentation.request import Request
from hifisyn.augmentation.write_case import WrittenCase, write_case
from hifisyn.dataset import Case, Dataset
from hifisyn.downstream.nnunet_dataset import channel_path, folds, write_dataset_json
from hifisyn.engine.jobs import Failure
from hifisyn.engine.parallel import map_cases
from hifisyn.errors import UserError
from hifisyn.files import write_json, write_text
from hifisyn.inference.available import Available
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.predict import Existing, PredictionSummary, predict_cases
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.translations import TargetFailure
from hifisyn.participants import as_table
from hifisyn.paths import DATASET_JSON, PARTICIPANTS_TSV, SPLITS_JSON
from hifisyn.training.step import resolve_device

CARD_JSON, CARD_MD = "data_card.json", "data_card.md"
MANY_TIMES = 5
NNUNET_NAME = re.compile(r"Dataset\d{3}_.")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Generation:
    """How the synthetic contrasts are generated; see `predict_cases`.

    Attributes:
        available: what may generate.
        source: the only contrast to start from, or none.
        settings: of the predictions.
        looks: of the base model.
    """

    available: Available
    source: str | None
    settings: PredictionSettings
    looks: Sequence[str] = ()


def augment(request: Request, output: Path, generation: Generation, existing: Existing = "refuse") -> PredictionSummary:
    """Write a raw folder of nnU-Net: the labelled training cases of a data set, and synthetic copies of them.

    Held-out cases (imagesTs) are never looked at. Failures are isolated per case.

    Args:
        request: what the set shall hold.
        output: folder of the set.
        generation: of the synthetic contrasts.
        existing: what to do with a set that is there: "refuse", "overwrite", or "keep" what the same files gave.

    Returns:
        Images with a synthetic channel that were written and kept, and what failed.

    Raises:
        UserError: nothing can be done at all, or the folder is in use; nothing was written then.
    """
    _check_output(output, request.folder, existing)
    dataset, cases = request.dataset, request.cases
    for case, why in request.left_out.items():
        log.info(f"left out: {case} ({why})")
    settings = generation.settings
    if dataset.skull_stripped and settings.stripped is None and settings.skull_strip is None:
        settings = replace(settings, stripped=True)
    summary = predict_cases(
        {name: dict(case.images) for name, case in cases.items()},
        OutputFolder(output / PREDICTED),
        generation.available,
        generation.source,
        request.targets,
        settings,
        existing,
        generation.looks,
    )
    recipe = _recipe(request, output, settings, existing)
    written, failures = map_cases(
        write_case, {name: (case, recipe) for name, case in cases.items()}, processes=settings.processes, title="write"
    )
    if not written:
        raise UserError("no case could be written", got=_first(failures, dataset), hint="see the lines above")
    made = _describe(request, output, written, settings.command)
    _tell(output, made)
    return _summarised(summary, written, failures, output, dataset)


def _check_output(output: Path, source: Path, existing: Existing) -> None:
    if output.resolve() == source.resolve() or source.resolve() in output.resolve().parents:
        raise UserError(f"{output} must lie outside of the data set {source}", hint="name another folder")
    there = [name for name in (DATASET_JSON, "imagesTr", RECORDS, PREDICTED) if (output / name).exists()]
    if not there:
        return
    ours = (output / RECORDS).is_dir() or (output / PREDICTED).is_dir()
    if not ours:
        raise UserError(f"{output} must be a new folder", got="another data set", hint="name another one with -o")
    if existing == "refuse":
        hint = "pass --continue to keep what is finished, pass --overwrite, or name another folder"
        raise UserError(f"{output} already exists", got=", ".join(there), hint=hint)


def _recipe(request: Request, output: Path, settings: PredictionSettings, existing: Existing) -> Recipe:
    return Recipe(
        output,
        request.channels,
        request.targets,
        request.dataset.labels,
        request.dataset.reference,
        request.dataset.registered,
        request.dataset.private,
        Stripping(
            "auto" if settings.skull_strip in (None, "mask") else settings.skull_strip,
            settings.strip_command,
            settings.stripped,
            str(resolve_device(settings.device)),
        ),
        existing == "overwrite",
    )


def _describe(request: Request, output: Path, written: Mapping[str, WrittenCase], command: str) -> Made:
    """Write what says what the set is: the folds, the sites, the card, and dataset.json last."""
    dataset = request.dataset
    images = [image for case in written.values() for image in case.images]
    of_subject = {image.subject: request.groups[image.case] for image in images if image.case in request.groups}
    of_image = {image.name: request.groups[image.case] for image in images if image.case in request.groups}
    split = folds(images, of_subject)
    if request.balance:
        split = [fold | {"train": balanced(fold["train"], of_image)} for fold in split]
    left_out = {**request.left_out, **{name: "failed" for name in request.cases if name not in written}}
    records = {name: case.record for name, case in written.items()}
    made = Made(
        dataset,
        request.channels,
        request.targets,
        images,
        records,
        split,
        request.groups,
        request.balance and str(request.balance),
        left_out,
        command,
    )
    write_json(output / SPLITS_JSON, split)
    subjects = {image.subject for image in images}
    if sites := {subject: site for subject, site in dataset.sites.items() if subject in subjects}:
        write_text(output / PARTICIPANTS_TSV, as_table(sites))
    card = facts(made)
    write_json(output / CARD_JSON, card)
    write_text(output / CARD_MD, page(card))
    write_dataset_json(
        output,
        request.channels,
        dataset.labels,
        [image.name for image in images],
        name=output.resolve().name,
        registered=True,
        skull_stripped=True,
        subjects={image.name: image.subject for image in images},
        synthetic={image.name: list(image.generated) for image in images if image.synthetic},
    )
    return made


def _tell(output: Path, made: Made) -> None:
    real = sum(not image.synthetic for image in made.images)
    subjects = len({image.subject for image in made.images})
    log.info(
        f"{real} real and {len(made.images) - real} synthetic images of {subjects} subjects; see {output / CARD_MD}"
    )
    if not NNUNET_NAME.match(output.resolve().name):
        log.warning(f"nnU-Net finds data sets by names such as Dataset501_{made.dataset.name}: rename {output}")
    most = facts(made)["most_repeated"]
    if most > MANY_TIMES:
        log.warning(
            f"to balance by {made.balance}, images stand up to {most} times in a fold: few cases count for much"
        )


def _summarised(
    summary: PredictionSummary,
    written: Mapping[str, WrittenCase],
    failures: Sequence[Failure],
    output: Path,
    dataset: Dataset,
) -> PredictionSummary:
    """Return the summary of the predictions with the images of the set in place of the predicted volumes."""
    images = [(image, case.kept) for case in written.values() for image in case.images if image.synthetic]
    due = [one for one in summary.failures if set(dataset.cases[one.case].images) - {one.target}]  # else: no source
    told = [replace(one, problem=_hidden(one.problem, dataset, one.case)) for one in due]
    lost = [TargetFailure(one.case, "all", _hidden(one.reason, dataset, one.case)) for one in failures]
    return PredictionSummary(
        generated=[channel_path(output, image.name, 0) for image, kept in images if not kept],
        kept=[channel_path(output, image.name, 0) for image, kept in images if kept],
        failures=[*told, *lost],
    )


def _hidden(text: str, dataset: Dataset, name: str) -> str:
    case: Case = dataset.cases[name]
    return case.hide_paths(text) if dataset.private else text


def _first(failures: Sequence[Failure], dataset: Dataset) -> str:
    return f"{failures[0].case}: {_hidden(failures[0].reason, dataset, failures[0].case)}" if failures else ""
