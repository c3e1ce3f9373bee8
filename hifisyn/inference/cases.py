"""Files become cases: which file is which contrast of whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.dataset import MODALITIES
from hifisyn.errors import UserError
from hifisyn.names import folded, name_problem
from hifisyn.raw_files import OTHER_FORMATS, is_nifti, split_name, stem_of
from hifisyn.synthetic_mark import is_synthetic

CONVERT = "no NIfTI; convert it, as with nib-convert SCAN SCAN.nii.gz"
Named = dict[Path, tuple[str, str] | None]


@dataclass(frozen=True)
class Inputs:
    """The scans to start from.

    Attributes:
        cases: case to contrast to file, sorted by case.
        left_out: other files, and why they are left out.
        refused: cases that cannot be used, and why.
    """

    cases: dict[str, dict[str, Path]]
    left_out: dict[Path, str]
    refused: dict[str, str] = field(default_factory=dict)


def find_cases(path: Path, channels: tuple[str, ...], source: str | None = None, nameless: str | None = None) -> Inputs:
    """Group the NIfTI files of a folder, or one file, into cases by their names.

    `IXI012_T1.nii.gz` is the T1 of case IXI012. So is nnU-Net's `IXI012_0000.nii.gz` where T1 is the first of
    `channels`. With `source`, a file whose name has no contrast is a case of its own, of that contrast. A volume
    whose JSON file marks it as synthetic is never taken for a scan.

    Args:
        path: a folder, which is not searched deeper, or a file.
        channels: contrasts in channel order; empty where the models do not agree on one.
        source: contrast of the files whose names have none.
        nameless: the same, where no file's name has one; none: such files cannot be read.

    Raises:
        UserError: there is nothing to read, no name has a contrast, or two files are the same contrast of a case.
    """
    files = [path] if path.is_file() else _images(path)
    synthetic = [file for file in files if is_synthetic(file)]
    scans = [file for file in files if file not in synthetic]
    named = _named_one(path, channels, source) if scans == [path] else _named(scans, channels, source)
    unknown = [file for file, name in named.items() if name is None]
    if named and len(unknown) == len(named) and nameless is not None:
        named, unknown = {file: (stem_of(file), nameless) for file in named}, []
    if len(unknown) == len(named):
        raise UserError(
            f"{path}: names must end with a contrast, such as CASE_T1.nii.gz",
            got=_shown(unknown or files),
            hint="rename the files, or name their contrast, as in --source T1",
        )
    left_out = dict.fromkeys(unknown, "its name does not end with a modality") | dict.fromkeys(synthetic, "synthetic")
    left_out |= dict.fromkeys(_of_other_formats(path), CONVERT)
    cases, refused = _grouped(named)
    if not cases:
        raise next(iter(refused.values()))
    return Inputs(cases, left_out, {case: str(error) for case, error in refused.items()})


def _named(files: list[Path], channels: tuple[str, ...], source: str | None) -> Named:
    by_word = {file: _by_word(file, channels) for file in files}
    wordless = [file for file in files if by_word[file] is None]
    by_number = {file: split_name(file, channels) for file in wordless}
    if source is None or all(by_number.values()):
        return by_word | by_number
    return by_word | {file: (stem_of(file), source) for file in wordless}


def _named_one(file: Path, channels: tuple[str, ...], source: str | None) -> Named:
    if not is_nifti(file):
        raise UserError(
            f"{file} must be a NIfTI file (.nii.gz or .nii)", hint="convert it, as with nib-convert SCAN SCAN.nii.gz"
        )
    by_word = _by_word(file, channels)
    if source is None:
        return {file: by_word or split_name(file, channels)}
    if by_word is not None and by_word[1] != source:
        got = f"a {by_word[1]} by its name"
        raise UserError(f"{file} must be a {source} (--source)", got=got, hint="change one of them")
    return {file: by_word or (stem_of(file), source)}


def _by_word(file: Path, channels: tuple[str, ...]) -> tuple[str, str] | None:
    if stem_of(file).rpartition("_")[2].isdecimal():
        return None
    return split_name(file, tuple(dict.fromkeys((*channels, *MODALITIES))))


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist", hint="name a folder of NIfTI files or one file with -i")
    seen = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    files = [p for p in seen if is_nifti(p) and not p.is_dir()]
    if not files:
        raise UserError(f"{folder} has no NIfTI files such as CASE_T1.nii.gz", got=_shown(seen), hint="change -i")
    return files


def _of_other_formats(path: Path) -> list[Path]:
    there = sorted(path.iterdir()) if path.is_dir() else []
    return [file for file in there if file.suffix.lower() in OTHER_FORMATS and not file.name.startswith(".")]


def _grouped(named: Named) -> tuple[dict[str, dict[str, Path]], dict[str, UserError]]:
    """Return the files of each case, and the cases that cannot be used."""
    cases: dict[str, dict[str, Path]] = {}
    refused: dict[str, UserError] = {}
    spelled: dict[str, str] = {}
    for file, name in named.items():
        if name is None:
            continue
        case, modality = name
        images = cases.setdefault(case, {})
        other = spelled.setdefault(folded(case), case)
        if problem := name_problem(case):
            refused[case] = UserError(f"the name of {file.name} must be usable", got=problem, hint="rename it")
        elif other != case:
            both = UserError("names of cases must differ in more than upper and lower case", got=f"{other} and {case}")
            refused |= {case: both, other: both}
        elif modality in images:
            got = f"{images[modality].name} and {file.name}"
            refused[case] = UserError(f"case {case} must have one {modality}", got=got, hint="remove one of them")
        images[modality] = file
    return dict(sorted((case, images) for case, images in cases.items() if case not in refused)), refused


def _shown(paths: Sequence[Path], limit: int = 4) -> str:
    names = [p.name + ("/" if p.is_dir() else "") for p in paths]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "nothing") + more
