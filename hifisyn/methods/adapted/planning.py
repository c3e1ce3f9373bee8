"""How Adapted plans itself: the base model's width, a low rate, and a short run whatever the device."""

import math
from collections.abc import Mapping
from typing import Any

from hifisyn.methods.adapted.settings import WIDTH, AdaptedSettings
from hifisyn.methods.base_planning import BATCH, base_plan
from hifisyn.planning.choice import Choice
from hifisyn.planning.costs import CORES_EXPONENT, MOST_CORES
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, basis
from hifisyn.plans import LengthPlan, Preset, SlicePlan

STEPS, ITERATIONS = 120, 15
MOST_SECONDS = 600.0
# Measured on one core: 0.54 s of processor time for 8 slices of 112 x 112 pixels, forward and backward.
SECONDS_A_PIXEL = 5.4e-6
BACK = 1 / 3  # what a forward pass costs beside both


def plan(slices: SlicePlan, device: Device, preset: Preset, published: Mapping[str, Any]) -> MethodPlan:
    """Return Adapted's plan; width, batch and rate are the same on any device."""
    return base_plan(
        AdaptedSettings,
        published,
        slices,
        device,
        preset,
        length(slices.crop, basis(device, preset)),
        Choice(WIDTH, "that of the base model, whose weights it starts from"),
        "a tenth of the base model's: it is moved, not learnt again",
    )


def length(crop: int, device: Device) -> Choice[LengthPlan]:
    """Return 120 steps, on a CPU no more than ten minutes allow."""
    steps, reason = STEPS, "what moves the base model and does not forget it"
    if device.kind == "cpu":
        seconds = step_seconds(crop, device)
        allowed = int(MOST_SECONDS / seconds)
        if allowed < steps:
            steps, reason = max(1, allowed), f"ten minutes, at about {seconds:.2g} s a step"
    each = min(ITERATIONS, steps)
    chosen = LengthPlan(epochs=max(1, steps // each), iterations=each)
    return Choice(chosen, f"{chosen.total} steps: {reason}")


def step_seconds(crop: int, device: Device) -> float:
    """Return what a step takes on a CPU, estimated, in seconds: half of them translate real slices back first."""
    cores = math.pow(min(device.cores, MOST_CORES), CORES_EXPONENT)
    return 2 * BATCH * crop**2 * SECONDS_A_PIXEL * (1 + BACK / 2) / cores
