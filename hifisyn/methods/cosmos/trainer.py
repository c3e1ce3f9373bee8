"""COSMOS: CycleGAN whose generators also segment what they translate, so that labelled structures stay.

Shin et al., "COSMOS: Cross-Modality Unsupervised Domain Adaptation for 3D Medical Image Segmentation based on
Target-Aware Domain Translation and Iterative Self-Training", arXiv 2203.16557. Its first stage, which makes images. The
authors released no code.

Differs from the paper:
- Both contrasts' labels are used, so that one training serves both directions; the published form has labels of one
  contrast, which the setting `labels` names.
- The second stage, self-training of a segmentation network, is not built: it makes no images.
- Layers, weights of losses and optimiser are CycleGAN's with a segmentation weight of 1; the paper's could not be
  verified.
- Dice is averaged over the structures that are there, over the batch; the paper does not say.
- Batch, crop and length are those of the plans, which all methods share.
- No resizing to 286 pixels before the crop: it would blur, and small structures would vanish.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from hifisyn.errors import UserError
from hifisyn.methods.cosmos.generator import SegmentingGenerator
from hifisyn.methods.cosmos.settings import BOTH, COSMOSSettings
from hifisyn.methods.cosmos.soft_dice import cross_entropy, members, soft_dice
from hifisyn.methods.cyclegan.networks import CycleGANNetworks
from hifisyn.methods.cyclegan.trainer import Cycle, CycleGAN
from hifisyn.plans import Plans
from hifisyn.training.batch import Batch


@dataclass(frozen=True)
class SegmentedCycle(Cycle):
    """Beside translations, logits (N, K, H, W) for the images whose labels are learnt from.

    Attributes:
        on_real: of the generator that translates the image.
        on_fake: of the other one, which translates it back, applied to the translation.
    """

    on_real: dict[str, Tensor]
    on_fake: dict[str, Tensor]


class COSMOS(CycleGAN):
    """CycleGAN with a segmentation of the image and of its translation, both held against the image's labels."""

    TITLE = "COSMOS"
    YEAR = 2022
    CITATION = (
        "Shin H, Kim H, Kim S, et al. COSMOS: cross-modality unsupervised domain adaptation for 3D medical image "
        "segmentation based on target-aware domain translation and iterative self-training. arXiv:2203.16557, 2022."
    )
    SUMMARY = "CycleGAN with a segmentation head, needs labels"
    SETTINGS = COSMOSSettings
    settings: COSMOSSettings
    networks: CycleGANNetworks[SegmentingGenerator]

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return that nothing is learnt beside CycleGAN."""
        return "nothing is segmented, which leaves CycleGAN"

    def build_networks(self) -> CycleGANNetworks[SegmentingGenerator]:
        """Return CycleGAN's networks, each generator with a segmentation decoder.

        Raises:
            UserError: the data set has no structures, or `labels` names none of the contrasts.
        """
        known, chosen = ", ".join(self.plans.labels), self.settings.labels
        if len(self.plans.labels) < 2:
            raise UserError(
                "COSMOS must have labels of structures to learn from", got=known or "none", hint="train another method"
            )
        if chosen not in (BOTH, *self.domains):
            raise UserError(
                f"settings.labels must be {' or '.join((BOTH, *self.domains))}", got=chosen, hint="edit the value"
            )
        return super().build_networks()

    def build_generator(self) -> SegmentingGenerator:
        """Return one generator, whose weights are drawn afterwards."""
        sizes = self.settings.networks
        return SegmentingGenerator(
            sorted(self.plans.labels, key=self.plans.labels.__getitem__),
            sizes.width,
            sizes.n_down,
            self.settings.blocks,
        )

    def round_trip(self, batch: Batch) -> SegmentedCycle:
        """Return the translations there and back; each image that is segmented is encoded once."""
        learnt = [m for m in self.domains if self._is_learnt_from(m, batch)]
        fake, on_real = self._pass(batch.images, dict(self.directions), learnt)
        cycle, on_fake = self._pass(fake, {m: m for m in self.domains}, learnt)
        return SegmentedCycle(fake, cycle, on_real, on_fake)

    def objective(self, batch: Batch, cycle: Cycle) -> dict[str, Tensor]:
        """Return what the generators minimise; the segmentation of a translation moves its own generator too."""
        losses = super().objective(batch, cycle)
        assert isinstance(cycle, SegmentedCycle)
        for m in cycle.on_real:
            labels = batch.labels[m]
            assert labels is not None
            truth = members(labels, sorted(self.plans.labels.values()))
            for name, logits in (("segmentation_real", cycle.on_real[m]), ("segmentation_fake", cycle.on_fake[m])):
                losses[name] = losses.get(name, 0) + self.settings.segmentation * self._segmentation(logits, truth)
        return losses

    def _pass(
        self, images: Mapping[str, Tensor], targets: Mapping[str, str], segmented: Sequence[str]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the images in their target contrasts, and the logits of those to be segmented."""
        fake, logits = {}, {}
        for m, target in targets.items():
            if m in segmented:
                fake[m], logits[m] = self.networks.generator[target].translate_and_segment(images[m])
            else:
                fake[m] = self.generate(images[m], target)
        return fake, logits

    def _segmentation(self, logits: Tensor, truth: Tensor) -> Tensor:
        loss = soft_dice(logits, truth)
        if self.settings.cross_entropy > 0:
            loss = loss + self.settings.cross_entropy * cross_entropy(logits, truth)
        return loss

    def _is_learnt_from(self, contrast: str, batch: Batch) -> bool:
        chosen = self.settings.labels in (BOTH, contrast)
        return self.settings.segmentation > 0 and chosen and batch.labels[contrast] is not None
