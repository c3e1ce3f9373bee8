"""A cohort so small that preprocessing all of it takes a second, and what one needs to compare runs."""

import contextlib
import os
import sys
from pathlib import Path

from hifisyn.dataset import Dataset
from tests.cli.test_plan_and_preprocess import LABELS, write_case

SMALL = ["-d", "TOY", "--device", "cpu", "--cores", "1", "--minutes", "1"]


def make(raw, subjects="ABCD"):
    """Write the subjects and a held-out one, stripped, registered and labelled."""
    cases = {name: write_case(raw, name, seed) for seed, name in enumerate(subjects)}
    test = {"X": write_case(raw, "X", 9, test=True)}
    whole = Dataset("TOY", ("T1", "T2"), LABELS, cases, test, skull_stripped=True, registered=True, bias_corrected=True)
    whole.save(raw)


def words(root, out, *more, processes=1):
    """Return the command's words."""
    return [*SMALL, "--raw", str(root), "--preprocessed", str(out), "-np", str(processes), *more]


def in_new_group(arguments):
    """Run the command in a process group of its own, workers and all, and silently."""
    os.setsid()
    from hifisyn.cli.plan_and_preprocess import main

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        sys.exit(main(arguments))


def outputs(folder: Path) -> dict[str, bytes]:
    """Return all files of a preprocessed data set but the ledger; the times in them cut out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith("ledger/"):
            lines = path.read_bytes().split(b"\n")
            found[name] = b"\n".join(line for line in lines if not line.lstrip().startswith(b'"created"'))
    return found


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Return the names of the files that differ or that one side lacks."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
