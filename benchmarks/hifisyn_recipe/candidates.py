"""The candidates by name: rows of `hifisyn_ablation`, alone or joined by +, from fresh or from pre-trained weights."""

from hifisyn.errors import UserError
from hifisyn.experiments.rows import ADDITIONS, FULL, ROWS

PRETRAINED = "pretrained"
WORDS = {row.key: row.assignments for row in (FULL, ROWS["bank"], *ADDITIONS)} | {PRETRAINED: ()}
FRESH = (*(word for word in WORDS if word != PRETRAINED), "tissue+teacher", "tissue+simulated", "tissue+teacher+bank")
STARTED = (PRETRAINED, "pretrained+simulated", "pretrained+tissue", "pretrained+bank", "pretrained+simulated+bank")


def assignments(name: str) -> list[str]:
    """Return the changes of the plans that a candidate makes.

    >>> assignments("tissue+bank")
    ['additions.tissue=2', 'losses.pgd=0', 'losses.sgd=0', 'losses.ggd=0']

    Raises:
        UserError: there is no such candidate.
    """
    words = name.split("+")
    if unknown := [word for word in words if word not in WORDS]:
        raise UserError(f"candidates must be of {', '.join(WORDS)}, joined by +", got=", ".join(unknown))
    return [text for word in words for text in WORDS[word]]


def starts(name: str) -> bool:
    """Return whether a candidate starts from pre-trained weights."""
    return PRETRAINED in name.split("+")
