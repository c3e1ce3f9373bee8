"""The key of a study: which model generated which image. Kept apart from the page, for its owner only."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hifisyn.directions import Direction
from hifisyn.files import write_json, write_text
from hifisyn.json_files import read_json_as
from hifisyn.reader_study.design import View

FORMAT = 1
FOLDER, KEY_JSON, README = "key", "key.json", "README.txt"
WARNING = "Do not hand this folder out: key.json says which model generated which image of study.html.\n"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Candidate(_Part):
    """A model, or the real scan, that images of the study come from.

    Attributes:
        title: name for tables and figures.
        evaluations: direction such as "T1 to FLAIR" to the folder that the images came from; empty for the real scan.
        weights: direction to SHA-256 of the weights, where the evaluation records it.
    """

    title: str
    evaluations: dict[str, str] = {}
    weights: dict[str, str] = {}


class KeyTrial(_Part):
    """What a trial showed.

    Attributes:
        case: name of the case.
        slice: number of the slice.
        source: contrast that the images were generated from.
        target: contrast that they show.
        repeats: the trial shows again what an earlier one showed.
        images: image to its candidate, in the order of their places.
    """

    case: str
    slice: int
    source: str
    target: str
    repeats: bool
    images: dict[str, str]

    @property
    def direction(self) -> Direction:
        """From the source to the target."""
        return Direction(self.source, self.target)

    @property
    def view(self) -> View:
        """What was shown; a trial and its repeat share it."""
        return View(self.case, self.slice, self.direction)


class Key(_Part):
    """The whole key.

    Attributes:
        study: name of the study, which is on the page and in every reader's file.
        page_sha256: of study.html.
        settings: what the study was drawn with.
        versions: of the software that drew it.
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


def write_key(study: Path, key: BaseModel) -> Path:
    """Write the key into its folder in a study, which only the owner may open; return key.json."""
    folder = study / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_text(folder / README, WARNING)
    write_json(folder / KEY_JSON, key.model_dump(mode="json"), private=True)
    return folder / KEY_JSON


def read_key(path: Path) -> Key:
    """Read a key.

    Raises:
        UserError: the file is missing or is no key.
    """
    return read_json_as(Key, path, "the key of a reader study")
