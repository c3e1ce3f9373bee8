"""How the training scans of a fold look, by contrast: training_scans.json of the fold, which prediction reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.paths import SCANS_JSON
from hifisyn.slices import SliceStore
from hifisyn.training.job import Job
from hifisyn.training.likeness import Look, describe

MOST_CASES = 50  # of a contrast, evenly spread; how scans differ is not known better from more


def write(job: Job) -> None:
    """Write means and spreads of what the training scans show; of no single one, and of no other cases."""
    if job.store is not None:
        looks = {contrast: _look(job.store, job.train, contrast) for contrast in job.domains}
        write_json(job.folder / SCANS_JSON, {contrast: look.as_json() for contrast, look in looks.items()})


def read(folder: Path) -> dict[str, Look]:
    """Return how the training scans of a fold look, by contrast; empty where that is not known.

    Args:
        folder: of the fold.
    """
    try:
        content = read_object(folder / SCANS_JSON)
    except (UserError, OSError):
        return {}
    return {contrast: Look.from_json(entry) for contrast, entry in content.items()}


def _look(store: SliceStore, train: tuple[str, ...], contrast: str) -> Look:
    having = [case for case in train if contrast in store.record(case)["modalities"]]
    places = sorted({round(place) for place in np.linspace(0, len(having) - 1, min(MOST_CASES, len(having)))})
    return Look.of([_numbers(store, having[place], contrast) for place in places])


def _numbers(store: SliceStore, case: str, contrast: str) -> dict[str, float]:
    record = store.record(case)
    return describe(
        store.image(case, contrast), store.brain(case), _brain_ml(record), _voxel_mm(record.get("scans"), contrast)
    )


def _brain_ml(record: Mapping[str, Any]) -> float:
    value = record.get("brain_ml")
    return float(value) if isinstance(value, int | float) else 0.0


def _voxel_mm(scans: object, contrast: str) -> list[float]:
    """Return the sides of a voxel of the scan as its file had it; empty where the record lacks them."""
    try:
        affine = np.asarray(scans[contrast]["original"]["affine"], dtype=np.float64)  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return []
    return [float(side) for side in np.linalg.norm(affine[:3, :3], axis=0)] if affine.shape == (4, 4) else []
