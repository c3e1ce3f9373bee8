"""A drawing of boxes, arrows and words as SVG: a few kilobytes, sharp at any size, on a white page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

INK, PAPER, FAINT = "#222222", "#ffffff", "#888888"
SIZE, LINE = 13, 16  # of letters and of lines; pixels of a drawing that is shown 700 wide
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
    parts: list[str] = field(default_factory=list)

    def box(self, place: Box, lines: Sequence[str] = (), *, fill: str = PAPER, dashed: bool = False) -> None:
        """Draw a box with centred lines, the first one bold."""
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        self.parts.append(
            f'<rect x="{place.left:g}" y="{place.top:g}" width="{place.width:g}" height="{place.height:g}" rx="4" '
            f'fill="{fill}" stroke="{INK}"{dash}/>'
        )
        x, y = place.middle
        first = y - LINE * (len(lines) - 1) / 2 + SIZE * 0.36
        for number, line in enumerate(lines):
            self.words(x, first + number * LINE, line, bold=number == 0)

    def words(
        self, x: float, y: float, line: str, *, bold: bool = False, anchor: str = "middle", colour: str = INK
    ) -> None:
        """Write a line whose letters stand on `y`; `anchor`: start, middle or end, what lies at `x`."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(line)}</text>'
        )

    def arrow(self, *points: tuple[float, float], dashed: bool = False, colour: str = INK, both: bool = False) -> None:
        """Draw a line through points that ends in a head, `both`: and begins in one."""
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        start = f' marker-start="url(#back{colour[1:]})"' if both else ""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"{dash}{start} '
            f'marker-end="url(#head{colour[1:]})"/>'
        )

    def text(self) -> str:
        """Return the file."""
        colours = sorted({part.split('stroke="')[1][:7] for part in self.parts if part.startswith("<polyline")})
        heads = "".join(
            f'<marker id="{name}{colour[1:]}" viewBox="0 0 8 8" refX="{at}" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="{shape}" fill="{colour}"/></marker>'
            for colour in colours
            for name, at, shape in (("head", 7, "M0,0 L8,4 L0,8 z"), ("back", 1, "M8,0 L0,4 L8,8 z"))
        )
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="{FONT}" font-size="{SIZE}" role="img">\n'
            f"<title>{escape(self.title)}</title>\n<defs>{heads}</defs>\n"
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n{body}\n</svg>\n'
        )


def hex_colour(rgb: tuple[float, float, float], strength: float = 1.0) -> str:
    """Return a colour of parts in 0..1 as SVG writes it, mixed with white where it is weaker than 1.

    >>> hex_colour((1.0, 0.5, 0.0)), hex_colour((1.0, 0.5, 0.0), 0.5)
    ('#ff8000', '#ffbf80')
    """
    mixed = [round(255 * (1 - strength * (1 - part))) for part in rgb]
    return "#" + "".join(f"{part:02x}" for part in mixed)
