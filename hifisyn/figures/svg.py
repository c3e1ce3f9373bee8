"""A drawing of boxes, arrows and words as SVG: a few kilobytes, sharp at any size, on a white page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hifisyn.pages.environment import render

INK, PAPER, FAINT = "#222222", "#ffffff", "#888888"
SIZE, LINE = 13, 16  # of letters and of lines; pixels of a drawing that is shown 700 wide
NAMESPACE = "http://www.w3.org/2000/svg"  # a name, from which nothing is fetched
FONT = "Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Box:
    """A place in a drawing; pixels from the left and from the top."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    @property
    def middle(self) -> tuple[float, float]:
        """The centre."""
        return self.left + self.width / 2, self.top + self.height / 2


@dataclass
class Drawing:
    """A drawing that grows; `text` is the file.

    Attributes:
        width, height: of the page; pixels.
        title: for those who cannot see it.
        parts: the elements so far.
    """

    width: int
    height: int
    title: str
    parts: list[dict[str, Any]] = field(default_factory=list)

    def box(self, place: Box, lines: Sequence[str] = (), *, fill: str = PAPER, dashed: bool = False) -> None:
        """Draw a box with centred lines, the first one bold."""
        corner = {"x": f"{place.left:g}", "y": f"{place.top:g}"}
        sides = {"width": f"{place.width:g}", "height": f"{place.height:g}"}
        self.parts.append({"kind": "box", "fill": fill, "dashed": dashed} | corner | sides)
        x, y = place.middle
        first = y - LINE * (len(lines) - 1) / 2 + SIZE * 0.36
        for number, line in enumerate(lines):
            self.words(x, first + number * LINE, line, bold=number == 0)

    def words(
        self, x: float, y: float, line: str, *, bold: bool = False, anchor: str = "middle", colour: str = INK
    ) -> None:
        """Write a line whose letters stand on `y`; `anchor`: start, middle or end, what lies at `x`."""
        look = {"bold": bold, "anchor": anchor, "colour": colour}
        self.parts.append({"kind": "words", "x": f"{x:g}", "y": f"{y:g}", "line": line} | look)

    def arrow(self, *points: tuple[float, float], dashed: bool = False, colour: str = INK, both: bool = False) -> None:
        """Draw a line through points that ends in a head, `both`: and begins in one."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append({"kind": "arrow", "points": path, "dashed": dashed, "colour": colour, "both": both})

    def text(self) -> str:
        """Return the file."""
        colours = sorted({part["colour"] for part in self.parts if part["kind"] == "arrow"})
        look = {"namespace": NAMESPACE, "font": FONT, "size": SIZE, "ink": INK, "paper": PAPER}
        return render("figures/drawing.svg.jinja", drawing=self, colours=colours, **look)


def hex_colour(rgb: tuple[float, float, float], strength: float = 1.0) -> str:
    """Return a colour of parts in 0..1 as SVG writes it, mixed with white where it is weaker than 1.

    >>> hex_colour((1.0, 0.5, 0.0)), hex_colour((1.0, 0.5, 0.0), 0.5)
    ('#ff8000', '#ffbf80')
    """
    mixed = [round(255 * (1 - strength * (1 - part))) for part in rgb]
    return "#" + "".join(f"{part:02x}" for part in mixed)
