"""Which images a reader sees, in which order and where: seeded, balanced, without reading a single image.

Every candidate (a model, or the real target) is shown in every view: a complete block design. The candidates' places
follow Latin squares: in as many successive views as there are candidates, each one stands once at each place, and over
the whole study no two counts differ by more than one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hifisyn.directions import Direction
from hifisyn.errors import UserError


@dataclass(frozen=True)
class View:
    """What is ranked at once: one slice of one case, generated in one direction by every candidate."""

    case: str
    slice: int
    direction: Direction


@dataclass(frozen=True)
class Trial:
    """A view as it is shown.

    Attributes:
        view: what is shown.
        candidates: the candidates' names, first place first.
        repeats: shown a second time, to measure how well readers agree with themselves.
    """

    view: View
    candidates: tuple[str, ...]
    repeats: bool = False


def draw_cases(
    subject_of: Mapping[Direction, Mapping[str, str]], count: int | None, most: int, rng: np.random.Generator
) -> list[tuple[str, Direction]]:
    """Draw cases, one a subject, and share the directions evenly among them.

    Args:
        subject_of: direction to (case to subject): the cases that every candidate was evaluated on.
        count: cases to draw; none: one of each subject, at most `most`.
        most: see `count`.
        rng: where chance comes from.

    Returns:
        Case and direction, in the order drawn. A subject comes once, so that the cases are independent.

    Raises:
        UserError: there are fewer subjects than `count`.
    """
    directions = list(subject_of)
    subjects = sorted({subject for cases in subject_of.values() for subject in cases.values()})
    if not subjects:
        raise UserError("all models must be evaluated on the same cases", got="no case that they share")
    count = min(most, len(subjects)) if count is None else count
    if count > len(subjects):
        what = f"--cases-number must be at most {len(subjects)}, the subjects that all models were evaluated on"
        raise UserError(what, got=count, hint="lower it, or evaluate more cases")
    drawn: list[tuple[str, Direction]] = []
    times = dict.fromkeys(directions, 0)
    for index in rng.permutation(len(subjects))[:count]:
        subject = subjects[index]
        possible = [d for d in directions if subject in subject_of[d].values()]
        least = min(times[d] for d in possible)
        rarest = [d for d in possible if times[d] == least]
        direction = rarest[rng.integers(len(rarest))]
        cases = sorted(case for case, owner in subject_of[direction].items() if owner == subject)
        drawn.append((cases[rng.integers(len(cases))], direction))
        times[direction] += 1
    return drawn


def draw_slices(brain: np.ndarray, lesion: np.ndarray | None, count: int, rng: np.random.Generator) -> list[int]:
    """Draw slices of a case: with much brain, and with lesion where there is any.

    Args:
        brain: (S,) pixels of brain.
        lesion: (S,) pixels of lesion; none: not known.
        count: slices to draw.
        rng: where chance comes from.

    Returns:
        Slice numbers in rising order: drawn from those with at least half as much brain as the fullest slice; if
        enough of these hold at least half as much lesion as the one with most, from those.

    Raises:
        UserError: too few slices hold that much brain.
    """
    usable = np.flatnonzero((brain >= brain.max() / 2) & (brain > 0))
    if len(usable) < count:
        raise UserError(f"--slices must be at most {len(usable)}, the slices of a case with much brain", got=count)
    if lesion is not None and lesion[usable].any():
        through = usable[lesion[usable] >= lesion[usable].max() / 2]
        usable = through if len(through) >= count else usable
    return sorted(int(index) for index in rng.choice(usable, count, replace=False))


def arrange(views: Sequence[View], candidates: Sequence[str], repeats: int, rng: np.random.Generator) -> list[Trial]:
    """Give every view an order of the candidates, add the repeats, and order the views for reading.

    Args:
        views: what is ranked.
        candidates: names, at least two.
        repeats: views to show once more, with the candidates in another order.
        rng: where chance comes from.

    Returns:
        The trials in the order in which they are read; a repeat never directly follows its first showing,
        if there are other views to put between.

    Raises:
        UserError: fewer than two candidates, or more repeats than views.
    """
    if len(candidates) < 2:
        raise UserError("a study must compare at least 2 models", got=len(candidates), hint="evaluate another")
    if not 0 <= repeats <= len(views):
        raise UserError(f"--repeats must be between 0 and {len(views)}", got=repeats)
    rows = latin_rows(len(views) + repeats, len(candidates), rng)
    orders = [tuple(candidates[column] for column in row) for row in rows]
    first = [Trial(view, order) for view, order in zip(views, orders, strict=False)]
    again = _choose_repeats(first, orders[len(views) :], rng)
    return _reading_order(first, again, rng)


def latin_rows(count: int, width: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return `count` rows of random Latin squares of `width`, one square after the other.

    In the first n rows, whatever n is, the counts of two numbers at a place differ by one at most.
    """
    rows: list[tuple[int, ...]] = []
    while len(rows) < count:
        names, columns = rng.permutation(width), rng.permutation(width)
        rows += [tuple(int(names[(place + row) % width]) for place in columns) for row in rng.permutation(width)]
    return rows[:count]


def _choose_repeats(first: Sequence[Trial], orders: Sequence[tuple[str, ...]], rng: np.random.Generator) -> list[Trial]:
    """Return a repeat for each order, of a view that was shown in another order, each view once."""
    left, chosen = list(first), []
    for order in orders:
        others = [trial for trial in left if trial.candidates != order] or left
        trial = others[rng.integers(len(others))]
        left.remove(trial)
        chosen.append(Trial(trial.view, order, repeats=True))
    return chosen


def _reading_order(first: Sequence[Trial], again: Sequence[Trial], rng: np.random.Generator) -> list[Trial]:
    """Return all trials: repeated views begin in the first half, and their repeats come in the second."""
    repeated = {trial.view for trial in again}
    early = [trial for trial in first if trial.view in repeated]
    others = [trial for trial in first if trial.view not in repeated]
    others = [others[index] for index in rng.permutation(len(others))]
    half = len(others) // 2
    begin, end = _shuffle(early, others[:half], rng), _shuffle(again, others[half:], rng)
    if begin and end and begin[-1].view == end[0].view:
        begin, end = (begin, end[1:] + end[:1]) if len(end) > 1 else (begin[-1:] + begin[:-1], end)
    return [*begin, *end]


def _shuffle(a: Sequence[Trial], b: Sequence[Trial], rng: np.random.Generator) -> list[Trial]:
    together = [*a, *b]
    return [together[index] for index in rng.permutation(len(together))]
