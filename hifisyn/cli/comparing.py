"""What the commands share that train several models and compare them: hifisyn_ablation and hifisyn_benchmark."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hifisyn.cli.entry import outcome
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure
    from hifisyn.paths import Roots
    from hifisyn.training.request import Request


def add_pair(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add which data set, contrasts and fold; `several`: --target takes more than one contrast."""
    others = "the others; both directions of each" if several else "the other contrast; both directions"
    parser.add_argument("--dataset", "-d", required=True, metavar="NAME", help="preprocessed data set")
    parser.add_argument("--source", metavar="T1", help="one contrast; may be left out where the data set has two")
    parser.add_argument(
        "--target", nargs="+" if several else 1, default=[], metavar="T2", help=f"{others} are compared"
    )
    parser.add_argument("--fold", default="fold0", help="fold0, 0 or all; default: fold0")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def add_compared(group: argparse._ArgumentGroup) -> None:
    """Add what is compared of the trainings."""
    group.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED", help="default: 0 alone")
    group.add_argument("--split", choices=("test", "val"), help="cases to compare on; default: test if there are any")
    group.add_argument("--checkpoint", choices=("best", "final"), default="best", help="weights; default: best")


def contrasts(given: argparse.Namespace) -> list[tuple[str, ...]]:
    """Return the pairs that --source and --target name; without them the two contrasts of the data set.

    Raises:
        UserError: one of them is missing, or the data set has not two contrasts.
    """
    from hifisyn.experiments.comparison import only_pair

    if (given.source is None) == bool(given.target):
        raise UserError("wanted both --source and --target or neither, found one; name the other contrast")
    pairs: list[tuple[str, ...]] = [(given.source, target) for target in given.target]
    return pairs or [only_pair(_roots(given), given.dataset, given.plans)]


def requests(
    given: argparse.Namespace, domains: Sequence[tuple[str, ...]], assignments: Sequence[str], words: list[str]
) -> "list[Request]":
    """Return what all trainings share, once for each set of contrasts.

    Args:
        given: the command's arguments.
        domains: the contrasts of each training.
        assignments: `key=value` texts that change the plans.
        words: of the command line.
    """
    from hifisyn.paths import parse_fold
    from hifisyn.training.request import Request

    return [
        Request(
            dataset=given.dataset,
            domains=own,
            fold=parse_fold(given.fold),
            plans=given.plans,
            assignments=tuple(assignments),
            roots=_roots(given),
            overwrite=given.overwrite,
            command=shlex.join(words),
        )
        for own in domains
    ]


def stopped(words: list[str], signal: int) -> int:
    """Say how to go on after a signal, and return the exit code."""
    again = shlex.join([word for word in words if word != "--overwrite"])
    say(f"stopped; what was done is saved; go on with\n  {again}")
    return 128 + signal


def close(failures: "Sequence[Failure]", *, done: bool) -> int:
    """List what is not in the tables, and return the exit code: 1: some failed, 2: nothing came of it."""
    from hifisyn.evaluation.output_files import failure_lines

    if failures:
        print(f"not in the tables ({len(failures)}):\n{failure_lines(failures)}", file=sys.stderr)
    return outcome(done=done, failed=bool(failures))


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def _roots(given: argparse.Namespace) -> "Roots":
    from hifisyn.paths import Roots

    return Roots.resolve(given.raw, given.preprocessed, given.results)
