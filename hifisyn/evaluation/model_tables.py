"""The tables of all models that were evaluated, one below the other, and what of them may be compared."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, DIRECTION, METHOD, MODEL, SLICE, SUBJECT
from hifisyn.evaluation import regions
from hifisyn.evaluation.case_measures import CASE_MEASURES
from hifisyn.evaluation.measures import MEASURES
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_list import Evaluated, evaluations, find
from hifisyn.evaluation.model_task import REGIONS_CSV, SLICES_CSV, SUBJECTS_CSV, TEST
from hifisyn.evaluation.untrained import is_untrained
from hifisyn.tables.read_frame import read_frame

DOMAINS, FOLD, SPLIT, FOLDER = "domains", "fold", "split", "folder"
TABLES = {"slices": SLICES_CSV, "subjects": SUBJECTS_CSV, "regions": REGIONS_CSV}

_NEEDED = {
    "slices": [DIRECTION, METHOD, CASE, SUBJECT, SLICE, "brain_pixels", *MEASURES],
    "subjects": [DIRECTION, METHOD, CASE, SUBJECT, "slices", *MEASURES, *CASE_MEASURES],
    "regions": [DIRECTION, METHOD, CASE, SUBJECT, regions.REGION, regions.PIXELS, *regions.MEASURES],
}


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

    In front stand `model` (`label`; what needs no training bears its own name), `domains` ("T1_T2"), `fold`, `split`
    and `folder` of the evaluation. Baselines and base model of a direction and split are in every evaluation; they are
    kept once a case, those of the first evaluation that has it. Evaluations of an earlier version, which lack columns,
    are left out: `hifisyn_evaluate` does them again. A model whose name another one of the same contrasts bears has its
    folder behind the name.
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
                parts[name].append(_with_names(table, one, called))
    return {name: _join(name, found) for name, found in parts.items()}


def comparable_groups(subjects: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a table "subjects" of one data set into groups that may be compared: same direction, same cases.

    Yields:
        What it is, such as "T1 to T2, test", and its rows. The folds share the test cases; each has validation cases
        of its own, so that those are split by fold, what needs no training with them.
    """
    for (direction, split), rows in subjects.groupby([DIRECTION, SPLIT], sort=False):
        if split == TEST:
            yield f"{direction}, {split}", rows
            continue
        untrained = is_untrained(rows[MODEL])
        for fold, own in rows[~untrained].groupby(FOLD, sort=False):
            beside = rows[untrained & rows[CASE].isin(set(own[CASE]))]
            yield f"{direction}, {split} of fold {fold}", pd.concat([beside, own], ignore_index=True)


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        return pd.DataFrame()
    return read_frame(file, (DIRECTION, METHOD, CASE, SUBJECT, regions.REGION))


def _with_names(table: pd.DataFrame, one: Evaluated, called: str) -> pd.DataFrame:
    name = np.where(is_untrained(table[METHOD]), table[METHOD], called)
    domains = "_".join(one.model.domains)
    front = {MODEL: name, DOMAINS: domains, FOLD: one.fold, SPLIT: one.split, FOLDER: str(one.folder)}
    return pd.concat([pd.DataFrame(front, index=table.index), table], axis=1)


def _join(name: str, found: list[pd.DataFrame]) -> pd.DataFrame:
    columns = [MODEL, DOMAINS, FOLD, SPLIT, FOLDER, *_NEEDED[name]]
    filled = [table for table in found if not table.empty]
    if not filled:
        return pd.DataFrame(columns=columns)
    joined = pd.concat(filled, ignore_index=True)[columns]
    first = joined.groupby([DIRECTION, SPLIT, METHOD, CASE])[FOLDER].transform("first")
    again = is_untrained(joined[METHOD]) & (joined[FOLDER] != first)
    return joined[~again].reset_index(drop=True)
