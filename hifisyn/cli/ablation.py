"""hifisyn_ablation: train and compare the rows of an ablation, equal in all but what they leave out."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hifisyn.cli import training_flags
from hifisyn.cli.entry import command, outcome
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure
    from hifisyn.training.request import Request

EPILOG = """
rows, by key or set (table5, the default; table6):
  none       DRIT's backbone: no bank and none of PGD, SGD, GGD
  bank       the bank, but none of the three losses
  pgd_i      PGD with global slots alone, no label map      pgd_ii     PGD with the label map, no bank
  pgd        PGD with bank and label map                    pgd_sgd, pgd_ggd     one loss more
  all        all three: the model that hifisyn_train makes
  munit, munit_labels, mguit, mguit_labels                  table6, where these methods are there

examples:
  hifisyn_ablation -d IXI --dry-run                         what would be trained, and for how long
  hifisyn_ablation -d IXI                                   Table 5; the same line goes on after an interruption
  hifisyn_ablation -d BraTS --source T1 --target FLAIR --rows none pgd all --seeds 0 1 2 --epochs 50

Every row's model lies where hifisyn_train would put it; the table goes to RESULTS/NAME/ablation_T1_T2_fold_0/.
Exit code 1: some rows failed, 2: all; they are listed, and the others finish.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="hifisyn_ablation",
        description="Train the rows of an ablation with equal budgets, evaluate them, and write one table.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", "-d", required=True, metavar="NAME", help="preprocessed data set")
    parser.add_argument("--source", metavar="T1", help="one contrast; may be left out where the data set has two")
    parser.add_argument("--target", metavar="T2", help="the other contrast; both directions are compared")
    parser.add_argument("--fold", default="fold0", help="fold0, 0 or all; default: fold0")
    parser.add_argument("--rows", nargs="+", action="extend", default=[], metavar="ROW", help="default: table5")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--overwrite", action="store_true", help="train all rows anew, the normal model (all) too")
    what = parser.add_argument_group("what every row shares")
    training_flags.add_plan(what)
    what.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED", help="default: 0 alone")
    what.add_argument("--split", choices=("test", "val"), help="cases to compare on; default: test if there are any")
    what.add_argument("--checkpoint", choices=("best", "final"), default="best", help="weights; default: best")
    training_flags.add_machine(parser.add_argument_group("how"))
    training_flags.add_roots(parser)
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1: some rows failed, 2: all; after Ctrl-C or SIGTERM, save and return 130 or 143."""
    given = parser().parse_args(arguments)
    from hifisyn.experiments import forecast
    from hifisyn.experiments.compared import compare_rows
    from hifisyn.experiments.comparison import prepare
    from hifisyn.experiments.results import write_results
    from hifisyn.experiments.rows import chosen
    from hifisyn.experiments.train_all import train_rows
    from hifisyn.training.job import Options

    words = ["hifisyn_ablation", *(sys.argv[1:] if arguments is None else arguments)]
    options = Options(given.device, given.precision, given.workers, force_long=given.force_long, log=_say)
    ablation = prepare(
        _request(given, shlex.join(words)),
        chosen(given.rows),
        tuple(given.seeds),
        options,
        split=given.split,
        checkpoint=given.checkpoint,
    )
    for line in forecast.describe(ablation):
        _say(line)
    _say(forecast.estimate(ablation, forecast.measure(ablation, options)))
    if given.dry_run:
        return 0
    try:
        trained = train_rows(ablation.trainings, options, overwrite=given.overwrite)
        if trained.stopped:
            return _stopped(words, trained.stopped)
        cases, left_out = compare_rows(ablation, trained.done, given.device, _say)
    except KeyboardInterrupt:
        return _stopped(words, 2)
    failures = (*trained.failures, *left_out)
    text = write_results(ablation, cases, trained.done, failures)
    if text:
        _say(f"\n{text}\ntable and picture: {ablation.folder}")
    return _close(failures, done=not cases.empty)


def _request(given: argparse.Namespace, line: str) -> "Request":
    from hifisyn.experiments.comparison import only_pair
    from hifisyn.paths import Roots, parse_fold
    from hifisyn.training.request import Request

    roots = Roots.resolve(given.raw, given.preprocessed, given.results)
    if (given.source is None) != (given.target is None):
        raise UserError("wanted both --source and --target or neither, found one; name the other contrast")
    return Request(
        dataset=given.dataset,
        modalities=(given.source, given.target) if given.source else only_pair(roots, given.dataset, given.plans),
        fold=parse_fold(given.fold),
        plans=given.plans,
        assignments=training_flags.assignments(given),
        roots=roots,
        overwrite=given.overwrite,
        command=line,
    )


def _stopped(words: list[str], signal: int) -> int:
    again = shlex.join([word for word in words if word != "--overwrite"])
    _say(f"stopped; what was done is saved; go on with\n  {again}")
    return 128 + signal


def _close(failures: Sequence["Failure"], *, done: bool) -> int:
    from hifisyn.evaluation.output_files import failure_lines

    if failures:
        print(f"not in the table ({len(failures)}):\n{failure_lines(failures)}", file=sys.stderr)
    return outcome(done=done, failed=bool(failures))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(None))
