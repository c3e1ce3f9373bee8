"""The cases of BraTS as they lie on disk or in an archive: the same case may lie there several times."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn import archives
from hifisyn.dataset import MODALITIES
from hifisyn.dataset_conversion.brats_names import LABEL, STRAY_LABEL, Name, parse_file
from hifisyn.dataset_conversion.brats_releases import RELEASES, Release, advice, recognise
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.errors import FileError, UserError


@dataclass
class Copy:
    """A case in one folder.

    Attributes:
        name: of the case.
        release: that it belongs to.
        folder: where it lies.
        files: modality or `label` to file.
        others: names of further files, such as those of inpainting.
    """

    name: Name
    release: Release
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)

    @property
    def images(self) -> dict[str, Path]:
        """The scans in channel order."""
        return {modality: self.files[modality] for modality in MODALITIES if modality in self.files}

    @property
    def grade(self) -> str:
        """HGG or LGG where a folder is called so, else ""."""
        return next((part for part in reversed(self.folder.parts) if part in ("HGG", "LGG")), "")


def list_files(sources: Iterable[Path]) -> list[Path]:
    """List all files of folders and archives, in alphabetical order.

    Raises:
        UserError: one is missing or broken.
    """
    files: list[Path] = []
    for source in sources:
        if source.is_file() and source.suffix.lower() in archives.ENDINGS:
            files += archives.members(source)
        elif source.is_dir():
            files += [Path(folder) / name for folder, _, names in os.walk(source) for name in names]
        else:
            raise FileError(source, "must be a folder or a .zip of BraTS cases", hint="fix the path")
    return sorted(set(files))


def gather(files: Iterable[Path], wanted: Sequence[Release] = ()) -> tuple[list[Copy], list[LeftOut]]:
    """Gather files into cases; what is no scan of a case is passed over.

    Args:
        files: of all sources.
        wanted: releases as the user names them, see `brats_releases.recognise`.

    Raises:
        UserError: the release of a case is not clear.
    """
    copies: dict[tuple[str, Path], Copy] = {}
    left_out = []
    for file in files:
        parsed = parse_file(file)
        if parsed is None:
            continue
        name, what, folder = parsed
        copy = copies.get((name.key, folder))
        if copy is None:
            copy = copies[name.key, folder] = Copy(name, recognise(name, folder, wanted), folder)
        if what not in (*MODALITIES, LABEL):
            copy.others.append(file)
        elif copy.files.setdefault(what, file) != file:
            reason = f"a case must have one {what} (got {copy.files[what].name} too); remove one"
            left_out.append(LeftOut(name.text, file, reason))
    for copy in copies.values():
        _take_stray_label(copy)
    _check_grids(copies.values(), wanted)
    left_out += [_without_scan(copy) for copy in copies.values() if not copy.images]
    return [copy for copy in copies.values() if copy.images], left_out


def _take_stray_label(copy: Copy) -> None:
    strays = [path for path in copy.others if STRAY_LABEL.fullmatch(path.name)]
    if LABEL not in copy.files and len(strays) == 1:
        copy.files[LABEL] = strays[0]


def _without_scan(copy: Copy) -> LeftOut:
    there = [path.name for path in (*copy.files.values(), *copy.others)]
    reason = (
        f"must have a scan such as {copy.name.text}-t1n.nii.gz (got {there[0]} alone); take the release of the scans"
    )
    return LeftOut(copy.name.text, copy.folder, reason)


def _check_grids(copies: Iterable[Copy], wanted: Sequence[Release]) -> None:
    """Look at one grid of each batch of cases, which may contradict their names.

    Raises:
        UserError: it is the grid of another release of the family.
    """
    from hifisyn.volume import read_grid

    seen = set()
    for copy in copies:
        batch = copy.folder.parent, copy.release.name
        if copy.release.shape is None or copy.release in wanted or batch in seen or not copy.images:
            continue
        try:
            shape = read_grid(next(iter(copy.images.values()))).shape
        except UserError:
            continue
        seen.add(batch)
        family = [release for release in RELEASES if release.family == copy.release.family]
        if shape != copy.release.shape and any(shape == release.shape for release in family):
            raise UserError(
                f"{copy.folder}: cases named as in {copy.release.name} must have its grid",
                got="x".join(map(str, shape)),
                hint=advice(copy.release.family),
            )
