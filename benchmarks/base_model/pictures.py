"""A sheet of real slices: what went in, what came out, and the truth.

usage: pictures.py WEIGHTS SLICES OUT.png [--cases NAME ...] [--source T1] [--target FLAIR]
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from cases import read_groups

from hifisyn.base.translate import BaseModel
from hifisyn.pictures import sheet


def main() -> int:
    """Write the sheet; the slice of each case that has most lesion, else the middle one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("slices", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", nargs="+", default=[])
    parser.add_argument("--source", default="T1")
    parser.add_argument("--target", default="FLAIR")
    given = parser.parse_args()
    model = BaseModel.load(given.weights)
    source, target = given.source, given.target
    names = (source, f"synthetic {target}", f"true {target}", "expected error")
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    cases = [case for members in read_groups(given.slices).values() for case in members]
    for case in cases:
        if given.cases and case.name not in given.cases:
            continue
        lesion = (case.labels == 4).sum(axis=(1, 2)) * case.middle
        at = int(lesion.argmax()) if lesion.any() else len(lesion) // 2
        image, error = model.translate({source: case.images[source]}, case.pixel_mm)[target]
        for name, stack in zip(names, (case.images[source], image, case.images[target], 4 * error - 1), strict=True):
            side = 112 - stack.shape[1]
            columns[name].append(np.pad(stack[at], side // 2, constant_values=-1))
    whole = {name: np.clip(np.stack(column), -1, 1) for name, column in columns.items()}
    sheet(given.out, whole, title=f"{target} from {source}", slices=range(len(columns[source])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
