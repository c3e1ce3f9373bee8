"""AttentionGAN: CycleGAN whose generators mix images of their own with the source, by masks.

Tang et al., "AttentionGAN: Unpaired Image-to-Image Translation using Attention-Guided Generative Adversarial Networks",
IEEE TNNLS 2021, arXiv 1911.11897. Its second form, of ten masks, as the authors published its settings.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch
  of 4, a crop of 256 and 60 to 200 epochs.
- The rate falls over the second half, as published for faces; the published horses had a constant one.
- The generator makes grey images of one channel; the published one has three.
- No discriminator sees the masks. The paper describes one, the authors' published settings have none.
- No resizing to 286 pixels before the crop: it would blur.
- The softmax over masks and the mixture are computed in float32, whatever the precision.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from hifisyn.intensities import OUTSIDE
from hifisyn.methods.attentiongan.generator import AttentionGenerator
from hifisyn.methods.attentiongan.settings import AttentionGANSettings
from hifisyn.methods.attentiongan.translator import AttentionGANTranslator
from hifisyn.methods.cyclegan.networks import CycleGANNetworks
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.training.batch import Batch
from hifisyn.training.contract import Updates


class AttentionGAN(CycleGAN):
    """CycleGAN's losses; the curve `background_mask_to_M` tells which share of the head is copied from the source."""

    TITLE = "AttentionGAN"
    YEAR = 2021
    CITATION = (
        "Tang H, Liu H, Xu D, Torr PHS, Sebe N. AttentionGAN: unpaired image-to-image translation using "
        "attention-guided generative adversarial networks. IEEE Trans Neural Netw Learn Syst, 2021."
    )
    SUMMARY = "CycleGAN with attention masks"
    SETTINGS = AttentionGANSettings
    settings: AttentionGANSettings
    networks: CycleGANNetworks[AttentionGenerator]
    _last_images: Mapping[str, Tensor] | None = None  # of the last step, for a curve alone

    def build_generator(self) -> AttentionGenerator:
        """Return one generator, whose weights are drawn afterwards."""
        sizes = self.settings.networks
        return AttentionGenerator(sizes.width, sizes.n_down, self.settings.blocks, geo=self.settings.geo)

    def updates(self, batch: Batch) -> Updates:
        """Yield both generators, then both discriminators."""
        self._last_images = batch.images
        yield from super().updates(batch)

    def translator(self, source: str, target: str) -> AttentionGANTranslator:
        """Return the generator into `target`, whose images stay in [-1, 1]."""
        return AttentionGANTranslator(self.networks.generator[target])

    @torch.no_grad()
    def diagnostics(self) -> dict[str, float]:
        """Return the mean background mask inside the head, by target: near 1 the generator copies its input."""
        if self._last_images is None or self.settings.geo:
            return {}
        curves = {}
        for source, target in self.directions:
            image = self._last_images[source]
            head = image > OUTSIDE
            mask = self.networks.generator[target].mixture(image).masks[:, -1:]
            curves[f"background_mask_to_{target}"] = float((mask * head).sum() / head.sum().clamp_min(1))
        return curves
