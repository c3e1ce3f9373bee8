"""The steps of a whole data set, done by the engine: resumable, failures isolated per case."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.digests import digest
from hifisyn.engine.jobs import Failure
from hifisyn.engine.resources import GIB_A_WORKER
from hifisyn.engine.subject import Done, Task
from hifisyn.engine.sweep import Engine, used
from hifisyn.errors import UserError
from hifisyn.paths import slices_folder
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.align import align_case
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.brain import peak_gib
from hifisyn.preprocessing.extract_slices import extract_slices
from hifisyn.preprocessing.manual_labels import manual_label_path
from hifisyn.slices import EXTRACTED_BY, SliceStore
from hifisyn.volume import Volume, read_grid

ALIGN, CUT = "align", "cut"
# Of a step: raised whenever the same input and settings give another result, so that old cases are done again.
FORMAT = {ALIGN: 6, CUT: 8}
MANUAL = "manual label"
DONE_BEFORE = {
    "skull_stripped": {"skull_strip": "none"},
    "registered": {"registration": "none"},
    "bias_corrected": {"bias": "never"},
}
# Of the steps up to the labels, measured: what the libraries take, and what a voxel of the largest scan takes.
GIB_AT_REST, BYTES_A_VOXEL = 0.9, 100


def align_dataset(
    dataset: Dataset,
    folder: Path,
    settings: PreprocessingPlan,
    *,
    processes: int | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    engine: Engine | None = None,
) -> list[Failure]:
    """Align all cases of a data set, held-out ones too, into an AlignedStore.

    A case that was aligned from the same files by the same settings is skipped. A label map corrected by hand
    (`manual_labels`), beside the store, takes the place of the case's own.

    Args:
        dataset: raw.
        folder: of the store.
        settings: see `align.align_case`; what was done to a case before (`Case.done`) is not done again.
        processes: subjects at a time; none: as many as fit; 0 or 1: in this process. The engine's count where one is
            given.
        device: of the skull stripping; on a GPU everything runs in this process, since networks share it badly.
        overwrite: align every case again.
        engine: what does the work.
    """
    tasks = _align_tasks(dataset, folder, settings, device, overwrite)
    with used(engine, processes) as worker:
        return worker.sweep(
            ALIGN,
            align,
            tasks,
            gib_each=lambda: max(gib_of(dataset), peak_gib(settings.skull_strip)),
            alone=device != "cpu",
        )


def slice_dataset(
    dataset: Dataset,
    aligned: AlignedStore,
    store: SliceStore,
    plans: Plans,
    *,
    processes: int | None = None,
    overwrite: bool = False,
    engine: Engine | None = None,
) -> list[Failure]:
    """Extract the slices of all cases of a data set, held-out ones too, into a SliceStore.

    A case whose slices come from the same aligned case and the same plan is skipped.
    """
    config = digest(FORMAT[CUT], _extracted_by(plans))
    tasks = (
        Task(
            case,
            (aligned.folder, store.folder, case.name, plans, overwrite),
            {"record": aligned.record_path(case.name)},
            config,
            store.folder / f"{case.name}.json",
            force=overwrite,
            private=dataset.private,
            beside=store.files(case.name, tuple(case.images)),
        )
        for case in dataset.all_cases.values()
    )
    with used(engine, processes) as worker:
        return worker.sweep(slice_step(store), extract, tasks, gib_each=lambda: gib_of(dataset), into=store.folder)


def slice_step(store: SliceStore) -> str:
    """Return the step's name in the ledger: several plans of a data set stand side by side, each with its slices."""
    name = store.folder.name
    return CUT if name == slices_folder(Path()).name else f"{CUT} {name}"


def _align_tasks(
    dataset: Dataset, folder: Path, settings: PreprocessingPlan, device: str, overwrite: bool
) -> Iterator[Task]:
    corrected, store = manual_labels(folder.parent, dataset), AlignedStore(folder)
    configs: dict[tuple[str, ...], tuple[PreprocessingPlan, str]] = {}
    for case in dataset.all_cases.values():
        if case.done not in configs:
            own = settings_of(case, settings)
            configs[case.done] = own, digest(FORMAT[ALIGN], dataset.labels, own.model_dump(mode="json"))
        files, (own, config) = case.files, configs[case.done]
        if case.name in corrected:
            files = {name: path for name, path in files.items() if name != "label"} | {MANUAL: corrected[case.name]}
        yield Task(
            case,
            (folder, case, corrected.get(case.name), dataset.labels, own, device, overwrite),
            files,
            config,
            store.record_path(case.name),
            force=overwrite,
            private=dataset.private,
            beside=store.files(case.name, tuple(case.images)),
        )


def settings_of(case: Case, settings: PreprocessingPlan) -> PreprocessingPlan:
    """Return the settings without the steps that were done to this case before."""
    changes = {name: value for step in case.done for name, value in DONE_BEFORE[step].items()}
    return settings.model_copy(update=changes) if changes else settings


def manual_labels(preprocessed: Path, dataset: Dataset) -> dict[str, Path]:
    """Return the label maps that were corrected by hand, by case."""
    folder = manual_label_path(preprocessed, "").parent
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    paths = {case: manual_label_path(preprocessed, case) for case in dataset.all_cases} if there else {}
    return {case: path for case, path in paths.items() if path.name in there}


def align(
    key: str,
    folder: Path,
    case: Case,
    manual: Path | None,
    labels: dict[str, int],
    settings: PreprocessingPlan,
    device: str,
    overwrite: bool,
) -> Done:
    """Do the step of the engine: write the aligned case under the key, unless it is there."""
    store = AlignedStore(folder)
    if (
        not overwrite
        and store.key(case.name) == key
        and all(f.exists() for f in store.files(case.name, tuple(case.images)))
    ):
        labelled = bool(store.record(case.name)["labelled"])
        return Done(labels=_labels(case, manual, labelled), kept=True)
    images = {modality: Volume.load(path) for modality, path in case.images.items()}
    path = manual or case.label
    label = Volume.load_labels(path) if path else None
    mask = Volume.load_mask(case.brain) if case.brain else None
    aligned = align_case(
        images, settings, label=label, labels=labels, mask=mask, manual=manual is not None, device=device
    )
    store.write(case.name, aligned, key)
    return Done(labels=_labels(case, manual, aligned.label is not None), parts=aligned.seconds)


def _labels(case: Case, manual: Path | None, labelled: bool) -> str:
    if manual:
        return "manual"
    if not labelled:
        return "none"
    return "given" if case.label else "computed"


def extract(key: str, aligned_folder: Path, into: Path, case: str, plans: Plans, overwrite: bool) -> Done:
    """Do the step of the engine: write the slices of a case under the key, unless they are there."""
    store = SliceStore(into)
    record = into / f"{case}.json"
    if not overwrite and record.exists() and store.whole(case) and store.record(case).get("key") == key:
        return Done(kept=True)
    aligned = AlignedStore(aligned_folder).read(case)
    record.unlink(missing_ok=True)
    slices = extract_slices(aligned, plans)
    content = {"key": key, EXTRACTED_BY: _extracted_by(plans), **slices.record.as_json()}
    store.write(
        case, slices.images, slices.brain, slices.label, content, training=slices.training, covered=slices.covered
    )
    return Done()


def _extracted_by(plans: Plans) -> dict[str, Any]:
    """Return the parts of plans that decide what slices look like."""
    return plans.model_dump(mode="json", include={"slices", "preprocessing"})


def gib_of(dataset: Dataset) -> float:
    """Return the memory that a subject is likely to take, by the header of the first case that can be read."""
    for case in dataset.all_cases.values():
        try:
            voxels = max(np.prod(read_grid(path).shape) for path in case.images.values())
        except (UserError, OSError, ValueError):
            continue
        return GIB_AT_REST + float(voxels) * BYTES_A_VOXEL / 2**30
    return GIB_A_WORKER
