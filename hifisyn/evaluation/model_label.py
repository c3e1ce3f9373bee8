"""What models are called in tables: method, what was changed, plans, contrasts and fold."""

from collections.abc import Sequence

from hifisyn.inference.models import Model
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON

DEFAULT_PLANS = "plans"
LOSSES = ("pgd", "sgd", "ggd")


def label(model: Model, fold: int | str, together: str = "") -> str:
    """Return what a model is called in tables: method, what was changed, plans and fold where they are not the usual.

    All is in the folder's name, METHOD__PLANS__2d__key=value, or if that would be too long in config.json beside a
    digest; a folder of another name is called by that name. `HiFiSyn__plans__2d__ggd=0.0__sgd=0.0` is "HiFiSyn without
    SGD, GGD", fold 1 of `HiFiSyn__small__2d` is "HiFiSyn (small) fold 1". A model of more than two contrasts is called
    by them too, "HiFiSyn (FLAIR, T1, T2)": it stands in one table with the models of two of them. What translates
    together, as `Weights.together` says it, takes the place of the fold: "HiFiSyn folds 0, 1, 2, shifts".
    """
    name = model.folder.resolve().name
    method, *rest = name.split("__")
    if len(rest) < 2 or rest[1] != "2d":
        method, rest = f"{model.method.rpartition(':')[2]} ({name})", [DEFAULT_PLANS, "2d"]
    changed = rest[2:]
    if any("=" not in text for text in changed):
        config = read_object(model.folder / CONFIG_JSON).get("changed", {})
        config = config if isinstance(config, dict) else {}
        changed = [*(f"{key.rpartition('.')[2]}={value}" for key, value in sorted(config.items())), *changed]
    plans = [] if rest[0] == DEFAULT_PLANS else [f"({rest[0]})"]
    parts = [of_contrasts(method, model.domains), *in_words(changed), *plans]
    which = together or ("" if fold == 0 else f"fold {fold}")
    return " ".join([*parts, which] if which else parts)


def of_contrasts(method: str, domains: Sequence[str]) -> str:
    """Return a method, with its contrasts where they are more than two.

    >>> of_contrasts("HiFiSyn", ("T1", "T2")), of_contrasts("HiFiSyn", ("FLAIR", "T1", "T2"))
    ('HiFiSyn', 'HiFiSyn (FLAIR, T1, T2)')
    """
    return method if len(domains) == 2 else f"{method} ({', '.join(domains)})"


def in_words(changed: Sequence[str]) -> list[str]:
    """Return changes of the plans as tables tell them: what was switched off is named so, and stands last.

    >>> in_words(["ggd=0.0", "global_slots=0", "lr=0.001", "slots="])
    ['lr=0.001', 'without bank, GGD']
    """
    values = {text.partition("=")[0]: text.partition("=")[2].removesuffix(".0").strip("{}") for text in changed}
    off = [loss for loss in LOSSES if values.get(loss) == "0"]
    words = [loss.upper() for loss in off]
    if values.get("slots") == "" and values.get("global_slots") == "0":
        off, words = [*off, "slots", "global_slots"], ["bank", *words]
    kept = [text.removesuffix(".0") for text in changed if text.partition("=")[0] not in off]
    return [*kept, f"without {', '.join(words)}"] if words else kept
