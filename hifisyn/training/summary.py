"""What the best weights reach on the validation cases, and what chose them: validation/summary.json, a sheet a case."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hifisyn.directions import Direction, directions
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.metrics.image import finite_mean
from hifisyn.paths import CONFIG_JSON
from hifisyn.training import checkpoint, verdict
from hifisyn.training.chosen_by import ChosenBy
from hifisyn.training.contract import Trainer
from hifisyn.training.job import Job
from hifisyn.training.model_folder import VERDICT
from hifisyn.training.numbers import by_direction, describe_directions, parse_column
from hifisyn.training.unpaired_score import SCORE, WEIGHTS, WORDS
from hifisyn.training.validation import measure, translate_all, write_sheets

SLICES_A_CASE = 24


def summarise(job: Job, trainer: Trainer) -> str:
    """Load the best weights into `trainer`, translate every validation case, write numbers and sheets.

    Numbers are of up to 24 slices a case, evenly spread, in the window that the networks see. They chose the
    weights, so they flatter; only the test cases show what a model is worth. The unpaired score is that of the epoch.

    config.json of the fold gains the verdict: of each direction the baselines that it beats, or that this cannot be
    measured.

    Returns:
        Lines for the user.
    """
    content = checkpoint.load(job.folder / checkpoint.BEST, trainer.device)
    checkpoint.restore(content, trainer)
    cases: dict[str, dict[str, float]] = {}
    baselines: dict[str, dict[str, dict[str, float]]] = {}
    fitted = verdict.fit_all(job.store, job.train, directions(job.domains)) if job.store else {}
    for case in job.val:
        validation = job.validation([case], SLICES_A_CASE)
        if validation is None:
            continue
        synthetic = translate_all(trainer, validation)
        cases[case] = measure(validation, synthetic)
        for name, numbers in verdict.answer(validation, fitted).items():
            baselines.setdefault(name, {})[case] = numbers
        write_sheets(job.folder / "validation", case, validation, synthetic)
    if not cases:
        _write_verdict(job, {}, {})
        return f"no validation cases: whether it beats a baseline is {verdict.NOT_MEASURABLE}"
    mean, means_of = means(cases), {name: means(numbers) for name, numbers in baselines.items()}
    judged = verdict.judge(mean, means_of)
    summary: dict[str, Any] = {
        "checkpoint": checkpoint.BEST,
        "epoch": content["progress"]["epoch"],
        "chosen_by": ChosenBy.of(job.validation(job.val)),
        "mean": mean | _without_pairs(next(reversed(content["progress"]["rows"]), {})),
        "baselines": means_of,
        "verdict": judged,
        "cases": cases,
    }
    write_json(job.folder / "validation" / "summary.json", _finite(summary))
    how = f"epoch {summary['epoch']}, chosen by {summary['chosen_by'].noun}"
    best = f"best weights ({how}), validation cases ({len(cases)}): {describe(summary['mean'])}"
    return "\n".join([best, *_write_verdict(job, judged, by_direction(summary["mean"]))])


def _write_verdict(job: Job, judged: verdict.Verdict, numbers: Mapping[Direction, Mapping[str, float]]) -> list[str]:
    """Write the verdict of every direction into config.json of the fold; return it in lines."""
    beats = {one: judged.get(one.key, {}) for one in directions(job.domains)}
    known = {one: {name: value for name, value in own.items() if name in WEIGHTS} for one, own in numbers.items()}
    told = {one: own or verdict.NOT_MEASURABLE for one, own in beats.items()}
    config = job.folder / CONFIG_JSON
    before = read_object(config) if config.exists() else {}
    write_json(config, before | {VERDICT: {one.key: value for one, value in told.items()}})
    return [f"{one}: {verdict.standing(own, known.get(one, {}))}" for one, own in beats.items()]


def _without_pairs(row: dict[str, float]) -> dict[str, float]:
    """Return the unpaired score of an epoch and its parts, of every direction."""
    measures = {key: parsed[1] for key in row if (parsed := parse_column(key))}
    return {key: row[key] for key, measure in measures.items() if measure == SCORE or measure in WEIGHTS}


def means(cases: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the mean over cases of each number, those that are not finite left out."""
    names = dict.fromkeys(name for numbers in cases.values() for name in numbers)
    known = {name: [numbers[name] for numbers in cases.values() if name in numbers] for name in names}
    return {name: finite_mean(np.array(values)) for name, values in known.items()}


def describe(numbers: dict[str, float]) -> str:
    """Return numbers of all directions in one line."""
    return "; ".join(describe_directions(numbers, _WORDS, ", "))


_WORDS = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "psnr_brain": "in the brain PSNR",
    "ssim_brain": "SSIM",
    "correlation": "correlation",
    "distance": "distance of intensities",
    SCORE: WORDS[SCORE],
}


def _finite(value: Any) -> Any:
    """Replace numbers that JSON lacks by null."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
