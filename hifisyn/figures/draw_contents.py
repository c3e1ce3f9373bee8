"""Draws what the encoders of a model hold: which slots queries read, and maps of queries and attributes.

Of two models that differ in PGD alone both stand in one figure, as in Figs. 8 and 9 of the paper.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.dataset import TISSUES
from hifisyn.evaluation.model_task import EvaluationTask
from hifisyn.evaluation.of_model import load, subjects_of
from hifisyn.figures.attempt import attempt
from hifisyn.figures.drawn_figure import DrawnFigure, FigureGroup, count_cases, file_name, split_name
from hifisyn.figures.pairs_without_pgd import PgdPair

if TYPE_CHECKING:
    from hifisyn.figures.embedding import Embedding
    from hifisyn.figures.queries import Queries
    from hifisyn.inference.predictor import Predictor

QUERIES, ATTRIBUTES = "content queries", "attributes"
WITH, WITHOUT = "with PGD", "without PGD"
WHAT_THE_MAP_SHOWS = (
    "Axes have no unit. The silhouette is taken among all of them with the cosine distance, from -1 to 1: by structure "
    "(1: each keeps to itself), and by contrast within a structure (0: shared by the contrasts)."
)
TEXT_AND_CAPTION = (
    "The paper's caption of Fig. 9 and its text disagree on which of both it shows: here are both. Corresponds to "
    "Fig. 9 of the paper."
)


@dataclass(frozen=True)
class _Sampled:
    """A model, the pixels that were drawn for it, and where they come from.

    Attributes:
        name: label of the model.
        predictor: the model.
        queries: content of the pixels.
        cases: the cases that were sampled from.
        where: the same in words.
        task: evaluation of the model.
    """

    name: str
    predictor: "Predictor"
    queries: "Queries"
    cases: list[str]
    where: str
    task: EvaluationTask


def draw_contents(
    out: Path, name: str, task: EvaluationTask, device: str, *, background: bool = False
) -> list[DrawnFigure]:
    """Draw which slots the content of a model reads, and how well content and attributes separate structures.

    Args:
        out: folder of the figures.
        name: label of the model.
        task: its evaluation.
        device: where images are encoded.
        background: whether the maps show background too.

    Raises:
        UserError: the model has no content encoder, or no case has labels.
    """
    sampled = _sample(name, task, device)
    figures = [
        attempt(partial(_affinity, out, sampled), f"affinity of {name}"),
        attempt(partial(_embedding, out, sampled, background), f"embedding of {name}"),
    ]
    return [figure for figure in figures if figure is not None]


def draw_without_pgd(out: Path, pair: PgdPair, device: str, *, background: bool = False) -> list[DrawnFigure]:
    """Draw two models that differ in PGD alone, side by side; what fails is logged and left out.

    Args:
        out: folder of the figures.
        pair: the models.
        device: where images are encoded.
        background: whether the maps show background too.
    """
    names = f"{pair.having[0]} and {pair.lacking[0]}"
    both = attempt(lambda: [_sample(*one, device) for one in (pair.having, pair.lacking)], f"queries of {names}")
    if both is None:
        return []
    figures = [
        attempt(partial(_few_queries, out, both), f"eight queries of {names}"),
        attempt(partial(_embeddings, out, both, background), f"embeddings of {names}"),
    ]
    return [figure for figure in figures if figure is not None]


def _sample(name: str, task: EvaluationTask, device: str) -> _Sampled:
    from hifisyn.figures.queries import queries_of

    predictor = load(task, device)
    stored = set(task.store.cases())
    cases = [case for case in task.cases if case in stored]
    queries = queries_of(predictor, task.store, cases)
    counted = count_cases(set(queries.case.tolist()), subjects_of(task.model.folder))
    where = f"from pixels of {counted} ({split_name(task.split)}) seen in {task.model.contrasts}"
    return _Sampled(name, predictor, queries, cases, where, task)


def _affinity(out: Path, one: _Sampled) -> DrawnFigure:
    from hifisyn.figures.affinity import affinity, bank_of, draw_affinity, own_share

    bank, domains, labels = bank_of(one.predictor), one.predictor.model.domains, one.predictor.plans.labels
    as_tested = affinity(one.queries, bank, domains, labels, with_labels=False)
    as_trained = affinity(one.queries, bank, domains, labels, with_labels=True)
    path = out / file_name("affinity", *domains, one.name)
    titles = {"read as at test time, labels unseen": as_tested, "read as in training, labels known": as_trained}
    draw_affinity(path, titles)
    shares = ", ".join(f"{structure} {share:.0%}" for structure, share in own_share(as_tested).items())
    caption = (
        f"Mean weight (eq. 1) that {len(one.queries.structure)} queries, {one.where}, give each slot of the Brain "
        f"Memory Bank of {one.name}; structures have about as many pixels each. Slots are ordered by class and each "
        "row sums to 1. One colour scale serves both reads, by the square root. At test time the share read from slots "
        f"of the own class is: {shares}. Corresponds to Fig. 8 of the paper."
    )
    return DrawnFigure(path, f"Affinity of queries to slots: {one.name}", caption, FigureGroup.AFFINITY)


def _few_queries(out: Path, both: list[_Sampled]) -> DrawnFigure:
    """Draw single queries of two models, the same pixels in both."""
    from hifisyn.figures.affinity import affinity, bank_of, draw_affinity, own_share, query_weights

    domains, labels = both[0].predictor.model.domains, both[0].predictor.plans.labels
    tissues = [labels[name] for name in TISSUES if name in labels]  # lesions stand in the figure of each model
    few, means = {}, []
    for title, one in zip((WITH, WITHOUT), both, strict=True):
        bank = bank_of(one.predictor)
        few[f"{title}: {one.name}"] = query_weights(one.queries.few(tissues), bank, domains, labels, with_labels=False)
        share = own_share(affinity(one.queries, bank, domains, labels, with_labels=False))
        means.append(share[[name for name in share.index if name in labels]].mean())
    count = len(next(iter(few.values())))
    path = out / file_name("affinity", *domains, "with_and_without_PGD")
    draw_affinity(path, few, what="weight of a slot")
    caption = (
        f"Weights (eq. 1) that {count} queries, two of each tissue and of background, give each slot of the Brain "
        "Memory Bank, with PGD and without; the paper has eight too. They are the same pixels in both, the first of a "
        "seeded sample, of two cases where there are two; the read is that of test time. One colour scale serves both, "
        f"by the square root. Over all {len(both[0].queries.structure)} queries, {both[0].where}, the mean share read "
        f"from slots of the own class is {means[0]:.0%} with PGD and {means[1]:.0%} without. Corresponds to Fig. 8 of "
        "the paper."
    )
    return DrawnFigure(path, "Affinity of single queries, with and without PGD", caption, FigureGroup.AFFINITY)


def _embedding(out: Path, one: _Sampled, background: bool) -> DrawnFigure:
    from hifisyn.figures.embedding import draw_embeddings

    model = one.predictor.model
    path = out / file_name("embedding", *model.domains, one.name)
    panels = _panels(one, background)
    draw_embeddings(path, panels, one.predictor.plans.labels)
    caption = _caption(panels, f"by {one.name}, {one.where}", background)
    return DrawnFigure(path, f"Content queries by structure: {one.name}", caption, FigureGroup.EMBEDDING)


def _embeddings(out: Path, both: list[_Sampled], background: bool) -> DrawnFigure:
    """Draw the maps of two models, below each other."""
    from hifisyn.figures.embedding import draw_embeddings

    model = both[0].predictor.model
    path = out / file_name("embedding", *model.domains, "with_and_without_PGD")
    panels = {
        f"{what}, {title}": panel
        for title, one in zip((WITH, WITHOUT), both, strict=True)
        for what, panel in _panels(one, background).items()
    }
    draw_embeddings(path, panels, both[0].predictor.plans.labels)
    caption = _caption(panels, f"with PGD by {both[0].name}, without by {both[1].name}, {both[0].where}", background)
    return DrawnFigure(path, "Content queries by structure, with and without PGD", caption, FigureGroup.EMBEDDING)


def _panels(one: _Sampled, background: bool) -> "dict[str, tuple[Embedding, Queries]]":
    """Return the map of content queries and, where the model has dense attributes, that of these."""
    from hifisyn.figures.embedding import embed
    from hifisyn.figures.queries import queries_of
    from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank

    shown = {QUERIES: one.queries}
    if isinstance(getattr(one.predictor.trainer.networks, "memory_bank", None), BrainMemoryBank):
        shown[ATTRIBUTES] = queries_of(one.predictor, one.task.store, one.cases, attributes=True)
    kept = {what: queries if background else queries.brain() for what, queries in shown.items()}
    return {what: (embed(queries), queries) for what, queries in kept.items()}


def _caption(panels: "dict[str, tuple[Embedding, Queries]]", by_whom: str, background: bool) -> str:
    embedding, queries = next(iter(panels.values()))
    scores = "; ".join(
        f"{what}: {one.mean_silhouette:.2f} by structure, {one.modality_silhouette:.2f} by contrast"
        for what, (one, _) in panels.items()
    )
    kinds = "Content queries and attributes A(n)" if any(ATTRIBUTES in what for what in panels) else "Content queries"
    return (
        f"{kinds} of {len(queries.structure)} pixels, {by_whom}, laid out by {embedding.method}; structures have about "
        f"as many pixels each{'' if background else ', background is left out'}. {WHAT_THE_MAP_SHOWS} {scores}. "
        f"{TEXT_AND_CAPTION}"
    )
