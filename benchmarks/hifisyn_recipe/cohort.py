"""A cohort of real glioma slices to screen candidates on: whom they are trained on, and whom they are chosen by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.base_model.cases import Case, read
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.device import Device
from hifisyn.planning.planner import complete, for_method
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
CONTRASTS = ("FLAIR", "T1")
GROUP, CHOOSE = "lgg_train_*.npz", 6
DEVICE = Device("cpu", 16.0, 1, 4.0)  # whose size and length are planned, before width and steps are set
EPOCHS = 5


@dataclass(frozen=True)
class Cohort:
    """Prepared slices.

    Attributes:
        store: of all cases.
        train: names of the cases to train on.
        choose: cases that candidates are chosen by.
        pixel_mm: side of a pixel.
        crop: pixels along each side of a slice.
    """

    store: SliceStore
    train: tuple[str, ...]
    choose: tuple[Case, ...]
    pixel_mm: float
    crop: int

    def plans(self, width: int, steps: int) -> Plans:
        """Return what the planner makes of the cohort, at a width and for so many steps."""
        about = {"modalities": CONTRASTS, "labels": LABELS, "dataset": "LGG"}
        slices = {"size": self.crop, "crop": self.crop, "pixel_mm": self.pixel_mm}
        shared = Plans.checked(about | {"slices": slices, "preprocessing": {"reference": "T1"}}, "cohort")
        structures = {tissue: {"cases": len(self.train), "median_ml": 100.0} for tissue in LABELS}
        fingerprint = about | {"digest": "", "structures": structures}
        planned = for_method(shared, HiFiSyn, HiFiSyn.TITLE, fingerprint, DEVICE)
        each = -(-steps // EPOCHS)
        length = [f"length.epochs={-(-steps // each)}", f"length.iterations={each}"]
        return complete(planned.override([f"settings.networks.width={width}", *length]), HiFiSyn)


def read_cohort(prepared: Path, folder: Path) -> Cohort:
    """Return the cohort, written into a folder once; patients are shuffled with a fixed seed and parted by patient."""
    cases = [read(file) for file in sorted(prepared.glob(GROUP))]
    patients = np.random.default_rng(0).permutation(sorted({case.patient for case in cases}))
    chosen = set(patients[:CHOOSE].tolist())
    store = SliceStore(folder)
    for case in cases:
        if case.name not in store.cases():
            training = np.flatnonzero(case.middle).tolist()
            store.write(case.name, case.images, case.brain, case.labels, {"subject": case.patient}, training=training)
    return Cohort(
        store,
        tuple(case.name for case in cases if case.patient not in chosen),
        tuple(case for case in cases if case.patient in chosen),
        cases[0].pixel_mm,
        cases[0].brain.shape[-1],
    )
