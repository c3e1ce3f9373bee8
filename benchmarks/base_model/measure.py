"""The base model on prepared real slices: every direction, beside the baselines; lesions; confidence.

usage: measure.py WEIGHTS SLICES [--beside SLICES] [--mirror]

WEIGHTS is a file or the folder of a training, SLICES of prepare.py. In the brain, range 2, SSIM on x + 1, mean over
slices, then over visits, then over patients. Baselines and the means that are told are those of the other patients of
the same source, also of those that lie beside and are not measured; where there is no other, those of the patient
itself, which is said.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cases import Case, cohort_look, others, read_groups
from confidence import Confidence

from hifisyn import baselines
from hifisyn.base.contrasts import TARGETS, UNNAMED
from hifisyn.base.translate import BaseModel
from hifisyn.metrics import lesions
from hifisyn.metrics.image import correlation, finite_mean, psnr, ssim

MEASURES = (psnr, ssim, correlation)
TOLD, NOT_TOLD, NAMELESS = "base, told", "base", "base, unnamed"
WHITE, LESION, SLICE_MM = 3, 4, 4.0


def numbers(synthetic: np.ndarray, case: Case, target: str) -> list[float]:
    """Return PSNR, SSIM and correlation of a visit."""
    truth, brain = case.images[target][case.middle], case.brain[case.middle]
    return [finite_mean(measure(synthetic[case.middle], truth, mask=brain)) for measure in MEASURES]


class Direction:
    """What is found in one direction of one group."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target
        self.rows: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
        self.confidence = {NOT_TOLD: Confidence(), TOLD: Confidence()}
        self.signs: dict[str, list[float]] = defaultdict(list)
        self.bright: list[tuple[float, float]] = []

    def add(self, model: BaseModel, case: Case, rest: Sequence[Case], mirror: bool) -> None:
        """Measure a visit beside what is fitted on others."""
        source, target = case.images[self.source], self.target
        pairs = [(c.images[self.source], c.images[target], c.brain) for c in rest]
        fitted = baselines.fit([(c.images[target], c.brain) for c in rest], pairs)
        for name, answer in fitted.answers(source, case.brain).items():
            self.rows[name][case.patient].append(numbers(answer, case, target))
        asked = {
            NOT_TOLD: (self.source, None),
            NAMELESS: (UNNAMED, None),
            TOLD: (self.source, {target: cohort_look(rest, target)}),
        }
        for name, (slot, look) in asked.items():
            image, error = model.translate({slot: source}, case.pixel_mm, look, mirror=mirror)[target]
            self.rows[name][case.patient].append(numbers(image, case, target))
            if name in self.confidence:
                self.confidence[name].add(image, error, case.images[target], case.brain, case.middle)
                self._lesions(name, image, case)

    def _lesions(self, name: str, image: np.ndarray, case: Case) -> None:
        truth, lesion, white = case.images[self.target], case.labels == LESION, case.labels == WHITE
        if self.target == "FLAIR" and name == NOT_TOLD:
            voxel = case.pixel_mm**2 * SLICE_MM
            made, true = (lesions.bright_ml(one, case.brain, white, lesion, voxel) for one in (image, truth))
            self.bright.append((made, true))
        around = lesions.rim(lesion, white, case.pixel_mm)
        right = lesions.sign_right(*(lesions.contrast(one, lesion, around) for one in (image, truth)))
        if np.isfinite(right):
            self.signs[name].append(right)

    def lines(self) -> list[str]:
        """Return the table."""
        head = f"{self.source}->{self.target}"
        lines = []
        for name, patients in self.rows.items():
            p, s, r = np.mean([np.mean(visits, axis=0) for visits in patients.values()], axis=0)
            lines.append(f"  {head:10s} {name:28s} {p:5.1f} / {s:.3f} / {r:+.3f}")
        for name, confidence in self.confidence.items():
            if confidence.errors:
                lines.append(f"  {head:10s} {name:28s} {confidence.line()}")
        for name, right in self.signs.items():
            lines.append(f"  {head:10s} {name:28s} sign of the lesion right in {sum(right):.0f} of {len(right)}")
        if self.bright:
            made, true = np.mean(self.bright, axis=0)
            lines.append(f"  {head:10s} {NOT_TOLD:28s} bright outside the mask: {made:.1f} ml, truth {true:.1f} ml")
        return lines


def together(model: BaseModel, cases: Sequence[Case], mirror: bool) -> list[str]:
    """Return FLAIR from T1, from T2 and from both."""
    lines = []
    for given in (["T1"], ["T2"], ["T1", "T2"]):
        found: dict[str, list[list[float]]] = defaultdict(list)
        for case in cases:
            image, _ = model.translate({c: case.images[c] for c in given}, case.pixel_mm, mirror=mirror)["FLAIR"]
            found[case.patient].append(numbers(image, case, "FLAIR"))
        p, s, r = np.mean([np.mean(visits, axis=0) for visits in found.values()], axis=0)
        lines.append(f"  {'+'.join(given)} -> FLAIR: {p:.1f} / {s:.3f} / {r:+.3f}")
    return lines


def main() -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("slices", type=Path)
    parser.add_argument("--beside", type=Path, help="further cases, which baselines and means are fitted on too")
    parser.add_argument("--mirror", action="store_true", help="the mean of an image and its mirror image")
    given = parser.parse_args()
    model = BaseModel.load(given.weights)
    beside = read_groups(given.beside) if given.beside else {}
    for group, cases in read_groups(given.slices).items():
        print(f"{group}: {len(cases)} visits of {len({c.patient for c in cases})} patients")
        rest = {case.name: others(case, [*cases, *beside.get(group, [])]) for case in cases}
        if alone := [name for name, found in rest.items() if not found]:
            print(f"  baselines and means of the patient itself, a peek: {', '.join(alone)}")
        contrasts = [c for c in cases[0].images if c in TARGETS]
        for source in contrasts:
            for target in contrasts:
                if source != target:
                    direction = Direction(source, target)
                    for case in cases:
                        direction.add(model, case, rest[case.name] or [case], given.mirror)
                    print("\n".join(direction.lines()), flush=True)
        if {"T1", "T2", "FLAIR"} <= set(contrasts):
            print("\n".join(together(model, cases, given.mirror)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
