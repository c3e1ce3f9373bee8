"""How the generation of one volume ended."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.inference.translations import Wanted
from hifisyn.preprocessing.steps import Step


@dataclass(frozen=True)
class Attempt:
    """The result of a translation.

    Attributes:
        translation: what was to be generated.
        problem: why it was not, in one line; empty where it was.
        unseen: share of the brain that lies outside the model's view.
        skull_strip: how the brain was found; None where the translation failed before.
        remarks: what a reader should know beside that.
        unlike: in what the scan looks unlike those of the training; "" where it does not.
    """

    translation: Wanted
    problem: str = ""
    unseen: float = 0.0
    skull_strip: Step | None = None
    remarks: tuple[str, ...] = ()
    unlike: str = ""


def problem_of(error: Exception) -> str:
    """Return an error in one line; of a mistake of ours, with its place."""
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
