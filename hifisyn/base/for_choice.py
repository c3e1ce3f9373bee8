"""The base model as a judge: what it makes of validation slices, told how the target looks in the training subjects."""

import logging
from dataclasses import replace
from functools import cache

import numpy as np

from hifisyn.base import shipped
from hifisyn.base.cohort_look import cohort_look, takes
from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.slices import SliceStore
from hifisyn.training.job import Job
from hifisyn.training.without_pairs import BaseAnswer

MOST_CASES = 24  # whole label maps and scans are read
CHUNK = 16  # slices at a time: every slot of every slice is held

log = logging.getLogger(__name__)


def with_base(job: Job) -> Job:
    """Return a job whose translations without truth are held against the base model's too.

    It runs on the CPU. It is silent on a direction that it does not take, and where the installation lacks its weights.
    """
    return job if job.store is None else replace(job, base=_judge(job, job.store))


def _judge(job: Job, store: SliceStore) -> BaseAnswer:
    @cache
    def look(target: str) -> dict[str, tuple[float | None, ...]]:
        having = [case for case in job.train if target in store.record(case)["modalities"]]
        means = cohort_look(store, having[:: 1 + len(having) // MOST_CASES], target, job.plans.labels, job.subjects)
        return {target: means} if means else {}

    def answer(direction: Direction, slices: np.ndarray) -> np.ndarray | None:
        if not takes(direction):
            return None
        try:
            model = shipped.shipped()
        except UserError as error:
            log.warning(f"warning: validated without {shipped.NAME}: {error}")
            return None
        source, target = direction
        parts = [slices[first : first + CHUNK] for first in range(0, len(slices), CHUNK)]
        made = [model.translate({source: p}, job.plans.slices.pixel_mm, look(target))[target][0] for p in parts]
        return np.asarray(np.concatenate(made))

    return answer
