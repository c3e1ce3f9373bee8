"""Prepared slices of real scans, grouped by source."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.base.condition import tissue_means

GROUPS = ("lgg", "ms_raw", "ms_mni")


@dataclass(frozen=True)
class Case:
    """A visit: `images` of contrasts (S, H, W) in [-1, 1]; `brain` bool and `labels` of the same shape.

    `middle` (S,) bool: the slices that measures are taken on.
    """

    name: str
    patient: str
    images: dict[str, np.ndarray]
    brain: np.ndarray
    labels: np.ndarray
    middle: np.ndarray
    pixel_mm: float


def read_groups(folder: Path) -> dict[str, list[Case]]:
    """Return the cases of a folder by group, in the order of their names."""
    cases = [read(file) for file in sorted(folder.glob("*.npz"))]
    found = {group: [case for case in cases if case.name.startswith(group)] for group in GROUPS}
    return {group: members for group, members in found.items() if members}


def read(file: Path) -> Case:
    """Read one visit."""
    with np.load(file) as arrays:
        images = {name[3:]: arrays[name] for name in arrays.files if name.startswith("im_")}
        return Case(
            file.stem,
            file.stem.split("_study")[0],
            images,
            arrays["brain"],
            arrays["label"],
            np.isin(np.arange(len(arrays["brain"])), arrays["training"]),
            float(arrays["pixel"]),
        )


def others(case: Case, cases: Sequence[Case]) -> list[Case]:
    """Return the cases of other patients."""
    return [other for other in cases if other.patient != case.patient]


def cohort_look(cases: Sequence[Case], target: str) -> list[float | None]:
    """Return the mean over cases of the tissue means of a contrast."""
    means = [[np.nan if m is None else m for m in tissue_means(c.images[target], c.labels)] for c in cases]
    columns = np.array(means, dtype=float).T
    return [float(np.nanmean(column)) if np.isfinite(column).any() else None for column in columns]
