"""Does a synthetic T1 give the same tissue maps as the real one (HiFi-Syn, table 3)?

Both are segmented by the same tool in the same brain mask: FSL FAST where it is installed, as in the paper, else
Atropos. Dice and volumetric similarity of CSF, GM and WM are between the two maps. Where exact labels exist, each
map is compared with them too: the real scan's row says how good the tool itself is, and so what a synthetic scan
can reach at best.

Differs from the paper: the tool, where FAST is not installed; values are shares, not percent; HD95 of the
borders of tissues, in mm, stands beside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from hifisyn.columns import CASE
from hifisyn.dataset import TISSUES
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files
from hifisyn.evaluation.pairs import Loaded, Pair, attempt, find_pairs, find_volume, load_pair
from hifisyn.evaluation.stacks import axial, comparable_stacks, read_scale
from hifisyn.metrics import surface
from hifisyn.metrics.overlap import by_label
from hifisyn.preprocessing import tissue
from hifisyn.volume import Volume

LABELS = {name: value for name, value in TISSUES.items() if value}
MEASURES = tuple(f"{measure}_{name}" for measure in ("dice", "vs", "hd95") for name in LABELS)
TITLES = (
    {f"dice_{name}": f"Dice {name}" for name in LABELS}
    | {f"vs_{name}": f"VS {name}" for name in LABELS}
    | {f"hd95_{name}": f"HD95 {name} (mm)" for name in LABELS}
)
COMPARISON = "comparison"
MAIN, CEILING, EXACT = "synthetic vs real", "real vs labels (ceiling)", "synthetic vs labels"

Segment = Callable[[Volume, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class TissueEvaluation:
    """The tables of a folder.

    Attributes:
        cases: one row a case and comparison: Dice, volumetric similarity and HD95 in mm of each tissue.
        dataset: one row a comparison: mean and standard deviation over cases.
        failures: the cases that could not be done.
    """

    cases: pd.DataFrame
    dataset: pd.DataFrame
    failures: list[Failure]


def compare(
    loaded: Loaded, segment: Segment, labels: np.ndarray | None = None
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Segment both scans of a pair and compare the maps.

    Args:
        loaded: synthetic and real scan on one grid, and the brain.
        segment: (volume, brain) to a map of `LABELS`, 0 outside the brain.
        labels: the exact map on the same grid, or none.

    Returns:
        One row a comparison, and the maps `real` and `synthetic`.
    """
    maps = {"real": segment(loaded.truth, loaded.brain), "synthetic": segment(loaded.synthetic, loaded.brain)}

    def row(name: str, one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
        distances = surface.by_label(one, other, LABELS, loaded.synthetic.spacing)
        return {COMPARISON: name} | by_label(one, other, LABELS) | distances

    rows = [row(MAIN, maps["synthetic"], maps["real"])]
    if labels is not None:
        rows.append(row(CEILING, maps["real"], labels))
        rows.append(row(EXACT, maps["synthetic"], labels))
    return pd.DataFrame(rows), maps


def by_comparison(cases: pd.DataFrame) -> pd.DataFrame:
    """Average cases: one row a comparison, mean of every measure and `<measure>_std`, NaN (no tissue) left out."""
    groups = cases.groupby(COMPARISON, sort=False)
    columns: dict[str, Any] = {"cases": groups.size()}
    for measure in MEASURES:
        columns[measure] = groups[measure].mean()
        columns[f"{measure}_std"] = groups[measure].std(ddof=1)
    return pd.DataFrame(columns).reset_index()


def read_labels(folder: Path, pair: Pair, grid: Volume) -> np.ndarray:
    """Read the exact tissue map CASE.nii.gz or CASE_T1.nii.gz of a pair.

    Raises:
        UserError: it is missing, lies on another grid, or holds none of `LABELS`.
    """
    file = find_volume(folder, [pair.case, pair.name])
    if file is None:
        raise UserError(f"{folder} has no labels {pair.case}.nii.gz", hint="copy them or leave out --labels")
    labels = Volume.load_labels(file).on_grid_of(grid)
    if labels is None:
        raise UserError(f"{file} must be on the grid of {pair.synthetic.name}", hint="resample the labels")
    if not np.isin(labels.data, list(LABELS.values())).any():
        values = ", ".join(f"{name} {value}" for name, value in LABELS.items())
        raise UserError(f"{file} must hold values of {values}", got="none of them", hint="renumber the labels")
    return labels.data


def evaluate(
    synth: Path,
    truth: Path,
    output: Path,
    *,
    modality: str = "T1",
    masks: Path | None = None,
    labels: Path | None = None,
    tool: Literal["auto", "fast", "atropos"] = "auto",
    register: bool = False,
    overwrite: bool = False,
) -> TissueEvaluation:
    """Segment the synthetic and real scans of a folder and compare the tissue maps.

    Writes subjects.csv, summary.json, metrics.png, and for each case both maps and a picture, into `output`.

    Args:
        synth: folder of synthetic volumes with masks, as hifisyn_predict writes them.
        truth: folder of real scans of the same file names.
        output: folder for the results.
        modality: contrast of the scans; the paper's is T1.
        masks: folder of brain masks, instead of those beside the synthetic volumes.
        labels: folder of exact tissue maps, CSF 1, GM 2, WM 3.
        tool: "fast", "atropos", or "auto": FAST where it is installed.
        register: register a real scan that lies on another grid (rigid).
        overwrite: replace an earlier evaluation.

    Raises:
        UserError: a folder is missing or empty, holds an evaluation already, or the tool is not there.
    """
    output_files.claim(output, overwrite)
    pairs = find_pairs(synth, truth, masks, modality)
    chosen = tissue.choose_tool(tool)
    segment = partial(tissue.segment, modality=modality, tool=chosen)

    def work(pair: Pair) -> pd.DataFrame:
        loaded = load_pair(pair, register=register, mask_required=True)
        exact = None if labels is None else read_labels(labels, pair, loaded.synthetic)
        rows, maps = compare(loaded, segment, exact)
        _write_case(output, pair, loaded, maps)
        rows.insert(0, CASE, pair.case)
        return rows

    results, failures = attempt(pairs, work, "segmenting")
    if not results:
        return TissueEvaluation(pd.DataFrame(), pd.DataFrame(), failures)
    cases = pd.concat(results, ignore_index=True)
    done = TissueEvaluation(cases, by_comparison(cases), failures)
    settings = {
        "task": DownstreamTask.TISSUE,
        "program": chosen,
        "tool": tissue.describe(chosen),
        "modality": modality,
        "labels": LABELS,
    }
    _write(output, done, settings)
    return done


def _write(output: Path, done: TissueEvaluation, settings: dict[str, Any]) -> None:
    output_files.write_table(output / "subjects.csv", done.cases)
    output_files.boxes(output / output_files.METRICS_PNG, done.cases, COMPARISON, MEASURES, TITLES)
    output_files.write_summary(
        output / output_files.SUMMARY_JSON, {"settings": settings, "mean": done.dataset}, done.failures
    )


def _write_case(output: Path, pair: Pair, loaded: Loaded, maps: dict[str, np.ndarray]) -> None:
    for name, labels in maps.items():
        path = output / f"{pair.name}_{name}_tissue.nii.gz"
        loaded.synthetic.with_data(labels.astype(np.uint8)).save(path, overwrite=True)
    stacks = comparable_stacks(loaded, read_scale(pair.sidecar))
    outline = {name: axial(loaded.synthetic.with_data(labels)) for name, labels in maps.items()}
    counted = np.flatnonzero(stacks.brain.any(axis=(1, 2))).tolist()
    columns = {"real": stacks.truth, "synthetic": stacks.synthetic}
    output_files.outline_sheet(output / f"{pair.name}.png", columns, outline, counted, f"{pair.name} tissue")
