"""Toy simulated heads: three regions whose contrasts are known, made in milliseconds."""

import numpy as np

from hifisyn.base.heads import Heads, keep
from hifisyn.simulation.simulated_head import SimulatedHead

VALUES = {
    "T1": (-0.7, 0.0, 0.6),
    "T1ce": (-0.7, 0.1, 0.7),
    "T2": (0.9, 0.1, -0.3),
    "PD": (0.6, 0.3, 0.1),
    "FLAIR": (-0.6, 0.4, 0.2),
}


def toy_head(seed, slices=6, side=24, pixel_mm=2.0):
    """Return a head whose tissues are rings of a random centre, each contrast a value a tissue and a little noise."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side]
    middle = (side - 1) / 2 + rng.uniform(-2, 2, (slices, 2, 1, 1))
    radius = np.hypot(row - middle[:, 0], column - middle[:, 1])
    labels = np.select([radius < side / 8, radius < side / 4, radius < side / 2.7], [1, 3, 2], 0).astype(np.uint8)
    brain = labels > 0
    table = {m: np.array([-1.0, *values]) for m, values in VALUES.items()}
    clean = {m: table[m][labels].astype(np.float32) for m in VALUES}

    def noisy(image):
        changed = np.clip(image + 0.03 * rng.standard_normal(image.shape), -0.99, 1)
        return np.where(brain, changed, -1).astype(np.float32)

    return SimulatedHead(
        images={m: noisy(image) for m, image in clean.items()},
        targets={m: clean[m] for m in ("T1", "T2", "FLAIR")},
        strange=noisy(-clean["PD"]),
        labels=labels,
        brain=brain,
        pixel_mm=pixel_mm,
        slice_mm=2.0,
    )


def toy_heads(folder, count=3, **options):
    """Write toy heads and return their reader."""
    names = [f"head_{number:05d}" for number in range(count)]
    for number, name in enumerate(names):
        keep(folder, name, toy_head(number, **options))
    return Heads(folder, names)


def toy_simulation(map_file, seed, number, size, **ablations):
    """Stand in for `simulate_head`."""
    return toy_head([seed, number], side=size)
