"""How long each row trains: as many steps, or as much time."""

import math
import re
from dataclasses import dataclass

from hifisyn.errors import UserError
from hifisyn.plans import Plans

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
LONGEST_EPOCH, FEWEST_EPOCHS, MOST_EPOCHS = 500, 10, 1000
STEPS = ("length.epochs", "length.iterations")


@dataclass(frozen=True)
class Length:
    """What every row gets.

    Attributes:
        steps: of each training; none: what the plans say, unless `seconds` are given.
        seconds: of each training's steps, by the speed that was measured before it.
    """

    steps: int | None = None
    seconds: float | None = None

    @property
    def key(self) -> str:
        """What it is called in the name of a folder; "" for the plans' length."""
        if self.seconds is not None:
            return f"seconds={self.seconds:g}"
        return "" if self.steps is None else f"steps={self.steps}"

    def in_words(self, plans: Plans) -> str:
        """Return it as people read it, given the plans of a training."""
        if self.seconds is not None:
            return f"{self.seconds:g} s of steps"
        own = plans.length
        return f"{own.epochs} epochs of {own.iterations} steps" if self.steps is None else f"{self.steps} steps"


def parse_length(text: str | None) -> Length:
    """Read a budget: a number of steps, or a time.

    >>> parse_length("2000"), parse_length("90min").seconds, parse_length(None).steps
    (Length(steps=2000, seconds=None), 5400.0, None)

    Raises:
        UserError: it is neither, or so many steps do not divide into epochs.
    """
    if text is None:
        return Length()
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)?", text.strip().lower())
    value, unit = (float(match[1]), match[2]) if match else (0.0, None)
    if value <= 0 or (unit is None and not value.is_integer()):
        raise UserError("--budget must be steps such as 2000, or a time such as 90min, 2h or 3600s", got=repr(text))
    if unit is not None:
        return Length(seconds=value * UNITS[unit])
    steps = int(value)
    if steps // epoch_length(steps) > MOST_EPOCHS:
        near = round(steps, 1 - len(str(steps)) // 2)
        raise UserError("--budget must be steps that divide into epochs", got=steps, hint=f"take {near}")
    return Length(steps=steps)


def assignments(steps: int, plans: Plans) -> tuple[str, ...]:
    """Return the changes of the plans that make a training so long; none where it is.

    An epoch is a whole number of steps, and there are ten or more where that is possible.

    Args:
        steps: of the training.
        plans: as they are without these changes.
    """
    if steps == plans.length.total:
        return ()
    each = epoch_length(steps)
    return tuple(f"{key}={value}" for key, value in zip(STEPS, (steps // each, each), strict=True))


def epoch_length(steps: int) -> int:
    """Return the steps of an epoch: the largest divisor that leaves ten epochs, at most 500.

    >>> epoch_length(1000), epoch_length(30), epoch_length(7)
    (100, 3, 1)
    """
    most = min(LONGEST_EPOCH, steps // FEWEST_EPOCHS)
    return next((n for n in range(most, 0, -1) if steps % n == 0), 1)


def steps_within(seconds: float, seconds_a_step: float, period: int = 1) -> int:
    """Return how many steps fit into the seconds, rounded down to whole epochs of whole periods.

    >>> steps_within(100.0, 0.11), steps_within(5.0, 10.0), steps_within(3600.0, 0.25, period=3)
    (909, 1, 14400)
    """
    return round_steps(int(seconds / seconds_a_step), period)


def round_steps(steps: int, period: int = 1) -> int:
    """Return steps rounded down, by a hundredth at most, so that they divide into whole epochs of whole periods.

    >>> round_steps(16666), round_steps(1), round_steps(0, period=3)
    (16600, 1, 3)
    """
    steps = max(period, steps)
    hundredth = min(LONGEST_EPOCH, steps // 100)
    digits = 10 ** (len(str(hundredth)) - 1)
    unit = math.lcm(max(hundredth // digits * digits, 1), period)
    return max(period, steps // unit * unit)


def own_length(length: Length, plans: Plans, share: int, seconds_a_step: float | None, period: int) -> tuple[str, ...]:
    """Return the assignments that give a row another length than the plans.

    Args:
        length: what every row gets. A number of steps is in the plans already.
        plans: that all rows share.
        share: how many trainings divide that.
        seconds_a_step: of the row; where time is the budget, a row of unknown speed has no length yet.
        period: of the row's method, see `Trainer.period`.
    """
    if length.seconds is not None:
        if seconds_a_step is None:
            return ()
        return assignments(steps_within(length.seconds / share, seconds_a_step, period), plans)
    return assignments(round_steps(plans.length.total // share), plans) if share > 1 else ()
