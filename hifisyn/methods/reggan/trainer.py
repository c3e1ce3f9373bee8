"""RegGAN: the target is a misaligned label, and a registration network takes the misalignment away.

Kong et al., "Breaking the Dilemma of Medical Image-to-image Translation", NeurIPS 2021, arXiv 2110.06465. What the
paper leaves open follows the authors' published settings: ResNet-9, a PatchGAN whose logits are averaged to one an
image, least squares without one half, no identity loss.

Differs from the paper:
- The paper's pairs are of one person. Here a translation is registered to a slice of like height of another one, since
  this training is unpaired. Brains are oriented and centred alike, not registered to each other.
- It translates in one direction. Here both are trained side by side, each with networks of its own; with a cycle,
  where the code registers in one direction only, both are registered.
- No random affine is added: it is how the paper makes misalignment, and two brains are misaligned anyway.
- Batch, crop and length are those of the plans, which all methods share; published are a batch of 1, a
  crop of 256 and 80 epochs.
- One Adam moves generators and registration networks; it does what one for each would.
- Without cycle and registration the code shows the discriminator earlier translations too. Here it does so with a
  cycle only, that both modes without one differ by the registration alone.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.total import total
from hifisyn.methods.reggan.networks import RegGANNetworks
from hifisyn.methods.reggan.registration import RegistrationNet
from hifisyn.methods.reggan.settings import RegGANSettings
from hifisyn.methods.reggan.smoothness import smoothness
from hifisyn.methods.reggan.warp import folded_share, warp
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.image_pool import exchanged
from hifisyn.networks.precision import wide
from hifisyn.networks.resnet import ResnetGenerator
from hifisyn.plans import Plans
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Trainer, Updates


class RegGAN(Trainer):
    """Translation towards slices of other people, both directions in one training."""

    TITLE = "RegGAN"
    YEAR = 2021
    CITATION = (
        "Kong L, Lian C, Huang D, Li Z, Hu Y, Zhou Q. Breaking the dilemma of medical image-to-image translation. "
        "NeurIPS 2021."
    )
    SUMMARY = "a registration network corrects the target"
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
    networks: RegGANNetworks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        self._fields: list[Tensor] = []

    def build_networks(self) -> RegGANNetworks:
        """Return the networks that the mode needs."""
        return RegGANNetworks(self.domains, self.plans.slices.crop, self.settings)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the generators with the registration networks, which move first, and the discriminators."""
        net = self.networks
        registration = () if net.registration is None else (net.registration,)
        return {GENERATOR: (net.generator, *registration), DISCRIMINATOR: (net.discriminator,)}

    def averaged(self) -> tuple[nn.Module, ...]:
        """Return the generators, which make images alone."""
        return (self.networks.generator,)

    def updates(self, batch: Batch) -> Updates:
        """Yield generators with registration networks, then discriminators, both for both directions."""
        fake = {source: self.generate(batch.images[source], target) for source, target in self.directions}
        yield GENERATOR, self.objective(batch, fake)
        shown = self.shown(batch, fake)
        losses = [
            self.discriminator_loss(batch.images[target], shown[source], target) for source, target in self.directions
        ]
        yield DISCRIMINATOR, {"adversarial": total(losses)}

    @torch.no_grad()
    def shown(self, batch: Batch, fake: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the translations that the discriminators see, by the contrast of the image.

        With a cycle those of the step or older ones; without, new ones of the generators that have just moved.
        """
        if self.settings.cycles:
            return {s: exchanged(self.networks.pool, fake[s], t, self.generator) for s, t in self.directions}
        return {s: self.generate(batch.images[s], t) for s, t in self.directions}

    def objective(self, batch: Batch, fake: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what generators and registration networks minimise, weighted, summed over both directions.

        Args:
            batch: whose k-th images of both contrasts are registered to each other.
            fake: translations, by the contrast of the image.
        """
        weight, images, registration = self.settings, batch.images, self.networks.registration
        on_fake = total(least_squares([self.logits(fake[s], t)], REAL) for s, t in self.directions)
        losses = {"adversarial": weight.adversarial * on_fake}
        if weight.cycles:
            cycle = {source: self.generate(fake[source], source) for source in self.domains}
            losses["cycle"] = weight.cycle * total(l1_loss(cycle[m], images[m]) for m in self.domains)
        if registration is not None:
            losses |= self._registration(registration, {t: (fake[s], images[t]) for s, t in self.directions})
        return losses

    def discriminator_loss(self, real: Tensor, fake: Tensor, contrast: str) -> Tensor:
        """Return what the discriminator of a contrast minimises of real images and (detached) translations."""
        on_real = least_squares([self.logits(real, contrast)], REAL)
        on_fake = least_squares([self.logits(fake, contrast)], FAKE)
        return self.settings.adversarial * (on_real + on_fake)

    def generate(self, image: Tensor, target: str) -> Tensor:
        """Return what the generator into `target` makes of an image (N, 1, H, W)."""
        return self.networks.generator[target](image)

    def logits(self, image: Tensor, contrast: str) -> Tensor:
        """Return one logit an image, (N,): the mean over its patches; large means real."""
        return wide(self.networks.discriminator[contrast](image)).mean(dim=(1, 2, 3))

    def translator(self, source: str, target: str) -> ResnetGenerator:
        """Return the generator into `target` alone."""
        return self.networks.generator[target]

    def diagnostics(self) -> dict[str, float]:
        """Return the longest shift, in pixels along an axis, and the share of folded pixels, of the last step."""
        if not self._fields:
            return {}
        fields = torch.cat(self._fields)
        return {"largest_shift": float(fields.abs().max()), "folded_share": float(folded_share(fields))}

    def _registration(
        self, registration: ByModality[RegistrationNet], pairs: Mapping[str, tuple[Tensor, Tensor]]
    ) -> dict[str, Tensor]:
        """Return the losses of translation and target, by target, in float32: the field begins at 1e-3 pixels."""
        weight, apart, fields = self.settings, [], []
        with torch.autocast(self.device.type, enabled=False):
            for target, (fake, real) in pairs.items():
                fake = wide(fake)
                fields.append(registration[target](torch.cat([fake, real], dim=1)))
                apart.append(l1_loss(warp(fake, fields[-1]), real))
            self._fields = [field.detach() for field in fields]
            losses = {"registration": weight.registration * total(apart)}
            if weight.smoothness > 0:
                losses["smoothness"] = weight.smoothness * total(smoothness(field) for field in fields)
        return losses
