"""hifisyn_plan_and_preprocess: verify, align, split and plan raw data sets, and extract their slices."""

import argparse
import logging
import shlex
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, terminated_as_interrupted
from hifisyn.cli.parser import Parser
from hifisyn.engine.dask_cluster import KINDS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hifisyn.cohort.request import PreparedDataset, PrepareRequest
    from hifisyn.engine.jobs import Executor

METHOD = "HiFiSyn"

log = logging.getLogger(__name__)

EPILOG = """
examples:
  hifisyn_plan_and_preprocess -d IXI                                     for this machine
  hifisyn_plan_and_preprocess -d IXI --device cuda --device-memory 24    for a GPU elsewhere
  hifisyn_plan_and_preprocess -d IXI --device cpu --minutes 30           as much as half an hour on the CPU allows
  hifisyn_plan_and_preprocess -d IXI --plans-name wide --set width=96    a second plan beside the first
  hifisyn_plan_and_preprocess -d IXI -p paper --preset paper             the published plan, on any device
  hifisyn_plan_and_preprocess -d IXI -p long --preset paper --length drit   the same as long as DRIT++ trains
  hifisyn_plan_and_preprocess -d IXI -p cycle -tr CycleGAN               a plan for another method
  hifisyn_plan_and_preprocess -d IXI --split-by site                     fold0 never sees the largest site, and so on
  hifisyn_plan_and_preprocess -d IXI --draw paper --preset paper        60 subjects and 20, as the paper lays them

  hifisyn_plan_and_preprocess -d UKB --shard $SLURM_ARRAY_TASK_ID/200    one task of an array job
  hifisyn_plan_and_preprocess -d UKB --dask-jobqueue slurm -np 200 --jobqueue-option queue=long walltime=24:00:00

The last lines are the commands of the way that suits a cohort of this size: the base model, a training, or both.
Run again, it does what is missing or has changed. plans.json and splits_final.json may be edited: they are kept.
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_plan_and_preprocess",
        description="Prepare raw data sets for training: check files, align, split by subject, plan, extract slices.",
        epilog=EPILOG,
    )
    flags.DATASET.add(parser, **{**flags.SEVERAL, "required": True})
    parser.add_argument("--verify-only", action="store_true", help="check the files and stop")
    parser.add_argument("--no-slices", action="store_true", help="align, split and plan, but extract no slices")
    parser.add_argument("--retry-failed", action="store_true", help="retry what failed before and has not changed")
    flags.OVERWRITE.add(parser, "plan again although there are plans")
    flags.SEED.add(parser, "of the splits")
    split = parser.add_mutually_exclusive_group()
    split.add_argument(
        "--draw",
        metavar="TRAIN/TEST",
        help="subjects to train on and to hold out, drawn, none to validate on, as in 60/20; paper: as the paper has "
        "them (IXI 60/20, UKB 70/30, BraTS 70/30)",
    )
    split.add_argument(
        "--split-by",
        choices=("subject", "site"),
        help="site: each fold leaves out a site of participants.tsv, its subjects validate; default: subject",
    )
    _add_engine(parser.add_argument_group("engine; default: processes on this machine"))
    _add_planning(parser.add_argument_group("plan"))
    _add_preparation(parser.add_argument_group("preparation of the scans; default: by dataset.json"))
    flags.add_roots(parser, flags.RAW, flags.PREPROCESSED)
    return parser


def _add_engine(group: argparse._ArgumentGroup) -> None:
    flags.PROCESSES.add(group, "default: as many as fit")
    group.add_argument("--shard", metavar="I/N", help="process part I of N of the subjects, and plan nothing; I from 1")
    dask = group.add_mutually_exclusive_group()
    flags.SCHEDULER.add(dask)
    dask.add_argument("--dask-jobqueue", choices=KINDS, metavar="KIND", help=f"start -np jobs: {', '.join(KINDS)}")
    group.add_argument("--jobqueue-option", **flags.SEVERAL, metavar="KEY=VALUE", help="option of such a job")


def _add_planning(group: argparse._ArgumentGroup) -> None:
    flags.DEVICE.add(group, "to train on: auto, cpu or cuda", choices=("auto", "cpu", "cuda"))
    group.add_argument(
        "--device-memory", type=float, metavar="GB", help="memory of the device (default: what this machine has)"
    )
    flags.CORES.add(group, "default: those allowed here")
    flags.MINUTES.add(group, "default: no limit, on a CPU 480")
    group.add_argument(
        "--preset",
        default="recommended",
        choices=("recommended", "paper", "literal"),
        help="paper: the published size and settings on any device; literal: the paper's print to the letter",
    )
    group.add_argument(
        "--length",
        choices=("drit", "mguit", "nnunet"),
        help="work whose length to take, where no time limits it: DRIT++'s 1200 passes, MGUIT's 500,000 updates, "
        "nnU-Net's 1000 epochs (default: by the preset)",
    )
    flags.METHOD.add(group, "others plan themselves when they are trained; default: HiFiSyn")
    flags.PLANS_NAME.add(group)
    flags.SET.add(group)


def _add_preparation(group: argparse._ArgumentGroup) -> None:
    tools = ("auto", "hd-bet", "deepbet", "base", "mask", "bet", "synthstrip", "command", "none")
    flags.SKULL_STRIP.add(group, ", ".join(tools), choices=tools)
    flags.STRIP_COMMAND.add(group)
    group.add_argument("--bias", choices=("auto", "always", "never"), help="N4 bias field correction")
    group.add_argument("--registration", choices=("rigid", "none"), help="registration of a case's contrasts")
    group.add_argument(
        "--tissue", choices=("auto", "fast", "atropos"), help="tissue tool where no tissue labels are given"
    )


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 1 where something failed, 2 where a data set could not be prepared."""
    words = sys.argv[1:] if arguments is None else arguments
    given = parser().parse_args(words)
    from hifisyn.errors import UserError
    from hifisyn.paths import Roots

    roots = Roots.resolve(raw=given.raw, preprocessed=given.preprocessed)
    folders = {name: (roots.raw_dataset(name), roots.preprocessed / name) for name in given.dataset}
    code = 0
    with terminated_as_interrupted(), _cluster(given) as cluster:
        request = _request(given, cluster)
        for name, (raw, folder) in folders.items():
            log.info(f"data set {name}")
            try:
                failed = _prepare(name, raw, folder, request, given, words)
                code = max(code, 1 if failed else 0)
            except UserError as error:
                if len(folders) == 1:
                    raise
                log.error(f"error: {error.at(name)}")
                code = 2
    return code


def _prepare(
    name: str, raw: "Path", folder: "Path", request: "PrepareRequest", given: argparse.Namespace, words: list[str]
) -> bool:
    """Prepare or verify one data set, and return whether a case failed."""
    from hifisyn.cohort.failures import log_failures
    from hifisyn.cohort.prepare import plan_and_preprocess, verify_only

    if given.verify_only:
        failures = verify_only(raw, folder, request)
    else:
        prepared = plan_and_preprocess(raw, folder, request)
        failures = prepared.failures
        for line in _closing(name, raw, prepared, given, words):
            log.info(line)
    log_failures(failures)
    return bool(failures)


def _cluster(given: argparse.Namespace) -> "AbstractContextManager[Executor | None]":
    from hifisyn.engine import dask_cluster

    if given.scheduler:
        return dask_cluster.scheduler(given.scheduler)
    if given.dask_jobqueue:
        return dask_cluster.jobqueue(given.dask_jobqueue, given.processes or 1, given.jobqueue_option)
    return nullcontext()


def _request(given: argparse.Namespace, cluster: "Executor | None") -> "PrepareRequest":
    from hifisyn.base.contrasts import NAMED, TARGETS
    from hifisyn.cohort.request import PrepareRequest
    from hifisyn.engine.shard import Shard
    from hifisyn.planning.device import detect
    from hifisyn.training.registry import trainer_class

    return PrepareRequest(
        device=detect(
            "cpu" if given.verify_only else given.device,
            memory_gb=given.device_memory,
            cores=given.cores,
            minutes=given.minutes,
        ),
        method=trainer_class(given.method or METHOD),
        method_name=given.method or METHOD,
        plans_name=given.plans_name,
        preset=given.preset,
        length_of=given.length,
        assignments=given.set,
        base_sources=NAMED,
        base_targets=TARGETS,
        preprocessing={
            "skull_strip": given.skull_strip,
            "strip_command": given.strip_command,
            "bias": given.bias,
            "registration": given.registration,
            "tissue": given.tissue,
        },
        processes=given.processes,
        seed=given.seed,
        split_by=given.split_by,
        draw=given.draw,
        overwrite=given.overwrite,
        slices=not given.no_slices,
        shard=Shard.parse(given.shard) if given.shard else None,
        retry_failed=given.retry_failed,
        cluster=cluster,
    )


def _closing(
    name: str, raw: "Path", prepared: "PreparedDataset", given: argparse.Namespace, words: list[str]
) -> list[str]:
    from hifisyn.cli.next_commands import next_commands
    from hifisyn.cohort.summary import essentials
    from hifisyn.dataset import Dataset

    if given.shard:
        return [f"shard {given.shard} is done; when all are:", f"  {shlex.join(_without_shard(words))}"]
    plans = prepared.plans
    assert plans is not None, "a run without shards always plans"
    method = given.method or plans.method
    flags_of_plan = [] if method == METHOD else ["-tr", method]
    flags_of_plan += [] if given.plans_name == "plans" else ["-p", given.plans_name]
    flags_of_plan += ["--preprocessed", str(given.preprocessed)] if given.preprocessed else []
    cases = [tuple(case.images) for case in Dataset.load(raw).cases.values()]
    return [*essentials(plans), *next_commands(plans, name, raw, prepared.first_fold, flags_of_plan, cases)]


def _without_shard(words: list[str]) -> list[str]:
    """Return the command without its shard.

    >>> _without_shard(["-d", "UKB", "--shard", "1/8", "-np", "2"])
    ['hifisyn_plan_and_preprocess', '-d', 'UKB', '-np', '2']
    """
    kept = [w for before, w in zip(["", *words], words, strict=False) if "--shard" not in (before, w)]
    return ["hifisyn_plan_and_preprocess", *(word for word in kept if not word.startswith("--shard="))]


if __name__ == "__main__":
    sys.exit(main(None))
