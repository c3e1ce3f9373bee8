"""A map of the content queries by structure (HiFi-Syn Fig. 9), and numbers that say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.figures import style
from hifisyn.figures.queries import Queries

UMAP, PCA = "UMAP", "PCA"
ACROSS = 2  # maps in a row
PANEL_INCHES, LEFT_INCHES, HEAD_INCHES, FOOT_INCHES = 2.3, 0.2, 0.25, 0.2
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class Embedding:
    """Where the queries lie, in the plane and in the space of the content.

    Attributes:
        points: (P, 2).
        method: "UMAP" or "PCA".
        structure_silhouette: by label value, mean silhouette of its queries among all structures, -1..1: near 1 they
            form a cluster of their own, near 0 they mix with another structure. Cosine distance, all channels.
        modality_silhouette: the same for the contrasts within a structure, mean over structures; near 0 is best:
            the contrasts share their content. NaN where there is only one contrast.
    """

    points: np.ndarray
    method: str
    structure_silhouette: pd.Series
    modality_silhouette: float

    @property
    def mean_silhouette(self) -> float:
        """Mean over the structures."""
        return float(self.structure_silhouette.mean())


def embed(queries: Queries, seed: int = 0) -> Embedding:
    """Project the unit queries into the plane: UMAP where umap-learn is installed, else principal components.

    Args:
        queries: at least 3 pixels.
        seed: of UMAP; the same seed gives the same map.
    """
    unit = unit_rows(queries.content)
    method = UMAP if find_spec("umap") else PCA
    points = _umap(unit, seed) if method == UMAP else _principal(unit)
    return Embedding(points, method, structure_silhouette(unit, queries.structure), modality_silhouette(unit, queries))


def unit_rows(content: np.ndarray) -> np.ndarray:
    """Return (P, C) with rows of length 1, which is all that the bank's cosine sees; float64."""
    wide = content.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True).clip(min=np.finfo(float).tiny))


def structure_silhouette(unit: np.ndarray, structure: np.ndarray) -> pd.Series:
    """Return the mean silhouette of each structure by label value (Rousseeuw 1987), cosine distance; NaN for one."""
    from sklearn.metrics import silhouette_samples

    values = np.unique(structure)
    if len(values) < 2 or len(values) >= len(structure):
        return pd.Series(np.nan, index=values)
    scores = silhouette_samples(unit, structure, metric="cosine")
    return pd.Series(scores).groupby(structure).mean()


def modality_silhouette(unit: np.ndarray, queries: Queries) -> float:
    """Return the mean silhouette of contrasts over the structures that are seen in several; NaN where none is."""
    from sklearn.metrics import silhouette_score

    scores = []
    for value in np.unique(queries.structure):
        own = queries.structure == value
        contrasts = len(set(queries.modality[own].tolist()))
        if 1 < contrasts < own.sum():
            scores.append(float(silhouette_score(unit[own], queries.modality[own], metric="cosine")))
    return float(np.mean(scores)) if scores else float("nan")


def draw_embeddings(path: Path, panels: Mapping[str, tuple[Embedding, Queries]], labels: Mapping[str, int]) -> None:
    """Draw a map a panel, two in a row: colours show structures, markers contrasts; legends have the silhouettes.

    Args:
        path: the PNG file; replaced if it exists.
        panels: by title: a map, and what was embedded.
        labels: structure to label value.
    """
    rows = -(-len(panels) // ACROSS)
    figure = style.page(rows * (HEAD_INCHES + PANEL_INCHES + FOOT_INCHES) + 0.05)
    for place, (title, (embedding, queries)) in enumerate(panels.items()):
        row, column = divmod(place, ACROSS)
        top = HEAD_INCHES + row * (HEAD_INCHES + PANEL_INCHES + FOOT_INCHES)
        left = LEFT_INCHES + column * style.PAGE_INCHES / ACROSS
        axis = style.axes_at(figure, left, top, PANEL_INCHES, PANEL_INCHES)
        _panel(axis, embedding, queries, labels, title)
    style.finish(figure, path)


def _panel(axis: Any, embedding: Embedding, queries: Queries, labels: Mapping[str, int], title: str) -> None:
    contrasts = list(dict.fromkeys(queries.modality.tolist()))
    # Shuffled, so that the last structure does not cover the others.
    order = np.random.default_rng(0).permutation(len(queries.structure))
    for marker, contrast in zip(cycle(MARKERS), contrasts, strict=False):
        shown = order[queries.modality[order] == contrast]
        colours = [style.structure_colour(int(value)) for value in queries.structure[shown]]
        axis.scatter(*embedding.points[shown].T, c=colours, marker=marker, s=5, linewidths=0, alpha=0.85)
    axis.set_facecolor(style.BLACK)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_xlabel(f"{embedding.method} 1", fontsize=style.SMALL, labelpad=2)
    axis.set_ylabel(f"{embedding.method} 2", fontsize=style.SMALL, labelpad=2)
    axis.set_title(title, fontsize=style.MEDIUM, loc="left", pad=4)
    _legend(axis, embedding, style.names_by_value(labels), contrasts)


def _legend(axis: Any, embedding: Embedding, names: Mapping[int, str], contrasts: list[str]) -> None:
    from matplotlib.lines import Line2D

    def entry(label: str, colour: Any, marker: str) -> Any:
        return Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor="0.3", mew=0.4, label=label)

    structures = [
        entry(f"{names.get(int(value), str(value))}  {score:.2f}", style.structure_colour(int(value)), "o")
        for value, score in embedding.structure_silhouette.items()
    ]
    where = {"fontsize": style.SMALL, "frameon": False, "title_fontsize": style.SMALL, "alignment": "left"}
    where |= {"borderpad": 0, "handletextpad": 0.1, "labelspacing": 0.25}
    title = f"silhouette {embedding.mean_silhouette:.2f}\n(1: apart, 0: mixed)"
    first = axis.legend(handles=structures, loc="upper left", bbox_to_anchor=(1.02, 1.0), title=title, **where)
    axis.add_artist(first)
    title = f"by contrast {embedding.modality_silhouette:.2f}\n(0: shared)"
    markers = [entry(contrast, "white", marker) for marker, contrast in zip(cycle(MARKERS), contrasts, strict=False)]
    axis.legend(handles=markers, loc="lower left", bbox_to_anchor=(1.02, 0.0), title=title, **where)


def _principal(unit: np.ndarray) -> np.ndarray:
    from sklearn import decomposition

    return np.asarray(decomposition.PCA(2, svd_solver="full").fit_transform(unit))


def _umap(unit: np.ndarray, seed: int) -> np.ndarray:
    import umap

    mapper = umap.UMAP(metric="cosine", n_neighbors=min(15, len(unit) - 1), random_state=seed, n_jobs=1)
    return np.asarray(mapper.fit_transform(unit))
