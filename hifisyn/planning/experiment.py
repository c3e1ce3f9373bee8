"""From a raw data set to all that a training needs: verified, aligned, split, planned, cut, pictured.

Run again, it does what is missing or has changed, and nothing else. A shard does its subjects only, and plans nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hifisyn import paths
from hifisyn.dataset import Dataset
from hifisyn.engine import ledger as ledgers
from hifisyn.engine.jobs import Executor, Failure
from hifisyn.engine.ledger import FAILED, Ledger
from hifisyn.engine.litter import remove_litter
from hifisyn.engine.lock import alone
from hifisyn.engine.processes import Processes
from hifisyn.engine.shard import Shard
from hifisyn.engine.subject import key
from hifisyn.engine.sweep import Engine
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json, write_text
from hifisyn.planning import planner, qc, rules
from hifisyn.planning.device import Device, usable_here
from hifisyn.planning.drawing import PICTURE, draw
from hifisyn.planning.failures import write_failures
from hifisyn.planning.fingerprint import input_digest, measure, summary
from hifisyn.planning.splits import Splits, check_splits, make_splits
from hifisyn.planning.verification import shortened, table, unusable, write_findings
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.run import ALIGN, align_dataset, cut_dataset
from hifisyn.preprocessing.verify import STEP as VERIFY
from hifisyn.preprocessing.verify import verify
from hifisyn.slices import SliceStore

ALIGNED, FACTS, PICTURES, LEDGER = "aligned", "fingerprint", "pictures", ledgers.FOLDER


@dataclass(frozen=True)
class Wishes:
    """What the user asks for.

    Attributes:
        device: what the training may use.
        plans_name: name of the plans file; several plans may stand side by side.
        preset: see `planner.plan`.
        assignments: `key=value` texts that replace values of the plans.
        preprocessing: fields of PreprocessingPlan; what is none is chosen by rule.
        processes: subjects at a time; none: as many as fit.
        seed: of the splits.
        overwrite: plan anew although there are plans.
        slices: cut slices and draw pictures; without, only align, split and plan.
        shard: do the subjects of this part of the cohort only, and plan nothing.
        retry_failed: try again what failed before with the same files and settings.
        cluster: does the subjects' work elsewhere; none: on this machine.
    """

    device: Device
    plans_name: str = "plans"
    preset: planner.Preset = "recommended"
    assignments: Sequence[str] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    processes: int | None = None
    seed: int = 0
    overwrite: bool = False
    slices: bool = True
    shard: Shard | None = None
    retry_failed: bool = False
    cluster: Executor | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        folder: of the preprocessed data set.
        plans: those that hold now; none after a shard where none are made yet.
        splits: those that hold now; none after a shard.
        failures: what went wrong, step by step; a case is left out, but for pictures.
    """

    folder: Path
    plans: Plans | None
    splits: Splits | None
    failures: list[Failure]


def plan_and_preprocess(raw: Path, folder: Path, wishes: Wishes, say: Callable[[str], None] = print) -> Outcome:
    """Prepare a data set for training.

    Held-out cases are aligned, measured and cut, since evaluation needs them, but neither fingerprint nor plans see
    them.

    Args:
        raw: folder of the raw data set, with dataset.json.
        folder: of the preprocessed data set; made where it is not there.
        wishes: what the user asks for.
        say: takes each line of the report.

    Raises:
        UserError: no usable cases, plans or splits that do not fit, a wish that cannot be met, or another run at work.
    """
    whole = Dataset.load(raw)
    with at_work(folder, wishes) as engine:
        work = _Work(folder, wishes, engine, say)
        kept = work.kept_plans(whole)
        settings = rules.preprocessing(whole, wishes.preprocessing)
        if kept:
            settings = rules.Choice(kept.preprocessing, "")
        dataset = work.verify(wishes.shard.part(whole) if wishes.shard else whole)
        aligned = AlignedStore(folder / ALIGNED)
        dataset = work.measure(work.align(dataset, aligned, settings.value), aligned, settings.value)
        splits, plans = None, kept
        if not wishes.shard:
            _write_if_changed(folder / paths.DATASET_JSON, raw / paths.DATASET_JSON, private=whole.private)
            splits = work.split(whole, dataset)
            fingerprint = work.fingerprint(dataset, aligned, splits, settings.value)
            plans = kept or work.plan(fingerprint, settings.reason)
            for line in planner.warnings(plans, fingerprint):
                say(f"warning: {line}")
        if wishes.slices and plans:
            work.finish(whole, dataset, aligned, plans)
        if not wishes.shard:
            write_failures(folder, work.failures)
    return Outcome(folder, plans, splits, work.failures)


@contextmanager
def at_work(folder: Path, wishes: Wishes) -> Iterator[Engine]:
    """Hold the data set's folder for this run, or for this shard of it, and yield what does its work."""
    writer = wishes.shard.name if wishes.shard else ledgers.WRITER
    with Ledger.opened(folder / LEDGER, writer) as ledger, Processes() as workers:
        if alone(folder / LEDGER):
            slices = paths.slices_folder(folder, wishes.plans_name)
            remove_litter([folder, slices, *(folder / name for name in (LEDGER, ALIGNED, FACTS, PICTURES))])
        yield Engine(ledger, wishes.processes, wishes.cluster, wishes.retry_failed, workers)


def verify_only(raw: Path, folder: Path, wishes: Wishes, say: Callable[[str], None] = print) -> list[Failure]:
    """Check the files of a data set, or of a shard of it, and return the cases that cannot be used."""
    whole = Dataset.load(raw)
    with at_work(folder, wishes) as engine:
        part = wishes.shard.part(whole) if wishes.shard else whole
        return verified(part, folder, engine, say, table_too=not wishes.shard)


def verified(
    dataset: Dataset, folder: Path, engine: Engine, say: Callable[[str], None] = print, *, table_too: bool = True
) -> list[Failure]:
    """Check the files, write verification.csv, and return the cases that cannot be used.

    Args:
        dataset: raw.
        folder: of the preprocessed data set.
        engine: what does the work.
        say: takes each line of the report.
        table_too: write the table; without, as for a shard, it is only shown.
    """
    before = {entry.case: entry.when for entry in engine.ledger.entries(VERIFY) if entry.state == FAILED}
    findings = verify(dataset, engine=engine)
    path = folder / paths.VERIFICATION_CSV
    if table_too:
        write_findings(path, findings)
    bad = unusable(findings)
    warned = sum(finding.severity == "warning" for finding in findings)
    where = f"; see {path}" if table_too else ""
    say(f"verified {len(dataset.all_cases)} cases: {len(bad)} unusable, {warned} warnings{where}")
    for line in shortened(table(findings)):
        say(f"  {line}")
    now = {case: engine.ledger.entry(case, VERIFY) for case in bad}
    known = {case for case, entry in now.items() if entry and entry.when == before.get(case)}
    return [Failure(case, reason, VERIFY, case in known) for case, reason in bad.items()]


class _Work:
    """The steps, each of which finds out whether it was done already."""

    def __init__(self, folder: Path, wishes: Wishes, engine: Engine, say: Callable[[str], None]) -> None:
        self.folder, self.wishes, self.engine, self.say = folder, wishes, engine, say
        self.failures: list[Failure] = []

    def kept_plans(self, dataset: Dataset) -> Plans | None:
        """Return the plans that are there and shall stay, perhaps edited; none where they are to be made."""
        path = paths.plans_file(self.folder, self.wishes.plans_name)
        if self.wishes.overwrite or not path.exists():
            return None
        plans = Plans.load(path)
        planner.check(plans, dataset, str(path))
        self.say(
            f"plans: {path} is kept as it is, whatever is asked for; --overwrite plans anew, "
            "--plans-name NAME plans beside it"
        )
        return plans

    def verify(self, dataset: Dataset) -> Dataset:
        """Return the usable part of the data set."""
        failures = verified(dataset, self.folder, self.engine, self.say, table_too=not self.wishes.shard)
        dataset = self._without(dataset, failures)
        if not self.wishes.shard:
            _refuse_nothing(dataset, self.folder)
        return dataset

    def align(self, dataset: Dataset, store: AlignedStore, settings: PreprocessingPlan) -> Dataset:
        """Align the cases that are not aligned yet, or were with other files or settings; return those that are."""
        device = "cpu" if self.wishes.cluster else usable_here(self.wishes.device.kind)
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
            splits = make_splits(usable.cases, usable.test, seed=self.wishes.seed, hold_out=not whole.test)
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
        wishes = self.wishes
        plans = planner.plan(
            fingerprint,
            wishes.device,
            name=wishes.plans_name,
            preset=wishes.preset,
            assignments=wishes.assignments,
            preprocessing_reason=preprocessing_reason,
        )
        plans.save(paths.plans_file(self.folder, wishes.plans_name))
        return plans

    def finish(self, whole: Dataset, dataset: Dataset, aligned: AlignedStore, plans: Plans) -> None:
        """Cut the slices of all cases, those of held-out ones too, draw the pictures and write the cohort's page."""
        store = SliceStore(paths.slices_folder(self.folder, self.wishes.plans_name))
        failures = cut_dataset(dataset, aligned, store, plans, engine=self.engine)
        self.say(f"cut slices of {len(dataset.all_cases) - len(failures)} cases in {store.folder}")
        self.failures += draw(self._without(dataset, failures), aligned, self.folder / PICTURES, self.engine)
        self.say(f"pictures of all cases in {self.folder / PICTURES}; look at them before training")
        if not self.wishes.shard and (self.engine.ledger.recorded or not (self.folder / qc.PAGE).exists()):
            left_out = {failure.case: failure.reason for failure in self.failures if failure.step != PICTURE}
            page = qc.write(self.folder, whole, left_out, store)
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


def _write_if_changed(path: Path, source: Path, *, private: bool) -> None:
    text = source.read_text(encoding="utf-8")
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text, private=private)
