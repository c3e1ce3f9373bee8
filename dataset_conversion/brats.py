"""BraTS, 2018 to 2024, and its sister challenges: recognised by release, labels alike in all years.

The files that a release consists of are in `brats_files`, the releases and their labels in `brats_releases`, and who is
who in `brats_subjects`. Task01 of the Medical Decathlon is not read: it holds four contrasts in one file.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from hifisyn.dataset import Case
from hifisyn.dataset_conversion.brats_files import Copy, gather, list_files
from hifisyn.dataset_conversion.brats_labels import write_label
from hifisyn.dataset_conversion.brats_names import LABEL, parse_case
from hifisyn.dataset_conversion.brats_releases import BY_NAME, CANONICAL, RELEASES, Release
from hifisyn.dataset_conversion.brats_subjects import (
    MAP_NAME,
    IdentifiedCases,
    Row,
    identify,
    read_map,
    unlinked_releases,
)
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.errors import UserError

ABOUT = {
    "description": "Multi-contrast MRI of brain tumours from the BraTS challenges",
    "licence": "the terms of each release, which Synapse shows at registration; 2021 on TCIA is CC BY 4.0",
    "reference": "Menze et al. 2015, doi:10.1109/TMI.2014.2377694; Bakas et al. 2017, doi:10.1038/sdata.2017.117; "
    "Baid et al. 2021, arXiv:2107.02314; and the paper of each challenge",
}


def find(
    sources: Sequence[Path],
    *,
    releases: Iterable[str] = (),
    name_maps: Sequence[Path] = (),
    unlinked: bool = False,
) -> Found:
    """Find the cases of one release or several.

    Args:
        sources: folders, or archives, of one release each or of several.
        releases: names of `brats_releases.RELEASES`, for families that are not recognised.
        name_maps: which names are one patient, beside the maps that lie in the sources.
        unlinked: go on although releases may share patients and no map links them.

    Raises:
        UserError: there is no case, its release is not clear, or patients may be shared unseen.
    """
    files = list_files(sources)
    copies, left_out = gather(files, [BY_NAME[name] for name in releases])
    if not copies:
        raise UserError(
            f"{', '.join(map(str, sources))} must hold cases such as BraTS2021_00000/BraTS2021_00000_t1.nii.gz",
            hint="name their folder (files with four contrasts, as in Task01 of the Decathlon, have to be split)",
        )
    for name in releases:
        if all(copy.release.name != name for copy in copies):
            raise UserError(f"no case has a name as in {name}", hint=f"drop --release {name}")
    spreadsheets, rows = _read_maps([*name_maps, *(file for file in files if MAP_NAME.fullmatch(file.name))], name_maps)
    strangers = unlinked_releases(copies, rows)
    if strangers and not unlinked:
        hint = f"save {spreadsheets[0].name} as .csv beside it" if spreadsheets else "pass --name-map FILE"
        raise UserError(_risk(strangers), hint=f"{hint}, or pass --unlinked to go on all the same")
    cohort = identify(copies, rows)
    warnings = (_risk(strangers),) if strangers else ()
    return _found(cohort, rows, (*left_out, *cohort.left_out), warnings)


def _read_maps(files: Iterable[Path], named: Sequence[Path]) -> tuple[list[Path], list[Row]]:
    """Return the spreadsheets, which cannot be read, and the rows of all other maps; other tables do not count."""
    spreadsheets, rows = [], []
    for file in dict.fromkeys(files):
        if file.suffix.lower() == ".xlsx" and file not in named:
            spreadsheets.append(file)
            continue
        try:
            rows += read_map(file)
        except UserError:
            if file in named:
                raise
    return spreadsheets, rows


def _risk(strangers: tuple[str, str]) -> str:
    one, other = strangers
    return (
        f"{one} and {other} share patients under other names, and no name map names both: "
        "a patient could be trained on and tested with"
    )


def _found(
    cohort: IdentifiedCases, rows: Sequence[Row], left_out: tuple[LeftOut, ...], warnings: tuple[str, ...]
) -> Found:
    stripped = all(copy.release.stripped for copy in cohort.copies)
    counts = Counter(copy.release for copy in cohort.copies)
    releases = {copy.name.text: copy.release for copy in cohort.copies}

    def write(case: Case, target: Path) -> None:
        write_label(case, target, releases[case.name])

    def subject_of(word: str) -> str:
        name = parse_case(word)
        return cohort.subjects.get((name.patient if name else word).lower(), word)

    return Found(
        [_case(copy, cohort, stripped) for copy in cohort.copies],
        left_out,
        labels=dict(CANONICAL),
        reference="T1",
        skull_stripped=stripped,
        registered=True,
        participants=_participants(cohort, rows),
        write_label=write,
        subject_of=subject_of,
        about=ABOUT | {"release": ", ".join(release.name for release in RELEASES if release in counts)},
        notes=[_note(release, counts[release]) for release in RELEASES if release in counts],
        warnings=warnings,
    )


def _note(release: Release, count: int) -> str:
    labels = ", ".join(f"{value} {structure}" for value, structure in release.labels.items())
    return f"release {release.name}: {count} cases, labels {labels}"


def _case(copy: Copy, cohort: IdentifiedCases, all_stripped: bool) -> Case:
    done = ("skull_stripped",) if copy.release.stripped and not all_stripped else ()
    subject = cohort.subjects[copy.name.patient.lower()]
    return Case(copy.name.text, subject, copy.images, copy.files.get(LABEL), done=done)


def _participants(cohort: IdentifiedCases, rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return a row for each subject: its releases, grade, site and names, as far as they are known."""
    facts: dict[str, dict[str, dict[str, None]]] = {}

    def add(patient: str, **values: str) -> None:
        subject = cohort.subjects.get(patient.lower())
        if subject:
            for column, value in values.items():
                known = facts.setdefault(subject, {}).setdefault(column, {})
                if value and value.upper() not in ("NA", "N/A", "NAN"):
                    known[value] = None

    for copy in cohort.copies:
        add(copy.name.patient, release=copy.release.name, grade=copy.grade, site=copy.name.site, names=copy.name.text)
    for row in rows:
        for name in row.names:
            add(name.patient, grade=row.grade, site=row.site, names=name.text)
    return [
        {"participant_id": subject} | {column: ",".join(known) or "n/a" for column, known in columns.items()}
        for subject, columns in sorted(facts.items())
    ]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--release",
        action="append",
        default=[],
        choices=tuple(BY_NAME),
        metavar="NAME",
        help=f"release of cases that are not recognised, again for another: {', '.join(BY_NAME)}",
    )
    parser.add_argument(
        "--name-map",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="table of names that are one patient, beside those that lie in SOURCE, such as name_mapping.csv",
    )
    parser.add_argument(
        "--unlinked", action="store_true", help="mix releases although no name map links the patients they share"
    )


CONVERTER = source_converter(
    "brats",
    "BraTS 2018 to 2024 and its sister challenges",
    "BRATS",
    lambda sources, folder, arguments: find(
        sources, releases=arguments.release, name_maps=arguments.name_map, unlinked=arguments.unlinked
    ),
    source="folders, or .zip files, of one release or of several",
    add_arguments=_add_arguments,
)
