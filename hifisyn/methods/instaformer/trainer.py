"""InstaFormer: a transformer over patches and boxes of content, told by contrast which positions belong together.

Kim et al., "InstaFormer: Instance-Aware Image-to-Image Translation with Transformer", CVPR 2022, arXiv 2203.16248.
What the paper leaves open follows the authors' published settings: LSGAN, 8x8 patches, 6 layers, PatchNCE on three
layers. It translates one way; here two independent models, called by their target, are trained side by side.

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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.patch_nce import at, draw_positions, patch_nce
from hifisyn.methods.instaformer_boxes import boxes_of
from hifisyn.networks.blur_patchgan import BlurPatchGAN, Norm
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.instaformer_generator import InstaFormerGenerator, side_with_whole_patches
from hifisyn.networks.instaformer_transformer import DEEP
from hifisyn.networks.nce_heads import NCEHeads
from hifisyn.networks.padding import BACKGROUND, cropped, padded
from hifisyn.networks.roi import Boxes, roi_align
from hifisyn.networks.running_code import RunningCode
from hifisyn.networks.typed import typed
from hifisyn.plans import Plans
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings

GENERATOR, HEADS, BOX_HEADS, STYLE = "generator", "heads", "box_heads", "style"
HEAD_WIDTH, HEAD_BETAS = 4, (0.9, 0.999)


class InstaFormerSettings(Settings):
    """The published values are the defaults."""

    reconstruction: float = Field(10.0, gt=0, description="L1 of an image from its own content and style")
    style: float = Field(10.0, ge=0, description="L1 between the styles of an image and of its reconstruction")
    nce: float = Field(2.0, ge=0, description="PatchNCE between a translation and its source")
    box_nce: float = Field(2.0, ge=0, description="the same inside boxes; needs labels")
    tau: float = Field(0.07, gt=0, description="temperature of both")
    positions: int = Field(256, ge=2, description="positions that PatchNCE draws in each image and layer")
    foreground: bool = Field(False, description="draw positions where the image is not background; else anywhere")
    boxes: int = Field(20, ge=0, description="structures an image, the largest; 0: no box tokens and no box_nce")
    layers: int = Field(DEEP, ge=1, description="layers of the transformer")
    norm: Norm = Field("batch", description="norm of the discriminator; instance: where batches of 1 or 2 disturb it")


@dataclass(frozen=True)
class Made:
    """What the model into a contrast made of a batch.

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


@register("InstaFormer")
class InstaFormer(Trainer):
    """Unpaired translation between two modalities: two one-way models in one training."""

    SETTINGS = InstaFormerSettings
    PUBLISHED: ClassVar = {"lr": 2e-4, "lr_discriminator": 2e-4, "weight_decay": 0.0, "decay_from": 1.0}
    settings: InstaFormerSettings

    @property
    def side(self) -> int:
        """Pixels along each side of what the networks see."""
        return side_with_whole_patches(self.plans.slices.crop, self.plans.networks.n_down)

    @property
    def with_box_nce(self) -> bool:
        """Whether boxes are compared."""
        return self.settings.box_nce > 0 and self.settings.boxes > 0

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return that there are no boxes."""
        return "there are no boxes, so box tokens and their loss are left out"

    def build_networks(self) -> dict[str, nn.Module]:
        """Return each model's generator, contrastive heads and discriminator, and the mean styles."""
        plan, width = self.plans.networks, self.plans.networks.width
        generators = ByModality(self.pair, self.build_generator)
        networks: dict[str, nn.Module] = {GENERATOR: generators}
        if self.settings.nce > 0:
            channels = (1, *(width * 2**k for k in range(1, plan.n_down + 1)))
            networks[HEADS] = ByModality(self.pair, lambda: NCEHeads(channels, HEAD_WIDTH * width))
        if self.with_box_nce:
            networks[BOX_HEADS] = ByModality(self.pair, lambda: NCEHeads([width * 2**plan.n_down], width))
        networks[DISCRIMINATOR] = ByModality(self.pair, lambda: BlurPatchGAN(self.side, width, self.settings.norm))
        networks[STYLE] = RunningCode(self.pair, plan.attribute_code, self.plans.training.attribute_ema)
        return networks

    def build_generator(self) -> InstaFormerGenerator:
        """Return the generator into one contrast."""
        plan, own = self.plans.networks, self.settings
        return InstaFormerGenerator(
            self.side, plan.width, plan.n_down, plan.attribute_code, own.layers, boxes=own.boxes > 0
        )

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the discriminators, which move first, and the generators with the heads."""
        heads = tuple(name for name in (HEADS, BOX_HEADS) if name in self.networks)
        return {DISCRIMINATOR: (DISCRIMINATOR,), GENERATOR: (GENERATOR, *heads)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam for both; the heads, which share the generators' loss, have Adam's own betas as published."""
        plan = self.plans.training
        _, *heads = self.groups()[GENERATOR]
        parts: list[dict[str, object]] = [{"params": list(self.networks[GENERATOR].parameters())}]
        if heads:
            parts.append({"params": [p for h in heads for p in self.networks[h].parameters()], "betas": HEAD_BETAS})
        rate = self.learning_rates()[GENERATOR]
        adam = torch.optim.Adam(parts, lr=rate, betas=plan.betas, weight_decay=plan.weight_decay)
        return super().optimizers() | {GENERATOR: adam}

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield both discriminators, then both generators with their heads."""
        images = {m: padded(image, self.side) for m, image in batch.images.items()}
        boxes = {m: self.boxes(batch.labels[m]) for m in self.pair}
        made = {target: self.make(images, boxes, source, target) for source, target in self.directions}
        self._codes = {m: made[m].code.detach() for m in self.pair}
        yield DISCRIMINATOR, _summed(self.critic(images[m], made[m].fake.detach(), m) for m in self.pair)
        yield GENERATOR, _summed(self.objective(images[m], made[m], m) for m in self.pair)

    def boxes(self, labels: Tensor | None) -> Boxes | None:
        """Return the boxes of label maps (N, H, W), which are padded as the images are."""
        return boxes_of(labels, self.side, self.settings.boxes)

    def make(self, images: dict[str, Tensor], boxes: dict[str, Boxes | None], source: str, target: str) -> Made:
        """Translate the source's images with random styles, and put the target's together again."""
        model = self.model(target)
        content, features = model.encode(images[source])
        noise = torch.randn(
            (len(content), self.plans.networks.attribute_code), generator=self.generator, device=self.device
        )
        fake = model(content, noise, boxes[source])
        code = model.code(images[target])
        reconstruction = model(model.encode(images[target])[0], code, boxes[target])
        return Made(content, features, boxes[source], fake, code, reconstruction)

    def critic(self, real: Tensor, fake: Tensor, target: str) -> dict[str, Tensor]:
        """Return what the discriminator of a contrast minimises of real images and (detached) translations."""
        on_fake = least_squares([self.judge(fake, target)], FAKE)
        on_real = least_squares([self.judge(real, target)], REAL)
        return {"adversarial": (on_fake + on_real) / 2}

    def objective(self, real: Tensor, made: Made, target: str) -> dict[str, Tensor]:
        """Return what the model into a contrast minimises, weighted; a weight of 0 costs nothing."""
        weight, model = self.settings, self.model(target)
        losses = {
            "adversarial": least_squares([self.judge(made.fake, target)], REAL),
            "reconstruction": weight.reconstruction * l1_loss(made.reconstruction, real),
        }
        if weight.style > 0:
            losses["style"] = weight.style * l1_loss(model.code(made.reconstruction), made.code)
        boxes = made.boxes if self.with_box_nce else None
        if weight.nce > 0 or boxes is not None:
            content, features = model.encode(made.fake)
            if weight.nce > 0:
                losses["nce"] = weight.nce * self.position_loss(features, made.features, target)
            if boxes is not None:
                losses["box_nce"] = weight.box_nce * self.box_loss(content, made.content, boxes, target)
        return losses

    def position_loss(self, translated: list[Tensor], original: list[Tensor], target: str) -> Tensor:
        """Return PatchNCE between the features of translations and of their sources, mean over the layers."""
        heads, losses = self._heads(HEADS, target), []
        for layer, (query, key) in enumerate(zip(translated, original, strict=True)):
            positions = draw_positions(self._allowed(original[0], key), self.settings.positions, self.generator)
            query, key = heads(at(query, positions), layer), heads(at(key.detach(), positions), layer)
            losses.append(patch_nce(query, key, self.settings.tau))
        return torch.stack(losses).mean()

    def box_loss(self, translated: Tensor, original: Tensor, boxes: Boxes, target: str) -> Tensor:
        """Return PatchNCE among the cells of each box, between the contents of translations and of their sources."""
        heads, cells = self._heads(BOX_HEADS, target), self.model(target).cells
        inside = (roi_align(x, boxes, cells)[boxes.there] for x in (translated, original.detach()))
        query, key = (heads(x.flatten(2).transpose(1, 2), 0) for x in inside)
        return patch_nce(query, key, self.settings.tau)

    def _allowed(self, padded_image: Tensor, features: Tensor) -> Tensor:
        """Return where positions may lie, (N, P) bool of the features' pixels."""
        if not self.settings.foreground:
            return features.new_ones((len(features), features[0, 0].numel()), dtype=torch.bool)
        brain = padded_image[:, 0] > BACKGROUND
        if features.shape[2:] != brain.shape[1:]:
            brain = cropped(brain, self.side)
            stride = self.side // features.shape[-1]
            brain = brain[:, ::stride, ::stride]
        return brain.flatten(1)

    def judge(self, image: Tensor, modality: str) -> Tensor:
        """Return the logits of the discriminator of a contrast; large means real."""
        return self.networks[DISCRIMINATOR](image, modality)

    def after_step(self) -> None:
        """Move the mean styles towards those of the step's images."""
        self._style.update(self._codes)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast, with its mean style and without boxes."""
        model = self.model(target_modality)
        content, _ = model.encode(padded(source, self.side))
        code = self._style(target_modality).expand(len(source), -1)
        return cropped(model(content, code), source.shape[-1])

    def model(self, target: str) -> InstaFormerGenerator:
        """Return the generator into a contrast."""
        return typed(self.networks, GENERATOR, ByModality).of(target, InstaFormerGenerator)

    def _heads(self, name: str, target: str) -> nn.Module:
        return typed(self.networks, name, ByModality).of(target, nn.Module)

    @property
    def _style(self) -> RunningCode:
        return typed(self.networks, STYLE, RunningCode)


def _summed(parts: Iterator[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the sum over both models of losses of one name."""
    total: dict[str, Tensor] = {}
    for losses in parts:
        for name, loss in losses.items():
            total[name] = total[name] + loss if name in total else loss
    return total
