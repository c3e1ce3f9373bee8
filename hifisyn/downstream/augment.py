"""Does a segmentation get better with synthetic copies of its training scans (HiFi-Syn, table 4)?

For each direction two nnU-Nets learn for the same number of steps: one from the target contrast of the training
subjects, one from these scans and synthetic copies, which the model makes from the source contrast. Both segment the
real scans of the test subjects.

Differs from the paper: the classes, on data sets with lesions; the paper's are the tissues of IXI.
"""

from functools import partial
from pathlib import Path

import pandas as pd

from hifisyn.directions import Direction
from hifisyn.downstream.lesion import draw, scores
from hifisyn.downstream.networks import (
    NewSegmenter,
    real_cases,
    real_network,
    segmenting_seconds,
    synthetic_copies,
    taught,
    training_seconds,
)
from hifisyn.downstream.nnunet import NnUNet, digest, renumbered
from hifisyn.downstream.trial import Trial
from hifisyn.downstream.work import CASE, COMPARISON, REAL, SUBJECT, Result, Work, remark
from hifisyn.errors import UserError

TASK = "augment"
BOTH = "real + synthetic"


def works(trial: Trial, new: NewSegmenter = NnUNet) -> list[Work]:
    """Return the work of every direction: on its target, with copies made from its source."""
    return [_work(trial, direction, new) for direction in trial.directions]


def _work(trial: Trial, direction: Direction, new: NewSegmenter) -> Work:
    source, modality = direction
    title = f"{TASK}: {trial.label}, {modality} with copies made from {source}"
    folder = trial.folder / TASK / direction.key
    try:
        classes = trial.classes
    except UserError as error:
        return Work(TASK, title, trial.label, folder, missing=str(error))
    cases = [case for case in trial.test if trial.scans.has(case, modality, labelled=True)]
    real, copies = real_cases(trial, modality), synthetic_copies(trial, source, modality)
    if not (cases and real and copies):
        lacking = (
            f"no {trial.split} case has {modality}" if not cases else f"no training case has {modality} or {source}"
        )
        return Work(TASK, title, trial.label, folder, missing=f"{lacking} and labels")
    settings = trial.settings.nnunet
    asked = {
        "weights": trial.weights,
        "nnunet": settings.as_json(),
        "classes": classes,
        "training": digest({case.name: case.key for case in (*real, *copies)}),
        "cases": {case: trial.scans.key(case) for case in cases},
    }
    seconds = training_seconds(settings, len(real) + 2 * len(copies)) + segmenting_seconds(settings, 2 * len(cases))
    return Work(
        TASK, title, trial.label, folder, asked, seconds, partial(_do, trial, source, modality, cases, folder, new)
    )


def _do(trial: Trial, source: str, modality: str, cases: list[str], folder: Path, new: NewSegmenter) -> Result:
    real, copies = real_cases(trial, modality), synthetic_copies(trial, source, modality)
    augmented = new(folder / "nnunet", trial.settings.nnunet, f"nnU-Net on {BOTH} {modality}")
    networks = {
        REAL: taught(trial, real_network(trial, modality, new), modality, real),
        BOTH: taught(trial, augmented, modality, [*real, *copies]),
    }
    scans = {case: trial.scans.real(case, modality) for case in cases}
    maps = {name: network.segment(scans) for name, network in networks.items()}
    references = {case: renumbered(trial.scans.labels(case), trial.classes).data for case in cases}
    rows = [
        {COMPARISON: name, CASE: case, SUBJECT: trial.subject(case)}
        | scores(maps[name][case], references[case], list(trial.classes))
        for name in networks
        for case in cases
    ]
    for case in cases:
        taught_by = {f"learned from {name} {modality}": maps[name][case] for name in networks}
        draw(
            folder / f"{case}.png",
            dict.fromkeys(taught_by, scans[case]),
            taught_by,
            references[case],
            list(trial.classes),
        )
    settings = {"tool": trial.settings.nnunet.words, "source": source, "target": modality, "split": trial.split}
    counts = {"real_scans": len(real), "synthetic_copies": len(copies), "classes": list(trial.classes)}
    table = pd.DataFrame(rows)
    return Result(table, settings=settings | counts | {"remark": remark(table)})
