"""The budget of a benchmark: as many steps for each method, or as much time."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json
from hifisyn.plans import Plans

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
LONGEST_EPOCH, EPOCHS_WANTED, MOST_EPOCHS = 500, 10, 1000
LENGTHS_JSON = "lengths.json"
STEPS = ("length.epochs", "length.iterations")


@dataclass(frozen=True)
class Length:
    """What every method gets.

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

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.seconds:g} s of steps"
        return "the plans' length" if self.steps is None else f"{self.steps} steps"


def parse_length(text: str | None) -> Length:
    """Read a budget: a number of steps, or a time.

    >>> parse_length("2000"), parse_length("90min").seconds, parse_length(None).steps
    (Length(steps=2000, seconds=None), 5400.0, None)

    Raises:
        UserError: it is neither, or so many steps do not part into epochs.
    """
    if text is None:
        return Length()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)?", text.strip().lower())
    value = float(found[1]) if found else 0.0
    if not found or value <= 0 or (found[2] is None and not value.is_integer()):
        raise UserError(f"--budget: wanted steps such as 2000, or a time such as 90min, 2h or 3600s, found {text!r}")
    if found[2] is not None:
        return Length(seconds=value * UNITS[found[2]])
    steps = int(value)
    if steps // epoch_length(steps) > MOST_EPOCHS:
        rounded = round(steps, 1 - len(str(steps)) // 2)
        raise UserError(f"--budget: wanted steps that part into epochs, found {steps}; take {rounded}")
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
    most = min(LONGEST_EPOCH, steps // EPOCHS_WANTED)
    return next((n for n in range(most, 0, -1) if steps % n == 0), 1)


def round_steps(seconds: float, seconds_a_step: float, period: int = 1) -> int:
    """Return how many steps fit into the seconds, rounded down to whole epochs of whole periods.

    >>> round_steps(100.0, 0.11), round_steps(5.0, 10.0), round_steps(3600.0, 0.25, period=3)
    (909, 1, 14400)
    """
    return rounded(int(seconds / seconds_a_step), period)


def rounded(steps: int, period: int = 1) -> int:
    """Return steps rounded down, by a hundredth at most, so that they part into whole epochs of whole periods.

    >>> rounded(16666), rounded(1), rounded(0, period=3)
    (16600, 1, 3)
    """
    steps = max(period, steps)
    hundredth = min(LONGEST_EPOCH, steps // 100)
    digits = 10 ** (len(str(hundredth)) - 1)
    unit = math.lcm(max(hundredth // digits * digits, 1), period)
    return max(period, steps // unit * unit)


def kept(folder: Path, conditions: Mapping[str, str]) -> dict[str, float]:
    """Return the seconds a step that were measured when the benchmark began, by row; empty where it has not.

    Raises:
        UserError: they were measured under other conditions.
    """
    path = folder / LENGTHS_JSON
    if not path.exists():
        return {}
    content = read_json(path)
    for key, value in conditions.items():
        if content["conditions"].get(key) != value:
            raise UserError(
                f"{path}: wanted speeds measured with {key} {value}, found {content['conditions'].get(key)}; go on as "
                "the benchmark began, or begin it anew with --overwrite"
            )
    return dict(content["seconds_a_step"])


def keep(folder: Path, seconds_a_step: Mapping[str, float], conditions: Mapping[str, str]) -> None:
    """Write them down, so that a benchmark that goes on later asks for the same steps."""
    write_json(folder / LENGTHS_JSON, {"conditions": dict(conditions), "seconds_a_step": dict(seconds_a_step)})


def lengths(
    length: Length,
    plans: Plans,
    shares: Mapping[str, int],
    seconds_a_step: Mapping[str, float],
    periods: Mapping[str, int],
) -> dict[str, tuple[str, ...]]:
    """Return the assignments of each row that has another length than the plans.

    Args:
        length: what every row gets. Steps are those of the plans already.
        plans: that all rows share.
        shares: row to how many trainings divide that.
        seconds_a_step: row to its speed; where time is the budget, a row of unknown speed has no length yet.
        periods: row to `Trainer.period`, for the same rows.
    """
    if length.seconds is None:
        divided = {row: rounded(plans.length.total // share) for row, share in shares.items() if share > 1}
        return {row: assignments(steps, plans) for row, steps in divided.items()}
    found = {
        row: round_steps(length.seconds / share, seconds_a_step[row], periods[row])
        for row, share in shares.items()
        if row in seconds_a_step
    }
    return {row: assignments(steps, plans) for row, steps in found.items()}
