"""What readers of a study of detection sent back: checked against the key, one row an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from hifisyn.columns import CASE, DIRECTION, MODEL, SLICE, SUBJECT
from hifisyn.errors import UserError
from hifisyn.json_files import read_json_as
from hifisyn.reader_study.answers import Reader
from hifisyn.reader_study.detection_key import DetectionKey, DetectionTrial, mask_of

COLUMNS = (
    "reader", "trial", CASE, SUBJECT, SLICE, DIRECTION, MODEL, "lesion", "called", "distance_mm", "seconds",
)  # fmt: skip
Share = Annotated[float, Field(ge=0, le=1)]


class Answer(BaseModel):
    """An answer to one image.

    Attributes:
        lesion: whether the reader sees one; none: no answer.
        at: where, as shares of the picture from its left and its top.
    """

    model_config = ConfigDict(frozen=True)

    comment: str = ""
    seconds: float = Field(0.0, ge=0)
    lesion: bool | None = None
    at: tuple[Share, Share] | None = None

    @property
    def finished(self) -> bool:
        """Whether it says all that is asked."""
        return self.lesion is False or (self.lesion is True and self.at is not None)


class DetectionFile(BaseModel):
    """A reader's file, as the page exports it."""

    model_config = ConfigDict(frozen=True)

    format: int = Field(ge=1, le=1)
    study: str
    reader: Reader
    trials: dict[str, Answer]


@dataclass(frozen=True)
class Detections:
    """The answers of all readers.

    Attributes:
        looks: one row an image that a reader answered: COLUMNS; `lesion` is the truth, `distance_mm` from the place
            that the reader named to the next pixel of a lesion, 0 in it, NaN where there is no place or no lesion.
        readers: one row a reader: `reader`, `years`, `file`, `finished`, `unfinished`.
        unfinished: reader and image of answers that are not there.
        comments: `reader`, `trial`, `case`, `comment`.
    """

    looks: pd.DataFrame
    readers: pd.DataFrame
    unfinished: tuple[str, ...]
    comments: pd.DataFrame


def read_detections(files: Sequence[Path], key: DetectionKey) -> Detections:
    """Read and check readers' files.

    Raises:
        UserError: a file is no such file or of another study, a reader comes twice, an image is unknown, or nobody
            answered anything.
    """
    file_of: dict[str, Path] = {}
    people, rows, unfinished, comments = [], [], [], []
    for file in files:
        given = read_json_as(DetectionFile, file, "a file of answers, exported from the page of a study of detection")
        name = given.reader.name.strip()
        _check(given, key, file)
        if other := file_of.get(name.lower()):
            raise UserError(
                f"{file}: each reader must have one file", got=f"{name} also in {other}", hint="leave one out"
            )
        file_of[name.lower()] = file
        done = [trial for trial in key.trials if trial in given.trials and given.trials[trial].finished]
        rows += [_row(name, trial, key.trials[trial], given.trials[trial], key.pixel_mm) for trial in done]
        unfinished += [f"{name}, image {trial}" for trial in key.trials if trial not in done]
        comments += [
            (name, trial, key.trials[trial].case, answer.comment.strip())
            for trial, answer in given.trials.items()
            if answer.comment.strip()
        ]
        people.append((name, given.reader.years, file.name, len(done), len(key.trials) - len(done)))
    if not rows:
        raise UserError(f"no image is answered in {', '.join(map(str, files))}")
    return Detections(
        pd.DataFrame(rows, columns=list(COLUMNS)),
        pd.DataFrame(people, columns=["reader", "years", "file", "finished", "unfinished"]),
        tuple(unfinished),
        pd.DataFrame(comments, columns=["reader", "trial", CASE, "comment"]),
    )


def _check(given: DetectionFile, key: DetectionKey, file: Path) -> None:
    if given.study != key.study:
        raise UserError(
            f"{file} must answer study {key.study}", got=f"study {given.study}", hint="give the folder of that study"
        )
    if unknown := sorted(set(given.trials) - set(key.trials)):
        raise UserError(f"{file} must answer images of the study", got=unknown[0], hint="export the answers again")


def _row(reader: str, name: str, trial: DetectionTrial, answer: Answer, pixel_mm: float) -> tuple[object, ...]:
    about = (reader, name, trial.case, trial.subject, trial.slice, str(trial.direction), trial.candidate)
    distance = distance_mm(trial, answer.at, pixel_mm) if answer.lesion else float("nan")
    return (*about, bool(trial.lesion), bool(answer.lesion), distance, answer.seconds)


def distance_mm(trial: DetectionTrial, at: tuple[float, float] | None, pixel_mm: float) -> float:
    """Return how far a place lies from the next pixel of a lesion: 0 in it, NaN where either is missing."""
    from scipy.ndimage import distance_transform_edt

    if at is None or not trial.lesion:
        return float("nan")
    column, row = (min(int(share * trial.side), trial.side - 1) for share in at)
    apart: np.ndarray = distance_transform_edt(~mask_of(trial.lesion, trial.side))
    return float(apart[row, column] * pixel_mm)
