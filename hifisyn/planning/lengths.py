"""The lengths of other works that a full-size plan may take, since HiFi-Syn's paper gives none."""

import math
from typing import Literal

from hifisyn.planning.choice import Choice
from hifisyn.plans import LengthPlan

LengthOf = Literal["drit", "mguit", "nnunet"]

UPDATES = 250  # of all networks, an epoch
NNUNET_EPOCHS = 1000
DRIT_PASSES = 1200
MOST_UPDATES = 500_000  # where the code of DRIT++, and with it MGUIT's, stops


def nnunet(period: int) -> Choice[LengthPlan]:
    """nnU-Net's 1000 epochs of 250 updates of all networks.

    Args:
        period: steps to one that moves all networks, see `Trainer.period`; the others come on top.

    >>> nnunet(3).value
    LengthPlan(epochs=1000, iterations=750)
    """
    chosen = LengthPlan(epochs=NNUNET_EPOCHS, iterations=UPDATES * period)
    return Choice(chosen, f"nnU-Net's: {NNUNET_EPOCHS} epochs of {UPDATES} updates of all networks{_on_top(period)}")


def mguit(period: int) -> Choice[LengthPlan]:
    """MGUIT's 500,000 updates of all networks.

    >>> mguit(1).value.total
    500000
    """
    chosen = LengthPlan(epochs=MOST_UPDATES // UPDATES, iterations=UPDATES * period)
    return Choice(chosen, f"MGUIT's: {MOST_UPDATES} updates of all networks{_on_top(period)}; the paper gives none")


def drit(slices: int, batch: int, period: int) -> Choice[LengthPlan]:
    """DRIT++'s 1200 passes over the slices, at most its 500,000 updates of all networks.

    Args:
        slices: to train on, of the contrast that has more.
        batch: of them in a step.
        period: as in `nnunet`; DRIT++ counts all steps in a pass.

    >>> drit(100, 2, 3).value, drit(6000, 2, 3).value
    (LengthPlan(epochs=1200, iterations=50), LengthPlan(epochs=500, iterations=3000))
    """
    each = max(1, math.ceil(slices / batch))
    epochs = max(1, min(DRIT_PASSES, MOST_UPDATES * period // each))
    chosen = LengthPlan(epochs=epochs, iterations=each)
    why = f"DRIT++'s: {DRIT_PASSES} passes over {slices} slices"
    if epochs < DRIT_PASSES:
        why += f", stopped like its code after {MOST_UPDATES} updates of all networks"
    return Choice(chosen, f"{why}; the paper gives none")


def named(name: LengthOf, *, slices: int, batch: int, period: int) -> Choice[LengthPlan]:
    """Return the length of one of these works."""
    if name == "drit":
        return drit(slices, batch, period)
    return mguit(period) if name == "mguit" else nnunet(period)


def _on_top(period: int) -> str:
    return f", and {period - 1} more steps to each that move D^c alone" if period > 1 else ""
