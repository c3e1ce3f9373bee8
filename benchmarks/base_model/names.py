"""How often the base model names the contrast of prepared real scans rightly, T1 with and without the agent as one.

usage: names.py WEIGHTS SLICES [SLICES ...]
"""

import argparse
import sys
from pathlib import Path

from cases import read_groups

from hifisyn.base.naming import NAME_OF, likeliest
from hifisyn.base.translate import BaseModel


def main() -> int:
    """Print a line for each scan that is not named rightly, and the counts of each group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("slices", type=Path, nargs="+")
    given = parser.parse_args()
    model = BaseModel.load(given.weights)
    for folder in given.slices:
        for group, cases in read_groups(folder).items():
            right = unsure = wrong = 0
            for case, contrast in [(one, contrast) for one in cases for contrast in one.images]:
                likely = model.name(case.images[contrast], case.pixel_mm)
                true, sure = NAME_OF[contrast], likeliest(likely)
                right += max(likely, key=lambda one: likely[one]) == true
                unsure += sure is None
                wrong += sure not in (None, true)
                if sure != true:
                    print(f"  {contrast}: " + ", ".join(f"{name} {value:.2f}" for name, value in likely.items()))
            scans = sum(len(case.images) for case in cases)
            print(
                f"{folder.name} {group}: likeliest right in {right} of {scans}; unsure {unsure}, surely wrong {wrong}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
