"""The commands that follow a plan: those of the way that it recommends."""

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from hifisyn.base.contrasts import NAMED, TARGETS
from hifisyn.planning.way import made_from
from hifisyn.plans import Plans


def next_commands(
    plans: Plans,
    name: str,
    raw: Path,
    fold: str,
    flags_of_plan: Sequence[str] = (),
    cases: Sequence[Collection[str]] = (),
) -> list[str]:
    """Return lines: what to do next, and the commands.

    Args:
        plans: of the data set.
        name: of the data set.
        raw: its folder of raw scans.
        fold: to train first, as users type it.
        flags_of_plan: of hifisyn_train, where the plans are not the usual.
        cases: contrasts that each case has.
    """
    contrasts = pair(plans.modalities, cases)
    if plans.way == "train" and len(contrasts) < 2:
        return [f"{contrasts[0]} alone cannot be translated; add another contrast"]
    train = f"  {shlex.join(['hifisyn_train', name, *contrasts, fold, *flags_of_plan])}"
    if plans.way == "train":
        return ["next:", train]
    predict = f"  {shlex.join(_predict(contrasts, raw))}"
    if plans.way == "base":
        return ["next:", predict]
    return ["next:", predict, "then both side by side:", train, f"  {shlex.join(['hifisyn_evaluate', '-d', name])}"]


def pair(contrasts: Sequence[str], cases: Sequence[Collection[str]] = ()) -> tuple[str, ...]:
    """Return the two contrasts to train first: the one that most cases lack, and the one that most of these have.

    Where no case lacks any, the first two.

    >>> pair(("T1", "T2", "FLAIR"), [{"T1", "T2"}, {"T1", "T2", "FLAIR"}])
    ('T1', 'FLAIR')
    """
    lacking = {one: [case for case in cases if one not in case] for one in contrasts}
    target = max(contrasts, key=lambda one: len(lacking[one]))
    if not lacking[target]:
        return tuple(contrasts[:2])
    others = [one for one in contrasts if one != target]
    source = max(others, key=lambda one: sum(one in case for case in lacking[target]), default=target)
    return tuple(one for one in contrasts if one in (source, target))


def _predict(contrasts: Sequence[str], raw: Path) -> list[str]:
    """Return the command by which the base model makes one contrast of another."""
    target = made_from(contrasts, NAMED, TARGETS)[-1]
    source = next(one for one in contrasts if one in NAMED and one != target)
    scans = raw / "imagesTs"
    where = ["-i", str(scans) if scans.is_dir() else "SCANS", "-o", "synth/"]
    return ["hifisyn_predict", *where, "--source", source, "--target", target, "--model", "base"]
