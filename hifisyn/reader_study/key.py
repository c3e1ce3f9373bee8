"""The key of a study: which model made which image. Kept apart from the page, for the owner's eyes alone."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hifisyn.directions import Direction
from hifisyn.files import write_json, write_text
from hifisyn.reader_study.typed import load

FORMAT = 1
FOLDER, KEY_JSON, README = "key", "key.json", "README.txt"
WARNING = "Do not hand this folder out: key.json tells which model made which image of study.html.\n"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Candidate(_Part):
    """Who made images of the study.

    Attributes:
        title: name for tables and figures.
        evaluations: direction such as "T1 to FLAIR" to the folder that the images came from; empty for the real scan.
        weights: direction to SHA-256 of the weights, where the evaluation tells it.
    """

    title: str
    evaluations: dict[str, str] = {}
    weights: dict[str, str] = {}


class KeyTrial(_Part):
    """What a trial showed.

    Attributes:
        case: name of the case.
        slice: number of the slice.
        source: contrast that the images were made from.
        target: contrast that they show.
        repeats: the trial shows again what an earlier one showed.
        images: image to the candidate that made it, in the order of their places.
    """

    case: str
    slice: int
    source: str
    target: str
    repeats: bool
    images: dict[str, str]

    @property
    def direction(self) -> str:
        """Such as "T1 to FLAIR"."""
        return str(Direction(self.source, self.target))

    @property
    def view(self) -> tuple[str, int, str]:
        """What was shown; a trial and its repeat share it."""
        return self.case, self.slice, self.direction


class Key(_Part):
    """The whole key.

    Attributes:
        study: name of the study, which is on the page and in every reader's file.
        page_sha256: of study.html.
        settings: what the study was drawn with.
        versions: of what made it.
        candidates: by name.
        trials: by name, in the order in which they are read.
    """

    format: int = FORMAT
    study: str
    page_sha256: str
    settings: dict[str, str | int | bool | None]
    versions: dict[str, str]
    candidates: dict[str, Candidate]
    trials: dict[str, KeyTrial]


def write(study: Path, key: Key) -> Path:
    """Write the key into its folder below a study, which only the owner may open; return key.json."""
    folder = study / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_text(folder / README, WARNING)
    write_json(folder / KEY_JSON, key.model_dump(mode="json"), private=True)
    return folder / KEY_JSON


def read(path: Path) -> Key:
    """Read a key.

    Raises:
        UserError: the file is missing or is no key.
    """
    return load(Key, path, "the key of a reader study")
