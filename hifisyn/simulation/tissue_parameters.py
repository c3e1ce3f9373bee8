"""Relaxation times and proton densities of the classes at 1.5 and 3 T, their spread, and where they come from.

Measured, and read in the paper's own abstract:

* cortex, white matter, caudate and putamen, T1: Wright et al., MAGMA 21, 2008 (MPRAGE).
* fat and marrow at 3 T: de Bazelaire et al., Radiology 230, 2004 (382 and 68; 586 and 49). At 1.5 T (343 and 58; 549
  and 49) from the same paper, but not in its abstract.
* thalamus at 1.5 T, T1 700 to 1400 and T2 89 to 122 by nucleus, of one person: Deoni et al., Human Brain Mapping 25,
  2005.
* water of white matter 69 % and grey matter 84 %, that of fluid 100 %: Frontiers in Neurology 10:1333, 2019.
* hippocampus and cingulate gyrus, longest T2 of the cortex: Georgiades et al., American Journal of Neuroradiology 22,
  2001.
* fluid, T2 at 3 T: 1886 around the brain and 2373 in the ventricles, T1 4309 and 4454: "Quantification of T1 and T2
  of subarachnoid CSF", PMC10696635. Here 1900 at both fields.

Measured, as other publications and programs cite the paper:

* fluid, T1 4300 at all fields: Rooney et al., Magnetic Resonance in Medicine 57, 2007.
* blood (1441 at 1.5 T; 1932 and 275 at 3 T), T2 of cortex and white matter at 3 T (99, 69): Stanisz et al., Magnetic
  Resonance in Medicine 54, 2005, on samples at 37 degrees: human blood, bovine brain. That at 1.5 T (290; 95, 72)
  could not be checked. BrainWeb has 83 and 70 for the brain (Kwan et al., IEEE TMI 18, 1999). Here 91 and 73 to 74:
  with the former, cortex came out brighter against white matter on T2 than in real scans.
* iron, most in the pallidum, then putamen, then caudate, then cortex: Hallgren and Sourander, Journal of
  Neurochemistry 3, 1958.

Chosen, for want of one source at both fields: T2 of the deep grey matter, shorter the more iron a nucleus holds, but
for the thalamus, just below the caudate; T1 of thalamus, pallidum, brainstem and cerebellum, between white matter and
cortex; soft tissue, between fat and muscle, for which, at 3 T, Stanisz has 1412 and 50 (mice) and de Bazelaire 898
and 29; all lesions, round numbers, longer than normal tissue as Bottomley et al., Medical Physics 14, 1987, review
them. They quantify no disease.
"""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation.mr_signal import Tissue

FIELDS = (1.5, 3.0)
MOST_SDS = 2.0
PD_SD = 0.015


@dataclass(frozen=True)
class Relaxation:
    """One class: T1 (ms) at 1.5 and 3 T, T2 (ms) at 1.5 and 3 T, proton density of fluid's, spreads as shares.

    `magnetisation_transfer`: how much off-resonance pulses of multi-slice spin echo saturate it, of white matter's.
    """

    T1: tuple[float, float]
    T2: tuple[float, float]
    PD: float
    T1_sd: float = 0.06
    T2_sd: float = 0.07
    magnetisation_transfer: float = 0.0


WATER = Relaxation((4300, 4300), (1900, 1900), 1.0, 0.05, 0.2)
PARAMETERS: dict[str, Relaxation] = {
    "air": Relaxation((1000, 1000), (10, 10), 0.0),
    "fluid": WATER,
    "ventricle": WATER,
    "cortex": Relaxation((1197, 1607), (91, 91), 0.84, 0.08, 0.08, 0.6),
    "white_matter": Relaxation((646, 838), (74, 73), 0.69, 0.06, 0.05, 1.0),
    "thalamus": Relaxation((960, 1250), (84, 76), 0.78, 0.06, 0.06, 0.75),
    "caudate": Relaxation((1109, 1395), (86, 78), 0.83, 0.05, 0.06, 0.6),
    "putamen": Relaxation((1084, 1332), (80, 71), 0.82, 0.06, 0.07, 0.65),
    "pallidum": Relaxation((820, 1050), (70, 58), 0.74, 0.07, 0.1, 0.8),
    "hippocampus": Relaxation((1197, 1607), (97, 97), 0.84, 0.06, 0.06, 0.6),
    "accumbens": Relaxation((1109, 1450), (88, 82), 0.83, 0.06, 0.06, 0.6),
    "ventral_diencephalon": Relaxation((800, 1050), (78, 70), 0.75, 0.07, 0.08, 0.8),
    "brainstem": Relaxation((760, 1000), (80, 75), 0.73, 0.06, 0.06, 0.9),
    "cerebellar_cortex": Relaxation((1130, 1500), (89, 88), 0.83, 0.08, 0.07, 0.6),
    "cerebellar_white_matter": Relaxation((690, 900), (76, 73), 0.71, 0.06, 0.06, 0.95),
    "choroid_plexus": Relaxation((1700, 1900), (130, 125), 0.86, 0.12, 0.15, 0.4),
    "blood": Relaxation((1441, 1932), (290, 275), 0.82, 0.08, 0.2),
    "soft_tissue": Relaxation((850, 1150), (46, 48), 0.8, 0.15, 0.1, 0.8),
    "skin": Relaxation((400, 450), (55, 60), 0.85, 0.1, 0.1),
    "bone": Relaxation((400, 400), (5, 5), 0.1, 0.1, 0.3),
    "marrow": Relaxation((549, 586), (49, 49), 0.75, 0.1, 0.1),
    "eye": WATER,
    "mucosa": Relaxation((1000, 1300), (70, 70), 0.8, 0.15, 0.2, 0.3),
    "nerve": Relaxation((700, 900), (75, 72), 0.7, 0.08, 0.08, 0.9),
    "fat": Relaxation((343, 382), (58, 68), 0.95, 0.05, 0.07),
    "white_matter_lesion": Relaxation((1050, 1350), (130, 130), 0.8, 0.1, 0.15, 0.45),
    "oedema": Relaxation((1150, 1500), (140, 140), 0.84, 0.12, 0.15, 0.4),
    "solid_tumour": Relaxation((1250, 1600), (135, 130), 0.85, 0.14, 0.18, 0.4),
    "enhancing": Relaxation((1150, 1500), (110, 105), 0.84, 0.12, 0.14, 0.45),
    "necrosis": Relaxation((2200, 2600), (350, 320), 0.94, 0.2, 0.25, 0.1),
    "infarct": Relaxation((1150, 1500), (135, 135), 0.84, 0.14, 0.18, 0.4),
    "cavity": Relaxation((3600, 3800), (1000, 950), 0.98, 0.1, 0.2),
}
# mmol/l of contrast agent: tissue without a barrier takes it up; blood keeps most of it.
AGENT = {"enhancing": (0.3, 1.0), "choroid_plexus": (0.1, 0.35), "blood": (0.5, 1.5), "mucosa": (0.3, 0.8)}


def draw_tissues(rng: np.random.Generator, field: float) -> dict[str, Tissue]:
    """Draw one person's tissues at a field strength.

    Args:
        rng: where chance comes from.
        field: one of `FIELDS`, in tesla.
    """
    place = FIELDS.index(field)
    common = 0.5 * np.clip(rng.standard_normal(2), -MOST_SDS, MOST_SDS)
    drawn = {}
    for name, of in PARAMETERS.items():
        own = np.clip(rng.standard_normal(3), -MOST_SDS, MOST_SDS)
        t1, t2 = 1 + np.array([of.T1_sd, of.T2_sd]) * (common + 0.85 * own[:2])
        drawn[name] = Tissue(of.T1[place] * t1, of.T2[place] * t2, min(of.PD * (1 + PD_SD * own[2]), 1.0))
    return drawn


def draw_agent(rng: np.random.Generator) -> dict[str, float]:
    """Draw how much agent each tissue holds when the scan is made, mmol/l."""
    return {name: float(rng.uniform(*span)) for name, span in AGENT.items()}
