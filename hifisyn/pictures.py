"""Picture sheets: slices side by side, as a reader would look at them. matplotlib is imported when one is drawn."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hifisyn.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKGROUND, INK = "black", "white"
ERROR_COLOURS = ("#7fe0ff", "#2a86d8", "#0d2f66", "black", "#6e1212", "#e0512a", "#ffd27f")  # too dark to too bright
DPI = 110
PANEL_INCHES = 1.9
NOTE_INCHES, NOTE_LETTERS = 0.13, 17  # height of a line of a note, and its letters an inch
MARGIN = 3  # pixels around the brain

Colour = tuple[int, int, int]

# Okabe and Ito (2008): distinct with any colour vision; the dark ones last, since scans are dark.
LABEL_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),
    (240, 228, 66),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (0, 114, 178),
)
BRAIN, MET, MISSED = (255, 212, 0), (60, 220, 255), (255, 130, 0)
LINE_COLOURS = (*LABEL_COLOURS, BRAIN, MET, MISSED)


def label_colour(value: int) -> Colour:
    """Return the colour of a label from 1 up, the same in every picture and in label files; from 8 up, paler ones.

    >>> label_colour(2), label_colour(9)
    ((240, 228, 66), (248, 242, 160))
    """
    times, place = divmod(value - 1, len(LABEL_COLOURS))
    red, green, blue = (round(255 - (255 - part) / 2**times) for part in LABEL_COLOURS[place])
    return red, green, blue


def new_figure(width: float, height: float, **kwargs: Any) -> "Figure":
    """Return a matplotlib figure that needs no display and leaves pyplot's state alone; inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, **kwargs)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: "Figure", path: Path | str, dpi: float = DPI) -> None:
    """Write a figure as PNG, atomically, replacing what is there."""
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=figure.get_facecolor(), dpi=dpi)


def evenly(count: int, most: int, margin: float = 0.12) -> list[int]:
    """Return at most `most` slice numbers of 0..count-1, evenly spread, the outer `margin` left out.

    >>> evenly(100, 3, margin=0.25)
    [25, 50, 74]
    """
    first, last = margin * (count - 1), (1 - margin) * (count - 1)
    return sorted({round(i) for i in np.linspace(first, last, min(most, count))})


def brain_window(brain: np.ndarray, margin: int = MARGIN) -> tuple[slice, slice]:
    """Return the rows and columns of the smallest window that holds the brain of all slices (S, H, W), and a margin."""
    anywhere = np.any(brain, axis=0)
    window = []
    for axis in (1, 0):
        size = anywhere.shape[1 - axis]
        there = np.flatnonzero(anywhere.any(axis=axis))
        first, last = (int(there[0]), int(there[-1])) if there.size else (0, size - 1)
        window.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
    return window[0], window[1]


def sheet(
    path: Path | str,
    columns: Mapping[str, np.ndarray],
    *,
    title: str = "",
    note: str = "",
    error: Sequence[str] = (),
    slices: int | Sequence[int] = 6,
    outline: Mapping[str, np.ndarray] | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> None:
    """Write a PNG with one row a slice and one column a name.

    Args:
        path: the PNG file; replaced if it exists.
        columns: name to (S, H, W) slices in `value_range`, rows from anterior to posterior.
        title: one line above.
        note: smaller, below the title, in as many lines as it takes.
        error: names of columns that hold signed differences; drawn blue to red, black at 0, with a colour bar.
        slices: how many, evenly spread, or which.
        outline: name of a column to (S, H, W) labels whose borders are drawn over it.
        value_range: intensities drawn black and white.
    """
    count = next(iter(columns.values())).shape[0]
    chosen = evenly(count, slices) if isinstance(slices, int) else list(slices)
    rows, wide = len(chosen), len(columns)
    bar_inches = 0.75 if error else 0.0
    width = PANEL_INCHES * wide + bar_inches
    below = textwrap.wrap(note, max(20, int(width * NOTE_LETTERS)))
    top = 0.5 + NOTE_INCHES * len(below)
    figure = new_figure(width, PANEL_INCHES * rows + top + 0.05, facecolor=BACKGROUND)
    axes = figure.subplots(rows, wide, squeeze=False)
    figure.subplots_adjust(left=0, right=1 - bar_inches / width, bottom=0, top=1 - top / figure.get_figheight())
    figure.subplots_adjust(wspace=0.02, hspace=0.02)
    painted = None
    for column, (name, stack) in enumerate(columns.items()):
        for row, index in enumerate(chosen):
            panel = axes[row][column]
            painted_here = _panel(panel, stack[index], name in error, value_range)
            painted = painted_here if name in error else painted
            if outline is not None and name in outline:
                _borders(panel, outline[name][index])
        axes[0][column].set_title(name, color=INK, fontsize=8, pad=3)
    if title:
        figure.suptitle(title, color=INK, fontsize=9, y=1 - 0.05 / figure.get_figheight(), va="top")
    if below:
        height = 1 - 0.24 / figure.get_figheight()
        figure.text(0.5, height, "\n".join(below), color=INK, fontsize=7, ha="center", va="top")
    if painted is not None:
        bar = figure.colorbar(painted, cax=figure.add_axes((1 - 0.65 / width, 0.15, 0.1 / width, 0.6)))
        bar.ax.tick_params(colors=INK, labelsize=6)
    save_figure(figure, path)


def _panel(axis: Any, image: np.ndarray, signed: bool, value_range: tuple[float, float]) -> Any:
    axis.set_axis_off()
    if signed:
        from matplotlib.colors import LinearSegmentedColormap

        span = (value_range[1] - value_range[0]) / 2
        colours = LinearSegmentedColormap.from_list("error", ERROR_COLOURS)
        return axis.imshow(image, cmap=colours, vmin=-span, vmax=span, interpolation="nearest")
    return axis.imshow(image, cmap="gray", vmin=value_range[0], vmax=value_range[1], interpolation="nearest")


def _borders(axis: Any, labels: np.ndarray) -> None:
    for value in (int(v) for v in np.unique(labels) if v != 0):
        colour = tuple(part / 255 for part in label_colour(value))
        axis.contour(labels == value, levels=[0.5], colors=[colour], linewidths=0.6)
