"""The key of a study of detection: where each image came from, and where the lesions lie in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from hifisyn.directions import Direction
from hifisyn.json_files import read_json_as, read_object
from hifisyn.reader_study.key import Candidate

Run = tuple[int, int, int]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DetectionTrial(_Part):
    """What an image showed.

    Attributes:
        case: name of the case.
        subject: the person.
        slice: number of the slice.
        source: contrast that synthetic images of it were generated from.
        target: contrast that it shows.
        candidate: name of the model, or of the real scan.
        side: of the picture, in pixels.
        lesion: runs of pixels of lesion in the picture: row, first column, last column; empty: no lesion.
    """

    case: str
    subject: str
    slice: int
    source: str
    target: str
    candidate: str
    side: int
    lesion: tuple[Run, ...]

    @property
    def direction(self) -> Direction:
        """From the source to the target."""
        return Direction(self.source, self.target)


class DetectionKey(_Part):
    """The whole key.

    Attributes:
        study: name of the study, which is on the page and in every reader's file.
        page_sha256: of study.html.
        settings: what the study was drawn with.
        versions: of the software that drew it.
        pixel_mm: side of a pixel of the pictures.
        candidates: by name.
        trials: by name, in the order in which they are read.
    """

    kind: Literal["detection"] = "detection"
    format: int = 1
    study: str
    page_sha256: str
    settings: dict[str, str | int | bool | None]
    versions: dict[str, str]
    pixel_mm: float
    candidates: Mapping[str, Candidate]
    trials: Mapping[str, DetectionTrial]


def is_detection(path: Path) -> bool:
    """Return whether a key is of a study of detection.

    Raises:
        UserError: the file is missing or holds no JSON object.
    """
    return read_object(path).get("kind") == "detection"


def read_detection_key(path: Path) -> DetectionKey:
    """Read a key.

    Raises:
        UserError: the file is missing or is no such key.
    """
    return read_json_as(DetectionKey, path, "the key of a reader study of detection")


def runs_of(mask: np.ndarray) -> tuple[Run, ...]:
    """Return the runs of a mask (H, W), row by row.

    >>> runs_of(np.array([[0, 1, 1], [1, 0, 1]]))
    ((0, 1, 2), (1, 0, 0), (1, 2, 2))
    """
    runs = []
    for row, line in enumerate(np.asarray(mask, dtype=bool)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        runs += [(row, int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
    return tuple(runs)


def mask_of(runs: tuple[Run, ...], side: int) -> np.ndarray:
    """Return the mask (side, side) of runs.

    >>> mask_of(((0, 1, 1),), 2).astype(int)
    array([[0, 1],
           [0, 0]])
    """
    mask = np.zeros((side, side), dtype=bool)
    for row, first, last in runs:
        mask[row, first : last + 1] = True
    return mask
