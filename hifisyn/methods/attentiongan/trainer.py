"""AttentionGAN: CycleGAN whose generators mix images of their own with the source, by masks.

Tang et al., "AttentionGAN: Unpaired Image-to-Image Translation using Attention-Guided Generative Adversarial Networks",
IEEE TNNLS 2021, arXiv 1911.11897. Its second form, of ten masks, as the authors published its settings.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch
  of 4, a crop of 256 and 60 to 200 epochs.
- The rate falls over the second half, as published for faces; the published horses had a constant one.
- The generator makes grey images of one channel; the published one is made for three.
- No discriminator sees the masks. The paper describes one, the authors' published settings have none.
- No resizing to 286 pixels before the crop: it would blur.
- The softmax over masks and the mixture are computed in float32, whatever the precision.
"""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor, nn

from hifisyn.methods.cyclegan import GENERATOR, CycleGAN, CycleGANSettings
from hifisyn.networks.attention_generator import AttentionGenerator
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.padding import BACKGROUND
from hifisyn.networks.typed import typed
from hifisyn.training.contract import Batch
from hifisyn.training.registry import register


class AttentionGANSettings(CycleGANSettings):
    """The published values are the defaults."""

    geo: bool = Field(
        False, description="no mask keeps the source: ten images are mixed instead of nine and the source"
    )


@register("AttentionGAN")
class AttentionGAN(CycleGAN):
    """CycleGAN's losses; the curve `background_mask_to_M` tells which share of the head is copied from the source."""

    SETTINGS = AttentionGANSettings
    settings: AttentionGANSettings
    _last_images: dict[str, Tensor] | None = None  # of the last step, for a curve alone

    def build_generator(self) -> nn.Module:
        """Return one generator, whose weights are drawn afterwards."""
        sizes = self.plans.networks
        return AttentionGenerator(sizes.width, sizes.n_down, self.settings.blocks, geo=self.settings.geo)

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield both generators, then both discriminators."""
        self._last_images = batch.images
        yield from super().updates(batch)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast."""
        # Masks sum to 1 up to rounding only, so a mixture may leave the range by as much.
        return super().translate(source, source_modality, target_modality).clamp(-1, 1)

    @torch.no_grad()
    def diagnostics(self) -> dict[str, float]:
        """Return the mean background mask inside the head, by target: near 1 the generator copies its input."""
        if self._last_images is None or self.settings.geo:
            return {}
        curves = {}
        for source, target in self.directions:
            image = self._last_images[source]
            head = image > BACKGROUND
            mask = self._generator(target).mixture(image).masks[:, -1:]
            curves[f"background_mask_to_{target}"] = float((mask * head).sum() / head.sum().clamp_min(1))
        return curves

    def _generator(self, target: str) -> AttentionGenerator:
        return typed(self.networks, GENERATOR, ByModality).of(target, AttentionGenerator)
