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

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, least_squares
from hifisyn.losses.total import total
from hifisyn.methods import granularity
from hifisyn.methods.scene import observe
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.faint_noise import with_faint_noise
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init
from hifisyn.networks.munit_decoder import MunitDecoder
from hifisyn.networks.munit_encoders import BLOCKS, MunitContentEncoder, MunitStyleEncoder
from hifisyn.networks.running_code import RunningCode
from hifisyn.networks.typed import typed
from hifisyn.plans import Plans
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings

GENERATOR = "generator"
CONTENT_ENCODER, STYLE_ENCODER, DECODER, MEAN_STYLE = "content_encoder", "style_encoder", "decoder", "mean_style"
SLOPE = 0.2


class MUNITSettings(Settings):
    """The published values are the defaults."""

    blocks: int = Field(BLOCKS, ge=1, description="residual blocks of a content encoder and of a decoder")
    adversarial: float = Field(1.0, ge=0, description="least squares, summed over three scales")
    reconstruction: float = Field(10.0, ge=0, description="L1 of an image rendered from its own content and style")
    style: float = Field(1.0, ge=0, description="L1 of the drawn style, encoded from the translation")
    content: float = Field(1.0, ge=0, description="L1 of the content, encoded from the translation")
    cycle: float = Field(10.0, ge=0, description="L1 of the image translated back in its own style; 0: no such cycle")
    halve_every: float = Field(
        0.1, gt=0, le=1, description="share of the run after which the rate is halved, each time"
    )
    test_style: Literal["mean", "prior"] = Field(
        "mean", description="style of test images: mean over the target's training images, or prior: zeros"
    )
    label_map: bool = Field(
        False, description="add HiFi-Syn's PGD with the label map, as `losses` of the plans weigh it (its Table 6)"
    )


@dataclass(frozen=True)
class Made:
    """What the networks made of a batch; every dict goes by the modality of the real image it was made from.

    Attributes:
        content: (N, C, h, w).
        style: (N, code), encoded.
        drawn: (N, code), what the translation was rendered with.
        fake: the translation.
        again: content of the translation.
    """

    content: dict[str, Tensor]
    style: dict[str, Tensor]
    drawn: dict[str, Tensor]
    fake: dict[str, Tensor]
    again: dict[str, Tensor]


@register("MUNIT")
class MUNIT(Trainer):
    """Unpaired translation between two modalities, both directions in one training."""

    SETTINGS = MUNITSettings
    PUBLISHED: ClassVar = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "betas": (0.5, 0.999),
        "weight_decay": 1e-4,
        "decay_from": 1.0,  # not used: see `rate_share`
    }
    settings: MUNITSettings

    def __init__(self, plans: Plans, pair: tuple[str, str]) -> None:
        super().__init__(plans, pair)
        self._styles: dict[str, Tensor] | None = None

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return what PGD loses, where it is asked for."""
        return granularity.without_label_map(plans)

    def build_networks(self) -> dict[str, nn.Module]:
        """Return the auto-encoders and discriminators by modality, and the mean styles."""
        side, plan, blocks = self.plans.slices.crop, self.plans.networks, self.settings.blocks
        width, n_down, code = plan.width, plan.n_down, plan.attribute_code
        networks: dict[str, nn.Module] = {
            CONTENT_ENCODER: ByModality(self.pair, lambda: MunitContentEncoder(width, n_down, blocks)),
            STYLE_ENCODER: ByModality(self.pair, lambda: MunitStyleEncoder(side, width, code)),
            DECODER: ByModality(self.pair, lambda: MunitDecoder(width, n_down, blocks, code)),
        }
        for network in networks.values():
            he_init(network, slope=0.0)
        critic = ImageDiscriminator(self.pair, side, width, "multiscale", SLOPE)
        normal_init(critic, width, zero_bias=True)
        if plan.init == "he":
            he_init(critic, SLOPE)
        mean_style = RunningCode(self.pair, code, self.plans.training.attribute_ema)
        return networks | {DISCRIMINATOR: critic, MEAN_STYLE: mean_style}

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the discriminators, which move first, and the auto-encoders."""
        return {DISCRIMINATOR: (DISCRIMINATOR,), GENERATOR: (CONTENT_ENCODER, STYLE_ENCODER, DECODER)}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return a half to the power of how often `halve_every` of the run has passed; alike for both groups."""
        steps = max(1, round(self.settings.halve_every * self.plans.total_iterations))
        return 0.5 ** (iteration // steps)

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield the discriminators, then the auto-encoders; each draws styles of its own."""
        noisy = {m: with_faint_noise(image, self.generator) for m, image in batch.images.items()}
        batch = replace(batch, images=noisy)
        if self.settings.adversarial > 0:
            with torch.no_grad():
                content = {m: self.encode(batch.images[m], m) for m in self.pair}
                fake = self.render(content, self.draw(batch))
            yield DISCRIMINATOR, self.critic(batch, fake)
        made = self.make(batch)
        yield GENERATOR, self.objective(batch, made)
        self._styles = {m: style.detach() for m, style in made.style.items()}

    def after_step(self) -> None:
        """Move the mean styles, by what was encoded before the weights moved."""
        if self._styles is not None:
            self.mean_style.update(self._styles)
        self._styles = None

    def make(self, batch: Batch) -> Made:
        """Return contents, styles and translations of a batch."""
        content = {m: self.encode(batch.images[m], m) for m in self.pair}
        style = {m: self.encode_style(batch.images[m], m) for m in self.pair}
        drawn = self.draw(batch)
        fake = self.render(content, drawn)
        again = {source: self.encode(fake[source], target) for source, target in self.directions}
        return Made(content, style, drawn, fake, again)

    def draw(self, batch: Batch) -> dict[str, Tensor]:
        """Draw a style from N(0, I) for each translation: (N, code) by the modality of its source."""
        code, device = self.plans.networks.attribute_code, self.device
        sizes = {m: (len(batch.images[m]), code) for m in self.pair}
        return {m: torch.randn(size, generator=self.generator, device=device) for m, size in sizes.items()}

    def render(self, content: dict[str, Tensor], style: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the translations of contents by given styles, all by the modality of the source."""
        return {source: self.decode(content[source], style[source], target) for source, target in self.directions}

    def restore(self, content: dict[str, Tensor], style: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the images of contents and styles in their own modality."""
        return {m: self.decode(content[m], style[m], m) for m in self.pair}

    def objective(self, batch: Batch, made: Made) -> dict[str, Tensor]:
        """Return what the auto-encoders minimise, weighted, over both directions; a weight of 0 costs nothing."""
        weight, images = self.settings, batch.images
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "adversarial": (weight.adversarial, lambda: self._adversarial(made)),
            "reconstruction": (weight.reconstruction, lambda: _l1(self.restore(made.content, made.style), images)),
            "style": (weight.style, lambda: _l1(self._styles_again(made), made.drawn)),
            "content": (weight.content, lambda: _l1(made.again, made.content)),
            "cycle": (weight.cycle, lambda: _l1(self.restore(made.again, made.style), images)),
            "pgd": (self._pgd_weight(batch), lambda: self._pgd(batch, made)),
        }
        return {name: share * term() for name, (share, term) in terms.items() if share > 0}

    def critic(self, batch: Batch, fake: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the discriminators minimise of a batch and its (detached) translations, by source."""
        on_real = total(least_squares(self.judge(batch.images[m], m), REAL) for m in self.pair)
        on_fake = total(least_squares(self.judge(fake[s], t), FAKE) for s, t in self.directions)
        return {"adversarial": self.settings.adversarial * (on_real + on_fake)}

    def encode(self, image: Tensor, modality: str) -> Tensor:
        """Return the content (N, C, h, w) of images of a modality."""
        return self.networks[CONTENT_ENCODER](image, modality)

    def encode_style(self, image: Tensor, modality: str) -> Tensor:
        """Return the style (N, code) of images of a modality."""
        return self.networks[STYLE_ENCODER](image, modality)

    def decode(self, content: Tensor, style: Tensor, modality: str) -> Tensor:
        """Return images (N, 1, H, W) of a modality, of content (N, C, h, w) and style (N, code)."""
        return typed(self.networks, DECODER, ByModality).of(modality, nn.Module)(content, style)

    def judge(self, image: Tensor, modality: str) -> tuple[Tensor, ...]:
        """Return the logits of the discriminator of a modality, a map a scale; large means real."""
        return self.networks[DISCRIMINATOR](image, modality)

    @property
    def mean_style(self) -> RunningCode:
        """The mean of each modality's encoded styles."""
        return typed(self.networks, MEAN_STYLE, RunningCode)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast, in the style that `test_style` says."""
        style = self.mean_style(target_modality)
        if self.settings.test_style == "prior":
            style = torch.zeros_like(style)
        return self.decode(self.encode(source, source_modality), style.expand(len(source), -1), target_modality)

    def _adversarial(self, made: Made) -> Tensor:
        return total(least_squares(self.judge(made.fake[s], t), REAL) for s, t in self.directions)

    def _styles_again(self, made: Made) -> dict[str, Tensor]:
        return {source: self.encode_style(made.fake[source], target) for source, target in self.directions}

    def _pgd_weight(self, batch: Batch) -> float:
        plan = self.plans.losses
        return plan.pgd * granularity.ramp(plan, batch.iteration) if self.settings.label_map else 0.0

    def _pgd(self, batch: Batch, made: Made) -> Tensor:
        scene = observe(batch, 2**self.plans.networks.n_down)
        contents = granularity.contents_of(batch, scene, made.content, made.again)
        return granularity.pgd(contents, batch, scene, self.plans.losses, self.generator)


def _l1(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    return total(l1_loss(found[m], wanted[m]) for m in wanted)
