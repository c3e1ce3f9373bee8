"""A raw data set: its dataset.json, which stock nnU-Net reads as it is, and its cases."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json
from hifisyn.paths import DATASET_JSON

MODALITIES = ("T1", "T2", "FLAIR", "T1ce", "PD")
TISSUES = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
FILE_ENDING = ".nii.gz"


@dataclass(frozen=True)
class Case:
    """One imaging session of one subject.

    Attributes:
        name: unique in the data set.
        subject: the person; cases of one subject never part in a split.
        images: modality to file; a case may lack modalities.
        label: label map on the grid of the reference modality, or none.
    """

    name: str
    subject: str
    images: dict[str, Path]
    label: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """A raw data set.

    Attributes:
        name: folder name, such as "IXI".
        modalities: all that any case has, in channel order.
        labels: structure to value in the label maps, background 0.
        cases: training cases by name (imagesTr).
        test: held-out cases by name (imagesTs); never used in planning, training or tuning.
        reference: the modality to whose grid the others are registered and on which labels are given.
        skull_stripped, registered, bias_corrected: what was done to the scans before they came.
        about: licence, reference and description, kept as given.
    """

    name: str
    modalities: tuple[str, ...]
    labels: dict[str, int]
    cases: dict[str, Case]
    test: dict[str, Case] = field(default_factory=dict)
    reference: str = "T1"
    skull_stripped: bool = False
    registered: bool = False
    bias_corrected: bool = False
    about: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.modalities:
            raise UserError(f"data set {self.name}: wanted at least one modality, found none")
        odd = [modality for modality in self.modalities if not modality.isalnum()]
        if odd:
            raise UserError(f"data set {self.name}: wanted modalities such as T1ce, found {odd[0]!r}; rename it")
        if self.reference not in self.modalities:
            raise UserError(
                f"data set {self.name}: wanted a reference among {', '.join(self.modalities)}, found {self.reference}"
            )
        if self.labels.get("background") != 0:
            raise UserError(f"data set {self.name}: wanted the label background with value 0, found {self.labels}")

    @property
    def all_cases(self) -> dict[str, Case]:
        """Training and held-out cases by name."""
        return self.cases | self.test

    @property
    def lesions(self) -> dict[str, int]:
        """The labels that are neither background nor healthy tissue."""
        return {name: value for name, value in self.labels.items() if name not in TISSUES}

    def save(self, folder: Path) -> None:
        """Write dataset.json into the raw folder of the data set, image paths relative to it."""
        write_json(folder / DATASET_JSON, self._as_json(folder))

    def _as_json(self, folder: Path) -> dict[str, Any]:
        return {
            "name": self.name,
            "channel_names": {str(i): m for i, m in enumerate(self.modalities)},
            "labels": self.labels,
            "numTraining": len(self.cases),
            "file_ending": FILE_ENDING,
            "reference_modality": self.reference,
            "skull_stripped": self.skull_stripped,
            "registered": self.registered,
            "bias_corrected": self.bias_corrected,
            **self.about,
            "subjects": {case.name: case.subject for case in self.all_cases.values()},
            "dataset": {case.name: _case_json(case, folder, self.modalities) for case in self.cases.values()},
            "test": {case.name: _case_json(case, folder, self.modalities) for case in self.test.values()},
        }

    @classmethod
    def load(cls, folder: Path | str) -> "Dataset":
        """Read the dataset.json of a raw folder; nnU-Net's channel suffixes `_0000` are understood too.

        Raises:
            UserError: the file is missing, or lacks or contradicts something; the key is named.
        """
        folder = Path(folder)
        path = folder / DATASET_JSON
        content = read_json(path)
        try:
            modalities = tuple(content["channel_names"][key] for key in sorted(content["channel_names"], key=int))
            labels = {str(name): int(value) for name, value in content["labels"].items()}
            training, test = content["dataset"], content.get("test", {})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: wanted channel_names, labels and dataset, found no usable {error}") from None
        subjects = content.get("subjects", {})
        return cls(
            name=content.get("name", folder.name),
            modalities=modalities,
            labels=labels,
            cases={name: _read_case(name, entry, folder, modalities, subjects) for name, entry in training.items()},
            test={name: _read_case(name, entry, folder, modalities, subjects) for name, entry in test.items()},
            reference=content.get("reference_modality", modalities[0] if modalities else ""),
            skull_stripped=bool(content.get("skull_stripped", False)),
            registered=bool(content.get("registered", False)),
            bias_corrected=bool(content.get("bias_corrected", False)),
            about={k: content[k] for k in ("description", "licence", "reference", "release") if k in content},
        )


def image_path(folder: Path, case: str, modality: str, *, test: bool = False) -> Path:
    """Return where the image of a case lies in a raw folder: imagesTr/IXI012_T1.nii.gz."""
    return folder / ("imagesTs" if test else "imagesTr") / f"{case}_{modality}{FILE_ENDING}"


def label_path(folder: Path, case: str, *, test: bool = False) -> Path:
    """Return where the label map of a case lies in a raw folder: labelsTr/IXI012.nii.gz."""
    return folder / ("labelsTs" if test else "labelsTr") / f"{case}{FILE_ENDING}"


def split_name(file: Path, modalities: tuple[str, ...]) -> tuple[str, str] | None:
    """Split a file name into case and modality; none where the suffix is no modality.

    >>> split_name(Path("IXI012_T2.nii.gz"), ("T1", "T2"))
    ('IXI012', 'T2')
    >>> split_name(Path("IXI012_0000.nii.gz"), ("T1", "T2"))
    ('IXI012', 'T1')
    """
    stem = file.name.removesuffix(".gz").removesuffix(".nii")
    case, _, suffix = stem.rpartition("_")
    if not case:
        return None
    if suffix.isdecimal() and len(suffix) == 4 and int(suffix) < len(modalities):
        return case, modalities[int(suffix)]
    known = {m.lower(): m for m in modalities}
    return (case, known[suffix.lower()]) if suffix.lower() in known else None


def _case_json(case: Case, folder: Path, modalities: tuple[str, ...]) -> dict[str, Any]:
    images = [str(case.images[m].relative_to(folder)) for m in modalities if m in case.images]
    entry: dict[str, Any] = {"images": images}
    if case.label is not None:
        entry["label"] = str(case.label.relative_to(folder))
    return entry


def _read_case(
    name: str, entry: dict[str, Any], folder: Path, modalities: tuple[str, ...], subjects: dict[str, str]
) -> Case:
    images: dict[str, Path] = {}
    for relative in entry["images"]:
        parts = split_name(Path(relative), modalities)
        if parts is None:
            raise UserError(
                f"{folder / DATASET_JSON}: wanted the modality ({', '.join(modalities)}) at the end of the name "
                f"of each image, found {relative}; rename it, as in {name}_{modalities[0]}{FILE_ENDING}"
            )
        if parts[1] in images:
            raise UserError(
                f"{folder / DATASET_JSON}: wanted one {parts[1]} for case {name}, found "
                f"{images[parts[1]].name} and {Path(relative).name}; remove one"
            )
        images[parts[1]] = folder / relative
    label = folder / entry["label"] if entry.get("label") else None
    return Case(name, str(subjects.get(name, name)), images, label)
