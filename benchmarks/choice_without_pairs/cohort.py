"""A cohort that `hifisyn_train` takes, from the glioma slices that `benchmarks/base_model/prepare.py` cut.

usage: cohort.py PREPARED --preprocessed FOLDER [--name LGG] [--size 64]

Slices are made smaller to `--size` pixels a side. Patients are shuffled with a fixed seed and make four folds to
validate on; none is held out.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from skimage.transform import resize

from hifisyn.files import write_json
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.device import Device
from hifisyn.planning.planner import for_method
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
CONTRASTS = ("FLAIR", "T1")
FOLDS = 4
DEVICE = Device("cpu", 16.0, 1, 4.0)


def write_cohort(prepared: Path, folder: Path, name: str, size: int) -> int:
    """Write slices, splits, plans and dataset.json; return the number of cases."""
    files = sorted(prepared.glob("lgg_train_*.npz"))
    cases = [file.stem for file in files]
    store = SliceStore(folder / "plans_2d")
    pixels = [write_case(store, file, size) for file in files]
    drawn = np.random.default_rng(0).permutation(cases).tolist()
    folds = [{"train": sorted(set(cases) - set(drawn[n::FOLDS])), "val": sorted(drawn[n::FOLDS])} for n in range(FOLDS)]
    write_json(folder / "splits_final.json", {"test": [], "folds": folds})
    about = {"modalities": CONTRASTS, "labels": LABELS, "dataset": name}
    slices = {"size": size, "crop": size, "pixel_mm": pixels[0]}
    shared = Plans.checked(about | {"slices": slices, "preprocessing": {"reference": "T1"}}, "cohort")
    structures = {tissue: {"cases": len(cases), "median_ml": 100.0} for tissue in LABELS}
    fingerprint = about | {"digest": "", "structures": structures}
    for_method(shared, HiFiSyn, HiFiSyn.TITLE, fingerprint, DEVICE).save(folder / "plans.json")
    write_json(folder / "dataset_fingerprint.json", fingerprint)
    images = {case: {"images": [f"imagesTr/{case}_{contrast}.nii.gz" for contrast in CONTRASTS]} for case in cases}
    head = {"name": name, "channel_names": dict(enumerate(CONTRASTS)), "labels": LABELS, "file_ending": ".nii.gz"}
    write_json(
        folder / "dataset.json",
        head | {"numTraining": len(cases), "subjects": {case: case for case in cases}, "dataset": images},
    )
    return len(cases)


def write_case(store: SliceStore, file: Path, size: int) -> float:
    """Write a case with slices of `size` pixels a side; return the side of a pixel in mm."""
    with np.load(file) as arrays:
        shape = (len(arrays["brain"]), size, size)
        brain, label = (resize(arrays[name], shape, order=0, preserve_range=True) for name in ("brain", "label"))
        images = {contrast: resize(arrays[f"im_{contrast}"], shape, anti_aliasing=True) for contrast in CONTRASTS}
        inside = {contrast: np.where(brain, image, OUTSIDE) for contrast, image in images.items()}
        store.write(file.stem, inside, brain, label, {"subject": file.stem}, training=arrays["training"].tolist())
        return float(arrays["pixel"]) * arrays["brain"].shape[-1] / size


def main() -> int:
    """Write the cohort."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--preprocessed", type=Path, required=True)
    parser.add_argument("--name", default="LGG")
    parser.add_argument("--size", type=int, default=64)
    given = parser.parse_args()
    print(write_cohort(given.prepared, given.preprocessed / given.name, given.name, given.size), "cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
