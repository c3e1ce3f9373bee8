"""The steps that the engine does case by case: verify, align, measure, extract slices, draw."""

import logging

from hifisyn.cohort.run import FACTS, LEDGER, PICTURES, Run
from hifisyn.cohort.verification import verify_files
from hifisyn.dataset import Dataset
from hifisyn.engine.digests import contents, stamp
from hifisyn.engine.once import Once
from hifisyn.paths import DATASET_JSON
from hifisyn.planning.device import usable_here
from hifisyn.planning.fingerprint import measure
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.dataset_steps import align_dataset, slice_dataset
from hifisyn.quality import qc
from hifisyn.quality.drawing import PICTURE, draw_pictures

PAGE_JSON = "qc.json"

log = logging.getLogger(__name__)


def verify_cases(run: Run, dataset: Dataset) -> Dataset:
    """Check all files, and return the cases that can be used.

    Raises:
        UserError: there are none; a shard may be without.
    """
    shard = run.request.shard is not None
    usable = run.without_failed(dataset, verify_files(dataset, run.folder, run.engine, write_table=not shard))
    if not shard:
        run.require_cases(usable)
    return usable


def align_cases(run: Run, dataset: Dataset, settings: PreprocessingPlan) -> Dataset:
    """Align the cases that are due, and return those that are aligned."""
    device = "cpu" if run.request.cluster else usable_here(run.request.device.kind)
    folder = run.aligned.folder
    failures = align_dataset(dataset, folder, settings, device=device, engine=run.engine)
    log.info(f"aligned {len(dataset.all_cases) - len(failures)} cases in {folder}")
    return run.without_failed(dataset, failures)


def measure_cases(run: Run, dataset: Dataset, settings: PreprocessingPlan) -> Dataset:
    """Measure the aligned cases, held-out ones too, and return those that could be measured."""
    names = list(dataset.all_cases)
    return run.without_failed(dataset, measure(dataset, run.aligned, names, settings, run.folder / FACTS, run.engine))


def extract_slices(run: Run, dataset: Dataset, plans: Plans) -> Dataset:
    """Extract the slices of all cases, held-out ones too, and return those that have slices."""
    failures = slice_dataset(dataset, run.aligned, run.slices, plans, engine=run.engine)
    log.info(f"extracted slices of {len(dataset.all_cases) - len(failures)} cases in {run.slices.folder}")
    return run.without_failed(dataset, failures)


def draw_cases(run: Run, dataset: Dataset) -> None:
    """Draw a picture of each case."""
    pictures = run.folder / PICTURES
    run.failures += draw_pictures(dataset, run.aligned, pictures, run.engine)
    log.info(f"pictures of all cases in {pictures}; look at them before training")


def update_page(run: Run, whole: Dataset, lesions: str) -> None:
    """Write the page of the whole cohort, where anything that it shows may have changed."""
    ledgers = {path.name: path for path in (run.folder / LEDGER).glob("*.jsonl")}
    dataset = contents({"dataset": run.folder / DATASET_JSON})
    asked = {"ledgers": stamp(ledgers), "dataset": dataset, "lesions": lesions}
    once = Once(run.folder / LEDGER, asked, PAGE_JSON)
    if once.holds and (run.folder / qc.PAGE).exists():
        return
    left_out = {failure.case: failure.reason for failure in run.failures if failure.step != PICTURE}
    once.begin()
    page = qc.write_cohort_page(run.folder, whole, left_out, run.slices, lesions)
    once.finish()
    log.info(f"all cases on one page, outliers first: {page}")
