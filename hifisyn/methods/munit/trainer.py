"""MUNIT: one auto-encoder a contrast, whose image is content, a map, and style, a vector of 8 numbers.

Huang et al., "Multimodal Unsupervised Image-to-Image Translation", ECCV 2018, arXiv 1804.04732. A translation renders
the content of one contrast with the decoder of the other and a style drawn from N(0, I). What the paper leaves open
follows the authors' published settings for summer to winter, which have an explicit cycle of weight 10.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share; published are a batch of 1, a crop of 256 and
  1M iterations. The rate is halved after every tenth of the run, as published.
- The translation of a test image is to be one image: its style is the running mean of the encoded styles of the
  target's training images, not a random one. `test_style` changes that.
- A constant slice gets faint noise in training, and the layer norm has a tiny number under its root: the published
  code makes NaN of such slices.
- The discriminators of narrow networks are drawn after He: they have no norm, and would begin almost constant.
- The domain-invariant perceptual loss is left out: its weight is 0 in these settings, and VGG knows colour
  photographs.
- Style encoders and discriminators of images below 64 pixels have fewer halvings.
- `label_map` adds HiFi-Syn's PGD (arXiv 2311.12461, Table 6 there), which MUNIT lacks: off by default. Convolutions
  4x4 centre a content pixel 1.5 image pixels beside the one whose label it takes, which is less than half of its own
  4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.total import total
from hifisyn.methods import granularity
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.munit.faint_noise import with_faint_noise
from hifisyn.methods.munit.networks import MUNITNetworks
from hifisyn.methods.munit.settings import MUNITSettings
from hifisyn.methods.munit.translator import MUNITTranslator
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Plans, Preset, SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Trainer, Updates


@dataclass(frozen=True)
class Rendered:
    """What the networks render of a batch; every dict is keyed by the contrast of the real image.

    Attributes:
        content: (N, C, h, w).
        style: (N, code), encoded.
        random_style: (N, code), what the translation was rendered with.
        fake: the translation.
        reencoded: content of the translation.
    """

    content: dict[str, Tensor]
    style: dict[str, Tensor]
    random_style: dict[str, Tensor]
    fake: dict[str, Tensor]
    reencoded: dict[str, Tensor]


class MUNIT(Trainer):
    """Unpaired translation between two contrasts, both directions in one training."""

    TITLE = "MUNIT"
    YEAR = 2018
    CITATION = "Huang X, Liu M-Y, Belongie S, Kautz J. Multimodal unsupervised image-to-image translation. ECCV 2018."
    SUMMARY = "content and style codes, AdaIN"
    SETTINGS = MUNITSettings
    PUBLISHED: ClassVar = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "betas": (0.5, 0.999),
        "weight_decay": 1e-4,
        "decay_from": 1.0,  # not used: see `rate_share`
    }
    settings: MUNITSettings
    networks: MUNITNetworks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        self._styles: dict[str, Tensor] | None = None

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return what the shared rules plan, and PGD, where `label_map` is on, as HiFi-Syn has it."""
        return granularity.with_granularity(super().plan(fingerprint, slices, device, preset))

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return what PGD loses, where it is on."""
        return granularity.without_label_map(plans)

    def build_networks(self) -> MUNITNetworks:
        """Return the auto-encoders and discriminators by contrast, and the mean styles."""
        return MUNITNetworks(self.plans, self.settings, self.domains)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the discriminators, which move first, and the auto-encoders."""
        net = self.networks
        return {DISCRIMINATOR: (net.discriminator,), GENERATOR: (net.content_encoder, net.style_encoder, net.decoder)}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return a half to the power of how often `halve_every` of the run has passed; alike for both groups."""
        steps = max(1, round(self.settings.halve_every * self.plans.length.total))
        return 0.5 ** (iteration // steps)

    def updates(self, batch: Batch) -> Updates:
        """Yield the discriminators, then the auto-encoders; each draws styles of its own."""
        noisy = {m: with_faint_noise(image, self.generator) for m, image in batch.images.items()}
        batch = replace(batch, images=noisy)
        if self.settings.adversarial > 0:
            with torch.no_grad():
                content = {m: self.encode(batch.images[m], m) for m in self.domains}
                fake = self.render(content, self.draw_styles(batch))
            yield DISCRIMINATOR, self.discriminator_losses(batch, fake)
        rendered = self.render_batch(batch)
        yield GENERATOR, self.objective(batch, rendered)
        self._styles = {m: style.detach() for m, style in rendered.style.items()}

    def after_step(self) -> None:
        """Move the mean styles, by what was encoded before the weights moved."""
        if self._styles is not None:
            self.networks.mean_style.update(self._styles)
        self._styles = None

    def render_batch(self, batch: Batch) -> Rendered:
        """Return contents, styles and rendered of a batch."""
        content = {m: self.encode(batch.images[m], m) for m in self.domains}
        style = {m: self.encode_style(batch.images[m], m) for m in self.domains}
        random_style = self.draw_styles(batch)
        fake = self.render(content, random_style)
        reencoded = {source: self.encode(fake[source], target) for source, target in self.directions}
        return Rendered(content, style, random_style, fake, reencoded)

    def draw_styles(self, batch: Batch) -> dict[str, Tensor]:
        """Draw a style from N(0, I) for each translation: (N, code) by the contrast of its source."""
        code, device = self.settings.networks.attribute_code, self.device
        sizes = {m: (len(batch.images[m]), code) for m in self.domains}
        return {m: torch.randn(size, generator=self.generator, device=device) for m, size in sizes.items()}

    def render(self, content: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the rendered of contents by given styles, all by the contrast of the source."""
        return {source: self.decode(content[source], style[source], target) for source, target in self.directions}

    def restore(self, content: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the images of contents and styles in their own contrast."""
        return {m: self.decode(content[m], style[m], m) for m in self.domains}

    def objective(self, batch: Batch, rendered: Rendered) -> dict[str, Tensor]:
        """Return what the auto-encoders minimise, weighted, over both directions; a weight of 0 costs nothing."""
        weight, images = self.settings, batch.images
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "adversarial": (weight.adversarial, lambda: self._adversarial(rendered)),
            "reconstruction": (
                weight.reconstruction,
                lambda: _l1(self.restore(rendered.content, rendered.style), images),
            ),
            "style": (weight.style, lambda: _l1(self._reencoded_styles(rendered), rendered.random_style)),
            "content": (weight.content, lambda: _l1(rendered.reencoded, rendered.content)),
            "cycle": (weight.cycle, lambda: _l1(self.restore(rendered.reencoded, rendered.style), images)),
            "pgd": (self._pgd_weight(batch), lambda: self._pgd(batch, rendered)),
        }
        return {name: share * term() for name, (share, term) in terms.items() if share > 0}

    def discriminator_losses(self, batch: Batch, fake: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the discriminators minimise of a batch and its (detached) rendered, by source."""
        on_real = total(least_squares(self.logits(batch.images[m], m), REAL) for m in self.domains)
        on_fake = total(least_squares(self.logits(fake[s], t), FAKE) for s, t in self.directions)
        return {"adversarial": self.settings.adversarial * (on_real + on_fake)}

    def encode(self, image: Tensor, contrast: str) -> Tensor:
        """Return the content (N, C, h, w) of images of a contrast."""
        return self.networks.content_encoder[contrast](image)

    def encode_style(self, image: Tensor, contrast: str) -> Tensor:
        """Return the style (N, code) of images of a contrast."""
        return self.networks.style_encoder[contrast](image)

    def decode(self, content: Tensor, style: Tensor, contrast: str) -> Tensor:
        """Return images (N, 1, H, W) of a contrast, of content (N, C, h, w) and style (N, code)."""
        return self.networks.decoder[contrast](content, style)

    def logits(self, image: Tensor, contrast: str) -> tuple[Tensor, ...]:
        """Return the logits of the discriminator of a contrast, a map a scale; large means real."""
        return self.networks.discriminator(image, contrast)

    def translator(self, source: str, target: str) -> MUNITTranslator:
        """Return the module that translates `source` to `target`, in the style that `test_style` says."""
        return MUNITTranslator(self.networks, source, target, self.settings.test_style)

    def _adversarial(self, rendered: Rendered) -> Tensor:
        return total(least_squares(self.logits(rendered.fake[s], t), REAL) for s, t in self.directions)

    def _reencoded_styles(self, rendered: Rendered) -> dict[str, Tensor]:
        return {source: self.encode_style(rendered.fake[source], target) for source, target in self.directions}

    def _pgd_weight(self, batch: Batch) -> float:
        plan = self.settings.granularity
        return plan.pgd * plan.share(batch.iteration, self.first_total) if self.settings.label_map else 0.0

    def _pgd(self, batch: Batch, rendered: Rendered) -> Tensor:
        masks = content_masks(batch, self.settings.networks.stride)
        contents = granularity.contents_of(batch, masks, rendered.content, rendered.reencoded)
        return granularity.pgd(contents, batch, masks, self.settings.granularity, self.generator)


def _l1(images: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    return total(l1_loss(images[m], targets[m]) for m in targets)
