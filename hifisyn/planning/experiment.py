"""From a raw data set to all that a training needs: verified, aligned, split, planned, cut, pictured.

Run again, it does what is missing or has changed, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hifisyn import paths
from hifisyn.dataset import Dataset
from hifisyn.engine.parallel import Failure, run_cases
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json, write_text
from hifisyn.planning import planner, rules
from hifisyn.planning.device import Device, usable_here
from hifisyn.planning.fingerprint import extract, input_digest
from hifisyn.planning.splits import Splits, check_splits, make_splits
from hifisyn.planning.verification import table, unusable, write_findings
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.picture import draw_case
from hifisyn.preprocessing.run import align_dataset, cut_dataset
from hifisyn.preprocessing.verify import verify
from hifisyn.slices import SliceStore

ALIGNED, FACTS, PICTURES = "aligned", "fingerprint", "pictures"


@dataclass(frozen=True)
class Wishes:
    """What the user asks for.

    Attributes:
        device: what the training may use.
        plans_name: name of the plans file; several plans may stand side by side.
        preset: see `planner.plan`.
        assignments: `key=value` texts that replace values of the plans.
        preprocessing: fields of PreprocessingPlan; what is none is chosen by rule.
        processes: cases at a time; none: as many as fit.
        seed: of the splits.
        overwrite: plan anew although there are plans.
        slices: cut slices and draw pictures; without, only align, split and plan.
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


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        folder: of the preprocessed data set.
        plans: those that hold now.
        splits: those that hold now.
        left_out: case to the reason why it was left out.
    """

    folder: Path
    plans: Plans
    splits: Splits
    left_out: dict[str, str]


def plan_and_preprocess(raw: Path, folder: Path, wishes: Wishes, say: Callable[[str], None] = print) -> Outcome:
    """Prepare a data set for training.

    Held-out cases are aligned and cut, since evaluation needs them, but neither fingerprint nor plans see them.

    Args:
        raw: folder of the raw data set, with dataset.json.
        folder: of the preprocessed data set; made where it is not there.
        wishes: what the user asks for.
        say: takes each line of the report.

    Raises:
        UserError: no usable cases, plans or splits that do not fit, or a wish that cannot be met.
    """
    work = _Work(folder, wishes, say)
    whole = Dataset.load(raw)
    kept = work.kept_plans(whole)
    settings = rules.preprocessing(whole, wishes.preprocessing)
    if kept:
        settings = rules.Choice(kept.preprocessing, "")
    dataset, left_out = verified(whole, folder, say, processes=wishes.processes)
    write_text(folder / paths.DATASET_JSON, (raw / paths.DATASET_JSON).read_text(encoding="utf-8"))
    aligned = work.align(dataset, settings.value)
    dataset = work.without_failures(dataset, left_out)
    splits = work.split(whole, dataset)
    fingerprint = work.fingerprint(dataset, aligned, splits, settings.value)
    plans = kept or work.plan(fingerprint, settings.reason)
    for line in planner.warnings(plans, fingerprint):
        say(f"warning: {line}")
    if wishes.slices:
        work.cut(dataset, aligned, plans)
        dataset = work.without_failures(dataset, left_out)
        work.draw(aligned, dataset)
    return Outcome(folder, plans, splits, left_out)


def verified(
    dataset: Dataset, folder: Path, say: Callable[[str], None] = print, *, processes: int | None = None
) -> tuple[Dataset, dict[str, str]]:
    """Check the files, write verification.csv, and return the usable part of the data set and what was left out."""
    findings = verify(dataset, processes=processes)
    path = folder / paths.VERIFICATION_CSV
    write_findings(path, findings)
    bad = unusable(findings)
    warned = sum(finding.severity == "warning" for finding in findings)
    say(f"verified {len(dataset.all_cases)} cases: {len(bad)} unusable, {warned} warnings; see {path}")
    for line in table(findings):
        say(f"  {line}")
    return _without(dataset, bad), bad


class _Work:
    """The steps, each of which finds out whether it was done already."""

    def __init__(self, folder: Path, wishes: Wishes, say: Callable[[str], None]) -> None:
        self.folder, self.wishes, self.say = folder, wishes, say
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

    def align(self, dataset: Dataset, settings: PreprocessingPlan) -> AlignedStore:
        """Align the cases that are not aligned yet, or were with other files or settings."""
        _refuse_nothing(dataset, self.folder)
        store = AlignedStore(self.folder / ALIGNED)
        device = usable_here(self.wishes.device.kind)
        self.failures = align_dataset(dataset, store.folder, settings, processes=self.wishes.processes, device=device)
        self.say(f"aligned {len(dataset.all_cases) - len(self.failures)} cases in {store.folder}")
        return store

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
        for line in splits.counts(usable.all_cases):
            self.say(f"  {line}")
        for line in splits.warnings(usable.all_cases):
            self.say(f"warning: {line}")
        return splits

    def fingerprint(
        self, dataset: Dataset, aligned: AlignedStore, splits: Splits, settings: PreprocessingPlan
    ) -> dict[str, Any]:
        """Return the fingerprint of the training cases, measured anew where files, cases or settings changed."""
        path = self.folder / paths.FINGERPRINT_JSON
        names = sorted(set(splits.training_cases) & set(dataset.cases))
        _refuse_nothing(replace(dataset, cases={name: dataset.cases[name] for name in names}), self.folder)
        digest = input_digest(dataset, aligned, names, settings)
        if path.exists():
            before: dict[str, Any] = read_json(path)
            if before.get("digest") == digest:
                return before
            self.say("fingerprint: the data, the splits or their preparation changed; measured anew")
        processes = self.wishes.processes
        found = extract(
            dataset, aligned, names, settings, digest=digest, facts=self.folder / FACTS, processes=processes
        )
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

    def cut(self, dataset: Dataset, aligned: AlignedStore, plans: Plans) -> None:
        """Cut the slices of all cases, those of held-out ones too, that are not cut yet or were by other plans."""
        store = SliceStore(paths.slices_folder(self.folder, self.wishes.plans_name))
        self.failures = cut_dataset(dataset, aligned, store, plans, processes=self.wishes.processes)
        self.say(f"cut slices of {len(dataset.all_cases) - len(self.failures)} cases in {store.folder}")

    def draw(self, aligned: AlignedStore, dataset: Dataset) -> None:
        """Draw each case that has no picture since it was aligned."""
        folder = self.folder / PICTURES
        jobs = {
            case: (aligned.folder, case, folder / f"{case}.png")
            for case in dataset.all_cases
            if _older(folder / f"{case}.png", aligned.folder / f"{case}.json")
        }
        for failure in run_cases(draw_aligned, jobs, processes=self.wishes.processes, title="pictures") if jobs else []:
            self.say(f"warning: no picture of {failure.case}: {failure.reason}")
        self.say(f"pictures of all cases in {folder}; look at them before training")

    def without_failures(self, dataset: Dataset, left_out: dict[str, str]) -> Dataset:
        """Return the data set without the cases that failed in the last step, which are added to `left_out`."""
        failed = {failure.case: failure.reason for failure in self.failures}
        left_out |= failed
        self.failures = []
        return _without(dataset, failed)


def draw_aligned(folder: Path, case: str, path: Path) -> None:
    """Draw the aligned case of `folder`."""
    aligned = AlignedStore(folder).read(case)
    title = f"{case}: brain {aligned.record.brain_ml:.0f} ml"
    draw_case(path, aligned.images, aligned.brain, aligned.label, title=title)


def _without(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
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


def _older(path: Path, than: Path) -> bool:
    return not path.exists() or (than.exists() and path.stat().st_mtime_ns < than.stat().st_mtime_ns)
