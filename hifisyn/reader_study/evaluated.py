"""Which models of a data set a study can compare: those whose evaluation wrote images, direction by direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.columns import CASE, SUBJECT
from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.evaluation import synthetic_slices
from hifisyn.evaluation.model_label import in_words, of_contrasts
from hifisyn.inference.models import Model, find_models
from hifisyn.tables.read_frame import read_frame

SPLITS = ("test", "val")


@dataclass(frozen=True)
class EvaluatedModels:
    """Models that a study can compare.

    Attributes:
        folders: direction to (name of the model to the folder of its evaluation); the same names everywhere.
        subjects: direction to (case that all of them were evaluated on, to its subject).
        split: "test" or "val".
        left_out: directions with too few models, to these models.
    """

    folders: Mapping[Direction, Mapping[str, Path]]
    subjects: Mapping[Direction, Mapping[str, str]]
    split: str
    left_out: Mapping[Direction, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models, sorted."""
        return tuple(sorted(next(iter(self.folders.values()))))


def find_evaluated(
    results: Path,
    dataset: str,
    *,
    models: Sequence[str] = (),
    direction: Direction | None = None,
    split: str | None = None,
    fold: int | str | None = None,
    least: int = 2,
) -> EvaluatedModels:
    """Find evaluated models that can be compared.

    Args:
        results: root of the results.
        dataset: name of the data set.
        models: names or paths of model folders; empty: all.
        direction: source and target; none: all.
        split: which evaluation; none: of test cases if there is any, else of validation cases.
        fold: of the models; none: the lowest that was evaluated.
        least: models that a direction needs.

    Raises:
        UserError: there is nothing to compare, or the directions have different models.
    """
    trained = _choose([model for model in find_models(results) if model.dataset == dataset], models, results / dataset)
    for chosen in SPLITS if split is None else (split,):
        folders = _by_direction(trained, chosen, fold, direction)
        if folders:
            break
    enough = {one: named for one, named in folders.items() if len(named) >= least}
    if not enough:
        message = f"a direction must have at least {least} evaluated models in {results / dataset}"
        raise UserError(message, got=_listed(folders), hint="run hifisyn_evaluate --model FOLDER")
    if len({tuple(sorted(named)) for named in enough.values()}) > 1:
        hint = "choose with --source and --target, or with --model"
        raise UserError("all directions must have the same models", got=_listed(enough), hint=hint)
    subjects = {one: _subjects(one, list(named.values())) for one, named in enough.items()}
    left_out = {one: tuple(named) for one, named in folders.items() if one not in enough}
    return EvaluatedModels(enough, subjects, chosen, left_out)


def short_names(folders: Sequence[str]) -> dict[str, str]:
    """Return a short name of each model folder: the method, and how it differs from the others.

    >>> short_names(["HiFiSyn__plans__2d", "HiFiSyn__plans__2d__sgd=0"])
    {'HiFiSyn__plans__2d': 'HiFiSyn', 'HiFiSyn__plans__2d__sgd=0': 'HiFiSyn without SGD'}
    """
    parts = {folder: folder.split("__") for folder in folders}
    shared = set.intersection(*(set(words) for words in parts.values())) if parts else set()
    return {
        folder: " ".join([words[0], *in_words([word for word in words[1:] if word not in shared])])
        for folder, words in parts.items()
    }


def _choose(trained: list[Model], names: Sequence[str], where: Path) -> list[Model]:
    if not names:
        return trained
    chosen = []
    for name in names:
        fits = [m for m in trained if name == m.folder.name or Path(name).resolve() == m.folder.resolve()]
        if not fits:
            known = ", ".join(sorted({model.folder.name for model in trained})) or "no model"
            raise UserError(f"{where} must contain the trained model {name}", got=known, hint="change --model")
        chosen += [model for model in fits if model not in chosen]
    return chosen


def _by_direction(
    models: Sequence[Model], split: str, fold: int | str | None, direction: Direction | None
) -> dict[Direction, dict[str, Path]]:
    folders: dict[Direction, dict[str, Path]] = {}
    for model in models:
        for one in model.directions:
            folder = _evaluation(model, split, fold, one)
            if folder is not None and direction in (None, one):
                folders.setdefault(one, {})[_name(model)] = folder
    return folders


def _name(model: Model) -> str:
    """Return the name of the folder; of a model of more than two contrasts, with these behind the method.

    As in "HiFiSyn (FLAIR, T1, T2)__plans__2d", which shares directions with "HiFiSyn__plans__2d" of T1 and T2.
    """
    method, *rest = model.folder.name.split("__")
    return "__".join([of_contrasts(method, model.domains), *rest])


def _evaluation(model: Model, split: str, fold: int | str | None, direction: Direction) -> Path | None:
    """Return the evaluation of the lowest fold that wrote images of this direction."""
    for parent in dict.fromkeys(c.file.parent for c in model.checkpoints if fold in (None, c.fold)):
        folder = parent / f"evaluation_{split}"
        if folder.is_dir() and synthetic_slices.cases(folder, *direction):
            return folder
    return None


def _subjects(direction: Direction, folders: Sequence[Path]) -> dict[str, str]:
    """Return the cases that all evaluations hold, each with its subject."""
    common = set.intersection(*(set(synthetic_slices.cases(folder, *direction)) for folder in folders))
    owners: dict[str, str] = {}
    for folder in folders:
        table = read_frame(folder / "subjects.csv", (CASE, SUBJECT))
        owners |= dict(zip(table[CASE], table[SUBJECT] if SUBJECT in table else table[CASE], strict=True))
    return {case: owners.get(case, case) for case in sorted(common)}


def _listed(folders: Mapping[Direction, Mapping[str, Path]]) -> str:
    return "; ".join(f"{one}: {', '.join(sorted(named))}" for one, named in folders.items()) or "none"
