"""The files of one synthetic volume: their names, whether they are there, and writing all of them or none."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from hifisyn.errors import UserError
from hifisyn.files import read_json
from hifisyn.inference.translations import Translation


@dataclass(frozen=True)
class Outputs:
    """Where the synthetic `target` of a case goes.

    Attributes:
        folder: the output folder.
        case: name of the case.
        target: the modality that is made.
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
        """The expected error of each voxel; there only where the method tells it."""
        return self.folder / f"{self.stem}_error.nii.gz"

    @property
    def picture(self) -> Path:
        """Slices of the source and of what was made from them, side by side."""
        return self.folder / f"{self.stem}.png"

    @property
    def sidecar(self) -> Path:
        """What made the volume; moved into place last, so that its presence means a finished case."""
        return self.folder / f"{self.stem}.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of the files, in the order in which they are moved into place."""
        return self.image, self.brain, *self.of_error, self.picture, self.sidecar

    @property
    def of_error(self) -> tuple[Path, ...]:
        """Those of the files that are there only with an expected error."""
        return (self.error,)

    @property
    def existing(self) -> list[Path]:
        """Those that exist of the files that belong to this volume alone."""
        return [path for path in self.files if path.exists()]

    @property
    def foreign(self) -> list[Path]:
        """Files of other programs where ours would go, which nothing replaces."""
        return []

    def described(self, record: dict[str, Any]) -> dict[Path, dict[str, Any]]:
        """Return the content of each JSON file, from the sidecar as `inference.sidecar` has it."""
        return {self.sidecar: record}

    def record(self) -> dict[str, Any] | None:
        """Return the sidecar of a finished case; none where the image or the sidecar lacks."""
        if not self.image.exists() or not self.sidecar.exists():
            return None
        content = read_json(self.sidecar)
        return content if isinstance(content, dict) else None

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

    def outputs(self, task: Translation) -> Outputs:
        """Return where the files of a task go."""
        return Outputs(self.folder, task.case, task.target)

    def prepare(self) -> None:
        """Make the folder and what it needs before the first case.

        Raises:
            UserError: it cannot be written to.
        """
        writable(self.folder)


def writable(folder: Path) -> None:
    """Make the output folder and see that files can be written there.

    Raises:
        UserError: a file bears its name, or writing is not allowed.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: wanted a folder to write to, found a file; choose another name for -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".partial-", dir=folder)
    except PermissionError:
        raise UserError(f"{folder}: wanted permission to write, found none; choose another folder with -o") from None
    os.close(handle)
    os.unlink(name)
