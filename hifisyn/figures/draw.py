"""Draws all figures of the models of a data set; a figure that fails is logged and left out."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from hifisyn.columns import MODEL
from hifisyn.directions import Direction
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_task import EvaluationTask, look_up
from hifisyn.figures.attempt import attempt
from hifisyn.figures.curves import draw_curves, read_curves
from hifisyn.figures.draw_comparisons import draw_comparisons
from hifisyn.figures.draw_contents import draw_contents, draw_without_pgd
from hifisyn.figures.drawn_figure import DrawnFigure, FigureGroup, file_name
from hifisyn.figures.pairs_without_pgd import pairs_without_pgd
from hifisyn.figures.reliability import reliability_figure
from hifisyn.inference.models import Model
from hifisyn.paths import METRICS_CSV

__all__ = ["DrawnFigure", "draw_all"]


def draw_all(
    models: Sequence[Model],
    preprocessed: Path,
    out: Path,
    *,
    split: str | None,
    evaluated: Mapping[str, pd.DataFrame] | None = None,
    background: bool = False,
    device: str = "cpu",
) -> list[DrawnFigure]:
    """Draw every figure that the models of one data set allow: comparisons, reliability, contents, curves.

    Of each model the lowest fold is drawn. Earlier figures are replaced; what is left out is logged with the reason.

    Args:
        models: of one data set.
        preprocessed: root of the preprocessed data sets.
        out: folder of the figures; created if it does not exist.
        split: "test", "val", or none: test where there are test cases.
        evaluated: cases of models and of what stands beside, by what can be compared; see
            `hifisyn.evaluation.model_tables.comparable_groups`. None: no reliability is drawn.
        background: whether maps of queries show background too.
        device: where contents are encoded.

    Returns:
        The figures, comparisons first.
    """
    tasks: list[tuple[str, EvaluationTask]] = []  # models of different contrasts may share a label
    for model in models:
        task = attempt(partial(look_up, model.folder, preprocessed, split=split), model.folder.name)
        if task is not None:
            tasks.append((label(model, task.checkpoint.fold), task))
    drawn: list[DrawnFigure] = []
    for (direction, *_), group in _comparable(tasks).items():
        name = f"comparison of {direction}"
        drawn += attempt(partial(draw_comparisons, out, group, direction), name) or []
    drawn += attempt(partial(reliability_figure, out, evaluated or {}, MODEL), "reliability") or []
    for name, task in tasks:
        contents = partial(draw_contents, out, name, task, device, background=background)
        drawn += attempt(contents, f"affinity and embedding of {name}") or []
    for pair in pairs_without_pgd(tasks):
        drawn += draw_without_pgd(out, pair, device, background=background)
    for domains in dict.fromkeys(task.model.domains for _, task in tasks):
        alike = {name: task for name, task in tasks if task.model.domains == domains}
        contrasts = next(iter(alike.values())).model.contrasts
        drawn += attempt(partial(_curves, out, alike), f"curves of {contrasts}") or []
    return drawn


def _comparable(
    tasks: Sequence[tuple[str, EvaluationTask]],
) -> dict[tuple[Direction, Path, str], dict[str, EvaluationTask]]:
    """Group the tasks by what they must share: a direction, the plan's slices, the split."""
    groups: dict[tuple[Direction, Path, str], dict[str, EvaluationTask]] = {}
    for name, task in tasks:
        for direction in task.model.directions:
            groups.setdefault((direction, task.store.folder, task.split), {})[name] = task
    return groups


def _curves(out: Path, tasks: dict[str, EvaluationTask]) -> list[DrawnFigure]:
    """Draw the training of models of the same contrasts."""
    curves = {}
    for name, task in tasks.items():
        table = attempt(partial(read_curves, task.checkpoint.file.parent / METRICS_CSV), f"curve of {name}")
        if table is not None:
            curves[name] = table
    if not curves:
        return []
    model = next(iter(tasks.values())).model
    path = out / file_name("curves", *model.domains)
    left_out = draw_curves(path, curves)
    models = "one model" if len(curves) == 1 else f"{len(curves)} models"
    caption = (
        f"Training of {models} on {model.contrasts} by epoch: measures on a few fixed slices of the validation "
        "cases, inside the brain, in every direction, and below the weighted losses as means of an epoch"
        f"{f'; {left_out} further losses are left out' if left_out else ''}. Each panel has a scale of its own. "
        "The paper shows no such figure."
    )
    return [DrawnFigure(path, f"Training curves: {model.contrasts}", caption, FigureGroup.CURVES)]
