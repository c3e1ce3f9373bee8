"""A workspace of nnU-Net: one data set, one training, any number of scans segmented.

nnU-Net is the package nnunetv2, through its Python interface, in folders of ours; the user's own nnU-Net folders are
neither read nor written. A workspace holds one training: for the same request it does nothing, for another it begins
from scratch, and a killed training goes on.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hifisyn.downstream.nnunet_dataset import folds, write_dataset_json, write_entry
from hifisyn.downstream.nnunet_settings import PREPROCESSED, RAW, RESULTS, NnUNetSettings, environment
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.volume import Volume

JOB_JSON, DONE_JSON, LOG = "job.json", "done.json", "nnunet.log"
FOLDERS = (RAW, PREPROCESSED, RESULTS)


@dataclass(frozen=True)
class TrainingCase:
    """One image to train on.

    Attributes:
        name: unique in the training.
        subject: the person; a person is never on both sides of nnU-Net's own folds.
        key: changes when image or label do.
        read: returns the image and the label map on one grid, values as in the training's labels.
        synthetic: learnt from, never validated on.
    """

    name: str
    subject: str
    key: str
    read: "Read"
    synthetic: bool = False


class Read(Protocol):
    """Reads a training case when it is needed."""

    def __call__(self) -> tuple[Volume, Volume]:
        """Return image and label map, uint8."""
        ...


class Segmenter(Protocol):
    """A network that learns to segment: `NnUNet`, or a stand-in."""

    def train(self, modality: str, labels: Mapping[str, int], cases: Sequence[TrainingCase]) -> None:
        """Train on the cases; nothing happens where that was done."""
        ...

    def segment(self, scans: Mapping[str, Volume]) -> dict[str, np.ndarray]:
        """Return the label map of each scan, by name."""
        ...


class NnUNet:
    """A workspace in `folder`.

    Args:
        folder: created if it does not exist.
        settings: of the training.
        title: its name in progress lines.
    """

    def __init__(self, folder: Path, settings: NnUNetSettings, title: str) -> None:
        self.folder, self.settings, self.title = folder, settings, title

    def train(self, modality: str, labels: Mapping[str, int], cases: Sequence[TrainingCase]) -> None:
        """Train on the cases.

        Args:
            modality: contrast of the images.
            labels: structure to value, consecutive from background 0.
            cases: what to train on.

        Raises:
            UserError: there are no cases, or nnU-Net fails; the error names its last line and the log.
        """
        asked = _asked(modality, labels, cases, self.settings)
        begun, done = Once(self.folder, asked, JOB_JSON), Once(self.folder, asked, DONE_JSON)
        if done.holds:
            return
        if not begun.holds:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._write_dataset(modality, labels, cases)
            begun.finish(self._job(modality, cases))
        self._run("train", begun.file)
        done.finish()

    def segment(self, scans: Mapping[str, Volume]) -> dict[str, np.ndarray]:
        """Segment scans with the trained network; uint8 label maps on the scans' own grids, by name.

        Raises:
            UserError: nothing was trained here, or nnU-Net fails.
        """
        if not (self.folder / DONE_JSON).exists():
            raise UserError(f"{self.folder} has no finished training", hint="train first")
        place = self.folder / "segmented"
        shutil.rmtree(place, ignore_errors=True)
        files = {name: (place / f"{name}_0000.nii.gz", place / f"{name}.nii.gz") for name in scans}
        for name, scan in scans.items():
            scan.save(files[name][0])
        job = read_json(self.folder / JOB_JSON) | {"scans": [[str(a), str(b)] for a, b in files.values()]}
        write_json(place / "predict.json", job)
        self._run("predict", place / "predict.json")
        maps = {name: Volume.load_labels(files[name][1]).data for name in scans}
        shutil.rmtree(place)
        return maps

    def _write_dataset(self, modality: str, labels: Mapping[str, int], cases: Sequence[TrainingCase]) -> None:
        raw = self.folder / "raw" / _dataset(modality)
        for case in cases:
            image, label = case.read()
            write_entry(raw, case.name, [image], label)
        write_dataset_json(raw, [modality], labels, [case.name for case in cases])

    def _job(self, modality: str, cases: Sequence[TrainingCase]) -> dict[str, Any]:
        own = {"title": self.title, "dataset": _dataset(modality), "log": str((self.folder / LOG).absolute())}
        return own | self.settings.as_json() | {"splits": folds(cases)}

    def _run(self, step: str, job: Path) -> None:
        folders = {name: str((self.folder / name.removeprefix("nnUNet_")).absolute()) for name in FOLDERS}
        for folder in folders.values():
            os.makedirs(folder, exist_ok=True)
        words = [sys.executable, "-m", "hifisyn.downstream.nnunet_process", step, str(job.absolute())]
        with subprocess.Popen(words, env=environment(folders, self.settings.device)) as process:
            try:
                code = process.wait()
            except BaseException:
                process.terminate()
                raise
        if code:
            log = self.folder / LOG
            raise UserError(f"{self.title}: nnU-Net failed to {step}", got=_last_line(log), hint=f"see {log}")


def consecutive(labels: Mapping[str, int]) -> dict[str, int]:
    """Return names with the values that nnU-Net needs: background 0, then 1, 2, ... in the order of the old values.

    >>> consecutive({"tumour": 4})
    {'background': 0, 'tumour': 1}
    """
    named = sorted((value, name) for name, value in labels.items() if value)
    return {"background": 0} | {name: place for place, (_, name) in enumerate(named, 1)}


def renumbered(label_map: Volume, labels: Mapping[str, int]) -> Volume:
    """Return a label map with the values of `consecutive`; what is not among `labels` is background."""
    new = consecutive(labels)
    data = np.zeros(label_map.shape, dtype=np.uint8)
    for name, value in labels.items():
        if value:
            data[label_map.data == value] = new[name]
    return label_map.with_data(data)


def digest(content: Any) -> str:
    """Return 16 hexadecimal digits that stand for plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _asked(
    modality: str, labels: Mapping[str, int], cases: Iterable[TrainingCase], settings: NnUNetSettings
) -> dict[str, Any]:
    keys = {case.name: case.key for case in cases}
    if not keys:
        raise UserError(f"nnU-Net has no training cases with {modality} and labels", hint="check the splits")
    return {"modality": modality, "labels": dict(labels), "settings": settings.as_json(), "cases": digest(keys)}


def _dataset(modality: str) -> str:
    return f"Dataset001_{modality}"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "no message"
