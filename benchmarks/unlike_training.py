"""How often a sound scan is said to look unlike the training, and how often a damaged or misnamed one is.

    python -m benchmarks.unlike_training --scans FOLDER -o OUT

FOLDER holds lgg/train/PATIENT, lgg/val/PATIENT (t1, t1c, flair) and ms_raw/patientNN (study*_T1W, _T2W, _FLAIR). Each
scan is prepared as hifisyn_predict prepares it, as it is and damaged; its numbers go to OUT/numbers.jsonl, where a
second run goes on. The table is made of these: every scan is held against all other patients' scans of its cohort, and
against only three or ten of them.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.base.shipped import shipped
from hifisyn.engine.resources import one_itk_thread
from hifisyn.errors import UserError
from hifisyn.inference.unlike import numbers_of, unlike
from hifisyn.plans import Plans, SlicePlan
from hifisyn.preprocessing.brain import extract, nonzero
from hifisyn.preprocessing.prepare import prepare_source
from hifisyn.training.likeness import Look, Trait
from hifisyn.volume import Volume

CONTRASTS = {
    "lgg": {"T1": "t1", "T1ce": "t1c", "FLAIR": "flair"},
    "ms": {"T1": "T1W", "T2": "T2W", "FLAIR": "FLAIR"},
}
SLICES = {"lgg": SlicePlan(size=96, crop=96, pixel_mm=2.45), "ms": SlicePlan(size=112, crop=112, pixel_mm=2.0)}
EVERY = 7  # a glioma patient that is damaged too, and the first visit of every other
SIZES = (3, 10)
REPEATS = 3
SOUND = "sound"
RNG = np.random.default_rng

Damage = Callable[[Volume, Volume], tuple[Volume, Volume]]
Row = dict[str, Any]


@dataclass(frozen=True)
class RealScan:
    """A scan of a patient."""

    cohort: str
    patient: str
    visit: str
    contrast: str
    file: Path


def scans(folder: Path) -> Iterator[RealScan]:
    """Yield every scan of the two cohorts."""
    for part in ("train", "val"):
        for path in sorted((folder / "lgg" / part).glob("*/")):
            for contrast, name in CONTRASTS["lgg"].items():
                yield RealScan("lgg", path.name, path.name, contrast, path / f"{name}.nii.gz")
    for path in sorted((folder / "ms_raw").glob("patient*/")):
        for study in ("study1", "study2"):
            for contrast, name in CONTRASTS["ms"].items():
                file = path / f"{study}_{name}.nii.gz"
                if file.exists():
                    yield RealScan("ms", path.name, f"{path.name}_{study}", contrast, file)


def with_data(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Damage:
    """Return a damage that changes intensities; it gets them and those of the brain."""

    def damage(scan: Volume, brain: Volume) -> tuple[Volume, Volume]:
        data = scan.data.astype(np.float32)
        return scan.with_data(change(data, data[brain.data > 0]).astype(np.float32)), brain

    return damage


def scaled(factor: float) -> Damage:
    """Return a damage that claims voxels of another size."""

    def damage(scan: Volume, brain: Volume) -> tuple[Volume, Volume]:
        affine = scan.affine @ np.diag([factor, factor, factor, 1.0])
        return Volume(scan.data, affine), Volume(brain.data, affine)

    return damage


def upper_part(scan: Volume, brain: Volume) -> tuple[Volume, Volume]:
    """Keep the upper third of the brain."""
    up, mask = scan.canonical(), brain.canonical()
    places = np.flatnonzero((mask.data > 0).any(axis=(0, 1)))
    first = int(places[0] + 2 * len(places) / 3)
    affine = up.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    return Volume(up.data[:, :, first:], affine), Volume(mask.data[:, :, first:], affine)


def whole_head(scan: Volume, brain: Volume) -> tuple[Volume, Volume]:
    """Take the head for its brain, as --stripped does of a scan with a skull."""
    try:
        return scan, nonzero(scan)
    except UserError:
        low = np.percentile(scan.data, 40)
        return scan, scan.with_data(ndimage.binary_fill_holes(scan.data > low).astype(np.uint8))


def noisy(data: np.ndarray, brain: np.ndarray) -> np.ndarray:
    noise = RNG(0).normal(0, 0.25 * np.percentile(brain, 99), (2, *data.shape))
    return np.asarray(np.hypot(data + noise[0], noise[1]))


DAMAGES: dict[str, Damage] = {
    "inverted": with_data(lambda data, brain: np.where(data > 0, np.percentile(brain, 99.5) - data, 0).clip(0)),
    "offset of 3 times the brain": with_data(lambda data, brain: data + 3 * np.percentile(brain, 99)),
    "clipped at the median": with_data(lambda data, brain: data.clip(0, np.median(brain))),
    "third power": with_data(lambda data, brain: (data / np.percentile(brain, 99.5)) ** 3),
    "wrapped at the median": with_data(lambda data, brain: np.mod(data, np.median(brain))),
    "noise of 25 %": with_data(noisy),
    "smoothed, 3 voxels": with_data(lambda data, brain: ndimage.gaussian_filter(data, (3, 3, 1))),
    "voxels twice as large": scaled(2.0),
    "voxels half as large": scaled(0.5),
    "upper third of the brain": upper_part,
    "whole head as brain": whole_head,
}


def measure(scan: RealScan, damages: Mapping[str, Damage | None]) -> Iterator[Row]:
    """Yield the numbers of a scan, as it is or damaged."""
    volume = Volume.load(scan.file)
    brain = extract(volume)[0]
    for name, damage in damages.items():
        row: Row = {"cohort": scan.cohort, "patient": scan.patient, "visit": scan.visit, "contrast": scan.contrast}
        try:
            changed, mask = damage(volume, brain) if damage else (volume, brain)
            plans = Plans(dataset="X", modalities=("T1",), labels={"background": 0}, slices=SLICES[scan.cohort])
            prepared = prepare_source(changed, scan.contrast, plans, mask=mask)
            likely = shipped().name(prepared.slices, plans.slices.pixel_mm)
            yield row | {"damage": name, "numbers": numbers_of(prepared, scan.contrast), "likely": likely}
        except UserError as error:
            yield row | {"damage": name, "refused": str(error)}


def damaged_visits(everyone: list[RealScan]) -> set[str]:
    """Return the visits whose scans are damaged too."""
    gliomas = list(dict.fromkeys(scan.visit for scan in everyone if scan.cohort == "lgg"))
    first = {scan.patient: scan.visit for scan in reversed(everyone) if scan.cohort == "ms"}
    return {*gliomas[::EVERY], *first.values()}


def looks(rows: list[Row], row: Row, contrast: str, size: int | None, seed: int) -> Look:
    """Return how the scans of other patients look, of all or some."""
    own = [r for r in rows if r["cohort"] == row["cohort"] and r["damage"] == SOUND and r["contrast"] == contrast]
    others = [r for r in own if r["patient"] != row["patient"]]
    if size is not None:
        others = [others[place] for place in RNG([seed, size]).permutation(len(others))[:size]]
    return Look.of([r["numbers"] for r in others])


def judged(rows: list[Row], row: Row, contrast: str, size: int | None = None, seed: int = 0) -> tuple[str, ...]:
    """Return in what a scan is unlike, given under the name of a contrast."""
    if "refused" in row:
        return ("refused",)
    known = {other: looks(rows, row, other, size, seed) for other in CONTRASTS[row["cohort"]]}
    return unlike(known, row["numbers"], row["likely"], contrast)


def show(rows: list[Row]) -> None:
    sound = [row for row in rows if row["damage"] == SOUND]
    print(f"{'sound scans':<44}{'scans':>7}{'alarms':>8}   of what")
    for cohort in CONTRASTS:
        own = [row for row in sound if row["cohort"] == cohort]
        sizes = [None, *(size for size in SIZES if cohort == "lgg")]
        for size in sizes:
            seeds = range(REPEATS if size else 1)
            found = [judged(rows, row, row["contrast"], size, seed) for row in own for seed in seeds]
            line(f"{cohort}, against {size or 'all'} others", found)
    print(f"\n{'damaged or misnamed':<44}{'scans':>7}{'alarms':>8}   of what")
    for name in DAMAGES:
        line(name, [judged(rows, row, row["contrast"]) for row in rows if row["damage"] == name])
    for cohort, names in CONTRASTS.items():
        for true in names:
            for told in names:
                if told != true:
                    own = [row for row in sound if row["cohort"] == cohort and row["contrast"] == true]
                    line(f"{cohort}: {true} named {told}", [judged(rows, row, told) for row in own])


def line(title: str, found: list[tuple[str, ...]]) -> None:
    alarms = [one for one in found if one]
    counts = {trait: sum(trait in one for one in alarms) for trait in ("refused", *Trait)}
    what = ", ".join(f"{trait} {count}" for trait, count in counts.items() if count)
    share = len(alarms) / len(found) if found else 0
    print(f"{title:<44}{len(found):>7}{share:>8.1%}   {what}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    one_itk_thread()
    given.output.mkdir(parents=True, exist_ok=True)
    file = given.output / "numbers.jsonl"
    rows = [json.loads(text) for text in file.read_text().splitlines()] if file.exists() else []
    done = {(row["visit"], row["contrast"], row["damage"]) for row in rows}
    everyone = list(scans(given.scans))
    some = [scan for scan in everyone if scan.visit in damaged_visits(everyone)]
    work: list[tuple[RealScan, Mapping[str, Damage | None]]] = [(scan, {SOUND: None}) for scan in everyone]
    work += [(scan, DAMAGES) for scan in some]
    for scan, damages in work:
        left = {name: one for name, one in damages.items() if (scan.visit, scan.contrast, name) not in done}
        if left:
            found = list(measure(scan, left))
            with file.open("a") as out:
                out.writelines(json.dumps(row) + "\n" for row in found)
            rows += found
            print(scan.visit, scan.contrast, f"{len(found)} prepared", file=sys.stderr, flush=True)
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
