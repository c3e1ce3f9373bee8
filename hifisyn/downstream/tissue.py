"""Tissue volumes of a model's synthetic scans (HiFi-Syn, table 3): synthetic against real, by the same tool.

Differs from the paper: the tool, where FAST is not installed; voxels of lesions are left out of both maps, which a
tool for healthy tissue cannot name.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, SUBJECT
from hifisyn.dataset import TISSUES
from hifisyn.directions import Direction
from hifisyn.downstream.job import DownstreamJob, DownstreamResult
from hifisyn.downstream.maps import write_map
from hifisyn.downstream.model_under_test import ModelUnderTest
from hifisyn.downstream.scans import Scans
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.downstream.tissue_of_folders import MEASURES, compare
from hifisyn.engine.parallel import map_cases
from hifisyn.evaluation import output_files
from hifisyn.evaluation.pairs import Loaded
from hifisyn.evaluation.stacks import axial, comparable_stacks
from hifisyn.preprocessing import tissue
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.steps import Tool
from hifisyn.volume import Volume

TASK = DownstreamTask.TISSUE
USUAL = "T1"
SECONDS_A_CASE = 15.0


def jobs(model: ModelUnderTest) -> list[DownstreamJob]:
    """Return the jobs on synthetic T1, as in the paper, from every source; of a model without T1, on all targets."""
    chosen = [direction for direction in model.directions if direction.target == USUAL]
    return [_job(model, direction) for direction in chosen or model.directions]


def _job(model: ModelUnderTest, direction: Direction) -> DownstreamJob:
    source, target = direction
    title = f"{TASK}: {model.label}, {direction}"
    folder = model.folder / TASK / direction.key
    if target not in tissue.DARK_TO_BRIGHT:
        return DownstreamJob(TASK, title, model.label, folder, missing=f"the order of tissues in {target} is not known")
    cases = [case for case in model.test if model.scans.has(case, source, target)]
    if not cases:
        return DownstreamJob(
            TASK, title, model.label, folder, missing=f"no {model.split} case has both {source} and {target}"
        )
    tool = tissue.choose_tool(model.settings.tool)
    asked = {
        "weights": model.weights,
        "program": tool,
        "tool": tissue.describe(tool),
        "measures": list(MEASURES),
        "cases": {case: model.scans.key(case) for case in cases},
    }
    do = partial(_do, model, source, target, cases, tool, folder)
    return DownstreamJob(TASK, title, model.label, folder, asked, SECONDS_A_CASE * len(cases), do)


def _do(
    model: ModelUnderTest, source: str, target: str, cases: list[str], tool: Tool, folder: Path
) -> DownstreamResult:
    lesions = tuple(value for name, value in model.plans.labels.items() if name not in TISSUES)
    scale = model.plans.intensity_scale[target]
    # In this process, which holds the model.
    synthesise = {case: (case, source, target) for case in cases}
    files, failures = map_cases(model.synthetic.path, synthesise, processes=1, title="synthesising")
    segment = {
        case: (model.scans.store.folder, case, file, target, scale, tool, lesions, folder)
        for case, file in files.items()
    }
    tables, failed = map_cases(segment_case, segment, processes=model.settings.processes, title="segmenting")
    for case, rows in tables.items():
        rows.insert(1, CASE, case)
        rows.insert(2, SUBJECT, model.subject(case))
    table = pd.concat(tables.values(), ignore_index=True) if tables else pd.DataFrame()
    settings = {
        "program": tool,
        "tool": tissue.describe(tool),
        "source": source,
        "target": target,
        "split": model.split,
        "lesions": "left out of both maps" if lesions else "none",
    }
    return DownstreamResult(table, [*failures, *failed], settings)


def segment_case(
    aligned: Path,
    case: str,
    synthetic: Path,
    target: str,
    scale: float,
    tool: Tool,
    lesions: tuple[int, ...],
    folder: Path,
) -> pd.DataFrame:
    """Segment the real and the synthetic scan of a case, compare the maps, keep and draw them.

    Args:
        aligned: folder of the aligned cases.
        case: its name.
        synthetic: file of the synthetic scan, on the reference grid.
        target: its contrast.
        scale: scanner units of the synthetic scan at +1.
        tool: what segments both.
        lesions: values of the label map that are no healthy tissue.
        folder: for the picture and the maps.

    Returns:
        The rows of `hifisyn.downstream.tissue_of_folders.compare`.
    """
    scans = Scans(AlignedStore(aligned))
    truth, volume, brain = scans.real(case, target), Volume.load(synthetic), scans.brain(case).data > 0
    lesion = np.zeros(brain.shape, dtype=bool)
    if lesions and scans.has(case, labelled=True):
        lesion = np.isin(scans.labels(case).data, lesions)

    def segment(scan: Volume, inside: np.ndarray) -> np.ndarray:
        return tissue.segment(scan, inside, target, tool=tool, lesion=lesion)

    loaded = Loaded(volume, truth, brain, "file", registered=False)
    rows, maps = compare(loaded, segment)
    stacks = comparable_stacks(loaded, scale)
    for name, labels in maps.items():
        write_map(folder, case, name, volume, labels)
    outline = {name: axial(volume.with_data(labels)) for name, labels in maps.items()}
    counted = np.flatnonzero(stacks.brain.any(axis=(1, 2))).tolist()
    columns = {"real": stacks.truth, "synthetic": stacks.synthetic}
    output_files.outline_sheet(folder / f"{case}.png", columns, outline, counted, f"{case}: tissue in {target}")
    return rows
