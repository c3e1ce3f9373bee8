"""A small method and a small cohort, for the tests of the loop."""

import os
import signal
from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from hifisyn.files import write_json
from hifisyn.methods.content_discriminator_trainer import CONTENT_DISCRIMINATOR, ContentDiscriminatorSettings
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.networks.by_modality import ByModality
from hifisyn.paths import Roots
from hifisyn.planning.planner import complete
from hifisyn.plans import Plans
from hifisyn.settings import Settings, flat
from hifisyn.slices import SliceStore
from hifisyn.training.batch import Batch
from hifisyn.training.contract import Trainer, Updates
from hifisyn.training.job import Job
from hifisyn.training.method_plans import plans_of_method
from hifisyn.training.registry import trainer_class

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


FINGERPRINT = {
    "dataset": "TOY",
    "digest": "",
    "modalities": ["T1", "T2"],
    "labels": LABELS,
    "structures": {name: {"cases": 8, "median_ml": 100.0, "min_ml": 80.0, "max_ml": 120.0} for name in LABELS},
}
HIGHEST_RATE = 0.02  # a hundred times the highest published one of a method without pairs
TOY_METHOD = "tests.support.training_toys:Toy"
# What a small method takes, of the keys that it has.
SMALL = (
    "length.epochs=4",
    "length.iterations=10",
    "networks.width=4",
    "networks.n_down=1",
    "networks.init='he'",
    "networks.content_noise=0.2",
    "memory.slots={'background': 1, 'CSF': 1, 'GM': 1, 'WM': 1}",
    "memory.global_slots=2",
    "memory.value_width=4",
    "losses.anchors=16",
    "granularity.anchors=16",
    "content_discriminator.steps=2",
)
KEYS = {
    "content_steps": "content_discriminator.steps",
    "content_lr": "content_discriminator.lr",
    "content_clip": "content_discriminator.clip",
}


def toy_plans(trainer=HiFiSyn, *assignments: str, domains=("T1", "T2"), **changes) -> Plans:
    """Return the plans of a small training of a method, by name or class: the preset `paper` but for sizes and rate.

    `changes` are those of `assignments`, which hold for the keys that the method has.
    """
    trainer = trainer_class(trainer) if isinstance(trainer, str) else trainer
    name = trainer.TITLE or TOY_METHOD
    content = {
        "dataset": "TOY",
        "preset": "paper",
        "modalities": list(domains),
        "labels": LABELS,
        "intensity_scale": {m: 100.0 / number for number, m in enumerate(domains, 1)},
        "slices": {"size": 24, "crop": 16, "per_case": 6},
        "preprocessing": {"reference": domains[0]},
        "method": "none yet",
    }
    plans = plans_of_method(Plans.checked(content, "toy"), trainer, name, lambda: FINGERPRINT)
    wanted = [*SMALL, f"optimisation.lr={min(100 * plans.optimisation.lr, HIGHEST_RATE)}"]
    wanted += [f"{KEYS.get(key, key)}={value!r}" for key, value in changes.items()]
    return complete(plans.override([*having(plans, wanted), *assignments]), trainer)


def having(plans: Plans, assignments: Sequence[str]) -> list[str]:
    """Return the assignments of keys that the plans have."""
    known = [f".{key}" for key in flat(plans.model_dump(mode="json", exclude={"reasons"}))]
    return [text for text in assignments if any(key.endswith(f".{text.partition('=')[0]}") for key in known)]


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


def toy_job(tmp_path, trainer=None, store=None, domains=("T1", "T2"), **changes) -> Job:
    store = store or toy_store(tmp_path / "slices")
    cases = store.cases()
    return Job(
        trainer=trainer or Toy,
        plans=toy_plans(trainer or Toy, domains=domains, **changes),
        domains=tuple(domains),
        store=store,
        train=tuple(cases[:-2]),
        val=tuple(cases[-2:]),
        folder=tmp_path / "fold_0",
        seed=3,
    )


def toy_dataset(home, trainer=HiFiSyn) -> Roots:
    """Write a preprocessed data set TOY: plans of a method, splits, slices, dataset.json; return the roots."""
    roots = Roots(home / "raw", home / "pre", home / "res")
    folder = roots.preprocessed / "TOY"
    store = toy_store(folder / "plans_2d")
    toy_plans(trainer).save(folder / "plans.json")
    write_json(folder / "dataset_fingerprint.json", FINGERPRINT)
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


class ToyNetworks(nn.Module):
    def __init__(self, domains) -> None:
        super().__init__()
        self.generator = ByModality(domains, lambda: _net(3))
        self.discriminator = ByModality(domains, lambda: _net(1))
        self.bank = Bank()


class ToySettings(Settings):
    content_discriminator: ContentDiscriminatorSettings = ContentDiscriminatorSettings()


class Toy(Trainer):
    """Two small generators and discriminators; the environment variable TOY_KILL=N ends the process after step N."""

    SETTINGS = ToySettings
    settings: ToySettings
    networks: ToyNetworks

    def build_networks(self) -> ToyNetworks:
        return ToyNetworks(self.domains)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        return {"generator": (self.networks.generator,), CONTENT_DISCRIMINATOR: (self.networks.discriminator,)}

    def learning_rates(self) -> dict[str, float]:
        return super().learning_rates() | {CONTENT_DISCRIMINATOR: self.settings.content_discriminator.lr}

    def clips(self) -> dict[str, float]:
        return {CONTENT_DISCRIMINATOR: self.settings.content_discriminator.clip}

    @property
    def period(self) -> int:
        return self.settings.content_discriminator.steps

    def updates(self, batch: Batch) -> Updates:
        directions = batch.directions
        fakes = {t: self._generate(batch.images[s], t, noise=True) for s, t in directions}
        discriminator = {m: self.networks.discriminator[m] for m in batch.domains}
        real_or_not = {
            m: discriminator[m](batch.images[m]).mean() - discriminator[m](fakes[m].detach()).mean()
            for m in discriminator
        }
        yield CONTENT_DISCRIMINATOR, {f"discriminator_{m}": value.square() - value for m, value in real_or_not.items()}
        if not self.settings.content_discriminator.moves_alone(self.iteration):
            self._means = torch.stack([fakes[m].detach().float().mean() for m in batch.domains])
            cycles = [(self._generate(fakes[t], s, noise=True) - batch.images[s]).abs().mean() for s, t in directions]
            yield (
                "generator",
                {"cycle": sum(cycles), "domain": sum(-discriminator[m](fakes[m]).mean() for m in batch.domains)},  # type: ignore[dict-item]
            )

    def translator(self, source: str, target: str) -> nn.Module:
        return ToyTranslator(self.networks.generator[target])

    def after_step(self) -> None:
        bank = self.networks.bank
        if not self.settings.content_discriminator.moves_alone(self.iteration):
            bank.mean.lerp_(self._means, 0.1)
            bank.count += 1
        if os.environ.get("TOY_KILL") == str(self.iteration):
            os.kill(os.getpid(), signal.SIGKILL)

    def diagnostics(self) -> dict[str, float]:
        return {"bank_mean": float(self.networks.bank.mean.mean())}

    def _generate(self, source: Tensor, target: str, *, noise: bool) -> Tensor:
        drawn = torch.randn(source.shape, generator=self.generator, device=source.device) if noise else 0 * source
        translation: Tensor = ToyTranslator(self.networks.generator[target])(source, 0.1 * drawn)
        return translation


class ToyTranslator(nn.Module):
    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, source: Tensor, noise: Tensor | None = None) -> Tensor:
        noise = 0 * source if noise is None else noise
        return torch.tanh(self.generator(torch.cat([source, noise, 0 * source], dim=1)))


def _net(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(4, 1, 3, padding=1))
