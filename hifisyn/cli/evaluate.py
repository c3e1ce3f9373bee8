"""hifisyn_evaluate: synthetic volumes against true scans, or a trained model against its rivals."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.cli.entry import command, outcome
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure

EPILOG = """examples:
  hifisyn_evaluate synth/ truth/                   synth/IXI012_T2.nii.gz against truth/IXI012_T2.nii.gz
  hifisyn_evaluate synth/ truth/ --register        true scans on another grid are registered (rigid) first
  hifisyn_evaluate --model hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d    held-out cases, both directions, rivals

Intensities are compared in [-1, 1] (data range 2), slice by slice: PSNR and SSIM over the whole slice and inside
the brain, correlation inside the brain. Exit code 1: some cases failed, 2: all; they are listed.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    p = argparse.ArgumentParser(
        "hifisyn_evaluate",
        description="Measure synthetic volumes against true scans, or a trained model against simple rivals.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("synth", nargs="?", type=Path, help="folder of synthetic volumes CASE_T2.nii.gz")
    p.add_argument("truth", nargs="?", type=Path, help="folder of true scans of the same names")
    p.add_argument("-o", "--output", type=Path, help="folder for tables and pictures (default: evaluation/ inside)")
    p.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")
    p.add_argument("--min-brain", type=float, help="share of a slice that brain must cover (default 0.02)")
    volumes = p.add_argument_group("volumes")
    volumes.add_argument("--masks", type=Path, help="folder of brain masks (default: those beside the volumes)")
    volumes.add_argument("--register", action="store_true", help="register true scans that lie on another grid")
    model = p.add_argument_group("model")
    model.add_argument("--model", type=Path, help="model folder: compare slices of cases that it never saw")
    model.add_argument("--split", choices=("test", "val"), help="which cases (default: test, or val if there is none)")
    model.add_argument("--fold", help="fold of the model (default: the first there is)")
    model.add_argument("--checkpoint", choices=("best", "final", "latest"), help="weights (default: best)")
    model.add_argument("--preprocessed", type=Path, help="folder of preprocessed data sets")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto)")
    return p


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0: all done, 1: some cases failed, 2: all failed."""
    options = parser().parse_args(arguments)
    if options.model is not None:
        if options.synth is not None:
            raise UserError(f"wanted either --model or two folders, found both; leave out {options.synth}")
        return _model(options)
    if options.synth is None or options.truth is None:
        raise UserError("wanted two folders, SYNTH and TRUTH, or --model FOLDER, found neither; see -h")
    return _volumes(options)


def _volumes(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import native, output_files
    from hifisyn.evaluation.image import MIN_BRAIN

    output = options.output or options.synth / "evaluation"
    done = native.evaluate(
        options.synth,
        options.truth,
        output,
        masks=options.masks,
        register=options.register,
        min_brain=MIN_BRAIN if options.min_brain is None else options.min_brain,
        overwrite=options.overwrite,
    )
    if not done.dataset.empty:
        print(output_files.mean_and_spread(done.dataset, [native.MODALITY, "cases", "slices"]))
        print(f"tables and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)


def close(failures: Sequence["Failure"], *, done: bool) -> int:
    """Print the cases that could not be compared, and return the exit code."""
    from hifisyn.evaluation.output_files import failure_lines

    if failures:
        print(f"not compared ({len(failures)}):\n{failure_lines(failures)}", file=sys.stderr)
    return outcome(done=done, failed=bool(failures))


def _model(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import model_space, output_files
    from hifisyn.paths import parse_fold

    done, output = model_space.evaluate_model(
        options.model,
        options.preprocessed,
        options.output,
        split=options.split,
        fold=None if options.fold is None else parse_fold(options.fold),
        checkpoint=options.checkpoint,
        device=options.device,
        min_brain=options.min_brain,
        overwrite=options.overwrite,
    )
    for direction, table in done.dataset.groupby(model_space.DIRECTION, sort=False):
        print(f"{direction}\n{output_files.mean_and_spread(table, [model_space.METHOD, 'cases', 'slices'])}\n")
    if done.skipped:
        print(f"left out, since a contrast lacks: {', '.join(done.skipped)}", file=sys.stderr)
    print(f"tables and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)
