"""The budget of a benchmark: as many steps for each method, or as much time."""

import re
from dataclasses import dataclass
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json
from hifisyn.plans import Plans

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
EPOCH_LENGTHS = (500, 250, 200, 100, 50, 25, 20, 10, 5, 4, 2, 1)
EPOCHS_WANTED = 10
LENGTHS_JSON = "lengths.json"


@dataclass(frozen=True)
class Length:
    """What every method gets.

    Attributes:
        steps: of each training; none: what the plans say, unless `seconds` are given.
        seconds: of each training, by the speed that was measured before it.
    """

    steps: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.seconds:g} s of training"
        return "the plans' length" if self.steps is None else f"{self.steps} steps"


def parse_length(text: str | None) -> Length:
    """Read a budget: a number of steps, or a time.

    >>> parse_length("2000"), parse_length("90min").seconds, parse_length(None).steps
    (Length(steps=2000, seconds=None), 5400.0, None)

    Raises:
        UserError: it is neither.
    """
    if text is None:
        return Length()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)?", text.strip().lower())
    value = float(found[1]) if found else 0.0
    if not found or value <= 0 or (found[2] is None and not value.is_integer()):
        raise UserError(f"--budget: wanted steps such as 2000, or a time such as 90min, 2h or 3600s, found {text!r}")
    return Length(steps=int(value)) if found[2] is None else Length(seconds=value * UNITS[found[2]])


def assignments(steps: int, plans: Plans) -> tuple[str, ...]:
    """Return the changes of the plans that make a training so long; none where it is.

    An epoch is a whole number of steps, and there are ten or more where that is possible. The ramp of HiFi-Syn's
    losses keeps its share of the run.
    """
    total, losses = plans.total_iterations, plans.losses
    if steps == total:
        return ()
    each = epoch_length(steps)
    ramp = {"ramp_start": losses.ramp_start, "ramp": losses.ramp}
    scaled = {key: round(value * steps / total) for key, value in ramp.items() if value}
    lengths = (f"training.epochs={steps // each}", f"training.iterations={each}")
    return (*lengths, *(f"losses.{key}={value}" for key, value in scaled.items()))


def epoch_length(steps: int) -> int:
    """Return the steps of an epoch.

    >>> epoch_length(1000), epoch_length(30), epoch_length(7)
    (100, 2, 1)
    """
    return next((n for n in EPOCH_LENGTHS if steps % n == 0 and steps // n >= EPOCHS_WANTED), 1)


def round_steps(seconds: float, seconds_a_step: float) -> int:
    """Return how many steps fit into the seconds, rounded down to a number that parts into epochs.

    >>> round_steps(100.0, 0.11), round_steps(5.0, 10.0)
    (900, 1)
    """
    steps = max(1, int(seconds / seconds_a_step))
    each = next((n for n in EPOCH_LENGTHS if steps // n >= EPOCHS_WANTED), 1)
    return steps // each * each


def kept(folder: Path) -> dict[str, float]:
    """Return the seconds a step that were measured when the benchmark began, by method; empty where it has not."""
    path = folder / LENGTHS_JSON
    return dict(read_json(path)["seconds_a_step"]) if path.exists() else {}


def keep(folder: Path, seconds_a_step: dict[str, float], device: str) -> None:
    """Write them down, so that a benchmark that goes on later asks for the same steps."""
    write_json(folder / LENGTHS_JSON, {"device": device, "seconds_a_step": seconds_a_step})


def lengths(length: Length, plans: Plans, seconds_a_step: dict[str, float]) -> dict[str, tuple[str, ...]]:
    """Return the assignments of each method whose speed is known, where time is the budget; else none."""
    if length.seconds is None:
        return {}
    found = {m: round_steps(length.seconds, seconds) for m, seconds in seconds_a_step.items()}
    period = plans.training.content_steps
    return {method: assignments(max(period, steps // period * period), plans) for method, steps in found.items()}
