"""Who is who in BraTS: the same patient, even the same scan, comes under other names in other years.

The challenges ship name maps (name_mapping.csv of 2019 and 2020, BraTS21-17_Mapping.csv, BraTS2023_2017_GLI_Mapping),
a row for each scan with a column for each year. All names in a row are one scan of one patient.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.dataset_conversion.brats_files import Copy
from hifisyn.dataset_conversion.brats_names import LABEL, Name, parse_case
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.errors import FileError
from hifisyn.table_files import read_table

MAP_NAME = re.compile(r"[^.].*mapping.*\.(?:csv|tsv|xlsx)", re.IGNORECASE)
PERSON = re.compile(r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}", re.IGNORECASE)  # an identifier of TCIA, the same in all years
ADULT_GLIOMA = ("2018", "2019", "2020", "2021", "GLI")
MIXED = "GoAT"  # made of cases of the other challenges, under names of its own
CORRECTED = re.compile(r"fix", re.IGNORECASE)  # MET of 2024 and MEN of 2023 were corrected in folders of their own


@dataclass(frozen=True)
class Row:
    """A row of a name map: the names of one scan, other identifiers of the patient, grade and site or ""."""

    names: tuple[Name, ...]
    people: tuple[str, ...] = ()
    grade: str = ""
    site: str = ""


@dataclass
class Groups:
    """Names that belong together, as a forest (union-find)."""

    parents: dict[str, str] = field(default_factory=dict)

    def join(self, names: Sequence[str]) -> None:
        """Put names, and all that they were joined to, into one group."""
        for name in names[1:]:
            self.parents[self.of(name)] = self.of(names[0])

    def of(self, name: str) -> str:
        """Return the name that stands for the group."""
        path = []
        while (parent := self.parents.setdefault(name, name)) != name:
            path.append(name)
            name = parent
        for passed in path:
            self.parents[passed] = name
        return name


@dataclass(frozen=True)
class IdentifiedCases:
    """Cases, each once, and whose they are.

    Attributes:
        copies: one of each scan.
        subjects: patient, as the names of the cases spell it in lower case, to subject.
        left_out: copies of scans that are there already.
    """

    copies: list[Copy]
    subjects: dict[str, str]
    left_out: list[LeftOut]


def read_map(file: Path) -> list[Row]:
    """Read a name map, whatever its columns are called; cells that are no names of cases do not count.

    Raises:
        FileError: it cannot be read, or names no case.
    """
    if file.suffix.lower() == ".xlsx":
        raise FileError(file, "must be a name map as text", got="a spreadsheet", hint="save it as .csv")
    rows = [row for line in read_table(file) if (row := _row(line)).names]
    if not rows:
        raise FileError(file, "must hold names such as BraTS20_Training_001")
    return rows


def _row(line: Mapping[str, str]) -> Row:
    cells = [value.strip() for value in line.values()]
    names = tuple(name for cell in cells if (name := parse_case(cell)))
    people = tuple(cell.upper() for cell in cells if PERSON.fullmatch(cell))
    cell_of = {column.lower(): value.strip() for column, value in line.items()}
    site = next((value for column, value in cell_of.items() if column.startswith("site")), "")
    return Row(names, people, cell_of.get("grade", ""), site)


def unlinked_releases(copies: Iterable[Copy], rows: Iterable[Row]) -> tuple[str, str] | None:
    """Return two releases that may share patients where nothing links them; none where all are linked.

    Releases of adult glioma grew from each other; a map links them if its rows name both. Names of one family
    are numbered together. GoAT shares patients with all, and no map says which.
    """
    releases = {copy.release.family: copy.release.name for copy in copies}
    links = Groups()
    for row in rows:
        links.join([name.family for name in row.names])
    suspects = [family for family in ADULT_GLIOMA if family in releases]
    if MIXED in releases and len(releases) > 1:
        suspects = [MIXED, *(family for family in releases if family != MIXED)]
    for family in suspects[1:]:
        if links.of(family) != links.of(suspects[0]):
            return releases[suspects[0]], releases[family]
    return None


def identify(copies: Sequence[Copy], rows: Iterable[Row]) -> IdentifiedCases:
    """Keep each scan once and name the patients.

    Of copies of a scan the labelled come first, then the newest release, then folders of corrected cases, then those
    with more files. A patient is called as the newest release does.
    """
    scans, people = Groups(), Groups()
    for row in rows:
        scans.join([name.key for name in row.names])
        people.join([*(name.patient.lower() for name in row.names), *row.people])
    by_scan: dict[str, list[Copy]] = defaultdict(list)
    for copy in copies:
        by_scan[scans.of(copy.name.key)].append(copy)
    kept: list[Copy] = []
    left_out: list[LeftOut] = []
    for same in by_scan.values():
        good, double = _one_of_each(same)
        kept += good
        left_out += double
    kept.sort(key=lambda copy: copy.name.key)
    spelled: dict[str, str] = {}
    for copy in sorted(kept, key=lambda copy: (-copy.release.year, copy.name.key)):
        spelled.setdefault(people.of(copy.name.patient.lower()), copy.name.patient)
    subjects = {patient: spelled[root] for patient in list(people.parents) if (root := people.of(patient)) in spelled}
    return IdentifiedCases(kept, subjects, left_out)


def _one_of_each(same: Sequence[Copy]) -> tuple[list[Copy], list[LeftOut]]:
    """Part copies of one scan into those to keep and the others; scans named apart in one release are both kept."""
    ranked = sorted(same, key=_rank, reverse=True)
    best = ranked[0]
    kept: dict[str, Copy] = {}
    left_out = []
    for copy in ranked:
        twin = best if copy.release != best.release else kept.setdefault(copy.name.key, copy)
        if twin is not copy:
            reason = f"the same scan as {twin.name.text} of {twin.release.name} in {twin.folder}, which is taken"
            left_out.append(LeftOut(copy.name.text, copy.folder, reason))
    return list(kept.values()), left_out


def _rank(copy: Copy) -> tuple[bool, int, bool, int, str]:
    corrected = any(CORRECTED.search(part) for part in copy.folder.parts)
    return LABEL in copy.files, copy.release.year, corrected, len(copy.files), str(copy.folder)
