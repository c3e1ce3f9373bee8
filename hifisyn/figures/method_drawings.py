"""Drawings of HiFi-Syn for the documentation, made from a plan, so that every number in them is the plan's.

python -m hifisyn.figures.method_drawings                              of the preset paper, for a cohort like IXI
python -m hifisyn.figures.method_drawings --plans plans.json -o here   of a plan of your own
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hifisyn.errors import UserError
from hifisyn.figures.framework_drawing import framework_drawing
from hifisyn.figures.slots_drawing import slots_drawing
from hifisyn.files import write_text
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning import planner
from hifisyn.planning.size_rules import FULL_SIZE_DEVICE
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.settings import checked

IMAGES = Path("documentation/images")
DRAWINGS = {"hifisyn_framework.svg": framework_drawing, "hifisyn_slots.svg": slots_drawing}
VOLUMES_ML = {"background": 3000.0, "CSF": 300.0, "GM": 700.0, "WM": 500.0}
LIKE_IXI: Mapping[str, Any] = {
    "dataset": "IXI",
    "digest": "",
    "modalities": ["T1", "T2"],
    "labels": {name: value for value, name in enumerate(VOLUMES_ML)},
    "subjects": 60,
    "settings": PreprocessingPlan().model_dump(mode="json"),
    "geometry": {"spacing_mm": {"median": [1.0, 1.0, 1.0]}, "brain_box_mm": {"max": [140.0, 175.0, 130.0]}},
    "intensities": {"T1": {"span": {"median": 1.0}}, "T2": {"span": {"median": 1.0}}},
    "structures": {name: {"cases": 60, "median_ml": volume} for name, volume in VOLUMES_ML.items()},
}


def published() -> Plans:
    """Return the plan of the preset paper for a cohort like IXI."""
    return planner.plan(LIKE_IXI, FULL_SIZE_DEVICE, HiFiSyn, preset="paper")


def drawings(plans: Plans) -> dict[str, str]:
    """Return the SVG of each drawing by the name of its file.

    Raises:
        UserError: the plan is of another method, or has no bank.
    """
    if plans.method != HiFiSyn.TITLE or not checked(HiFiSynSettings, plans.settings, within="settings").memory.total:
        raise UserError("the plan must be of HiFiSyn with a memory bank", got=plans.method, hint="choose other --plans")
    return {name: draw(plans) for name, draw in DRAWINGS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the drawings."""
    parser = argparse.ArgumentParser(prog="python -m hifisyn.figures.method_drawings", description=__doc__)
    parser.add_argument("--plans", type=Path, metavar="FILE", help="plans.json (default: the preset paper, like IXI)")
    parser.add_argument("-o", "--output", type=Path, default=IMAGES, metavar="FOLDER", help=f"default: {IMAGES}")
    given = parser.parse_args(arguments)
    for name, text in drawings(Plans.load(given.plans) if given.plans else published()).items():
        write_text(given.output / name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
