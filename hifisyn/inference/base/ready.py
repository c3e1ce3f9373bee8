"""All that the base model needs is there and fits together, before the first case."""

from collections.abc import Sequence
from dataclasses import replace

from hifisyn.base.shipped import NAME, shipped
from hifisyn.errors import UserError
from hifisyn.inference.base.inputs import NICKNAME
from hifisyn.inference.base.look import measure_look, parse_looks
from hifisyn.inference.base.plan import BaseTranslation
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.translations import TranslationPlan
from hifisyn.training.step import resolve_device


def ready_base(
    settings: PredictionSettings, looks: Sequence[str], plan: TranslationPlan, of_base: Sequence[BaseTranslation]
) -> PredictionSettings:
    """Return the settings with the looks of the targets, measured on the scans that the user names.

    Args:
        settings: of the run.
        looks: as they were typed.
        plan: of the trained models.
        of_base: what the base model generates.

    Raises:
        UserError: the model's file is missing or broken; weights are asked for that only trained models have; a look
            is of no contrast that the base model generates, or its scan cannot be used.
    """
    if looks and plan.translations:
        got = str(plan.translations[0].model)
        raise UserError(f"--look must come with {NAME} alone", got=got, hint=f"add --model {NICKNAME}")
    if not plan.translations and (settings.fold is not None or settings.checkpoint is not None):
        raise UserError("--fold and --checkpoint must come with a trained model", got=NAME, hint="leave them out")
    model, device = shipped(), str(resolve_device(settings.device))
    targets = list(dict.fromkeys(translation.target for translation in of_base))
    files = parse_looks(looks, targets)
    if strange := [target for target in files if target not in targets]:
        what = f"--look must be of a contrast that is generated, {' or '.join(targets)}"
        raise UserError(what, got=", ".join(strange), hint="change --look or --target")
    tool = "auto" if settings.skull_strip in (None, "mask") else settings.skull_strip
    command = settings.strip_command
    return replace(
        settings,
        looks={
            target: measure_look(model, file, target, tool=tool, command=command, device=device)
            for target, file in files.items()
        },
    )
