"""What the base model is given of a case, and what it may be asked for."""

from collections.abc import Collection, Iterable, Sequence

from hifisyn.base.contrasts import NAMED, TARGETS, UNNAMED
from hifisyn.base.shipped import NAME
from hifisyn.errors import UserError

NICKNAME = NAME.partition("@")[0]
NO_AGENT = "T1ce"


def names_base(model: object) -> bool:
    """Return whether a word of --model means the base model; a folder of that name is named with the one above it.

    >>> names_base("base"), names_base("base@1"), names_base("models/base")
    (True, True, False)
    """
    return str(model) in (NICKNAME, NAME)


def slots_of(contrasts: Collection[str], target: str = "") -> dict[str, str]:
    """Return which contrast goes into which slot: each that the model knows, or the only other one without its name.

    Args:
        contrasts: of the scans of a case.
        target: the contrast to generate, which is never given.

    Returns:
        Slot to contrast, in the model's order; empty where there is nothing to start from.

    >>> slots_of(["FLAIR", "T1", "SWI"]), slots_of(["SWI"]), slots_of(["SWI", "T2star"])
    ({'T1': 'T1', 'FLAIR': 'FLAIR'}, {'unnamed': 'SWI'}, {})
    >>> slots_of(["FLAIR", "T1"], "T1")
    {'FLAIR': 'FLAIR'}
    """
    others = [contrast for contrast in contrasts if contrast != target]
    known = {contrast: contrast for contrast in NAMED if contrast in others}
    return known or ({UNNAMED: others[0]} if len(others) == 1 else {})


def spelled(contrast: str, choices: Iterable[str]) -> str | None:
    """Return a contrast as one of the choices spells it, whatever its case; none where it is none of them.

    >>> spelled("flair", TARGETS), spelled("PD", TARGETS)
    ('FLAIR', None)
    """
    return next((choice for choice in choices if choice.lower() == contrast.lower()), None)


def refused(target: str, others: Sequence[str] = ()) -> UserError:
    """Return why the base model does not generate a contrast.

    Args:
        target: the contrast.
        others: what trained models generate beside.
    """
    if target.lower() == NO_AGENT.lower():
        what = f"{NAME} does not generate T1ce: enhancement cannot be seen without the agent"
        return UserError(what, hint=f"choose of {', '.join(TARGETS)}, or train a model on scans with the agent")
    choices = ", ".join(dict.fromkeys([*TARGETS, *others]))
    return UserError("--target must be a contrast that a model generates", got=target, hint=f"choose of {choices}")
