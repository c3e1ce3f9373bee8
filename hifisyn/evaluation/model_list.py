"""All trained models: which there are, what they are called in tables, and the tables of all that were evaluated."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.evaluation import baselines, regions
from hifisyn.evaluation.against_baselines import DIRECTION, METHOD, SUBJECT
from hifisyn.evaluation.measures import CASE, MEASURES, SLICE
from hifisyn.evaluation.model_task import REGIONS_CSV, SLICES_CSV, SUBJECTS_CSV, TEST, VALIDATION
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.files import read_json
from hifisyn.inference.models import Model, read_model
from hifisyn.paths import CONFIG_JSON
from hifisyn.training.model_folder import PLANS_JSON

RIVALS = (baselines.SOURCE, baselines.HISTOGRAM, baselines.CONSTANT, baselines.LOOK_UP)
MODEL, DOMAINS, FOLD, SPLIT, FOLDER = "model", "domains", "fold", "split", "folder"
TABLES = {"slices": SLICES_CSV, "subjects": SUBJECTS_CSV, "regions": REGIONS_CSV}
DEFAULT_PLANS = "plans"
LOSSES = ("pgd", "sgd", "ggd")

_NEEDED = {
    "slices": [DIRECTION, METHOD, CASE, SUBJECT, SLICE, "brain_pixels", *MEASURES],
    "subjects": [DIRECTION, METHOD, CASE, SUBJECT, "slices", *MEASURES],
    "regions": [DIRECTION, METHOD, CASE, SUBJECT, regions.REGION, regions.PIXELS, *regions.MEASURES],
}


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
        config = read_json(model.folder / CONFIG_JSON).get("changed", {})
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


def evaluations(models: Iterable[Model]) -> Iterator[Evaluated]:
    """Yield the evaluations that models have in their folders; one without summary.json is not complete, so not one."""
    for model in models:
        for fold in folds_of(model):
            for split in (TEST, VALIDATION):
                folder = model.checkpoint(fold).file.parent / f"evaluation_{split}"
                if (folder / SUMMARY_JSON).is_file():
                    yield Evaluated(model, fold, split, folder)


def read_tables(results: Path, dataset: str) -> dict[str, pd.DataFrame]:
    """Return the tables of all evaluated models of a data set.

    Args:
        results: root of the model folders.
        dataset: name of the data set.

    Returns:
        See `tables`. Empty tables where nothing was evaluated.
    """
    return tables(evaluations(find(results, [dataset])[0]))


def tables(evaluated: Iterable[Evaluated]) -> dict[str, pd.DataFrame]:
    """Return "slices", "subjects" and "regions" of several evaluations, one below the other.

    In front stand `model` (`label`; a rival's own name), `domains` ("T1_T2"), `fold`, `split` and `folder` of the
    evaluation. The rivals of a direction and split are in every evaluation; they are kept once a case, those of the
    first evaluation that has it. Evaluations of an earlier version, which lack columns, are left out:
    `hifisyn_evaluate` does them again. A model whose name another one of the same contrasts bears has its folder behind
    the name.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    bearers: dict[tuple[str, tuple[str, ...], str], Path] = {}
    for one in evaluated:
        called = label(one.model, one.fold, one.together)
        if bearers.setdefault((one.model.dataset, one.model.domains, called), one.model.folder) != one.model.folder:
            called = f"{called} [{one.model.folder}]"
        read = {name: _read(one.folder / file) for name, file in TABLES.items()}
        if all(set(_NEEDED[name]) <= set(table.columns) for name, table in read.items()):
            for name, table in read.items():
                parts[name].append(_named(table, one, called))
    return {name: _joined(name, found) for name, found in parts.items()}


def comparable(subjects: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Part a table "subjects" of one data set into what may stand in one table: same direction, same cases.

    Yields:
        What it is, such as "T1 to T2, test", and its rows. The folds share the test cases; each has validation cases
        of its own, so that those are parted by fold, the rivals with them.
    """
    for (direction, split), rows in subjects.groupby([DIRECTION, SPLIT], sort=False):
        if split == TEST:
            yield f"{direction}, {split}", rows
            continue
        rival = rows[MODEL].isin(RIVALS)
        for fold, own in rows[~rival].groupby(FOLD, sort=False):
            beside = rows[rival & rows[CASE].isin(set(own[CASE]))]
            yield f"{direction}, {split} of fold {fold}", pd.concat([beside, own], ignore_index=True)


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        return pd.DataFrame()
    # Cases may be called 001, or NA.
    text = dict.fromkeys((DIRECTION, METHOD, CASE, SUBJECT, regions.REGION), str)
    return pd.read_csv(file, dtype=text, keep_default_na=False, na_values=[""])


def _named(table: pd.DataFrame, one: Evaluated, called: str) -> pd.DataFrame:
    name = np.where(table[METHOD].isin(RIVALS), table[METHOD], called)
    domains = "_".join(one.model.domains)
    front = {MODEL: name, DOMAINS: domains, FOLD: one.fold, SPLIT: one.split, FOLDER: str(one.folder)}
    return pd.concat([pd.DataFrame(front, index=table.index), table], axis=1)


def _joined(name: str, found: list[pd.DataFrame]) -> pd.DataFrame:
    columns = [MODEL, DOMAINS, FOLD, SPLIT, FOLDER, *_NEEDED[name]]
    filled = [table for table in found if not table.empty]
    if not filled:
        return pd.DataFrame(columns=columns)
    joined = pd.concat(filled, ignore_index=True)[columns]
    first = joined.groupby([DIRECTION, SPLIT, METHOD, CASE])[FOLDER].transform("first")
    again = joined[METHOD].isin(RIVALS) & (joined[FOLDER] != first)
    return joined[~again].reset_index(drop=True)
