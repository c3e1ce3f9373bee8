"""hifisyn_benchmark: train and compare translation methods with one budget."""

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, terminated_as_interrupted
from hifisyn.cli.experiment_command import add_compared, add_pair, conduct, contrasts, requests
from hifisyn.cli.parser import Parser
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from hifisyn.downstream.run import FinishedJob
    from hifisyn.engine.jobs import Executor, Failure
    from hifisyn.experiments.experiment import Experiment
    from hifisyn.experiments.groups import Groups
    from hifisyn.experiments.train_all import Trained
    from hifisyn.experiments.write import Results
    from hifisyn.training.job import Options

log = logging.getLogger(__name__)

EPILOG = """
examples:
  hifisyn_benchmark -d IXI --source T1 --target T2 --dry-run            what would be trained, and for how long
  hifisyn_benchmark -d IXI --source T1 --target T2 --budget 100000      every method, 100000 steps each
  hifisyn_benchmark -d IXI --source T1 --target T2 --budget 12h --methods CycleGAN MUNIT HiFiSyn
  hifisyn_benchmark -d BraTS --source T1 --target T1ce T2 FLAIR --device cuda:0 cuda:1 cuda:2 cuda:3
  hifisyn_benchmark -d BraTS --together T1 T1ce T2 FLAIR --pairwise     one training on all against one a pair
  hifisyn_benchmark -d IXI --source T1 --target T2 --scheduler tcp://node1:8786 --device cuda

The models are those of hifisyn_train; tables and pictures are in RESULTS/NAME/benchmark_T1_T2_fold_0.../. Type the same
line again to continue after an interruption. Exit code 1: something failed, 2: all; it is listed, the others finish.
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_benchmark",
        description="Train methods with equal budgets on the same subjects, evaluate them alike, and write the tables.",
        epilog=EPILOG,
    )
    add_pair(parser, several=True)
    parser.add_argument(
        "--together", nargs="+", default=[], metavar="T1", help="three contrasts or more: one training, all directions"
    )
    parser.add_argument(
        "--pairwise", action="store_true", help="with --together: train each pair too, with an equal share of N"
    )
    parser.add_argument("--methods", **flags.SEVERAL, metavar="METHOD", help="methods to compare (default: all)")
    flags.OVERWRITE.add(parser, "train all methods from scratch")
    shared = parser.add_argument_group("what all methods share")
    shared.add_argument(
        "--budget", metavar="N", help="steps (2000) or time (90min, 2h) of each training (default: the plans' steps)"
    )
    flags.PLANS_NAME.add(shared)
    flags.SET.add(shared)
    add_compared(shared)
    flags.TASK.add(shared, nargs="*", default=[DownstreamTask.TISSUE.value])
    machine = parser.add_argument_group("machine")
    flags.DEVICE.add(machine, "several: a training on each", nargs="+", default=["auto"])
    flags.SCHEDULER.add(machine)
    flags.PRECISION.add(machine)
    flags.WORKERS.add(machine)
    flags.FORCE_LONG.add(machine)
    flags.add_roots(parser, flags.RAW, flags.PREPROCESSED, flags.RESULTS)
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1: something failed, 2: all; after Ctrl-C or SIGTERM, save and return 130 or 143."""
    given = parser().parse_args(arguments)
    from hifisyn.experiments.benchmark import BENCHMARK, pages
    from hifisyn.experiments.length import parse_length
    from hifisyn.experiments.plan import plan
    from hifisyn.training.job import Options

    words = ["hifisyn_benchmark", *(sys.argv[1:] if arguments is None else arguments)]
    _refuse_mixed_devices(given)
    options = Options(given.device[0], given.precision, given.workers, force_long=given.force_long)
    experiment = plan(
        BENCHMARK,
        _groups(given, words),
        given.seeds,
        options,
        parse_length(given.budget),
        split=given.split,
        checkpoint=given.checkpoint,
        at_a_time=len(given.device),
        write=not given.dry_run,
    )
    return conduct(
        experiment,
        words,
        train=lambda: _train(given, experiment, options),
        evaluate=lambda trained: _evaluate(given, experiment, trained),
        pages=pages,
        dry_run=given.dry_run,
    )


def _groups(given: argparse.Namespace, words: list[str]) -> "Groups":
    """Return the methods and the contrasts that they are trained on."""
    from hifisyn.experiments import groups
    from hifisyn.experiments.methods import method_rows

    rows = method_rows(given.methods)
    if given.pairwise and not given.together:
        raise UserError("--pairwise needs --together", hint="name the contrasts with --together")
    if not given.together:
        return groups.by_pair(requests(given, contrasts(given), given.set, words), rows)
    if given.source or given.target:
        raise UserError("--together excludes --source and --target", hint="leave out one of them")
    if len(given.together) < 3:
        raise UserError(
            "--together needs three contrasts or more",
            got=" ".join(given.together),
            hint="for two pass --source and --target",
        )
    (request,) = requests(given, [tuple(given.together)], given.set, words)
    return groups.together(request, rows, pairwise=given.pairwise)


def _train(given: argparse.Namespace, experiment: "Experiment", options: "Options") -> "Trained":
    """Train one after the other on one device, else side by side."""
    from hifisyn.engine.processes import Processes
    from hifisyn.experiments.train_all import train_all

    if not given.scheduler and len(given.device) == 1:
        return train_all(experiment.trainings, options, overwrite=given.overwrite)
    devices = [] if given.scheduler else given.device
    with terminated_as_interrupted(), Processes() as processes, _cluster(given.scheduler) as cluster:
        executor: Executor = cluster or processes.executor(len(devices))
        return train_all(experiment.trainings, options, executor, devices, overwrite=given.overwrite)


def _evaluate(given: argparse.Namespace, experiment: "Experiment", trained: "Trained") -> "Results":
    """Compare the trained methods, then do the downstream tasks that are asked for with those that were compared."""
    from hifisyn.experiments.compare import compare

    results = compare(experiment, trained, given.device[0])
    if not given.task or not results.trainings:
        return results
    done, failures, remarks = _downstream(given, [training.model for training in results.trainings])
    return replace(results, downstream=done, failures=[*results.failures, *failures], remarks=remarks)


def _refuse_mixed_devices(given: argparse.Namespace) -> None:
    """Check that every device is there and all are of one kind, before anything begins."""
    from hifisyn.training.step import resolve_device

    kinds = sorted({resolve_device(device).type for device in given.device})
    if len(kinds) > 1:
        raise UserError("--device must name devices of one kind, for equal budgets", got=", ".join(kinds))
    if given.scheduler and (given.device == ["auto"] or len(given.device) > 1):
        raise UserError(
            "--scheduler needs the kind of device that the workers have", hint="pass --device cpu or cuda alone"
        )


def _cluster(address: str | None) -> "AbstractContextManager[Executor | None]":
    if not address:
        return nullcontext()
    from hifisyn.engine import dask_cluster

    return dask_cluster.scheduler(address)


def _downstream(
    given: argparse.Namespace, models: "Sequence[Path]"
) -> "tuple[list[FinishedJob], list[Failure], list[str]]":
    """Do the downstream tasks with the synthetic scans of models; the last says which cannot be done."""
    from hifisyn.downstream import nnunet_settings, run
    from hifisyn.downstream.model_under_test import DownstreamSettings
    from hifisyn.paths import Roots
    from hifisyn.training.step import resolve_device

    roots = Roots.resolve(given.raw, given.preprocessed, given.results)
    device = str(resolve_device(given.device[0]))
    settings = DownstreamSettings(
        nnunet=nnunet_settings.resolved(device),
        split=given.split,
        fold=given.fold,
        checkpoint=given.checkpoint,
        device=device,
    )
    there, broken = run.models_of(roots, folders=list(dict.fromkeys(models)))
    jobs, lost = run.list_jobs(there, settings, roots, given.task)
    run.log_plan(jobs)
    done, failed = run.run(jobs)
    remarks = [f"{job.title}: left out, {job.missing}" for job in jobs if job.missing]
    return done, [*broken, *lost, *failed], remarks


if __name__ == "__main__":
    sys.exit(main(None))
