"""hifisyn_evaluate: trained models against their baselines, or synthetic volumes against real scans."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.parser import Parser
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.engine.jobs import Failure
    from hifisyn.evaluation.of_all_models import PlannedEvaluation
    from hifisyn.inference.models import Model

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
    options = parser().parse_args(arguments)
    if options.synth is not None:
        return _evaluate_volumes(options)
    if options.labels is not None:
        raise UserError("--labels needs two folders, SYNTH and TRUTH", hint="see -h")
    if options.model is None or len(options.model) > 1:
        return _evaluate_all(options)
    return _plan_model(options) if options.dry_run else _evaluate_model(options)


def _evaluate_volumes(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import of_volumes, output_files
    from hifisyn.evaluation.measures import MIN_BRAIN

    if options.model is not None:
        raise UserError("--model and two folders exclude each other", hint=f"leave out {options.synth}")
    if options.truth is None:
        raise UserError("two folders are needed, SYNTH and TRUTH", got=f"{options.synth} only", hint="see -h")
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
        log.info(output_files.mean_and_spread(done.dataset, [of_volumes.MODALITY, "cases", "slices"]))
        log.info(f"tables and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)


def close(failures: Sequence["Failure"], *, done: bool) -> int:
    """Log the cases that could not be compared, and return the exit code."""
    from hifisyn.evaluation.output_files import failure_lines

    if failures:
        log.warning(f"not compared ({len(failures)}):\n{failure_lines(failures)}")
    return outcome(done=done, failed=bool(failures))


def _evaluate_model(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import of_model, output_files
    from hifisyn.evaluation.against_baselines import DIRECTION, METHOD

    done, output = of_model.evaluate_model(
        options.model[0], options.preprocessed, options.output, **_weights(options),
        device=options.device, overwrite=options.overwrite,
    )  # fmt: skip
    for direction, table in done.dataset.groupby(DIRECTION, sort=False):
        log.info(f"{direction}\n{output_files.mean_and_spread(table, [METHOD, 'cases', 'slices'])}\n")
    if done.skipped:
        log.warning(f"left out, since a contrast lacks: {', '.join(done.skipped)}")
    log.info(f"tables and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)


def _plan_model(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import of_all_models, output_files
    from hifisyn.evaluation.model_task import look_up

    task = look_up(options.model[0], options.preprocessed, options.output, **_weights(options))
    output_files.claim(task.output, options.overwrite)
    log.info(str(of_all_models.plan_task(task, overwrite=options.overwrite)))
    return 0


def _evaluate_all(options: argparse.Namespace) -> int:
    from hifisyn.evaluation import model_list, of_all_models
    from hifisyn.paths import Roots

    if options.output is not None:
        raise UserError("-o needs one --model", hint="leave it out: each model holds its own evaluation")
    results = Roots.resolve(results=options.results).results
    if not options.model:
        _check_datasets(results, options.dataset or ())
    models, broken = model_list.find(results, options.dataset or (), options.model or ())
    planned = of_all_models.survey(models, options.preprocessed, **_weights(options), overwrite=options.overwrite)
    if not planned and not broken:
        folds = " ".join(options.fold or "0")
        raise UserError(f"no model in {results} has weights of fold {folds}", hint="train one with hifisyn_train")
    planned += _single_folds(models, options)
    log.info("\n".join(map(str, planned)))
    if options.dry_run:
        return close(broken, done=bool(planned))
    done, failures = of_all_models.carry_out(planned, options.device)
    for table in of_all_models.compared(done, reference=options.reference, unit=options.unit):
        log.info(f"\n{table.text()}")
    return close([*broken, *failures], done=bool(done))


def _check_datasets(results: Path, requested: Sequence[str]) -> None:
    """Check that there are trained models, of each of the data sets.

    Raises:
        UserError: there are none.
    """
    from hifisyn.evaluation.model_list import datasets

    trained = datasets(results)
    if not trained or not set(requested) <= set(trained):
        raise UserError(
            f"{results} must hold trained models" + (f" of {' and '.join(requested)}" if requested else ""),
            got=f"models of {', '.join(trained)}" if trained else "none",
            hint="train with hifisyn_train, pass another --results, or compare two folders, SYNTH and TRUTH",
        )


def _weights(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that say which weights are evaluated on which slices."""
    from hifisyn.paths import parse_fold

    return {
        "split": options.split,
        "fold": None if options.fold is None else [parse_fold(fold) for fold in options.fold],
        "checkpoint": options.checkpoint,
        "tta": options.tta,
        "min_brain": options.min_brain,
    }


def _single_folds(models: "Sequence[Model]", options: argparse.Namespace) -> "list[PlannedEvaluation]":
    """Return the existing evaluations of single folds, to compare with, where weights are evaluated together."""
    from hifisyn.evaluation import of_all_models

    if not (options.tta or len(options.fold or ()) > 1 or len(options.checkpoint or ()) > 1):
        return []
    single = of_all_models.survey(models, options.preprocessed, split=options.split, min_brain=options.min_brain)
    return [one for one in single if one.task and not one.why]
