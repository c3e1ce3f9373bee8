"""Which trained models there are, and which of them fits."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.files import read_json
from hifisyn.paths import CONFIG_JSON, parse_fold, plans_file
from hifisyn.plans import Plans

CHECKPOINTS = ("best", "final", "latest")


@dataclass(frozen=True)
class Checkpoint:
    """One set of weights of a model.

    Attributes:
        fold: number of the fold, or "all".
        kind: "best", "final" or "latest".
        file: where it lies.
    """

    fold: int | str
    kind: str
    file: Path


@dataclass(frozen=True)
class Model:
    """A model folder: one training of one method on one pair of contrasts.

    Attributes:
        folder: holds plans.json, config.json and the folds.
        method: name of the method in the registry.
        dataset: name of the data set it was trained on.
        pair: the two modalities; it translates either into the other.
        modalities: all of the data set, in channel order.
        reference: the modality that is taken as source where there is a choice.
        checkpoints: all that exist, best before final before latest within a fold, lowest fold first.
    """

    folder: Path
    method: str
    dataset: str
    pair: tuple[str, str]
    modalities: tuple[str, ...]
    reference: str
    checkpoints: tuple[Checkpoint, ...]

    def __str__(self) -> str:
        return f"{self.pair[0]} <-> {self.pair[1]} by {self.method} trained on {self.dataset}"

    def source_of(self, target: str) -> str | None:
        """Return the modality from which the model makes `target`; none where it does not make it."""
        if target not in self.pair:
            return None
        return self.pair[1] if target == self.pair[0] else self.pair[0]

    def checkpoint(self, fold: int | str | None = None, kind: str | None = None) -> Checkpoint:
        """Return the weights to use: the lowest fold that exists, and best, else final, else latest.

        Raises:
            UserError: there is no such fold or no such checkpoint; those that exist are listed.
        """
        for checkpoint in self.checkpoints:
            if fold in (None, checkpoint.fold) and kind in (None, checkpoint.kind):
                return checkpoint
        wanted = f"a {kind or 'finished'} checkpoint" + ("" if fold is None else f" of fold {fold}")
        there = ", ".join(f"fold {c.fold} {c.kind}" for c in self.checkpoints) or "none"
        raise UserError(f"{self.folder}: wanted {wanted}, found {there}; choose with --fold and --checkpoint")


def read_model(folder: Path | str) -> Model:
    """Read what a model folder says about itself.

    Raises:
        UserError: the folder is no model folder, or a file of it is broken.
    """
    folder = Path(folder)
    if not plans_file(folder).is_file() or not (folder / CONFIG_JSON).is_file():
        raise UserError(f"{folder}: wanted a model folder with plans.json and {CONFIG_JSON}, found none; see --model")
    plans = Plans.load(plans_file(folder))
    config = read_json(folder / CONFIG_JSON)
    try:
        method, (first, second) = str(config["method"]), (str(m) for m in config["pair"])
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{folder / CONFIG_JSON}: wanted method and pair, found neither; train again") from None
    return Model(
        folder,
        method,
        plans.dataset,
        (first, second),
        plans.modalities,
        plans.preprocessing.reference,
        tuple(_checkpoints(folder)),
    )


def find_models(results: Path) -> list[Model]:
    """Return the models below a results folder that have at least one checkpoint, sorted by folder.

    Raises:
        UserError: a file of a model is broken.
    """
    plans = sorted(results.glob("*/*/*/plans.json"))
    return [read_model(file.parent) for file in plans if any(_checkpoints(file.parent))]


def fitting(models: list[Model], present: Iterable[str], target: str) -> list[Model]:
    """Return the models that make `target` from one of the other modalities that are present."""
    return [model for model in models if model.source_of(target) in set(present) - {target}]


def choose(models: list[Model], present: Iterable[str], target: str) -> tuple[Model, str]:
    """Return the only model that makes `target` from a present modality, and that modality.

    Where several modalities would do, the reference modality of the data set goes first, then the order given.

    Raises:
        UserError: no model fits, or several do; what there is is listed.
    """
    sources = [modality for modality in present if modality != target]
    fits = fitting(models, sources, target)
    if not fits:
        wanted = f"a model that makes {target} from {' or '.join(sources) or 'another modality'}"
        there = ", ".join(f"{model} ({model.folder})" for model in models) or "no model"
        raise UserError(f"wanted {wanted}, found {there}; train one with hifisyn_train")
    ranked = sorted(fits, key=lambda model: _rank(model, target, sources))
    best, source = ranked[0], str(ranked[0].source_of(target))
    same = [model for model in fits if model.source_of(target) == source]
    if len(same) > 1:
        choices = " or ".join(f"--model {model.folder}" for model in same)
        raise UserError(f"wanted one model that makes {target} from {source}, found {len(same)}; choose with {choices}")
    return best, source


def _rank(model: Model, target: str, sources: list[str]) -> tuple[bool, int]:
    source = str(model.source_of(target))
    return source != model.reference, sources.index(source)


def _checkpoints(folder: Path) -> Iterable[Checkpoint]:
    found = []
    for fold in folder.glob("fold_*"):
        number = parse_fold(fold.name.removeprefix("fold_"))
        found += [Checkpoint(number, kind, fold / f"checkpoint_{kind}.pt") for kind in CHECKPOINTS]
    there = [checkpoint for checkpoint in found if checkpoint.file.is_file()]
    return sorted(there, key=lambda c: (isinstance(c.fold, str), c.fold if isinstance(c.fold, int) else 0))
