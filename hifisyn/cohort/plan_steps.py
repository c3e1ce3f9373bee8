"""The steps that look at a whole data set: existing plans, splits, fingerprint, plans."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hifisyn.cohort.request import SplitBy
from hifisyn.cohort.run import FACTS, Run
from hifisyn.dataset import Dataset
from hifisyn.engine.once import Once
from hifisyn.engine.subject import key
from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.paths import FINGERPRINT_JSON, SPLITS_JSON
from hifisyn.planning import planner
from hifisyn.planning.counted_split import CountedSplit, drawing_order
from hifisyn.planning.draw_splits import make_splits
from hifisyn.planning.fingerprint import input_digest, summary
from hifisyn.planning.prevalence import imbalance, prevalence
from hifisyn.planning.splits import Splits, check_splits
from hifisyn.planning.way import way as choose_way
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.dataset_steps import ALIGN

log = logging.getLogger(__name__)


def existing_plans(run: Run, dataset: Dataset) -> Plans | None:
    """Return the plans that exist, perhaps edited; None where planning has to write them.

    Raises:
        UserError: they do not fit the data set.
    """
    path = run.plans_file
    if run.request.overwrite or not path.exists():
        return None
    plans = Plans.load(path)
    planner.refuse_other_dataset(plans, dataset, str(path))
    if plans.method == run.request.method_name:
        plans = planner.complete(plans, run.request.method, str(path))
    log.info(f"plans: {path} is kept as it is; --overwrite plans again, --plans-name NAME adds another plan")
    return plans


def split_cases(run: Run, whole: Dataset, usable: Dataset, count: CountedSplit | None) -> Splits:
    """Return the splits that exist, perhaps edited; make them where there are none, by numbers where there is a count.

    Raises:
        UserError: they do not fit the data set, or were split otherwise than is asked for.
    """
    path, asked = run.folder / SPLITS_JSON, run.request.split_by
    sites = whole.sites if asked == "site" else None
    if path.exists():
        splits = Splits.load(path)
        check_splits(splits, whole.cases, whole.test, str(path), whole.sites)
        _refuse_other_split(splits, asked, str(path))
        log.info(f"splits: {path} is kept; remove it to split again")
    elif count:
        order = drawing_order(whole.cases, count.contrasts, run.request.seed)
        splits = count.splits([case for case in order if case.name in usable.cases])
        splits.save(path)
    else:
        splits = make_splits(usable.cases, usable.test, seed=run.request.seed, hold_out=not whole.test, sites=sites)
        splits.save(path)
    for line in splits.counts(usable.all_cases):
        log.info(f"  {line}")
    for line in splits.warnings(usable.all_cases):
        log.warning(f"warning: {line}")
    return splits


def _refuse_other_split(splits: Splits, asked: SplitBy | None, origin: str) -> None:
    there = "numbers" if splits.without_validation else "site" if splits.sites_left_out else "subject"
    if asked and asked != there:
        raise UserError(
            f"{origin} must be split by {asked}",
            got=f"split by {there}",
            hint="remove it to split again",
        )


def fingerprint_cases(run: Run, dataset: Dataset, splits: Splits, settings: PreprocessingPlan) -> dict[str, Any]:
    """Return the fingerprint of the training cases, summed up again where files, cases or settings changed.

    Raises:
        UserError: no training case is usable.
    """
    names = sorted(set(splits.training_cases) & set(dataset.cases))
    run.require_cases(replace(dataset, cases={name: dataset.cases[name] for name in names}))
    entries = {name: run.engine.ledger.entry(name, ALIGN) for name in names}
    keys = {name: key(entry.inputs, entry.config) for name, entry in entries.items() if entry}
    digest = input_digest(dataset, run.aligned, names, settings, keys)
    once = Once(run.folder, {"digest": digest}, FINGERPRINT_JSON, flat=True)
    if once.holds:
        return once.read()
    if once.file.exists():
        log.info("fingerprint: the data, the splits or their preparation changed; measuring again")
    once.finish(summary(dataset, names, settings, run.folder / FACTS, digest=digest))
    return once.read()


def lesions_differ(run: Run, dataset: Dataset, splits: Splits) -> str:
    """Return a line where lesions differ between the training subjects of two contrasts; "" where they do not.

    Cases without a given label map do not count, unless lesions were drawn into theirs by hand.
    """
    if not dataset.lesions:
        return ""
    volumes: dict[str, float] = {}
    subjects: dict[str, set[str]] = {contrast: set() for contrast in dataset.modalities}
    for case in (dataset.cases[name] for name in splits.training_cases if name in dataset.cases):
        measured = read_object(run.folder / FACTS / f"{case.name}.json")["facts"]["labels_ml"]
        ml = sum(measured.get(name, 0.0) for name in dataset.lesions)
        if case.label is not None or ml > 0:
            volumes[case.subject] = max(ml, volumes.get(case.subject, 0.0))
        for contrast in case.images:
            subjects[contrast].add(case.subject)
    return imbalance(prevalence(volumes, subjects))


def make_plans(
    run: Run, dataset: Dataset, splits: Splits, fingerprint: dict[str, Any], preprocessing_reason: str, lesions: str
) -> Plans:
    """Plan, and write the plans."""
    request = run.request
    subjects = training_subjects(dataset, splits, dataset.modalities[:2])
    way = choose_way(subjects, request.base_sources, request.base_targets)
    plans = planner.plan(
        fingerprint,
        request.device,
        request.method,
        method_name=request.method_name,
        name=request.plans_name,
        preset=request.preset,
        length_of=request.length_of,
        assignments=request.assignments,
        preprocessing_reason=preprocessing_reason,
        way=way if request.base_targets else None,
        lesions=lesions,
    )
    plans.save(run.plans_file)
    return plans


def training_subjects(dataset: Dataset, splits: Splits, contrasts: Sequence[str]) -> dict[str, int]:
    """Return how many subjects of the folds have each contrast."""
    cases = [dataset.cases[name] for name in splits.training_cases if name in dataset.cases]
    return {one: len({case.subject for case in cases if one in case.images}) for one in contrasts}
