"""The open multiple-sclerosis scans of the Ljubljana group: whole heads, every contrast on its own grid.

Lesjak et al., Neuroinformatics 14, 2016 (longitudinal) and 16, 2018 (cross-sectional), CC-BY. Layout, one folder a
patient: patient01/study1_T1W.nii.gz (longitudinal) or patient01/T1W.nii.gz (cross-sectional). A patient is a subject
and a study is a visit, so patient01/study1 becomes the case patient01study1 of the subject patient01.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from hifisyn.dataset_conversion.options import source_converter
from hifisyn.dataset_conversion.source import Found, Scan, group
from hifisyn.errors import UserError

# T1WKS is the source's name of the scan after contrast agent.
NAMES = {"T1W": "T1", "T1": "T1", "T1WKS": "T1ce", "T2W": "T2", "T2": "T2", "FLAIR": "FLAIR"}
FILE = re.compile(r"(?:(?P<study>[a-z]+\d+)_)?(?P<contrast>[a-z0-9]+)\.nii(?:\.gz)?", re.IGNORECASE)
ABOUT = {
    "description": "Raw T1, T2 and FLAIR scans of patients with multiple sclerosis",
    "licence": "CC-BY",
    "reference": "Lesjak et al., Neuroinformatics 2016, doi:10.1007/s12021-016-9301-1; Lesjak et al., 2018",
}


def find(sources: Iterable[Path]) -> Found:
    """Find the scans of source folders; files with other names are not scans.

    Raises:
        UserError: a folder is missing or holds no scan.
    """
    cases, left_out = group(scan for source in sources for scan in find_scans(source))
    return Found(cases, tuple(left_out), about=ABOUT)


def find_scans(source: Path) -> list[Scan]:
    """List the scans of one source folder.

    Raises:
        UserError: the folder is missing or holds no scan.
    """
    if not source.is_dir():
        raise UserError(f"{source}: wanted the folder of the patients, found none; name the one that holds patient01")
    scans = []
    for file in sorted(source.glob("*/*")):
        match = FILE.fullmatch(file.name)
        modality = NAMES.get(match["contrast"].upper()) if match else None
        if match and modality:
            subject = file.parent.name
            scans.append(Scan(subject, subject + (match["study"] or "").lower(), modality, file))
    if not scans:
        raise UserError(f"{source}: wanted scans such as patient01/study1_T1W.nii.gz, found none; name their folder")
    return scans


CONVERTER = source_converter(
    "open_ms",
    "open multiple-sclerosis scans (Lesjak et al.)",
    "OPEN_MS",
    lambda sources, folder, arguments: find(sources),
    source="folder that holds patient01, patient02, ...",
)
