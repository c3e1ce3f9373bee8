"""Directions of translation: which contrast is synthesised from which, and how a direction is written."""

from collections.abc import Sequence
from typing import NamedTuple

_BETWEEN, _BETWEEN_IN_NAMES = " to ", "_to_"


class Direction(NamedTuple):
    """From one contrast to another.

    >>> str(Direction("T1", "T2")), Direction("T1", "T2").key
    ('T1 to T2', 'T1_to_T2')
    """

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}{_BETWEEN}{self.target}"

    @property
    def key(self) -> str:
        """As columns and file names have it."""
        return f"{self.source}{_BETWEEN_IN_NAMES}{self.target}"

    @classmethod
    def parse(cls, text: str) -> "Direction":
        """Read what `str` or `key` wrote.

        >>> Direction.parse("T1 to T1ce"), Direction.parse("T1_to_T1ce")
        (Direction(source='T1', target='T1ce'), Direction(source='T1', target='T1ce'))

        Raises:
            ValueError: it is neither.
        """
        source, between, target = text.partition(_BETWEEN if _BETWEEN in text else _BETWEEN_IN_NAMES)
        if not (source and between and target):
            raise ValueError(f"a direction must be like {Direction('T1', 'T2')} (got {text!r})")
        return cls(source, target)


def directions(domains: Sequence[str]) -> tuple[Direction, ...]:
    """Return every direction between contrasts, by the source's place, then the target's.

    >>> directions(("T1", "T2"))
    (Direction(source='T1', target='T2'), Direction(source='T2', target='T1'))
    >>> len(directions(("FLAIR", "T1", "T1ce", "T2")))
    12
    """
    return tuple(Direction(source, target) for source in domains for target in domains if source != target)
