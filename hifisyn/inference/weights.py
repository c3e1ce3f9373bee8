"""Which weights of a model translate: one checkpoint, or several folds and kinds together, and whether at shifts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.inference.models import Checkpoint, Model

Fold = int | str
Folds = Fold | Sequence[Fold] | None
Kinds = str | Sequence[str] | None
Name = TypeVar("Name", int, str, int | str)
SHIFTS = "shifts"


@dataclass(frozen=True)
class Weights:
    """The weights that translate together.

    Attributes:
        checkpoints: one or more, of one model.
        tta: whether each image is translated at shifts and mirrored too, see `hifisyn.inference.augmented`.
    """

    checkpoints: tuple[Checkpoint, ...]
    tta: bool = False

    def __str__(self) -> str:
        folds, kinds = _list(self.folds), " and ".join(self.kinds)
        of_folds = f"folds {folds}" if len(self.folds) > 1 else f"fold {folds}"
        checkpoints = f"{kinds} checkpoint{'s' if len(self.checkpoints) > 1 else ''}"
        return f"{of_folds}, {checkpoints}" + (f", {SHIFTS}" if self.tta else "")

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Those that take part, each once."""
        return tuple(dict.fromkeys(checkpoint.fold for checkpoint in self.checkpoints))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of checkpoints that take part, each once."""
        return tuple(dict.fromkeys(checkpoint.kind for checkpoint in self.checkpoints))

    @property
    def plain(self) -> bool:
        """Whether this is one checkpoint alone, each image seen once."""
        return len(self.checkpoints) == 1 and not self.tta

    @property
    def together(self) -> str:
        """Addition to a model's name in tables: "folds 0, 1, 2, shifts"; empty where it is plain.

        >>> from pathlib import Path
        >>> Weights((Checkpoint(0, "best", Path()), Checkpoint(0, "final", Path()))).together
        'best and final'
        """
        several = len(self.folds) > 1
        parts = [f"folds {_list(self.folds)}"] if several else [f"fold {f}" for f in self.folds if f != 0]
        parts += [" and ".join(self.kinds)] if len(self.checkpoints) > len(self.folds) else []
        return "" if self.plain else ", ".join([*parts, *([SHIFTS] if self.tta else [])])

    @property
    def key(self) -> str:
        """Part of a folder's name: folds_0_1_2_tta, fold_0_best_final."""
        parts = ["folds" if len(self.folds) > 1 else "fold", *map(str, self.folds)]
        parts += self.kinds if len(self.checkpoints) > len(self.folds) else ()
        return "_".join([*parts, *(["tta"] if self.tta else [])])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the checkpoint; of several, or of shifts, that of all of theirs and of how they are combined."""
        digests = [sha256(checkpoint.file) for checkpoint in self.checkpoints]
        return digests[0] if self.plain else hashlib.sha256(repr((sorted(digests), self.tta)).encode()).hexdigest()


def choose_weights(model: Model, folds: Folds = None, kinds: Kinds = None, tta: bool = False) -> Weights:
    """Return the checkpoints of these folds and kinds, each fold with each kind.

    Args:
        model: the model folder.
        folds: numbers or "all"; None: the lowest that exists.
        kinds: "best", "final" or "latest"; None: the first of these that exists in the fold.
        tta: see `Weights`.

    Raises:
        UserError: there is no such fold or no such checkpoint, or one is named twice.
    """
    each_kind = _each(kinds, "checkpoint")
    each_fold = _each(folds, "fold") if folds is not None else [_lowest(model, each_kind)]
    return Weights(tuple(model.checkpoint(fold, kind) for fold in each_fold for kind in each_kind), tta)


def _lowest(model: Model, kinds: Sequence[str | None]) -> Fold | None:
    """Return the lowest fold that has all of these kinds; None where none has."""
    there = {(checkpoint.fold, checkpoint.kind) for checkpoint in model.checkpoints}
    folds = dict.fromkeys(checkpoint.fold for checkpoint in model.checkpoints)
    return next((fold for fold in folds if all(kind is None or (fold, kind) in there for kind in kinds)), None)


def _each(names: Name | Sequence[Name] | None, flag: str) -> list[Name | None]:
    if names is None or isinstance(names, str) or not isinstance(names, Sequence):
        return [names]
    if len(set(names)) != len(names):
        raise UserError(f"--{flag} must name each once", got=" ".join(map(str, names)), hint="remove repetitions")
    return list(names) or [None]


def _list(folds: Sequence[Fold]) -> str:
    return ", ".join(map(str, folds))
