"""What the names of BraTS cases and files say: the family, the patient, the visit, and what a file is."""

import re
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset_conversion.contrasts import contrast

# Brats18_CBICA_AAB_1, BraTS20_Training_001, BraTS2021_00000, BraTS-GLI-00000-000, BraTS-GoAT-00000,
# BraTS-MEN-RT-0002-1. The _1 that ends names up to 2019 is no visit.
CASE = (
    r"(?P<old>Brats1[789]_(?P<site>[^\W_]+)_[^\W_]+_\d+|BraTS20_[a-z]+_\d{3}|BraTS2021_\d{5})"
    r"|(?P<patient>BraTS-(?P<family>[a-z]+)-\d{5})(?:-(?P<visit>\d{3}))?"
    r"|(?P<rt>BraTS-MEN-RT-\d{4})-(?P<rt_visit>\d+)"
)
CASE_NAME = re.compile(CASE, re.IGNORECASE)
FILE_NAME = re.compile(rf"(?P<case>{CASE})[-_](?P<what>[a-z0-9-]+)\.nii(?:\.gz)?", re.IGNORECASE)
YEARS = {"brats17": "2017", "brats18": "2018", "brats19": "2019", "brats20": "2020", "brats2021": "2021"}
LABELS = ("seg", "gtv")
LABEL = "label"

# Case 355 of 2020 has its label map under the name W39_1998.09.19_Segm.nii.
STRAY_LABEL = re.compile(r".+_segm\.nii(?:\.gz)?", re.IGNORECASE)


@dataclass(frozen=True)
class Name:
    """The name of a case.

    Attributes:
        text: as it is spelled.
        family: the year up to 2021, then the challenge, such as "GLI": names of a family are numbered together.
        patient: the name without the visit.
        visit: number of the visit, from 100 on after treatment; 0 where names have none.
        site: where the scans were taken, or "".
    """

    text: str
    family: str
    patient: str
    visit: int = 0
    site: str = ""

    @property
    def key(self) -> str:
        """The name as it is compared: mirrors spell it in lower case too."""
        return self.text.lower()


def parse_case(word: str) -> Name | None:
    """Read the name of a case; none where a word is none.

    >>> parse_case("BraTS-GLI-00005-100")
    Name(text='BraTS-GLI-00005-100', family='GLI', patient='BraTS-GLI-00005', visit=100, site='')
    >>> parse_case("Brats18_CBICA_AAB_1").patient
    'Brats18_CBICA_AAB_1'
    """
    match = CASE_NAME.fullmatch(word.strip())
    return _name(match, match[0]) if match else None


def parse_file(path: Path) -> tuple[Name, str, Path] | None:
    """Return which case a file belongs to, what it is, and in which folder the case lies; none where it is no scan.

    Unpacked mirrors know folders called CASE_t1.nii that hold one file of any name.

    >>> parse_file(Path("a/BraTS2021_00000/BraTS2021_00000_t1ce.nii.gz"))[1:]
    ('T1ce', PosixPath('a/BraTS2021_00000'))
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return None
    for named in (path, path.parent):
        match = FILE_NAME.fullmatch(named.name)
        if match:
            what = match["what"].lower()
            meaning = LABEL if what in LABELS else contrast(what) or what
            return _name(match, match["case"]), meaning, named.parent
    case = parse_case(path.parent.name)
    return (case, path.name, path.parent) if case else None


def _name(match: re.Match[str], text: str) -> Name:
    if match["old"]:
        return Name(text, YEARS[text.split("_")[0].lower()], text, site=match["site"] or "")
    if match["rt"]:
        return Name(text, "MEN-RT", match["rt"], int(match["rt_visit"]))
    family = match["family"].upper().replace("GOAT", "GoAT")
    return Name(text, family, match["patient"], int(match["visit"] or 0))
