"""`python -m benchmarks.own_cohort`: trains, measures, and prints tables."""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

import benchmarks.own_cohort as package
from benchmarks.base_model.cases import Case
from benchmarks.own_cohort import cohort, measures, tables
from benchmarks.own_cohort.trainings import Way, trained, with_two_subjects
from hifisyn.engine.progress import duration
from hifisyn.files import write_json
from hifisyn.json_files import read_object

BASE = "base, told"
ADAPTED, PAIRED = Way("Adapted"), ("length.epochs=10",)
FOLDS = {
    "Adapted": ADAPTED,
    "Adapted, label maps": Way("Adapted", maps=True),
    "Paired from base": Way("Paired", (*PAIRED, "length.iterations=10"), from_base=True),
    "Paired": Way("Paired", (*PAIRED, "length.iterations=30")),
}
PATIENTS = {
    "Adapted": ADAPTED,
    "Paired from base": Way("Paired", (*PAIRED, "length.iterations=10"), from_base=True),
}
SUBJECTS = {
    "Adapted": ADAPTED,
    "Paired": FOLDS["Paired"],
    "Paired from base": FOLDS["Paired from base"],
    "HiFiSyn": Way("HiFiSyn", seconds=100.0),
}
PICTURED = ("Adapted", BASE)


@dataclass(frozen=True)
class Experiment:
    """One split, and how it is trained on.

    Attributes:
        name: of its files.
        training: cases.
        held_out: cases.
        contrasts: sorted.
        ways: by name.
    """

    name: str
    training: list[Case]
    held_out: list[Case]
    contrasts: tuple[str, ...]
    ways: dict[str, Way]


def experiments(kind: str, folders: Sequence[Path]) -> Iterator[Experiment]:
    """Yield the splits of a kind."""
    if kind == "ms":
        cases = cohort.read_group(folders, cohort.MS)
        for patient in dict.fromkeys(case.patient for case in cases):
            for pair in combinations(("FLAIR", "T1", "T2"), 2):
                name = f"{patient}_{'_'.join(pair)}"
                yield Experiment(name, *cohort.patient_out(cases, patient), pair, PATIENTS)
        return
    cases = cohort.read_group(folders, cohort.GLIOMAS)
    pair = ("FLAIR", "T1")
    if kind == "folds":
        for number in range(cohort.FOLDS):
            yield Experiment(f"fold_{number}", *cohort.fold_of(cases, number), pair, FOLDS)
        return
    learnt_from = [case for case in cases if "_train_" in case.name]
    for count in cohort.CURVE:
        yield Experiment(f"subjects_{count:02d}", *cohort.drawn(learnt_from, count), pair, SUBJECTS)


def measure(experiment: Experiment, name: str, folder: Path, heads: Path | None) -> dict[str, object]:
    """Train one way and measure it, or the base model, on the held-out cases."""
    seconds, steps, epoch = 0.0, 0, 0
    if name == BASE:
        store = cohort.store_of(folder / "slices", experiment.training, experiment.contrasts, paired=False)
        answer = measures.by_base(store, experiment.training, cohort.LABELS)
    else:
        few = len({case.patient for case in experiment.training}) < 3
        with with_two_subjects() if few else nullcontext():
            found = trained(experiment.ways[name], folder, experiment.training, experiment.contrasts, heads)
        answer, seconds = measures.by_trainer(found.trainer), found.seconds
        steps, epoch = found.plans.length.total, found.epoch
    rows, pictures = [], {}
    for case in experiment.held_out:
        for source, target in (experiment.contrasts, experiment.contrasts[::-1]):
            numbers, made = measures.measured(answer, case, source, target)
            about = {"case": case.name, "patient": case.patient, "source": source, "target": target}
            rows.append(about | numbers)
            pictures[f"{case.name}_{target}"] = made.astype(np.float16)
    if name in PICTURED:
        np.savez_compressed(folder / "made.npz", **pictures)
    return {"seconds": round(seconds, 1), "steps": steps, "epoch": epoch, "rows": rows}


def run(kind: str, folders: Sequence[Path], out: Path, heads: Path | None) -> None:
    """Do what is not done; a file for each split and way."""
    todo = [(e, name) for e in experiments(kind, folders) for name in (BASE, *e.ways)]
    todo = [(e, n) for e, n in todo if heads or n == BASE or not e.ways[n].maps]
    order = {name: place for place, name in enumerate((BASE, *todo[0][0].ways))}
    for number, (experiment, name) in enumerate(sorted(todo, key=lambda pair: order[pair[1]]), 1):
        file = out / kind / f"{experiment.name}__{name.replace(', ', '_').replace(' ', '_')}.json"
        if file.exists():
            continue
        begun = time.monotonic()
        folder = out / kind / "trainings" / file.stem
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(experiment, name, folder, heads)
        write_json(file, {"split": experiment.name, "way": name, "training": len(experiment.training)} | found)
        logging.info(f"{kind}: {number} of {len(todo)}, {file.stem}, {duration(time.monotonic() - begun)}")


def main() -> int:
    """Run one part."""
    parser = argparse.ArgumentParser(description=package.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("folds", "ms", "curve", "tables"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--prepared", type=Path, nargs="+", default=[])
    parser.add_argument("--heads", type=Path, help="label maps, for Adapted with heads of them")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    if given.kind == "tables":
        found = {kind: [read_object(f) for f in sorted((given.output / kind).glob("*.json"))] for kind in tables.KINDS}
        print("\n\n".join(tables.written(found)))
        tables.draw(found["curve"], given.output / "curve.png")
    else:
        run(given.kind, given.prepared, given.output, given.heads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
