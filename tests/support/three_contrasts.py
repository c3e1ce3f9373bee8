"""A data set of three contrasts, and evaluated models of some or all of them that were never trained."""

import numpy as np
from scipy.ndimage import gaussian_filter

from hifisyn.evaluation import of_model
from hifisyn.evaluation.model_task import look_up
from hifisyn.files import write_json, write_text
from hifisyn.inference.prediction import Translated
from hifisyn.paths import Roots, model_folder
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from tests.support.training_toys import LABELS

DOMAINS = ("FLAIR", "T1", "T2")
TRAIN, VAL, TEST = ("a", "b"), ("c",), ("x", "y", "z")
HAS = {"y": ("T1", "T2"), "z": ("FLAIR", "T1")}  # all others have every contrast
SIZE = 24


class Inverse:
    """Turns every source upside down, `bias` too bright; it draws nothing around the brain."""

    context = 0

    def __init__(self, bias: float = 0.0) -> None:
        self.bias = bias

    def translate(self, slices, source, target):
        return Translated(np.clip(self.bias - slices, -1, 1), None)


def three_plans() -> Plans:
    content = {
        "dataset": "TOY",
        "modalities": list(DOMAINS),
        "labels": LABELS,
        "intensity_scale": dict.fromkeys(DOMAINS, 100.0),
        "slices": {"size": SIZE, "crop": SIZE},
    }
    return Plans.checked(content, "toy")


def three_store(folder, has) -> SliceStore:
    """Write a case for each entry of `has`, case to contrasts; the contrasts differ in their curve."""
    store = SliceStore(folder)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    brain = np.broadcast_to(np.hypot(y, x) < SIZE * 0.4, (6, SIZE, SIZE))
    for number, (case, contrasts) in enumerate(has.items()):
        anatomy = gaussian_filter(np.random.default_rng(number).normal(size=brain.shape), (0.5, 2, 2))
        anatomy = 0.9 * anatomy / np.abs(anatomy).max()
        curves = {"T1": anatomy, "T2": -anatomy, "FLAIR": 0.8 * np.abs(anatomy) - 0.3}
        images = {m: np.where(brain, curves[m], -1).astype(np.float32) for m in contrasts}
        label = np.where(brain, 1 + np.digitize(anatomy, [-0.2, 0.2]), 0)
        store.write(case, images, brain, label, {"subject": case})
    return store


def three_roots(home) -> Roots:
    """Write the preprocessed data set TOY."""
    roots = Roots(home / "raw", home / "pre", home / "res")
    folder = roots.preprocessed / "TOY"
    three_store(folder / "plans_2d", {case: HAS.get(case, DOMAINS) for case in (*TRAIN, *VAL, *TEST)})
    three_plans().save(folder / "plans.json")
    write_json(folder / "splits_final.json", {"test": TEST, "folds": [{"train": TRAIN, "val": VAL}]})
    return roots


def evaluated(roots, domains=DOMAINS, method="HiFiSyn", bias=0.0):
    """Write the folder of a model and evaluate `Inverse` in its place; return the folder and what was found."""
    folder = model_folder(roots.results, "TOY", domains, method)
    three_plans().save(folder / "plans.json")
    write_json(folder / "config.json", {"method": method, "domains": list(domains), "dataset": "TOY"})
    write_text(folder / "fold_0" / "checkpoint_best.pt", f"{folder}")
    keys = [f"{source}_to_{target}" for source in domains for target in domains if source != target]
    head = ",".join(["epoch", "seconds", *(f"{key}/{name}" for key in keys for name in ("psnr_brain", "ssim_brain"))])
    write_text(folder / "fold_0" / "metrics.csv", f"{head}\n1,2.0{',0.5' * 2 * len(keys)}\n")
    task = look_up(folder, roots.preprocessed, split="test")
    return folder, of_model.evaluate(task, Inverse(bias))  # type: ignore[arg-type]
