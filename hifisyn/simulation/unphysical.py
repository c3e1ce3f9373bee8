"""Contrasts without physics: one protocol, each tissue's brightness off by chance alone.

For the question what physics is worth: tissues and sequences that do not vary together as those of scanners do.
"""

import numpy as np

from hifisyn.simulation import sequences
from hifisyn.simulation.mr_signal import Sequence, Tissue
from hifisyn.simulation.tissue_parameters import AGENT, FIELDS, PARAMETERS

SD = 0.12
PLACE = FIELDS.index(3.0)


def draw_brightness(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Draw the signed signal of each tissue in T1, T1ce, T2, PD and FLAIR."""
    tissues = {name: Tissue(of.T1[PLACE], of.T2[PLACE], of.PD) for name, of in PARAMETERS.items()}
    agent = {name: sum(span) / 2 for name, span in AGENT.items()}
    return {
        contrast: {
            tissue: value * float(np.exp(SD * rng.standard_normal()))
            for tissue, value in sequences.signals(tissues, sequence, agent, saturation=0.0, flow=0.5).items()
        }
        for contrast, sequence in protocol(tissues["fluid"]).items()
    }


def protocol(fluid: Tissue) -> dict[str, Sequence]:
    """Return the middle of what scanners run, by contrast."""
    return {
        "T1": Sequence(TR=550, TE=12),
        "T1ce": Sequence(TR=550, TE=12, contrast_agent=True),
        "T2": Sequence(TR=4500, TE=100),
        "PD": Sequence(TR=3000, TE=20),
        "FLAIR": Sequence(TR=9000, TE=100, TI=sequences.null_time(fluid.T1, 9000)),
    }
