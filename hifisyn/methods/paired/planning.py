"""How Paired plans itself: a narrow network at the base model's rate, and a length by subjects and time."""

import math
from collections.abc import Mapping
from typing import Any

from hifisyn.methods.base_planning import BATCH, base_plan
from hifisyn.methods.paired.settings import WIDTH, PairedSettings
from hifisyn.planning import size_rules
from hifisyn.planning.choice import Choice
from hifisyn.planning.costs import CORES_EXPONENT, MOST_CORES
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, basis
from hifisyn.plans import LengthPlan, Preset, SlicePlan

ITERATIONS = 50
STEPS_A_SUBJECT = 45  # 22 subjects: 1000 steps
FEWEST_STEPS, MOST_STEPS = 1000, 10_000
# Measured on one core with 8 images of 96 x 96 pixels: 0.2 s a step alone, 0.8 s beside other work.
SECONDS_A_PIXEL = 5e-6


def plan(
    fingerprint: Mapping[str, Any],
    slices: SlicePlan,
    device: Device,
    preset: Preset,
    published: Mapping[str, Any],
) -> MethodPlan:
    """Return Paired's plan; width, batch and rate are the same on any device."""
    return base_plan(
        PairedSettings,
        published,
        slices,
        device,
        preset,
        length(int(fingerprint.get("subjects", 0)), slices.crop, basis(device, preset)),
        Choice(WIDTH, "enough for some dozens of subjects; --pretrained base takes the base model's"),
        "as the base model was trained",
    )


def length(subjects: int, crop: int, device: Device) -> Choice[LengthPlan]:
    """Return 45 steps a training subject, within 1000 and 10000 and what the time allows."""
    wanted = min(MOST_STEPS, max(FEWEST_STEPS, STEPS_A_SUBJECT * subjects))
    reason = f"{STEPS_A_SUBJECT} steps a subject, {FEWEST_STEPS} to {MOST_STEPS}"
    if size_rules.is_limited(device) and device.kind == "cpu":
        seconds = step_seconds(crop, device)
        allowed = int(size_rules.seconds_for_steps(device) / seconds)
        if allowed < wanted:
            wanted, reason = max(1, allowed), f"all that the time allows, at about {seconds:.2g} s a step"
    each = min(ITERATIONS, max(1, wanted // size_rules.EPOCHS_AT_LEAST))
    chosen = LengthPlan(epochs=max(1, round(wanted / each)), iterations=each)
    return Choice(chosen, f"{chosen.total} steps: {reason}")


def step_seconds(crop: int, device: Device) -> float:
    """Return what a step of the planned batch and width takes on a CPU, estimated, in seconds."""
    return 2 * BATCH * crop**2 * SECONDS_A_PIXEL / math.pow(min(device.cores, MOST_CORES), CORES_EXPONENT)
