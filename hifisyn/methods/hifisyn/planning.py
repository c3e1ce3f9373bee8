"""How HiFi-Syn plans itself: the shared sizes and rates, the slots of its bank, and when its losses begin.

The preset "literal" is the paper's print wherever that can be followed. What the paper does not print, and DRIT++ or
MGUIT did in the code that it stands on, is left out too: noise on content, mirroring, decay and clip of rates, steps of
D^c alone, new seeds of slots. documentation/methods/hifisyn_deviations.md has the whole list.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.memory_slots import with_slots
from hifisyn.planning import lengths, rules
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, shared_plan
from hifisyn.plans import Preset, SlicePlan

ONE_RATE = 1e-4  # section 4.2
LITERAL_MEMORY: Mapping[str, Any] = {
    "tau_r": 1.0,
    "tau_u": 1.0,
    "rho": 0.01,
    "warm_up": False,
    "reseed_after": 0,
    "p_unlabelled": 0.0,
    "translation_read": "stored",
    "scaled_read": False,
    "update_pixels": "all",
    "update_sums": "raw",
}
LITERAL_LOSSES: Mapping[str, Any] = {
    "use_labels": False,
    "pixel_negatives": "others",
    "region": "map",
    "difference": "sum",
    "weight_inside": True,
}
LITERAL_CONTENT: Mapping[str, Any] = {"lr": ONE_RATE, "clip": 0.0, "steps": 1}
WHY = "preset literal: as the paper prints it"
TOLD = (
    "batches.flip",
    "optimisation.decay_from",
    "optimisation.lr",
    "settings.content_discriminator.steps",
    "settings.losses.pgd",
    "settings.memory.tau_r",
    "settings.networks.content_noise",
)


def plan(fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset) -> MethodPlan:
    """Return HiFi-Syn's plan; see `hifisyn.planning.planner.plan` for the presets."""
    shared, sizes = shared_plan(HiFiSynSettings, {}, slices, device, preset)
    own = with_slots(shared, fingerprint, sizes)
    losses = rules.granularity(own.length.total)
    own = own.with_settings(losses=losses.value).because(settings__losses__pgd=losses.reason)
    return literal(own, slices) if preset == "literal" else own


def literal(own: MethodPlan, slices: SlicePlan) -> MethodPlan:
    """Return a plan with the paper's print in place of what the other presets make of it.

    Args:
        own: the plan of full size.
        slices: that it was made for. Every content pixel is an anchor and a negative of other people's (eq. 7).
    """
    networks = own.settings["networks"]
    pixels = (slices.crop >> networks["n_down"]) ** 2
    others = 2 * own.optimisation.batch_size - 1
    length = lengths.mguit(LITERAL_CONTENT["steps"])
    optimisation = own.optimisation.model_copy(
        update={"lr": ONE_RATE, "lr_discriminator": ONE_RATE, "decay_from": 1.0, "average": 0.0}
    )
    batches = own.batches.model_copy(update={"flip": False})
    printed = replace(own, optimisation=optimisation, batches=batches, length=length.value).with_settings(
        memory={**LITERAL_MEMORY, "value_width": networks["width"] << networks["n_down"]},
        losses={**LITERAL_LOSSES, "anchors": pixels, "other_pixels": others * pixels},
        networks={"content_noise": 0.0, "init": "normal"},
        content_discriminator=LITERAL_CONTENT,
    )
    return replace(printed, reasons=printed.reasons | dict.fromkeys(TOLD, WHY) | {"length.epochs": length.reason})
