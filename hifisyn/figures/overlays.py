"""Segmentations of a real and of a synthetic scan, outlined over both beside the reference (HiFi-Syn Fig. 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hifisyn.figures import style
from hifisyn.figures.slices_shown import largest_slices
from hifisyn.metrics.overlap import dice
from hifisyn.pictures import brain_window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST_PANEL, NARROWEST_PAGE, GAP_INCHES = 2.3, 3.8, 0.03
LINE_INCHES, FOOT_INCHES, LETTER_INCHES = 0.125, 0.25, 0.058


@dataclass(frozen=True)
class SegmentedScan:
    """A scan and its segmentation.

    Attributes:
        name: such as "real T2" or "synthetic T2".
        image: (S, H, W) in [-1, 1].
        labels: (S, H, W) label map by the tool.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray


def draw_overlays(
    path: Path,
    scans: Sequence[SegmentedScan],
    reference: np.ndarray | None,
    names: Mapping[int, str],
    *,
    slices: int | Sequence[int] = 3,
) -> None:
    """Draw one row a slice and one column a scan, with the borders of its own segmentation in full lines.

    The reference is dotted over each where there is one class, and has a column of its own where there are several;
    where it is the map of the first scan, that column is it.
    The title of a panel gives the Dice of each class on that slice, the head of a column that over the whole case.

    Args:
        path: the PNG file; replaced if it exists.
        scans: real ones first, on one grid.
        reference: (S, H, W) label map on the same grid; none: that of the first scan.
        names: the label values to outline, with their names; others are left out.
        slices: which, or how many of those where the reference is largest.
    """
    style.finish(overlay_figure(scans, reference, names, slices=slices), path)


def overlay_figure(
    scans: Sequence[SegmentedScan],
    reference: np.ndarray | None,
    names: Mapping[int, str],
    *,
    slices: int | Sequence[int] = 3,
) -> "Figure":
    """Return the figure of `draw_overlays`, not yet written."""
    truth = _select(scans[0].labels if reference is None else reference, names)
    brain = np.any([scan.image > -1 for scan in scans], axis=0)
    chosen = largest_slices(brain, truth, slices) if isinstance(slices, int) else list(slices)
    window = brain_window(brain[chosen])
    ratio = (window[0].stop - window[0].start) / (window[1].stop - window[1].start)
    own_column = reference is not None and len(names) > 1
    dotted = reference is not None and not own_column
    shown = [SegmentedScan(f"{scans[0].name}, reference", scans[0].image, truth)] * own_column + list(scans)
    widest = min(style.PAGE_INCHES / len(shown), WIDEST_PANEL)
    letters = int(widest / LETTER_INCHES)
    scores = [_scores(scan.labels, truth, names, chosen) for scan in shown]
    if not dotted:  # the reference, not compared with itself
        scores[0] = [""] * (1 + len(chosen))
    heads = [
        style.wrap_name(scan.name, letters) + "\n" + style.wrap_name(texts[0], letters)
        for scan, texts in zip(shown, scores, strict=True)
    ]
    titles = [[style.wrap_name(text, letters) for text in texts[1:]] for texts in scores]
    head = LINE_INCHES * _lines(heads) + 0.08
    title = LINE_INCHES * _lines([text for column in titles for text in column]) + 0.06
    free = (style.TALLEST_INCHES - head - FOOT_INCHES) / len(chosen) - title
    panel = min(widest, free / ratio)
    tall, width = panel * ratio, max(widest * len(shown), NARROWEST_PAGE)
    step, left = width / len(shown), (width / len(shown) - panel) / 2
    figure = style.page(head + (tall + title) * len(chosen) + FOOT_INCHES, width)
    for column, scan in enumerate(shown):
        centre = (column + 0.5) * step
        style.text_at(figure, centre, 0.03, heads[column], ha="center", fontweight="bold")
        for row, index in enumerate(chosen):
            top = head + row * (tall + title) + title
            style.text_at(figure, centre, top - 0.03, titles[column][row], ha="center", va="bottom")
            axis = style.axes_at(figure, column * step + left, top, panel - GAP_INCHES, tall - GAP_INCHES)
            _panel(axis, scan.image[index][window], _select(scan.labels[index], names)[window], f"slice {index}")
            if dotted:
                style.borders(axis, truth[index][window], style="dotted", width=1.1)
    _legend(figure, names, dotted=dotted)
    return figure


def _panel(axis: Any, image: np.ndarray, labels: np.ndarray, text: str) -> None:
    style.scan(axis, image)
    style.borders(axis, labels)
    axis.text(0.02, 0.02, text, color="white", fontsize=style.SMALL, transform=axis.transAxes)


def _scores(labels: np.ndarray, truth: np.ndarray, names: Mapping[int, str], slices: Sequence[int]) -> list[str]:
    """Return the Dice over the case, then of each slice, in words."""
    found = _select(labels, names)
    return [_dice(found, truth, names), *(_dice(found[i], truth[i], names) for i in slices)]


def _lines(texts: Sequence[str]) -> int:
    return max(text.count("\n") + 1 for text in texts)


def _dice(a: np.ndarray, b: np.ndarray, names: Mapping[int, str]) -> str:
    """Return the Dice of each class in words, that of a single class without its name."""
    scores = {name: dice(a == value, b == value) for value, name in names.items()}
    texts = {name: "absent" if np.isnan(score) else f"{score:.2f}" for name, score in scores.items()}
    if len(texts) == 1:
        return f"Dice {next(iter(texts.values()))}"
    return "Dice " + ", ".join(f"{name} {text}" for name, text in texts.items())


def _select(labels: np.ndarray, names: Mapping[int, str]) -> np.ndarray:
    return np.where(np.isin(labels, list(names)), labels, 0)


def _legend(figure: "Figure", names: Mapping[int, str], dotted: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=style.structure_colour(value), label=name) for value, name in names.items()]
    if dotted:
        handles.append(Line2D([], [], color="0.4", label="segmented"))
        handles.append(Line2D([], [], color="0.4", linestyle="dotted", label="reference"))
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), fontsize=style.SMALL, frameon=False, borderpad=0.2
    )
