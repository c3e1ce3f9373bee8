"""hifisyn_evaluate: trained models against their baselines, or synthetic volumes against true scans."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.parser import Parser
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure
    from hifisyn.evaluation.of_all_models import Item
    from hifisyn.inference.models import Model

EPILOG = """examples:
  hifisyn_evaluate                                 every trained model on its held-out cases, both directions, baselines
  hifisyn_evaluate -d IXI --dry-run                what that would do for one data set
  hifisyn_evaluate --model hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d    one model
  hifisyn_evaluate --fold 0 1 2 --tta              the mean of three folds, each slice seen at eight places
  hifisyn_evaluate synth/ truth/                   synth/IXI012_T2.nii.gz against truth/IXI012_T2.nii.gz
  hifisyn_evaluate synth/ truth/ --register        true scans on another grid are registered (rigid) first

Intensities are compared in [-1, 1] (data range 2), slice by slice: PSNR, SSIM, MS-SSIM and NMSE over the whole slice;
PSNR, SSIM, NMSE and correlation inside the brain and, where there are label maps, inside each structure. Of all models
only those are evaluated that were not yet, or whose weights, cases or settings have changed since. Exit code 1: some
cases or models failed, 2: all; they are listed.
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
    options = parser().parse_args(arguments)
    if options.synth is not None:
        return _volumes(options)
    if options.labels is not None:
        raise UserError("--labels: wanted two folders, SYNTH and TRUTH, beside it, found none; see -h")
    one = options.model is not None and len(options.model) == 1 and not options.dry_run
    return _model(options) if one else _all(options)


def _volumes(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import of_volumes, output_files
    from hifisyn.evaluation.measures import MIN_BRAIN

    if options.model is not None:
        raise UserError(f"wanted either --model or two folders, found both; leave out {options.synth}")
    if options.truth is None:
        raise UserError(f"wanted two folders, SYNTH and TRUTH, found {options.synth} only; see -h")
    output = options.output or options.synth / "evaluation"
    done = of_volumes.evaluate(
        options.synth,
        options.truth,
        output,
        masks=options.masks,
        labels=options.labels,
        register=options.register,
        min_brain=MIN_BRAIN if options.min_brain is None else options.min_brain,
        overwrite=options.overwrite,
    )
    if not done.dataset.empty:
        print(output_files.mean_and_spread(done.dataset, [of_volumes.MODALITY, "cases", "slices"]))
        print(f"tables and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)


def close(failures: Sequence["Failure"], *, done: bool) -> int:
    """Print the cases that could not be compared, and return the exit code."""
    from hifisyn.evaluation.output_files import failure_lines

    if failures:
        print(f"not compared ({len(failures)}):\n{failure_lines(failures)}", file=sys.stderr)
    return outcome(done=done, failed=bool(failures))


def _model(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import of_model, output_files
    from hifisyn.evaluation.against_baselines import DIRECTION, METHOD

    done, output = of_model.evaluate_model(
        options.model[0],
        options.preprocessed,
        options.output,
        split=options.split,
        fold=_folds(options),
        checkpoint=options.checkpoint,
        tta=options.tta,
        device=options.device,
        min_brain=options.min_brain,
        overwrite=options.overwrite,
    )
    for direction, table in done.dataset.groupby(DIRECTION, sort=False):
        print(f"{direction}\n{output_files.mean_and_spread(table, [METHOD, 'cases', 'slices'])}\n")
    if done.skipped:
        print(f"left out, since a contrast lacks: {', '.join(done.skipped)}", file=sys.stderr)
    print(f"tables and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)


def _all(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import model_list, of_all_models
    from hifisyn.paths import Roots

    if options.output is not None:
        raise UserError("-o: wanted one --model beside it, found several; each model holds its own evaluation")
    results = Roots.resolve(results=options.results).results
    there = model_list.datasets(results)
    if not options.model and (not there or not set(options.dataset or ()) <= set(there)):
        wanted = f" of {' and '.join(options.dataset)}" if options.dataset else ""
        raise UserError(
            f"{results}: wanted trained models{wanted}, found {', '.join(there) or 'none'}; train with "
            "hifisyn_train, name another folder with --results, or compare two folders, SYNTH and TRUTH"
        )
    models, broken = model_list.find(results, options.dataset or (), options.model or ())
    items = of_all_models.survey(
        models,
        options.preprocessed,
        split=options.split,
        fold=_folds(options),
        checkpoint=options.checkpoint,
        tta=options.tta,
        min_brain=options.min_brain,
        overwrite=options.overwrite,
    )
    if not items and not broken:
        raise UserError(
            f"{results}: wanted a model with weights of fold {' '.join(options.fold or '0')}, found none; train one"
        )
    items += _beside(models, options)
    print("\n".join(map(str, items)), flush=True)
    if options.dry_run:
        return close(broken, done=bool(items))
    done, failures = of_all_models.carry_out(items, options.device, lambda line: print(line, file=sys.stderr))
    for table in of_all_models.compared(done, reference=options.reference, unit=options.unit):
        print(f"\n{table.text()}")
    return close([*broken, *failures], done=bool(done))


def _folds(options: argparse.Namespace) -> "list[int | str] | None":
    from hifisyn.paths import parse_fold

    return None if options.fold is None else [parse_fold(fold) for fold in options.fold]


def _beside(models: "Sequence[Model]", options: argparse.Namespace) -> "list[Item]":
    """Return the evaluations of single folds that are there, where weights are evaluated together: to compare."""
    from hifisyn.evaluation import of_all_models

    if not (options.tta or len(options.fold or ()) > 1 or len(options.checkpoint or ()) > 1):
        return []
    single = of_all_models.survey(models, options.preprocessed, split=options.split, min_brain=options.min_brain)
    return [item for item in single if item.task and not item.why]
