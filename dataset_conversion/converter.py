"""What every converter is and returns. A converter makes scans as they lie on disk into a raw data set."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import Dataset


@dataclass(frozen=True)
class LeftOut:
    """A file that did not make it into the data set, and why."""

    case: str
    file: Path
    reason: str


@dataclass(frozen=True)
class Conversion:
    """A data set as written, what it lacks, and what is odd about it, a line each."""

    dataset: Dataset
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Converter:
    """One kind of source, as the command line offers it.

    Attributes:
        name: subcommand.
        summary: one line of help.
        dataset_name: name of the data set where the user gives none.
        add_arguments: declares the converter's own options; must not import anything heavy.
        convert: (raw folder of the data set, parsed arguments) -> what was written. The arguments always have
            `name` and `overwrite`.
        examples: what to type, shown below the help.
        simulated: it generates its cases, so it takes --subjects-number, --test-number, --seed and --processes.
    """

    name: str
    summary: str
    dataset_name: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    convert: Callable[[Path, argparse.Namespace], Conversion]
    examples: str = ""
    simulated: bool = False
