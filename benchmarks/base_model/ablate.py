"""What each part of the simulation is worth: small base models that lack one each, on prepared real slices.

usage: ablate.py SLICES -o OUT [--heads LABEL_MAPS] [--steps N] [--only NAME ...]

Each is trained once (width 12, 43 heads, 1000 steps, seed 0) and kept in OUT; a training that is complete is only
measured. Not told, mean over directions: gliomas and multiple sclerosis apart. Differences of one seed under .015 in
SSIM or .02 in correlation say nothing.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from cases import Case, read_groups
from lesions import bright_volume, contrast_of_lesion
from measure import SIGNED, numbers

from hifisyn.base.contrasts import TARGETS, UNNAMED
from hifisyn.base.pretrain import pretrain
from hifisyn.base.run import Request
from hifisyn.base.settings import BaseSettings
from hifisyn.base.translate import BaseModel
from hifisyn.base.weights import WEIGHTS
from hifisyn.settings import checked, override

SMALL = ("width=12", "precision=bfloat16", "simulation.heads=43", "every=300")
VARIANTS: dict[str, tuple[str, ...]] = {
    "all": (),
    "no lesions": ("simulation.lesions=false",),
    "no physics": ("simulation.physics=false",),
    "no random contrasts": ("inputs.strange=0",),
    "phantom heads": (),
    "no neighbours": ("inputs.alone=1",),
    "never told": ("inputs.untold=1",),
}
PHANTOM = "phantom heads"


def train(name: str, out: Path, maps: Path | None, steps: int) -> BaseModel:
    """Return the base model that lacks something, trained where it is not there yet."""
    folder = out / name.replace(" ", "_")
    if not (folder / WEIGHTS).exists():
        words = [*SMALL, *VARIANTS[name], f"steps={steps}"]
        settings = checked(BaseSettings, override(BaseSettings().model_dump(mode="json"), words), "variant")
        own = name == PHANTOM or "simulation" in "".join(VARIANTS[name])
        heads = folder / "heads" if own else out / "heads"
        pretrain(Request(folder, settings, None if name == PHANTOM else maps, heads=heads, device="cpu"))
    return BaseModel.load(folder)


def row(model: BaseModel, cases: list[Case]) -> str:
    """Return SSIM / correlation with and without the name, right signs of lesions, and false bright volume."""
    named, nameless, signs, bright = [], [], [], []
    for case in cases:
        for source in case.images:
            made = model.translate({source: case.images[source]}, case.pixel_mm)
            blind = model.translate({UNNAMED: case.images[source]}, case.pixel_mm)
            for target in (t for t in case.images if t in TARGETS and t != source):
                named.append(numbers(made[target][0], case, target)[1:])
                nameless.append(numbers(blind[target][0], case, target)[1:])
                true = contrast_of_lesion(case.images[target], case)
                if true is not None and abs(true) > SIGNED:
                    signs.append(np.sign(contrast_of_lesion(made[target][0], case)) == np.sign(true))
                if target == "FLAIR":
                    bright.append([bright_volume(image, case) for image in (made[target][0], case.images[target])])
    (s, r), (s0, r0), (b, b0) = (np.mean(found, axis=0) for found in (named, nameless, bright))
    lesions = f"{sum(signs)} of {len(signs)}" if signs else "-"
    return f"{s:.3f} / {r:.3f} | {s0:.3f} / {r0:.3f} | {lesions} | {b:.1f} ({b0:.1f})"


def main() -> int:
    """Print a table of each group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slices", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--heads", type=Path, help="label maps")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    given = parser.parse_args()
    models = {name: train(name, given.output, given.heads, given.steps) for name in given.only}
    for group, cases in read_groups(given.slices).items():
        print(f"{group}, {len(cases)} visits | SSIM / r | without the name | sign of lesions | bright, ml (true)")
        for name, model in models.items():
            print(f"{name} | {row(model, cases)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
