"""Preprocessing of a whole data set: in processes, resumable, and no case costs another."""

import hashlib
import json
from pathlib import Path
from typing import Any

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.parallel import Failure, run_cases
from hifisyn.files import sha256
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.pipeline import align_case, cut_case
from hifisyn.slices import SliceStore
from hifisyn.volume import Volume

# Raised whenever the same input and settings give another result, so that old cases are made anew.
FORMAT = 1


def align_dataset(
    dataset: Dataset,
    folder: Path,
    settings: PreprocessingPlan,
    *,
    processes: int | None = None,
    device: str = "cpu",
    overwrite: bool = False,
) -> list[Failure]:
    """Align all cases of a data set, held-out ones too, into an AlignedStore.

    A case that was made from the same files by the same settings is skipped.

    Args:
        dataset: raw.
        folder: of the store.
        settings: see `pipeline.align_case`.
        processes: at a time; none: as many as fit; 0 or 1: in this process.
        device: of the skull stripping; on a GPU everything runs in this process, since networks share it badly.
        overwrite: make every case anew.
    """
    jobs = {
        name: (folder, case, dataset.labels, settings, device, overwrite) for name, case in dataset.all_cases.items()
    }
    return run_cases(_align, jobs, processes=1 if device != "cpu" else processes, title="align") if jobs else []


def cut_dataset(
    dataset: Dataset,
    aligned: AlignedStore,
    store: SliceStore,
    plans: Plans,
    *,
    processes: int | None = None,
    overwrite: bool = False,
) -> list[Failure]:
    """Cut the slices of all cases of a data set, held-out ones too, into a SliceStore.

    A case whose slices were cut from the same aligned case by the same plan is skipped.
    """
    jobs = {name: (aligned.folder, store.folder, name, plans, overwrite) for name in dataset.all_cases}
    return run_cases(_cut, jobs, processes=processes, title="cut") if jobs else []


def _align(
    folder: Path, case: Case, labels: dict[str, int], settings: PreprocessingPlan, device: str, overwrite: bool
) -> None:
    store = AlignedStore(folder)
    files = {**case.images, "label": case.label} if case.label else dict(case.images)
    inputs = {name: sha256(path) if path.is_file() else "" for name, path in files.items()}
    key = _digest(FORMAT, inputs, labels, settings.model_dump(mode="json"))
    if store.key(case.name) == key and not overwrite:
        return
    images = {modality: Volume.load(path) for modality, path in case.images.items()}
    label = Volume.load(case.label, constant=True) if case.label else None
    store.write(case.name, align_case(images, settings, label=label, labels=labels, device=device), key)


def _cut(aligned_folder: Path, slices_folder: Path, case: str, plans: Plans, overwrite: bool) -> None:
    aligned, store = AlignedStore(aligned_folder), SliceStore(slices_folder)
    slices = plans.slices.model_dump(mode="json")
    key = _digest(FORMAT, aligned.record(case), slices, plans.preprocessing.upper_percentile)
    if not overwrite and case in store.cases() and store.record(case).get("key") == key:
        return
    (slices_folder / f"{case}.json").unlink(missing_ok=True)
    cut = cut_case(aligned.read(case), plans)
    store.write(case, cut.images, cut.brain, cut.label, {"key": key, **cut.record.as_json()})


def _digest(*parts: Any) -> str:
    """Return 64 hexadecimal digits that change with any of the plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
