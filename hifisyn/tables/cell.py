"""A cell of a table that people read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: what it says.
        best: whether it is the best of its column.
        test: what a test against the reference says: "p 0.031", "reference", "n too small"; "" where there is none.
        words: whether it is read from the left, such as a verdict; numbers stand on the right.
    """

    text: str
    best: bool = False
    test: str = ""
    words: bool = False
