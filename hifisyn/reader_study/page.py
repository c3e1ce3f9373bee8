"""The page of a study: one file with images, script and style in it; nothing on it names the model of an image."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hifisyn.pages.environment import render
from hifisyn.reader_study.questions import QUESTIONS

ID_DIGITS = 12


@dataclass(frozen=True)
class Shown:
    """A trial as the page holds it.

    Attributes:
        source: contrast that the images were generated from.
        target: contrast that they show.
        references: name and PNG of each reference, the source first.
        images: PNG of each candidate, in the order of their places.
    """

    source: str
    target: str
    references: tuple[tuple[str, bytes], ...]
    images: tuple[bytes, ...]


def trial_id(number: int) -> str:
    """Return the name of the trial that is read as the `number`th, from 1."""
    return f"{number:03d}"


def image_id(number: int, place: int) -> str:
    """Return the name of an image, by trial and place alone, so that it does not reveal the model.

    >>> image_id(7, 1)
    '007B'
    """
    return f"{trial_id(number)}{chr(ord('A') + place)}"


def study_id(shown: Sequence[Shown]) -> str:
    """Return the study's name: a digest of what readers see, so that it reveals nothing else."""
    digest = hashlib.sha256(json.dumps([q.key for q in QUESTIONS]).encode())
    for trial in shown:
        for png in (*(png for _, png in trial.references), *trial.images):
            digest.update(hashlib.sha256(png).digest())
    return digest.hexdigest()[:ID_DIGITS]


def render_study(shown: Sequence[Shown]) -> str:
    """Return the page as HTML."""
    most_images = max(len(trial.images) for trial in shown)
    return render("reader_study/page.html.jinja", study=_content(shown), most_images=most_images)


def _content(shown: Sequence[Shown]) -> dict[str, Any]:
    """Return what the script reads, as JSON holds it."""
    trials = [_trial(number, trial) for number, trial in enumerate(shown, 1)]
    return {"id": study_id(shown), "questions": [asdict(question) for question in QUESTIONS], "trials": trials}


def _trial(number: int, trial: Shown) -> dict[str, Any]:
    return {
        "id": trial_id(number),
        "source": trial.source,
        "target": trial.target,
        "references": [{"label": label, "png": _base64(png)} for label, png in trial.references],
        "images": [{"id": image_id(number, place), "png": _base64(png)} for place, png in enumerate(trial.images)],
    }


def _base64(png: bytes) -> str:
    return base64.b64encode(png).decode("ascii")
