"""The rows of the base model: measured once a cohort, fold and direction, and kept beside the slices.

Thirteen trained methods are compared on the same cases; what the base model reaches there is the same for all.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.base import shipped
from hifisyn.base.cohort_look import Means, cohort_look, takes
from hifisyn.base.translate import BaseModel
from hifisyn.columns import CASE, DIRECTION, METHOD, SUBJECT
from hifisyn.directions import Direction
from hifisyn.engine.digests import digest
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.evaluation import base_answers, output_files, regions
from hifisyn.evaluation.case_measures import CASE_MEASURES
from hifisyn.evaluation.measures import MEASURES
from hifisyn.evaluation.score_answers import Scores, score_answers
from hifisyn.intensities import OUTSIDE
from hifisyn.slices import SliceStore
from hifisyn.tables.read_frame import read_frame

FOLDER = "base"
SLICES_CSV, REGIONS_CSV, CASES_CSV = "slices.csv", "regions.csv", "cases.csv"
DIGITS = 12

log = logging.getLogger(__name__)


@cache
def installed() -> BaseModel | None:
    """Return the base model that comes with the package; none, and a warning, where its weights are not there."""
    try:
        return shipped.shipped()
    except UserError as error:
        log.warning(f"warning: evaluated without {shipped.NAME}: {error}")
        return None


@dataclass(frozen=True)
class BaseRows:
    """Measures the base model in a cohort.

    Attributes:
        model: the base model.
        store: slices of all cases.
        training: cases whose tissue means it may be told.
        subjects: case to subject; a case that is not there is its own subject.
        labels: structure to value in the label maps.
        pixel_mm: side of a pixel in mm.
        min_pixels: slices with less brain are left out.
    """

    model: BaseModel
    store: SliceStore
    training: tuple[str, ...]
    subjects: Mapping[str, str]
    labels: Mapping[str, int]
    pixel_mm: float
    min_pixels: float

    def measure(self, direction: Direction, cases: Sequence[str]) -> Scores:
        """Return the rows of cases that have both contrasts.

        All tables are empty where the base model does not take the direction. A case that cannot be read is left out.
        """
        if not takes(direction):
            return Scores.together([])
        once = self._once(direction, cases)
        if once.holds:
            return Scores(*(_read(once.folder / name) for name in (SLICES_CSV, REGIONS_CSV, CASES_CSV)))
        log.info(f"{shipped.NAME} {direction}: {len(cases)} cases, measured once for all models")
        found = self._measure(direction, cases)
        scores = Scores.together(found)
        if len(found) == len(cases):
            _keep(once, scores)
        return scores

    def _measure(self, direction: Direction, cases: Sequence[str]) -> list[Scores]:
        look = cohort_look(self.store, self.training, direction.target, self.labels, self.subjects)
        structures = regions.of_labels(self.labels)
        found = []
        for case in cases:
            try:
                scores = self._score(case, direction, look, structures)
            except UserError as error:
                log.warning(f"warning: {case} {direction}: left out of {shipped.NAME}: {error}")
                continue
            where = {DIRECTION: str(direction), CASE: case, SUBJECT: self.subjects.get(case, case)}
            found.append(scores.assign(**where))
        return found

    def _score(
        self,
        case: str,
        direction: Direction,
        look: Means | None,
        structures: Mapping[str, tuple[int, ...]],
    ) -> Scores:
        brain = self.store.brain(case)
        made = base_answers.answers(self.model, self.store, case, direction, self.pixel_mm, look)
        inside = {row: np.where(brain, one.slices, OUTSIDE).astype(np.float32) for row, one in made.items()}
        told = {row: one.expected_error for row, one in made.items() if one.expected_error is not None}
        return score_answers(inside, self.store, case, direction.target, self.min_pixels, structures, told)

    def _once(self, direction: Direction, cases: Sequence[str]) -> Once:
        asked = self._asked(direction, cases)
        name = f"{direction.key}_{digest(asked)[:DIGITS]}"
        return Once(self.store.folder.parent / FOLDER / self.store.folder.name / name, asked)

    def _asked(self, direction: Direction, cases: Sequence[str]) -> dict[str, Any]:
        """Return all that the numbers depend on."""
        there = set(self.store.cases())
        everyone = dict.fromkeys((*cases, *self.training))
        return {
            "base": shipped.NAME,
            "weights": self.model.sha256,
            "direction": str(direction),
            "cases": list(cases),
            "told_from": list(self.training),
            "subjects": {case: self.subjects.get(case, case) for case in everyone},
            "slices": digest({case: self.store.record(case) for case in everyone if case in there}),
            "labels": dict(self.labels),
            "pixel_mm": self.pixel_mm,
            "min_pixels": self.min_pixels,
            "measures": list(MEASURES),
            "measures_of_regions": list(regions.MEASURES),
            "measures_of_cases": list(CASE_MEASURES),
        } | output_files.TERMS


def _keep(once: Once, scores: Scores) -> None:
    """Write the rows; preprocessed data that may only be read are no reason to fail."""
    try:
        once.begin()
        scores.slices.to_csv(once.folder / SLICES_CSV, index=False)
        scores.regions.to_csv(once.folder / REGIONS_CSV, index=False)
        scores.cases.to_csv(once.folder / CASES_CSV, index=False)
        once.finish()
    except OSError as error:
        log.info(f"{shipped.NAME}: not kept: {error}")


def _read(path: Path) -> pd.DataFrame:
    return read_frame(path, (DIRECTION, METHOD, CASE, SUBJECT, regions.REGION))
