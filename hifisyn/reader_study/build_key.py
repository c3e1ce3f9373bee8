"""Builds the key of a study that was drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hifisyn import __version__
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.files import sha256
from hifisyn.json_files import read_object
from hifisyn.reader_study.design import Trial
from hifisyn.reader_study.evaluated import EvaluatedModels
from hifisyn.reader_study.key import Candidate, Key, KeyTrial
from hifisyn.reader_study.page import image_id, trial_id
from hifisyn.reader_study.request import StudyRequest


def build_key(
    request: StudyRequest,
    evaluated: EvaluatedModels,
    titles: Mapping[str, str],
    trials: Sequence[Trial],
    *,
    study: str,
    page: Path,
) -> Key:
    """Return the key of a study.

    Args:
        request: what the study was drawn with.
        evaluated: the models in it.
        titles: candidate to title.
        trials: in the order in which they are read.
        study: name of the study.
        page: study.html.
    """
    settings = asdict(request) | {
        "models": ", ".join(request.models),
        "direction": str(request.direction) if request.direction else None,
        "split": evaluated.split,
    }
    return Key(
        study=study,
        page_sha256=sha256(page),
        settings=settings,
        versions={"hifisyn": __version__, "numpy": np.__version__},
        candidates={name: candidate_of(name, title, evaluated) for name, title in titles.items()},
        trials={trial_id(number): _trial(number, trial) for number, trial in enumerate(trials, 1)},
    )


def _trial(number: int, trial: Trial) -> KeyTrial:
    view = trial.view
    return KeyTrial(
        case=view.case,
        slice=view.slice,
        source=view.direction.source,
        target=view.direction.target,
        repeats=trial.repeats,
        images={image_id(number, place): name for place, name in enumerate(trial.candidates)},
    )


def candidate_of(name: str, title: str, evaluated: EvaluatedModels) -> Candidate:
    """Return a candidate with the evaluations that its images came from."""
    folders = {str(one): named[name] for one, named in evaluated.folders.items() if name in named}
    weights = {one: _weights(folder) for one, folder in folders.items()}
    return Candidate(
        title=title,
        evaluations={one: str(folder) for one, folder in folders.items()},
        weights={one: digest for one, digest in weights.items() if digest},
    )


def _weights(folder: Path) -> str:
    """Return the digest of the weights that an evaluation records; "" where it records none."""
    summary = folder / SUMMARY_JSON
    asked = read_object(summary).get("asked", {}) if summary.is_file() else {}
    return str(asked.get("weights") or "")
