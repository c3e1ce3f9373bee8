"""The fingerprint of a data set: what planning knows of it. Test cases never enter."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from hifisyn import __version__
from hifisyn.dataset import Dataset
from hifisyn.files import sha256
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing import normalize
from hifisyn.volume import Volume

if TYPE_CHECKING:
    from hifisyn.preprocessing.aligned import AlignedStore

FORMAT = 1
SAMPLED_VOXELS = 200_000
STATISTICS = ("mean", "median", "std", "p00_5", "p99_5")


def extract(
    dataset: Dataset,
    aligned: "AlignedStore",
    cases: Iterable[str],
    settings: PreprocessingPlan | None = None,
    *,
    digest: str = "",
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> dict[str, Any]:
    """Measure the training cases.

    Args:
        dataset: the raw data set.
        aligned: its aligned cases.
        cases: names of the cases to measure; held-out cases must not be among them.
        settings: how they were aligned; its upper percentile sets the fit bound of intensities.
        digest: `input_digest` of the same cases and settings.
        track: wraps the loop over the cases, to show progress.

    Returns:
        Plain data: `cases` by name (grid, brain box in mm, label volumes in ml, modalities), and over all
        cases `geometry`, `intensities` by modality and structure (medians over cases, scanner units) and
        `structures` (median, min, max ml among the cases that hold each).

    Raises:
        ValueError: a held-out case was named.
    """
    names = sorted(cases)
    settings = settings or PreprocessingPlan(reference=dataset.reference)
    if leaked := sorted(set(names) & set(dataset.test)):
        raise ValueError(f"held-out cases never enter the fingerprint, got {leaked}")
    facts = {name: _measure(dataset, aligned, name, settings) for name in track(names)}
    return {
        "format": FORMAT,
        "dataset": dataset.name,
        "digest": digest,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"hifisyn": __version__, "python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "scipy", "nibabel")},
        "settings": settings.model_dump(mode="json"),
        "modalities": list(dataset.modalities),
        "labels": dict(dataset.labels),
        "subjects": len({dataset.cases[name].subject for name in names}),
        "geometry": _geometry(facts.values()),
        "intensities": _intensities(facts.values(), dataset),
        "structures": _structures(facts.values(), dataset.labels),
        "cases": facts,
    }


def input_digest(dataset: Dataset, cases: Iterable[str], settings: PreprocessingPlan) -> str:
    """Return "sha256:..." over the files of the cases, who they are, the labels and the settings.

    It changes when any of these does, and is the same on every machine.
    """
    names = sorted(cases)
    files = [path for name in names for path in _files(dataset, name).values()]
    with ThreadPoolExecutor(max_workers=8) as pool:
        digests = dict(zip(files, pool.map(sha256, files), strict=True))
    content = {
        "settings": settings.model_dump(mode="json"),
        "labels": dataset.labels,
        "modalities": dataset.modalities,
        "cases": {
            name: [dataset.cases[name].subject, {key: digests[path] for key, path in _files(dataset, name).items()}]
            for name in names
        },
    }
    text = json.dumps(content, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def describe(
    images: Mapping[str, Volume], brain: Volume, label: Volume | None, labels: Mapping[str, int], upper: float
) -> dict[str, Any]:
    """Measure one case.

    Args:
        images: by modality, placed in one world by their affines, each on its own grid.
        brain: mask on the reference grid, canonical axis order (RAS).
        label: label map on the grid of the mask, or none.
        labels: structure to value.
        upper: percentile of the brain that becomes +1.

    Returns:
        `shape`, `spacing_mm`, `brain_box_mm` (left-right, back-front, bottom-top), `brain_ml`, `labels_ml`,
        `modalities`, `intensities` by modality: `high` and the statistics of the brain and of each structure.
    """
    mask = brain.data > 0
    inside = np.argwhere(mask)
    extent = (inside.max(axis=0) - inside.min(axis=0) + 1) * np.array(brain.spacing)
    voxel_ml = float(np.prod(brain.spacing)) / 1000
    volumes = {}
    if label is not None:
        volumes = {name: float((label.data == value).sum()) * voxel_ml for name, value in labels.items() if value}
        volumes["background"] = float((~mask).sum()) * voxel_ml
    sampled = inside[:: max(1, len(inside) // SAMPLED_VOXELS)]
    structure = None if label is None else label.data[tuple(sampled.T)]
    return {
        "shape": list(brain.shape),
        "spacing_mm": [round(s, 4) for s in brain.spacing],
        "brain_box_mm": [round(float(e), 2) for e in extent],
        "brain_ml": round(float(mask.sum()) * voxel_ml, 2),
        "labels_ml": {name: round(ml, 3) for name, ml in volumes.items()},
        "modalities": sorted(images),
        "intensities": {
            modality: _describe_intensities(_values_at(image, brain, sampled), structure, labels, upper)
            for modality, image in images.items()
        },
    }


def _measure(dataset: Dataset, aligned: "AlignedStore", name: str, settings: PreprocessingPlan) -> dict[str, Any]:
    record = aligned.record(name)
    modalities = [m for m in dataset.modalities if m in record["modalities"]]
    images = {modality: aligned.image(name, modality) for modality in modalities}
    label = aligned.label(name) if record.get("labelled", True) else None
    case = describe(images, aligned.brain(name), label, dataset.labels, settings.upper_percentile)
    return {"subject": dataset.cases[name].subject, **case}


def _values_at(image: Volume, brain: Volume, voxels: np.ndarray) -> np.ndarray:
    """Return the image at voxels (N, 3) of the brain's grid, linear; NaN where the image does not reach."""
    to_image = np.linalg.inv(image.affine) @ brain.affine
    at = to_image[:3, :3] @ voxels.T + to_image[:3, 3:]
    return ndimage.map_coordinates(image.data.astype(np.float32), at, order=1, cval=np.nan, mode="constant")


def _describe_intensities(
    values: np.ndarray, structure: np.ndarray | None, labels: Mapping[str, int], upper: float
) -> dict[str, Any]:
    reached = np.isfinite(values)
    values = values[reached]
    if values.size == 0:
        return {"high": None, "brain": None}
    high = normalize.fit(values, np.ones(values.shape, bool), upper).high
    found: dict[str, Any] = {"high": float(high), "brain": _statistics(values)}
    if structure is not None:
        structure = structure[reached]
        for name, value in labels.items():
            if value and (structure == value).any():
                found[name] = _statistics(values[structure == value])
    return found


def _statistics(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, (0.5, 50, 99.5))
    numbers = (values.mean(dtype=np.float64), median, values.std(dtype=np.float64), low, high)
    return {key: float(f"{number:.5g}") for key, number in zip(STATISTICS, numbers, strict=True)}


def _geometry(facts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    facts = list(facts)
    spacing = np.array([case["spacing_mm"] for case in facts])
    box = np.array([case["brain_box_mm"] for case in facts])
    slices = [case["brain_box_mm"][2] / case["spacing_mm"][2] for case in facts]
    return {
        "spacing_mm": {"median": np.median(spacing, axis=0).tolist(), "max": spacing.max(axis=0).tolist()},
        "brain_box_mm": {"median": np.median(box, axis=0).tolist(), "max": box.max(axis=0).tolist()},
        "brain_slices": {"median": float(np.median(slices)), "min": float(min(slices))},
    }


def _intensities(facts: Iterable[dict[str, Any]], dataset: Dataset) -> dict[str, Any]:
    facts = list(facts)
    result: dict[str, Any] = {}
    for modality in dataset.modalities:
        found = [case["intensities"][modality] for case in facts if modality in case["intensities"]]
        found = [entry for entry in found if entry["high"] is not None]
        if not found:
            continue
        highs = [entry["high"] for entry in found]
        result[modality] = {
            "cases": len(found),
            "high": {"median": float(np.median(highs)), "min": min(highs), "max": max(highs)},
        }
        for part in ("brain", *(name for name, value in dataset.labels.items() if value)):
            there = [entry[part] for entry in found if part in entry]
            if there:
                result[modality][part] = {key: float(np.median([s[key] for s in there])) for key in STATISTICS}
    return result


def _structures(facts: Iterable[dict[str, Any]], labels: Mapping[str, int]) -> dict[str, Any]:
    facts = [case for case in facts if case["labels_ml"]]
    result: dict[str, Any] = {}
    for name in labels if facts else ():
        held = [case["labels_ml"][name] for case in facts if case["labels_ml"].get(name, 0) > 0]
        result[name] = {"cases": len(held), "median_ml": float(np.median(held)) if held else 0.0}
        result[name] |= {"min_ml": min(held, default=0.0), "max_ml": max(held, default=0.0)}
    return result


def _files(dataset: Dataset, name: str) -> dict[str, Path]:
    case = dataset.cases[name]
    return dict(case.images) | ({"label": case.label} if case.label else {})
