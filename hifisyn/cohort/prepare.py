"""From a raw data set to all that a training needs: verified, aligned, split, planned, extracted slices, pictures.

Run again, it does what is missing or has changed, and nothing else. A shard does its subjects only, and plans nothing.
"""

import logging
from pathlib import Path

from hifisyn.cohort.case_steps import (
    align_cases,
    draw_cases,
    extract_slices,
    measure_cases,
    update_page,
    verify_cases,
)
from hifisyn.cohort.counted import asked_for, only, prepare_drawn
from hifisyn.cohort.failures import log_failures, write_failures
from hifisyn.cohort.plan_steps import existing_plans, fingerprint_cases, lesions_differ, make_plans, split_cases
from hifisyn.cohort.request import PreparedDataset, PrepareRequest
from hifisyn.cohort.run import Run
from hifisyn.cohort.verification import verify_files
from hifisyn.dataset import Dataset
from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.files import update_text
from hifisyn.participants import as_table
from hifisyn.paths import DATASET_JSON, PARTICIPANTS_TSV
from hifisyn.planning import planner, rules
from hifisyn.planning.choice import Choice
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans, PreprocessingPlan

log = logging.getLogger(__name__)


def plan_and_preprocess(raw: Path, folder: Path, request: PrepareRequest) -> PreparedDataset:
    """Prepare a data set for training.

    Held-out cases are aligned, measured and sliced, since evaluation needs them, but neither fingerprint nor plans see
    them.

    Args:
        raw: folder of the raw data set, with dataset.json.
        folder: of the preprocessed data set; created where it does not exist.
        request: what the user asks for.

    Raises:
        UserError: no usable cases, plans or splits that do not fit, a request that cannot be met, or another run holds
            the folder.
    """
    whole = Dataset.load(raw)
    with Run.opened(folder, request) as run:
        try:
            plans, splits = _prepare(run, raw, whole)
        except UserError:
            log_failures(run.failures)
            raise
        finally:
            if not request.shard:
                write_failures(folder, run.failures)
    first_fold = splits.first_fold(whole.all_cases) if splits else "fold0"
    return PreparedDataset(folder, plans, splits, first_fold, run.failures)


def verify_only(raw: Path, folder: Path, request: PrepareRequest) -> list[Failure]:
    """Check the files of a data set, or of a shard of it, and return the cases that cannot be used."""
    whole = Dataset.load(raw)
    with Run.opened(folder, request) as run:
        return verify_files(run.part(whole), folder, run.engine, write_table=not request.shard)


def _prepare(run: Run, raw: Path, whole: Dataset) -> tuple[Plans | None, Splits | None]:
    """Do all steps; return the plans and the splits that hold then."""
    plans = existing_plans(run, whole)
    settings = rules.preprocessing(whole, run.request.preprocessing)
    if plans:
        settings = Choice(plans.preprocessing, "")
    count = asked_for(run, whole)

    def prepare(part: Dataset) -> Dataset:
        aligned = align_cases(run, verify_cases(run, part), settings.value)
        return measure_cases(run, aligned, settings.value)

    dataset = prepare_drawn(run, whole, count, prepare)
    splits, lesions = None, ""
    if not run.request.shard:
        text = (raw / DATASET_JSON).read_text(encoding="utf-8")
        update_text(run.folder / DATASET_JSON, text, private=whole.private)
        _keep_sites(run.folder, whole)
        splits = split_cases(run, whole, dataset, count)
        lesions = lesions_differ(run, dataset, splits)
        plans = _plan(run, dataset, splits, plans, settings, lesions)
    if run.request.slices and plans:
        dataset = extract_slices(run, dataset, plans)
        draw_cases(run, dataset)
        if not run.request.shard:
            update_page(run, _used(whole, splits), lesions)
    return plans, splits


def _used(whole: Dataset, splits: Splits | None) -> Dataset:
    """Return the data set, of which a split by numbers uses only the cases that it names."""
    if splits is None or not splits.without_validation:
        return whole
    return only(whole, {*splits.training_cases, *splits.test})


def _keep_sites(folder: Path, whole: Dataset) -> None:
    """Write the sites of the subjects, which evaluation and report need, beside the copy of dataset.json."""
    if whole.sites:
        update_text(folder / PARTICIPANTS_TSV, as_table(whole.sites), private=whole.private)
    else:
        (folder / PARTICIPANTS_TSV).unlink(missing_ok=True)


def _plan(
    run: Run,
    dataset: Dataset,
    splits: Splits,
    existing: Plans | None,
    settings: Choice[PreprocessingPlan],
    lesions: str,
) -> Plans:
    """Return the plans that exist, else new ones; warn of what does not fit the data."""
    fingerprint = fingerprint_cases(run, dataset, splits, settings.value)
    plans = existing or make_plans(run, dataset, splits, fingerprint, settings.reason, lesions)
    for line in [*planner.warnings(plans, fingerprint), *([lesions] if lesions else [])]:
        log.warning(f"warning: {line}")
    return plans
