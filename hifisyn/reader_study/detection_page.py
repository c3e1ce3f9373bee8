"""The page of a study of detection: one file; nothing on it names the model of an image, or says where lesions are."""

import base64
import hashlib
from collections.abc import Sequence

from hifisyn.pages.environment import render
from hifisyn.reader_study.page import ID_DIGITS, trial_id

Shown = tuple[str, bytes]  # contrast and PNG


def study_id_of(shown: Sequence[Shown]) -> str:
    """Return the study's name: a digest of what readers see, so that it reveals nothing else."""
    digest = hashlib.sha256(b"detection")
    for _, png in shown:
        digest.update(hashlib.sha256(png).digest())
    return digest.hexdigest()[:ID_DIGITS]


def render_detection(shown: Sequence[Shown]) -> str:
    """Return the page as HTML."""
    trials = [
        {"id": trial_id(number), "target": target, "png": base64.b64encode(png).decode("ascii")}
        for number, (target, png) in enumerate(shown, 1)
    ]
    return render("reader_study/detection.html.jinja", study={"id": study_id_of(shown), "trials": trials})
