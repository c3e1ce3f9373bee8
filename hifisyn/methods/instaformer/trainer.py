"""InstaFormer: a transformer over patches and boxes of content; a contrastive loss keeps positions together.

Kim et al., "InstaFormer: Instance-Aware Image-to-Image Translation with Transformer", CVPR 2022, arXiv 2203.16248.
What the paper leaves open follows the authors' published settings: LSGAN, 8x8 patches, 6 layers, PatchNCE on three
layers. It translates in one direction; here two independent models, called by their target, are trained side by side.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch of
  5, a crop of 352 and 200 epochs.
- Boxes go around the label map's largest connected structures instead of annotated objects; without labels there
  are none. They must have 16 pixels in an image of 256, in proportion to its area, 4 at least.
- Tokens of missing boxes take no part. The published code fills up with boxes of zero features, which attend along.
- The published code decodes box tokens by a layer of their own and applies no loss to the result: that layer of
  16,777,472 parameters is left out.
- Boxes are sampled at the rate that their size asks for, as published, by two matrices instead of a kernel.
- Images are padded to whole patches. Up to 160 pixels patches are smaller than 8, so that where possible 6 tokens a
  side remain, and a box, which has as many cells as a patch pixels, has 16 or 4 of them instead of 64.
- Positions for PatchNCE are drawn for each image; the published code takes the same for the whole batch.
- Prediction takes the mean style of the training images of the target instead of a random one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.intensities import OUTSIDE
from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.methods.instaformer.boxes import boxes_of
from hifisyn.methods.instaformer.generator import InstaFormerGenerator
from hifisyn.methods.instaformer.nce_heads import NCEHeads
from hifisyn.methods.instaformer.networks import InstaFormerNetworks
from hifisyn.methods.instaformer.patch_nce import at, draw_positions, patch_nce
from hifisyn.methods.instaformer.roi import Boxes, roi_align
from hifisyn.methods.instaformer.settings import InstaFormerSettings
from hifisyn.methods.instaformer.translator import InstaFormerTranslator
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.padding import cropped, padded
from hifisyn.plans import Plans
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Trainer, Updates

HEAD_BETAS = (0.9, 0.999)


@dataclass(frozen=True)
class Rendered:
    """What the model into a contrast renders of a batch.

    Attributes:
        content: of the source, (N, C, h, w).
        features: of the source, that PatchNCE compares.
        boxes: of the source.
        fake: the source in this contrast, with a random style.
        code: style of the real images of this contrast.
        reconstruction: those images from their own content and style.
    """

    content: Tensor
    features: list[Tensor]
    boxes: Boxes | None
    fake: Tensor
    code: Tensor
    reconstruction: Tensor


class InstaFormer(Trainer):
    """Unpaired translation between two contrasts: two one-way models in one training."""

    TITLE = "InstaFormer"
    YEAR = 2022
    CITATION = (
        "Kim S, Baek J, Park J, Kim G, Kim S. InstaFormer: instance-aware image-to-image translation with transformer. "
        "CVPR 2022."
    )
    SUMMARY = "transformer on content tokens, contrastive"
    SETTINGS = InstaFormerSettings
    PUBLISHED: ClassVar = {"lr": 2e-4, "lr_discriminator": 2e-4, "weight_decay": 0.0, "decay_from": 1.0}
    settings: InstaFormerSettings
    networks: InstaFormerNetworks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        self._codes: dict[str, Tensor] = {}

    @property
    def side(self) -> int:
        """Pixels along each side of what the networks see."""
        return self.networks.side

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return that there are no boxes."""
        return "there are no boxes, so box tokens and their loss are left out"

    def build_networks(self) -> InstaFormerNetworks:
        """Return each model's generator, contrastive heads and discriminator, and the mean styles."""
        return InstaFormerNetworks(self.plans, self.settings, self.domains)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the discriminators, which move first, and the generators with the heads."""
        net = self.networks
        heads = (part for part in (net.heads, net.box_heads) if part is not None)
        return {DISCRIMINATOR: (net.discriminator,), GENERATOR: (net.generator, *heads)}

    def averaged(self) -> tuple[nn.Module, ...]:
        """Return the generators; the heads synthesise no images."""
        return (self.networks.generator,)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam for both; the heads, which share the generators' loss, have Adam's own betas as published."""
        plan = self.plans.optimisation
        generator, *heads = self.groups()[GENERATOR]
        parts: list[dict[str, object]] = [{"params": list(generator.parameters())}]
        if heads:
            parts.append({"params": [p for part in heads for p in part.parameters()], "betas": HEAD_BETAS})
        rate = self.learning_rates()[GENERATOR]
        adam = torch.optim.Adam(parts, lr=rate, betas=plan.betas, weight_decay=plan.weight_decay)
        return super().optimizers() | {GENERATOR: adam}

    def updates(self, batch: Batch) -> Updates:
        """Yield both discriminators, then both generators with their heads."""
        images = {m: padded(image, self.side) for m, image in batch.images.items()}
        boxes = {m: self.boxes(batch.labels[m]) for m in self.domains}
        rendered = {target: self.render_batch(images, boxes, source, target) for source, target in self.directions}
        self._codes = {m: rendered[m].code.detach() for m in self.domains}
        yield (
            DISCRIMINATOR,
            _summed(self.discriminator_losses(images[m], rendered[m].fake.detach(), m) for m in self.domains),
        )
        yield GENERATOR, _summed(self.objective(images[m], rendered[m], m) for m in self.domains)

    def boxes(self, labels: Tensor | None) -> Boxes | None:
        """Return the boxes of label maps (N, H, W), which are padded as the images are."""
        return boxes_of(labels, self.side, self.settings.boxes)

    def render_batch(
        self, images: Mapping[str, Tensor], boxes: Mapping[str, Boxes | None], source: str, target: str
    ) -> Rendered:
        """Translate the source's images with random styles, and put the target's together again."""
        model = self.model(target)
        content, features = model.encode(images[source])
        size = len(content), self.settings.networks.attribute_code
        noise = torch.randn(size, generator=self.generator, device=self.device)
        fake = model(content, noise, boxes[source])
        code = model.code(images[target])
        reconstruction = model(model.encode(images[target])[0], code, boxes[target])
        return Rendered(content, features, boxes[source], fake, code, reconstruction)

    def discriminator_losses(self, real: Tensor, fake: Tensor, target: str) -> dict[str, Tensor]:
        """Return what the discriminator of a contrast minimises of real images and (detached) translations."""
        on_fake = least_squares([self.logits(fake, target)], FAKE)
        on_real = least_squares([self.logits(real, target)], REAL)
        return {"adversarial": (on_fake + on_real) / 2}

    def objective(self, real: Tensor, rendered: Rendered, target: str) -> dict[str, Tensor]:
        """Return what the model into a contrast minimises, weighted; a weight of 0 costs nothing."""
        weight, model = self.settings, self.model(target)
        losses = {
            "adversarial": least_squares([self.logits(rendered.fake, target)], REAL),
            "reconstruction": weight.reconstruction * l1_loss(rendered.reconstruction, real),
        }
        if weight.style > 0:
            losses["style"] = weight.style * l1_loss(model.code(rendered.reconstruction), rendered.code)
        boxes = rendered.boxes if self.settings.with_box_nce else None
        if weight.nce > 0 or boxes is not None:
            content, features = model.encode(rendered.fake)
            if weight.nce > 0:
                losses["nce"] = weight.nce * self.position_loss(features, rendered.features, target)
            if boxes is not None:
                losses["box_nce"] = weight.box_nce * self.box_loss(content, rendered.content, boxes, target)
        return losses

    def position_loss(self, translated: list[Tensor], original: list[Tensor], target: str) -> Tensor:
        """Return PatchNCE between the features of translations and of their sources, mean over the layers."""
        heads, losses = _of(self.networks.heads, target), []
        for layer, (query, key) in enumerate(zip(translated, original, strict=True)):
            positions = draw_positions(self._allowed(original[0], key), self.settings.positions, self.generator)
            query, key = heads(at(query, positions), layer), heads(at(key.detach(), positions), layer)
            losses.append(patch_nce(query, key, self.settings.tau))
        return torch.stack(losses).mean()

    def box_loss(self, translated: Tensor, original: Tensor, boxes: Boxes, target: str) -> Tensor:
        """Return PatchNCE among the cells of each box, between the contents of translations and of their sources."""
        heads, cells = _of(self.networks.box_heads, target), self.model(target).cells
        inside = (roi_align(x, boxes, cells)[boxes.there] for x in (translated, original.detach()))
        query, key = (heads(x.flatten(2).transpose(1, 2), 0) for x in inside)
        return patch_nce(query, key, self.settings.tau)

    def _allowed(self, padded_image: Tensor, features: Tensor) -> Tensor:
        """Return where positions may lie, (N, P) bool of the features' pixels."""
        if not self.settings.foreground:
            return features.new_ones((len(features), features[0, 0].numel()), dtype=torch.bool)
        brain = padded_image[:, 0] > OUTSIDE
        if features.shape[2:] != brain.shape[1:]:
            brain = cropped(brain, self.side)
            stride = self.side // features.shape[-1]
            brain = brain[:, ::stride, ::stride]
        return brain.flatten(1)

    def logits(self, image: Tensor, contrast: str) -> Tensor:
        """Return the logits of the discriminator of a contrast; large means real."""
        return self.networks.discriminator[contrast](image)

    def after_step(self) -> None:
        """Move the mean styles towards those of the step's images."""
        self.networks.mean_style.update(self._codes)

    def translator(self, source: str, target: str) -> InstaFormerTranslator:
        """Return the module that translates any contrast to `target`, with its mean style and without boxes."""
        return InstaFormerTranslator(self.networks, target)

    def model(self, target: str) -> InstaFormerGenerator:
        """Return the generator into a contrast."""
        return self.networks.generator[target]


def _of(heads: ByModality[NCEHeads] | None, target: str) -> NCEHeads:
    if heads is None:
        raise ValueError("a loss of weight 0 has no heads")
    return heads[target]


def _summed(parts: Iterator[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the sum over both models of losses of one name."""
    total: dict[str, Tensor] = {}
    for losses in parts:
        for name, loss in losses.items():
            total[name] = total[name] + loss if name in total else loss
    return total
