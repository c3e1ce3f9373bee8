"""MGUIT: a memory of content and styles for each class, from which every pixel takes the style of the other contrast.

Jeong et al., "Memory-guided Unsupervised Image-to-image Translation", CVPR 2021, arXiv 2104.05170. What the paper
leaves open follows the authors' published settings. Built on DRIT's networks; HiFi-Syn's memory comes from here.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch of 1, a crop of 360 and
  1200 epochs. Every `content_steps`-th step is a full one, also at the end of an epoch.
- Objects are brain structures: a box around each connected component of each label, filled from large to small. Boxes
  of tissues nearly coincide, so `masks` can be the label map itself. Masks are cut and mirrored with the image, which
  the published code misses, and disjoint.
- Boxes are exact; the published ones are rounded to multiples of 4 pixels. A structure must have 16 pixels in an
  image of 256, in proportion to its area, 4 at least.
- As many items of a class as the plan has slots of its label; the background has the global slots beside its own.
- Images without labels are background throughout.
- The contrastive loss of the published code has almost no gradient: see `hifisyn.losses.feature_contrast`, and
  `hifisyn.networks.class_memory` for what differs in the memory. `contrast` brings the published form back.
- The published mean square of content is left out: of unit vectors it is constant.
- The random styles of an image's own contrast are not rendered: no published loss sees them.
- `label_map` adds HiFi-Syn's PGD (arXiv 2311.12461, Table 6 there), which MGUIT lacks: off by default.
"""

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses import adversarial
from hifisyn.losses.total import total
from hifisyn.methods import granularity
from hifisyn.methods.drit import draw_weights
from hifisyn.methods.hifisyn_networks import (
    ATTRIBUTE_ENCODER,
    CONTENT_DISCRIMINATOR,
    CONTENT_ENCODER,
    GENERATOR,
    IMAGE_DISCRIMINATOR,
)
from hifisyn.methods.mguit_classes import Masks, items_of
from hifisyn.methods.mguit_contrast import (
    key_contrast,
    key_contrast_of_code,
    value_contrast,
    value_contrast_of_code,
)
from hifisyn.methods.mguit_passes import MEMORY, Made, Passes
from hifisyn.methods.scene import observe
from hifisyn.networks.attribute_encoder import mguit_dense
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.class_memory import ClassMemory, Pixels
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.mguit_generator import MguitGenerator
from hifisyn.plans import Plans
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings


class MGUITSettings(Settings):
    """The published values are the defaults, but for `contrast`."""

    domain: float = Field(1.0, ge=0, description="domain adversarial, of read and of random styles")
    content: float = Field(1.0, ge=0, description="content adversarial")
    cycle: float = Field(50.0, ge=0, description="cycle L1")
    reconstruction: float = Field(10.0, ge=0, description="self-reconstruction L1")
    consistency: float = Field(1.0, ge=0, description="L1 between the content of an image and of its translation")
    style_l2: float = Field(0.01, ge=0, description="mean square of styles")
    key: float = Field(0.1, ge=0, description="contrastive loss of content and keys")
    value: float = Field(0.1, ge=0, description="contrastive loss of styles and values")
    contrast: Literal["info_nce", "official"] = Field(
        "info_nce", description="contrastive loss: over the items, as the paper means it, or as the published code is"
    )
    tau: float = Field(0.07, gt=0, description="temperature of the contrastive loss info_nce")
    read_tau: float = Field(1.0, gt=0, description="temperature of the read; 0.1 sharpens it")
    content_noise: float = Field(0.1, ge=0, description="std of the noise on content that the generator trains with")
    keep: float = Field(0.5, ge=0, le=1, description="share of the old item that an update of the memory keeps")
    masks: Masks = Field(
        "boxes", description="classes of pixels: from boxes around structures, or the label map itself"
    )
    label_map: bool = Field(
        False, description="add HiFi-Syn's PGD with the label map, as `losses` of the plans weigh it (its Table 6)"
    )


@register("MGUIT")
class MGUIT(Trainer):
    """Unpaired translation between two modalities, both directions in one training.

    `training` is HiFi-Syn's, which is DRIT's and so MGUIT's: rates 1e-4 and 4e-5, decay 1e-4, linear from half.
    """

    SETTINGS = MGUITSettings
    PUBLISHED: ClassVar = {}
    settings: MGUITSettings

    def __init__(self, plans: Plans, pair: tuple[str, str]) -> None:
        super().__init__(plans, pair)
        stride, weight = 2**plans.networks.n_down, self.settings
        self.passes = Passes(self.networks, pair, stride, weight.masks, weight.content_noise)

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return what memory and, where it is asked for, PGD lose."""
        lost = granularity.without_label_map(plans)
        return "every pixel counts as background, so the memory knows no classes" + (f"; {lost}" if lost else "")

    def build_networks(self) -> dict[str, nn.Module]:
        """Return E^c, E^a, G, D, D^c and the memory."""
        plan, side, v = self.plans.networks, self.plans.slices.crop, self.plans.memory.value_width
        networks: dict[str, nn.Module] = {
            CONTENT_ENCODER: ContentEncoder(self.pair, plan.width, plan.n_down, plan.content_blocks),
            ATTRIBUTE_ENCODER: ByModality(self.pair, lambda: mguit_dense(plan.width, plan.n_down, v)),
            GENERATOR: MguitGenerator(self.pair, plan.width, plan.n_down, plan.content_blocks, v),
            IMAGE_DISCRIMINATOR: ImageDiscriminator(self.pair, side, plan.width, "multiscale"),
            CONTENT_DISCRIMINATOR: ContentDiscriminator(self.plans.content_width, self.plans.content_size),
        }
        draw_weights(networks, plan)
        weight = self.settings
        items = items_of(self.plans)
        memory = ClassMemory(self.pair, items, self.plans.content_width, v, weight.keep, weight.read_tau)
        return networks | {MEMORY: memory}

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return D, D^c, and the three networks that make images."""
        return {
            DISCRIMINATOR: (IMAGE_DISCRIMINATOR,),
            CONTENT_DISCRIMINATOR: (CONTENT_DISCRIMINATOR,),
            GENERATOR: (CONTENT_ENCODER, ATTRIBUTE_ENCODER, GENERATOR),
        }

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield D, D^c, then E^c, E^a and G; of every `content_steps` steps all but the last move D^c only."""
        if self.settings.content > 0 and (batch.iteration + 1) % self.plans.training.content_steps:
            with torch.no_grad():
                content = {m: self.passes.encode(batch.images[m], m) for m in self.pair}
            yield CONTENT_DISCRIMINATOR, self.content_critic(content)
            return
        made = self.passes.make(batch, self.generator)
        if self.settings.domain > 0:
            yield DISCRIMINATOR, self.image_critic(batch, made)
        if self.settings.content > 0:
            yield CONTENT_DISCRIMINATOR, self.content_critic({m: c.detach() for m, c in made.content.items()})
        yield GENERATOR, self.objective(batch, made)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast; labels unseen, all items read, no noise."""
        return self.passes.translate(source, source_modality, target_modality)

    def diagnostics(self) -> dict[str, float]:
        """Return how many items no pixel has chosen yet, counted in both modalities."""
        return {"empty_items": float((~self.passes.memory.known).sum())}

    def image_critic(self, batch: Batch, made: Made) -> dict[str, Tensor]:
        """Return what D minimises: real images against translations, those with random styles among them."""
        losses = []
        for source, target in self.directions:
            fakes = torch.cat([made.fake[source], made.random[source]]).detach()
            real = self._judge(batch.images[target], target)
            losses.append(adversarial.domain_critic(real, self._judge(fakes, target)))
        return {"domain": self.settings.domain * torch.stack(losses).sum()}

    def content_critic(self, content: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what D^c minimises of the (detached) contents."""
        logits = (self._judge_content(content[m]) for m in self.pair)
        return {"content": self.settings.content * adversarial.content_critic(*logits)}

    def objective(self, batch: Batch, made: Made) -> dict[str, Tensor]:
        """Return what E^c, E^a and G minimise, weighted; a weight of 0 is not computed."""
        weight, images, plan = self.settings, batch.images, self.plans.losses
        pgd = plan.pgd * granularity.ramp(plan, batch.iteration) if weight.label_map else 0.0
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "domain": (weight.domain, lambda: total(self._fool(made, s, t) for s, t in self.directions)),
            "content": (weight.content, lambda: self._hide(made)),
            "cycle": (weight.cycle, lambda: total(l1_loss(made.cycle[m], images[m]) for m in self.pair)),
            "reconstruction": (
                weight.reconstruction,
                lambda: total(l1_loss(made.reconstruction[m], images[m]) for m in self.pair),
            ),
            "consistency": (
                weight.consistency,
                lambda: total(l1_loss(made.content[m], made.again[m]) for m in self.pair),
            ),
            "style_l2": (weight.style_l2, lambda: total(made.pixels[m].style.square().mean() for m in self.pair)),
            "key": (weight.key, lambda: total(self._key(made.pixels[m], m) for m in self.pair)),
            "value": (weight.value, lambda: total(self._value(made.pixels[m], m) for m in self.pair)),
            "pgd": (pgd, lambda: self._pgd(batch, made)),
        }
        return {name: share * term() for name, (share, term) in terms.items() if share > 0}

    def _key(self, pixels: Pixels, modality: str) -> Tensor:
        if self.settings.contrast == "official":
            return key_contrast_of_code(self.passes.memory, pixels)
        return key_contrast(self.passes.memory, pixels, modality, self.settings.tau)

    def _value(self, pixels: Pixels, modality: str) -> Tensor:
        if self.settings.contrast == "official":
            return value_contrast_of_code(self.passes.memory, pixels, modality)
        return value_contrast(self.passes.memory, pixels, modality, self.settings.tau)

    def _pgd(self, batch: Batch, made: Made) -> Tensor:
        scene = observe(batch, 2**self.plans.networks.n_down)
        contents = granularity.contents_of(batch, scene, made.content, made.again)
        return granularity.pgd(contents, batch, scene, self.plans.losses, self.generator)

    def _fool(self, made: Made, source: str, target: str) -> Tensor:
        fakes = torch.cat([made.fake[source], made.random[source]])
        return adversarial.domain_generator(self._judge(fakes, target))

    def _hide(self, made: Made) -> Tensor:
        return adversarial.content_encoder(*(self._judge_content(made.content[m]) for m in self.pair))

    def _judge(self, image: Tensor, modality: str) -> tuple[Tensor, ...]:
        return self.networks[IMAGE_DISCRIMINATOR](image, modality)

    def _judge_content(self, content: Tensor) -> Tensor:
        return self.networks[CONTENT_DISCRIMINATOR](content)
