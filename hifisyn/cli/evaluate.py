"""hifisyn_evaluate: trained models against their baselines, or synthetic volumes against real scans."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.parser import Parser

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure

log = logging.getLogger(__name__)

EPILOG = """examples:
  hifisyn_evaluate                                 every trained model on its held-out cases, both directions, baselines
  hifisyn_evaluate -d IXI --dry-run                what that would do for one data set
  hifisyn_evaluate --model hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d    one model
  hifisyn_evaluate --fold 0 1 2 --tta              the mean of three folds, each slice at eight places
  hifisyn_evaluate synth/ truth/                   synth/IXI012_T2.nii.gz against truth/IXI012_T2.nii.gz
  hifisyn_evaluate synth/ truth/ --register        real scans on another grid are registered (rigid) first

Intensities are compared in [-1, 1] (data range 2), slice by slice: PSNR, SSIM, MS-SSIM and NMSE over the whole slice;
PSNR, SSIM, NMSE and correlation inside the brain and, where there are label maps, inside each structure. Models that
were evaluated are left alone unless their weights, cases or settings have changed. Exit code 1: some cases or models
failed, 2: all; they are listed.
"""


def parser() -> Parser:
    """Return the command line."""
    p = Parser(
        "hifisyn_evaluate",
        description="Measure trained models against simple baselines, or synthetic volumes against real scans.",
        epilog=EPILOG,
    )
    p.add_argument("synth", nargs="?", type=Path, help="folder of synthetic volumes CASE_T2.nii.gz")
    p.add_argument("truth", nargs="?", type=Path, help="folder of real scans of the same names")
    flags.OUTPUT.add(p, "tables and pictures; default: evaluation/ in SYNTH or the model")
    flags.OVERWRITE.add(p)
    p.add_argument(
        "--min-brain", type=float, metavar="SHARE", help="share of a slice that brain must cover (default: 0.02)"
    )
    volumes = p.add_argument_group("volumes")
    flags.MASKS.add(volumes, "default: the masks beside the volumes")
    flags.LABELS.add(volumes, "scores inside each structure")
    flags.REGISTER.add(volumes)
    model = p.add_argument_group("models")
    which = model.add_mutually_exclusive_group()
    flags.MODEL.add(which, "default: all models", nargs="+", action="extend")
    flags.DATASET.add(which, "default: all data sets", nargs="+", action="extend")
    flags.SPLIT.add(model, "default: test, or val where there is none")
    flags.add_weights(model, fold="every fold by itself; of one --model the first that exists", checkpoint="best")
    flags.RESULTS.add(model)
    flags.PREPROCESSED.add(model)
    flags.DEVICE.add(model)
    flags.REFERENCE.add(model, "default: HiFiSyn")
    flags.UNIT.add(model)
    flags.DRY_RUN.add(model)
    return p


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0: all done, 1: some cases failed, 2: all failed."""
    given = parser().parse_args(arguments)
    from hifisyn.api.evaluate import evaluate

    result = evaluate(**{key: value for key, value in vars(given).items() if value is not None})
    if result.text:
        log.info(result.text)
    code = close(result.failures, done=bool(result.folders))
    if result.text and len(result.folders) == 1:
        log.info(f"tables and pictures: {result.folders[0]}")
    if result.text and result.datasets:
        log.info("\n  ".join(["next:", *(f"hifisyn_report -d {name}" for name in result.datasets)]))
    return code


def close(failures: Sequence["Failure"], *, done: bool) -> int:
    """Log the cases that could not be compared, and return the exit code."""
    from hifisyn.evaluation.output_files import failure_lines

    if failures:
        log.warning(f"not compared ({len(failures)}):\n{failure_lines(failures)}")
    return outcome(done=done, failed=bool(failures))


if __name__ == "__main__":
    sys.exit(main(None))
