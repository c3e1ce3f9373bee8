"""What readers sent back: reads their files, checks them against the key, and gives one table of ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from hifisyn.columns import CASE, DIRECTION, MODEL, SLICE
from hifisyn.errors import UserError
from hifisyn.json_files import read_json_as
from hifisyn.reader_study.key import Key
from hifisyn.reader_study.questions import KEYS, QUESTIONS, Question

COLUMNS = (
    "reader", "question", "trial", CASE, SLICE, DIRECTION, "repeats", "image", "place", MODEL, "given", "rank",
)  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Reader(_Part):
    """A reader, and the years of experience."""

    name: str
    years: float = Field(ge=0)


class TrialAnswers(_Part):
    """The answers of a reader to one trial.

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
class UnfinishedRanking:
    """A question on a trial that a reader did not finish; left out of the analysis."""

    reader: str
    trial: str
    question: Question

    def __str__(self) -> str:
        return f"{self.reader}, trial {self.trial}, {self.question.title.lower()}"

    def as_row(self) -> dict[str, str]:
        """Return it as plain data, the question by its key."""
        return {"reader": self.reader, "trial": self.trial, "question": self.question.key}


@dataclass(frozen=True)
class Readings:
    """The answers of all readers.

    Attributes:
        readers: one row a reader: `reader`, `years`, `file`, `finished` and `unfinished` (rankings), `seconds`
            (median of a trial, both questions together).
        ranks: one row a ranked image: COLUMNS; `given` as the reader typed it, `rank` with ties averaged.
        unfinished: the rankings left out.
        comments: one row a comment: `reader`, `trial`, `case`, `direction`, `comment`.
    """

    readers: pd.DataFrame
    ranks: pd.DataFrame
    unfinished: tuple[UnfinishedRanking, ...]
    comments: pd.DataFrame


def find_answer_files(places: Sequence[Path]) -> list[Path]:
    """Return the given files, and the .json files of the given folders.

    Raises:
        UserError: a place does not exist, or there is no file.
    """
    files: list[Path] = []
    for place in places:
        if not place.exists():
            raise UserError(f"{place} does not exist", hint="give a reader's file, or a folder of such files")
        files += sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files:
        raise UserError(
            f"no .json file in {', '.join(map(str, places))}", hint="give readers' files, or a folder of them"
        )
    return files


def read_answers(files: Sequence[Path], key: Key) -> Readings:
    """Read and check readers' files.

    Args:
        files: as exported by the page.
        key: of the study.

    Raises:
        UserError: a file is no such file or of another study, a reader comes twice, an image was not in its trial, a
            rank is out of range, or nobody finished anything.
    """
    file_of: dict[str, Path] = {}
    people, tables, unfinished, comments = [], [], [], []
    for file in files:
        answers = read_json_as(Answers, file, "a file of answers, exported from the page of a reader study")
        _check(answers, key, file)
        name = answers.reader.name.strip()
        if other := file_of.get(name.lower()):
            raise UserError(
                f"{file}: each reader must have one file", got=f"{name} also in {other}", hint="leave one out"
            )
        file_of[name.lower()] = file
        table, without_rank = _ranks(name, answers, key)
        tables.append(table)
        unfinished += without_rank
        comments += _comments(name, answers, key)
        people.append(_person(name, answers, file, len(without_rank), key))
    ranks = pd.concat(tables, ignore_index=True)
    if ranks.empty:
        raise UserError(f"no ranking is finished in {', '.join(map(str, files))}")
    columns = ["reader", "trial", CASE, DIRECTION, "comment"]
    return Readings(pd.DataFrame(people), ranks, tuple(unfinished), pd.DataFrame(comments, columns=columns))


def _check(answers: Answers, key: Key, file: Path) -> None:
    if answers.study != key.study:
        message = f"{file} must answer study {key.study}"
        raise UserError(message, got=f"study {answers.study}", hint="give the folder of that study")
    for trial, given in answers.trials.items():
        known = key.trials[trial].images if trial in key.trials else {}
        for question, ranks in given.ranks.items():
            wrong = [image for image, rank in ranks.items() if image not in known or rank > len(known)]
            if question not in KEYS or wrong:
                raise UserError(
                    f"{file}: trial {trial} must have ranks 1 to {len(known)} of its images",
                    got=f"{question} {', '.join(f'{image} {ranks[image]}' for image in wrong)}".strip(),
                    hint="export the answers again",
                )


def _ranks(reader: str, answers: Answers, key: Key) -> tuple[pd.DataFrame, list[UnfinishedRanking]]:
    """Return the ranks of a reader, and the rankings that are not finished."""
    from scipy.stats import rankdata

    rows, unfinished = [], []
    for name, trial in key.trials.items():
        for question in QUESTIONS:
            given = answers.trials[name].ranks.get(question.key, {}) if name in answers.trials else {}
            if set(given) != set(trial.images):
                unfinished.append(UnfinishedRanking(reader, name, question))
                continue
            numbers = [given[image] for image in trial.images]
            for place, (image, number, rank) in enumerate(zip(trial.images, numbers, rankdata(numbers), strict=True)):
                about = (reader, question.key, name, trial.case, trial.slice, str(trial.direction), trial.repeats)
                rows.append((*about, image, place + 1, trial.images[image], number, float(rank)))
    return pd.DataFrame(rows, columns=list(COLUMNS)), unfinished


def _comments(reader: str, answers: Answers, key: Key) -> list[tuple[str, str, str, str, str]]:
    """Return a row a comment, which names images by their letters on the page."""
    return [
        (reader, name, key.trials[name].case, str(key.trials[name].direction), given.comment.strip())
        for name, given in answers.trials.items()
        if name in key.trials and given.comment.strip()
    ]


def _person(name: str, answers: Answers, file: Path, unfinished: int, key: Key) -> dict[str, object]:
    total = len(key.trials) * len(QUESTIONS)
    times = pd.Series([sum(t.seconds.values()) for t in answers.trials.values() if any(t.ranks.values())], dtype=float)
    return {
        "reader": name,
        "years": answers.reader.years,
        "file": file.name,
        "finished": total - unfinished,
        "unfinished": unfinished,
        "seconds": float(times.median()),
    }
