"""A small method and a small cohort, for the tests of the loop."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from hifisyn.files import write_json
from hifisyn.paths import Roots
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.training.batch import Batch
from hifisyn.training.contract import Needs, Trainer
from hifisyn.training.job import Job
from hifisyn.training.planned import planned
from hifisyn.training.registry import trainer_class

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


def toy_plans(**training) -> Plans:
    content = {
        "dataset": "TOY",
        "modalities": ["T1", "T2"],
        "labels": LABELS,
        "intensity_scale": {"T1": 100.0, "T2": 50.0},
        "slices": {"size": 24, "crop": 16, "per_case": 6},
        "memory": {"slots": {"background": 1, "CSF": 1, "GM": 1, "WM": 1}, "global_slots": 2, "value_width": 4},
        "networks": {"width": 4, "n_down": 1, "content_noise": 0.2, "init": "he"},
        "losses": {"anchors": 16},
        "training": {"epochs": 4, "iterations": 10, "lr": 1e-2, "content_steps": 2} | training,
    }
    return Plans.checked(content, "toy")


def toy_store(folder, modalities=None, size=24) -> SliceStore:
    """Write 8 cases: `c0`..`c7`, or those named in `modalities` (case to its modalities)."""
    store = SliceStore(folder)
    modalities = modalities or {f"c{i}": ("T1", "T2") for i in range(8)}
    for number, (case, has) in enumerate(modalities.items()):
        rng = np.random.default_rng(number)
        shape = (6, size, size)
        anatomy = gaussian_filter(rng.normal(size=shape), (0.5, 2, 2))
        anatomy = np.clip(anatomy / np.abs(anatomy).max(), -1, 1)
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        brain = np.broadcast_to(np.hypot(y, x) < size * 0.4, shape)
        images = {m: np.where(brain, anatomy if m == "T1" else 0.5 - 0.8 * anatomy, -1) for m in has}
        label = np.where(brain, 1 + np.digitize(anatomy, [-0.2, 0.2]), 0)
        store.write(case, images, brain, label, {"subject": case})
    return store


def toy_job(tmp_path, trainer=None, store=None, **training) -> Job:
    store = store or toy_store(tmp_path / "slices")
    cases = store.cases()
    return Job(
        trainer=trainer or Toy,
        method="tests.training_toys:Toy",
        plans=adapted(toy_plans(**training), trainer or Toy),
        pair=("T1", "T2"),
        store=store,
        train=tuple(cases[:-2]),
        val=tuple(cases[-2:]),
        folder=tmp_path / "fold_0",
        seed=3,
    )


def toy_dataset(home) -> Roots:
    """Write a preprocessed data set TOY with plans, splits, slices and dataset.json; return the roots."""
    roots = Roots(home / "raw", home / "pre", home / "res")
    folder = roots.preprocessed / "TOY"
    store = toy_store(folder / "plans_2d")
    toy_plans().save(folder / "plans.json")
    cases = store.cases()
    folds = [{"train": cases[2:], "val": cases[:2]}, {"train": cases[:6], "val": cases[6:]}]
    write_json(folder / "splits_final.json", {"test": [], "folds": folds})
    raw = {
        "name": "TOY",
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": LABELS,
        "numTraining": 8,
        "file_ending": ".nii.gz",
        "subjects": {case: case for case in cases},
        "dataset": {case: {"images": [f"imagesTr/{case}_T1.nii.gz", f"imagesTr/{case}_T2.nii.gz"]} for case in cases},
    }
    write_json(roots.raw / "TOY" / "dataset.json", raw)
    return roots


class Bank(nn.Module):
    """A running mean: state without gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.mean: Tensor
        self.count: Tensor


class Toy(Trainer):
    """Two small generators and critics; the environment variable TOY_KILL=N ends the process after step N."""

    def build_networks(self) -> dict[str, nn.Module]:
        i, j = self.pair
        return {f"G_{i}": _net(3), f"G_{j}": _net(3), f"D_{i}": _net(1), f"D_{j}": _net(1), "bank": Bank()}

    def groups(self) -> dict[str, tuple[str, ...]]:
        i, j = self.pair
        return {"generator": (f"G_{i}", f"G_{j}"), "content_discriminator": (f"D_{i}", f"D_{j}")}

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        i, j = self.pair
        fakes = {t: self._generate(batch.images[s], t, noise=True) for s, t in ((i, j), (j, i))}
        critic = {m: self.networks[f"D_{m}"] for m in self.pair}
        real_or_not = {m: critic[m](batch.images[m]).mean() - critic[m](fakes[m].detach()).mean() for m in self.pair}
        yield "content_discriminator", {f"critic_{m}": value.square() - value for m, value in real_or_not.items()}
        if self.iteration % self.plans.training.content_steps == self.plans.training.content_steps - 1:
            self._means = torch.stack([fakes[m].detach().float().mean() for m in self.pair])
            yield (
                "generator",
                {
                    "cycle": sum(  # type: ignore[dict-item]
                        (self._generate(fakes[t], s, noise=True) - batch.images[s]).abs().mean()
                        for s, t in ((i, j), (j, i))
                    ),
                    "domain": -critic[i](fakes[i]).mean() - critic[j](fakes[j]).mean(),
                },
            )

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        return self._generate(source, target_modality, noise=False)

    def after_step(self) -> None:
        bank = self.networks["bank"]
        assert isinstance(bank, Bank)
        if self.iteration % self.plans.training.content_steps == self.plans.training.content_steps - 1:
            bank.mean.lerp_(self._means, 0.1)
            bank.count += 1
        if os.environ.get("TOY_KILL") == str(self.iteration):
            os.kill(os.getpid(), signal.SIGKILL)

    def diagnostics(self) -> dict[str, float]:
        bank = self.networks["bank"]
        assert isinstance(bank, Bank)
        return {"bank_mean": float(bank.mean.mean())}

    def _generate(self, source: Tensor, target: str, *, noise: bool) -> Tensor:
        drawn = torch.randn(source.shape, generator=self.generator, device=source.device) if noise else 0 * source
        return torch.tanh(self.networks[f"G_{target}"](torch.cat([source, 0.1 * drawn, 0 * source], dim=1)))


def _net(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(4, 1, 3, padding=1))
