"""What hifisyn_ablation and hifisyn_benchmark share: flags, and an experiment from its description to its tables."""

import argparse
import logging
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import outcome
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.experiments.experiment import Experiment
    from hifisyn.experiments.train_all import Trained
    from hifisyn.experiments.write import Pages, Results
    from hifisyn.paths import Roots
    from hifisyn.training.request import Request

log = logging.getLogger(__name__)


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
    from hifisyn.experiments.groups import only_pair

    if (given.source is None) == bool(given.target):
        raise UserError("--source and --target belong together", got="one of them", hint="name the other contrast")
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
    from hifisyn.training.request import Request

    return [
        Request(
            dataset=given.dataset,
            domains=own,
            fold=given.fold,
            plans=given.plans_name,
            assignments=tuple(assignments),
            roots=_roots(given),
            overwrite=given.overwrite,
            command=shlex.join(words),
        )
        for own in domains
    ]


def conduct(
    experiment: "Experiment",
    words: list[str],
    train: "Callable[[], Trained]",
    evaluate: "Callable[[Trained], Results]",
    pages: "Callable[[Experiment, Results], Pages]",
    *,
    dry_run: bool = False,
) -> int:
    """Describe an experiment, train and compare its rows, and write its tables.

    Args:
        experiment: to do.
        words: of the command line.
        train: trains all rows.
        evaluate: compares the trained rows.
        pages: returns what this kind of experiment shows.
        dry_run: describe it alone.

    Returns:
        The exit code: 1: some rows failed, 2: all; 130 or 143 after Ctrl-C or SIGTERM, with all saved.
    """
    from hifisyn.evaluation.output_files import failure_lines
    from hifisyn.experiments.describe import describe
    from hifisyn.experiments.write import write

    for line in describe(experiment):
        log.info(line)
    if dry_run:
        return 0
    try:
        trained = train()
        if trained.stopped:
            return _stopped(words, trained.stopped)
        results = evaluate(trained)
    except KeyboardInterrupt:
        return _stopped(words, 2)
    text = write(experiment, results, pages)
    if results.failures:
        log.warning(f"not in the tables ({len(results.failures)}):\n{failure_lines(results.failures)}")
    if text:
        log.info(f"\n{text}\ntables and pictures: {experiment.folder}")
        log.info(f"next:\n  {shlex.join(['hifisyn_report', '-d', experiment.request.dataset])}")
    return outcome(done=bool(text), failed=bool(results.failures))


def _stopped(words: list[str], signal: int) -> int:
    """Log how to continue after a signal, and return the exit code."""
    again = shlex.join([word for word in words if word != "--overwrite"])
    log.info(f"stopped; everything is saved; continue with\n  {again}")
    return 128 + signal


def _roots(given: argparse.Namespace) -> "Roots":
    from hifisyn.paths import Roots

    return Roots.resolve(given.raw, given.preprocessed, given.results)
