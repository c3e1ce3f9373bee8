"""Masks and segmentations among BIDS derivatives: which of them lie on the grid of a scan, and why others do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset_conversion.bids_dataset import DESCRIPTION, BidsDataset, Session, object_or_empty
from hifisyn.dataset_conversion.bids_names import ENDINGS, BidsName, parse
from hifisyn.errors import FileError

OURS = "hifisyn"
SUFFIXES = ("mask", "roi", "dseg", "probseg")
# Spaces that may be the scan's own; the grid decides.
OWN_SPACES = ("", "orig", "individual", "native", "T1w", "T2w", "FLAIR", "PDw")
OF_THE_SCAN = ("acq", "ce", "rec", "run", "echo")


@dataclass(frozen=True)
class Candidate:
    """A mask or segmentation of a session.

    Attributes:
        path: the file.
        name: its name.
        root: the derivatives that it is of.
        problem: why it cannot be used with the scan, or "".
    """

    path: Path
    name: BidsName
    root: Path
    problem: str = ""


def derivatives_of(dataset: BidsDataset) -> list[BidsDataset]:
    """Return the derivatives inside a data set, but not what this very program wrote."""
    folder = dataset.root / "derivatives"
    inside = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())] if folder.is_dir() else []
    return [found for path in inside if (found := BidsDataset(path)).subjects and not _is_ours(path)]


def candidates(folders: Sequence[BidsDataset], session: Session, scan: Path) -> list[Candidate]:
    """List the masks and segmentations of the session of a scan, in the order of the folders, simple names first.

    Those of other scans of the session are not listed. Only headers are read.

    Raises:
        FileError: the header of the scan cannot be read.
    """
    from hifisyn.volume import read_grid

    grid = read_grid(scan).canonical()
    name = parse(scan.name)
    assert name is not None
    found = [c for folder in folders for c in _of_session(folder, session) if _may_be_of(c.name, name)]
    checked = []
    for candidate in found:
        problem = candidate.problem or _space_problem(candidate.name)
        if not problem:
            try:
                same = read_grid(candidate.path).canonical().same_grid(grid)
                problem = "" if same else f"must be on the grid of {scan.name}; resample it to that scan"
            except FileError as error:
                problem = error.reason
        checked.append(Candidate(candidate.path, candidate.name, candidate.root, problem))
    return checked


def _of_session(dataset: BidsDataset, session: Session) -> Iterator[Candidate]:
    folders = [(session.folder_in(dataset.root), "")]
    if session.session:
        shared = "" if session.alone else "must be of this session (got one of the participant); name it by ses-"
        folders.append((dataset.root / f"sub-{session.subject}", shared))
    for folder, problem in folders:
        files = [(path, parse(path.name)) for path in _images(folder / "anat")]
        named = [(path, name) for path, name in files if name is not None and name.suffix in SUFFIXES]
        for path, name in sorted(named, key=lambda item: (len(item[1].entities), item[0].name)):
            if name.entities["sub"] == session.subject and not dataset.ignore(
                path.relative_to(dataset.root).as_posix()
            ):
                yield Candidate(path, name, dataset.root, problem)


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name.endswith(ENDINGS) and path.is_file()]


def _may_be_of(name: BidsName, scan: BidsName) -> bool:
    """Return whether the entities in a name fit this scan; the name may have fewer."""
    return all(name.entities[key] == scan.entities.get(key) for key in OF_THE_SCAN if key in name.entities)


def _space_problem(name: BidsName) -> str:
    space = name.entities.get("space", "")
    return "" if space in OWN_SPACES else f"must be in the space of the scan (got {space}); bring it back to the scan"


def _is_ours(folder: Path) -> bool:
    makers = object_or_empty(folder / DESCRIPTION).get("GeneratedBy")
    return isinstance(makers, list) and any(isinstance(maker, dict) and maker.get("Name") == OURS for maker in makers)
