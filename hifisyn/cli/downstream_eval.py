"""hifisyn_downstream_eval: are synthetic scans as good as real ones for what comes after?"""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.evaluate import close
from hifisyn.cli.parser import Parser
from hifisyn.dataset import MODALITIES
from hifisyn.errors import UserError
from hifisyn.paths import parse_fold

if TYPE_CHECKING:
    from hifisyn.downstream.model_under_test import DownstreamSettings

log = logging.getLogger(__name__)

EPILOG = """examples:
  hifisyn_downstream_eval                              every task on every trained model, with an estimate first
  hifisyn_downstream_eval -d IXI --task tissue         CSF, GM and WM of synthetic T1 against real T1
  hifisyn_downstream_eval -d BRATS --task lesion augment --device cuda
  hifisyn_downstream_eval --dry-run                    only what would be done, and about how long it would take
  hifisyn_downstream_eval synth/ truth/ -o tissue/     tissue of two folders of volumes

tasks:
  tissue   the same tool (FSL FAST where installed, else Atropos) segments real and synthetic scans: Dice, volumes
  lesion   an nnU-Net trained on real scans segments real and synthetic scans: Dice and the gap
  augment  an nnU-Net trained on real scans, another on these and synthetic copies: Dice on real scans

Only cases that the models never saw count. Run again, it does what is missing or has changed. In folders, files pair
by name: synth/IXI012_T1.nii.gz, truth/IXI012_T1.nii.gz, labels/IXI012.nii.gz (CSF 1, GM 2, WM 3), and the brain mask
is synth/IXI012_T1_brain.nii.gz, as hifisyn_predict writes it. Exit code 1: something failed, 2: all; it is listed.
"""


def parser() -> Parser:
    """Return the command line."""
    p = Parser(
        "hifisyn_downstream_eval",
        description="Measure synthesis by what is done with it: tissue volumes, lesions, training data.",
        epilog=EPILOG,
    )
    what = p.add_argument_group("models and tasks")
    flags.DATASET.add(what, "default: all data sets", **flags.SEVERAL)
    flags.MODEL.add(what, "default: all models", **flags.SEVERAL)
    flags.TASK.add(what, "default: all tasks", nargs="+", default=[])
    flags.SPLIT.add(what, "default: test, or val where there is none")
    flags.FOLD.add(what, "default: the first that exists")
    flags.CHECKPOINT.add(what, "default: best")
    flags.DRY_RUN.add(what)
    flags.OVERWRITE.add(what)
    how = p.add_argument_group("tools and machine")
    flags.DEVICE.add(how)
    flags.PROCESSES.add(how, "tissue only; default: as many as fit")
    how.add_argument(
        "--tool", default="auto", choices=("auto", "fast", "atropos"), help="tissue tool; auto: FAST where installed"
    )
    how.add_argument(
        "--classes",
        default="auto",
        choices=("auto", "lesions", "tissues"),
        help="what an nnU-Net segments; auto: lesions where there are any",
    )
    _add_nnunet(p.add_argument_group("nnU-Net; default: its own length on a GPU, a small one on a CPU"))
    flags.add_roots(p, flags.RESULTS, flags.PREPROCESSED)
    folders = p.add_argument_group("two folders of volumes instead of models; tissue only")
    folders.add_argument(
        "synth", nargs="?", type=Path, help="folder of synthetic volumes CASE_T1.nii.gz and their masks"
    )
    folders.add_argument("truth", nargs="?", type=Path, help="folder of real scans of the same names")
    flags.OUTPUT.add(folders, "tables, maps and pictures; default: downstream_tissue/ in SYNTH")
    folders.add_argument("--modality", default="T1", choices=MODALITIES, help="contrast of the scans")
    flags.LABELS.add(folders, "exact tissue maps")
    flags.MASKS.add(folders, "default: the masks beside the synthetic volumes")
    flags.REGISTER.add(folders)
    return p


def _add_nnunet(group: flags.Container) -> None:
    group.add_argument("--nnunet-epochs", type=int, metavar="N", help="number of epochs (default: 1000, on a CPU 40)")
    group.add_argument("--nnunet-iterations", type=int, metavar="N", help="steps per epoch (default: 250, on a CPU 50)")
    group.add_argument(
        "--nnunet-folds", nargs="+", type=parse_fold, default=["all"], metavar="FOLD", help="all, or 0 to 4"
    )
    group.add_argument("--nnunet-size", choices=("full", "small"), help="small: an eighth of the channels")
    group.add_argument(
        "--nnunet-configuration", default="2d", choices=("2d", "3d_fullres"), help="nnU-Net's configuration"
    )
    flags.SEED.add(group)


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0: all done, 1: something failed, 2: all failed."""
    options = parser().parse_args(arguments)
    if options.synth is None:
        return _models(options)
    if options.truth is None or options.dataset or options.model:
        got = f"{options.synth} alone" if options.truth is None else "folders and models"
        raise UserError("two folders are needed, SYNTH and TRUTH, or models", got=got, hint="see -h")
    return _folders(options)


def _models(options: argparse.Namespace) -> int:
    from hifisyn.downstream import run, show
    from hifisyn.evaluation.output_files import failure_lines
    from hifisyn.paths import Roots

    roots = Roots.resolve(preprocessed=options.preprocessed, results=options.results)
    models, broken = run.models_of(roots, options.dataset, options.model)
    jobs, lost = run.list_jobs(models, _settings(options), roots, options.task)
    failures = [*broken, *lost]
    run.log_plan(jobs, overwrite=options.overwrite)
    done: list[run.FinishedJob] = []
    if not options.dry_run:
        done, failed = run.run(jobs, overwrite=options.overwrite)
        failures += failed
        for table in show.tables(done):
            log.info(f"\n{table.text()}")
    if failures:
        log.warning(f"failed ({len(failures)}):\n{failure_lines(failures)}")
    return outcome(done=bool(done) or options.dry_run, failed=bool(failures))


def _settings(options: argparse.Namespace) -> "DownstreamSettings":
    from hifisyn.downstream import nnunet_settings
    from hifisyn.downstream.model_under_test import DownstreamSettings
    from hifisyn.training.step import resolve_device

    device = str(resolve_device(options.device))
    nnunet = nnunet_settings.resolved(
        device,
        epochs=options.nnunet_epochs,
        iterations=options.nnunet_iterations,
        size=options.nnunet_size,
        folds=tuple(options.nnunet_folds),
        configuration=options.nnunet_configuration,
        seed=options.seed,
    )
    return DownstreamSettings(
        nnunet=nnunet,
        tool=options.tool,
        classes=options.classes,
        split=options.split,
        fold=options.fold,
        checkpoint=options.checkpoint,
        device=device,
        processes=options.processes,
    )


def _folders(options: argparse.Namespace) -> int:
    from hifisyn.downstream import tissue_of_folders as task
    from hifisyn.evaluation import output_files

    output = options.output or options.synth / "downstream_tissue"
    done = task.evaluate(
        options.synth,
        options.truth,
        output,
        modality=options.modality,
        masks=options.masks,
        labels=options.labels,
        tool=options.tool,
        register=options.register,
        overwrite=options.overwrite,
    )
    if not done.dataset.empty:
        log.info(output_files.mean_and_spread(done.dataset, [task.COMPARISON, "cases"], task.MEASURES, task.TITLES))
        log.info(f"tables, maps and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)


if __name__ == "__main__":
    sys.exit(main(None))
