"""How learning rates change over a run, as shares of the initial ones."""

import torch

RATE_SHARE = "rate_share"


def rate_factor(iteration: int, total: int, decay_from: float) -> float:
    """Return the share of the initial learning rate: 1 until `decay_from` of the run, then linearly to 0.

    >>> [rate_factor(i, 100, 0.5) for i in (0, 50, 75, 99)]
    [1.0, 1.0, 0.5, 0.02]
    """
    start = decay_from * total
    return 1.0 if iteration <= start else (total - iteration) / (total - start)


def set_rates(optimizers: dict[str, torch.optim.Optimizer], rates: dict[str, float]) -> None:
    """Set the learning rate of each group; parameters that an optimizer gave a RATE_SHARE have that share of it."""
    for group, optimizer in optimizers.items():
        for settings in optimizer.param_groups:
            settings["lr"] = rates[group] * settings.get(RATE_SHARE, 1.0)
