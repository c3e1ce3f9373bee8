"""The rules of planning but for sizes: each a function that returns a choice and the reason for it.

What a full-size plan takes is published (HiFi-Syn, DRIT++). What a short plan on a CPU takes was found by trying
a small prototype for four minutes.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.planning.choice import Choice
from hifisyn.planning.device import Device
from hifisyn.planning.size_rules import is_limited
from hifisyn.plans import PreprocessingPlan, Preset
from hifisyn.preprocessing.brain_programs import parse_command

SHORT_STEPS = 10_000  # a run below is short
SHORT_GRANULARITY = {  # 256 anchors take an eighth of a small step
    "pgd": 0.1,
    "sgd": 0.2,
    "ggd": 0.1,
    "anchors": 64,
    "ramp_start": 0.5,
    "ramp": 0.25,
}
NARROW_WIDTH = 32  # networks below are narrow
NARROW_NOISE = 0.2
NARROW_FACTORS = (20.0, 5.0)  # on the rates of generators, encoders and D^c, and on those of D
EMA_PER_RUN = 20
EMA_RANGE = (0.9, 0.999)
AVERAGE = 0.13  # of the run: a decay of .995 in 1500 steps


def preprocessing(dataset: Dataset, requested: Mapping[str, Any]) -> Choice[PreprocessingPlan]:
    """What was done to the scans before is not done again; what the user requests comes first.

    Raises:
        UserError: what the user requests of skull stripping does not go together.
    """
    values: dict[str, Any] = {"reference": dataset.reference}
    why = [f"reference {dataset.reference} as dataset.json says"]
    if dataset.skull_stripped:
        values["skull_strip"] = "none"
        why.append("already skull-stripped")
    if dataset.bias_corrected:
        values["bias"] = "never"
        why.append("already bias-corrected")
    if dataset.registered:
        values["registration"] = "none"
        why.append("already registered")
    given = {key: value for key, value in requested.items() if value is not None}
    if "strip_command" in given:
        parse_command(given["strip_command"])
        given = {"skull_strip": "command"} | given
    why += [f"{key} {value} as requested" for key, value in given.items()]
    try:
        return Choice(PreprocessingPlan.model_validate(values | given), "; ".join(why))
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"preprocessing: {problem}", hint="change --skull-strip or --strip-command") from None


def initialisation(width: int) -> Choice[Literal["normal", "he"]]:
    """Narrow networks start with He weights and zero biases."""
    if width < NARROW_WIDTH:
        return Choice("he", f"{width} channels: under N(0, 0.02) all attributes of a narrow encoder start out alike")
    return Choice("normal", "N(0, 0.02) as in DRIT++")


def content_noise(width: int) -> Choice[float]:
    """The noise on content is smaller where channels are few."""
    if width < NARROW_WIDTH:
        return Choice(NARROW_NOISE, f"noise of 1 drowns content of {width} channels")
    return Choice(1.0, "as in DRIT++")


def rate_factors(width: int, steps: int) -> Choice[tuple[float, float]]:
    """What published learning rates are multiplied with: of all that makes images or content, and of discriminators."""
    if width < NARROW_WIDTH and steps < SHORT_STEPS:
        low, high = (f"{factor:g}" for factor in sorted(NARROW_FACTORS))
        return Choice(
            NARROW_FACTORS, f"a narrow network in a short run was stable at {low} and {high} times the published rates"
        )
    return Choice((1.0, 1.0), "as published")


def content_steps(device: Device) -> Choice[int]:
    """How many steps there are to one that moves all networks; the others move D^c only."""
    if is_limited(device):
        return Choice(1, "time is limited: every step moves all networks")
    return Choice(3, "as in DRIT++ (d_iter)")


def granularity(steps: int) -> Choice[dict[str, float]]:
    """The weights of PGD, SGD and GGD, their anchors, the start of their ramp and its length, as shares of the run."""
    if steps < SHORT_STEPS:
        return Choice(dict(SHORT_GRANULARITY), "a tenth of the published, and late: in a short run they cost")
    return Choice({}, "as published")


def average(preset: Preset) -> Choice[float]:
    """Averaged weights are better early and never worse; no paper but StarGAN v2's has them."""
    if preset == "recommended":
        return Choice(AVERAGE, "averaged weights make better images, most of all early in a run")
    return Choice(0.0, "the paper averages no weights")


def attribute_ema(steps: int) -> Choice[float]:
    """The running mean of z^a forgets within a twentieth of the run."""
    low, high = EMA_RANGE
    decay = round(min(high, max(low, 1 - EMA_PER_RUN / steps)), 4)
    return Choice(decay, f"remembers about {1 / (1 - decay):.0f} of {steps} steps")
