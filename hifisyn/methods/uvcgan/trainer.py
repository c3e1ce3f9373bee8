"""UVCGAN: CycleGAN with transformers in its generators, which begin by filling in masked images.

Torbunov et al., "UVCGAN: UNet Vision Transformer cycle-consistent GAN for unpaired image-to-image translation",
WACV 2023, arXiv 2203.02557. What the paper leaves open follows the authors' published settings: 12 blocks, cycle
weight 10, identity 0.5, gradient penalty towards a norm of 100. Images and losses are in [0, 1] as published, so that
these weights and this norm mean what they meant; outside they are in [-1, 1].

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch of
  1, a crop of 256 and a million steps.
- Pre-training is the first tenth of that length, on the images of the training itself; the authors pre-train apart,
  for 0.3 to 1.3 million steps. Its rate falls once, as a cosine: it is too short for their warm restarts.
- A step of pre-training sees the step's images of both contrasts; its rate is theirs for that many images.
- Masked tiles have an eighth of the image's side, at most the published 32 pixels: 27 where the crop is 216.
- Its images change in brightness, then in contrast; one channel has no hue and saturation, which theirs change too.
- No resizing to 286 pixels before the crop: it would blur.
- Images are padded with black to a multiple of 16, at least 32, for the generators alone.
- Narrower networks have 3/4 of `networks.width` features, and the most heads up to 6 that fit. There are always four
  levels.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from hifisyn.methods.cyclegan.networks import CycleGANNetworks
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.methods.uvcgan.gradient_penalty import gradient_penalty
from hifisyn.methods.uvcgan.pixel_vit import ReZeroBlock
from hifisyn.methods.uvcgan.pretraining import (
    BETAS,
    RATE_PER_IMAGE,
    WEIGHT_DECAY,
    cosine_share,
    masked,
    pretraining_steps,
    varied,
)
from hifisyn.methods.uvcgan.settings import UVCGANSettings
from hifisyn.methods.uvcgan.translator import UVCGANTranslator, within_black
from hifisyn.methods.uvcgan.vit_unet import VitUNet, features_of
from hifisyn.training.batch import Batch
from hifisyn.training.contract import Updates
from hifisyn.training.rates import rate_factor

PRETRAINING = "pretraining"


class UVCGAN(CycleGAN):
    """Unpaired translation between two contrasts, both directions in one training."""

    TITLE = "UVCGAN"
    YEAR = 2023
    CITATION = (
        "Torbunov D, Huang Y, Yu H, et al. UVCGAN: UNet vision transformer cycle-consistent GAN for unpaired "
        "image-to-image translation. WACV 2023."
    )
    SUMMARY = "U-Net with a vision transformer, pre-trained"
    SETTINGS = UVCGANSettings
    PUBLISHED: ClassVar = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "betas": (0.5, 0.99),
        "weight_decay": 0.0,
        "decay_from": 0.5,
    }
    settings: UVCGANSettings
    networks: CycleGANNetworks[VitUNet]

    @property
    def pretraining_steps(self) -> int:
        """How many steps there are before the first translation."""
        return pretraining_steps(self.settings.pretraining, self.first_total)

    def build_generator(self) -> VitUNet:
        """Return one generator, whose weights are drawn afterwards."""
        return VitUNet(features_of(self.settings.networks.width), self.settings.blocks)

    def groups(self) -> dict[str, tuple[torch.nn.Module, ...]]:
        """Return those of CycleGAN, and before them, if there is one, the pre-training, of the first generator only."""
        before = {PRETRAINING: (self.networks.generator[self.domains[0]],)} if self.pretraining_steps else {}
        return before | super().groups()

    def learning_rates(self) -> dict[str, float]:
        """Return the initial rates; that of pre-training goes with the number of images, and scales like the others."""
        plan = self.plans.optimisation
        images, scale = len(self.domains) * plan.batch_size, plan.lr / self.PUBLISHED["lr"]
        own = {PRETRAINING: images * RATE_PER_IMAGE * scale}
        return {group: own.get(group, rate) for group, rate in super().learning_rates().items()}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return a cosine for the pre-training; the others follow `decay_from` in what remains of the run."""
        steps, plans = self.pretraining_steps, self.plans
        if group == PRETRAINING:
            return cosine_share(iteration, steps)
        return rate_factor(max(iteration - steps, 0), plans.length.total - steps, plans.optimisation.decay_from)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam as the plan says, and AdamW for the pre-training."""
        optimizers, rates = super().optimizers(), self.learning_rates()
        if PRETRAINING in optimizers:
            weights = self.parameters(PRETRAINING)
            optimizers[PRETRAINING] = torch.optim.AdamW(
                weights, lr=rates[PRETRAINING], betas=BETAS, weight_decay=WEIGHT_DECAY
            )
        return optimizers

    def updates(self, batch: Batch) -> Updates:
        """Yield the pre-training while it lasts, then both generators, then both discriminators."""
        batch = replace(batch, images={m: (image + 1) / 2 for m, image in batch.images.items()})
        steps = self.pretraining_steps
        if self.iteration < steps:
            yield PRETRAINING, {"inpainting": self.inpainting(batch)}
            return
        if steps and self.iteration == steps:
            first, second = self.networks.generator.each()
            second.load_state_dict(first.state_dict())
        yield from super().updates(batch)

    def inpainting(self, batch: Batch) -> Tensor:
        """Return the L1 distance between images in [0, 1] and what the first generator makes of them, masked."""
        whole = varied(torch.cat([batch.images[m] for m in self.domains]), self.generator)
        return l1_loss(self.generate(masked(whole, self.generator), self.domains[0]), whole)

    def discriminator_losses(self, real: Tensor, fake: Tensor, contrast: str) -> dict[str, Tensor]:
        """Return what the discriminator of a contrast minimises, its gradient penalty included."""
        losses = super().discriminator_losses(real, fake, contrast)
        weight, norm = self.settings.penalty, self.settings.norm
        if weight > 0:
            penalty = gradient_penalty(lambda x: self.logits(x, contrast), real, fake, self.generator, norm)
            losses["gradient_penalty"] = weight / norm**2 * penalty
        return losses

    def generate(self, image: Tensor, target: str) -> Tensor:
        """Return what the generator into `target` makes of an image (N, 1, H, W) in [0, 1], in [0, 1]."""
        return within_black(self.networks.generator[target], image)

    def translator(self, source: str, target: str) -> UVCGANTranslator:
        """Return the generator into `target`, for images in [-1, 1]."""
        return UVCGANTranslator(self.networks.generator[target])

    def diagnostics(self) -> dict[str, float]:
        """Return how much of their work the transformers of each generator add, on average over the blocks."""
        return {f"alpha_{m}": _mean_alpha(self.networks.generator[m]) for m in self.domains}


@torch.no_grad()
def _mean_alpha(generator: VitUNet) -> float:
    alphas = [block.alpha.abs() for block in generator.modules() if isinstance(block, ReZeroBlock)]
    return float(torch.stack(alphas).mean())
