"""What readers sent back: their files read, checked against the key, and laid out as one table of ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from hifisyn.errors import UserError
from hifisyn.reader_study.key import Key, KeyTrial
from hifisyn.reader_study.questions import KEYS, QUESTIONS
from hifisyn.reader_study.typed import load

COLUMNS = (
    "reader", "question", "trial", "case", "slice", "direction", "repeats", "image", "place", "model", "given", "rank",
)  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Reader(_Part):
    """Who read, and for how many years already."""

    name: str
    years: float = Field(ge=0)


class TrialAnswers(_Part):
    """What a reader answered to one trial.

    Attributes:
        comment: in the reader's words.
        seconds: question to how long the trial was on the screen for it.
        ranks: question to (image to rank, 1 is best, equal ranks are ties).
    """

    comment: str = ""
    seconds: dict[str, Annotated[float, Field(ge=0)]] = {}
    ranks: dict[str, dict[str, Annotated[int, Field(ge=1, strict=True)]]]


class Answers(_Part):
    """A reader's file, as the page exports it."""

    format: int = Field(ge=1, le=1)
    study: str
    reader: Reader
    trials: dict[str, TrialAnswers]


@dataclass(frozen=True)
class Readings:
    """What all readers answered.

    Attributes:
        readers: one row a reader: `reader`, `years`, `file`, `finished` and `unfinished` (rankings), `seconds`
            (median of a trial, both questions together).
        ranks: one row an image that was ranked: COLUMNS; `given` as typed, `rank` with ties averaged.
        unfinished: lines that name the rankings left out.
        comments: one row a comment: `reader`, `trial`, `case`, `direction`, `comment`.
    """

    readers: pd.DataFrame
    ranks: pd.DataFrame
    unfinished: tuple[str, ...]
    comments: pd.DataFrame


def find_files(places: Sequence[Path]) -> list[Path]:
    """Return the files that are named, and the .json files of the folders that are named.

    Raises:
        UserError: a place does not exist, or there is no file.
    """
    files: list[Path] = []
    for place in places:
        if not place.exists():
            raise UserError(f"{place}: wanted a reader's file or a folder of such files, found nothing")
        files += sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files:
        raise UserError(f"wanted readers' files, found none in {', '.join(map(str, places))}")
    return files


def read(files: Sequence[Path], key: Key) -> Readings:
    """Read and check readers' files.

    Args:
        files: as exported by the page.
        key: of the study.

    Raises:
        UserError: a file is no such file or of another study, a reader comes twice, an image was not in its trial, a
            rank does not exist, or nobody finished anything.
    """
    read_from: dict[str, Path] = {}
    people, tables, unfinished, comments = [], [], [], []
    for file in files:
        answers = load(Answers, file, "answers that the page of a reader study exported")
        _check(answers, key, file)
        name = answers.reader.name.strip()
        if name.lower() in read_from:
            raise UserError(
                f"{file}: wanted one file a reader, found {name} also in {read_from[name.lower()]}; leave one out"
            )
        read_from[name.lower()] = file
        table, open_ones = _ranks(name, answers, key)
        tables.append(table)
        unfinished += open_ones
        comments += _comments(name, answers, key)
        people.append(_person(name, answers, file, len(open_ones), key))
    ranks = pd.concat(tables, ignore_index=True)
    if ranks.empty:
        raise UserError(f"wanted finished cases, found none in {', '.join(str(file) for file in files)}")
    columns = ["reader", "trial", "case", "direction", "comment"]
    return Readings(pd.DataFrame(people), ranks, tuple(unfinished), pd.DataFrame(comments, columns=columns))


def _check(answers: Answers, key: Key, file: Path) -> None:
    if answers.study != key.study:
        raise UserError(f"{file}: wanted answers to study {key.study}, found study {answers.study}; name its folder")
    for trial, given in answers.trials.items():
        known = key.trials[trial].images if trial in key.trials else {}
        for question, ranks in given.ranks.items():
            strange = [image for image, rank in ranks.items() if image not in known or rank > len(known)]
            if question not in KEYS or strange:
                raise UserError(
                    f"{file}: wanted ranks 1 to {len(known)} of the images of trial {trial}, found {question} "
                    f"{', '.join(f'{image} {ranks[image]}' for image in strange)}; export the answers again"
                )


def _ranks(reader: str, answers: Answers, key: Key) -> tuple[pd.DataFrame, list[str]]:
    """Return the ranks of a reader, and a line for each ranking that is not finished."""
    from scipy.stats import rankdata

    rows, unfinished = [], []
    for name, trial in key.trials.items():
        for question in QUESTIONS:
            given = answers.trials[name].ranks.get(question.key, {}) if name in answers.trials else {}
            if set(given) != set(trial.images):
                unfinished.append(f"{reader}, trial {name}, {question.title.lower()}")
                continue
            numbers = [given[image] for image in trial.images]
            for place, (image, number, rank) in enumerate(zip(trial.images, numbers, rankdata(numbers), strict=True)):
                about = (reader, question.key, name, trial.case, trial.slice, trial.direction, trial.repeats)
                rows.append((*about, image, place + 1, trial.images[image], number, float(rank)))
    return pd.DataFrame(rows, columns=list(COLUMNS)), unfinished


def _comments(reader: str, answers: Answers, key: Key) -> list[tuple[str, str, str, str, str]]:
    """Return a row a comment; the images in it go by the letters that the page gave them."""
    about: dict[str, KeyTrial] = key.trials
    return [
        (reader, name, about[name].case, about[name].direction, given.comment.strip())
        for name, given in answers.trials.items()
        if name in about and given.comment.strip()
    ]


def _person(name: str, answers: Answers, file: Path, unfinished: int, key: Key) -> dict[str, object]:
    whole = len(key.trials) * len(QUESTIONS)
    times = pd.Series([sum(t.seconds.values()) for t in answers.trials.values() if any(t.ranks.values())], dtype=float)
    return {
        "reader": name,
        "years": answers.reader.years,
        "file": file.name,
        "finished": whole - unfinished,
        "unfinished": unfinished,
        "seconds": float(times.median()),
    }
