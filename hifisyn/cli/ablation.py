"""hifisyn_ablation: train and compare the rows of an ablation, equal in all but what they leave out."""

import sys

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.experiment_command import add_compared, add_pair, conduct, contrasts, requests
from hifisyn.cli.parser import Parser

EPILOG = """
rows, by key or set (table5, the default; losses; additions; table6):
  none       DRIT's backbone: no bank and none of PGD, SGD, GGD
  bank       the bank, but none of the three losses
  pgd_i      PGD with global slots alone, no label map      pgd_ii     PGD with the label map, no bank
  pgd        PGD with bank and label map                    pgd_sgd, pgd_ggd     with one more loss
  all        all three: the model of hifisyn_train
  sgd, ggd, sgd_ggd                                         losses: each alone with the bank, and all but PGD
  tissue, teacher, simulated, up_4x4, up_resize,            additions: all three and one thing that the paper has not,
  r1, spectral, lsgan, position, no_dc                      or without D^c
  munit, munit_labels, mguit, mguit_labels                  table6, where these methods are there

examples:
  hifisyn_ablation -d IXI --dry-run                         what would be trained, and for how long
  hifisyn_ablation -d IXI                                   Table 5; type it again to continue after an interruption
  hifisyn_ablation -d IXI --rows table5 losses              each loss alone, and each left out
  hifisyn_ablation -d BraTS --source T1 --target FLAIR --rows none pgd all --seeds 0 1 2 --epochs 50

The models are those of hifisyn_train; the table is in RESULTS/NAME/ablation_T1_T2_fold_0/.
Exit code 1: some rows failed, 2: all; they are listed, and the others finish.
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_ablation",
        description="Train the rows of an ablation with equal budgets, evaluate them, and write one table.",
        epilog=EPILOG,
    )
    add_pair(parser)
    parser.add_argument("--rows", **flags.SEVERAL, metavar="ROW", help="rows to train (default: table5)")
    flags.OVERWRITE.add(parser, "train all rows from scratch, the normal model (all) too")
    shared = parser.add_argument_group("what all rows share")
    flags.add_plan(shared)
    add_compared(shared)
    flags.add_machine(parser.add_argument_group("machine"))
    flags.add_roots(parser, flags.RAW, flags.PREPROCESSED, flags.RESULTS)
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1: some rows failed, 2: all; after Ctrl-C or SIGTERM, save and return 130 or 143."""
    given = parser().parse_args(arguments)
    from hifisyn.experiments.ablation import ABLATION, pages
    from hifisyn.experiments.compare import compare
    from hifisyn.experiments.groups import by_pair
    from hifisyn.experiments.plan import plan
    from hifisyn.experiments.rows import select_rows
    from hifisyn.experiments.train_all import train_all
    from hifisyn.training.job import Options

    words = ["hifisyn_ablation", *(sys.argv[1:] if arguments is None else arguments)]
    epochs = [] if given.epochs is None else [f"length.epochs={given.epochs}"]
    assignments = (*flags.assignments(given), *epochs)
    options = Options(given.device, given.precision, given.workers, force_long=given.force_long)
    experiment = plan(
        ABLATION,
        by_pair(requests(given, contrasts(given), assignments, words), select_rows(given.rows)),
        given.seeds,
        options,
        split=given.split,
        checkpoint=given.checkpoint,
    )
    return conduct(
        experiment,
        words,
        train=lambda: train_all(experiment.trainings, options, overwrite=given.overwrite),
        evaluate=lambda trained: compare(experiment, trained, given.device),
        pages=pages,
        dry_run=given.dry_run,
    )


if __name__ == "__main__":
    sys.exit(main(None))
