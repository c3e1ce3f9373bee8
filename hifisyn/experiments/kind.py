"""What an ablation and a benchmark are called, and what their rows are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of experiment.

    Attributes:
        name: its folders and its record are called so.
        noun: what a row is.
        page: name of the page and the picture of its results.
        reference: row that the others are tested against.
        shorter: the flag that makes its trainings shorter.
        alike: whether the row with the most parts bounds the time of the others, so that it alone is measured.
    """

    name: str
    noun: str
    page: str
    reference: str
    shorter: str
    alike: bool = False
