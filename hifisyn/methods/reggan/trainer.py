"""RegGAN: the target is a misaligned label, and a registration network takes the misalignment away.

Kong et al., "Breaking the Dilemma of Medical Image-to-image Translation", NeurIPS 2021, arXiv 2110.06465. What the
paper leaves open follows the authors' published settings: ResNet-9, a PatchGAN whose logits are averaged to one an
image, least squares without one half, no identity loss.

Differs from the paper:
- The paper's pairs are of one person. Here a translation is registered to a slice of like height of another one, since
  this training is unpaired. Brains are oriented and centred alike, not registered to each other.
- It translates one way. Here both ways are trained side by side, each with networks of its own; with a cycle, where
  the code registers one way only, both are registered.
- No random affine is added: it is how the paper makes misalignment, and two brains are misaligned anyway.
- Batch, crop and length are those of the plans, which all methods share; published are a batch of 1, a
  crop of 256 and 80 epochs.
- One Adam moves generators and registration networks; it does what one for each would.
- Without cycle and registration the code shows the discriminator earlier translations too. Here it does so with a
  cycle only, that both modes without one differ by the registration alone.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.smoothness import smoothness
from hifisyn.losses.total import total
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.image_pool import ImagePools, exchanged
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.networks.precision import wide
from hifisyn.networks.registration import RegistrationNet
from hifisyn.networks.resnet import BLOCKS, ResnetGenerator
from hifisyn.networks.warp import folded_share, warp
from hifisyn.plans import Plans
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings

GENERATOR, REGISTRATION, POOL = "generator", "registration", "pool"


class RegGANSettings(Settings):
    """The published values are the defaults; a part is switched off by the mode."""

    mode: Literal["nc_r", "c_r", "c", "nc"] = Field(
        "nc_r", description="c: with a cycle, nc: without; r: with registration. nc_r is RegGAN"
    )
    blocks: int = Field(BLOCKS, ge=1, description="residual blocks of a generator; 6 for images of 128 pixels")
    adversarial: float = Field(1.0, gt=0, description="weight of the adversarial losses")
    registration: float = Field(20.0, gt=0, description="weight of the L1 to the target after the warp")
    smoothness: float = Field(10.0, ge=0, description="weight of the smoothness of the field")
    cycle: float = Field(10.0, gt=0, description="weight of the cycle L1, in the modes with a cycle")
    pool: int = Field(50, ge=0, description="earlier translations that a discriminator sees again, with a cycle")

    @property
    def cycles(self) -> bool:
        """Whether translations are translated back."""
        return self.mode in ("c_r", "c")

    @property
    def registers(self) -> bool:
        """Whether translations are registered to targets."""
        return self.mode in ("nc_r", "c_r")


@register("RegGAN")
class RegGAN(Trainer):
    """Translation towards slices of other people, both directions in one training."""

    SETTINGS = RegGANSettings
    PUBLISHED: ClassVar = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "weight_decay": 0.0,
        "decay_from": 1.0,
        "pairing": "position",
        "position_slack": 2,
    }
    settings: RegGANSettings

    def __init__(self, plans: Plans, pair: tuple[str, str]) -> None:
        super().__init__(plans, pair)
        self._fields: list[Tensor] = []

    def build_networks(self) -> dict[str, nn.Module]:
        """Return generators and registration networks by target, discriminators and pools by modality.

        Generators and discriminators keep the framework's weights, as published.
        """
        side, sizes, own = self.plans.slices.crop, self.plans.networks, self.settings
        networks: dict[str, nn.Module] = {
            GENERATOR: ByModality(self.pair, lambda: ResnetGenerator(sizes.width, sizes.n_down, own.blocks)),
            DISCRIMINATOR: ByModality(self.pair, lambda: PatchGAN(side, sizes.width)),
        }
        if own.registers:
            networks[REGISTRATION] = ByModality(self.pair, lambda: RegistrationNet(side, sizes.width))
        if own.cycles and own.pool > 0:
            networks[POOL] = ImagePools(self.pair, own.pool, side)
        return networks

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the generators with the registration networks, which move first, and the discriminators."""
        moved_together = (GENERATOR, REGISTRATION) if self.settings.registers else (GENERATOR,)
        return {GENERATOR: moved_together, DISCRIMINATOR: (DISCRIMINATOR,)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield generators with registration networks, then discriminators, both for both directions."""
        fake = {source: self.generate(batch.images[source], target) for source, target in self.directions}
        yield GENERATOR, self.objective(batch, fake)
        shown = self.shown(batch, fake)
        losses = [self.critic(batch.images[target], shown[source], target) for source, target in self.directions]
        yield DISCRIMINATOR, {"adversarial": total(losses)}

    @torch.no_grad()
    def shown(self, batch: Batch, fake: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the translations that the discriminators judge, by the modality of the image.

        With a cycle those of the step or older ones; without, new ones of the generators that have just moved.
        """
        if self.settings.cycles:
            pools = dict(self.networks.items()).get(POOL)
            return {s: exchanged(pools, fake[s], t, self.generator) for s, t in self.directions}
        return {s: self.generate(batch.images[s], t) for s, t in self.directions}

    def objective(self, batch: Batch, fake: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what generators and registration networks minimise, weighted, summed over both directions.

        Args:
            batch: whose k-th images of both modalities are registered to each other.
            fake: translations, by the modality of the image.
        """
        weight, images = self.settings, batch.images
        on_fake = total(least_squares([self.judge(fake[s], t)], REAL) for s, t in self.directions)
        losses = {"adversarial": weight.adversarial * on_fake}
        if weight.cycles:
            cycle = {source: self.generate(fake[source], source) for source in self.pair}
            losses["cycle"] = weight.cycle * total(l1_loss(cycle[m], images[m]) for m in self.pair)
        if weight.registers:
            losses |= self._registration({t: (fake[s], images[t]) for s, t in self.directions})
        return losses

    def critic(self, real: Tensor, fake: Tensor, modality: str) -> Tensor:
        """Return what the discriminator of a modality minimises of real images and (detached) translations."""
        on_real = least_squares([self.judge(real, modality)], REAL)
        on_fake = least_squares([self.judge(fake, modality)], FAKE)
        return self.settings.adversarial * (on_real + on_fake)

    def generate(self, image: Tensor, target: str) -> Tensor:
        """Return what the generator into `target` makes of an image (N, 1, H, W)."""
        return self.networks[GENERATOR](image, target)

    def judge(self, image: Tensor, modality: str) -> Tensor:
        """Return one logit an image, (N,): the mean over its patches; large means real."""
        return wide(self.networks[DISCRIMINATOR](image, modality)).mean(dim=(1, 2, 3))

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast, by the generator alone."""
        return self.generate(source, target_modality)

    def diagnostics(self) -> dict[str, float]:
        """Return the longest shift, in pixels along an axis, and the share of folded pixels, of the last step."""
        if not self._fields:
            return {}
        fields = torch.cat(self._fields)
        return {"largest_shift": float(fields.abs().max()), "folded_share": float(folded_share(fields))}

    def _registration(self, pairs: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Return the losses of translation and target, by target, in float32: the field begins at 1e-3 pixels."""
        weight, apart, fields = self.settings, [], []
        with torch.autocast(self.device.type, enabled=False):
            for target, (fake, real) in pairs.items():
                fake = wide(fake)
                fields.append(self.networks[REGISTRATION](torch.cat([fake, real], dim=1), target))
                apart.append(l1_loss(warp(fake, fields[-1]), real))
            self._fields = [field.detach() for field in fields]
            losses = {"registration": weight.registration * total(apart)}
            if weight.smoothness > 0:
                losses["smoothness"] = weight.smoothness * total(smoothness(field) for field in fields)
        return losses
