"""What an answer is worth on the held-out cases: PSNR, SSIM and correlation in the brain, and the error in lesions."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.base_model.cases import Case
from hifisyn.base import shipped
from hifisyn.base.cohort_look import cohort_look
from hifisyn.intensities import OUTSIDE
from hifisyn.metrics.image import correlation, finite_mean, psnr, ssim
from hifisyn.preprocessing.neighbours import with_neighbours
from hifisyn.slices import SliceStore
from hifisyn.training.contract import Trainer
from hifisyn.training.validation import translate

MEASURES = {"psnr": psnr, "ssim": ssim, "correlation": correlation}
LESION = 4
EVERY = 2  # slices; thick ones lie close in looks
Answer = Callable[[Case, str, str], np.ndarray]


def places(case: Case) -> list[int]:
    """Return the slices that are measured."""
    return np.flatnonzero(case.middle)[::EVERY].tolist()


def by_trainer(trainer: Trainer) -> Answer:
    """Return what a trained method makes of a case, (S, H, W)."""

    def answer(case: Case, source: str, target: str) -> np.ndarray:
        context = trainer.NEEDS.context
        amid = with_neighbours(case.images[source], np.ones(len(case.brain), bool), places(case), context)
        return translate(trainer, amid, source, target)

    return answer


def by_base(store: SliceStore, training: Sequence[Case], labels: dict[str, int]) -> Answer:
    """Return what the base model makes of a case, told how the target looks in training subjects that have it."""
    subjects = {case.name: case.patient for case in training}

    def answer(case: Case, source: str, target: str) -> np.ndarray:
        having = [c.name for c in training if target in store.record(c.name)["modalities"]]
        means = cohort_look(store, having, target, labels, subjects)
        amid = with_neighbours(case.images[source], np.ones(len(case.brain), bool), places(case), 1)
        look = {target: means} if means else None
        return shipped.shipped().translate({source: amid}, case.pixel_mm, look)[target][0]

    return answer


def measured(answer: Answer, case: Case, source: str, target: str) -> tuple[dict[str, float], np.ndarray]:
    """Return the numbers of a case in one direction, and its synthetic slices."""
    at = places(case)
    brain, truth, lesion = case.brain[at], case.images[target][at], case.labels[at] == LESION
    made = np.where(brain, answer(case, source, target), OUTSIDE).astype(np.float32)
    numbers = {name: float(finite_mean(measure(made, truth, mask=brain))) for name, measure in MEASURES.items()}
    error = np.abs(made - truth)
    numbers["lesion_error"] = float(error[lesion].mean()) if lesion.any() else float("nan")
    return numbers, made
