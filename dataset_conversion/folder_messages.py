"""The messages of the converter of folders: how it read names, what it passed over, what to type instead."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hifisyn.dataset_conversion.contrasts import contrast
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.patterns import compiled
from hifisyn.dataset_conversion.source import Scan
from hifisyn.errors import UserError

SHOWN = 3


def understood(scans: Sequence[Scan], files: Mapping[Path, str]) -> list[str]:
    """Return how many files are scans, and how the first were read."""
    lines = [f"took {len(scans)} files for scans, such as"]
    for scan in scans[:SHOWN]:
        visit = "" if scan.case == scan.subject else f", visit {scan.case.removeprefix(f'{scan.subject}_')}"
        lines.append(f"  {files[scan.file]}: subject {scan.subject}{visit}, {scan.modality}")
    return lines


def unknown(files: Mapping[Path, str], patterns: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Return which words stand where a contrast should, and are none."""
    counted: Counter[str] = Counter()
    for pattern in patterns:
        expression = compiled(pattern)
        matches = [expression.fullmatch(where) for where in files.values()]
        counted.update(match["modality"] for match in matches if match and not contrast(match["modality"], names))
    if not counted:
        return []
    words = ", ".join(f"{word} ({number})" for word, number in counted.most_common(8))
    return [
        f"passed over files of unknown contrast: {words}; --contrast names contrasts, --label-pattern finds label maps"
    ]


def guessed_badly(left_out: LeftOut, images: Mapping[Path, str], pattern: str) -> UserError:
    """Return the error of a guess that gives one contrast of a subject several files."""
    return UserError(
        f"{images[left_out.file]}: each contrast of a subject must be one file",
        got=f"several where names are read as {pattern}",
        hint="describe the names, as in --pattern '{subject}/{session}_{modality}.nii.gz'",
    )


def nothing(
    sources: Sequence[Path],
    files: Mapping[Path, str],
    patterns: Sequence[str],
    guesses: Sequence[str],
    names: Mapping[str, str],
) -> UserError:
    """Return the error that lists what is there, and what to type."""
    what = f"{', '.join(map(str, sources))} must hold scans such as {' or '.join(patterns or guesses)}"
    strange = unknown(files, patterns, names)
    if strange:
        return UserError(what, got=f"none of known contrast: {strange[0]}")
    flat = not any("/" in where for where in files.values())
    pattern = "{subject}-{modality}" if flat else "**/{subject}/{modality}"
    return UserError(
        what,
        got=some(files.values()),
        hint=f"describe the names, as in --pattern '{pattern}.nii.gz', and name the contrasts, as in "
        "--contrast mprage=T1",
    )


def some(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "no NIfTI file") + more
