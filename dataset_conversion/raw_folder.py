"""Found cases written as a raw data set: chosen, checked by their headers, copied or referred to, described."""

import csv
import gzip
import io
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from hifisyn import archives
from hifisyn.dataset import MODALITIES, Case, Dataset, brain_path, image_path, label_path
from hifisyn.dataset_conversion.converter import Conversion, LeftOut
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.subjects import choose_subjects, require_known
from hifisyn.engine.progress import Progress
from hifisyn.errors import FileError, UserError
from hifisyn.files import atomic, write_json, write_text
from hifisyn.paths import DATASET_JSON
from hifisyn.volume import read_grid

Place = Literal["copy", "refer"]

PARTICIPANTS_TSV = "participants.tsv"
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
        folder: raw folder of the data set, made here.
        name: name of the data set.
        subjects: those to take, spelled as users do; none: all.
        limit: take at most so many subjects, in alphabetical order.
        test: subjects to hold out; empty: those that the source holds out.
        place: "copy" the files into the folder, or "refer" to them where they lie.
        overwrite: replace an earlier conversion.

    Raises:
        UserError: nothing can be converted, a named subject is not there, or the folder is in use.
    """
    chosen, held_out, warnings = _choose(found, subjects, limit, test)
    checked, left_out = _checked([case for case in found.cases if case.subject in chosen], found)
    if not checked:
        raise UserError(f"data set {name} must have at least one readable scan", got=_first(left_out))
    if all(case.subject in held_out for case in checked):
        raise UserError(f"data set {name} must have at least one readable scan to train on", hint="see --test")
    fresh_folder(folder, overwrite=overwrite)
    if found.participants_key:
        write_json(folder / PARTICIPANTS_KEY, {"key": found.participants_key}, private=True)
    cases, broken = _all_placed(checked, found, folder, place, held_out)
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


def copy_image(source: Path, target: Path) -> None:
    """Copy an image byte by byte, so that later changes to the raw folder never reach the source.

    A .nii is compressed on the way, since raw folders hold .nii.gz. A copy that has the size and the time of its
    source is not made again.
    """
    if _same_file(source, target):
        return
    with atomic(target) as temporary, archives.open_binary(source) as original:
        if source.name.endswith(".gz"):
            with temporary.open("wb") as copy:
                shutil.copyfileobj(original, copy)
        else:
            with temporary.open("wb") as packed, gzip.GzipFile("", "wb", 6, packed, mtime=0) as copy:
                shutil.copyfileobj(original, copy)
    if archives.split(source) is None:
        shutil.copystat(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o200)


def _same_file(source: Path, target: Path) -> bool:
    if not target.exists() or archives.split(source) is not None:
        return False
    one, other = source.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


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


def _checked(cases: list[Case], found: Found) -> tuple[list[Case], list[LeftOut]]:
    """Return the cases with the images whose headers can be read, and what cannot; a bad label or mask goes alone."""
    good: list[Case] = []
    left_out: list[LeftOut] = []
    if found.checked:
        return cases, left_out
    for case in cases:
        bad = {what: problem for what, path in case.files.items() if (problem := _problem(path))}
        left_out += [_left_out(case, what, problem, found) for what, problem in bad.items()]
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


def _all_placed(
    cases: Sequence[Case], found: Found, folder: Path, place: Place, held_out: Collection[str]
) -> tuple[dict[str, Case], list[LeftOut]]:
    """Return the cases as they lie in the raw folder, and the files that turned out to be broken."""
    progress = Progress("convert", len(cases))
    there, left_out = {}, []
    for case in cases:
        placed, broken = _placed(case, found, folder, place, test=case.subject in held_out)
        if placed.images:
            there[case.name] = placed
        left_out += broken
        progress.step(case.name, failed=bool(broken))
    return there, left_out


def _placed(case: Case, found: Found, folder: Path, place: Place, *, test: bool) -> tuple[Case, list[LeftOut]]:
    """Return the case as it lies in the raw folder, its files copied where they shall be, and those that are broken."""
    targets = {modality: image_path(folder, case.name, modality, test=test) for modality in case.images}
    targets |= {"label": label_path(folder, case.name, test=test), "brain": brain_path(folder, case.name, test=test)}
    write_label = None if found.keeps_label(case) else found.write_label
    there: dict[str, Path] = {}
    left_out = []
    for what, path in case.files.items():
        there[what] = targets[what]
        try:
            if what == "label" and write_label:
                write_label(case, targets[what])
            elif place == "copy":
                copy_image(path, targets[what])
            else:
                there[what] = path.absolute()
        except UserError as error:
            del there[what]
            reason = error.reason if isinstance(error, FileError) and error.file == path else str(error)
            left_out.append(_left_out(case, what, reason, found))
    label, brain = there.pop("label", None), there.pop("brain", None)
    return replace(case, images=there, label=label, brain=brain), left_out


def _left_out(case: Case, what: str, reason: str, found: Found) -> LeftOut:
    """Say why a file of a case is left out; of a private one not even its name."""
    if found.private:
        return LeftOut(case.name, Path(f"{case.name}_{what}"), case.hide_paths(reason))
    return LeftOut(case.name, case.files[what], reason)


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
