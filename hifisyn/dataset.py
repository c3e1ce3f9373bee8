"""A raw data set: its dataset.json, which stock nnU-Net reads as it is, and its cases."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hifisyn.archives import on_disk
from hifisyn.errors import FileError, UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_json_as, read_object
from hifisyn.names import check_contrast, check_name, check_names
from hifisyn.participants import read_sites
from hifisyn.paths import DATASET_JSON
from hifisyn.raw_files import FILE_ENDING, split_name
from hifisyn.text_files import read_text

if TYPE_CHECKING:
    from hifisyn.dataset_json import CaseContent

MODALITIES = ("T1", "T2", "FLAIR", "T1ce", "PD")
TISSUES = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
ABOUT = ("description", "licence", "reference", "release")
LARGEST_LABEL = 255
STEPS = ("skull_stripped", "registered", "bias_corrected")


@dataclass(frozen=True)
class Case:
    """One imaging session of one subject.

    Attributes:
        name: unique in the data set.
        subject: the person; cases of one subject never part in a split.
        images: modality to file, which may lie in an archive (`hifisyn.archives`); a case may lack modalities.
        label: label map on the grid of the reference modality, or none.
        brain: the user's own brain mask on the same grid, or none.
        done: those of STEPS that were done to the scans of this case, beside what the data set says of all.
    """

    name: str
    subject: str
    images: dict[str, Path]
    label: Path | None = None
    brain: Path | None = None
    done: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, Path]:
        """All files by what they are: modalities, `label`, `brain`."""
        others = {"label": self.label, "brain": self.brain}
        return self.images | {name: path for name, path in others.items() if path is not None}

    def hide_paths(self, text: str) -> str:
        """Return a text in which the files are called CASE_T1 and so on: paths may identify a participant."""
        for what, path in self.files.items():
            for name in (str(path), str(on_disk(path)), on_disk(path).name):
                text = text.replace(name, f"{self.name}_{what}")
        return text


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
        skull_stripped, registered, bias_corrected: what was done to all scans before they came.
        private: paths of the scans identify participants, so they are never shown.
        about: licence, reference and description, kept as given.
        sites: subject to the site where they were scanned, of those whose site is known; from participants.tsv.

    >>> dataset = Dataset.load("hifisyn_raw/IXI")
    >>> dataset.modalities, len(dataset.cases), dataset.cases["c0"].subject
    (('T1', 'T2'), 8, 'c0')
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
    private: bool = False
    about: dict[str, str] = field(default_factory=dict)
    sites: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.modalities:
            raise UserError(f"data set {self.name} must have at least one modality")
        check_name(self.name, "a data set")
        check_names([*self.cases, *self.test], "a case")
        for modality in self.modalities:
            check_contrast(modality, f"data set {self.name}")
        if self.reference not in self.modalities:
            raise UserError(
                f"the reference of data set {self.name} must be one of {', '.join(self.modalities)}", got=self.reference
            )
        if self.labels.get("background") != 0:
            raise UserError(f"the label background of data set {self.name} must have value 0", got=self.labels)
        if odd := [value for value in self.labels.values() if not 0 <= value <= LARGEST_LABEL]:
            raise UserError(f"the labels of data set {self.name} must be 0 to {LARGEST_LABEL}", got=odd[0])

    @property
    def all_cases(self) -> dict[str, Case]:
        """Training and held-out cases by name."""
        return self.cases | self.test

    @property
    def lesions(self) -> dict[str, int]:
        """The labels that are neither background nor healthy tissue."""
        return {name: value for name, value in self.labels.items() if name not in TISSUES}

    def save(self, folder: Path) -> None:
        """Write dataset.json into the raw folder of the data set, image paths relative to it.

        That of private data is for its owner alone, since its paths identify the participants.
        """
        write_json(folder / DATASET_JSON, self._as_json(folder), private=self.private)

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
            "private": self.private,
            **self.about,
            "subjects": {case.name: case.subject for case in self.all_cases.values()},
            "dataset": {case.name: _case_json(case, folder, self.modalities) for case in self.cases.values()},
            "test": {case.name: _case_json(case, folder, self.modalities) for case in self.test.values()},
        }

    @classmethod
    def load(cls, folder: Path | str) -> "Dataset":
        """Read the dataset.json of a folder, and the sites of its subjects from participants.tsv beside it.

        nnU-Net's channel suffixes `_0000` are understood too.

        Raises:
            UserError: the file is missing, or lacks or contradicts something; the key is named.
        """
        from hifisyn.dataset_json import DatasetContent

        folder = Path(folder)
        path = folder / DATASET_JSON
        content = read_json_as(DatasetContent, path, "a data set with channel_names, labels and dataset")
        cases, test = content.dataset, content.test
        if twice := sorted(cases.keys() & test.keys()):
            raise FileError(path, "must have each case in dataset or in test", got=f"{twice[0]} in both")
        modalities = tuple(content.channel_names[number] for number in sorted(content.channel_names))
        subjects = {case: str(subject) for case, subject in content.subjects.items()}
        about = {name: value for name in ABOUT if (value := getattr(content, name)) is not None}
        return cls(
            name=folder.resolve().name if content.name is None else content.name,
            modalities=modalities,
            labels=content.labels,
            cases={name: _read_case(name, entry, folder, modalities, subjects) for name, entry in cases.items()},
            test={name: _read_case(name, entry, folder, modalities, subjects) for name, entry in test.items()},
            reference=content.reference_modality or (modalities[0] if modalities else ""),
            skull_stripped=content.skull_stripped,
            registered=content.registered,
            bias_corrected=content.bias_corrected,
            private=content.private,
            about=about,
            sites=read_sites(folder),
        )


def text_to_pass_on(folder: Path) -> str:
    """Return the dataset.json of a raw folder as it may lie beside a model: of private data without any path."""
    path = folder / DATASET_JSON
    content = read_object(path)
    if not content.get("private"):
        return read_text(path)
    bare: dict[str, Any] = {
        part: {case: {"images": []} for case in content.get(part, {})} for part in ("dataset", "test")
    }
    return json.dumps(content | bare, indent=2, ensure_ascii=False) + "\n"


def _case_json(case: Case, folder: Path, modalities: tuple[str, ...]) -> dict[str, Any]:
    there = [m for m in modalities if m in case.images]
    entry: dict[str, Any] = {"images": [_written(case.images[m], folder) for m in there]}
    if any(split_name(case.images[m], modalities) != (case.name, m) for m in there):
        entry["modalities"] = there
    for name, path in (("label", case.label), ("brain", case.brain)):
        if path is not None:
            entry[name] = _written(path, folder)
    return entry | ({"done": list(case.done)} if case.done else {})


def _written(path: Path, folder: Path) -> str:
    """Return a path as dataset.json holds it: relative to the raw folder where it lies there, else absolute."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path.absolute())


def _read_case(
    name: str, entry: "CaseContent", folder: Path, modalities: tuple[str, ...], subjects: dict[str, str]
) -> Case:
    where = folder / DATASET_JSON
    named: Sequence[str | None] = entry.modalities or [None] * len(entry.images)
    if len(named) != len(entry.images):
        raise UserError(
            f"{where}: case {name} must name one modality for each image",
            got=f"{len(named)} for {len(entry.images)}",
            hint="fix the entry",
        )
    images: dict[str, Path] = {}
    for relative, word in zip(entry.images, named, strict=True):
        modality = word or (split_name(Path(relative), modalities) or (None, None))[1]
        if modality not in modalities:
            raise UserError(
                f"{where}: the name of each image must end with its modality ({', '.join(modalities)})",
                got=word or relative,
                hint=f"rename it, as in {name}_{modalities[0]}{FILE_ENDING}",
            )
        if modality in images:
            raise UserError(
                f"{where}: case {name} must have one {modality}",
                got=f"{images[modality].name} and {Path(relative).name}",
                hint="remove one",
            )
        images[modality] = folder / relative
    done = tuple(entry.done)
    if odd := [step for step in done if step not in STEPS]:
        raise UserError(f"{where}: done of case {name} must name {', '.join(STEPS)}", got=odd[0], hint="fix the entry")
    label, brain = (folder / path if path else None for path in (entry.label, entry.brain))
    return Case(name, subjects.get(name, name), images, label, brain, done)
