"""Found cases written as a raw data set: chosen, checked by their headers, copied or referred to, described."""

import csv
import io
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from hifisyn.dataset import MODALITIES, Case, Dataset
from hifisyn.dataset_conversion.converter import Conversion, LeftOut
from hifisyn.dataset_conversion.place_files import Place, leave_out, place_all
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.subjects import choose_subjects, require_known
from hifisyn.engine.held import held
from hifisyn.errors import FileError, UserError
from hifisyn.files import write_json, write_text
from hifisyn.names import HINT as RENAME
from hifisyn.names import check_name, folded, name_problem
from hifisyn.paths import DATASET_JSON, PARTICIPANTS_TSV
from hifisyn.volume import read_grid

PARTICIPANTS_KEY = "participants_key.json"
OWN_FOLDERS = ("imagesTr", "imagesTs", "labelsTr", "labelsTs", "brainsTr", "brainsTs", "truth")


def write(
    found: Found,
    folder: Path,
    *,
    name: str,
    subjects: Sequence[str] | None = None,
    limit: int | None = None,
    test: Sequence[str] = (),
    place: Place = "copy",
    overwrite: bool = False,
) -> Conversion:
    """Write found cases into a raw folder, with its dataset.json.

    A file whose header cannot be read is left out and reported; the rest of its case stays. A conversion that was
    killed goes on where it was.

    Args:
        found: what a converter's `find` returned.
        folder: raw folder of the new data set.
        name: name of the data set.
        subjects: those to take, spelled as users do; none: all.
        limit: take at most so many subjects, in alphabetical order.
        test: subjects to hold out; empty: those that the source holds out.
        place: "copy" the files into the folder, or "refer" to them where they lie.
        overwrite: replace an earlier conversion.

    Raises:
        UserError: nothing can be converted, a named subject is not there, or the folder is in use.
    """
    check_name(name, "a data set")
    chosen, held_out, warnings = _choose(found, subjects, limit, test)
    named, unnamed = _with_usable_names([case for case in found.cases if case.subject in chosen], found)
    checked, left_out = _checked(named, found)
    left_out += unnamed
    if not checked:
        raise UserError(f"data set {name} must have at least one readable scan", got=_first(left_out))
    if all(case.subject in held_out for case in checked):
        raise UserError(f"data set {name} must have at least one readable scan to train on", hint="see --test")
    with held(folder, [folder / name for name in OWN_FOLDERS]):
        fresh_folder(folder, overwrite=overwrite)
        if found.participants_key:
            write_json(folder / PARTICIPANTS_KEY, {"key": found.participants_key}, private=True)
        cases, broken = place_all(checked, found, folder, place, held_out)
        left_out += broken
        if all(case.subject in held_out for case in cases.values()):
            raise UserError(f"data set {name} must have at least one sound scan to train on", got=_first(left_out))
        dataset = _described(name, found, cases, held_out)
        _write_participants(folder / PARTICIPANTS_TSV, found, chosen)
        dataset.save(folder)
        return Conversion(dataset, (*found.left_out, *left_out), (*found.warnings, *warnings))


def fresh_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the raw folder of a data set; an earlier conversion in it goes only if `overwrite` says so.

    Only what converters write is ever removed, and of that not the key of the participants. A folder without
    dataset.json is a conversion that did not end: it may go on.

    Raises:
        UserError: the folder is in use and `overwrite` is false.
    """
    if folder.exists() and not folder.is_dir():
        raise FileError(folder, "must be a folder for the data set", got="a file", hint="choose another --name")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    ours = {*OWN_FOLDERS, PARTICIPANTS_TSV, PARTICIPANTS_KEY}
    foreign = {name for name in names - ours if not name.startswith(".")}
    if foreign and not overwrite:
        raise FileError(folder, "already exists and is in use", hint="pass --overwrite or another --name")
    if overwrite:
        (folder / DATASET_JSON).unlink(missing_ok=True)
        for name in OWN_FOLDERS:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
    folder.mkdir(parents=True, exist_ok=True)


def _choose(
    found: Found, subjects: Sequence[str] | None, limit: int | None, test: Sequence[str]
) -> tuple[set[str], set[str], list[str]]:
    """Return the subjects to convert, those of them to hold out, and warnings.

    Raises:
        UserError: one that was named is not there.
    """
    there = {case.subject for case in found.cases}
    held_out = set(_spelled(found, test) or found.held_out)
    if found.selected:
        lost = len(held_out - there)
        lines = [f"{lost} of {len(held_out)} subjects to hold out have no scan that can be used"] if lost else []
        return there, held_out & there, lines
    chosen = choose_subjects(there, _spelled(found, subjects), limit, private=found.private)
    if test:
        require_known(held_out, chosen, private=found.private)
    return chosen, held_out, []


def _spelled(found: Found, words: Sequence[str] | None) -> set[str] | None:
    return None if words is None else {found.subject_of(word) for word in words}


def _with_usable_names(cases: list[Case], found: Found) -> tuple[list[Case], list[LeftOut]]:
    """Return the cases whose names can be those of files, of two that are one where case does not count the first."""
    good: dict[str, Case] = {}
    left_out: list[LeftOut] = []
    for case in cases:
        problem = name_problem(case.name)
        if not problem and folded(case.name) in good:
            problem = f"that of {good[folded(case.name)].name} but for upper and lower case"
        if problem:
            error = UserError("the name of its case must be usable as a file name", got=problem, hint=RENAME)
            left_out += [leave_out(case, what, str(error), found) for what in case.files]
        else:
            good[folded(case.name)] = case
    return list(good.values()), left_out


def _checked(cases: list[Case], found: Found) -> tuple[list[Case], list[LeftOut]]:
    """Return the cases with the images whose headers can be read, and what cannot; a bad label or mask goes alone."""
    good: list[Case] = []
    left_out: list[LeftOut] = []
    if found.checked:
        return cases, left_out
    for case in cases:
        bad = {what: problem for what, path in case.files.items() if (problem := _problem(path))}
        left_out += [leave_out(case, what, problem, found) for what, problem in bad.items()]
        images = {modality: path for modality, path in case.images.items() if modality not in bad}
        label, brain = None if "label" in bad else case.label, None if "brain" in bad else case.brain
        if images:
            good.append(replace(case, images=images, label=label, brain=brain))
    return good, left_out


def _problem(path: Path) -> str:
    try:
        read_grid(path)
    except FileError as error:
        return error.reason
    except PermissionError as error:
        return str(UserError("cannot be read", got=error.strerror, hint="change its mode"))
    return ""


def _described(name: str, found: Found, cases: dict[str, Case], held_out: Collection[str]) -> Dataset:
    modalities = tuple(m for m in MODALITIES if any(m in case.images for case in cases.values()))
    return Dataset(
        name=name,
        modalities=modalities,
        labels=dict(found.labels),
        cases={n: c for n, c in cases.items() if c.subject not in held_out},
        test={n: c for n, c in cases.items() if c.subject in held_out},
        reference=found.reference if found.reference in modalities else modalities[0],
        skull_stripped=found.skull_stripped,
        registered=found.registered,
        bias_corrected=found.bias_corrected,
        private=found.private,
        about=dict(found.about),
    )


def _write_participants(path: Path, found: Found, chosen: Collection[str]) -> None:
    rows = [row for row in found.participants if row["participant_id"] in chosen]
    if not rows:
        return
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, columns, restval="n/a", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _first(left_out: Sequence[LeftOut]) -> str:
    return f"{left_out[0].file.name}: {left_out[0].reason}" if left_out else ""
