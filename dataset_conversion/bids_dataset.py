"""A BIDS data set on the disk: its sessions, the images in them, its participants and its derivatives."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hifisyn.dataset_conversion.bids_ignore import Ignore
from hifisyn.dataset_conversion.bids_names import ENDINGS, BidsName, case_name, parse
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.errors import FileError, UserError
from hifisyn.json_files import read_object
from hifisyn.table_files import read_table

DESCRIPTION = "dataset_description.json"
PARTICIPANTS = "participants.tsv"
LABEL = re.compile(r"[0-9a-zA-Z+]+")


@dataclass(frozen=True)
class Session:
    """One visit of one participant.

    Attributes:
        subject, session: their labels; the second is empty where the data set has no sessions.
        alone: the participant has no other.
    """

    subject: str
    session: str
    alone: bool

    @property
    def case(self) -> str:
        """What the case is called."""
        return case_name(self.subject, self.session)

    def folder_in(self, root: Path) -> Path:
        """Where the visit lies in a data set; in derivatives its folder is of the same name."""
        folder = root / self.participant
        return folder / f"ses-{self.session}" if self.session else folder

    @property
    def participant(self) -> str:
        """The subject as participants.tsv names it."""
        return case_name(self.subject, "")


@dataclass(frozen=True)
class BidsDataset:
    """A data set, raw or derived.

    Attributes:
        root: its folder.
    """

    root: Path

    @classmethod
    def open(cls, root: Path) -> "BidsDataset":
        """Return the data set in a folder; one that lacks dataset_description.json will do.

        Raises:
            UserError: it holds no folder such as sub-01.
        """
        dataset = cls(root)
        if not root.is_dir():
            raise FileError(root, "must be a folder, the root of a BIDS data set", hint="check the path")
        if not dataset.subjects:
            inside = next((p for p in sorted(root.iterdir()) if p.is_dir() and cls(p).subjects), None)
            hint = f"name {inside}" if inside else "name the folder that holds sub-01"
            raise FileError(root, "must be the root of a BIDS data set", got="no folder such as sub-01", hint=hint)
        return dataset

    @cached_property
    def description(self) -> dict[str, Any]:
        """What dataset_description.json says; empty where it lacks or cannot be read."""
        return object_or_empty(self.root / DESCRIPTION)

    @cached_property
    def ignore(self) -> Ignore:
        """Its .bidsignore."""
        return Ignore.read(self.root)

    @cached_property
    def subjects(self) -> list[str]:
        """Labels of all participants, sorted."""
        return _labels(self.root, "sub-")

    def sessions(self, participants: Sequence[str] = (), sessions: Sequence[str] = ()) -> Iterator[Session]:
        """Yield the visits, sorted; with labels only those."""
        chosen = set(participants)
        for subject in self.subjects:
            if chosen and subject not in chosen:
                continue
            folder = self.root / f"sub-{subject}"
            there = _labels(folder, "ses-")
            for session in there or [""]:
                if not sessions or session in sessions:
                    yield Session(subject, session, alone=len(there) < 2)

    def images(self, session: Session) -> tuple[dict[Path, BidsName], list[LeftOut]]:
        """Return the anatomical images of a visit, and what should be some and is not.

        Files that .bidsignore names, and those whose names are not of BIDS, do not count.
        """
        images: dict[Path, BidsName] = {}
        left_out = []
        for path in _files(session.folder_in(self.root) / "anat"):
            name = parse(path.name)
            if name is None or name.ending not in ENDINGS or self.ignore(path.relative_to(self.root).as_posix()):
                continue
            if problem := _problem(path, name, session):
                left_out.append(LeftOut(session.case, path, problem))
            else:
                images[path] = name
        return images, left_out

    def participants(self) -> list[dict[str, str]]:
        """Return the rows of participants.tsv; none where there is no such file.

        Raises:
            UserError: it cannot be read.
        """
        path = self.root / PARTICIPANTS
        rows = [row for row in read_table(path, "\t") if row.get("participant_id")] if path.is_file() else []
        for row in rows:
            row["participant_id"] = "sub-" + row["participant_id"].strip().removeprefix("sub-")
        return [{key: value or "n/a" for key, value in row.items() if key} for row in rows]


def is_bids(folder: Path) -> bool:
    """Return whether a folder is the root of a BIDS data set: it says so, or a subject in it has anatomical images."""
    if not folder.is_dir():
        return False
    if "BIDSVersion" in object_or_empty(folder / DESCRIPTION):
        return True
    dataset = BidsDataset(folder)
    return any((session.folder_in(folder) / "anat").is_dir() for session in dataset.sessions())


def object_or_empty(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one where there is none, or it cannot be read."""
    try:
        return read_object(path)
    except (OSError, UserError):
        return {}


def _labels(folder: Path, prefix: str) -> list[str]:
    names = (path.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*") if path.is_dir())
    return sorted(name for name in names if LABEL.fullmatch(name))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.is_dir()) if folder.is_dir() else []


def _problem(path: Path, name: BidsName, session: Session) -> str:
    if not path.exists():
        return "is a link that leads nowhere; fetch its content, as with datalad get"
    if name.session != (session.subject, session.session):
        return f"must have a name that begins with {session.case}; rename it"
    return ""
