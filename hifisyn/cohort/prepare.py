"""From a raw data set to all that a training needs: verified, aligned, split, planned, cut, pictured.

Run again, it does what is missing or has changed, and nothing else. A shard does its subjects only, and plans nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hifisyn import paths
from hifisyn.cohort.failures import report, write_failures
from hifisyn.cohort.request import PreparedDataset, PrepareRequest
from hifisyn.cohort.verification import verified
from hifisyn.dataset import Dataset
from hifisyn.engine import ledger as ledgers
from hifisyn.engine.jobs import Failure
from hifisyn.engine.ledger import Ledger
from hifisyn.engine.lock import alone
from hifisyn.engine.partial_files import remove_partial_files
from hifisyn.engine.processes import Processes
from hifisyn.engine.subject import key
from hifisyn.engine.sweep import Engine
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json, write_text
from hifisyn.planning import planner, rules
from hifisyn.planning.choice import Choice
from hifisyn.planning.device import usable_here
from hifisyn.planning.fingerprint import input_digest, measure, summary
from hifisyn.planning.splits import Splits, check_splits, make_splits
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.run import ALIGN, align_dataset, cut_dataset
from hifisyn.quality import qc
from hifisyn.quality.drawing import PICTURE, draw_pictures
from hifisyn.slices import SliceStore

FACTS, PICTURES, LEDGER = "fingerprint", "pictures", ledgers.FOLDER


def plan_and_preprocess(
    raw: Path, folder: Path, request: PrepareRequest, say: Callable[[str], None] = print
) -> PreparedDataset:
    """Prepare a data set for training.

    Held-out cases are aligned, measured and cut, since evaluation needs them, but neither fingerprint nor plans see
    them.

    Args:
        raw: folder of the raw data set, with dataset.json.
        folder: of the preprocessed data set; made where it is not there.
        request: what the user asks for.
        say: takes each line of the report.

    Raises:
        UserError: no usable cases, plans or splits that do not fit, a wish that cannot be met, or another run at work.
    """
    whole = Dataset.load(raw)
    with at_work(folder, request) as engine:
        work = _Work(folder, request, engine, say)
        try:
            plans, splits = work.all_steps(raw, whole)
        except UserError:
            for line in report(work.failures):
                say(line)
            raise
        finally:
            if not request.shard:
                write_failures(folder, work.failures)
    first_fold = splits.first_fold(whole.all_cases) if splits else "fold0"
    return PreparedDataset(folder, plans, splits, first_fold, work.failures)


@contextmanager
def at_work(folder: Path, request: PrepareRequest) -> Iterator[Engine]:
    """Hold the data set's folder for this run, or for this shard of it, and yield what does its work."""
    writer = request.shard.name if request.shard else ledgers.WRITER
    with Ledger.opened(folder / LEDGER, writer) as ledger, Processes() as workers:
        if alone(folder / LEDGER):
            slices = paths.slices_folder(folder, request.plans_name)
            remove_partial_files(
                [folder, slices, *(folder / name for name in (LEDGER, paths.ALIGNED, FACTS, PICTURES))]
            )
        yield Engine(ledger, request.processes, request.cluster, request.retry_failed, workers)


def verify_only(raw: Path, folder: Path, request: PrepareRequest, say: Callable[[str], None] = print) -> list[Failure]:
    """Check the files of a data set, or of a shard of it, and return the cases that cannot be used."""
    whole = Dataset.load(raw)
    with at_work(folder, request) as engine:
        part = request.shard.part(whole) if request.shard else whole
        return verified(part, folder, engine, say, table_too=not request.shard)


class _Work:
    """The steps, each of which finds out whether it was done already."""

    def __init__(self, folder: Path, request: PrepareRequest, engine: Engine, say: Callable[[str], None]) -> None:
        self.folder, self.request, self.engine, self.say = folder, request, engine, say
        self.failures: list[Failure] = []

    def all_steps(self, raw: Path, whole: Dataset) -> tuple[Plans | None, Splits | None]:
        """Do what is missing or has changed; return the plans and the splits that hold then."""
        kept = self.kept_plans(whole)
        settings = rules.preprocessing(whole, self.request.preprocessing)
        if kept:
            settings = Choice(kept.preprocessing, "")
        aligned = AlignedStore(self.folder / paths.ALIGNED)
        dataset = self.verify(self.request.shard.part(whole) if self.request.shard else whole)
        dataset = self.align(dataset, aligned, settings.value)
        dataset = self.measure(dataset, aligned, settings.value)
        splits, plans = None, kept
        if not self.request.shard:
            _write_if_changed(self.folder / paths.DATASET_JSON, raw / paths.DATASET_JSON, private=whole.private)
            splits = self.split(whole, dataset)
            fingerprint = self.fingerprint(dataset, aligned, splits, settings.value)
            plans = kept or self.plan(fingerprint, settings.reason)
            for line in planner.warnings(plans, fingerprint):
                self.say(f"warning: {line}")
        if self.request.slices and plans:
            self.finish(whole, dataset, aligned, plans)
        return plans, splits

    def kept_plans(self, dataset: Dataset) -> Plans | None:
        """Return the plans that are there and shall stay, perhaps edited; none where they are to be made."""
        path = paths.plans_file(self.folder, self.request.plans_name)
        if self.request.overwrite or not path.exists():
            return None
        plans = Plans.load(path)
        planner.check(plans, dataset, str(path))
        if plans.method == self.request.method_name:
            plans = planner.complete(plans, self.request.method, str(path))
        self.say(
            f"plans: {path} is kept as it is, whatever is asked for; --overwrite plans anew, "
            "--plans-name NAME plans beside it"
        )
        return plans

    def verify(self, dataset: Dataset) -> Dataset:
        """Return the usable part of the data set."""
        failures = verified(dataset, self.folder, self.engine, self.say, table_too=not self.request.shard)
        dataset = self._without(dataset, failures)
        if not self.request.shard:
            _refuse_nothing(dataset, self.folder)
        return dataset

    def align(self, dataset: Dataset, store: AlignedStore, settings: PreprocessingPlan) -> Dataset:
        """Align the cases that are not aligned yet, or were with other files or settings; return those that are."""
        device = "cpu" if self.request.cluster else usable_here(self.request.device.kind)
        failures = align_dataset(dataset, store.folder, settings, device=device, engine=self.engine)
        self.say(f"aligned {len(dataset.all_cases) - len(failures)} cases in {store.folder}")
        return self._without(dataset, failures)

    def measure(self, dataset: Dataset, aligned: AlignedStore, settings: PreprocessingPlan) -> Dataset:
        """Measure the aligned cases, held-out ones too; return those that could be."""
        names = list(dataset.all_cases)
        return self._without(dataset, measure(dataset, aligned, names, settings, self.folder / FACTS, self.engine))

    def split(self, whole: Dataset, usable: Dataset) -> Splits:
        """Return the splits that are there if they fit, else make them."""
        path = self.folder / paths.SPLITS_JSON
        if path.exists():
            splits = Splits.load(path)
            check_splits(splits, whole.cases, whole.test, str(path))
            self.say(f"splits: {path} is kept; remove it to have it made anew")
        else:
            splits = make_splits(usable.cases, usable.test, seed=self.request.seed, hold_out=not whole.test)
            splits.save(path)
        everyone = usable.all_cases
        for line in splits.counts(everyone):
            self.say(f"  {line}")
        for line in splits.warnings(everyone):
            self.say(f"warning: {line}")
        return splits

    def fingerprint(
        self, dataset: Dataset, aligned: AlignedStore, splits: Splits, settings: PreprocessingPlan
    ) -> dict[str, Any]:
        """Return the fingerprint of the training cases, summed up anew where files, cases or settings changed."""
        path = self.folder / paths.FINGERPRINT_JSON
        names = sorted(set(splits.training_cases) & set(dataset.cases))
        _refuse_nothing(replace(dataset, cases={name: dataset.cases[name] for name in names}), self.folder)
        entries = {name: self.engine.ledger.entry(name, ALIGN) for name in names}
        keys = {name: key(entry.inputs, entry.config) for name, entry in entries.items() if entry}
        digest = input_digest(dataset, aligned, names, settings, keys)
        if path.exists():
            before: dict[str, Any] = read_json(path)
            if before.get("digest") == digest:
                return before
            self.say("fingerprint: the data, the splits or their preparation changed; measured anew")
        found = summary(dataset, names, settings, self.folder / FACTS, digest=digest)
        write_json(path, found)
        return found

    def plan(self, fingerprint: dict[str, Any], preprocessing_reason: str) -> Plans:
        """Plan, and write the plans."""
        request = self.request
        plans = planner.plan(
            fingerprint,
            request.device,
            request.method,
            method_name=request.method_name,
            name=request.plans_name,
            preset=request.preset,
            assignments=request.assignments,
            preprocessing_reason=preprocessing_reason,
        )
        plans.save(paths.plans_file(self.folder, request.plans_name))
        return plans

    def finish(self, whole: Dataset, dataset: Dataset, aligned: AlignedStore, plans: Plans) -> None:
        """Cut the slices of all cases, those of held-out ones too, draw the pictures and write the cohort's page."""
        store = SliceStore(paths.slices_folder(self.folder, self.request.plans_name))
        failures = cut_dataset(dataset, aligned, store, plans, engine=self.engine)
        self.say(f"cut slices of {len(dataset.all_cases) - len(failures)} cases in {store.folder}")
        self.failures += draw_pictures(self._without(dataset, failures), aligned, self.folder / PICTURES, self.engine)
        self.say(f"pictures of all cases in {self.folder / PICTURES}; look at them before training")
        sources = [*(self.folder / LEDGER).glob("*.jsonl"), self.folder / paths.DATASET_JSON]
        if not self.request.shard and _older(self.folder / qc.PAGE, sources):
            left_out = {failure.case: failure.reason for failure in self.failures if failure.step != PICTURE}
            page = qc.write_cohort_page(self.folder, whole, left_out, store)
            self.say(f"all cases on one page, those that stand out first: {page}")

    def _without(self, dataset: Dataset, failures: Sequence[Failure]) -> Dataset:
        """Note failures, and return the data set without their cases."""
        self.failures += failures
        names = {failure.case for failure in failures}
        return replace(
            dataset,
            cases={name: case for name, case in dataset.cases.items() if name not in names},
            test={name: case for name, case in dataset.test.items() if name not in names},
        )


def _refuse_nothing(dataset: Dataset, folder: Path) -> None:
    if not dataset.cases:
        raise UserError(
            f"data set {dataset.name}: wanted usable training cases, found none; see {folder / paths.VERIFICATION_CSV}"
        )


def _older(path: Path, sources: Sequence[Path]) -> bool:
    return not path.exists() or path.stat().st_mtime_ns < max(source.stat().st_mtime_ns for source in sources)


def _write_if_changed(path: Path, source: Path, *, private: bool) -> None:
    text = source.read_text(encoding="utf-8")
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text, private=private)
