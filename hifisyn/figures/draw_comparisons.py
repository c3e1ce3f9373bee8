"""Comparison sheets of several models: they show cases by rank, so that nobody picks them."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.evaluation import synthetic_slices
from hifisyn.evaluation.model_label import DEFAULT_PLANS
from hifisyn.evaluation.model_task import EvaluationTask
from hifisyn.evaluation.of_model import subjects_of
from hifisyn.figures.comparison import ACROSS, draw_comparison
from hifisyn.figures.drawn_figure import DrawnFigure, FigureGroup, count_cases, file_name, split_name
from hifisyn.figures.slices_shown import SliceRow, error_span, rows_of_case
from hifisyn.metrics.image import finite_mean, psnr

log = logging.getLogger(__name__)

ROWS = 3  # of a page with up to five models


def draw_comparisons(out: Path, tasks: Mapping[str, EvaluationTask], direction: Direction) -> list[DrawnFigure]:
    """Draw the slices of the middle case, and one slice of the worst, the middle and the best case.

    Models that were not evaluated are logged and left out.

    Args:
        out: folder of the figures.
        tasks: evaluations of models by label, all of this direction, of one store and one split.
        direction: what is compared.

    Raises:
        UserError: no model was evaluated, or no case by all of them.
    """
    evaluated = {name: task for name, task in tasks.items() if synthetic_slices.cases(task.output, *direction)}
    for name in (name for name in tasks if name not in evaluated):
        log.info(f"comparison of {direction}: {name} is left out, since it was not evaluated; run hifisyn_evaluate")
    shared = [set(synthetic_slices.cases(task.output, *direction)) for task in evaluated.values()]
    cases = sorted(set.intersection(*shared)) if shared else []
    if not cases:
        raise UserError(f"no case was translated by all {len(evaluated)} models", hint="run hifisyn_evaluate")
    sheets = _Sheets(out, evaluated, direction, cases)
    return [*sheets.of_slices(), *sheets.of_cases()]


class _Sheets:
    """The sheets of one direction; cases from the worst to the best."""

    def __init__(
        self, out: Path, tasks: Mapping[str, EvaluationTask], direction: Direction, cases: Sequence[str]
    ) -> None:
        self.out, self.tasks, self.direction = out, tasks, direction
        self.task = next(iter(tasks.values()))
        self.quality = {case: self._quality(case) for case in cases}
        self.cases = sorted(cases, key=self.quality.__getitem__)
        self.rows_a_page = max(1, ROWS // math.ceil(len(tasks) / ACROSS))

    def of_slices(self) -> list[DrawnFigure]:
        middle = self.cases[(len(self.cases) - 1) // 2]
        rows = self._rows(middle, self.rows_a_page)
        which = "the middle one" if len(self.cases) > 2 else "one"
        what = f"Slices of one case, {which} by mean PSNR in the brain among {self._cohort()}"
        return [self._draw(rows, "slices", f"{self.direction}: slices of a case", what, error_span(rows))]

    def of_cases(self) -> list[DrawnFigure]:
        if len(self.cases) < 2:
            return []
        last = len(self.cases) - 1
        ranks = {0: "worst", last // 2: "middle", last: "best"} if last > 1 else {0: "worst", last: "best"}
        rows = [self._row_of(self.cases[rank], f"{word} of {last + 1}") for rank, word in ranks.items()]
        span, pages = error_span(rows), range(0, len(rows), self.rows_a_page)
        what = f"The {', '.join(ranks.values())} case by mean PSNR in the brain among {self._cohort()}, one slice each"
        return [
            self._draw(
                rows[first : first + self.rows_a_page],
                "cases" if len(pages) == 1 else f"cases_{number}",
                f"{self.direction}: from the worst to the best case",
                what,
                span,
            )
            for number, first in enumerate(pages, 1)
        ]

    def _draw(self, rows: Sequence[SliceRow], kind: str, title: str, what: str, span: float) -> DrawnFigure:
        plans = [] if self.task.plans.name == DEFAULT_PLANS else [self.task.plans.name]
        source, target = self.direction
        path = self.out / file_name("comparison", self.direction.key, *plans, kind)
        draw_comparison(path, rows, source, target, span=span)
        outlined = " Lesions are outlined." if any(r.lesions is not None and r.lesions.any() for r in rows) else ""
        caption = (
            f"{what}: {source}, the synthetic {target} of {self._models()}, and the true {target}; below, the error "
            f"and the PSNR in the brain of that slice. All error maps share one scale, ±{span:.1f} of intensities in "
            f"[-1, 1]; larger errors have the last colour. Slices are those with most lesion, or most brain.{outlined} "
            "Corresponds to Figs. 4 and 5 of the paper."
        )
        return DrawnFigure(path, title, caption, FigureGroup.COMPARISON)

    def _rows(self, case: str, count: int) -> list[SliceRow]:
        store, (source, target) = self.task.store, self.direction
        labelled = bool(store.record(case)["labelled"])
        synthetic = {
            name: synthetic_slices.read(task.output, case, source, target) for name, task in self.tasks.items()
        }
        images = store.image(case, source), synthetic, store.image(case, target), store.brain(case)
        rows = rows_of_case(case, *images, store.label(case) if labelled else None, slices=count)
        if not rows:
            raise UserError(f"case {case} has no slice that shows brain").at(store.folder)
        return rows

    def _row_of(self, case: str, rank: str) -> SliceRow:
        row = self._rows(case, 1)[0]
        return replace(row, title=f"{row.title}\n{rank}:\ncase {self.quality[case]:.1f} dB")

    def _models(self) -> str:
        return "one model" if len(self.tasks) == 1 else f"each of {len(self.tasks)} models"

    def _cohort(self) -> str:
        people = count_cases(self.cases, subjects_of(self.task.model.folder))
        return f"{people} ({split_name(self.task.split)})"

    def _quality(self, case: str) -> float:
        """Return the PSNR in the brain in dB, mean over slices and models."""
        truth, brain = self.task.store.image(case, self.direction.target), self.task.store.brain(case)
        synthetic = [synthetic_slices.read(task.output, case, *self.direction) for task in self.tasks.values()]
        return float(np.mean([finite_mean(psnr(stack, truth, mask=brain)) for stack in synthetic]))
