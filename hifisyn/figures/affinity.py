"""Which slots of the Brain Memory Bank the pixels of each structure read (HiFi-Syn Fig. 8, weights of eq. 1)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.directions import directions
from hifisyn.errors import UserError
from hifisyn.figures import style
from hifisyn.figures.queries import Queries
from hifisyn.inference.predictor import Predictor
from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank
from hifisyn.methods.hifisyn.memory_update import GLOBAL

GLOBAL_NAME = "global"
STRUCTURE, CLASS, SLOT = "structure", "class", "slot"
ROW_INCHES, LEFT_INCHES, RIGHT_INCHES = 0.24, 1.1, 1.25
HEAD_INCHES, NAMES_INCHES, FOOT_INCHES = 0.3, 0.8, 0.45


def bank_of(predictor: Predictor) -> BrainMemoryBank:
    """Return the bank of a model.

    Raises:
        UserError: it has none.
    """
    bank = getattr(predictor.trainer.networks, "memory_bank", None)
    if not isinstance(bank, BrainMemoryBank):
        raise UserError("the model has no Brain Memory Bank").at(predictor.model.folder)
    return bank


def query_weights(
    queries: Queries, bank: BrainMemoryBank, domains: Sequence[str], labels: Mapping[str, int], *, with_labels: bool
) -> pd.DataFrame:
    """Return the weights w_{n,t} that each query gives each slot.

    A pixel seen in one contrast reads the slots that have a value of another, as in a translation; its weights are the
    mean over the others.

    Args:
        queries: pixels of the contrasts.
        bank: the bank.
        domains: the contrasts, two or more.
        labels: structure to label value, as in the plans.
        with_labels: read as in training with labels, own class and global slots alone; else as at test time.

    Returns:
        One row a query, named by its structure; one column a slot, by class and number, structural slots in the order
        of the label values, then global ones. Rows sum to 1.
    """
    import torch

    weights = np.zeros((len(queries.structure), len(bank.slot_class)))
    device = bank.keys.device
    for source, target in directions(domains):
        own = queries.modality == source
        if not own.any():
            continue
        content = torch.from_numpy(queries.content[own]).T[None, :, :, None].to(device)
        structure = torch.from_numpy(queries.structure[own])[None].to(device) if with_labels else None
        with torch.inference_mode():
            read = bank.weights(content, bank.table(target).known, structure)[0].T
        weights[own] += read.double().cpu().numpy() / (len(domains) - 1)
    names = style.names_by_value(labels)
    order, columns = _slots(bank.slot_class.cpu().numpy(), names)
    index = pd.Index([names.get(int(value), str(value)) for value in queries.structure], name=STRUCTURE)
    return pd.DataFrame(weights[:, order], index=index, columns=columns)


def affinity(
    queries: Queries, bank: BrainMemoryBank, domains: Sequence[str], labels: Mapping[str, int], *, with_labels: bool
) -> pd.DataFrame:
    """Return the mean of `query_weights` over the pixels of each structure.

    Returns:
        One row a structure that has pixels, in the order of the label values.
    """
    weights = query_weights(queries, bank, domains, labels, with_labels=with_labels)
    means = weights.groupby(level=0, sort=False).mean()
    return means.reindex([name for name in style.names_by_value(labels).values() if name in means.index])


def own_share(table: pd.DataFrame) -> pd.Series:
    """Return which share of its read each structure takes from the slots of its own class, 0..1; rows of `affinity`.

    >>> columns = pd.MultiIndex.from_tuples([("GM", 1), ("GM", 2), ("global", 1)])
    >>> float(own_share(pd.DataFrame([[0.5, 0.25, 0.25]], ["GM"], columns))["GM"])
    0.75
    """
    classes = table.columns.get_level_values(0)
    shares = [float(row[classes == name].sum()) for name, row in table.iterrows()]
    return pd.Series(shares, index=table.index, dtype=float)


def even_share(table: pd.DataFrame) -> pd.Series:
    """Return the same share of a read that takes as much from every slot that is read, to compare `own_share` with."""
    classes = table.columns.get_level_values(0)
    shares = [float((classes == name)[row > 0].mean()) for name, row in table.iterrows()]
    return pd.Series(shares, index=table.index, dtype=float)


def draw_affinity(path: Path, tables: Mapping[str, pd.DataFrame], what: str = "mean weight of a slot") -> None:
    """Draw a heat map for each table on one colour scale, and beside each row the share of its own class.

    Args:
        path: the PNG file; replaced if it exists.
        tables: title of each, and what `affinity` or `query_weights` returned; the same slots in all.
        what: is painted.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import PowerNorm

    block = [HEAD_INCHES + ROW_INCHES * len(table) for table in tables.values()]
    height = sum(block) + NAMES_INCHES + FOOT_INCHES
    figure = style.page(height)
    wide = style.PAGE_INCHES - LEFT_INCHES - RIGHT_INCHES
    highest = max(float(table.to_numpy().max()) for table in tables.values())
    painted = ScalarMappable(PowerNorm(0.5, 0, highest), "cividis")  # by the root: most weights are small
    top = 0.0
    for number, (title, table) in enumerate(tables.items()):
        axis = style.axes_at(figure, LEFT_INCHES, top + HEAD_INCHES, wide, ROW_INCHES * len(table))
        _heat_map(axis, table, painted, title, named=number == len(tables) - 1)
        top += block[number]
    bar_axis = style.axes_at(figure, LEFT_INCHES, height - FOOT_INCHES + 0.03, wide, 0.1)
    bar = figure.colorbar(painted, cax=bar_axis, orientation="horizontal")
    bar.set_label(f"{what} (rows sum to 1)", fontsize=style.SMALL, labelpad=2)
    bar.ax.tick_params(labelsize=style.SMALL, length=2, pad=1)
    style.finish(figure, path)


def _heat_map(axis: Any, table: pd.DataFrame, painted: Any, title: str, named: bool) -> None:
    axis.imshow(table.to_numpy(), cmap=painted.cmap, norm=painted.norm, aspect="auto", interpolation="nearest")
    axis.set_title(title, fontsize=style.MEDIUM, loc="left", pad=3)
    axis.set_yticks(range(len(table)), table.index, fontsize=style.SMALL)
    axis.tick_params(length=0)
    classes = table.columns.get_level_values(0)
    ends = [i for i in range(1, len(classes)) if classes[i] != classes[i - 1]]
    for end in ends:
        axis.axvline(end - 0.5, color="white", linewidth=1.5)
    edges = [0, *ends, len(classes)]
    middles = [(left + right - 1) / 2 for left, right in pairwise(edges)]
    names = [f"{classes[left]} ({right - left})" for left, right in pairwise(edges)]
    axis.set_xticks(middles, names if named else [], fontsize=style.SMALL, rotation=30, ha="right")
    for row, (own, even) in enumerate(zip(own_share(table), even_share(table), strict=True)):
        text = f"{own:.0%} (even {even:.0%})" if even else "no slots of its own"
        axis.text(len(classes) - 0.3, row, text, fontsize=style.SMALL, va="center")
    if named:
        axis.set_xlabel("slots by class (how many)", fontsize=style.SMALL, labelpad=2)
    axis.text(len(classes) - 0.3, -0.75, "share of own class", fontsize=style.SMALL, va="center")


def _slots(slot_class: np.ndarray, names: Mapping[int, str]) -> tuple[np.ndarray, pd.MultiIndex]:
    """Return the order of the slots, global ones last, and their names."""
    ranked = np.where(slot_class == GLOBAL, np.iinfo(np.int64).max, slot_class)
    order = np.argsort(ranked, kind="stable")
    classes = [GLOBAL_NAME if value == GLOBAL else names.get(int(value), str(value)) for value in slot_class[order]]
    numbers = [classes[: i + 1].count(name) for i, name in enumerate(classes)]
    return order, pd.MultiIndex.from_arrays([classes, numbers], names=[CLASS, SLOT])
