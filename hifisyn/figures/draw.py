"""Draws all figures of the models of a data set; a figure that fails is logged and left out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from hifisyn.columns import MODEL
from hifisyn.directions import Direction
from hifisyn.engine.jobs import one_line
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_task import EvaluationTask, look_up
from hifisyn.evaluation.of_model import load, subjects_of
from hifisyn.figures.curves import draw_curves, read_curves
from hifisyn.figures.draw_comparisons import draw_comparisons
from hifisyn.figures.drawn_figure import DrawnFigure, FigureGroup, count_cases, file_name, split_name
from hifisyn.figures.reliability import reliability_figure
from hifisyn.inference.models import Model
from hifisyn.paths import METRICS_CSV

if TYPE_CHECKING:
    from hifisyn.figures.queries import Queries
    from hifisyn.inference.predictor import Predictor

__all__ = ["DrawnFigure", "draw_all"]

log = logging.getLogger(__name__)
T = TypeVar("T")


def draw_all(
    models: Sequence[Model],
    preprocessed: Path,
    out: Path,
    *,
    split: str | None,
    evaluated: Mapping[str, pd.DataFrame] | None = None,
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
        device: where contents are encoded.

    Returns:
        The figures, comparisons first.
    """
    tasks: list[tuple[str, EvaluationTask]] = []  # models of different contrasts may share a label
    for model in models:
        task = _attempt(partial(look_up, model.folder, preprocessed, split=split), model.folder.name)
        if task is not None:
            tasks.append((label(model, task.checkpoint.fold), task))
    drawn: list[DrawnFigure] = []
    for (direction, *_), group in _comparable(tasks).items():
        name = f"comparison of {direction}"
        drawn += _attempt(partial(draw_comparisons, out, group, direction), name) or []
    drawn += _attempt(partial(reliability_figure, out, evaluated or {}, MODEL), "reliability") or []
    for name, task in tasks:
        drawn += _attempt(partial(_content, out, name, task, device), f"affinity and embedding of {name}") or []
    for domains in dict.fromkeys(task.model.domains for _, task in tasks):
        alike = {name: task for name, task in tasks if task.model.domains == domains}
        contrasts = next(iter(alike.values())).model.contrasts
        drawn += _attempt(partial(_curves, out, alike), f"curves of {contrasts}") or []
    return drawn


def _attempt(make: Callable[[], T], name: str) -> T | None:
    """Return the result; none, and a line in the log, where it fails: failures are isolated per figure."""
    try:
        return make()
    except Exception as error:
        log.info(f"{name}: left out: {one_line(error)}")
        return None


def _comparable(
    tasks: Sequence[tuple[str, EvaluationTask]],
) -> dict[tuple[Direction, Path, str], dict[str, EvaluationTask]]:
    """Group the tasks by what they must share: a direction, the plan's slices, the split."""
    groups: dict[tuple[Direction, Path, str], dict[str, EvaluationTask]] = {}
    for name, task in tasks:
        for direction in task.model.directions:
            groups.setdefault((direction, task.store.folder, task.split), {})[name] = task
    return groups


def _content(out: Path, name: str, task: EvaluationTask, device: str) -> list[DrawnFigure]:
    """Draw which slots the content of a model reads, and how well it separates structures."""
    from hifisyn.figures.queries import queries_of

    predictor = load(task, device)
    stored = set(task.store.cases())
    queries = queries_of(predictor, task.store, [case for case in task.cases if case in stored])
    cases = count_cases(set(queries.case.tolist()), subjects_of(task.model.folder))
    seen = f"queries, from pixels of {cases} ({split_name(task.split)}) seen in {task.model.contrasts}"
    affinity = partial(_affinity, out, name, predictor, queries, seen)
    embedding = partial(_embedding, out, name, predictor, queries.brain(), seen)
    figures = [_attempt(affinity, f"affinity of {name}"), _attempt(embedding, f"embedding of {name}")]
    return [figure for figure in figures if figure is not None]


def _affinity(out: Path, name: str, predictor: "Predictor", queries: "Queries", seen: str) -> DrawnFigure:
    from hifisyn.figures.affinity import affinity, bank_of, draw_affinity, own_share

    bank, domains, labels = bank_of(predictor), predictor.model.domains, predictor.plans.labels
    as_tested = affinity(queries, bank, domains, labels, with_labels=False)
    as_trained = affinity(queries, bank, domains, labels, with_labels=True)
    path = out / file_name("affinity", *domains, name)
    titles = {"read as at test time, labels unseen": as_tested, "read as in training, labels known": as_trained}
    draw_affinity(path, titles)
    shares = ", ".join(f"{structure} {share:.0%}" for structure, share in own_share(as_tested).items())
    caption = (
        f"Mean weight (eq. 1) that {len(queries.structure)} {seen}, give each slot of the Brain Memory Bank of {name}; "
        "structures have about as many pixels each. Slots are ordered by class and each row sums to 1. One colour "
        "scale serves both reads, by the square root. At test time the share read from slots of the own class is: "
        f"{shares}. Corresponds to Fig. 8 of the paper."
    )
    return DrawnFigure(path, f"Affinity of queries to slots: {name}", caption, FigureGroup.AFFINITY)


def _embedding(out: Path, name: str, predictor: "Predictor", queries: "Queries", seen: str) -> DrawnFigure:
    from hifisyn.figures.embedding import draw_embedding, embed

    model, embedding = predictor.model, embed(queries)
    path = out / file_name("embedding", *model.domains, name)
    draw_embedding(path, embedding, queries, predictor.plans.labels, f"{name}, {model.contrasts}")
    caption = (
        f"{len(queries.structure)} content {seen}, by {name}, laid out by {embedding.method}; structures have about as "
        "many pixels each, background is left out. Axes have no unit. The silhouette is taken among the queries with "
        f"the cosine distance, from -1 to 1: {embedding.mean_silhouette:.2f} by structure (1: each keeps to itself), "
        f"{embedding.modality_silhouette:.2f} by contrast within a structure (0: content is shared). "
        "Corresponds to Fig. 9 of the paper."
    )
    return DrawnFigure(path, f"Content queries by structure: {name}", caption, FigureGroup.EMBEDDING)


def _curves(out: Path, tasks: dict[str, EvaluationTask]) -> list[DrawnFigure]:
    """Draw the training of models of the same contrasts."""
    curves = {}
    for name, task in tasks.items():
        table = _attempt(partial(read_curves, task.checkpoint.file.parent / METRICS_CSV), f"curve of {name}")
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
