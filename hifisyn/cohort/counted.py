"""Prepares no more subjects of a cohort than a split by numbers asks for; who fails is replaced by the next drawn."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace

from hifisyn.cohort.run import Run
from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.paths import SPLITS_JSON
from hifisyn.planning.counted_split import CountedSplit, drawing_order
from hifisyn.planning.splits import Splits, first_names

Prepare = Callable[[Dataset], Dataset]

log = logging.getLogger(__name__)


def asked_for(run: Run, whole: Dataset) -> CountedSplit | None:
    """Return the split by numbers that the user asks for.

    Raises:
        UserError: it cannot be, or splits stand that are others.
    """
    if run.request.draw is None:
        return None
    count = CountedSplit.parse(run.request.draw, whole)
    path = run.folder / SPLITS_JSON
    if path.exists():
        there = Splits.load(path)
        numbers = f"{len(there.training_cases)}/{len(there.test)}"
        if not there.without_validation or numbers != str(count):
            how = f"{numbers} of its cases" if there.without_validation else "with validation cases"
            raise UserError(f"{path} must be split {count}", got=f"split {how}", hint="remove it to split again")
    return count


def prepare_drawn(run: Run, whole: Dataset, count: CountedSplit | None, prepare: Prepare) -> Dataset:
    """Prepare the cases that a split by numbers uses, or all where there is none.

    Args:
        run: whose folder may hold splits; the cases that they name count then.
        whole: the raw data set.
        count: the split that is asked for; none: nobody is drawn.
        prepare: takes cases of the data set, and returns those that it could prepare.

    Raises:
        UserError: too few subjects can be prepared.
    """
    path = run.folder / SPLITS_JSON
    if path.exists() and (splits := Splits.load(path)).without_validation:
        return prepare(run.part(only(whole, {*splits.training_cases, *splits.test})))
    if count is None:
        return prepare(run.part(whole))
    order = drawing_order(whole.cases, count.contrasts, run.request.seed)
    failed: set[str] = set()
    while True:
        drawn = [case.name for case in order if case.name not in failed][: count.total]
        count.require(len(drawn))
        part = run.part(only(whole, drawn))
        usable = prepare(part)
        lost = sorted(set(part.cases) - set(usable.cases))
        if not lost or run.request.shard:
            return usable
        failed.update(lost)
        log.warning(f"warning: the next subjects drawn replace {first_names(lost)}")


def only(dataset: Dataset, names: Collection[str]) -> Dataset:
    """Return the data set with the named cases alone."""
    kept = set(names)
    return replace(
        dataset,
        cases={name: case for name, case in dataset.cases.items() if name in kept},
        test={name: case for name, case in dataset.test.items() if name in kept},
    )
