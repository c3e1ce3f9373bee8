"""MGUIT: a memory of content and styles for each class, from which every pixel takes the style of the other contrast.

Jeong et al., "Memory-guided Unsupervised Image-to-image Translation", CVPR 2021, arXiv 2104.05170. What the paper
leaves open follows the authors' published settings. Built on DRIT's networks; HiFi-Syn's memory comes from here.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch of 1, a crop of 360 and
  1200 epochs. Every `content_discriminator.steps`-th step is a full one, also at the end of an epoch.
- Objects are brain structures: a box around each connected component of each label, filled from large to small. Boxes
  of tissues nearly coincide, so `masks` can be the label map itself. Masks are cut and mirrored with the image, which
  the published code misses, and disjoint.
- Boxes are exact; the published ones are rounded to multiples of 4 pixels. A structure must have 16 pixels in an
  image of 256, in proportion to its area, 4 at least.
- As many items of a class as the plan has slots of its label; the background has the global slots beside its own.
- Images without labels are background throughout.
- The contrastive loss of the published code has almost no gradient: see `hifisyn.methods.mguit.feature_contrast`, and
  `hifisyn.methods.mguit.class_memory` for what differs in the memory. `contrast` brings the published form back.
- The published mean square of content is left out: of unit vectors it is constant.
- The random styles of an image's own contrast are not rendered: no published loss sees them.
- `label_map` adds HiFi-Syn's PGD (arXiv 2311.12461, Table 6 there), which MGUIT lacks: off by default.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses import adversarial
from hifisyn.losses.total import total
from hifisyn.methods import granularity
from hifisyn.methods.content_discriminator_trainer import (
    CONTENT_DISCRIMINATOR,
    ContentDiscriminatorSettings,
    ContentDiscriminatorTrainer,
)
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.memory_slots import NO_PIXEL, check_slots, with_slots
from hifisyn.methods.mguit.class_memory import Pixels
from hifisyn.methods.mguit.contrast import (
    key_contrast,
    key_contrast_of_code,
    value_contrast,
    value_contrast_of_code,
)
from hifisyn.methods.mguit.networks import MGUITNetworks
from hifisyn.methods.mguit.passes import Passes, Rendered
from hifisyn.methods.mguit.settings import MGUITSettings
from hifisyn.methods.mguit.translator import MGUITTranslator
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, shared_plan
from hifisyn.plans import Plans, Preset, SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Updates


class MGUIT(ContentDiscriminatorTrainer):
    """Unpaired translation between two contrasts, both directions in one training.

    Rates and weight decay are DRIT's, which plans have by default: 1e-4 and 4e-5, decay 1e-4, linear from half.
    """

    TITLE = "MGUIT"
    YEAR = 2021
    CITATION = "Jeong S, Kim Y, Lee E, Sohn K. Memory-guided unsupervised image-to-image translation. CVPR 2021."
    SUMMARY = "class-aware key-value memory"
    SETTINGS = MGUITSettings
    PUBLISHED: ClassVar = {}
    settings: MGUITSettings
    networks: MGUITNetworks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        self.passes = Passes(self.networks, self.settings)

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return what the shared rules plan, the slots of the memory, and PGD, where it is on."""
        shared, sizes = shared_plan(cls.SETTINGS, cls.PUBLISHED, slices, device, preset)
        return granularity.with_granularity(with_slots(shared, fingerprint, sizes))

    @classmethod
    def check(cls, plans: Plans) -> None:
        """Refuse a crop that does not fit, and slots of unknown labels."""
        super().check(plans)
        check_slots(plans)

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return what memory and, where it is on, PGD lose."""
        lost = granularity.without_label_map(plans)
        return "every pixel counts as background, so the memory knows no classes" + (f"; {lost}" if lost else "")

    @property
    def content_discriminator_plan(self) -> tuple[ContentDiscriminatorSettings, float]:
        """Settings of D^c, and the weight of the content adversarial loss."""
        return self.settings.content_discriminator, self.settings.content

    def started(self) -> None:
        """Forget what the weights know of structures that this data set does not label."""
        memory = self.passes.memory
        memory.forget(memory.item_class <= NO_PIXEL)

    def build_networks(self) -> MGUITNetworks:
        """Return E^c, E^a, G, D, D^c and the memory."""
        return MGUITNetworks(self.plans, self.settings, self.domains)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return D, D^c, and the three networks that synthesise images."""
        net = self.networks
        return {
            DISCRIMINATOR: (net.image_discriminator,),
            CONTENT_DISCRIMINATOR: (net.content_discriminator,),
            GENERATOR: (net.content_encoder, net.attribute_encoder, net.generator),
        }

    def updates(self, batch: Batch) -> Updates:
        """Yield D, D^c, then E^c, E^a and G; of every `content_discriminator.steps` all but the last move D^c only."""
        if self.moves_content_alone(batch.iteration):
            with torch.no_grad():
                content = {m: self.passes.encode(batch.images[m], m) for m in self.domains}
            yield CONTENT_DISCRIMINATOR, self.content_discriminator_losses(content)
            return
        rendered = self.passes.render(batch, self.generator)
        if self.settings.domain > 0:
            yield DISCRIMINATOR, self.image_discriminator_losses(batch, rendered)
        if self.settings.content > 0:
            content = {m: c.detach() for m, c in rendered.content.items()}
            yield CONTENT_DISCRIMINATOR, self.content_discriminator_losses(content)
        yield GENERATOR, self.objective(batch, rendered)

    def translator(self, source: str, target: str) -> MGUITTranslator:
        """Return the module that translates `source` to `target`; labels unseen, all items read, no noise."""
        return MGUITTranslator(self.networks, source, target)

    def diagnostics(self) -> dict[str, float]:
        """Return how many items no pixel has chosen yet, counted in both contrasts."""
        return {"empty_items": float((~self.passes.memory.known).sum())}

    def image_discriminator_losses(self, batch: Batch, rendered: Rendered) -> dict[str, Tensor]:
        """Return what D minimises: real images against translations, those with random styles among them."""
        losses = []
        for source, target in self.directions:
            fakes = torch.cat([rendered.fake[source], rendered.random[source]]).detach()
            real = self._logits(batch.images[target], target)
            losses.append(adversarial.discriminator_loss(real, self._logits(fakes, target)))
        return {"domain": self.settings.domain * torch.stack(losses).sum()}

    def content_discriminator_losses(self, content: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what D^c minimises of the (detached) contents."""
        return {"content": self.settings.content * self.content_discriminator_loss(content)}

    def objective(self, batch: Batch, rendered: Rendered) -> dict[str, Tensor]:
        """Return what E^c, E^a and G minimise, weighted; a weight of 0 is not computed."""
        weight, images, plan = self.settings, batch.images, self.settings.granularity
        pgd = plan.pgd * plan.share(batch.iteration, self.first_total) if weight.label_map else 0.0
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "domain": (
                weight.domain,
                lambda: total(self._domain_adversarial(rendered, s, t) for s, t in self.directions),
            ),
            "content": (weight.content, lambda: self.content_adversarial_loss(rendered.content)),
            "cycle": (weight.cycle, lambda: total(l1_loss(rendered.cycle[m], images[m]) for m in self.domains)),
            "reconstruction": (
                weight.reconstruction,
                lambda: total(l1_loss(rendered.reconstruction[m], images[m]) for m in self.domains),
            ),
            "consistency": (
                weight.consistency,
                lambda: total(l1_loss(rendered.content[m], rendered.reencoded[m]) for m in self.domains),
            ),
            "style_l2": (
                weight.style_l2,
                lambda: total(rendered.pixels[m].style.square().mean() for m in self.domains),
            ),
            "key": (weight.key, lambda: total(self._key(rendered.pixels[m], m) for m in self.domains)),
            "value": (weight.value, lambda: total(self._value(rendered.pixels[m], m) for m in self.domains)),
            "pgd": (pgd, lambda: self._pgd(batch, rendered)),
        }
        return {name: share * term() for name, (share, term) in terms.items() if share > 0}

    def _key(self, pixels: Pixels, contrast: str) -> Tensor:
        if self.settings.contrast == "official":
            return key_contrast_of_code(self.passes.memory, pixels)
        return key_contrast(self.passes.memory, pixels, contrast, self.settings.tau)

    def _value(self, pixels: Pixels, contrast: str) -> Tensor:
        if self.settings.contrast == "official":
            return value_contrast_of_code(self.passes.memory, pixels, contrast)
        return value_contrast(self.passes.memory, pixels, contrast, self.settings.tau)

    def _pgd(self, batch: Batch, rendered: Rendered) -> Tensor:
        masks = content_masks(batch, self.settings.networks.stride)
        contents = granularity.contents_of(batch, masks, rendered.content, rendered.reencoded)
        return granularity.pgd(contents, batch, masks, self.settings.granularity, self.generator)

    def _domain_adversarial(self, rendered: Rendered, source: str, target: str) -> Tensor:
        fakes = torch.cat([rendered.fake[source], rendered.random[source]])
        return adversarial.generator_loss(self._logits(fakes, target))

    def _logits(self, image: Tensor, contrast: str) -> tuple[Tensor, ...]:
        return self.networks.image_discriminator(image, contrast)
