"""Generating with the base model all that a case wants from it; scans that go together are prepared once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.base.shipped import NAME, shipped
from hifisyn.errors import UserError
from hifisyn.inference.attempt import Attempt, problem_of
from hifisyn.inference.base.plan import BaseTranslation
from hifisyn.inference.base.prediction import predictions, shown, translate_case
from hifisyn.inference.base.recognise import Recognised, recognise
from hifisyn.inference.base.sidecar import base_sidecar
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.prediction import Translated
from hifisyn.inference.scans import load_mask_of, tell_replaced
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.write import write_prediction
from hifisyn.preprocessing.prepare_case import PreparedCase, prepare_case
from hifisyn.preprocessing.steps import Stage
from hifisyn.training.step import resolve_device
from hifisyn.training.verdict import NOT_MEASURABLE
from hifisyn.troubles import is_disk_full
from hifisyn.volume import Volume

Group = tuple[BaseTranslation, ...]
NOTE = f"{NAME}, learnt from simulated heads: {NOT_MEASURABLE}"


@dataclass(frozen=True)
class Ready:
    """A case that was translated, and is still to be brought onto its grid.

    Attributes:
        scan: the reference as its file has it.
        case: the scans as slices.
        recognised: what the scans look like, and which slots they go into.
        found: every target as slices.
    """

    scan: Volume
    case: PreparedCase
    recognised: Recognised
    found: Mapping[str, Translated]


def generate_with_base(
    translations: Sequence[BaseTranslation], output: OutputFolder, settings: PredictionSettings
) -> list[Attempt]:
    """Generate all volumes of a case; failures are isolated per volume.

    Raises:
        OSError: there is no room left on the disk.
    """
    return [attempt for group in _together(translations) for attempt in _attempts(group, output, settings)]


def _together(translations: Sequence[BaseTranslation]) -> list[Group]:
    """Return the translations that start from the same scans, together."""
    groups: dict[tuple[Path, ...], list[BaseTranslation]] = {}
    for translation in translations:
        groups.setdefault(translation.files, []).append(translation)
    return [tuple(group) for group in groups.values()]


def _attempts(group: Group, output: OutputFolder, settings: PredictionSettings) -> list[Attempt]:
    try:
        ready = _ready(group[0], settings)
    except Exception as error:
        if is_disk_full(error):
            raise
        return [Attempt(translation, problem=problem_of(error)) for translation in group]
    return [_attempt(translation, ready, output, settings) for translation in group]


def _ready(translation: BaseTranslation, settings: PredictionSettings) -> Ready:
    scans, unread = _load(translation)
    case = prepare_case(
        scans,
        translation.source,
        stripped=settings.stripped,
        tool=settings.skull_strip or "auto",
        command=settings.strip_command,
        mask=load_mask_of(settings.masks, translation.case),
        device=str(resolve_device(settings.device)),
    )
    case = replace(case, left_out=unread | case.left_out)
    recognised = recognise(shipped(), case, translation.slots)
    found = translate_case(shipped(), case, recognised.slots, settings.looks, mirror=settings.tta)
    return Ready(scans[translation.source], case, recognised, found)


def _load(translation: BaseTranslation) -> tuple[dict[str, Volume], dict[str, str]]:
    """Return the scans that can be read, and why the others cannot.

    Raises:
        UserError: the reference cannot be read.
    """
    scans: dict[str, Volume] = {}
    unread: dict[str, str] = {}
    for contrast, file in translation.given.items():
        try:
            scans[contrast] = Volume.load(file)
        except UserError as error:
            if contrast == translation.source:
                raise
            unread[contrast] = str(error)
        else:
            tell_replaced(file, scans[contrast])
    return scans, unread


def _attempt(translation: BaseTranslation, ready: Ready, output: OutputFolder, settings: PredictionSettings) -> Attempt:
    target, case = translation.target, ready.case
    try:
        prediction = predictions(ready.found, case, ready.scan, [target], settings.looks)[target]
        record = base_sidecar(translation, shipped(), case, ready.recognised, prediction, settings)
        write_prediction(output.outputs(translation), prediction, shown(case, ready.found, target), record, note=NOTE)
    except Exception as error:
        if is_disk_full(error):
            raise
        return Attempt(translation, problem=problem_of(error))
    step = case.reference.record.steps[Stage.SKULL_STRIP]
    return Attempt(translation, skull_strip=step, remarks=_remarks(translation, case, ready.recognised))


def _remarks(translation: BaseTranslation, case: PreparedCase, recognised: Recognised) -> tuple[str, ...]:
    left_out = case.left_out | dict.fromkeys(translation.not_taken, f"{NAME} does not know it")
    return (*(f"{contrast} left out: {why}" for contrast, why in left_out.items()), *recognised.remarks())
