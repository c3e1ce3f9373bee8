"""The bulk items of UK Biobank's brain scans: one zip, or the folder it was unpacked to, a scan of a visit.

1234567_20252_2_0.zip is participant 1234567, field 20252 (T1), instance 2 (first imaging visit; 3 is the repeat), array
0. Field 20253 is T2 FLAIR. Both hold NIfTI and are read where they lie; 20216 and 20220 hold the DICOM.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn import archives
from hifisyn.dataset_conversion.ukb_pseudonyms import hidden
from hifisyn.errors import FileError, UserError

FIELDS = {"20252": "T1", "20253": "FLAIR"}
NAME = re.compile(
    r"[a-z]*[-_]?(?P<participant>\d{7})_(?P<field>20252|20253)_(?P<instance>\d+)_(?P<array>\d+)(?:\.zip)?",
    re.IGNORECASE,
)
FOLDERS = ("T1", "T1_fast", "T2_FLAIR")
UNUSABLE = ("unusable", "incompatible")


@dataclass(frozen=True, order=True)
class Item:
    """One bulk item.

    Attributes:
        participant: number, never to be shown.
        instance: 2 for the first imaging visit, 3 for the repeat.
        modality: T1 or FLAIR.
        array: mostly 0.
        path: the zip or the folder.
    """

    participant: str
    instance: int
    modality: str
    array: int
    path: Path


@dataclass(frozen=True)
class Contents:
    """What an item holds.

    Attributes:
        files: by names such as T1_brain and T1_fast/T1_brain_pveseg.
        problem: why it cannot be used, or "".
    """

    files: dict[str, Path] = field(default_factory=dict)
    problem: str = ""


@dataclass
class Listing:
    """The items of the sources, and how many folders could not be looked into."""

    items: list[Item] = field(default_factory=list)
    closed: int = 0


def list_items(sources: Iterable[Path]) -> Listing:
    """List the items in folders at every depth; no item is opened.

    Raises:
        UserError: a source is missing.
    """
    listing = Listing()
    paths: set[Path] = set()
    for source in sources:
        if not source.exists():
            raise FileError(hidden(str(source)), "must be the folder of the bulk zips", hint="look at the path")
        paths.update(_walk(source, listing))
    for path in paths:
        match = NAME.fullmatch(path.name)
        if match:
            instance, array = int(match["instance"]), int(match["array"])
            listing.items.append(Item(match["participant"], instance, FIELDS[match["field"]], array, path))
    listing.items.sort()
    return listing


def _walk(source: Path, listing: Listing) -> Iterator[Path]:
    """Yield what is named as items are; folders that are items are not looked into."""
    if NAME.fullmatch(source.name):
        yield source
        return

    def closed(_error: OSError) -> None:
        listing.closed += 1

    for folder, folders, files in os.walk(source, onerror=closed):
        for name in (name for name in files if name.lower().endswith(".zip") and NAME.fullmatch(name)):
            yield Path(folder, name)
        for name in (name for name in folders if NAME.fullmatch(name)):
            yield Path(folder, name)
        folders[:] = [name for name in folders if not NAME.fullmatch(name)]


def contents(item: Item) -> Contents:
    """Return what an item holds, by one look at its table of contents."""
    try:
        members = _members(item.path)
    except (UserError, OSError) as error:
        return Contents(problem=reason(error, item.path))
    files: dict[str, Path] = {}
    for path in members:
        *folders, name = path.relative_to(item.path).parts
        for word in UNUSABLE:
            if word in folders:
                return Contents(problem=f"UK Biobank found it {word}")
        stem = name.removesuffix(".gz").removesuffix(".nii")
        if stem != name and folders and folders[-1] in FOLDERS:
            files[stem if folders[-1] != "T1_fast" else f"T1_fast/{stem}"] = path
    return Contents(files) if files else Contents(problem="must hold T1 or T2_FLAIR with images; get it again")


def _members(path: Path) -> list[Path]:
    if path.is_dir():
        return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return archives.members(path)


def reason(error: UserError | OSError, path: Path) -> str:
    """Return why a file cannot be read, without its name and without the number of a participant."""
    if isinstance(error, OSError):
        return str(UserError("cannot be read", got=error.strerror, hint="look at its mode"))
    return hidden(error.reason if isinstance(error, FileError) else str(error))
