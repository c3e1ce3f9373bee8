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
- A step of pre-training sees the step's images of both modalities; its rate is theirs for that many images.
- Masked tiles have an eighth of the image's side, at most the published 32 pixels: 27 where the crop is 216.
- Its images change in brightness, then in contrast; one channel has no hue and saturation, which theirs change too.
- No resizing to 286 pixels before the crop: it would blur.
- Images are padded with black to a multiple of 16, at least 32, for the generators alone.
- Narrower networks have 3/4 of `networks.width` features, and the most heads up to 6 that fit. There are always four
  levels, whatever `networks.n_down`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.gradient_penalty import gradient_penalty
from hifisyn.methods.cyclegan import GENERATOR, CycleGAN, CycleGANSettings
from hifisyn.methods.uvcgan_pretraining import (
    BETAS,
    RATE_PER_IMAGE,
    WEIGHT_DECAY,
    cosine_share,
    masked,
    pretraining_steps,
    varied,
)
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.padding import cropped, padded, padded_side
from hifisyn.networks.pixel_vit import BLOCKS, ReZeroBlock
from hifisyn.networks.typed import typed
from hifisyn.networks.vit_unet import VitUNet, features_of
from hifisyn.training.contract import Batch
from hifisyn.training.rates import rate_factor
from hifisyn.training.registry import register

PRETRAINING = "pretraining"
MULTIPLE, LEAST_SIDE = 16, 32


class UVCGANSettings(CycleGANSettings):
    """The published values are the defaults, but for the length of pre-training."""

    blocks: int = Field(BLOCKS, ge=1, description="transformer blocks of a generator")
    penalty: float = Field(0.1, ge=0, description="lambda_gp, gradient penalty, before division by norm^2")
    norm: float = Field(100.0, gt=0, description="gamma, the gradient norm of a discriminator that costs nothing")
    pretraining: float = Field(0.1, ge=0, lt=1, description="share of the run that fills in masked images; 0: none")


@register("UVCGAN")
class UVCGAN(CycleGAN):
    """Unpaired translation between two modalities, both directions in one training."""

    SETTINGS = UVCGANSettings
    PUBLISHED: ClassVar = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "betas": (0.5, 0.99),
        "weight_decay": 0.0,
        "decay_from": 0.5,
    }
    settings: UVCGANSettings

    @property
    def pretraining_steps(self) -> int:
        """How many steps there are before the first translation."""
        return pretraining_steps(self.settings.pretraining, self.plans.total_iterations)

    def build_generator(self) -> nn.Module:
        """Return one generator, whose weights are drawn afterwards."""
        return VitUNet(features_of(self.plans.networks.width), self.settings.blocks)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return those of CycleGAN, and before them, if there is one, the pre-training."""
        before = {PRETRAINING: (GENERATOR,)} if self.pretraining_steps else {}
        return before | super().groups()

    def parameters(self, group: str) -> list[nn.Parameter]:
        """Return the parameters of a group; pre-training moves the first generator only."""
        if group == PRETRAINING:
            return list(self._generator(self.pair[0]).parameters())
        return super().parameters(group)

    def learning_rates(self) -> dict[str, float]:
        """Return the initial rates; that of pre-training goes with the number of images, and scales like the others."""
        images, scale = 2 * self.plans.training.batch_size, self.plans.training.lr / self.PUBLISHED["lr"]
        own = {PRETRAINING: images * RATE_PER_IMAGE * scale}
        return {group: own.get(group, rate) for group, rate in super().learning_rates().items()}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return a cosine for the pre-training; the others follow `training.decay_from` in what remains of the run."""
        steps, plans = self.pretraining_steps, self.plans
        if group == PRETRAINING:
            return cosine_share(iteration, steps)
        return rate_factor(max(iteration - steps, 0), plans.total_iterations - steps, plans.training.decay_from)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam as the plan says, and AdamW for the pre-training."""
        made, rates = super().optimizers(), self.learning_rates()
        if PRETRAINING in made:
            weights = self.parameters(PRETRAINING)
            made[PRETRAINING] = torch.optim.AdamW(
                weights, lr=rates[PRETRAINING], betas=BETAS, weight_decay=WEIGHT_DECAY
            )
        return made

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield the pre-training while it lasts, then both generators, then both discriminators."""
        batch = replace(batch, images={m: (image + 1) / 2 for m, image in batch.images.items()})
        steps = self.pretraining_steps
        if self.iteration < steps:
            yield PRETRAINING, {"inpainting": self.inpainting(batch)}
            return
        if steps and self.iteration == steps:
            first, second = (self._generator(m) for m in self.pair)
            second.load_state_dict(first.state_dict())
        yield from super().updates(batch)

    def inpainting(self, batch: Batch) -> Tensor:
        """Return the L1 distance between images in [0, 1] and what the first generator makes of them, masked."""
        whole = varied(torch.cat([batch.images[m] for m in self.pair]), self.generator)
        return l1_loss(self.generate(masked(whole, self.generator), self.pair[0]), whole)

    def critic(self, real: Tensor, fake: Tensor, modality: str) -> dict[str, Tensor]:
        """Return what the discriminator of a modality minimises, its gradient penalty included."""
        losses = super().critic(real, fake, modality)
        weight, norm = self.settings.penalty, self.settings.norm
        if weight > 0:
            penalty = gradient_penalty(lambda x: self.judge(x, modality), real, fake, self.generator, norm)
            losses["gradient_penalty"] = weight / norm**2 * penalty
        return losses

    def generate(self, image: Tensor, target: str) -> Tensor:
        """Return what the generator into `target` makes of an image (N, 1, H, W) in [0, 1], in [0, 1]."""
        side = image.shape[-1]
        wide = padded(image, padded_side(side, MULTIPLE, LEAST_SIDE), value=0.0)
        return cropped(super().generate(wide, target), side)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast."""
        return 2 * self.generate((source + 1) / 2, target_modality) - 1

    def diagnostics(self) -> dict[str, float]:
        """Return how much of their work the transformers of each generator add, on average over the blocks."""
        return {f"alpha_{m}": _mean_alpha(self._generator(m)) for m in self.pair}

    def _generator(self, target: str) -> nn.Module:
        return typed(self.networks, GENERATOR, ByModality).of(target, nn.Module)


@torch.no_grad()
def _mean_alpha(generator: nn.Module) -> float:
    alphas = [block.alpha.abs() for block in generator.modules() if isinstance(block, ReZeroBlock)]
    return float(torch.stack(alphas).mean())
