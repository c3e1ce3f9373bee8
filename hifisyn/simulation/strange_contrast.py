"""Contrasts that no scanner makes: any brightness for any tissue, so that a network does not ask what it is shown."""

from collections.abc import Mapping

import numpy as np

from hifisyn.simulation.mr_signal import Tissue

PHYSICAL = 0.5


def draw_values(rng: np.random.Generator, tissues: Mapping[str, Tissue]) -> dict[str, float]:
    """Draw a brightness of 0 to 1 for each tissue.

    In half of the draws brightness is a smooth function of relaxation with some chance in it, so that like tissues
    look alike; else it is chance alone. Air is dark.
    """
    share = rng.uniform(0.6, 1) if rng.random() < PHYSICAL else 0.0
    names = list(tissues)
    logs = np.log([[t.T1, t.T2, t.PD + 0.1] for t in tissues.values()])
    scaled = (logs - np.log([1200, 100, 0.9])) / np.array([0.6, 0.6, 0.12])
    waves = np.sin(scaled @ rng.normal(0, 1.0, (3, 3)) + rng.uniform(0, 2 * np.pi, 3)) @ rng.normal(0, 1, 3)
    brightness = share * 1 / (1 + np.exp(-2 * waves)) + (1 - share) * rng.random(len(names))
    return {name: 0.0 if name == "air" else float(b) for name, b in zip(names, brightness, strict=True)}
