"""UK Biobank: T1 and T2 FLAIR of tens of thousands of adults, read from the bulk zips where they lie.

Participants get names that do not identify them (`ukb_pseudonyms`); no line of output holds a participant's number
or a file's name. What UK Biobank has done to the scans is not done again (`ukb_states`), and its tissues are the labels
(`ukb_labels`). Nothing is unpacked: only tables of contents and headers are read.

Facts: Alfaro-Almagro et al., NeuroImage 166, 2018; the names of files are those of its pipeline.
"""

import argparse
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from hifisyn.dataset import Case
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.dataset_conversion.ukb_labels import find_label, is_ready, write_label
from hifisyn.dataset_conversion.ukb_pseudonyms import Pseudonyms, read_withdrawn
from hifisyn.dataset_conversion.ukb_states import REGISTERED, choose
from hifisyn.dataset_conversion.ukb_zips import Item, contents, list_items, reason
from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.paths import DATASET_JSON

ABOUT = {
    "description": "T1 and T2 FLAIR scans of adults in the United Kingdom, Siemens Skyra 3 T",
    "licence": "as the participants' consent and the UK Biobank Material Transfer Agreement allow; not to be passed on",
    "reference": "Miller et al., Nature Neuroscience 19, 2016, doi:10.1038/nn.4393; Alfaro-Almagro et al., "
    "NeuroImage 166, 2018, doi:10.1016/j.neuroimage.2017.10.034",
}


@dataclass
class Gathered:
    """What the visits brought so far."""

    cases: list[Case] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    second: int = 0


def find(
    sources: Iterable[Path],
    folder: Path,
    *,
    withdrawn: Collection[str] = (),
    subjects: Sequence[str] | None = None,
    limit: int | None = None,
) -> Found:
    """Find the visits of participants; zips of all others are not opened.

    Args:
        sources: folders with zips, or with the folders they were unpacked to, at any depth.
        folder: raw folder, which keeps the key of the participants' names.
        withdrawn: numbers of those who withdrew.
        subjects: numbers or names of those to take; none: all.
        limit: stop after so many participants with a scan, in the order of their names.

    Raises:
        UserError: a source is missing, or no scan can be used.
    """
    listing, names = list_items(sources), Pseudonyms.of_folder(folder)
    if not listing.items:
        raise UserError("there must be zips such as EID_20252_2_0.zip (fields 20252, 20253)", hint="name their folder")
    items = [item for item in listing.items if item.participant not in withdrawn]
    names.require_unique(item.participant for item in items)
    by_name = {names(number): list(visits) for number, visits in groupby(items, key=lambda item: item.participant)}
    wanted = None if subjects is None else {names.of_words(word) for word in subjects}
    chosen = sorted(name for name in by_name if wanted is None or name in wanted)
    gathered = _gather(chosen, by_name, limit)
    warnings = list(_warnings(listing.closed, gathered.second, len(listing.items) - len(items)))
    warnings += _vanished(folder, {names(number) for number in withdrawn})
    if wanted is not None and limit is None and (lost := len(wanted - {case.subject for case in gathered.cases})):
        warnings.append(f"{lost} of {len(wanted)} listed participants have no scan that can be used, or withdrew")
    return Found(
        gathered.cases,
        tuple(gathered.left_out),
        private=True,
        selected=True,
        checked=True,
        write_label=write_label,
        keeps_label=is_ready,
        subject_of=names.of_words,
        about=ABOUT,
        warnings=tuple(warnings),
        participants_key=names.key,
    )


def _gather(chosen: Sequence[str], by_name: dict[str, list[Item]], limit: int | None) -> Gathered:
    from hifisyn.engine.progress import Progress

    if limit is not None and limit < 1:
        raise UserError("--limit must be at least 1", got=limit)
    gathered = Gathered()
    progress = Progress("read", len(chosen) if limit is None else min(limit, len(chosen)))
    with_scans = 0
    for name in chosen:
        before = len(gathered.cases)
        for instance, visit in groupby(by_name[name], key=lambda item: item.instance):
            _visit(name, f"{name}v{instance}", list(visit), gathered)
        if len(gathered.cases) > before or limit is None:
            with_scans += 1
            progress.step(name, failed=len(gathered.cases) == before)
        if with_scans == limit:
            break
    if not gathered.cases:
        raise UserError(
            "at least one participant must have a scan that can be used",
            got=gathered.left_out[0].reason if gathered.left_out else "none",
        )
    return gathered


def _visit(subject: str, name: str, items: Sequence[Item], gathered: Gathered) -> None:
    """Add the case of a visit, and why any of its scans is left out."""
    files: dict[str, dict[str, Path]] = {}
    problems: dict[str, str] = {}
    for item in items:
        if item.modality in files:
            gathered.second += 1
            continue
        found = contents(item)
        if found.problem:
            problems.setdefault(item.modality, found.problem)
        else:
            files[item.modality] = found.files
    problems = {modality: problem for modality, problem in problems.items() if modality not in files}
    case = _case(subject, name, files, problems)
    if case is not None:
        gathered.cases.append(case)
    gathered.left_out += [LeftOut(name, Path(f"{name}_{what}"), why) for what, why in problems.items()]


def _case(subject: str, name: str, files: dict[str, dict[str, Path]], problems: dict[str, str]) -> Case | None:
    """Return the case of these files, if any; what cannot be part of it becomes a problem."""
    every = {stem: path for of_one in files.values() for stem, path in of_one.items()}
    together = [both for both in (("T1", "FLAIR"), ("T1",), ("FLAIR",)) if set(both) <= set(files)]
    chosen = next((found for modalities in together if (found := choose(every, modalities))), None)
    for modality in files:
        if chosen is None or modality not in chosen.images:
            problems[modality] = "must have a scan, as it was or in the state of the other contrast"
    if chosen is None:
        return None
    case = Case(name, subject, chosen.images, find_label(every), chosen.brain, chosen.done)
    return _on_one_grid(case, problems)


def _on_one_grid(case: Case, problems: dict[str, str]) -> Case | None:
    """Return the case without the files that cannot be read or do not lie where they must."""
    from hifisyn.volume import Volume, read_grid

    grids: dict[str, Volume] = {}
    for what, path in case.files.items():
        try:
            grids[what] = read_grid(path)
        except (UserError, OSError) as error:
            problems[what] = reason(error, path)
    images = {modality: path for modality, path in case.images.items() if modality in grids}
    if not images:
        return None
    reference = next(iter(images))
    bound = [what for what in ("FLAIR", "label", "brain") if what in grids and what != reference]
    if REGISTERED not in case.done and "FLAIR" in bound:
        bound.remove("FLAIR")
    for what in bound:
        if not grids[what].same_grid(grids[reference]):
            problems[what] = f"must be on the grid of {reference}; get the zip again"
    images = {modality: path for modality, path in images.items() if modality not in problems}
    label, brain = (None if what in problems else path for what, path in (("label", case.label), ("brain", case.brain)))
    return Case(case.name, case.subject, images, label, brain, case.done)


def _warnings(closed: int, second: int, gone: int) -> Iterator[str]:
    if closed:
        yield f"{closed} folders could not be looked into"
    if second:
        yield f"{second} zips or folders hold a scan of a visit that is there already; the first is taken"
    if gone:
        yield f"{gone} zips or folders of participants who withdrew are left out; delete them"


def _vanished(folder: Path, withdrawn: Collection[str]) -> list[str]:
    """Return a line on the participants who withdrew since the last conversion: their results are to be deleted."""
    if not (folder / DATASET_JSON).exists():
        return []
    cases = read_object(folder / DATASET_JSON).get("subjects", {})
    gone = sorted(name for name, subject in cases.items() if subject in withdrawn)
    return (
        [f"withdrawn since the last conversion: {', '.join(gone)}; delete what was generated from them"] if gone else []
    )


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--withdrawn", type=Path, metavar="FILE", help="participants who withdrew, one a line: they are left out"
    )


def _find(sources: Sequence[Path], folder: Path, arguments: argparse.Namespace) -> Found:
    from hifisyn.dataset_conversion.subjects import read_ids

    return find(
        sources,
        folder,
        withdrawn=read_withdrawn(arguments.withdrawn) if arguments.withdrawn else (),
        subjects=read_ids(arguments.subjects) if arguments.subjects else None,
        limit=arguments.limit,
    )


CONVERTER = source_converter(
    "ukb",
    "UK Biobank: T1 and T2 FLAIR, bulk zips read in place",
    "UKB",
    _find,
    source="folder with the zips of fields 20252 and 20253, at any depth",
    add_arguments=_declare,
    place="refer",
)
