"""Real scans as slices, by the product's own pipeline, for `measure.py`.

usage: prepare.py --scans FOLDER -o OUT CASE [CASE ...]

FOLDER holds `lgg/train/PATIENT`, `lgg/val/PATIENT`, `ms_raw/patientNN` and `ms_mni/patientNN`; a CASE is one of these
paths. Gliomas are cut to 96 x 96 pixels of 2.45 mm, the others to 112 x 112 of 2 mm; a visit becomes a file.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.engine.resources import one_itk_thread
from hifisyn.plans import Plans, PreprocessingPlan, SlicePlan
from hifisyn.preprocessing.align import align_case
from hifisyn.preprocessing.extract_slices import extract_slices
from hifisyn.volume import Volume

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
RAW = {"T1": "T1W", "T2": "T2W", "FLAIR": "FLAIR"}


@dataclass(frozen=True)
class Visit:
    """One visit's files, and how they are cut."""

    name: str
    images: dict[str, Path]
    lesions: Path | None
    registration: str
    pixel_mm: float
    crop: int


def visits(folder: Path, case: str) -> Iterator[Visit]:
    """Yield the visits of a case."""
    path, name = folder / case, case.replace("/", "_")
    if case.startswith("lgg/"):
        images = {"T1": path / "t1.nii.gz", "FLAIR": path / "flair.nii.gz"}
        yield Visit(name, images, path / "tumour_mask.nii.gz", "none", 2.45, 96)
    elif case.startswith("ms_mni/"):
        images = {contrast: path / f"{contrast}.nii.gz" for contrast in RAW}
        yield Visit(name, images, path / "GOLD_STANDARD.nii.gz", "none", 2.0, 112)
    else:
        for study in ("study1", "study2"):
            images = {contrast: path / f"{study}_{file}.nii.gz" for contrast, file in RAW.items()}
            if images["T1"].exists():
                yield Visit(f"{name}_{study}", images, None, "rigid", 2.0, 112)


def cut(visit: Visit, out: Path) -> tuple[int, ...]:
    """Write the slices of a visit; return their shape."""
    plan = PreprocessingPlan(registration=visit.registration, reference="T1")
    slices = SlicePlan(size=visit.crop, crop=visit.crop, pixel_mm=visit.pixel_mm)
    plans = Plans(dataset="X", modalities=tuple(visit.images), labels=LABELS, slices=slices, preprocessing=plan)
    images = {contrast: Volume.load(path) for contrast, path in visit.images.items()}
    label = None
    if visit.lesions:
        lesions = Volume.load_labels(visit.lesions)
        label = lesions.with_data((np.asarray(lesions.data) > 0).astype(np.uint8) * LABELS["lesion"])
    aligned = align_case(images, plan, label=label, labels=LABELS)
    case = extract_slices(aligned, plans)
    arrays = {f"im_{contrast}": image for contrast, image in case.images.items()}
    training = np.array(case.training)
    np.savez_compressed(out, brain=case.brain, label=case.label, training=training, pixel=visit.pixel_mm, **arrays)
    return case.brain.shape


def main() -> int:
    """Prepare the cases that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("cases", nargs="+")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    one_itk_thread()
    for visit in (visit for case in given.cases for visit in visits(given.scans, case)):
        out = given.output / f"{visit.name}.npz"
        if not out.exists():
            begun = time.monotonic()
            print(visit.name, cut(visit, out), f"{time.monotonic() - begun:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
