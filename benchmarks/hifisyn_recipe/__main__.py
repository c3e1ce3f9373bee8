"""Screens what may make HiFi-Syn better: one short training a candidate, on real gliomas, one row each.

usage: python -m benchmarks.hifisyn_recipe SLICES -o OUT [--pretrained FILE] [--heads FOLDER] [--candidates NAME ...]

SLICES are of `benchmarks/base_model/prepare.py`. 22 patients are trained on, unpaired, six choose; what is chosen is to
be reported on others. A candidate is a row of `hifisyn_ablation --rows additions`, or several joined by +; with
`pretrained` among them it starts from the file. One seed and few steps: small differences say nothing. Whatever was
trained is not trained again, and a stopped training goes on. s/step is processor time, validation counted.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from benchmarks.hifisyn_recipe.candidates import FRESH, STARTED, assignments, starts
from benchmarks.hifisyn_recipe.cohort import CONTRASTS, Cohort, read_cohort
from benchmarks.hifisyn_recipe.measure import measure
from hifisyn.directions import directions
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.planner import complete
from hifisyn.simulation.label_maps import find_maps
from hifisyn.training import checkpoint
from hifisyn.training.job import Job, Options
from hifisyn.training.loop import train
from hifisyn.training.pretrained import Pretrained, adopt_sizes, find_checkpoint

RESULT = "result.json"
DIRECTIONS = directions(CONTRASTS)


def job_of(name: str, cohort: Cohort, given: argparse.Namespace) -> Job:
    """Return the training of a candidate."""
    base, start = cohort.plans(given.width, given.steps), None
    if starts(name):
        start = Pretrained.read(find_checkpoint(given.pretrained, base.dataset, 0))
        base = adopt_sizes(base, start)
    return Job(
        trainer=HiFiSyn,
        plans=complete(base.override(assignments(name)), HiFiSyn),
        domains=CONTRASTS,
        store=cohort.store,
        train=cohort.train,
        val=tuple(case.name for case in cohort.choose),
        folder=given.output / f"{name}__w{given.width}_n{given.steps}_s{given.seed}",
        seed=given.seed,
        pretrained=start,
        maps=tuple(find_maps(given.heads)) if given.heads else (),
    )


def screen(name: str, cohort: Cohort, given: argparse.Namespace) -> dict[str, object]:
    """Train a candidate, if it was not, and return its numbers."""
    job = job_of(name, cohort, given)
    file = job.folder / RESULT
    if not file.exists():
        latest = job.folder / checkpoint.LATEST
        resume = latest.exists()
        done = checkpoint.load(latest)["progress"]["iteration"] if resume else 0
        begun = time.process_time()
        options = Options(device="cpu", precision="fp32", workers=0, resume=resume, force_long=True, name=name)
        if signal := train(job, options):
            sys.exit(128 + signal)
        seconds = (time.process_time() - begun) / max(1, job.plans.length.total - done)
        trainer = HiFiSyn(job.plans, job.domains)
        checkpoint.restore(checkpoint.load(job.folder / checkpoint.FINAL), trainer)
        found = {tta: measure(trainer, cohort.choose, tta=tta) for tta in (False, True)}
        write_json(file, {"seconds_a_step": seconds, "plain": found[False], "tta": found[True]})
    return read_object(file)


def row(name: str, result: dict[str, object], views: str) -> str:
    """Return a line of the table."""
    numbers = result[views]
    assert isinstance(numbers, dict)
    cells = ["{:.1f} / {:.3f} / {:.3f}".format(*numbers[direction.key]) for direction in DIRECTIONS]
    return f"| {name} | {' | '.join(cells)} | {result['seconds_a_step']:.2f} |"


def main() -> int:
    """Screen, and print a row a candidate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slices", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--pretrained", type=Path, help="of hifisyn_pretrain -tr HiFiSyn")
    parser.add_argument("--heads", type=Path, help="label maps of whole heads, for simulated batches")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--candidates", nargs="+", metavar="NAME", help="default: all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.output.mkdir(parents=True, exist_ok=True)
    cohort = read_cohort(given.slices, given.output / "slices")
    names = given.candidates or [*FRESH, *(STARTED if given.pretrained else ())]
    for name in names:
        assignments(name)
        if starts(name) and not given.pretrained:
            parser.error(f"{name} needs --pretrained")
    print(
        f"{len(cohort.train)} cases trained on, {len(cohort.choose)} chosen by; seed {given.seed}, {given.steps} steps"
    )
    print(f"| candidate | {' | '.join(map(str, DIRECTIONS))} | s/step |\n|---|---|---|---|", flush=True)
    for name in names:
        result = screen(name, cohort, given)
        print(row(name, result, "plain"), flush=True)
        print(row(f"{name}, shifts and mirror", result, "tta"), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
