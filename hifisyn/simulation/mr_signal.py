"""What a scanner at 1.5 T makes of a tissue: the signal equations, bias and noise.

Spin echo:           S = PD (1 - exp(-TR/T1)) exp(-TE/T2)
Inversion recovery:  S = PD (1 - 2 exp(-TI/T1) + exp(-TR/T1)) exp(-TE/T2)
Both in the usual approximation TE << TR (Haacke et al., Magnetic Resonance Imaging, 1999). A voxel's magnetisation is
the sum over its tissues, weighted by their fractions; the image is its magnitude.

Relaxation times and proton densities of normal tissue at 1.5 T: BrainWeb (Kwan, Evans and Pike, IEEE TMI 18, 1999).
Those of the lesions are round numbers, longer than normal tissue's as measured at 1.5 T (Kjaer et al., Acta Radiologica
32, 1991), chosen so that oedema is bright on T2 and FLAIR and necrosis is dark on FLAIR; they quantify no disease.
Relaxivities of the contrast agent: gadopentetate in plasma at 1.5 T, 4.1 and 4.6 (Rohrer et al., Investigative
Radiology 40, 2005, as the program dcmri cites it; in whole blood 4.3 at 1.5 T and 3.8 at 3 T, Shen et al., the same
journal 50, 2015).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Tissue:
    """Relaxation times T1 and T2 in ms, and proton density relative to water."""

    T1: float
    T2: float
    PD: float


@dataclass(frozen=True)
class Sequence:
    """A pulse sequence: TR, TE and, for inversion recovery, TI, in ms; and whether contrast agent was given."""

    TR: float
    TE: float
    TI: float | None = None
    contrast_agent: bool = False


NORMAL = {
    "CSF": Tissue(2569, 329, 1.0),
    "GM": Tissue(833, 83, 0.86),
    "WM": Tissue(500, 70, 0.77),
    "fat": Tissue(350, 70, 1.0),
    "muscle": Tissue(900, 47, 1.0),
}
LESIONS = {
    "oedema": Tissue(1000, 130, 0.88),
    "necrosis": Tissue(2000, 250, 0.95),
    "enhancing": Tissue(1100, 100, 0.86),
}
TAKES_UP_AGENT = {"enhancing": 0.7}  # mmol/l
RELAXIVITY_1, RELAXIVITY_2 = 4.1e-3, 4.6e-3  # per ms and mmol/l
SAME_AS = {"fluid": "CSF", "nerve": "WM"}

SEQUENCES = {
    "T1": Sequence(TR=400, TE=10),
    "T1ce": Sequence(TR=400, TE=10, contrast_agent=True),
    "T2": Sequence(TR=4000, TE=90),
    "PD": Sequence(TR=4000, TE=20),
    "FLAIR": Sequence(TR=9000, TE=120, TI=1705),  # T1 (ln 2 - ln(1 + exp(-TR/T1))): nulls fluid of T1 = 2569 ms
}
BRIGHTEST = {"T1": "WM", "T1ce": "WM", "T2": "CSF", "PD": "CSF", "FLAIR": "GM"}

T1_SD, T2_SD, PD_SD = 0.03, 0.03, 0.01


def magnetisation(tissue: Tissue, sequence: Sequence) -> float:
    """Return the signed signal of a pure tissue, 0..1; negative where an inversion has not recovered.

    >>> round(magnetisation(Tissue(500, 70, 0.77), Sequence(TR=500, TE=70)), 4)
    0.1791
    """
    after_excitation = np.exp(-sequence.TR / tissue.T1)
    if sequence.TI is None:
        recovered = 1 - after_excitation
    else:
        recovered = 1 - 2 * np.exp(-sequence.TI / tissue.T1) + after_excitation
    return float(tissue.PD * recovered * np.exp(-sequence.TE / tissue.T2))


def with_agent(tissue: Tissue, concentration: float) -> Tissue:
    """Return a tissue after it took up contrast agent (mmol/l): both relaxation rates rise in proportion."""
    return replace(
        tissue,
        T1=1 / (1 / tissue.T1 + RELAXIVITY_1 * concentration),
        T2=1 / (1 / tissue.T2 + RELAXIVITY_2 * concentration),
    )


def draw_tissues(rng: np.random.Generator) -> dict[str, Tissue]:
    """Draw one person's tissues: a few percent around the published values."""
    drawn = {}
    for name, tissue in (NORMAL | LESIONS).items():
        a, b, c = np.clip(rng.standard_normal(3), -2, 2)
        drawn[name] = Tissue(tissue.T1 * (1 + T1_SD * a), tissue.T2 * (1 + T2_SD * b), tissue.PD * (1 + PD_SD * c))
    return drawn | {name: drawn[same] for name, same in SAME_AS.items()}


def weights(tissues: Mapping[str, Tissue], sequence: Sequence) -> dict[str, float]:
    """Return the magnetisation of each pure tissue in a sequence."""
    result = {}
    for name, tissue in tissues.items():
        agent = TAKES_UP_AGENT.get(name, 0) if sequence.contrast_agent else 0
        result[name] = magnetisation(with_agent(tissue, agent) if agent else tissue, sequence)
    return result


def mix(fractions: Mapping[str, np.ndarray], values: Mapping[str, float]) -> np.ndarray:
    """Return the signed magnetisation of partial volumes: the sum of fractions times values; (I, J, K) float32."""
    total = np.zeros(next(iter(fractions.values())).shape, dtype=np.float32)
    for name, fraction in fractions.items():
        total += np.float32(values[name]) * fraction
    return total


def bias_field(field: np.ndarray, brain: np.ndarray, strength: float) -> np.ndarray:
    """Scale a smooth field to a multiplicative bias that spans 1 - strength/2 .. 1 + strength/2 in the brain.

    BrainWeb's convention: 0.2 is "20 % intensity non-uniformity". Elsewhere it is held within the doubled range.
    """
    low, high = field[brain].min(), field[brain].max()
    centred = (field - (low + high) / 2) / max(high - low, 1e-6)
    gain: np.ndarray = 1 + strength * np.clip(centred, -1, 1)
    return gain


def rician(signal: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Return the magnitude of a signal with Gaussian noise of standard deviation `sd` in both receiver channels.

    Gudbjartsson and Patz, Magnetic Resonance in Medicine 34, 1995.
    """
    real, imaginary = (sd * rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    magnitude: np.ndarray = np.hypot(signal + real, imaginary)
    return magnitude
