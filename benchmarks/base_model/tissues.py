"""Tissues of synthetic T1 by Atropos against those of the true T1: Dice, beside the histogram match.

usage: tissues.py WEIGHTS SLICES     (as measure.py)
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from cases import Case, others, read_groups

from hifisyn import baselines
from hifisyn.base.translate import BaseModel
from hifisyn.errors import UserError
from hifisyn.preprocessing.tissue import segment
from hifisyn.volume import Volume

SLICE_MM = 3.0
TISSUES = {"CSF": 1, "GM": 2, "WM": 3}


def tissues(image: np.ndarray, case: Case) -> np.ndarray:
    """Return Atropos' classes of a stack, (S, H, W); 0 where lesions are."""
    affine = np.diag([case.pixel_mm, case.pixel_mm, SLICE_MM, 1.0])
    volume = Volume(np.ascontiguousarray(image.transpose(1, 2, 0)), affine)
    brain, lesion = (np.ascontiguousarray(m.transpose(1, 2, 0)) for m in (case.brain, case.labels == 4))
    return segment(volume, brain, "T1", lesion=lesion).transpose(2, 0, 1)


def dice(one: np.ndarray, other: np.ndarray) -> list[float]:
    """Return the Dice of each tissue."""
    pairs = [(one == value, other == value) for value in TISSUES.values()]
    return [float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1)) for a, b in pairs]


def main() -> int:
    """Print a line for each source and group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("slices", type=Path)
    given = parser.parse_args()
    model = BaseModel.load(given.weights)
    for group, cases in read_groups(given.slices).items():
        for source in (c for c in cases[0].images if c != "T1"):
            found: dict[str, list[list[float]]] = {"base": [], "histogram match": []}
            for case in cases:
                truth = tissues(case.images["T1"], case)
                images = {"base": model.translate({source: case.images[source]}, case.pixel_mm)["T1"][0]}
                if rest := others(case, cases):
                    fitted = baselines.fit([(c.images["T1"], c.brain) for c in rest])
                    answers = fitted.answers(case.images[source], case.brain)
                    images["histogram match"] = answers[baselines.HISTOGRAM]
                for name, image in images.items():
                    try:
                        found[name].append(dice(tissues(image, case), truth))
                    except UserError:
                        found[name].append([0.0, 0.0, 0.0])
            for name, rows in found.items():
                if rows:
                    means = "  ".join(f"{t} {d:.3f}" for t, d in zip(TISSUES, np.mean(rows, axis=0), strict=True))
                    print(f"{group} T1 from {source:6s} {name:16s} {means}  ({len(rows)} visits)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
