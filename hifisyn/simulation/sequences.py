"""Sequences as scanners run them: which kinds a contrast is made by, and from where to where their times go.

T2 and FLAIR: the spans of clinical protocols (turbo spin echo: TR 2000 to 4000, TE 80 to 120; FLAIR: TR 8000 to
12000, TE 100 to 150, TI 2200 to 2800; Aalten et al., BMC Neurology 14:254, 2014, box 2), widened for older scanners.
FLAIR's TE reaches down to 65: the weighting of a long train of small refocusing angles is that of a spin echo with a
shorter echo time, and at 80 to 150 cortex came out brighter against white matter than on real scans.
Inversion-prepared gradient echo: TI 700 to 1100, about the 900 to 1000 of ADNI's protocols. Spin echo T1: TR 350 to
750, as the relaxation of white matter asks for.
"""

from collections.abc import Mapping

import numpy as np

from hifisyn.simulation import mr_signal
from hifisyn.simulation.mprage import GradientEchoTrain, train_signal
from hifisyn.simulation.mr_signal import Sequence, Tissue
from hifisyn.simulation.tissue_parameters import PARAMETERS

INVERSION_LATE = (-0.01, 0.04)
FLAIR_TE = (65, 140)
SATURATION = 0.12
FLOW_VOID = 0.8
TURBO = ("T2", "PD", "FLAIR")


def draw_sequence(rng: np.random.Generator, contrast: str, fluid: Tissue, *, agent: bool = False) -> Sequence:
    """Draw the times of one scan.

    Args:
        rng: where chance comes from.
        contrast: "T1", "T2", "PD" or "FLAIR".
        fluid: what FLAIR nulls.
        agent: whether contrast agent was given.
    """
    between = rng.uniform
    if contrast == "T1":
        kind = rng.choice(["spin echo", "mprage", "inversion spin echo"], p=[0.45, 0.45, 0.1])
        if kind == "spin echo":
            return Sequence(TR=between(350, 750), TE=between(8, 20), contrast_agent=agent)
        if kind == "mprage":
            return _mprage(rng, agent=agent)
        return Sequence(TR=between(1700, 2600), TE=between(8, 22), TI=between(750, 950), contrast_agent=agent)
    if contrast == "T2":
        return Sequence(TR=between(2500, 6500), TE=between(75, 125))
    if contrast == "PD":
        return Sequence(TR=between(2000, 4500), TE=between(10, 35))
    repetition = between(6000, 11500)
    inversion = null_time(fluid.T1, repetition) * (1 + between(*INVERSION_LATE))
    return Sequence(TR=repetition, TE=between(*FLAIR_TE), TI=inversion)


def _mprage(rng: np.random.Generator, *, agent: bool) -> GradientEchoTrain:
    spacing, pulses = rng.uniform(5.5, 8.5), int(rng.integers(110, 180))
    inversion = max(rng.uniform(750, 1100), pulses // 2 * spacing + 10)
    repetition = max(rng.uniform(1600, 2500), inversion + (pulses - pulses // 2) * spacing + 50)
    return GradientEchoTrain(
        TR=repetition,
        TE=rng.uniform(2, 5),
        TI=inversion,
        contrast_agent=agent,
        flip=rng.uniform(7, 12),
        spacing=spacing,
        pulses=pulses,
    )


def null_time(t1: float, repetition: float) -> float:
    """Return the inversion time, ms, at which a tissue gives no signal.

    >>> fluid, time = Tissue(4300, 1800, 1.0), null_time(4300, 9000)
    >>> abs(mr_signal.magnetisation(fluid, Sequence(TR=9000, TE=120, TI=time))) < 1e-12
    True
    """
    return float(t1 * (np.log(2) - np.log1p(np.exp(-repetition / t1))))


def signals(
    tissues: Mapping[str, Tissue], sequence: Sequence, agent: Mapping[str, float], saturation: float, flow: float
) -> dict[str, float]:
    """Return the signed signal of each pure tissue.

    Args:
        tissues: relaxation of this person.
        sequence: the scan's times.
        agent: mmol/l a tissue, where the sequence is run after the agent was given.
        saturation: share of white matter's signal that magnetisation transfer takes, 0..1.
        flow: share of the signal of blood that flow takes, 0..1.
    """
    result = {}
    for name, tissue in tissues.items():
        held = agent.get(name, 0.0) if sequence.contrast_agent else 0.0
        relaxing = mr_signal.with_agent(tissue, held) if held else tissue
        if isinstance(sequence, GradientEchoTrain):
            pure = train_signal(relaxing, sequence)
        else:
            pure = mr_signal.magnetisation(relaxing, sequence)
        pure *= 1 - saturation * PARAMETERS[name].magnetisation_transfer
        result[name] = pure * (1 - flow) if name == "blood" else pure
    return result
