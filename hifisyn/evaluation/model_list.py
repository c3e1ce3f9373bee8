"""All trained models and all evaluations on the disk."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.evaluation.model_task import TEST, VALIDATION, EvaluationTask
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.inference.models import Model, read_model
from hifisyn.paths import CONFIG_JSON
from hifisyn.training.model_folder import PLANS_JSON


@dataclass(frozen=True)
class Evaluated:
    """An evaluation on the disk.

    Attributes:
        model: the model folder.
        fold: number of the fold, or "all"; of several the first.
        split: "test" or "val".
        folder: where the tables are.
        together: what translated, where it was more than one fold's weights: "folds 0, 1, 2, shifts".
    """

    model: Model
    fold: int | str
    split: str
    folder: Path
    together: str = ""

    @classmethod
    def of(cls, task: EvaluationTask) -> "Evaluated":
        """Return what is on the disk when a task is done."""
        return cls(task.model, task.checkpoint.fold, task.split, task.output, task.weights.together)


def find(
    results: Path, of_datasets: Collection[str] = (), folders: Sequence[Path] = ()
) -> tuple[list[Model], list[Failure]]:
    """Return the models that have weights, sorted by folder, and the folders that are broken.

    Args:
        results: root of the model folders.
        of_datasets: only models of these data sets; empty: of all.
        folders: only these model folders, wherever they lie; empty: all below `results`.
    """
    models, failures = [], []
    for folder in folders or sorted(file.parent for file in results.glob(f"*/*/*/{PLANS_JSON}")):
        if not folders and of_datasets and folder.parent.parent.name not in of_datasets:
            continue
        if not folders and not ((folder / CONFIG_JSON).is_file() and any(folder.glob("fold_*/checkpoint_*.pt"))):
            continue
        try:
            model = read_model(folder)
            model.checkpoint()
        except Exception as error:
            failures.append(Failure(str(folder), one_line(error)))
        else:
            models.append(model)
    return models, failures


def datasets(results: Path) -> list[str]:
    """Return the data sets that have a model folder, sorted."""
    return sorted({file.parents[2].name for file in results.glob(f"*/*/*/{PLANS_JSON}")})


def folds_of(model: Model) -> list[int | str]:
    """Return the folds that have weights, lowest first."""
    return list(dict.fromkeys(checkpoint.fold for checkpoint in model.checkpoints))


def evaluations(models: Iterable[Model]) -> Iterator[Evaluated]:
    """Yield the complete evaluations in the folders of models: those with a summary.json."""
    for model in models:
        for fold in folds_of(model):
            for split in (TEST, VALIDATION):
                folder = model.checkpoint(fold).file.parent / f"evaluation_{split}"
                if (folder / SUMMARY_JSON).is_file():
                    yield Evaluated(model, fold, split, folder)
