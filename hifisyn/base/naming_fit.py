"""Fits how contrasts are named to simulated heads, by what the model makes of each when it is not told its name."""

from collections.abc import Iterator

import numpy as np
import torch

from hifisyn.base.batches import altered
from hifisyn.base.contrasts import TARGETS
from hifisyn.base.heads import Heads, HeadSlices, neighbours
from hifisyn.base.naming import NAME_OF, Naming, describe
from hifisyn.base.settings import InputSettings
from hifisyn.base.translate import MIDDLE, NAMED_BY, BaseModel

STEPS, RATE, DECAY = 600, 0.02, 0.01


def fit_naming(model: BaseModel, heads: Heads, settings: InputSettings, seed: int) -> Naming:
    """Return a softmax that names the contrasts of simulated heads.

    Args:
        model: that is to name.
        heads: at least one with slices.
        settings: how inputs are altered.
        seed: of these draws.
    """
    rng = np.random.default_rng([seed, 0])
    seen = [one for head in heads.heads if head.places for one in _described(model, heads, head, settings, rng)]
    numbers, names = np.stack([described for described, _ in seen]), [name for _, name in seen]
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0).clip(1e-3)
    weights, bias = _softmax((numbers - mean) / spread, np.array([TARGETS.index(name) for name in names]))
    rows = tuple(map(_rounded, weights))
    return Naming(_rounded(mean), _rounded(spread), rows, _rounded(bias))


def _described(
    model: BaseModel, heads: Heads, head: HeadSlices, settings: InputSettings, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, str]]:
    """Yield the numbers of each contrast of a head, and its name."""
    last = len(head.places) - 1
    places = [head.places[int(part * last)] for part in np.linspace(*MIDDLE, NAMED_BY)]
    brain = np.stack([heads.brain(head, place) for place in places])
    for contrast, name in NAME_OF.items():
        stack = np.stack([altered(heads.image(head, contrast, neighbours(head, p)), rng, settings) for p in places])
        made = model.unnamed(stack, head.pixel_mm)
        yield describe(stack[:, stack.shape[1] // 2], made, brain), name


def _softmax(numbers: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (3, 4) and bias (3,); every contrast counts alike, so a T1, with the agent or without, twice."""
    x, y = torch.tensor(numbers, dtype=torch.float32), torch.tensor(names)
    layer = torch.nn.Linear(x.shape[1], len(TARGETS))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        loss = torch.nn.functional.cross_entropy(layer(x), y)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
