"""What is measured of every case: one array a measurement, one entry a case."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hifisyn.dataset import TISSUES, Dataset
from hifisyn.engine.parallel import map_cases
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.paths import ALIGNED
from hifisyn.preprocessing.aligned import OF_RECORD, AlignedStore
from hifisyn.preprocessing.record import steps_of, untrusted
from hifisyn.preprocessing.registration_checks import Checks
from hifisyn.preprocessing.steps import Stage, Step
from hifisyn.slices import SliceStore

Side = Literal["both", "low", "high", "none"]
Read = Callable[[Mapping[str, Any], Mapping[str, float]], float | None]

FACTS, VOLUMES = "fingerprint", "qc"
WORTH_PROCESSES = 30


@dataclass(frozen=True)
class Measure:
    """A number that cases have.

    Attributes:
        key: column of the table, such as "T2_mi".
        title: for people, such as "mutual information of T2".
        unit: "ml", "mm", "%" or none.
        read: takes it from the record of a case and its label volumes (ml by structure); none: the case lacks it.
        side: on which side of the median a case can be an outlier; "none": on neither, the number is only shown.
        least: smaller differences from the median never count; a factor minus one where `log`.
        log: differences count as factors.
    """

    key: str
    title: str
    unit: str
    read: Read
    side: Side = "both"
    least: float = 0.0
    log: bool = False


@dataclass(frozen=True)
class CohortMeasures:
    """The measurements of all cases.

    Attributes:
        cases: names, sorted.
        measures: those that at least one case has.
        values: by key, (N,) float64, NaN where a case lacks one.
        steps: stage to what it did in each case; none where it is not part of how the case was prepared.
        untrusted: case to the checks of its registrations that are not trusted, by modality.
    """

    cases: list[str]
    measures: list[Measure]
    values: dict[str, np.ndarray]
    steps: dict[Stage, list[Step | None]]
    untrusted: dict[str, dict[str, Checks]] = field(default_factory=dict)


def collect_measures(folder: Path, dataset: Dataset, cases: Sequence[str], slices: SliceStore | None) -> CohortMeasures:
    """Collect the measurements of aligned cases.

    Args:
        folder: of the preprocessed data set.
        dataset: raw.
        cases: names of aligned cases.
        slices: whose records are read for the cases that have slices, since they hold more.
    """
    aligned = AlignedStore(folder / ALIGNED)
    sliced = set(slices.cases()) if slices else set()
    known = list_measures(dataset)
    values = {measure.key: np.full(len(cases), np.nan) for measure in known}
    steps: dict[Stage, list[Step | None]] = {}
    doubts: dict[str, dict[str, Checks]] = {}
    unmeasured: dict[str, tuple[Any, ...]] = {}
    for place, case in enumerate(cases):
        record = slices.record(case) if slices and case in sliced else aligned.record(case)
        if found := untrusted(record):
            doubts[case] = found
        for stage, step in steps_of(record).items():
            steps.setdefault(stage, [None] * len(cases))[place] = step
        volumes = _known_volumes(folder, case, aligned) if record["labelled"] else {}
        if volumes is None:
            unmeasured[case] = (aligned.folder, case, dict(dataset.labels), folder / VOLUMES / f"{case}.json")
        _fill(values, known, place, record, volumes or {})
    processes = None if len(unmeasured) > WORTH_PROCESSES else 1
    measured = (
        map_cases(measure_volumes, unmeasured, processes=processes, title="label volumes")[0] if unmeasured else {}
    )
    for place, case in enumerate(cases):
        if case in measured:
            _fill(values, _of_labels(dataset), place, {}, measured[case])
    present = [measure for measure in known if np.isfinite(values[measure.key]).any()]
    return CohortMeasures(
        list(cases), present, {measure.key: values[measure.key] for measure in present}, steps, doubts
    )


def measure_volumes(aligned: Path, case: str, labels: dict[str, int], path: Path) -> dict[str, float]:
    """Return and save the volume of each structure of an aligned case, in ml."""
    store = AlignedStore(aligned)
    label = store.label(case)
    counts = np.bincount(label.data.ravel(), minlength=256)
    volumes = {name: round(float(counts[value]) * label.voxel_ml, 3) for name, value in labels.items() if value}
    write_json(path, {OF_RECORD: store.digest(case), "facts": {"labels_ml": volumes}})
    return volumes


def _known_volumes(folder: Path, case: str, aligned: AlignedStore) -> dict[str, float] | None:
    """Return the label volumes that were measured of the case as it is aligned: for planning, or for this page."""
    record = aligned.digest(case)
    for file in (folder / FACTS / f"{case}.json", folder / VOLUMES / f"{case}.json"):
        content = read_object(file) if file.exists() else {}
        if content.get(OF_RECORD) == record:
            volumes = content["facts"]["labels_ml"]
            return {name: ml for name, ml in volumes.items() if name != "background"}
    return None


def _fill(
    values: dict[str, np.ndarray],
    measures: list[Measure],
    place: int,
    record: Mapping[str, Any],
    volumes: Mapping[str, float],
) -> None:
    for measure in measures:
        number = measure.read(record, volumes)
        if number is not None:
            values[measure.key][place] = number


def list_measures(dataset: Dataset) -> list[Measure]:
    """Return all that may be measured of a case of a data set."""
    whole = [
        Measure("brain_ml", "brain", "ml", lambda record, _: record["brain_ml"], least=50),
        Measure("slices", "slices", "", lambda record, _: record.get("slices"), "low", least=3),
        Measure("outside_crop_pct", "brain outside the crop", "%", _outside, "high", least=1),
    ]
    scans = [measure for modality in dataset.modalities for measure in _of_scan(modality)]
    return [*whole, *_of_labels(dataset), *scans]


def _of_labels(dataset: Dataset) -> list[Measure]:
    measures = []
    for name, value in dataset.labels.items():
        if value:
            lesion = name not in TISSUES
            measures += [
                Measure(f"{name}_ml", name, "ml", _volume(name), "high" if lesion else "both", least=20),
                Measure(f"{name}_pct", f"{name}, share of all labels", "%", _share(name), "none", least=2)
                if lesion
                else Measure(f"{name}_pct", f"{name}, share of all labels", "%", _share(name), least=2),
            ]
    return measures


def _of_scan(modality: str) -> list[Measure]:
    def scan(function: Callable[[Mapping[str, Any]], float | None]) -> Read:
        return lambda record, _: function(record["scans"][modality]) if modality in record["scans"] else None

    m = modality
    return [
        Measure(f"{m}_nmi", f"normalised mutual information of {m}", "", scan(_check("nmi_after")), "low", least=0.01),
        Measure(f"{m}_nmi_gain", f"its gain by registration, {m}", "", scan(_gain), "low", least=0.01),
        Measure(f"{m}_edges_pct", f"edges that {m} meets", "%", scan(_percent("edges_met")), "low", least=5),
        Measure(
            f"{m}_fit_away_pct", f"fit that is left 4 mm away, {m}", "%", scan(_percent("fit_away")), "high", least=5
        ),
        Measure(f"{m}_seen_pct", f"brain that {m} shows", "%", scan(_percent("seen")), "low", least=2),
        Measure(f"{m}_moved_mm", f"registration moved {m}", "mm", scan(_moved), "high", least=5),
        Measure(f"{m}_low", f"intensity at the bottom, {m}", "", scan(_intensity("low")), "none"),
        Measure(f"{m}_high", f"intensity at the top, {m}", "", scan(_intensity("high")), least=0.5, log=True),
        Measure(f"{m}_bias", f"bias field of {m}", "", scan(lambda s: s["bias_strength"]), "high", least=0.05),
        Measure(f"{m}_finest_mm", f"finest side of a voxel, {m}", "mm", scan(_side(min)), least=0.05),
        Measure(f"{m}_coarsest_mm", f"coarsest side of a voxel, {m}", "mm", scan(_side(max)), least=0.1),
    ]


def _outside(record: Mapping[str, Any], _: Mapping[str, float]) -> float | None:
    return 100 * record["outside_crop"] if record.get("slice_grid") else None


def _volume(name: str) -> Read:
    return lambda _, volumes: volumes.get(name)


def _share(name: str) -> Read:
    return lambda _, volumes: 100 * volumes[name] / max(sum(volumes.values()), 1e-9) if name in volumes else None


def _check(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda scan: scan["checks"][name] if scan["checks"] else None


def _percent(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda scan: 100 * scan["checks"][name] if scan["checks"] else None


def _gain(scan: Mapping[str, Any]) -> float | None:
    checks = scan["checks"]
    return checks["nmi_after"] - checks["nmi_before"] if checks else None


def _moved(scan: Mapping[str, Any]) -> float | None:
    """Return how far registration moved the middle of the scan, mm."""
    if not scan["checks"]:
        return None
    grid = scan["original"]
    middle = np.array(grid["affine"]) @ [*((np.array(grid["shape"]) - 1) / 2), 1]
    return float(np.linalg.norm((np.array(scan["moving_to_fixed"]) @ middle - middle)[:3]))


def _intensity(bound: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda scan: scan["intensity"][bound] if scan["intensity"] else None


def _side(pick: Callable[[list[float]], float]) -> Callable[[Mapping[str, Any]], float | None]:
    def side(scan: Mapping[str, Any]) -> float:
        *axes, _ = zip(*scan["original"]["affine"], strict=True)
        return round(pick([math.hypot(*axis[:3]) for axis in axes]), 4)

    return side
