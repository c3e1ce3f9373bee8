"""The fingerprint of a data set: what planning knows of it. Test cases never enter."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hifisyn import __version__
from hifisyn.dataset import Dataset
from hifisyn.engine.parallel import run_cases
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json
from hifisyn.planning.measure import STATISTICS, describe, tidy
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore

FORMAT = 1


def extract(
    dataset: Dataset,
    aligned: AlignedStore,
    cases: Iterable[str],
    settings: PreprocessingPlan | None = None,
    *,
    digest: str = "",
    facts: Path | None = None,
    processes: int | None = 1,
) -> dict[str, Any]:
    """Measure the training cases.

    Args:
        dataset: the raw data set.
        aligned: its aligned cases.
        cases: names of the cases to measure; held-out cases must not be among them.
        settings: how they were aligned; its upper percentile sets the fit bound of intensities.
        digest: `input_digest` of the same cases and settings.
        facts: folder that keeps what was measured of each case, for the next time; none: nothing is kept.
        processes: cases at a time; none: as many as fit.

    Returns:
        Plain data: `cases` by name (grid, brain box in mm, label volumes in ml, modalities), and over all
        cases `geometry`, `intensities` by modality and structure (medians over cases, scanner units) and
        `structures` (median, min, max ml among the cases that hold each).

    Raises:
        ValueError: a held-out case was named.
        UserError: an aligned case cannot be measured.
    """
    names = sorted(cases)
    settings = settings or PreprocessingPlan(reference=dataset.reference)
    if leaked := sorted(set(names) & set(dataset.test)):
        raise ValueError(f"held-out cases never enter the fingerprint, got {leaked}")
    with ExitStack() as stack:
        kept = facts or Path(stack.enter_context(TemporaryDirectory()))
        found = _measure_all(aligned, names, dataset.labels, settings.upper_percentile, kept, processes)
    found = {name: {"subject": dataset.cases[name].subject, **case} for name, case in found.items()}
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
        "geometry": _geometry(found.values()),
        "intensities": _intensities(found.values(), dataset),
        "structures": _structures(found.values(), dataset.labels),
        "cases": found,
    }


def input_digest(dataset: Dataset, aligned: AlignedStore, cases: Iterable[str], settings: PreprocessingPlan) -> str:
    """Return "sha256:..." over the digests of the files of the cases, who they are, the labels and the settings.

    It changes when any of these does, and is the same on every machine. The digests of the files are in the keys
    under which the cases were aligned.
    """
    content = {
        "settings": settings.model_dump(mode="json"),
        "labels": dataset.labels,
        "modalities": dataset.modalities,
        "cases": {name: [dataset.cases[name].subject, aligned.key(name)] for name in cases},
    }
    text = json.dumps(content, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _measure_all(
    aligned: AlignedStore,
    names: list[str],
    labels: Mapping[str, int],
    upper: float,
    folder: Path,
    processes: int | None,
) -> dict[str, dict[str, Any]]:
    paths = {name: folder / f"{name}.json" for name in names}
    keys = {name: _facts_key(aligned.key(name) or "", labels, upper) for name in names}
    jobs = {
        name: (aligned.folder, name, dict(labels), upper, keys[name], path)
        for name, path in paths.items()
        if not path.exists() or read_json(path).get("key") != keys[name]
    }
    failures = run_cases(measure_case, jobs, processes=processes, title="fingerprint") if jobs else []
    if failures:
        reasons = "; ".join(f"{failure.case}: {failure.reason}" for failure in failures)
        raise UserError(
            f"wanted to measure {len(names)} aligned cases, {len(failures)} failed: {reasons}; "
            f"remove their files in {aligned.folder} and run again"
        )
    return {name: read_json(path)["facts"] for name, path in paths.items()}


def measure_case(folder: Path, name: str, labels: dict[str, int], upper: float, key: str, path: Path) -> None:
    """Write what `describe` finds in the aligned case `name` of `folder` to `path`, under `key`."""
    case = AlignedStore(folder).read(name)
    facts = describe(case.images, case.brain, case.label, labels, upper)
    write_json(path, {"key": key, "facts": facts})


def _median(values: Iterable[float]) -> float:
    """Return the median to 6 digits."""
    return tidy(np.median(list(values)))


def _facts_key(aligned_key: str, labels: Mapping[str, int], upper: float) -> str:
    return hashlib.sha256(json.dumps([FORMAT, aligned_key, dict(labels), upper]).encode()).hexdigest()


def _geometry(facts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    facts = list(facts)
    spacing = np.array([case["spacing_mm"] for case in facts])
    box = np.array([case["brain_box_mm"] for case in facts])
    slices = [case["brain_slices"] for case in facts]
    return {
        "spacing_mm": {"median": [_median(axis) for axis in spacing.T], "max": spacing.max(axis=0).tolist()},
        "brain_box_mm": {"median": [_median(axis) for axis in box.T], "max": box.max(axis=0).tolist()},
        "brain_slices": {"median": _median(slices), "min": min(slices)},
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
            "high": {"median": _median(highs), "min": min(highs), "max": max(highs)},
        }
        for part in ("brain", *(name for name, value in dataset.labels.items() if value)):
            there = [entry[part] for entry in found if part in entry]
            if there:
                result[modality][part] = {key: _median([s[key] for s in there]) for key in STATISTICS}
    return result


def _structures(facts: Iterable[dict[str, Any]], labels: Mapping[str, int]) -> dict[str, Any]:
    facts = [case for case in facts if case["labels_ml"]]
    result: dict[str, Any] = {}
    for name in labels if facts else ():
        held = [case["labels_ml"][name] for case in facts if case["labels_ml"].get(name, 0) > 0]
        result[name] = {"cases": len(held), "median_ml": _median(held) if held else 0.0}
        result[name] |= {"min_ml": min(held, default=0.0), "max_ml": max(held, default=0.0)}
    return result
