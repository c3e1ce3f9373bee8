"""How well a brain network's masks agree with deepbet's on real scans.

usage: measure.py WEIGHTS DATA MASKS [--train] [--every N]

DATA holds the folders lgg and ms_raw; MASKS keeps what deepbet draws on each T1, and on MS those masks carried to T2
and FLAIR by the pipeline's rigid registration. --train looks at the scans that choices are made on.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hifisyn.brain_network import weights
from hifisyn.brain_network.find_brain import find_brain
from hifisyn.metrics.overlap import dice
from hifisyn.preprocessing import brain
from hifisyn.preprocessing.register import register
from hifisyn.preprocessing.resample import resample_mask
from hifisyn.volume import Volume

CHOSEN_ON = "patient01"
LGG = {"t1": "T1", "t1c": "T1ce", "flair": "FLAIR"}
MS = {"T1W": "T1", "T2W": "T2", "FLAIR": "FLAIR"}


def main() -> int:
    """Print a line for each contrast of each source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="take every Nth glioma patient")
    given = parser.parse_args()
    given.masks.mkdir(exist_ok=True)
    network = weights.read(given.weights).network
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    patients = sorted((given.data / "lgg" / ("train" if given.train else "val")).iterdir())[:: given.every]
    for what, scan, truth in [*_gliomas(patients, given.masks), *_ms(given.data, given.masks, train=given.train)]:
        made = find_brain(scan, network)
        found[what].append((float(dice(made, truth)), made.sum() / truth.sum()))
    for what, pairs in found.items():
        overlaps, volumes = np.array(pairs).T
        print(
            f"{what}: {len(pairs)} scans, Dice mean {overlaps.mean():.3f} worst {overlaps.min():.3f}, "
            f"volume {volumes.mean():.2f}"
        )
    return 0


def _gliomas(patients: list[Path], masks: Path) -> Iterator[tuple[str, Volume, np.ndarray]]:
    for patient in patients:
        truth = _deepbet(patient / "t1.nii.gz", masks).data > 0
        for name, contrast in LGG.items():
            yield f"glioma {contrast}", Volume.load(patient / f"{name}.nii.gz"), truth


def _ms(data: Path, masks: Path, *, train: bool) -> Iterator[tuple[str, Volume, np.ndarray]]:
    for file in sorted((data / "ms_raw").glob("*/*_T1W.nii.gz")):
        if (file.parent.name == CHOSEN_ON) is train:
            mask = _deepbet(file, masks)
            for name, contrast in MS.items():
                other = file.with_name(file.name.replace("T1W", name))
                truth = mask if contrast == "T1" else _carried(file, other, mask, masks)
                yield f"MS {contrast}", Volume.load(other), truth.data > 0


def _deepbet(file: Path, masks: Path) -> Volume:
    kept = masks / "_".join(file.parts[-4 if "lgg" in file.parts else -3 :])
    if not kept.exists():
        found, _ = brain.extract(Volume.load(file).canonical(), "deepbet", stripped=False)
        found.reoriented(Volume.load(file).axcodes).save(kept)
    return Volume.load(kept)


def _carried(file: Path, other: Path, mask: Volume, masks: Path) -> Volume:
    """Return the mask of T1 on the grid of another contrast of the visit."""
    kept = masks / f"carried_{other.parent.name}_{other.name}"
    if not kept.exists():
        fixed, moving = Volume.load(file), Volume.load(other)
        place = np.linalg.inv(register(fixed.canonical(), moving.canonical(), mask.canonical()).moving_to_fixed)
        moved = Volume(mask.data, place @ mask.affine)
        resample_mask(moved, moving).save(kept)
    return Volume.load(kept)


if __name__ == "__main__":
    sys.exit(main())
