"""hifisyn_train: train a method on two contrasts or more of a preprocessed data set."""

import argparse
import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser
from hifisyn.paths import parse_fold

if TYPE_CHECKING:
    from hifisyn.api.train import TrainingResult

log = logging.getLogger(__name__)
EPILOG = """
examples:
  hifisyn_train IXI T1 T2 fold0                    both directions, T1 to T2 and T2 to T1, in one training
  hifisyn_train BRATS T1 T2 FLAIR T1ce fold0       all twelve directions in one training
  hifisyn_train IXI T1 T2 fold0 --resume           continue where an interrupted training stopped
  hifisyn_train IXI T1 T2 fold0 -tr CycleGAN       another method: documentation/how_to/choose_a_method.md
  hifisyn_train IXI T1 T2 fold0 --epochs 300       longer than before: a finished fold continues
  hifisyn_train IXI T1 T2 all --set lr=1e-3 memory.rho=0.5
  hifisyn_train IXI T1 FLAIR fold0 --pretrained hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d
  hifisyn_train IXI T1 T2 fold0 -tr Adapted --heads label_maps    simulated batches are of these heads
  torchrun --nproc-per-node 4 --no-python hifisyn_train IXI T1 T2 fold0
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_train",
        description="Train on two contrasts or more of a preprocessed data set; they need not be of the same subjects.",
        epilog=EPILOG,
    )
    parser.add_argument("dataset", help="name of the data set, as in hifisyn_plan_and_preprocess -d")
    parser.add_argument("domains", metavar="T1", nargs="+", help="two contrasts or more")
    parser.add_argument("fold", type=parse_fold, help=flags.FOLD.help)
    what = parser.add_argument_group("model")
    flags.METHOD.add(what, note="default: the plans' own")
    flags.add_plan(what)
    what.add_argument(
        "--pretrained",
        "-pretrained_weights",
        type=Path,
        metavar="MODEL",
        help="model folder or checkpoint to start from; base: the base model, with -tr Paired",
    )
    flags.HEADS.add(what, "for simulated batches; default: the phantom's own anatomy")
    flags.SEED.add(what)
    flags.add_machine(parser.add_argument_group("machine"))
    again = parser.add_mutually_exclusive_group()
    flags.RESUME.add(again, "from the last checkpoint of this fold")
    flags.OVERWRITE.add(again, "train this fold from scratch")
    flags.add_roots(parser, flags.RAW, flags.PREPROCESSED, flags.RESULTS)
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; after Ctrl-C or SIGTERM, save and return 130 or 143."""
    given = parser().parse_intermixed_args(arguments)
    from hifisyn.api.train import train
    from hifisyn.training.distributed import Ranks

    words = ["hifisyn_train", *(sys.argv[1:] if arguments is None else arguments)]
    trained = train(
        given.dataset,
        given.domains,
        given.fold,
        method=given.method,
        plans_name=given.plans_name,
        settings=given.set,
        epochs=given.epochs,
        iterations=given.iterations,
        pretrained=given.pretrained,
        heads=given.heads,
        seed=given.seed,
        device=given.device,
        precision=given.precision,
        workers=given.workers,
        force_long=given.force_long,
        resume=given.resume,
        overwrite=given.overwrite,
        raw=given.raw,
        preprocessed=given.preprocessed,
        results=given.results,
        command=shlex.join(words),
    )
    if Ranks.from_environment().main:
        log.info(_how_to_resume(words) if trained.signal else _next(trained, _scans(given)))
    return 128 + trained.signal if trained.signal else 0


def _how_to_resume(words: list[str]) -> str:
    flags_of_this_run = (*flags.RESUME.names, *flags.OVERWRITE.names)
    others = [word for word in words if word not in flags_of_this_run]
    return f"stopped and saved; continue with\n  {shlex.join([*others, '--resume'])}"


def _scans(given: argparse.Namespace) -> Path:
    """Return the held-out scans of the data set, or a word for the user's own."""
    from hifisyn.paths import Roots

    scans = Roots.resolve(raw=given.raw).raw / given.dataset / "imagesTs"
    return scans if scans.is_dir() else Path("SCANS")


def _next(trained: "TrainingResult", scans: Path) -> str:
    source, target = trained.direction
    model = ["--model", str(trained.model)]
    direction = ["--source", source, "--target", target]
    predict = shlex.join(["hifisyn_predict", "-i", str(scans), "-o", "synth/", *direction, *model])
    evaluate = shlex.join(["hifisyn_evaluate", *model, "-o", "evaluation/"])
    return f"next:\n  {predict}\n  {evaluate}"


if __name__ == "__main__":
    sys.exit(main(None))
