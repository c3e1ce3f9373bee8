"""Source, synthetic slice of each model, and truth, with error maps on one scale (HiFi-Syn Figs. 4, 5)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hifisyn.directions import Direction
from hifisyn.figures import style
from hifisyn.figures.slices_shown import SliceRow, error_map, error_span
from hifisyn.metrics.image import psnr
from hifisyn.pictures import ERROR_COLOURS, brain_window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS = 5  # models in one line of panels
WIDEST_PANEL, NARROWEST_PANEL, NARROWEST_PAGE = 1.6, 0.9, 3.6
GAP_INCHES, LETTER_INCHES = 0.03, 0.062
LINE_INCHES, FOOT_INCHES, NOTE_INCHES = 0.125, 0.5, 0.14


def lines_of_models(names: Sequence[str], across: int = ACROSS) -> list[list[str]]:
    """Split the models into lines of equal length, at most `across`.

    >>> [len(line) for line in lines_of_models("abcdefghijklm")]
    [5, 4, 4]
    """
    lines = math.ceil(len(names) / across)
    return [list(part) for part in np.array_split(np.array(list(names), dtype=object), lines)]


def draw_comparison(
    path: Path, rows: Sequence[SliceRow], source: str, target: str, *, span: float | None = None
) -> None:
    """Draw rows of slices with an error map below each synthetic one, all on one scale.

    A line of panels holds the source, up to five models, and the truth; further models go into lines of their own.

    Args:
        path: the PNG file; replaced if it exists.
        rows: at least one, all with the same models.
        source: the contrast that was translated.
        target: the contrast of the synthetic slices.
        span: error that is drawn brightest, for sheets that share a scale; none: `error_span` of the rows.
    """
    style.finish(comparison_figure(rows, source, target, span=span), path)


def comparison_figure(rows: Sequence[SliceRow], source: str, target: str, *, span: float | None = None) -> "Figure":
    """Return the figure of `draw_comparison`, not yet written."""
    span = error_span(rows) if span is None else span
    lines = lines_of_models(list(rows[0].synthetic))
    window = brain_window(np.stack([row.brain for row in rows]))
    layout = _Layout.of(window, lines, len(rows), names=(*rows[0].synthetic, f"true {target}"))
    figure = style.page(layout.height, layout.width)
    for number, (row, line) in enumerate((row, line) for row in rows for line in lines):
        cells = _Cells(figure, layout, layout.top(number))
        named = number == 0 or layout.heads > 1
        _draw_line(cells, row, line, span, Direction(source, target), named)
    _colour_bar(figure, rows, span, target)
    return figure


@dataclass(frozen=True)
class _Layout:
    """Where the panels lie; inches.

    Attributes:
        window: rows and columns of the slices that are shown.
        columns: panels in a line.
        bands: lines of panels, each with its error maps below.
        heads: how many of them have names above.
        panel: width of a panel and the gap beside it.
        head: height of the names.
    """

    window: tuple[slice, slice]
    columns: int
    bands: int
    heads: int
    panel: float
    head: float

    @classmethod
    def of(cls, window: tuple[slice, slice], lines: list[list[str]], rows: int, names: Sequence[str]) -> "_Layout":
        columns, bands = len(lines[0]) + 2, len(lines) * rows
        heads = 1 if len(lines) == 1 else bands
        panel, head = min(style.PAGE_INCHES / columns, WIDEST_PANEL), 0.0
        for _ in range(3):  # narrower panels need more lines for their names
            head = LINE_INCHES * max(_wrap(panel, name).count("\n") + 1 for name in names) + 0.1
            free = style.TALLEST_INCHES - FOOT_INCHES - heads * head - bands * (2 * GAP_INCHES + NOTE_INCHES)
            ratio = _length(window[0]) / _length(window[1])
            panel = min(panel, max(NARROWEST_PANEL, free / (2 * bands * ratio)))
        return cls(window, columns, bands, heads, panel, head)

    @property
    def tall(self) -> float:
        return self.panel * _length(self.window[0]) / _length(self.window[1])

    @property
    def width(self) -> float:
        return max(self.panel * self.columns, NARROWEST_PAGE)

    @property
    def height(self) -> float:
        return self.top(self.bands) + FOOT_INCHES

    def top(self, band: int) -> float:
        """Return where the images of a band begin, below its names."""
        heads = min(band + 1, self.heads)
        return heads * self.head + band * (2 * (self.tall + GAP_INCHES) + NOTE_INCHES)

    def left(self, column: float) -> float:
        return (self.width - self.panel * self.columns) / 2 + column * self.panel


@dataclass(frozen=True)
class _Cells:
    """The panels of one line."""

    figure: "Figure"
    layout: _Layout
    top: float

    def axes(self, column: int, lower: bool = False) -> Any:
        top = self.top + lower * (self.layout.tall + GAP_INCHES)
        return style.axes_at(
            self.figure, self.layout.left(column), top, self.layout.panel - GAP_INCHES, self.layout.tall
        )

    def above(self, column: int, text: str) -> None:
        self._write(self.layout.left(column + 0.5), self.top - 0.04, text, ha="center", va="bottom")

    def below(self, column: int, text: str) -> None:
        self._write(self.layout.left(column + 0.5), self.top + 2 * (self.layout.tall + GAP_INCHES), text, ha="center")

    def below_source(self, text: str) -> None:
        self._write(self.layout.left(0) + 0.02, self.top + self.layout.tall + 3 * GAP_INCHES, text)

    def _write(self, left: float, top: float, text: str, **kwargs: Any) -> None:
        style.text_at(self.figure, left, top, _wrap(self.layout.panel, text), **kwargs)


def _draw_line(
    cells: _Cells, row: SliceRow, names: Sequence[str], span: float, direction: Direction, named: bool
) -> None:
    source, target = direction
    window = cells.layout.window
    images = [(source, row.source), *((name, row.synthetic[name]) for name in names), (f"true {target}", row.truth)]
    for column, (name, image) in enumerate(images):
        axis = cells.axes(column)
        style.scan(axis, np.where(row.brain, image, -1)[window])
        if row.lesions is not None:
            style.borders(axis, row.lesions[window])
        if named:
            cells.above(column, name)
    for column, name in enumerate(names, 1):
        axis = cells.axes(column, lower=True)
        error = error_map(row.synthetic[name], row.truth, row.brain)
        axis.imshow(error[window], cmap=_error_colours(), vmin=-span, vmax=span, interpolation="nearest")
        style.bare(axis)
        cells.below(column, f"{float(psnr(row.synthetic[name], row.truth, mask=row.brain)):.1f} dB")
    cells.below_source(row.title)


def _colour_bar(figure: "Figure", rows: Sequence[SliceRow], span: float, target: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    wide, tall = figure.get_size_inches()
    axis = style.axes_at(figure, 0.2 * wide, tall - FOOT_INCHES + 0.12, 0.6 * wide, 0.1)
    errors = [error_map(image, row.truth, row.brain) for row in rows for image in row.synthetic.values()]
    clipped = max(np.abs(error).max() for error in errors) > span
    painted = ScalarMappable(Normalize(-span, span), _error_colours())
    bar = figure.colorbar(painted, cax=axis, orientation="horizontal", extend="both" if clipped else "neither")
    bar.set_label(f"error: synthetic - true {target}, intensities in [-1, 1]", fontsize=style.SMALL, labelpad=2)
    bar.set_ticks(
        [-span, -span / 2, 0, span / 2, span], labels=[f"{share * span:g}" for share in (-1, -0.5, 0, 0.5, 1)]
    )
    bar.ax.tick_params(labelsize=style.SMALL, length=2, pad=1)


def _error_colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("error", ERROR_COLOURS)


def _wrap(panel: float, text: str) -> str:
    return "\n".join(style.wrap_name(line, int(panel / LETTER_INCHES)) for line in text.split("\n"))


def _length(part: slice) -> int:
    return int(part.stop - part.start)
