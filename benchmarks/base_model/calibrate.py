"""Write into a base model's weights what brings the errors that it expects to those that it makes on prepared slices.

usage: calibrate.py WEIGHTS SLICES OUT.safetensors     (SLICES: scans that may be trained on, of no test)
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from cases import read_groups
from confidence import Confidence

from hifisyn.base import weights
from hifisyn.base.contrasts import TARGETS
from hifisyn.base.translate import BaseModel


def main() -> int:
    """Measure factor and least error of each direction, all visits together, and write the weights with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("slices", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    read = weights.read(given.weights)
    model = replace(BaseModel.load(given.weights), calibration={})
    found: dict[str, dict[str, Confidence]] = defaultdict(lambda: defaultdict(Confidence))
    for cases in read_groups(given.slices).values():
        for case in cases:
            for source in (c for c in case.images if c in TARGETS):
                made = model.translate({source: case.images[source]}, case.pixel_mm)
                for target in (c for c in case.images if c in TARGETS and c != source):
                    found[source][target].add(*made[target], case.images[target], case.brain, case.middle)
    lines = {s: {t: c.calibration() for t, c in of.items()} for s, of in found.items()}
    for source, of in lines.items():
        print(source, of)
    print(weights.write(given.out, read.network, read.card, lines, read.naming))
    return 0


if __name__ == "__main__":
    sys.exit(main())
