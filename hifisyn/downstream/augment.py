"""Does a segmentation get better with synthetic copies of its training scans (HiFi-Syn, table 4)?

For each direction two nnU-Nets learn for the same number of steps: one from the target contrast of the training
subjects, one from these scans and synthetic copies, which the model predicts from the source contrast. Both segment the
real scans of the test subjects.

Differs from the paper: the classes, on data sets with lesions; the paper's are the tissues of IXI.
"""

from functools import partial
from pathlib import Path

import pandas as pd

from hifisyn.columns import CASE, SUBJECT
from hifisyn.directions import Direction
from hifisyn.downstream.job import DownstreamJob, DownstreamResult
from hifisyn.downstream.lesion import draw, scores
from hifisyn.downstream.measures import COMPARISON, REAL, remark
from hifisyn.downstream.model_under_test import ModelUnderTest
from hifisyn.downstream.networks import (
    NewSegmenter,
    real_cases,
    real_network,
    segmenting_seconds,
    synthetic_copies,
    trained,
    training_seconds,
)
from hifisyn.downstream.nnunet import NnUNet, digest, renumbered
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.errors import UserError

TASK = DownstreamTask.AUGMENT
BOTH = "real + synthetic"


def jobs(model: ModelUnderTest, new: NewSegmenter = NnUNet) -> list[DownstreamJob]:
    """Return the jobs of every direction: on its target, with copies synthesised from its source."""
    return [_job(model, direction, new) for direction in model.directions]


def _job(model: ModelUnderTest, direction: Direction, new: NewSegmenter) -> DownstreamJob:
    source, modality = direction
    title = f"{TASK}: {model.label}, {modality} with copies synthesised from {source}"
    folder = model.folder / TASK / direction.key
    try:
        classes = model.classes
    except UserError as error:
        return DownstreamJob(TASK, title, model.label, folder, missing=str(error))
    cases = [case for case in model.test if model.scans.has(case, modality, labelled=True)]
    real, copies = real_cases(model, modality), synthetic_copies(model, source, modality)
    if not (cases and real and copies):
        lacking = (
            f"no {model.split} case has {modality}" if not cases else f"no training case has {modality} or {source}"
        )
        return DownstreamJob(TASK, title, model.label, folder, missing=f"{lacking} and labels")
    settings = model.settings.nnunet
    asked = {
        "weights": model.weights,
        "nnunet": settings.as_json(),
        "classes": classes,
        "training": digest({case.name: case.key for case in (*real, *copies)}),
        "cases": {case: model.scans.key(case) for case in cases},
    }
    seconds = training_seconds(settings, len(real) + 2 * len(copies)) + segmenting_seconds(settings, 2 * len(cases))
    return DownstreamJob(
        TASK, title, model.label, folder, asked, seconds, partial(_do, model, source, modality, cases, folder, new)
    )


def _do(
    model: ModelUnderTest, source: str, modality: str, cases: list[str], folder: Path, new: NewSegmenter
) -> DownstreamResult:
    real, copies = real_cases(model, modality), synthetic_copies(model, source, modality)
    augmented = new(folder / "nnunet", model.settings.nnunet, f"nnU-Net on {BOTH} {modality}")
    networks = {
        REAL: trained(model, real_network(model, modality, new), modality, real),
        BOTH: trained(model, augmented, modality, [*real, *copies]),
    }
    scans = {case: model.scans.real(case, modality) for case in cases}
    maps = {name: network.segment(scans) for name, network in networks.items()}
    references = {case: renumbered(model.scans.labels(case), model.classes).data for case in cases}
    rows = [
        {COMPARISON: name, CASE: case, SUBJECT: model.subject(case)}
        | scores(maps[name][case], references[case], list(model.classes))
        for name in networks
        for case in cases
    ]
    for case in cases:
        shown = {f"trained on {name} {modality}": maps[name][case] for name in networks}
        draw(
            folder / f"{case}.png",
            dict.fromkeys(shown, scans[case]),
            shown,
            references[case],
            list(model.classes),
        )
    settings = {"source": source, "target": modality, "split": model.split}
    counts = {"real_scans": len(real), "synthetic_copies": len(copies), "classes": list(model.classes)}
    table = pd.DataFrame(rows)
    return DownstreamResult(
        table, settings=model.settings.nnunet.as_tool() | settings | counts | {"remark": remark(table)}
    )
