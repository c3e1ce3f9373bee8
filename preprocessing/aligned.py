"""The aligned cases on disk: every contrast in the world of the reference, brain mask, label map and record."""

from pathlib import Path
from typing import Any

from hifisyn.errors import UserError
from hifisyn.files import sha256, write_json
from hifisyn.json_files import read_object
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.record import Record
from hifisyn.volume import Volume

BRAIN, LABEL = "brain", "label"
OF_RECORD = "record"  # of what is measured of a case: the digest of its record then


class AlignedStore:
    """Aligned cases in a folder: CASE_T1.nii.gz, ..., CASE_brain.nii.gz, CASE_label.nii.gz, CASE.json.

    A case exists once its record is written, which happens last; an interrupted run leaves no half case.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def cases(self) -> list[str]:
        """Names of the complete cases, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def write(self, case: str, aligned: Aligned, key: str = "") -> None:
        """Write a case, replacing an earlier one; `key` names the inputs and settings of its alignment."""
        self.record_path(case).unlink(missing_ok=True)
        for modality, image in aligned.images.items():
            image.save(self.path(case, modality), overwrite=True)
        aligned.brain.save(self.path(case, BRAIN), overwrite=True)
        if aligned.label is not None:
            aligned.label.save(self.path(case, LABEL), overwrite=True)
        head = {"case": case, "key": key, "labelled": aligned.label is not None}
        write_json(self.record_path(case), head | aligned.record.as_json())

    def key(self, case: str) -> str | None:
        """Return the key of a case, or none where the case is not there."""
        path = self.record_path(case)
        return str(read_object(path).get("key", "")) if path.exists() else None

    def record(self, case: str) -> dict[str, Any]:
        """Return the record of a case as plain data (`Record.from_json` reads it), with `labelled` and `key`.

        Raises:
            UserError: the case was not aligned.
        """
        path = self.record_path(case)
        if not path.exists():
            raise UserError(f"{case} is not aligned in {self.folder}", hint="run hifisyn_plan_and_preprocess")
        record: dict[str, Any] = read_object(path)
        return record

    def read(self, case: str) -> Aligned:
        """Return a whole case."""
        content = self.record(case)
        try:
            record = Record.from_json(content)
        except UserError as error:
            raise error.at(self.record_path(case)) from None
        images = {modality: self.image(case, modality) for modality in record.scans}
        label = self.label(case) if content.get("labelled") else None
        return Aligned(images, self.brain(case), label, record)

    def image(self, case: str, modality: str) -> Volume:
        """Return a contrast, float32, on its own voxels, placed in the world of the reference."""
        return Volume.load(self.path(case, modality))

    def brain(self, case: str) -> Volume:
        """Return the brain mask, uint8, on the grid of the reference."""
        return Volume.load_mask(self.path(case, BRAIN))

    def label(self, case: str) -> Volume:
        """Return the label map, uint8, on the grid of the reference."""
        return Volume.load_labels(self.path(case, LABEL))

    def path(self, case: str, name: str) -> Path:
        """Return the file of a modality, of BRAIN or of LABEL."""
        return self.folder / f"{case}_{name}.nii.gz"

    def files(self, case: str, modalities: tuple[str, ...]) -> tuple[Path, ...]:
        """Return the files that a case with these contrasts has at least."""
        return tuple(self.path(case, name) for name in (*modalities, BRAIN))

    def digest(self, case: str) -> str:
        """Return the SHA-256 of the record of a case: what was measured under another one is of other voxels."""
        return sha256(self.record_path(case))

    def record_path(self, case: str) -> Path:
        """Return the file that is written last: where it exists, the case is complete."""
        return self.folder / f"{case}.json"
