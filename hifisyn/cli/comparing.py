"""What the commands share that train several models and compare them: hifisyn_ablation and hifisyn_benchmark."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import outcome
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure
    from hifisyn.paths import Roots
    from hifisyn.training.request import Request


def add_pair(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Declare data set, contrasts and fold; `several`: --target takes more than one contrast."""
    flags.DATASET.add(parser, required=True)
    flags.SOURCE.add(parser, "may be left out where the data set has two")
    note = "both directions are compared"
    flags.TARGET.add(
        parser, f"several: a training for each; {note}" if several else note, nargs="+" if several else 1, default=[]
    )
    flags.FOLD.add(parser, default="fold0")
    flags.DRY_RUN.add(parser)


def add_compared(group: flags.Container) -> None:
    """Declare what is compared of the trainings."""
    flags.SEEDS.add(group)
    flags.SPLIT.add(group, "default: test if there are any")
    flags.CHECKPOINT.add(group, choices=("best", "final"), default="best")


def contrasts(given: argparse.Namespace) -> list[tuple[str, ...]]:
    """Return the pairs that --source and --target name; without them the two contrasts of the data set.

    Raises:
        UserError: one of them is missing, or the data set has not two contrasts.
    """
    from hifisyn.experiments.comparison import only_pair

    if (given.source is None) == bool(given.target):
        raise UserError("wanted both --source and --target or neither, found one; name the other contrast")
    pairs: list[tuple[str, ...]] = [(given.source, target) for target in given.target]
    return pairs or [only_pair(_roots(given), given.dataset, given.plans_name)]


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
            plans=given.plans_name,
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
