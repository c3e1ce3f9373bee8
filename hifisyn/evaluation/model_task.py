"""An evaluation that can be done: a model, its weights, held-out cases and a folder; and whether it is up to date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hifisyn.columns import CASE, DIRECTION
from hifisyn.directions import Direction
from hifisyn.engine.digests import digest
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files, regions, synthetic_slices
from hifisyn.evaluation.case_measures import CASE_MEASURES
from hifisyn.evaluation.measures import MEASURES
from hifisyn.inference.models import Checkpoint, Model, read_model
from hifisyn.inference.weights import Fold, Folds, Kinds, Weights, choose_weights
from hifisyn.paths import SPLITS_JSON, Roots, plans_file, slices_folder
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.tables.read_frame import read_frame

if TYPE_CHECKING:
    from hifisyn.base.translate import BaseModel

TEST, VALIDATION = "test", "val"
SLICES_CSV, SUBJECTS_CSV, REGIONS_CSV = "slices.csv", "subjects.csv", "regions.csv"


@dataclass(frozen=True)
class EvaluationTask:
    """An evaluation that can be done: one fold of a model, or several together, on one split.

    Attributes:
        model: the model folder.
        weights: what translates.
        plans: what the model was trained by.
        split: "test" or "val".
        cases: those to compare on.
        training: those the baselines may learn from.
        store: slices of all.
        min_brain: share of the crop that brain must cover for a slice to count.
        output: folder for the results.
    """

    model: Model
    weights: Weights
    plans: Plans
    split: str
    cases: tuple[str, ...]
    training: tuple[str, ...]
    store: SliceStore
    min_brain: float
    output: Path

    @property
    def checkpoint(self) -> Checkpoint:
        """The first of the weights."""
        return self.weights.checkpoints[0]

    @property
    def dataset_folder(self) -> Path:
        """The folder of the preprocessed data set."""
        return self.store.folder.parent

    @cached_property
    def once(self) -> Once:
        """The evaluation as work that is done once; `weights` is their SHA-256."""
        return Once(self.output, self._asked(), output_files.SUMMARY_JSON)

    @cached_property
    def base(self) -> "BaseModel | None":
        """The base model, which stands beside; none where it takes no direction of the model, or is not installed."""
        from hifisyn.base.cohort_look import takes
        from hifisyn.evaluation import base_rows

        taken = any(takes(direction) for direction in self.model.directions)
        return base_rows.installed() if taken else None

    def _asked(self) -> dict[str, Any]:
        """Return all that the numbers depend on."""
        beside = {"base": self.base.sha256} if self.base else {}
        there = set(self.store.cases())
        slices = {case: self.store.record(case) for case in (*self.cases, *self.training) if case in there}
        return (
            {
                "method": self.model.method,
                "dataset": self.model.dataset,
                "domains": list(self.model.domains),
                **_names(self.weights),
                "weights": self.weights.fingerprint,
                "split": self.split,
                "cases": list(self.cases),
                "baselines_fitted_on": list(self.training),
                "slices": digest(slices),
                "min_brain": self.min_brain,
                "measures": list(MEASURES),
                "measures_of_regions": list(regions.MEASURES),
                "measures_of_cases": list(CASE_MEASURES),
            }
            | beside
            | output_files.TERMS
        )


def choose_cases(
    splits: Splits, folds: Fold | Sequence[Fold], split: str | None
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return which split is used, its cases, and the training cases of the fold or of all folds.

    Args:
        splits: of the data set.
        folds: number of the fold, or "all"; or several that translate together.
        split: "test", "val", or None: test where there is any, else val.

    Raises:
        UserError: there are no test cases, or some of the folds were trained on the validation cases.
    """
    folds = [folds] if isinstance(folds, (int, str)) else folds
    chosen = split or (TEST if splits.test else VALIDATION)
    if chosen == TEST and not splits.test:
        raise UserError(f"{SPLITS_JSON} has no test cases", hint="pass --split val")
    if chosen == VALIDATION and "all" in folds:
        raise UserError("fold all was trained on the validation cases", hint="pass --split test")
    parts = {fold: splits.fold(fold) for fold in folds}
    cases = splits.test if chosen == TEST else _together(part.val for part in parts.values())
    for fold, part in parts.items():
        seen = [case for case in cases if case in part.train]
        if seen:
            raise UserError(
                f"folds {', '.join(map(str, folds))} must not have been trained on the cases",
                got=f"{seen[0]}, on which fold {fold} was trained",
                hint="pass --split test, or evaluate each fold by itself",
            )
    return chosen, cases, _together(part.train for part in parts.values())


def _together(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case for part in parts for case in part))


def _names(weights: Weights) -> dict[str, Any]:
    if weights.plain:
        return {"fold": weights.folds[0], "checkpoint": weights.kinds[0]}
    return {"fold": list(weights.folds), "checkpoint": list(weights.kinds), "tta": weights.tta}


def look_up(
    folder: Path,
    preprocessed: Path | None = None,
    output: Path | None = None,
    *,
    split: str | None = None,
    fold: Folds = None,
    checkpoint: Kinds = None,
    tta: bool = False,
    min_brain: float | None = None,
) -> EvaluationTask:
    """Return an evaluation of a model folder; nothing is written and no network is built.

    The arguments are those of `hifisyn.evaluation.of_model.evaluate_model`.

    Raises:
        UserError: model, data set or cases do not exist.
    """
    model = read_model(folder)
    weights = choose_weights(model, fold, checkpoint, tta)
    plans = Plans.load(plans_file(folder))
    dataset = Roots.resolve(preprocessed=preprocessed).preprocessed_dataset(plans.dataset)
    chosen, cases, training = choose_cases(Splits.of_dataset(dataset), weights.folds, split)
    return EvaluationTask(
        model=model,
        weights=weights,
        plans=plans,
        split=chosen,
        cases=cases,
        training=training,
        store=SliceStore(slices_folder(dataset, plans.name)),
        min_brain=plans.slices.min_brain if min_brain is None else min_brain,
        output=output or folder_of(model, weights, chosen),
    )


def folder_of(model: Model, weights: Weights, split: str) -> Path:
    """Return where an evaluation goes: of one fold, into its folder; of weights together, beside the folds."""
    if weights.plain:
        return weights.checkpoints[0].file.parent / f"evaluation_{split}"
    return model.folder / f"evaluation_{split}_{weights.key}"


def out_of_date(task: EvaluationTask) -> str:
    """Return why the evaluation has to be done, for people; empty where it is complete and of the same request."""
    if not task.once.file.is_file():
        return "not evaluated yet"
    try:
        changed = task.once.changed()
    except UserError:
        return "its summary is broken"
    if changed:
        return f"changed since: {', '.join(changed)}"
    missing = _missing(task.output)
    return f"lacks {missing}" if missing else ""


def _missing(output: Path) -> str:
    """Return what of the files of an evaluation does not exist, or nothing."""
    for name in (SLICES_CSV, SUBJECTS_CSV, REGIONS_CSV):
        if not (output / name).is_file():
            return name
    compared = read_frame(output / SUBJECTS_CSV, (DIRECTION, CASE), columns=[DIRECTION, CASE])
    for text, rows in compared.groupby(DIRECTION):
        direction = Direction.parse(str(text))
        lost = sorted(set(rows[CASE]) - set(synthetic_slices.cases(output, *direction)))
        if lost:
            return f"the synthetic {direction.target} of {lost[0]}"
    return ""
