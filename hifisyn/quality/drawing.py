"""A picture of each aligned case, drawn by the engine."""

from pathlib import Path

from hifisyn.dataset import Dataset
from hifisyn.engine.digests import digest
from hifisyn.engine.jobs import Failure
from hifisyn.engine.subject import Done, Task
from hifisyn.engine.sweep import Engine
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.quality.case_picture import draw_case

PICTURE = "picture"
# Raise it whenever the same case is drawn differently.
FORMAT = 1


def draw_pictures(dataset: Dataset, aligned: AlignedStore, folder: Path, engine: Engine) -> list[Failure]:
    """Draw each case that has no picture since it was aligned; return those that could not be drawn."""
    tasks = (
        Task(
            case,
            (aligned.folder, name, dataset.labels, folder / f"{name}.png"),
            {"record": aligned.record_path(name)},
            digest(FORMAT, dataset.labels),
            folder / f"{name}.png",
            private=dataset.private,
        )
        for name, case in dataset.all_cases.items()
    )
    return engine.sweep(PICTURE, draw_aligned, tasks)


def draw_aligned(key: str, folder: Path, case: str, labels: dict[str, int], path: Path) -> Done:
    """Draw an aligned case of `folder`; a job of the engine."""
    aligned = AlignedStore(folder).read(case)
    record = aligned.record
    draw_case(
        path,
        aligned.images,
        aligned.brain,
        aligned.label,
        reference=record.reference,
        labels=labels,
        title=f"{case}: brain {record.brain_ml:.0f} ml",
    )
    return Done()
