"""hifisyn_plan_and_preprocess: verify, align, split, plan and cut raw data sets."""

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from hifisyn.cli.entry import command

if TYPE_CHECKING:
    from hifisyn.planning.experiment import Outcome, Wishes

EPILOG = """
examples:
  hifisyn_plan_and_preprocess -d IXI                                     for this machine
  hifisyn_plan_and_preprocess -d IXI --device cuda --device-memory 24    for a GPU elsewhere
  hifisyn_plan_and_preprocess -d IXI --device cpu --minutes 30           as much as half an hour on the CPU allows
  hifisyn_plan_and_preprocess -d IXI --plans-name wide --set width=96    a second plan beside the first

Run again, it does what is missing or has changed. plans.json and splits_final.json may be edited: they are kept.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="hifisyn_plan_and_preprocess",
        description="Make raw data sets ready for training: check every file, align, split by subject, plan, cut.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-d", "--dataset", nargs="+", action="extend", required=True, metavar="NAME", help="data sets")
    parser.add_argument("--verify-only", action="store_true", help="check the files and stop")
    parser.add_argument("--no-slices", action="store_true", help="align, split and plan, but cut nothing")
    parser.add_argument("-np", "--processes", type=int, metavar="N", help="cases at a time; default: as many as fit")
    parser.add_argument("--overwrite", action="store_true", help="plan anew although there are plans")
    parser.add_argument("--seed", type=int, default=0, help="of the splits; default: 0")
    plan = parser.add_argument_group("what is planned")
    plan.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="to train on; default: auto")
    plan.add_argument("--device-memory", type=float, metavar="GB", help="default: what this machine has")
    plan.add_argument("--cores", type=int, metavar="N", help="CPU cores to train on; default: those allowed here")
    plan.add_argument("--minutes", type=float, metavar="M", help="training time; default: no limit, on a CPU 480")
    plan.add_argument(
        "--preset", default="recommended", choices=("recommended", "paper_literal"), help="default: recommended"
    )
    plan.add_argument("--plans-name", "-p", default="plans", metavar="NAME", help="default: plans")
    plan.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change the plans")
    scans = parser.add_argument_group("how scans are prepared; default: by what dataset.json says")
    scans.add_argument(
        "--skull-strip", choices=("auto", "hd-bet", "deepbet", "mask", "bet", "synthstrip", "command", "none")
    )
    scans.add_argument("--strip-command", metavar="TEMPLATE", help="as in 'ben --input {input} --output {mask}'")
    scans.add_argument("--bias", choices=("auto", "always", "never"), help="N4 bias field correction")
    scans.add_argument("--registration", choices=("rigid", "none"))
    scans.add_argument("--tissue", choices=("auto", "fast", "atropos"), help="where no tissue labels are given")
    where = parser.add_argument_group("where")
    where.add_argument("--raw", metavar="ROOT", help="raw data sets; default: hifisyn_raw")
    where.add_argument("--preprocessed", metavar="ROOT", help="preprocessed data sets; default: hifisyn_preprocessed")
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 1 where a case was left out, 2 where a data set could not be prepared."""
    given = parser().parse_args(arguments)
    from hifisyn.dataset import Dataset
    from hifisyn.errors import UserError
    from hifisyn.paths import Roots
    from hifisyn.planning.experiment import plan_and_preprocess, verified

    roots = Roots.resolve(raw=given.raw, preprocessed=given.preprocessed)
    folders = {name: (roots.raw_dataset(name), roots.preprocessed / name) for name in given.dataset}
    wishes = None if given.verify_only else _wishes(given)
    code = 0
    for name, (raw, folder) in folders.items():
        _say(f"data set {name}")
        try:
            if wishes is None:
                left_out = verified(Dataset.load(raw), folder, _say, processes=given.processes)[1]
            else:
                outcome = plan_and_preprocess(raw, folder, wishes, _say)
                left_out = outcome.left_out
                for line in _closing(name, outcome, given):
                    _say(line)
        except UserError as error:
            if len(folders) == 1:
                raise
            print(f"error: {name}: {error}", file=sys.stderr)
            code = 2
            continue
        for case, reason in left_out.items():
            print(f"left out: {case}: {reason}", file=sys.stderr)
            code = max(code, 1)
    return code


def _wishes(given: argparse.Namespace) -> "Wishes":
    from hifisyn.planning.device import detect
    from hifisyn.planning.experiment import Wishes

    return Wishes(
        device=detect(given.device, memory_gb=given.device_memory, cores=given.cores, minutes=given.minutes),
        plans_name=given.plans_name,
        preset=given.preset,
        assignments=given.set,
        preprocessing={
            "skull_strip": given.skull_strip,
            "strip_command": given.strip_command,
            "bias": given.bias,
            "registration": given.registration,
            "tissue": given.tissue,
        },
        processes=given.processes,
        seed=given.seed,
        overwrite=given.overwrite,
        slices=not given.no_slices,
    )


def _closing(name: str, outcome: "Outcome", given: argparse.Namespace) -> list[str]:
    from hifisyn.planning.summary import essentials

    plans = outcome.plans
    if len(plans.modalities) < 2:
        return [*essentials(plans), f"{plans.modalities[0]} alone cannot be translated; add another contrast"]
    words = ["hifisyn_train", name, *plans.modalities[:2], "fold0"]
    words += [] if given.plans_name == "plans" else ["-p", given.plans_name]
    words += ["--preprocessed", given.preprocessed] if given.preprocessed else []
    return [*essentials(plans), "next:", f"  {shlex.join(words)}"]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(None))
