"""How HiFi-Syn plans itself: the shared sizes and rates, the slots of its bank, and when its losses begin."""

from collections.abc import Mapping
from typing import Any

from hifisyn.methods.granularity import LITERAL
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.memory_slots import with_slots
from hifisyn.planning import rules
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, shared_plan
from hifisyn.plans import Preset, SlicePlan

LITERAL_MEMORY = {"tau_r": 1.0, "tau_u": 1.0, "rho": 0.01, "warm_up": False, "p_unlabelled": 0.0}
LITERAL_LOSSES = LITERAL | {"weight_inside": True, "sgd": 2.0, "ggd": 1.0}


def plan(fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset) -> MethodPlan:
    """Return HiFi-Syn's plan.

    The preset "paper_literal" takes ambiguities as the paper prints its equations: read temperature 1, bank
    overwritten to 99 % a step, rank weight inside the exponent, values as wide as content, labels always read, PGD, SGD
    and GGD at their full weights from the first step. Sums stay means, without which training diverges.
    """
    shared, sizes = shared_plan(HiFiSynSettings, {}, slices, device, preset)
    own = with_slots(shared, fingerprint, sizes)
    losses = rules.granularity(own.length.total)
    own = own.with_settings(losses=losses.value).because(settings__losses__pgd=losses.reason)
    if preset != "paper_literal":
        return own
    why = "preset paper_literal: as the equations are printed"
    literal = own.with_settings(memory=LITERAL_MEMORY, losses=LITERAL_LOSSES)
    return literal.because(settings__losses__pgd=why, settings__memory__tau_r=why)
