"""What a user asks for."""

from dataclasses import dataclass

from hifisyn.directions import Direction


@dataclass(frozen=True)
class StudyRequest:
    """A study to make.

    Attributes:
        dataset: name of the data set.
        models: names or paths of model folders; empty: all that were evaluated.
        direction: source and target; none: all evaluated ones, shared evenly among the cases.
        split: see `hifisyn.reader_study.evaluated.find_evaluated`.
        fold: see there.
        cases: how many; none: one of every subject, 18 at the most, as the paper has.
        slices: of each case.
        repeats: views to show twice.
        seed: the same seed draws the same study.
        with_real: hide the real target among the images.
        show_real: show the real target beside the source.
    """

    dataset: str
    models: tuple[str, ...] = ()
    direction: Direction | None = None
    split: str | None = None
    fold: int | str | None = None
    cases: int | None = None
    slices: int = 1
    repeats: int = 0
    seed: int = 0
    with_real: bool = False
    show_real: bool = False
