"""IXI: 581 healthy adults scanned at three hospitals of London, T1 sagittal, T2 and PD axial, heads with skulls.

The archives IXI-T1.tar, IXI-T2.tar and IXI-PD.tar hold IXI012-HH-1211-T1.nii.gz and so on, without a folder. Scans are
found by their names at any depth, loose or in archives, which are read in place. Angiograms and diffusion scans have
other names. T1, T2 and PD lie apart: preprocessing turns and registers them.
"""

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from hifisyn import archives
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.source import Found, Scan, group
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.errors import FileError, UserError

CONTRASTS = ("T1", "T2", "PD")
FILE = re.compile(r"(?P<scan>(?P<subject>IXI\d{3})-(?P<site>Guys|HH|IOP)-\d{4}-(?P<contrast>T1|T2|PD))\.nii(\.gz)?")
SPELLING = re.compile(r"(?:sub-)?(?:IXI)?0*(?P<number>\d{1,3})(?:-.*)?", re.IGNORECASE)
THICK = 2.0  # a voxel so much longer than the median of its contrast is a thick slice, as in IXI014-HH-1236-T2
ABOUT = {
    "description": "T1, T2 and PD scans of healthy adults from Guy's Hospital (1.5 T), Hammersmith Hospital (3 T) and "
    "the Institute of Psychiatry (1.5 T), London",
    "licence": "CC BY-SA 3.0",
    "reference": "IXI dataset, Imperial College London, https://brain-development.org/ixi-dataset/",
}


@dataclass
class Listing:
    """What the sources hold.

    Attributes:
        scans: by names such as IXI012-HH-1211-T1.
        twice: how many more files have one of these names.
        broken: archives that cannot be read.
    """

    scans: dict[str, tuple[re.Match[str], Path]] = field(default_factory=dict)
    twice: int = 0
    broken: list[LeftOut] = field(default_factory=list)


def find(
    sources: Iterable[Path],
    *,
    contrasts: Sequence[str] = CONTRASTS,
    drop_thick: bool = False,
    demographics: Path | None = None,
) -> Found:
    """Find the scans of folders, archives or files.

    Args:
        sources: searched at every depth, also in the archives that lie there.
        contrasts: of T1, T2 and PD those to take.
        drop_thick: leave out scans with thick slices, which are warned of otherwise.
        demographics: IXI.xls, or a table with its columns.

    Raises:
        UserError: a source is missing or there is no scan, or the table cannot be understood.
    """
    listing = _list(sources)
    chosen = [(match, path) for match, path in listing.scans.values() if match["contrast"] in contrasts]
    if not chosen:
        raise UserError(
            f"there must be scans such as IXI012-HH-1211-{'|'.join(contrasts)}.nii.gz",
            got=f"{listing.broken[0].file.name}: {listing.broken[0].reason}" if listing.broken else "none",
            hint="name their folder",
        )
    scans = [Scan(m["subject"], m["subject"], m["contrast"], path) for m, path in chosen]
    thick = _thick(scans)
    cases, left_out = group(scan for scan in scans if not (drop_thick and scan in thick))
    if drop_thick:
        left_out += [LeftOut(scan.case, scan.file, problem) for scan, problem in thick.items()]
    warnings = [] if drop_thick else [f"{scan.file.name}: {reason}; see --drop-thick" for scan, reason in thick.items()]
    if listing.twice:
        warnings.append(f"{listing.twice} scans are there twice, as files or in archives; one of each is taken")
    sites = {match["subject"]: match["site"] for match, _ in chosen}
    participants, odd = _participants(sites, demographics)
    return Found(
        cases,
        (*listing.broken, *left_out),
        participants=participants,
        subject_of=subject_of,
        about=ABOUT,
        warnings=(*warnings, *odd),
    )


def subject_of(word: str) -> str:
    """Return the subject that a user means.

    >>> [subject_of(word) for word in ("IXI012", "012", "12", "IXI012-HH-1211-T1.nii.gz", "who")]
    ['IXI012', 'IXI012', 'IXI012', 'IXI012', 'who']
    """
    match = SPELLING.fullmatch(word.strip())
    return f"IXI{int(match['number']):03d}" if match else word


def _list(sources: Iterable[Path]) -> Listing:
    """List scans in the order of their names; loose files are taken before those in archives, packed before plain."""
    loose: set[Path] = set()
    packed: set[Path] = set()
    for source in sources:
        if not source.exists():
            raise FileError(source, "must be a folder or an archive with scans of IXI", hint="look at the path")
        for path in source.rglob("*") if source.is_dir() else [source]:
            if path.suffix.lower() in archives.ENDINGS and path.is_file():
                packed.add(path)
            elif FILE.fullmatch(path.name) and path.is_file():
                loose.add(path)
    listing = Listing()
    for path in [*sorted(loose, key=lambda path: (path.suffix != ".gz", path)), *_members(sorted(packed), listing)]:
        match = FILE.fullmatch(path.name)
        if match and match["scan"] in listing.scans:
            listing.twice += 1
        elif match:
            listing.scans[match["scan"]] = (match, path)
    listing.scans = dict(sorted(listing.scans.items()))
    return listing


def _members(packed: Iterable[Path], listing: Listing) -> Iterator[Path]:
    for archive in packed:
        try:
            yield from archives.members(archive)
        except FileError as error:
            listing.broken.append(LeftOut("", archive, error.reason))


def _thick(scans: Sequence[Scan]) -> dict[Scan, str]:
    """Return the scans whose longest voxel side is far above the median of their contrast, and a line on each."""
    from hifisyn.volume import read_grid

    spacings: dict[str, dict[Scan, tuple[float, ...]]] = {}
    for scan in scans:
        try:
            spacing = tuple(sorted(read_grid(scan.file).spacing))
        except (UserError, OSError):  # reported when the file is converted
            continue
        spacings.setdefault(scan.modality, {})[scan] = spacing
    found = {}
    for of_contrast in spacings.values():
        usual = [median(sides) for sides in zip(*of_contrast.values(), strict=True)]
        for scan, spacing in of_contrast.items():
            if any(side > THICK * other for side, other in zip(spacing, usual, strict=True)):
                found[scan] = f"voxels of {_times(spacing)} mm where {_times(usual)} is usual"
    return found


def _times(spacing: Iterable[float]) -> str:
    return " x ".join(f"{side:.2f}" for side in spacing)


def _participants(sites: dict[str, str], demographics: Path | None) -> tuple[list[dict[str, str]], list[str]]:
    """Return a row for each subject, and a line on each thing that is odd."""
    rows = [{"participant_id": subject, "site": site} for subject, site in sorted(sites.items())]
    if demographics is None:
        return rows, []
    from hifisyn.dataset_conversion.ixi_demographics import read

    people, odd = read(demographics)
    for row in rows:
        row |= people.get(row["participant_id"], {})
    unknown = sum(row["participant_id"] not in people for row in rows)
    return rows, [*odd, *([f"{demographics.name} does not have {unknown} of {len(rows)} subjects"] if unknown else [])]


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--contrasts", nargs="+", choices=CONTRASTS, default=CONTRASTS, help="those to take")
    parser.add_argument("--drop-thick", action="store_true", help="leave out scans with thick slices")
    parser.add_argument(
        "--demographics", type=Path, metavar="FILE", help="IXI.xls, or a .csv with its columns, for participants.tsv"
    )


CONVERTER = source_converter(
    "ixi",
    "IXI: healthy adults, three hospitals",
    "IXI",
    lambda sources, folder, arguments: find(
        sources,
        contrasts=arguments.contrasts,
        drop_thick=arguments.drop_thick,
        demographics=arguments.demographics,
    ),
    source="folder with the scans or archives, at any depth, or an archive such as IXI-T1.tar",
    add_arguments=_declare,
)
