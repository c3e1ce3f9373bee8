"""Segmentations of the real scan, of HiFi-Syn's and of the best baseline's, side by side (HiFi-Syn Fig. 7)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, DIRECTION, MODEL
from hifisyn.dataset import TISSUES
from hifisyn.directions import Direction
from hifisyn.downstream.best_baseline import best_baselines, ours_of, score
from hifisyn.downstream.lesion import SYNTHETIC, as_shown
from hifisyn.downstream.maps import map_file
from hifisyn.downstream.measures import COMPARISON, REAL
from hifisyn.downstream.scans import Scans
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.downstream.tissue_of_folders import MAIN
from hifisyn.engine.jobs import one_line
from hifisyn.evaluation.stacks import axial
from hifisyn.figures.drawn_figure import DrawnFigure, FigureGroup, file_name
from hifisyn.figures.overlays import SegmentedScan, draw_overlays
from hifisyn.paths import ALIGNED
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.report.collect import Facts
from hifisyn.report.collect_tasks import Downstream
from hifisyn.volume import Volume

log = logging.getLogger(__name__)

COMPARED = {DownstreamTask.TISSUE: MAIN, DownstreamTask.LESION: SYNTHETIC}  # the rows that rank models


@dataclass(frozen=True)
class SideBySide:
    """What one figure shows.

    Attributes:
        task: tissue or lesion.
        direction: of the synthetic scans.
        entries: results of HiFi-Syn and of the best baseline.
        case: the middle one by HiFi-Syn's score.
        cases: how many cases both segmented.
    """

    task: DownstreamTask
    direction: Direction
    entries: tuple[Downstream, Downstream]
    case: str
    cases: int


def draw_side_by_side(facts: Facts, out: Path) -> list[DrawnFigure]:
    """Draw a figure a task and direction; one that fails is logged and left out.

    Args:
        facts: of the report.
        out: folder of the figures.
    """
    drawn = []
    for task in COMPARED:
        for one in chosen(task, facts.downstream_of(task)):
            try:
                drawn.append(_draw(facts, one, out))
            except Exception as error:
                log.info(f"{task} side by side, {one.direction}: left out: {one_line(error)}")
    return drawn


def chosen(task: DownstreamTask, entries: Sequence[Downstream]) -> list[SideBySide]:
    """Return what is drawn of a task: a figure a direction that HiFi-Syn and a baseline were tested in."""
    found = []
    for direction in dict.fromkeys(entry.direction for entry in entries):
        own = {entry.label: entry for entry in entries if entry.direction == direction}
        rows = pd.concat([_rows(entry) for entry in own.values()], ignore_index=True)
        ours, best = ours_of(own), best_baselines(rows).get(str(direction))
        if ours is None or best is None:
            continue
        scores = {name: score(part).set_axis(part[CASE]) for name, part in rows.groupby(MODEL)}
        shared = scores[ours][[case in set(scores[best].index) for case in scores[ours].index]].sort_values()
        if len(shared):
            case = str(shared.index[(len(shared) - 1) // 2])
            found.append(SideBySide(task, direction, (own[ours], own[best]), case, len(shared)))
    return found


def _rows(entry: Downstream) -> pd.DataFrame:
    rows = entry.cases[entry.cases[COMPARISON] == COMPARED[entry.task]]
    return rows.assign(**{MODEL: entry.label, DIRECTION: str(entry.direction)})


def _draw(facts: Facts, one: SideBySide, out: Path) -> DrawnFigure:
    target, case = one.direction.target, one.case
    scans = Scans(AlignedStore(facts.roots.preprocessed / facts.name / ALIGNED))
    ours, baseline = one.entries
    real = SegmentedScan(f"real {target}", as_shown(scans.real(case, target)), _map(ours, case, REAL))
    columns = [
        real,
        *(SegmentedScan(entry.label, _synthetic(entry, case), _map(entry, case, SYNTHETIC)) for entry in one.entries),
    ]
    tissue = one.task == DownstreamTask.TISSUE
    names = _names(ours)
    reference = None if tissue else _reference(scans, case, names, facts.trainings[0].plans.labels)
    path = out / file_name("segmented", one.task, one.direction.key)
    draw_overlays(path, columns, reference, names)
    tool = ours.settings.get("tool") or "the tool of the task"
    against = f"the map of the real {target}" if tissue else "the reference labels"
    caption = (
        f"{one.task.capitalize()} of {case}, the middle one of {one.cases} test cases by HiFi-Syn's mean Dice: the "
        f"real {target}, and the synthetic {target} of {ours.label} and of {baseline.label}, the baseline with the "
        f"highest mean Dice. All were segmented by {tool}; Dice is against {against}. Corresponds to Fig. 7 of the "
        "paper."
    )
    title = f"{one.task.capitalize()} of real and synthetic {target}, {one.direction}"
    return DrawnFigure(path, title, caption, FigureGroup.SEGMENTATION)


def _names(entry: Downstream) -> dict[int, str]:
    """Return the numbers in the maps of a task with their names."""
    if entry.task == DownstreamTask.TISSUE:
        return {value: name for name, value in TISSUES.items() if value}
    return dict(enumerate(entry.settings["classes"], 1))


def _reference(scans: Scans, case: str, names: Mapping[int, str], labels: Mapping[str, int]) -> np.ndarray:
    """Return the label map of a case (S, H, W), numbered as the maps of the task."""
    given = scans.labels(case)
    data = np.zeros(given.data.shape, dtype=np.uint8)
    for number, name in names.items():
        data[given.data == labels[name]] = number
    return axial(given.with_data(data))


def _map(entry: Downstream, case: str, kind: str) -> np.ndarray:
    return axial(Volume.load_labels(map_file(entry.folder, case, kind)))


def _synthetic(entry: Downstream, case: str) -> np.ndarray:
    """Return a synthetic scan that the tasks of a model share, (S, H, W) in [-1, 1]."""
    return as_shown(Volume.load(entry.folder.parents[1] / "synthetic" / entry.direction.key / f"{case}.nii.gz"))
