"""Overfitting: two slices of each modality, again and again; a method that cannot learn these learns nothing."""

# mypy: no-check-untyped-defs
import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from hifisyn.planning.planner import complete
from hifisyn.training.batch import Batch
from hifisyn.training.registry import trainer_class
from hifisyn.training.step import take_step
from tests.support.training_toys import having, toy_plans

PAIR = ("T1", "T2")


SMALL = (
    "length.epochs=40",
    "networks.width=8",
    "networks.n_down=2",
    "content_discriminator.lr=4e-4",
    "content_discriminator.steps=1",
)


def small_plans(method: str, *assignments: str, side: int = 32):
    """Return the plans of a small training of `method`: two stride-2 convolutions, 8 channels."""
    trainer = trainer_class(method)
    plans = toy_plans(trainer)
    rates = [f"optimisation.{key}={10 * trainer.PUBLISHED.get(key, 1e-4)}" for key in ("lr", "lr_discriminator")]
    shared = [f"slices.size={side}", f"slices.crop={side}", *SMALL, *rates]
    return complete(plans.override([*having(plans, shared), *assignments]), trainer)


def small_batch(side: int = 32, iteration: int = 0) -> Batch:
    """Return two slices of each of two contrasts, of four subjects: smooth anatomy in a round brain."""
    images: dict[str, list] = {m: [] for m in PAIR}
    labels: dict[str, list] = {m: [] for m in PAIR}
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    brain = np.hypot(y, x) < side * 0.42
    for number, modality in enumerate((*PAIR, *PAIR)):
        anatomy = gaussian_filter(np.random.default_rng(number).normal(size=(side, side)), side / 16)
        anatomy = np.clip(anatomy / np.abs(anatomy).max(), -1, 1)
        images[modality].append(np.where(brain, anatomy if modality == "T1" else 0.5 - 0.8 * anatomy, -1))
        labels[modality].append(np.where(brain, 1 + np.digitize(anatomy, [-0.2, 0.2]), 0))
    return Batch(
        {m: torch.from_numpy(np.stack(images[m])[:, None]).float() for m in PAIR},
        {m: torch.from_numpy(np.stack(labels[m])).long() for m in PAIR},
        {"T1": torch.tensor([0, 2]), "T2": torch.tensor([1, 3])},
        iteration,
    )


def overfit(method: str, steps: int, *assignments: str, side: int = 32) -> list[dict[str, float]]:
    """Train on `small_batch` again and again; return the losses of every step by group/name."""
    plans = small_plans(method, *assignments, side=side)
    torch.manual_seed(0)
    trainer = trainer_class(method)(plans, PAIR).train()
    optimizers = trainer.optimizers()
    logged = []
    for step in range(steps):
        losses = take_step(trainer, optimizers, small_batch(side, step), seed=0)
        logged.append({name: float(value) for name, value in losses.items()})
    return logged


def fall(logged: list[dict[str, float]], name: str, last: int = 10) -> float:
    """Return by which factor a loss fell: its first value over the mean of its last ones."""
    return logged[0][name] / float(np.mean([losses[name] for losses in logged[-last:]]))
