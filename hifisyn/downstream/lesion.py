"""Does a network trained on real scans find the same in synthetic ones (HiFi-Syn, fig. 7b)?

nnU-Net learns from real scans of the target contrast of the training subjects. It then segments, of each test
subject, the real scan, the synthetic one, and the source as it is, which says what the network finds without any
synthesis. Dice is against the reference labels; the gap is real minus synthetic.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, SUBJECT
from hifisyn.directions import Direction
from hifisyn.downstream.job import DownstreamJob, DownstreamResult
from hifisyn.downstream.maps import write_map
from hifisyn.downstream.measures import COMPARISON, REAL, mean_dice, remark
from hifisyn.downstream.model_under_test import ModelUnderTest
from hifisyn.downstream.networks import (
    NewSegmenter,
    real_cases,
    real_network,
    segmenting_seconds,
    trained,
    training_seconds,
)
from hifisyn.downstream.nnunet import NnUNet, digest, renumbered
from hifisyn.downstream.nnunet_settings import NnUNetSettings
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation.stacks import axial
from hifisyn.figures.overlays import SegmentedScan, draw_overlays
from hifisyn.metrics.overlap import dice
from hifisyn.volume import Volume

TASK = DownstreamTask.LESION
SYNTHETIC, SOURCE = "synthetic", "source"
BRIGHTEST_PERCENTILE = 99.5


def jobs(model: ModelUnderTest, new: NewSegmenter = NnUNet) -> list[DownstreamJob]:
    """Return the jobs of every direction."""
    return [_job(model, direction, new) for direction in model.directions]


def _job(model: ModelUnderTest, direction: Direction, new: NewSegmenter) -> DownstreamJob:
    source, target = direction
    title = f"{TASK}: {model.label}, {direction}"
    folder = model.folder / TASK / direction.key
    try:
        classes = model.classes
    except UserError as error:
        return DownstreamJob(TASK, title, model.label, folder, missing=str(error))
    cases = [case for case in model.test if model.scans.has(case, source, target, labelled=True)]
    training = real_cases(model, target)
    if not cases or not training:
        lacking = f"no {model.split} case" if not cases else "no training case"
        return DownstreamJob(TASK, title, model.label, folder, missing=f"{lacking} has {source}, {target} and labels")
    settings: NnUNetSettings = model.settings.nnunet
    asked = {
        "weights": model.weights,
        "nnunet": settings.as_json(),
        "classes": classes,
        "training": digest({case.name: case.key for case in training}),
        "cases": {case: model.scans.key(case) for case in cases},
    }
    seconds = training_seconds(settings, len(training)) + segmenting_seconds(settings, 3 * len(cases))
    return DownstreamJob(
        TASK, title, model.label, folder, asked, seconds, partial(_do, model, source, target, cases, folder, new)
    )


def _do(
    model: ModelUnderTest, source: str, target: str, cases: list[str], folder: Path, new: NewSegmenter
) -> DownstreamResult:
    network = trained(model, real_network(model, target, new), target, real_cases(model, target))
    scans: dict[str, Volume] = {}
    failures: dict[str, Failure] = {}
    for case in cases:
        try:
            synthetic = model.synthetic.volume(case, source, target)
        except UserError as error:
            failures[case] = Failure(case, str(error))
            continue
        real, given = model.scans.real(case, target), model.scans.real(case, source)
        scans |= {f"{case}__{REAL}": real, f"{case}__{SYNTHETIC}": synthetic, f"{case}__{SOURCE}": given}
    segmented = network.segment(scans) if scans else {}
    rows = []
    for case in (case for case in cases if case not in failures):
        reference = renumbered(model.scans.labels(case), model.classes).data
        maps = {kind: segmented[f"{case}__{kind}"] for kind in (REAL, SYNTHETIC, SOURCE)}
        rows += [
            {COMPARISON: kind, CASE: case, SUBJECT: model.subject(case)}
            | scores(labels, reference, list(model.classes))
            for kind, labels in maps.items()
        ]
        shown = {f"{kind} {target}": scans[f"{case}__{kind}"] for kind in (REAL, SYNTHETIC)}
        shown_maps = {f"{kind} {target}": maps[kind] for kind in (REAL, SYNTHETIC)}
        draw(folder / f"{case}.png", shown, shown_maps, reference, list(model.classes))
        for kind in (REAL, SYNTHETIC):
            write_map(folder, case, kind, scans[f"{case}__{kind}"], maps[kind])
    settings = {"source": source, "target": target, "split": model.split}
    table = pd.DataFrame(rows)
    found = {"classes": list(model.classes), "remark": remark(table) if rows else ""}
    return DownstreamResult(table, list(failures.values()), model.settings.nnunet.as_tool() | settings | found)


def scores(labels: np.ndarray, reference: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Return `dice`, the mean over classes, and `dice_<class>` of two maps numbered as nnU-Net needs them.

    A class that both maps lack has no Dice (NaN) and does not count in the mean, as in nnU-Net's own evaluation.
    """
    row = {f"dice_{name}": dice(labels == value, reference == value) for value, name in enumerate(classes, 1)}
    return {"dice": mean_dice(row)} | row


def draw(
    path: Path,
    scans: Mapping[str, Volume],
    maps: Mapping[str, np.ndarray],
    reference: np.ndarray,
    classes: Sequence[str],
) -> None:
    """Draw the scans, the map of each and the reference (fig. 7), in the slices with most of the reference.

    Args:
        path: the PNG file.
        scans: by name, on one grid.
        maps: the segmentation of each, numbered as nnU-Net needs it.
        reference: label map on the same grid, numbered alike.
        classes: names of 1, 2, ...
    """
    grid = next(iter(scans.values()))
    segmented = [SegmentedScan(name, as_shown(scan), axial(grid.with_data(maps[name]))) for name, scan in scans.items()]
    draw_overlays(path, segmented, axial(grid.with_data(reference)), dict(enumerate(classes, 1)))


def as_shown(scan: Volume) -> np.ndarray:
    """Return a scan that is 0 outside the brain as axial slices (S, H, W) in [-1, 1], by its own brightest voxels."""
    stack = axial(scan)
    inside = stack[stack > 0]
    brightest = float(np.percentile(inside, BRIGHTEST_PERCENTILE)) if inside.size else 1.0
    return np.clip(2 * stack / brightest - 1, -1, 1)
