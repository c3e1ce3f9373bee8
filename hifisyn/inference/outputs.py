"""The files of one synthetic volume: their names, whether they exist, and writing all of them or none."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.inference.translations import Wanted

FILES = "FilesSHA256"  # of a sidecar: name of a file beside it to its sum


@dataclass(frozen=True)
class Outputs:
    """Where the synthetic `target` of a case goes.

    Attributes:
        folder: the output folder.
        case: name of the case.
        target: the contrast that is generated.
    """

    folder: Path
    case: str
    target: str

    @property
    def stem(self) -> str:
        """Beginning of all names: IXI012_T2."""
        return f"{self.case}_{self.target}"

    @property
    def image(self) -> Path:
        """The synthetic volume."""
        return self.folder / f"{self.stem}.nii.gz"

    @property
    def brain(self) -> Path:
        """The mask outside of which the volume is 0."""
        return self.folder / f"{self.stem}_brain.nii.gz"

    @property
    def error(self) -> Path:
        """The expected error of each voxel; exists only where the method returns it."""
        return self.folder / f"{self.stem}_error.nii.gz"

    @property
    def picture(self) -> Path:
        """Slices of the source and of the synthetic volume, side by side."""
        return self.folder / f"{self.stem}.png"

    @property
    def sidecar(self) -> Path:
        """How the volume was generated; moved into place last, so that its presence means a finished volume."""
        return self.folder / f"{self.stem}.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of the files, in the order in which they are moved into place."""
        return self.image, self.brain, *self.of_error, self.picture, self.sidecar

    @property
    def of_error(self) -> tuple[Path, ...]:
        """Those of the files that exist only with an expected error."""
        return (self.error,)

    @property
    def existing(self) -> list[Path]:
        """Those that exist of the files that belong to this volume alone."""
        return [path for path in self.files if path.exists()]

    @property
    def foreign(self) -> list[Path]:
        """Files of other programs where ours would go, which are never replaced."""
        return []

    def sidecars(self, record: dict[str, Any]) -> dict[Path, dict[str, Any]]:
        """Return the content of each JSON file, from the sidecar as `inference.sidecar` has it."""
        return {self.sidecar: record}

    @property
    def finished(self) -> bool:
        """Whether all files of a volume were written, and are as they were."""
        if not (self.image.exists() and self.sidecar.exists()):
            return False
        try:
            known = self.once({}).read().get(FILES)
        except UserError:
            return False
        there = {path.name: path for path in (self.image, self.error)}
        if not isinstance(known, dict) or not known.keys() <= there.keys():
            return False
        return all(there[name].is_file() and sha256(there[name]) == digest for name, digest in known.items())

    def once(self, asked: Mapping[str, Any]) -> Once:
        """Return the work whose result the sidecar describes, for what is asked now (`inference.sidecar.identity`)."""
        return Once(self.sidecar.parent, asked, self.sidecar.name, flat=True)

    @contextmanager
    def staged(self) -> Iterator[Self]:
        """Yield the same outputs in a temporary folder; move all into place once the block ends without an error."""
        temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.folder))
        try:
            stage = replace(self, folder=temporary)
            for path in stage.files:
                path.parent.mkdir(parents=True, exist_ok=True)
            yield stage
            self.sidecar.unlink(missing_ok=True)
            for path in self.of_error:
                path.unlink(missing_ok=True)
            for path in (path for path in stage.files if path.exists()):
                target = self.folder / path.relative_to(temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class OutputFolder:
    """A folder that takes the outputs of all cases side by side.

    Attributes:
        folder: the folder.
    """

    folder: Path

    def outputs(self, translation: Wanted) -> Outputs:
        """Return where the files of a translation go."""
        return Outputs(self.folder, translation.case, translation.target)

    def prepare(self) -> None:
        """Create the folder and what it needs before the first case.

        Raises:
            UserError: it cannot be written to.
        """
        make_writable(self.folder)


def make_writable(folder: Path) -> None:
    """Create the output folder and check that files can be written there.

    Raises:
        UserError: a file bears its name, or writing is not allowed.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} must be a folder", got="a file", hint="name another one with -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".partial-", dir=folder)
    except PermissionError:
        raise UserError(f"{folder}: permission to write is missing", hint="name another folder with -o") from None
    os.close(handle)
    os.unlink(name)
