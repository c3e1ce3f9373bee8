"""The flags of the commands: one spelling and one wording each; what nnU-Net has too, as nnU-Net spells it too."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.paths import parse_fold

Container = argparse._ActionsContainer


class Flag:
    """A flag as every command that takes it declares it.

    >>> parser = argparse.ArgumentParser()
    >>> FOLD.add(parser, note="several: their mean", nargs="+")
    >>> parser.parse_args(["-f", "0", "1"]).fold
    [0, 1]
    """

    def __init__(self, *names: str, help: str, **options: Any) -> None:
        self.names, self.help, self.options = names, help, options

    def add(self, container: Container, note: str = "", **options: Any) -> None:
        """Declare the flag.

        Args:
            container: parser or group that takes it.
            note: what holds in this command only, shown in brackets after the help.
            options: of `add_argument`, such as `nargs`, `default` and `required`.
        """
        words = f"{self.help} ({note})" if note else self.help
        container.add_argument(*self.names, help=words, **{**self.options, **options})


def at_least_one(text: str) -> int:
    """Read a number of things.

    Raises:
        argparse.ArgumentTypeError: it is no whole number, or less than 1.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1 (got {text})")
    return int(text)


SEVERAL: Mapping[str, Any] = {"nargs": "+", "action": "extend", "default": []}

# Folders
HEADS = Flag("--heads", type=Path, metavar="FOLDER", help="label maps of whole heads to simulate from")
RAW = Flag("--raw", type=Path, metavar="ROOT", help="folder of raw data sets (default: $hifisyn_raw)")
PREPROCESSED = Flag(
    "--preprocessed",
    type=Path,
    metavar="ROOT",
    help="folder of preprocessed data sets (default: $hifisyn_preprocessed)",
)
RESULTS = Flag(
    "--results",
    type=Path,
    metavar="ROOT",
    help="folder of trained models and their evaluations (default: $hifisyn_results)",
)
INPUT = Flag("-i", "--input", type=Path, metavar="PATH", help="folder or file to read")
OUTPUT = Flag("-o", "--output", type=Path, metavar="PATH", help="folder or file to write")
MASKS = Flag("--masks", type=Path, metavar="FOLDER", help="folder of brain masks")
LABELS = Flag("--labels", type=Path, metavar="FOLDER", help="folder of label maps CASE.nii.gz")

# Data sets, contrasts and cases
DATASET = Flag("-d", "--dataset", metavar="NAME", help="name of the data set")
SOURCE = Flag("--source", metavar="T1", help="contrast to start from")
TARGET = Flag("--target", metavar="T2", help="contrast to synthesise")
SPLIT = Flag("--split", choices=("test", "val"), help="held-out test cases or validation cases")
SUBJECTS_NUMBER = Flag("--subjects-number", type=int, metavar="N", help="number of subjects")
TEST_NUMBER = Flag("--test-number", type=int, metavar="N", help="number of held-out subjects")
SLICES = Flag("--slices", type=at_least_one, metavar="N", help="slices of each case")

# Plans
PLANS_NAME = Flag("-p", "--plans-name", default="plans", metavar="NAME", help="name of the plans")
SET = Flag("--set", **SEVERAL, metavar="KEY=VALUE", help="change settings of the plans")
METHOD = Flag("-tr", "--method", metavar="NAME", help="translation method, or package.module:Class")
CORES = Flag("--cores", type=int, metavar="N", help="CPU cores to plan for")
MINUTES = Flag("--minutes", type=float, metavar="M", help="training time to plan for")
SKULL_STRIP = Flag("--skull-strip", metavar="TOOL", help="tool that removes the skull")
STRIP_COMMAND = Flag(
    "--strip-command",
    metavar="TEMPLATE",
    help="program for --skull-strip command, as in 'ben --input {input} --output {mask}'",
)

# Trained models
MODEL = Flag("-m", "--model", type=Path, metavar="FOLDER", help="folder of a trained model")
FOLD = Flag("-f", "--fold", type=parse_fold, metavar="FOLD", help="fold of the cross-validation: fold0, 0 or all")
CHECKPOINT = Flag(
    "-chk", "--checkpoint", choices=("best", "final", "latest"), help="best by validation, final or latest weights"
)
TTA = Flag("--tta", action="store_true", help="average over shifts and mirror images of each slice; 8 times as long")
LOOK = Flag("--look", metavar="FILE", help="scan of another person that base is to make the target look like")
REFERENCE = Flag("--reference", metavar="MODEL", help="model that the others are tested against")
UNIT = Flag(
    "--unit",
    choices=("subject", "slice"),
    default="subject",
    help="unit of the tests; slice, as in the paper, flatters",
)
REGISTER = Flag("--register", action="store_true", help="register real scans that lie on another grid")
TASK = Flag("--task", choices=[task.value for task in DownstreamTask], help="downstream task")

# Training
EPOCHS = Flag("--epochs", type=int, metavar="N", help="number of epochs (default: by the plans)")
ITERATIONS = Flag("--iterations", type=int, metavar="N", help="steps per epoch (default: by the plans)")
SEED = Flag("--seed", type=int, default=0, metavar="N", help="seed of all random numbers")
SEEDS = Flag("--seeds", nargs="+", type=int, default=[0], metavar="N", help="seeds of the trainings")

# How a command runs
DEVICE = Flag(
    "--device", "-device", default="auto", metavar="DEVICE", help="compute device, such as cpu, cuda, cuda:1 or mps"
)
PRECISION = Flag(
    "--precision",
    default="auto",
    choices=("auto", "fp32", "bf16"),
    help="precision of the training; auto: bf16 on CUDA, else fp32",
)
WORKERS = Flag(
    "--workers", type=int, metavar="N", help="data loading processes of a training (default: 0 on a CPU, else up to 3)"
)
FORCE_LONG = Flag("--force-long", action="store_true", help="train even if it will take days")
PROCESSES = Flag("-np", "--processes", type=at_least_one, metavar="N", help="cases to process at the same time")
SCHEDULER = Flag("--scheduler", metavar="ADDRESS", help="address of a Dask cluster, such as tcp://node1:8786")
DRY_RUN = Flag("--dry-run", action="store_true", help="show what would be done, and stop")
OVERWRITE = Flag("--overwrite", action="store_true", help="replace earlier results")
RESUME = Flag(
    "--resume", "--continue", "--c", dest="resume", action="store_true", help="continue a run that was interrupted"
)


def add_roots(parser: argparse.ArgumentParser, *roots: Flag) -> None:
    """Declare where data sets and models lie."""
    group = parser.add_argument_group("folders")
    for root in roots:
        root.add(group)


def add_plan(group: Container) -> None:
    """Declare which plans are followed, and what is changed in them."""
    for flag in (PLANS_NAME, EPOCHS, ITERATIONS, SET):
        flag.add(group)


def add_machine(group: Container) -> None:
    """Declare what changes the speed of a training but not what it learns."""
    for flag in (DEVICE, PRECISION, WORKERS, FORCE_LONG):
        flag.add(group)


def add_weights(group: Container, *, fold: str, checkpoint: str) -> None:
    """Declare which weights of a model are applied; `fold` and `checkpoint` are the defaults in words."""
    FOLD.add(group, f"several: the mean of their predictions; default: {fold}", nargs="+")
    CHECKPOINT.add(group, f"several: the mean of their predictions; default: {checkpoint}", nargs="+")
    TTA.add(group)


def assignments(given: argparse.Namespace) -> tuple[str, ...]:
    """Return the `key=value` texts that `add_plan`'s flags ask for, but for --epochs."""
    each = [] if given.iterations is None else [f"length.iterations={given.iterations}"]
    return (*given.set, *each)
