"""The facts of a report: all results of a data set on disk, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from hifisyn.columns import SLICE, SUBJECT
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.errors import UserError
from hifisyn.evaluation.adapted_rows import competes
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_list import find, folds_of
from hifisyn.evaluation.model_tables import read_tables
from hifisyn.inference.models import Model
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON, METRICS_CSV, SPLITS_JSON, Roots, fold_folder
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.report.collect_data import Data, read_data
from hifisyn.report.collect_tasks import Ablation, Downstream, read_ablations, read_csv, read_downstream

SPLITS = ("test", "val")


@dataclass(frozen=True)
class TrainedFold:
    """One fold of one model.

    Attributes:
        label: name of the model in every table.
        model: its folder and contrasts.
        fold: number or "all".
        config: config.json of the model, updated by that of the fold.
        plans: by which it was trained.
        rows: metrics.csv, one row an epoch; empty where there is none.
        evaluation: summary.json of the evaluation on the split of the report; empty where there is none.
    """

    label: str
    model: Model
    fold: int | str
    config: dict[str, Any]
    plans: Plans
    rows: pd.DataFrame
    evaluation: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Folder of the fold."""
        return fold_folder(self.model.folder, self.fold)

    @property
    def title(self) -> str:
        """Label, contrasts where the label does not name them, and fold, as in "Toy (T1 and T2, fold 0)"."""
        contrasts = f"{self.model.contrasts}, " if len(self.model.domains) == 2 else ""
        return f"{self.label} ({contrasts}fold {self.fold})"

    @property
    def epochs(self) -> int:
        """Epochs that were run."""
        return len(self.rows)

    @property
    def seconds(self) -> float:
        """Time of all epochs together, validation included."""
        return float(self.rows["seconds"].sum()) if "seconds" in self.rows else 0.0

    @property
    def chosen_by(self) -> str:
        """What chose the best weights, a value of `ChosenBy`; "" where the training did not write it."""
        return str(self.config.get("best_chosen_by", ""))

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the evaluation: weights, checkpoint, data range and so on."""
        return {**(self.evaluation.get("asked") or {}), **(self.evaluation.get("settings") or {})}


@dataclass(frozen=True)
class Facts:
    """All that a report shows.

    Attributes:
        name: of the data set.
        split: test or val, that the numbers are of.
        data: the data set.
        trainings: one a fold of a model.
        tables: "slices", "subjects", "regions" of all evaluations on the split; columns model, domains, fold first.
        downstream: results of tasks on the split.
        ablations: of the data set.
        reference: label of the model that the others are tested against; none without models.
        roots: where everything lies.
        unit: "subject", or "slice" where image quality is tested as in the paper.
    """

    name: str
    split: str
    data: Data
    trainings: tuple[TrainedFold, ...]
    tables: Mapping[str, pd.DataFrame]
    downstream: tuple[Downstream, ...]
    ablations: tuple[Ablation, ...]
    reference: str | None
    roots: Roots
    unit: str = SUBJECT

    @cached_property
    def labels(self) -> list[str]:
        """Labels of the models, the reference first."""
        labels = list(dict.fromkeys(training.label for training in self.trainings))
        return sorted(labels, key=lambda label: label != self.reference)

    @property
    def evaluated(self) -> pd.DataFrame:
        """One row for each model or baseline, direction and case; empty where nothing was evaluated."""
        return self.tables.get("subjects", pd.DataFrame())

    @property
    def tested(self) -> pd.DataFrame:
        """The rows that image quality is tested on: one for each case, or for each slice."""
        return self.tables.get("slices" if self.unit == SLICE else "subjects", pd.DataFrame())

    def downstream_of(self, task: DownstreamTask) -> list[Downstream]:
        """Return the downstream results of one task."""
        return [entry for entry in self.downstream if entry.task == task]


def collect(
    name: str, roots: Roots, *, split: str | None = None, reference: str | None = None, unit: str = SUBJECT
) -> Facts:
    """Read all facts of a data set.

    Args:
        name: of the data set.
        roots: where the preprocessed data sets and the results are.
        split: test or val; none: that of evaluations, test before val; without any, test where cases are held out.
        reference: label of the model to test against; none: the first HiFiSyn, else the first model.
        unit: of the tests of image quality: "subject", or "slice" as in the paper.

    Raises:
        UserError: there is neither the data set nor a model of it, a file is broken, or no model has the label.
    """
    results, preprocessed = roots.results / name, roots.preprocessed / name
    models = find(roots.results, [name])[0]
    if not models and not preprocessed.is_dir():
        raise UserError(
            f"data set {name} exists neither in {roots.preprocessed} nor in {roots.results}",
            hint="name other folders with --preprocessed and --results",
        )
    places = [(model, fold) for model in models for fold in folds_of(model)]
    split = split or next(
        (s for s in SPLITS if any(_holds(fold_folder(m.folder, f), s) for m, f in places)), _held_out(preprocessed)
    )
    trainings = tuple(_training(label(model, fold), model, fold, split) for model, fold in places)
    tasks = [entry for training in trainings for entry in read_downstream(training.label, training.folder, split)]
    data = read_data(preprocessed, models[0].folder if models else None, [m.plans.name for m in trainings])
    return Facts(
        name=name,
        split=split,
        data=data,
        trainings=trainings,
        tables=_of_split(read_tables(roots.results, name), split) if trainings else {},
        downstream=tuple(tasks),
        ablations=tuple(read_ablations(results)),
        reference=_reference(trainings, reference),
        roots=roots,
        unit=unit,
    )


def _held_out(preprocessed: Path) -> str:
    """Return the split to evaluate next: test, or val where no case is held out."""
    splits = preprocessed / SPLITS_JSON
    return "val" if splits.is_file() and not Splits.of_dataset(preprocessed).test else "test"


def _holds(folder: Path, split: str) -> bool:
    return any(folder.glob(f"evaluation_{split}/subjects.csv")) or any(folder.glob(f"downstream_{split}/*/*/*.csv"))


def _training(label: str, model: Model, fold: int | str, split: str) -> TrainedFold:
    folder = fold_folder(model.folder, fold)
    config = read_object(model.folder / CONFIG_JSON)
    if (folder / CONFIG_JSON).is_file():
        config |= read_object(folder / CONFIG_JSON)
    summary = folder / f"evaluation_{split}" / "summary.json"
    rows = read_csv(folder / METRICS_CSV)
    return TrainedFold(
        label,
        model,
        fold,
        config,
        Plans.load(model.folder / "plans.json"),
        pd.DataFrame() if rows is None else rows,
        read_object(summary) if summary.is_file() else {},
    )


def _of_split(tables: Mapping[str, pd.DataFrame], split: str) -> dict[str, pd.DataFrame]:
    return {name: table[table["split"] == split] for name, table in tables.items() if not table.empty}


def _reference(trainings: tuple[TrainedFold, ...], requested: str | None) -> str | None:
    labels = [training.label for training in trainings]
    if requested is not None and requested not in labels:
        hint = f"choose one of {', '.join(dict.fromkeys(labels))}" if labels else "train a model with hifisyn_train"
        raise UserError("--reference must be a trained model", got=requested, hint=hint)
    ours = [training.label for training in trainings if training.model.method == "HiFiSyn"]
    ranked = [label for label in labels if competes(label)]
    return requested or next(iter([*ours, *ranked, *labels]), None)
