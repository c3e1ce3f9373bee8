"""The fingerprint of a data set: what planning knows of it. Test cases never enter."""

import hashlib
import json
import platform
from array import array
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
from hifisyn.engine.digests import digest as digest_of
from hifisyn.engine.jobs import Failure
from hifisyn.engine.subject import Done, Task
from hifisyn.engine.sweep import Engine, used
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.planning.measure import ANCHORS, STATISTICS, describe, tidy
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.aligned import OF_RECORD, AlignedStore

MEASURE = "measure"
FORMAT = 3


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
    """Measure the training cases and summarise them.

    Args:
        dataset: the raw data set.
        aligned: its aligned cases.
        cases: names of the cases to measure; held-out cases must not be among them.
        settings: how they were aligned; its upper percentile sets the fit bound of intensities.
        digest: `input_digest` of the same cases and settings.
        facts: folder that keeps what was measured of each case, for the next time; none: nothing is kept.
        processes: subjects at a time; none: as many as fit.

    Returns:
        See `summary`.

    Raises:
        ValueError: a held-out case was named.
        UserError: an aligned case cannot be measured.
    """
    names = sorted(cases)
    _refuse_held_out(dataset, names)
    settings = settings or PreprocessingPlan(reference=dataset.reference)
    with ExitStack() as stack:
        kept = facts or Path(stack.enter_context(TemporaryDirectory()))
        engine = stack.enter_context(used(None, processes))
        failures = measure(dataset, aligned, names, settings, kept, engine)
        if failures:
            reasons = "; ".join(f"{failure.case}: {failure.reason}" for failure in failures)
            raise UserError(
                f"{len(failures)} of {len(names)} aligned cases cannot be measured: {reasons}",
                hint=f"remove their files in {aligned.folder} and run again",
            )
        return summary(dataset, names, settings, kept, digest=digest)


def measure(
    dataset: Dataset,
    aligned: AlignedStore,
    cases: Iterable[str],
    settings: PreprocessingPlan,
    facts: Path,
    engine: Engine,
) -> list[Failure]:
    """Write what `describe` finds in each aligned case to a file in `facts`; held-out cases may be among them.

    Returns:
        The cases that cannot be measured.
    """
    everyone = dataset.all_cases
    labels, upper = dict(dataset.labels), settings.upper_percentile
    config = digest_of(FORMAT, list(labels.items()), upper)
    tasks = (
        Task(
            everyone[name],
            (aligned.folder, name, labels, upper, facts / f"{name}.json"),
            {"record": aligned.record_path(name)},
            config,
            facts / f"{name}.json",
            private=dataset.private,
        )
        for name in cases
    )
    return engine.sweep(MEASURE, measure_case, tasks)


def measure_case(key: str, folder: Path, name: str, labels: dict[str, int], upper: float, path: Path) -> Done:
    """Do the step of the engine: write the facts of the aligned case `name` of `folder`, unless they are there."""
    if path.exists() and read_object(path).get("key") == key:
        return Done(kept=True)
    store = AlignedStore(folder)
    case = store.read(name)
    write_json(
        path,
        {
            "key": key,
            OF_RECORD: store.digest(name),
            "facts": describe(case.placed, case.brain, case.label, labels, upper),
        },
    )
    return Done()


def summary(
    dataset: Dataset, cases: Iterable[str], settings: PreprocessingPlan, facts: Path, *, digest: str = ""
) -> dict[str, Any]:
    """Sum up what was measured of the training cases; memory grows by a few numbers a case.

    Returns:
        Plain data: over all cases `geometry`, `intensities` by modality and structure (medians over cases, scanner
        units) and `structures` (median, min, max ml among the cases that hold each), and the names of the `cases`.

    Raises:
        ValueError: a held-out case was named.
    """
    names = sorted(cases)
    _refuse_held_out(dataset, names)
    columns = _Columns(read_object(facts / f"{name}.json")["facts"] for name in names)
    return {
        "format": FORMAT,
        "dataset": dataset.name,
        "digest": digest,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"hifisyn": __version__, "python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "scipy", "nibabel")},
        "settings": settings.model_dump(mode="json"),
        "modalities": list(dataset.modalities),
        "labels": dict(dataset.labels),
        "subjects": len({dataset.cases[name].subject for name in names}),
        "geometry": _geometry(columns),
        "intensities": _intensities(columns, dataset),
        "structures": _structures(columns, dataset.labels),
        "cases": names,
    }


def input_digest(
    dataset: Dataset,
    aligned: AlignedStore,
    cases: Iterable[str],
    settings: PreprocessingPlan,
    keys: Mapping[str, str] | None = None,
) -> str:
    """Return "sha256:..." over the digests of the files of the cases, who they are, the labels and the settings.

    It changes when any of these does, and is the same on every machine. The digests of the files are in the keys
    under which the cases were aligned; they are read from the records where they are not given.
    """
    content = {
        "settings": settings.model_dump(mode="json"),
        "labels": dataset.labels,
        "modalities": dataset.modalities,
        "cases": {name: [dataset.cases[name].subject, keys[name] if keys else aligned.key(name)] for name in cases},
    }
    text = json.dumps(content, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _refuse_held_out(dataset: Dataset, names: Iterable[str]) -> None:
    if leaked := sorted(set(names) & set(dataset.test)):
        raise ValueError(f"held-out cases must not enter the fingerprint (got {leaked})")


class _Columns:
    """The numbers of all cases, one column a measure, such as ("high", "T1") or ("ml", "GM")."""

    def __init__(self, facts: Iterable[dict[str, Any]]) -> None:
        self._columns: dict[tuple[str, ...], array[float]] = {}
        self.labelled = False
        for case in facts:
            self._take(case)

    def __getitem__(self, name: tuple[str, ...]) -> np.ndarray:
        return np.array(self._columns.get(name, ()), dtype=np.float64)

    def __contains__(self, name: tuple[str, ...]) -> bool:
        return name in self._columns

    def _take(self, case: dict[str, Any]) -> None:
        for axis in range(3):
            self._add(("spacing_mm", str(axis)), case["spacing_mm"][axis])
            self._add(("brain_box_mm", str(axis)), case["brain_box_mm"][axis])
        self._add(("brain_slices",), case["brain_slices"])
        for name, ml in case["labels_ml"].items():
            self.labelled = True
            if ml > 0:
                self._add(("ml", name), ml)
        for modality, entry in case["intensities"].items():
            if entry["high"] is None:
                continue
            for key in ANCHORS:
                self._add((key, modality), entry[key])
            for part, statistics in entry.items():
                for key in STATISTICS if part not in ANCHORS else ():
                    self._add((key, modality, part), statistics[key])

    def _add(self, name: tuple[str, ...], value: float) -> None:
        self._columns.setdefault(name, array("d")).append(value)


def _median(values: np.ndarray) -> float:
    """Return the median to 6 digits."""
    return tidy(np.median(values))


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"median": _median(values), "min": float(values.min()), "max": float(values.max())}


def _geometry(columns: _Columns) -> dict[str, Any]:
    geometry: dict[str, Any] = {}
    for name in ("spacing_mm", "brain_box_mm"):
        axes = [columns[name, str(axis)] for axis in range(3)]
        geometry[name] = {"median": [_median(axis) for axis in axes], "max": [float(axis.max()) for axis in axes]}
    slices = columns["brain_slices",]
    return geometry | {"brain_slices": {"median": _median(slices), "min": int(slices.min())}}


def _intensities(columns: _Columns, dataset: Dataset) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for modality in dataset.modalities:
        highs = columns["high", modality]
        if not highs.size:
            continue
        result[modality] = {"cases": int(highs.size)} | {key: _spread(columns[key, modality]) for key in ANCHORS}
        for part in ("brain", *(name for name, value in dataset.labels.items() if value)):
            if (STATISTICS[0], modality, part) in columns:
                result[modality][part] = {key: _median(columns[key, modality, part]) for key in STATISTICS}
    return result


def _structures(columns: _Columns, labels: Mapping[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in labels if columns.labelled else ():
        held = columns["ml", name]
        result[name] = {"cases": int(held.size), "median_ml": _median(held) if held.size else 0.0}
        result[name] |= {"min_ml": float(held.min(initial=np.inf)), "max_ml": float(held.max(initial=0.0))}
        if not held.size:
            result[name]["min_ml"] = 0.0
    return result
