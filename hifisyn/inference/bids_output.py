"""Synthetic volumes as BIDS derivatives: names, sidecars and the files that describe the whole folder."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hifisyn.dataset_conversion.bids_dataset import DESCRIPTION, BidsDataset, read_object
from hifisyn.dataset_conversion.bids_ignore import FILE as IGNORE
from hifisyn.dataset_conversion.bids_names import BidsName, mask_name, parse, synthetic_name
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json, write_text
from hifisyn.inference.outputs import OutputFolder, Outputs
from hifisyn.inference.sidecar import NOTE
from hifisyn.inference.translations import Translation

OURS = "hifisyn"
RAW = "raw"
ERROR = "ExpectedError"
SHARED = ("Synthetic", "Note", "Modality", "SkullStripped", "SourceSHA256", "CheckpointSHA256", "Versions")
BIDS_VERSION = "1.10.1"
FIGURES = "figures"
README = """# Synthetic MR contrasts

{note}

Made by hifisyn {version} from {name}. `sub-*/**/*_desc-synth_*.nii.gz` are synthetic images on the grid of the scan
that each was made from, which its JSON file names under Sources; they are 0 outside the brain mask
`*_desc-brain*_mask.nii.gz`. `sub-*/figures` holds a picture of each, beside its source.
"""


@dataclass(frozen=True)
class BidsOutputs(Outputs):
    """Where the synthetic `target` of a scan goes in a folder of derivatives.

    Attributes:
        scan: path of the scan in the raw data set, as in sub-01/anat/sub-01_T1w.nii.gz.
    """

    scan: str

    @property
    def stem(self) -> str:
        """Name of the volume without its ending."""
        return str(synthetic_name(self._source, self.target)).removesuffix(".nii.gz")

    @property
    def image(self) -> Path:
        """The synthetic volume."""
        return self._anat / f"{self.stem}.nii.gz"

    @property
    def brain(self) -> Path:
        """The brain mask of the scan, the same for all that is made from it."""
        return self._anat / str(mask_name(self._source))

    @property
    def brain_sidecar(self) -> Path:
        """What the mask is."""
        return self._anat / str(mask_name(self._source).having(ending=".json"))

    @property
    def error(self) -> Path:
        """The expected error of each voxel; there only where the method tells it."""
        return self._anat / str(self._error)

    @property
    def error_sidecar(self) -> Path:
        """What the expected error is."""
        return self._anat / str(self._error.having(ending=".json"))

    @property
    def picture(self) -> Path:
        """Slices side by side; the specification knows no pictures, so .bidsignore names their folder."""
        return self.folder / f"sub-{self._source.entities['sub']}" / FIGURES / f"{self.stem}.png"

    @property
    def sidecar(self) -> Path:
        """What made the volume."""
        return self._anat / f"{self.stem}.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of the files; a mask never lies there without the file that says whose it is."""
        return self.brain_sidecar, self.brain, *self.of_error, self.image, self.picture, self.sidecar

    @property
    def of_error(self) -> tuple[Path, ...]:
        """The expected error, and before it what it is."""
        return self.error_sidecar, self.error

    @property
    def existing(self) -> list[Path]:
        """Those that exist of the files that belong to this volume alone; the mask belongs to its scan."""
        own = (*self.of_error, self.image, self.picture, self.sidecar)
        return [path for path in own if path.exists()]

    @property
    def foreign(self) -> list[Path]:
        """A mask that another program left under the name of ours."""
        ours = OURS in read_object(self.brain_sidecar).get("Versions", {})
        return [self.brain] if self.brain.exists() and not ours else []

    def described(self, record: dict[str, Any]) -> dict[Path, dict[str, Any]]:
        """Return the content of each sidecar, with the keys that BIDS wants."""
        source = f"bids:{RAW}:{self.scan}"
        common = {"Sources": [source], "SpatialReference": source}
        mask = {
            "Description": f"Brain mask of the {self._source.suffix} scan; {record['Steps'].get('skull_strip', '')}",
            "Type": "Brain",
            **common,
            "SourceSHA256": record["SourceSHA256"],
            "Versions": {OURS: record["Versions"][OURS]},
        }
        what = f"Synthetic {self.target} made from a {record['SourceModality']} scan by hifisyn"
        described = {self.brain_sidecar: mask, self.sidecar: {"Description": what, **common, **record}}
        if ERROR in record:
            described[self.error_sidecar] = {"Description": record[ERROR], **common, **_shared(record)}
        return described

    @property
    def _source(self) -> BidsName:
        name = parse(Path(self.scan).name)
        assert name is not None
        return name

    @property
    def _error(self) -> BidsName:
        return synthetic_name(self._source, self.target).having(desc="expectederror")

    @property
    def _anat(self) -> Path:
        return self.folder / self._source.folder / "anat"


@dataclass(frozen=True)
class BidsDerivatives(OutputFolder):
    """A folder of derivatives.

    Attributes:
        folder: its root.
        raw: root of the data set that the scans are of.
    """

    raw: Path

    def outputs(self, task: Translation) -> BidsOutputs:
        """Return where the files of a task go."""
        return BidsOutputs(self.folder, task.case, task.target, task.file.relative_to(self.raw).as_posix())

    def prepare(self) -> None:
        """Make the folder and describe it; what other programs said of it stays.

        Raises:
            UserError: it cannot be written to, or is a raw data set, or holds derivatives of another one.
        """
        present = self.folder / DESCRIPTION
        earlier = read_json(present) if present.exists() else {}
        content = self._description(earlier)
        super().prepare()
        if content != earlier:
            write_json(present, content)
        if not any(self.folder.glob("README*")):
            name = BidsDataset(self.raw).description.get("Name", "a BIDS data set")
            write_text(self.folder / "README.md", README.format(note=NOTE, version=version(OURS), name=name))
        self._ignore_figures()

    def _description(self, earlier: Any) -> dict[str, Any]:
        if earlier != {} and (not isinstance(earlier, dict) or earlier.get("DatasetType") != "derivative"):
            raise UserError(
                f"{self.folder}: wanted a folder for derivatives, found a data set of another type; name a new folder"
            )
        link = Path(os.path.relpath(self.raw.resolve(), self.folder.resolve())).as_posix()
        links = {RAW: link, **earlier.get("DatasetLinks", {})}
        if (self.folder / links[RAW]).resolve() != self.raw.resolve():
            raise UserError(
                f"{self.folder}: wanted derivatives of {self.raw}, found those of {links[RAW]}; name a new folder"
            )
        makers = earlier.get("GeneratedBy", [])
        makers = makers if isinstance(makers, list) else [makers]
        if not any(isinstance(maker, dict) and maker.get("Name") == OURS for maker in makers):
            makers = [*makers, {"Name": OURS, "Version": version(OURS), "Description": NOTE}]
        raw = BidsDataset(self.raw).description
        source = {"DOI": raw["DatasetDOI"]} if "DatasetDOI" in raw else {"URL": link}
        fresh = {
            "Name": f"Synthetic contrasts of {raw.get('Name', self.raw.resolve().name)}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "SourceDatasets": [source],
        }
        return {**fresh, **earlier, "GeneratedBy": makers, "DatasetLinks": links}

    def _ignore_figures(self) -> None:
        file = self.folder / IGNORE
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        # Without a slash at its end: validators ask about the folder's name alone.
        if FIGURES not in lines:
            write_text(file, "\n".join([*lines, FIGURES]) + "\n")


def _shared(record: dict[str, Any]) -> dict[str, Any]:
    """Return what the sidecar of an expected error has in common with that of its image."""
    return {key: record[key] for key in SHARED}
