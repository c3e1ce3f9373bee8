"""Inversion-prepared gradient echo (MPRAGE) in its steady state.

An inversion, a wait, a train of small flips whose middle lies TI after the inversion, and a rest to TR. Between flips
the magnetisation recovers with T1; during the train it nears a driven equilibrium with its own, shorter time constant
(Deichmann et al., NeuroImage 12, 2000; Marques et al., NeuroImage 49, 2010, appendix; both as programs cite them, and
the same as pulse by pulse). Without the train, grey matter would come
out too dark against white matter: .40 of it instead of .54 at 3 T and a TI of 900 ms.
"""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation.mr_signal import Sequence, Tissue


@dataclass(frozen=True)
class GradientEchoTrain(Sequence):
    """MPRAGE: TR, TE and TI in ms, and the train.

    Attributes:
        flip: of each pulse, degrees.
        spacing: from pulse to pulse, ms.
        pulses: in a train.
    """

    flip: float = 9.0
    spacing: float = 7.0
    pulses: int = 160


def train_signal(tissue: Tissue, sequence: GradientEchoTrain) -> float:
    """Return the signed signal of a pure tissue in the middle of the train, 0..1.

    Raises:
        ValueError: the train does not fit between inversion and TR.

    >>> white = Tissue(838, 69, 0.69)
    >>> train_signal(white, GradientEchoTrain(TR=2300, TE=3, TI=900)) > 0
    True
    """
    if sequence.TI is None:
        raise ValueError("the train needs an inversion time")
    half = sequence.pulses // 2
    before = sequence.TI - half * sequence.spacing
    after = sequence.TR - before - sequence.pulses * sequence.spacing
    if before < 0 or after < 0:
        raise ValueError("the train must fit between the inversion and TR")
    flip = np.radians(sequence.flip)
    lead, first, second, rest = (
        _recovery(before, tissue.T1),
        _driven(half, sequence.spacing, tissue.T1, flip),
        _driven(sequence.pulses - half, sequence.spacing, tissue.T1, flip),
        _recovery(after, tissue.T1),
    )
    cycle = (-1.0, 0.0)
    for step in (lead, first, second, rest):
        cycle = _then(cycle, step)
    steady = cycle[1] / (1 - cycle[0])
    kept, added = _then(_then((-1.0, 0.0), lead), first)
    middle = kept * steady + added
    return float(tissue.PD * middle * np.sin(flip) * np.exp(-sequence.TE / tissue.T2))


def _recovery(time: float, t1: float) -> tuple[float, float]:
    """Return how much of the magnetisation is kept, and what is added."""
    kept = float(np.exp(-time / t1))
    return kept, 1 - kept


def _driven(pulses: int, spacing: float, t1: float, flip: float) -> tuple[float, float]:
    """Return the same for a number of pulses, each followed by recovery."""
    relaxed = np.exp(-spacing / t1)
    each = np.cos(flip) * relaxed
    kept = float(each**pulses)
    return kept, float((1 - relaxed) * (1 - kept) / (1 - each))


def _then(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    return second[0] * first[0], second[0] * first[1] + second[1]
