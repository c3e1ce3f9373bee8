"""CycleGAN: two generators that undo each other.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017,
arXiv 1703.10593. What the paper leaves open follows the authors' published settings: ResNet-9, 70x70 PatchGAN, least
squares, identity loss, pool of 50.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch of 1, a
  crop of 256 and 200 epochs.
- No resizing to 286 pixels before the crop: it would blur.
- Slices of both contrasts are drawn at random, subject first; the authors go through one contrast in shuffled order.
- The rate falls with every step of the second half, the authors' with every epoch. Narrow networks begin with wider
  weights, so that they do not begin almost constant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.total import total
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.image_pool import ImagePools, exchanged
from hifisyn.networks.initialisation import normal_init
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.networks.resnet import BLOCKS, ResnetGenerator
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings

GENERATOR, POOL = "generator", "pool"


class CycleGANSettings(Settings):
    """The published values are the defaults."""

    blocks: int = Field(BLOCKS, ge=1, description="residual blocks of a generator; 6 for images of 128 pixels")
    cycle: float = Field(10.0, ge=0, description="lambda, cycle L1")
    identity: float = Field(0.5, ge=0, description="lambda_idt, identity L1, as a share of the cycle weight")
    pool: int = Field(50, ge=0, description="earlier translations that a discriminator sees again")


@dataclass(frozen=True)
class Cycle:
    """What the generators made of a batch; every dict goes by the modality of the real image it was made from.

    Attributes:
        fake: the translation.
        cycle: the translation, translated back.
    """

    fake: dict[str, Tensor]
    cycle: dict[str, Tensor]


@register("CycleGAN")
class CycleGAN(Trainer):
    """Unpaired translation between two modalities, both directions in one training."""

    SETTINGS = CycleGANSettings
    PUBLISHED: ClassVar = {"lr": 2e-4, "lr_discriminator": 2e-4, "weight_decay": 0.0, "decay_from": 0.5}
    settings: CycleGANSettings

    def build_networks(self) -> dict[str, nn.Module]:
        """Return the generators by target, the discriminators and, if anything is remembered, the pools by modality."""
        side, width = self.plans.slices.crop, self.plans.networks.width
        networks: dict[str, nn.Module] = {
            GENERATOR: ByModality(self.pair, self.build_generator),
            DISCRIMINATOR: ByModality(self.pair, lambda: PatchGAN(side, width)),
        }
        for network in networks.values():
            normal_init(network, width, zero_bias=True)
        if self.settings.pool > 0:
            networks[POOL] = ImagePools(self.pair, self.settings.pool, side)
        return networks

    def build_generator(self) -> nn.Module:
        """Return one generator, whose weights are drawn afterwards."""
        return ResnetGenerator(self.plans.networks.width, self.plans.networks.n_down, self.settings.blocks)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the generators, which move first, and the discriminators."""
        return {GENERATOR: (GENERATOR,), DISCRIMINATOR: (DISCRIMINATOR,)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield both generators, then both discriminators."""
        made = self.round_trip(batch)
        yield GENERATOR, self.objective(batch, made)
        losses: dict[str, Tensor] = {}
        pools = dict(self.networks.items()).get(POOL)
        for source, target in self.directions:
            remembered = exchanged(pools, made.fake[source], target, self.generator)
            for name, loss in self.critic(batch.images[target], remembered, target).items():
                losses[name] = losses.get(name, 0) + loss
        yield DISCRIMINATOR, losses

    def round_trip(self, batch: Batch) -> Cycle:
        """Return the translations of a batch, and what becomes of them on the way back."""
        fake = {source: self.generate(batch.images[source], target) for source, target in self.directions}
        cycle = {source: self.generate(fake[source], source) for source, _ in self.directions}
        return Cycle(fake, cycle)

    def objective(self, batch: Batch, made: Cycle) -> dict[str, Tensor]:
        """Return what the generators minimise, weighted, summed over both directions; a weight of 0 costs nothing."""
        weight, images = self.settings, batch.images
        ways = self.directions
        losses = {
            "adversarial": total(least_squares([self.judge(made.fake[s], t)], REAL) for s, t in ways),
            "cycle": weight.cycle * total(l1_loss(made.cycle[m], images[m]) for m in self.pair),
        }
        if weight.identity > 0:
            same = total(l1_loss(self.generate(images[m], m), images[m]) for m in self.pair)
            losses["identity"] = weight.identity * weight.cycle * same
        return losses

    def critic(self, real: Tensor, fake: Tensor, modality: str) -> dict[str, Tensor]:
        """Return what the discriminator of a modality minimises of real images and (detached) translations."""
        on_real = least_squares([self.judge(real, modality)], REAL)
        on_fake = least_squares([self.judge(fake, modality)], FAKE)
        return {"adversarial": (on_real + on_fake) / 2}

    def generate(self, image: Tensor, target: str) -> Tensor:
        """Return what the generator into `target` makes of an image (N, 1, H, W)."""
        return self.networks[GENERATOR](image, target)

    def judge(self, image: Tensor, modality: str) -> Tensor:
        """Return the logits of the discriminator of a modality; large means real."""
        return self.networks[DISCRIMINATOR](image, modality)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast."""
        return self.generate(source, target_modality)
