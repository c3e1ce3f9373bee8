"""Which way suits a cohort of this size: the base model, the base model first, or a training.

The numbers of subjects are rules of thumb. Whether a training beats the base model is seen in `hifisyn_evaluate`, which
puts both side by side.
"""

from collections.abc import Collection, Mapping

from hifisyn.planning.choice import Choice
from hifisyn.plans import Way

LEAST, ENOUGH = 4, 20  # training subjects of a contrast: below, a training has too little; from there on, plenty


def way(subjects: Mapping[str, int], sources: Collection[str], targets: Collection[str]) -> Choice[Way]:
    """Return the way to synthesise the contrasts of a cohort from each other.

    Args:
        subjects: training subjects of each contrast: of the two that are trained on, or of one that is alone.
        sources: contrasts that the base model takes.
        targets: contrasts that it makes.

    >>> way({"T1": 12, "T2": 12}, ["T1", "T2"], ["T1", "T2"]).value
    'base first'
    >>> way({"T1": 100, "T2": 3}, ["T1", "T2"], ["T1", "T2"]).reason
    '3 training subjects with T2, under 4: too few to train on'
    """
    made = made_from(subjects, sources, targets)
    if not made:
        return Choice("train", f"the base model makes none of {', '.join(subjects)} from another")
    rarest = min(subjects, key=lambda contrast: subjects[contrast])
    count = subjects[rarest]
    there = f"{count} training subject{'' if count == 1 else 's'} with {rarest}"
    left = [contrast for contrast in subjects if contrast not in made]
    only = f"; the base model does not make {', '.join(left)}" if left and len(subjects) > 1 else ""
    if len(subjects) == 1:
        return Choice("base", f"{rarest} alone: a training needs another contrast")
    if count < LEAST:
        return Choice("base", f"{there}, under {LEAST}: too few to train on{only}")
    if count < ENOUGH:
        return Choice("base first", f"{there}, under {ENOUGH}: a training may or may not beat the base model{only}")
    return Choice("train", f"{there}, {ENOUGH} or more: enough to train on")


def made_from(contrasts: Collection[str], sources: Collection[str], targets: Collection[str]) -> list[str]:
    """Return what the base model makes: of the contrasts, from another one; from one that is alone, all others.

    >>> made_from(["T1", "PD"], ["T1", "PD"], ["T1", "T2"]), made_from(["T1"], ["T1"], ["T1", "T2"])
    (['T1'], ['T2'])
    """
    among = targets if len(contrasts) == 1 else [contrast for contrast in contrasts if contrast in targets]
    taken = [contrast for contrast in contrasts if contrast in sources]
    return [target for target in among if any(source != target for source in taken)]
