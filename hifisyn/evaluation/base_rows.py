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
from hifisyn.base.translate import BaseModel
from hifisyn.columns import CASE, DIRECTION, METHOD, SUBJECT
from hifisyn.directions import Direction
from hifisyn.engine.digests import digest
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.evaluation import base_answers, output_files, regions
from hifisyn.evaluation.measures import MEASURES
from hifisyn.evaluation.score_answers import score_answers
from hifisyn.intensities import OUTSIDE
from hifisyn.slices import SliceStore
from hifisyn.tables.read_frame import read_frame

FOLDER = "base"
SLICES_CSV, REGIONS_CSV = "slices.csv", "regions.csv"
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

    def measure(self, direction: Direction, cases: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows of cases that have both contrasts, slice by slice and structure by structure.

        Both tables are empty where the base model does not take the direction. A case that cannot be read is left out.
        """
        if not base_answers.takes(direction):
            return pd.DataFrame(), pd.DataFrame()
        once = self._once(direction, cases)
        if once.holds:
            return _read(once.folder / SLICES_CSV), _read(once.folder / REGIONS_CSV)
        log.info(f"{shipped.NAME} {direction}: {len(cases)} cases, measured once for all models")
        by_slice, by_region, whole = self._measure(direction, cases)
        if whole:
            _keep(once, by_slice, by_region)
        return by_slice, by_region

    def _measure(self, direction: Direction, cases: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame, bool]:
        look = base_answers.cohort_look(self.store, self.training, direction.target, self.labels, self.subjects)
        structures = regions.of_labels(self.labels)
        slice_tables, region_tables = [], []
        for case in cases:
            try:
                brain, truth = self.store.brain(case), self.store.image(case, direction.target)
                made = base_answers.answers(self.model, self.store, case, direction, self.pixel_mm, look)
                inside = {row: np.where(brain, slices, OUTSIDE).astype(np.float32) for row, slices in made.items()}
                by_slice, by_region = score_answers(inside, truth, self.store, case, self.min_pixels, structures)
            except UserError as error:
                log.warning(f"warning: {case} {direction}: left out of {shipped.NAME}: {error}")
                continue
            where = {DIRECTION: str(direction), CASE: case, SUBJECT: self.subjects.get(case, case)}
            slice_tables.append(by_slice.assign(**where))
            region_tables.append(by_region.assign(**where))
        by_slice = pd.concat(slice_tables, ignore_index=True) if slice_tables else pd.DataFrame()
        filled = [table for table in region_tables if not table.empty]
        by_region = pd.concat(filled, ignore_index=True) if filled else regions.empty()
        return by_slice, by_region, len(slice_tables) == len(cases)

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
        } | output_files.TERMS


def _keep(once: Once, by_slice: pd.DataFrame, by_region: pd.DataFrame) -> None:
    """Write the rows; preprocessed data that may only be read are no reason to fail."""
    try:
        once.begin()
        by_slice.to_csv(once.folder / SLICES_CSV, index=False)
        by_region.to_csv(once.folder / REGIONS_CSV, index=False)
        once.finish()
    except OSError as error:
        log.info(f"{shipped.NAME}: not kept: {error}")


def _read(path: Path) -> pd.DataFrame:
    return read_frame(path, (DIRECTION, METHOD, CASE, SUBJECT, regions.REGION))
