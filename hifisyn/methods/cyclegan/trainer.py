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

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.total import total
from hifisyn.methods.cyclegan.networks import CycleGANNetworks
from hifisyn.methods.cyclegan.settings import CycleGANSettings
from hifisyn.networks.image_pool import exchanged
from hifisyn.networks.resnet import ResnetGenerator
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Trainer, Updates


@dataclass(frozen=True)
class Cycle:
    """The translations of a batch; every dict is keyed by the contrast of the real image.

    Attributes:
        fake: the translation.
        cycle: the translation, translated back.
    """

    fake: dict[str, Tensor]
    cycle: dict[str, Tensor]


class CycleGAN(Trainer):
    """Unpaired translation between two contrasts, both directions in one training."""

    TITLE = "CycleGAN"
    YEAR = 2017
    CITATION = (
        "Zhu J-Y, Park T, Isola P, Efros AA. Unpaired image-to-image translation using cycle-consistent adversarial "
        "networks. ICCV 2017."
    )
    SUMMARY = "two generators that undo each other"
    SETTINGS = CycleGANSettings
    PUBLISHED: ClassVar = {"lr": 2e-4, "lr_discriminator": 2e-4, "weight_decay": 0.0, "decay_from": 0.5}
    settings: CycleGANSettings
    networks: CycleGANNetworks[Any]

    def build_networks(self) -> CycleGANNetworks[Any]:
        """Return the generators by target, the discriminators and the pools by contrast."""
        side, width = self.plans.slices.crop, self.settings.networks.width
        return CycleGANNetworks(self.domains, self.build_generator, side, width, self.settings.pool)

    def build_generator(self) -> nn.Module:
        """Return one generator, whose weights are drawn afterwards."""
        sizes = self.settings.networks
        return ResnetGenerator(sizes.width, sizes.n_down, self.settings.blocks)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the generators, which move first, and the discriminators."""
        return {GENERATOR: (self.networks.generator,), DISCRIMINATOR: (self.networks.discriminator,)}

    def updates(self, batch: Batch) -> Updates:
        """Yield both generators, then both discriminators."""
        cycle = self.round_trip(batch)
        yield GENERATOR, self.objective(batch, cycle)
        losses: dict[str, Tensor] = {}
        for source, target in self.directions:
            remembered = exchanged(self.networks.pool, cycle.fake[source], target, self.generator)
            for name, loss in self.discriminator_losses(batch.images[target], remembered, target).items():
                losses[name] = losses.get(name, 0) + loss
        yield DISCRIMINATOR, losses

    def round_trip(self, batch: Batch) -> Cycle:
        """Return the translations of a batch, and what they are when translated back."""
        fake = {source: self.generate(batch.images[source], target) for source, target in self.directions}
        cycle = {source: self.generate(fake[source], source) for source, _ in self.directions}
        return Cycle(fake, cycle)

    def objective(self, batch: Batch, cycle: Cycle) -> dict[str, Tensor]:
        """Return what the generators minimise, weighted, summed over both directions; a weight of 0 costs nothing."""
        weight, images = self.settings, batch.images
        losses = {
            "adversarial": total(least_squares([self.logits(cycle.fake[s], t)], REAL) for s, t in self.directions),
            "cycle": weight.cycle * total(l1_loss(cycle.cycle[m], images[m]) for m in self.domains),
        }
        if weight.identity > 0:
            same = total(l1_loss(self.generate(images[m], m), images[m]) for m in self.domains)
            losses["identity"] = weight.identity * weight.cycle * same
        return losses

    def discriminator_losses(self, real: Tensor, fake: Tensor, contrast: str) -> dict[str, Tensor]:
        """Return what the discriminator of a contrast minimises of real images and (detached) translations."""
        on_real = least_squares([self.logits(real, contrast)], REAL)
        on_fake = least_squares([self.logits(fake, contrast)], FAKE)
        return {"adversarial": (on_real + on_fake) / 2}

    def generate(self, image: Tensor, target: str) -> Tensor:
        """Return what the generator into `target` makes of an image (N, 1, H, W)."""
        translation: Tensor = self.networks.generator[target](image)
        return translation

    def logits(self, image: Tensor, contrast: str) -> Tensor:
        """Return the logits of the discriminator of a contrast; large means real."""
        return self.networks.discriminator[contrast](image)

    def translator(self, source: str, target: str) -> nn.Module:
        """Return the generator into `target`."""
        generator: nn.Module = self.networks.generator[target]
        return generator
