"""The open multiple-sclerosis scans of the Ljubljana group: whole heads, every contrast on its own grid.

Lesjak et al., Neuroinformatics 14, 2016 (longitudinal) and 16, 2018 (cross-sectional), CC-BY. Layout, one folder a
patient: patient01/study1_T1W.nii.gz (longitudinal) or patient01/T1W.nii.gz (cross-sectional). A patient is a subject
and a study is a visit, so patient01/study1 becomes the case patient01study1 of the subject patient01.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import MODALITIES, TISSUES, Case, Dataset, image_path
from hifisyn.dataset_conversion.converter import (
    Conversion,
    Converter,
    LeftOut,
    check_header,
    choose_subjects,
    copy_image,
    fresh_folder,
    read_ids,
    require_known,
)
from hifisyn.errors import UserError

# T1WKS is the source's name of the scan after contrast agent.
NAMES = {"T1W": "T1", "T1": "T1", "T1WKS": "T1ce", "T2W": "T2", "T2": "T2", "FLAIR": "FLAIR"}
FILE = re.compile(r"(?:(?P<study>[a-z]+\d+)_)?(?P<contrast>[a-z0-9]+)\.nii(?:\.gz)?", re.IGNORECASE)
ABOUT = {
    "description": "Raw T1, T2 and FLAIR scans of patients with multiple sclerosis",
    "licence": "CC-BY",
    "reference": "Lesjak et al., Neuroinformatics 2016, doi:10.1007/s12021-016-9301-1; Lesjak et al., 2018",
}


@dataclass(frozen=True)
class Scan:
    """One file of the source, named as it will be in the data set."""

    subject: str
    case: str
    modality: str
    file: Path


def find_scans(source: Path) -> list[Scan]:
    """List the scans of a source folder; files with other names are not scans.

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


def convert(
    source: Path,
    folder: Path,
    *,
    name: str,
    subjects: Sequence[str] | None = None,
    limit: int | None = None,
    test: Sequence[str] = (),
    overwrite: bool = False,
) -> Conversion:
    """Copy the scans into a raw folder and write its dataset.json.

    A scan that cannot be opened is left out and reported; the rest of its case stays.

    Args:
        source: folder that holds one folder a patient.
        folder: raw folder of the data set, made here.
        name: name of the data set.
        subjects: patients to take; None for all.
        limit: take at most so many patients.
        test: patients whose scans are held out, in imagesTs.
        overwrite: replace an earlier conversion.

    Raises:
        UserError: nothing can be converted, a named patient is not there, or the folder is in use.
    """
    scans = find_scans(source)
    chosen = choose_subjects((s.subject for s in scans), subjects, limit)
    require_known(test, chosen)
    good, left_out = _sort_out([s for s in scans if s.subject in chosen])
    if all(s.subject in test for s in good):
        raise UserError(
            f"{source}: wanted at least one readable scan to train on, found none; see --test and the files"
        )
    fresh_folder(folder, overwrite=overwrite)
    cases: dict[str, Case] = {}
    for scan in good:
        target = image_path(folder, scan.case, scan.modality, test=scan.subject in test)
        copy_image(scan.file, target)
        cases.setdefault(scan.case, Case(scan.case, scan.subject, {})).images[scan.modality] = target
    dataset = _describe(name, cases, test)
    dataset.save(folder)
    return Conversion(dataset, tuple(left_out))


def _sort_out(scans: list[Scan]) -> tuple[list[Scan], list[LeftOut]]:
    good: dict[tuple[str, str], Scan] = {}
    left_out = []
    for scan in scans:
        earlier = good.get((scan.case, scan.modality))
        try:
            if earlier:
                raise UserError(f"wanted one {scan.modality} a visit, found {earlier.file.name} too; remove one")
            check_header(scan.file)
            good[scan.case, scan.modality] = scan
        except UserError as error:
            left_out.append(LeftOut(scan.case, scan.file, str(error).removeprefix(f"{scan.file}: ")))
    return list(good.values()), left_out


def _describe(name: str, cases: dict[str, Case], test: Sequence[str]) -> Dataset:
    modalities = tuple(m for m in MODALITIES if any(m in case.images for case in cases.values()))
    return Dataset(
        name=name,
        modalities=modalities,
        labels=dict(TISSUES),
        cases={n: c for n, c in cases.items() if c.subject not in test},
        test={n: c for n, c in cases.items() if c.subject in test},
        reference=modalities[0],
        about=ABOUT,
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder that holds patient01, patient02, ...")
    parser.add_argument("--subjects", type=Path, metavar="FILE", help="patients to take, one a line (default: all)")
    parser.add_argument("--limit", type=int, metavar="N", help="take at most N patients, in alphabetical order")
    parser.add_argument("--test", default="", metavar="IDS", help="patients to hold out, as in patient04,patient12")


def _convert(folder: Path, arguments: argparse.Namespace) -> Conversion:
    return convert(
        arguments.source,
        folder,
        name=arguments.name,
        subjects=read_ids(arguments.subjects) if arguments.subjects else None,
        limit=arguments.limit,
        test=[s.strip() for s in arguments.test.split(",") if s.strip()],
        overwrite=arguments.overwrite,
    )


CONVERTER = Converter("open_ms", "open multiple-sclerosis scans (Lesjak et al.)", "OPEN_MS", _add_arguments, _convert)
