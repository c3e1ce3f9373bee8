"""What the plans of Paired and Adapted share: width, batch and rate of the base model's network on any device."""

from collections.abc import Mapping
from typing import Any

from hifisyn.planning.choice import Choice
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, shared_plan
from hifisyn.plans import LengthPlan, OptimisationPlan, Preset, SlicePlan
from hifisyn.settings import Settings

BATCH = 4  # slices of each contrast


def base_plan(
    settings: type[Settings],
    published: Mapping[str, Any],
    slices: SlicePlan,
    device: Device,
    preset: Preset,
    length: Choice[LengthPlan],
    width: Choice[int],
    rate_reason: str,
) -> MethodPlan:
    """Return the plan of a method whose network is the base model's.

    Args:
        settings: those that the method alone has.
        published: its values, `lr` among them.
        slices: that are trained on.
        device: that trains.
        preset: of the plan.
        length: of the training, and why.
        width: channels at full size, and why.
        rate_reason: why the rate is what it is.
    """
    shared, _ = shared_plan(settings, published, slices, device, preset)
    rates = {"lr": published["lr"], "lr_discriminator": OptimisationPlan().lr_discriminator, "batch_size": BATCH}
    own = MethodPlan(
        shared.optimisation.model_copy(update=rates),
        shared.batches,
        length.value,
        {"networks": {"width": width.value}},
        {"optimisation.average": shared.reasons["optimisation.average"]},
    )
    return own.because(
        length__epochs=length.reason,
        optimisation__lr=rate_reason,
        optimisation__batch_size=f"{BATCH} slices of each contrast: {2 * BATCH} translations a step",
        settings__networks__width=width.reason,
    )
