"""Many small pictures in one small file: panels in columns, joined pixel by pixel, in few colours.

A palette of grey levels and of the colours of lines takes a fifth of the megabyte a case that full colour would take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from hifisyn.files import atomic
from hifisyn.pictures import LINE_COLOURS, Colour

if TYPE_CHECKING:
    from PIL.Image import Image

GREY_LEVELS = 28
GAP, HEAD, FOOT = 8, 54, 4
TEXT, WHITE = 12, (255, 255, 255)


@dataclass(frozen=True)
class Column:
    """Panels below each other.

    Attributes:
        title: one line above.
        panels: each (H, W, 3) uint8.
        legend: words and their colours, a second line above.
    """

    title: str
    panels: Sequence[np.ndarray]
    legend: Sequence[tuple[str, Colour]] = ()

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(max(panel.shape[1] for panel in self.panels))

    @property
    def height(self) -> int:
        """Pixels from top to bottom, without gaps between the panels."""
        return sum(panel.shape[0] for panel in self.panels)


def to_grey(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W) in [-1, 1] as (H, W, 3) uint8."""
    levels = np.rint((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def border(labels: np.ndarray) -> np.ndarray:
    """Return where a label map (H, W) borders on a smaller label: one pixel wide, inside the larger label.

    >>> border(np.array([[0, 1, 1, 2, 2]])).astype(int)
    array([[0, 1, 0, 1, 0]])
    """
    lowest = ndimage.minimum_filter(labels, footprint=ndimage.generate_binary_structure(2, 1), mode="nearest")
    edge: np.ndarray = lowest < labels
    return edge


def paint(panel: np.ndarray, where: np.ndarray, colour: Colour) -> np.ndarray:
    """Return the panel (H, W, 3) with the pixels of the mask (H, W) in one colour."""
    return np.where(where[..., None], np.array(colour, np.uint8), panel)


def write_mosaic(path: Path | str, columns: Sequence[Column], *, title: str = "") -> None:
    """Write a PNG on black, replacing what is there.

    Panels are spread over the height of their column, so that few large ones fit beside many small ones.

    Args:
        path: the file.
        columns: from left to right.
        title: one line above all.
    """
    from PIL import Image

    height = max(column.height + FOOT * len(column.panels) for column in columns) + HEAD
    canvas = np.zeros((height, sum(column.width + GAP for column in columns), 3), np.uint8)
    lefts = list(accumulate((column.width + GAP for column in columns[:-1]), initial=GAP // 2))
    for column, left in zip(columns, lefts, strict=True):
        gap = (height - HEAD - column.height) / len(column.panels)
        y = HEAD + gap / 2
        for panel in column.panels:
            x = left + (column.width - panel.shape[1]) // 2
            canvas[int(y) : int(y) + panel.shape[0], x : x + panel.shape[1]] = panel
            y += panel.shape[0] + gap
    picture = Image.fromarray(canvas)
    _write_words(picture, [(title, WHITE)], picture.width / 2, 2)
    for column, left in zip(columns, lefts, strict=True):
        _write_words(picture, [(column.title, WHITE)], left + column.width / 2, 20)
        _write_words(picture, column.legend, left + column.width / 2, 36)
    with atomic(path) as temporary:
        _few_colours(picture).save(temporary, format="png", optimize=True)


def _write_words(picture: "Image", words: Sequence[tuple[str, Colour]], middle: float, top: float) -> None:
    """Write words, each in its colour, around the middle of a line."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    space, *widths = (draw.textlength(text, _font()) for text in ("  ", *(word for word, _ in words)))
    x = max(2.0, middle - (sum(widths) + space * (len(words) - 1)) / 2)
    for (word, colour), width in zip(words, widths, strict=True):
        draw.text((x, top), word, colour, _font())
        x += width + space


@cache
def _font() -> Any:
    """Return matplotlib's own font, which every installation has."""
    from matplotlib.font_manager import findfont
    from PIL import ImageFont

    return ImageFont.truetype(findfont("DejaVu Sans"), TEXT)


def _few_colours(picture: "Image") -> "Image":
    """Return the picture with each pixel in the nearest of the grey levels and of the colours of lines."""
    from PIL import Image

    greys = [(level, level, level) for level in np.linspace(0, 255, GREY_LEVELS).astype(int)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([int(part) for colour in (*greys, *LINE_COLOURS) for part in colour])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)
