"""Which models of a data set can be compared: those whose evaluation left images, direction by direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.evaluation import kept_slices
from hifisyn.evaluation.model_list import in_words, of_contrasts
from hifisyn.inference.models import Model, find_models

SPLITS = ("test", "val")


@dataclass(frozen=True)
class Evaluated:
    """The candidates of a study.

    Attributes:
        folders: direction to (name of the candidate to the folder of its evaluation); the same names everywhere.
        subjects: direction to (case that all of them answered, to its subject).
        split: "test" or "val".
        left_out: a line for each direction that has too few candidates.
    """

    folders: Mapping[Direction, Mapping[str, Path]]
    subjects: Mapping[Direction, Mapping[str, str]]
    split: str
    left_out: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates, sorted."""
        return tuple(sorted(next(iter(self.folders.values()))))


def find(
    results: Path,
    dataset: str,
    *,
    models: Sequence[str] = (),
    direction: Direction | None = None,
    split: str | None = None,
    fold: int | str | None = None,
    least: int = 2,
) -> Evaluated:
    """Find evaluated models that can be compared.

    Args:
        results: root of the results.
        dataset: name of the data set.
        models: names or paths of model folders; empty: all.
        direction: source and target; none: all.
        split: which evaluation; none: of test cases where there is any, else of validation cases.
        fold: of the models; none: the lowest that was evaluated.
        least: models that a direction needs.

    Raises:
        UserError: there is nothing to compare, or the directions have different models.
    """
    there = _wanted([model for model in find_models(results) if model.dataset == dataset], models, results / dataset)
    for chosen in SPLITS if split is None else (split,):
        folders = _by_direction(there, chosen, fold, direction)
        if folders:
            break
    enough = {one: named for one, named in folders.items() if len(named) >= least}
    if not enough:
        raise UserError(
            f"wanted at least {least} evaluated models of one direction in {results / dataset}, found "
            f"{_listed(folders)}; run hifisyn_evaluate --model FOLDER"
        )
    if len({tuple(sorted(named)) for named in enough.values()}) > 1:
        raise UserError(
            f"wanted the same models in every direction, found {_listed(enough)}; "
            "choose with --source and --target, or with --model"
        )
    subjects = {one: _subjects(one, list(named.values())) for one, named in enough.items()}
    left_out = [f"{one}: {', '.join(named)} only" for one, named in folders.items() if one not in enough]
    return Evaluated(enough, subjects, chosen, tuple(left_out))


def short_names(folders: Sequence[str]) -> dict[str, str]:
    """Return a name for people for each model folder: the method, and what tells it from the others.

    >>> short_names(["HiFiSyn__plans__2d", "HiFiSyn__plans__2d__sgd=0"])
    {'HiFiSyn__plans__2d': 'HiFiSyn', 'HiFiSyn__plans__2d__sgd=0': 'HiFiSyn without SGD'}
    """
    parts = {folder: folder.split("__") for folder in folders}
    shared = set.intersection(*(set(words) for words in parts.values())) if parts else set()
    return {
        folder: " ".join([words[0], *in_words([word for word in words[1:] if word not in shared])])
        for folder, words in parts.items()
    }


def _wanted(there: list[Model], names: Sequence[str], where: Path) -> list[Model]:
    if not names:
        return there
    chosen = []
    for name in names:
        fits = [m for m in there if name == m.folder.name or Path(name).resolve() == m.folder.resolve()]
        if not fits:
            known = ", ".join(sorted({model.folder.name for model in there})) or "none"
            raise UserError(f"{where}: wanted a trained model {name}, found {known}; change --model")
        chosen += [model for model in fits if model not in chosen]
    return chosen


def _by_direction(
    models: Sequence[Model], split: str, fold: int | str | None, direction: Direction | None
) -> dict[Direction, dict[str, Path]]:
    found: dict[Direction, dict[str, Path]] = {}
    for model in models:
        for one in model.directions:
            folder = _evaluation(model, split, fold, one)
            if folder is not None and direction in (None, one):
                found.setdefault(one, {})[_name(model)] = folder
    return found


def _name(model: Model) -> str:
    """Return the name of the folder, the same for every pair of contrasts; those of more are named behind the method.

    As in "HiFiSyn (FLAIR, T1, T2)__plans__2d", which makes some of what "HiFiSyn__plans__2d" of T1 and T2 makes.
    """
    method, *rest = model.folder.name.split("__")
    return "__".join([of_contrasts(method, model.domains), *rest])


def _evaluation(model: Model, split: str, fold: int | str | None, direction: Direction) -> Path | None:
    """Return the evaluation of the lowest fold that left images of this direction."""
    for parent in dict.fromkeys(c.file.parent for c in model.checkpoints if fold in (None, c.fold)):
        folder = parent / f"evaluation_{split}"
        if folder.is_dir() and kept_slices.cases(folder, *direction):
            return folder
    return None


def _subjects(direction: Direction, folders: Sequence[Path]) -> dict[str, str]:
    """Return the cases that all evaluations hold, each with its subject."""
    common = set.intersection(*(set(kept_slices.cases(folder, *direction)) for folder in folders))
    owners: dict[str, str] = {}
    for folder in folders:
        table = pd.read_csv(folder / "subjects.csv", dtype=str)
        owners |= dict(zip(table["case"], table["subject"] if "subject" in table else table["case"], strict=True))
    return {case: owners.get(case, case) for case in sorted(common)}


def _listed(folders: Mapping[Direction, Mapping[str, Path]]) -> str:
    return "; ".join(f"{one}: {', '.join(sorted(named))}" for one, named in folders.items()) or "none"
