"""A small clinic for the tests of downstream tasks: aligned cases with lesions, and a model whose answer is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from hifisyn.files import write_json
from hifisyn.paths import Roots, model_folder
from hifisyn.plans import Plans, SlicePlan
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.record import Grid, Record, Scan
from hifisyn.training import checkpoint
from hifisyn.training.batch import Batch
from hifisyn.training.contract import GENERATOR, Trainer, Updates
from hifisyn.volume import Volume

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
SHAPE = (40, 48, 14)
AFFINE = np.array([[4.0, 0, 0, -78], [0, 4, 0, -94], [0, 0, 9, -58], [0, 0, 0, 1]])
SCALE = {"T1": 800.0, "T2": 800.0}
TRAIN, TEST = ("a", "b", "c"), ("x", "y")
VALUES = {
    "T1": {1: 150, 2: 400, 3: 600, 4: 250},
    "T2": {1: 650, 2: 400, 3: 200, 4: 550},
    "FLAIR": {1: 100, 2: 400, 3: 300, 4: 650},
}


class Inverse(Trainer):
    """Answers with the source turned upside down, which is about what T2 is to T1 here."""

    def build_networks(self) -> nn.Module:
        return nn.Linear(1, 1)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        return {GENERATOR: (self.networks,)}

    def updates(self, batch: Batch) -> Updates:
        yield from ()

    def translator(self, source: str, target: str) -> nn.Module:
        return UpsideDown()


class UpsideDown(nn.Module):
    def forward(self, source: Tensor) -> Tensor:
        return torch.where(source > -1, -source, source)


def anatomy(seed: int) -> np.ndarray:
    """A label map: white matter in grey matter in CSF, and a lesion whose place depends on the seed."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    radius = np.sqrt(x**2 + y**2 + 0.8 * z**2) + 0.3 * gaussian_filter(rng.normal(size=SHAPE), 3)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for value, size in ((1, 0.9), (2, 0.8), (3, 0.6)):
        labels[radius < size] = value
    centre = rng.uniform(-0.25, 0.25, 3)
    labels[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < 0.05] = 4
    return labels


def scan(labels: np.ndarray, modality: str, seed: int) -> np.ndarray:
    """A whole head: the tissues of the contrast with noise, and a bright scalp that no task may see."""
    image = np.full(SHAPE, 900, dtype=np.float32)
    for value, intensity in VALUES[modality].items():
        image[labels == value] = intensity
    return np.clip(image + np.random.default_rng(seed).normal(0, 8, SHAPE), 1, None).astype(np.float32)


def write_case(store: AlignedStore, case: str, seed: int, modalities: tuple[str, ...] = ("T1", "T2")) -> None:
    """Write an aligned case under the key of its seed."""
    labels = anatomy(seed)
    images = {m: Volume(scan(labels, m, seed), AFFINE) for m in modalities}
    scans = {m: Scan(Grid.of(volume)) for m, volume in images.items()}
    brain, label = (Volume(data.astype(np.uint8), AFFINE) for data in (labels > 0, labels))
    store.write(case, Aligned(images, brain, label, Record("T1", scans)), key=f"seed {seed}")


def write_model(roots: Roots, dataset: str = "MS") -> Path:
    """Write a model folder of `Inverse`."""
    method = "tests.support.downstream_clinic:Inverse"
    plans = Plans(
        dataset=dataset,
        method=method,
        modalities=("T1", "T2"),
        labels=LABELS,
        intensity_scale=SCALE,
        slices=SlicePlan(size=64, crop=56, pixel_mm=4.0),
    )
    folder = model_folder(roots.results, dataset, ("T1", "T2"), "Inverse")
    checkpoint.save(folder / "fold_0" / "checkpoint_best.pt", Inverse(plans, ("T1", "T2")))
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": method, "domains": ["T1", "T2"], "dataset": dataset, "changed": {}})
    listed: Mapping[str, object] = {case: {"images": []} for case in (*TRAIN, *TEST)}
    content = {"name": dataset, "channel_names": {"0": "T1", "1": "T2"}, "labels": LABELS, "numTraining": 5}
    write_json(folder / "dataset.json", content | {"dataset": listed, "subjects": {"a": "P1", "b": "P1"}})
    return folder


def clinic(home: Path) -> Roots:
    """Write three training and two test cases, a and b of one person, and the model."""
    roots = Roots(home / "raw", home / "pre", home / "res")
    store = AlignedStore(roots.preprocessed / "MS" / "aligned")
    for seed, case in enumerate((*TRAIN, *TEST)):
        write_case(store, case, seed)
    splits = {"test": list(TEST), "folds": [{"train": list(TRAIN), "val": []}]}
    write_json(roots.preprocessed / "MS" / "splits_final.json", splits)
    write_model(roots)
    return roots
