"""How the figures look in print: white pages at most 7.2 inches wide, nothing smaller than 7 points, scans on black."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hifisyn.pictures import label_colour, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE_INCHES = 7.2  # the text width of A4
TALLEST_INCHES = 9.5
SMALL, MEDIUM = 7.0, 8.0  # points
PRINT_DPI = 180
BLACK = "black"
LINE_ORDER = (7, 3, 4, 5, 6, 1)  # labels whose colours show on white: all but yellow
LINE_STYLES = ("-", "--", ":", "-.")

Rgb = tuple[float, float, float]


def page(height: float, width: float = PAGE_INCHES) -> "Figure":
    """Return an empty white page; inches."""
    return new_figure(width, height, facecolor="white")


def finish(figure: "Figure", path: Path) -> None:
    """Write the page as PNG, atomically."""
    save_figure(figure, path, PRINT_DPI)


def axes_at(figure: "Figure", left: float, top: float, width: float, height: float) -> Any:
    """Return axes whose place is given in inches, from the left and from the top of the page."""
    wide, tall = figure.get_size_inches()
    return figure.add_axes((left / wide, 1 - (top + height) / tall, width / wide, height / tall))


def text_at(figure: "Figure", left: float, top: float, text: str, **kwargs: Any) -> None:
    """Write text whose upper edge lies `top` inches below that of the page."""
    wide, tall = figure.get_size_inches()
    figure.text(left / wide, 1 - top / tall, text, **{"va": "top", "fontsize": SMALL, **kwargs})


def structure_colour(value: int) -> Rgb:
    """Return the colour of a label as red, green, blue in 0..1; grey for the background, 0."""
    if value == 0:
        return (0.6, 0.6, 0.6)
    red, green, blue = (part / 255 for part in label_colour(value))
    return red, green, blue


def line_style(number: int) -> dict[str, Any]:
    """Return colour and dashes of the n-th line: 24 that differ, also without colour vision."""
    turn, place = divmod(number, len(LINE_ORDER))
    return {"color": structure_colour(LINE_ORDER[place]), "linestyle": LINE_STYLES[turn % len(LINE_STYLES)]}


def scan(axis: Any, image: Any) -> None:
    """Draw a slice (H, W) in [-1, 1], -1 black and +1 white, without axes; NaN black."""
    axis.imshow(image, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    bare(axis)


def bare(axis: Any) -> None:
    """Remove ticks and frame of a panel, and make it black; its labels stay."""
    axis.set_facecolor(BLACK)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def borders(axis: Any, labels: Any, style: str = "solid", width: float = 0.8) -> None:
    """Draw the border of each label of (H, W) in its colour; 0 has none."""
    for value in sorted({int(v) for v in labels.ravel()} - {0}):
        inside = (labels == value).astype(float)
        axis.contour(inside, levels=[0.5], colors=[structure_colour(value)], linewidths=width, linestyles=style)


def wrap_name(name: str, width: int) -> str:
    r"""Return a name in lines of about `width` letters, broken after blanks and underscores alone.

    >>> wrap_name("HiFiSyn without_bank", 10)
    'HiFiSyn\nwithout_\nbank'
    """
    lines = [""]
    for part in re.findall(r"[^ _]+[ _]*|[ _]+", name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def names_by_value(labels: Mapping[str, int]) -> dict[int, str]:
    """Return label value to name, in the order of the values."""
    return {value: name for name, value in sorted(labels.items(), key=lambda entry: entry[1])}
