"""What a source holds, found but not yet converted: its cases, with paths that lie in the source."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.dataset import TISSUES, Case
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.errors import UserError


@dataclass(frozen=True)
class Scan:
    """One file of a source, named as it will be in the data set."""

    subject: str
    case: str
    modality: str
    file: Path


@dataclass(frozen=True)
class Found:
    """What a source holds.

    Attributes:
        cases: their files lie in the source, where a path may lead into an archive.
        left_out: files that should have been scans and are not, and why.
        labels: structure to value in the label maps as they will be in the data set.
        reference: contrast on whose grid labels and brain masks are; "": the first there is, T1 before others.
        skull_stripped, registered, bias_corrected: what was done to all scans; `Case.done` says it of one case.
        selected: only the subjects that the user chose are here already; of others that were named there is a warning.
        checked: the headers of all files were read, and are not read again.
        private: paths identify participants: they are never shown.
        held_out: subjects that the source itself sets apart for testing.
        participants: a row for each subject, written as participants.tsv; first column participant_id.
        write_label: writes the label map of a case to a path; none: the file is taken as it is.
        keeps_label: cases whose label file is taken as it is all the same.
        subject_of: how a user may spell an identifier -> the subject's name, as in "012" -> "IXI012".
        about: description, licence and reference, kept in dataset.json.
        notes: lines for the user to read before anything is written, such as how names were understood.
        warnings: what is odd, a line each, which the command prints.
        participants_key: secret from which the names of private participants derive; kept in the raw folder.
    """

    cases: Sequence[Case]
    left_out: tuple[LeftOut, ...] = ()
    labels: Mapping[str, int] = field(default_factory=lambda: dict(TISSUES))
    reference: str = ""
    skull_stripped: bool = False
    registered: bool = False
    bias_corrected: bool = False
    selected: bool = False
    checked: bool = False
    private: bool = False
    held_out: Collection[str] = ()
    participants: Sequence[Mapping[str, str]] = ()
    write_label: Callable[[Case, Path], None] | None = None
    keeps_label: Callable[[Case], bool] = lambda case: False
    subject_of: Callable[[str], str] = str
    about: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    warnings: tuple[str, ...] = ()
    participants_key: str = ""


def group(scans: Iterable[Scan]) -> tuple[list[Case], list[LeftOut]]:
    """Gather scans into cases, in the order in which the cases first come; a second scan of a contrast is left out.

    >>> scans = [Scan("a", "a1", "T1", Path("x.nii")), Scan("a", "a1", "T1", Path("y.nii"))]
    >>> cases, left_out = group(scans)
    >>> cases[0].images, left_out[0].reason
    ({'T1': PosixPath('x.nii')}, 'a visit must have one T1 (got x.nii too); remove one')
    """
    cases: dict[str, Case] = {}
    left_out = []
    for scan in scans:
        case = cases.setdefault(scan.case, Case(scan.case, scan.subject, {}))
        earlier = case.images.setdefault(scan.modality, scan.file)
        if earlier != scan.file:
            error = UserError(f"a visit must have one {scan.modality}", got=f"{earlier.name} too", hint="remove one")
            left_out.append(LeftOut(scan.case, scan.file, str(error)))
    return list(cases.values()), left_out
