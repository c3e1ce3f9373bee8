"""The trained models: what each of them translates, and its checkpoints."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hifisyn.directions import Direction, directions
from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.names import check_contrast
from hifisyn.paths import CONFIG_JSON, fold_folders, fold_of, plans_file
from hifisyn.plans import Plans

CHECKPOINTS = ("best", "final", "latest")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """One set of weights of a model.

    Attributes:
        fold: number of the fold, or "all".
        kind: "best", "final" or "latest".
        file: its path.
    """

    fold: int | str
    kind: str
    file: Path


@dataclass(frozen=True)
class Model:
    """A model folder: one training of one method on two or more contrasts.

    Attributes:
        folder: holds plans.json, config.json and the folds.
        method: name of the method in the registry.
        dataset: name of the data set it was trained on.
        domains: its contrasts, two or more, sorted; it translates each into every other.
        modalities: all contrasts of the data set, in channel order.
        reference: the contrast to start from where there is a choice.
        checkpoints: all that exist, lowest fold first, best before final before latest within a fold.
    """

    folder: Path
    method: str
    dataset: str
    domains: tuple[str, ...]
    modalities: tuple[str, ...]
    reference: str
    checkpoints: tuple[Checkpoint, ...]

    def __str__(self) -> str:
        between = " <-> ".join(self.domains) if len(self.domains) == 2 else f"between {self.contrasts}"
        return f"{between} by {self.method} trained on {self.dataset}"

    @property
    def contrasts(self) -> str:
        """The domains in words: "T1 and T2", "FLAIR, T1 and T2"."""
        return f"{', '.join(self.domains[:-1])} and {self.domains[-1]}"

    @property
    def directions(self) -> tuple[Direction, ...]:
        """All that it translates."""
        return directions(self.domains)

    def sources_of(self, target: str) -> tuple[str, ...]:
        """Return the contrasts from which the model generates `target`; empty where it does not."""
        return tuple(direction.source for direction in self.directions if direction.target == target)

    def generates(self, target: str, present: Iterable[str]) -> bool:
        """Return whether the model generates `target` from one of the contrasts that are present."""
        return bool(set(present) & set(self.sources_of(target)))

    def checkpoint(self, fold: int | str | None = None, kind: str | None = None) -> Checkpoint:
        """Return the weights to use: the lowest fold that exists, and best, else final, else latest.

        Raises:
            UserError: there is no such fold or checkpoint.
        """
        for checkpoint in self.checkpoints:
            if fold in (None, checkpoint.fold) and kind in (None, checkpoint.kind):
                return checkpoint
        missing = f"no {kind} checkpoint" if kind else "no checkpoint"
        missing += "" if fold is None else f" of fold {fold}"
        there = ", ".join(f"fold {c.fold} {c.kind}" for c in self.checkpoints) or "none"
        raise UserError(f"{self.folder} has {missing}", got=there, hint="choose with --fold and --checkpoint")


def read_model(folder: Path | str) -> Model:
    """Read a model folder.

    Raises:
        UserError: the folder is no model folder, or a file of it is broken.
    """
    folder = Path(folder)
    if not plans_file(folder).is_file() or not (folder / CONFIG_JSON).is_file():
        what = f"{folder} must be a model folder with plans.json and {CONFIG_JSON}"
        raise UserError(what, hint="name another with --model")
    plans = Plans.load(plans_file(folder))
    config = read_object(folder / CONFIG_JSON)
    try:
        method, domains = str(config["method"]), _domains(config["domains"])
    except UserError as error:
        raise error.at(folder / CONFIG_JSON) from None
    except (KeyError, TypeError, ValueError):
        what = f"{folder / CONFIG_JSON} must have a method and two or more domains"
        raise UserError(what, hint="train again") from None
    return Model(
        folder,
        method,
        plans.dataset,
        domains,
        plans.modalities,
        plans.preprocessing.reference,
        tuple(_checkpoints(folder)),
    )


def find_models(results: Path) -> list[Model]:
    """Return the models below a results folder that have at least one checkpoint, sorted by folder.

    A folder that is broken or of another version is left out with a warning.

    Args:
        results: root of the model folders.
    """
    models = []
    for folder in (file.parent for file in sorted(results.glob("*/*/*/plans.json"))):
        if not any(_checkpoints(folder)):
            continue
        try:
            models.append(read_model(folder))
        except UserError as error:
            log.warning(f"left out: {error}")
    return models


def _domains(names: Iterable[str]) -> tuple[str, ...]:
    """Return the domains that config.json names.

    Raises:
        ValueError: they are fewer than two, or one is named twice.
    """
    domains = tuple(check_contrast(str(name)) for name in names)
    if len(set(domains)) != len(domains) or len(domains) < 2:
        raise ValueError(f"domains must be two or more, each once, got {domains}")
    return domains


def _checkpoints(folder: Path) -> Iterable[Checkpoint]:
    possible = []
    for fold in fold_folders(folder):
        possible += [Checkpoint(fold_of(fold), kind, fold / f"checkpoint_{kind}.pt") for kind in CHECKPOINTS]
    there = [checkpoint for checkpoint in possible if checkpoint.file.is_file()]
    return sorted(there, key=lambda c: (isinstance(c.fold, str), c.fold if isinstance(c.fold, int) else 0))
