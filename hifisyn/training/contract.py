"""What a translation method must say so that the one loop can train it, and what a batch holds."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hifisyn.plans import Plans
from hifisyn.training.rates import rate_factor
from hifisyn.training.settings import Settings, checked

DISCRIMINATOR, CONTENT_DISCRIMINATOR = "discriminator", "content_discriminator"


@dataclass(frozen=True)
class Batch:
    """Unpaired slices of both modalities; no subject occurs in both.

    Attributes:
        images: modality to (N, 1, H, W) float32 in [-1, 1].
        labels: modality to (N, H, W) int64 label values, or none where a slice of the batch has no labels.
        subjects: modality to (N,) int64; equal numbers are the same person.
        iteration: step of the run, from 0.
    """

    images: dict[str, Tensor]
    labels: dict[str, Tensor | None]
    subjects: dict[str, Tensor]
    iteration: int

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch with its tensors on `device`."""
        return Batch(
            {m: t.to(device, non_blocking=True) for m, t in self.images.items()},
            {m: None if t is None else t.to(device, non_blocking=True) for m, t in self.labels.items()},
            {m: t.to(device, non_blocking=True) for m, t in self.subjects.items()},
            self.iteration,
        )


class Trainer(ABC):
    """One translation method: which networks there are, and which losses move them.

    The loop does, for each pair that `updates` yields: zero_grad, `sum(losses).backward(inputs=the group's
    parameters)`, average over processes, clip, step, log. Since the generator pauses meanwhile, the fake made for
    one group may be reused, detached, for the next, and a later update sees the weights of the earlier one.

    All state lives in `networks` (parameters and buffers): what is elsewhere does not survive a resume. All
    randomness comes from `generator`, which the loop seeds from (seed, iteration, rank) before each step.
    Over several processes the floating-point buffers are averaged after each step, but for those of a module with a
    true attribute `each_process_its_own`.

    Attributes:
        SETTINGS: what the method has of its own, with its published values.
        PUBLISHED: its published values of the plans' `training` part, where they are not HiFi-Syn's.
        plans: as the method has them, see `hifisyn.training.settings.adapted`.
        settings: its own.
        pair: the two modalities, sorted.
        networks: what `build_networks` returned.
        iteration: step of the run, from 0; set by the loop.
        generator: on `device`; the only source of randomness.
        device: where networks and batches are.
    """

    SETTINGS: ClassVar[type[Settings]] = Settings
    PUBLISHED: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, plans: Plans, pair: tuple[str, str]) -> None:
        missing = [modality for modality in pair if modality not in plans.modalities]
        if missing or pair[0] == pair[1]:
            raise ValueError(f"pair is two of {plans.modalities}, got {pair}")
        self.plans = plans
        self.settings = checked(self.SETTINGS, plans.method)
        self.pair = pair
        self.iteration = 0
        self.device = torch.device("cpu")
        self.generator = torch.Generator()
        self.networks = nn.ModuleDict(self.build_networks())

    @property
    def directions(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Source and target, both ways."""
        return self.pair, (self.pair[1], self.pair[0])

    @abstractmethod
    def build_networks(self) -> dict[str, nn.Module]:
        """Return every network by name, freshly initialised; the loop seeds torch before."""

    @abstractmethod
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return which networks each optimizer moves; networks without gradient, such as a bank, are in none."""

    @abstractmethod
    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield, for each update of this step in order, the group and its losses, already weighted.

        Losses of different groups may bear one name; they are logged as group/name.
        """

    @abstractmethod
    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source in the other contrast: (N, 1, H, W) in [-1, 1] both.

        Deterministic and each image by itself. Called in evaluation mode and without gradient.
        """

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return what becomes of the method where no training case has labels; "" where nothing is lost."""
        return ""

    def after_step(self) -> None:  # noqa: B027
        """Do what follows the last update of a step, such as the memory update; default nothing."""

    def diagnostics(self) -> dict[str, float]:
        """Return numbers worth a curve, asked for once an epoch; default none."""
        return {}

    def learning_rates(self) -> dict[str, float]:
        """Return the initial rate of each group: the plan's rate for the group's name, else `training.lr`."""
        named = {
            DISCRIMINATOR: self.plans.training.lr_discriminator,
            CONTENT_DISCRIMINATOR: self.plans.training.lr_content_discriminator,
        }
        return {group: named.get(group, self.plans.training.lr) for group in self.groups()}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return which share of its initial rate a group has in a step; default as `training.decay_from` says."""
        return rate_factor(iteration, self.plans.total_iterations, self.plans.training.decay_from)

    def clips(self) -> dict[str, float]:
        """Return the largest gradient norm of the groups that are clipped."""
        clip = self.plans.training.clip_content_discriminator
        return {group: clip for group in self.groups() if group == CONTENT_DISCRIMINATOR}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return a fresh optimizer for each group; default Adam as the plan says."""
        plan = self.plans.training
        return {
            group: torch.optim.Adam(self.parameters(group), lr=rate, betas=plan.betas, weight_decay=plan.weight_decay)
            for group, rate in self.learning_rates().items()
        }

    def parameters(self, group: str) -> list[nn.Parameter]:
        """Return the parameters of a group, in the order of its networks."""
        return [p for name in self.groups()[group] for p in self.networks[name].parameters() if p.requires_grad]

    def to(self, device: torch.device | str) -> "Trainer":
        """Move the networks and the source of randomness to `device`."""
        self.device = torch.device(device)
        self.networks.to(self.device)
        self.generator = torch.Generator(self.device)
        return self

    def train(self, mode: bool = True) -> "Trainer":
        """Set training (or evaluation) mode."""
        self.networks.train(mode)
        return self
