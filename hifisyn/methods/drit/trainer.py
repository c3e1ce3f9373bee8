"""DRIT++: an image is content, which contrasts share, and an attribute code of 8 numbers, which they do not.

Lee et al., "DRIT++: Diverse Image-to-Image Translation via Disentangled Representations", IJCV 2020, arXiv 1905.01270;
the two-domain model of Lee et al., ECCV 2018, arXiv 1808.00948, with mode seeking. What the papers leave open follows
the authors' published settings. HiFi-Syn starts from this method, so the networks are those of HiFi-Syn without a bank.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share. The published batch of 2 holds one image to
  encode and one that random codes are judged against; a larger batch is split likewise, and one image plays both
  roles.
- The published code steps E^c and G twice in a step, the second time along a gradient at weights that have moved
  meanwhile, which today's PyTorch refuses. Here both gradients are added for one step. As published, the losses of
  random codes do not move E^a.
- KL is summed over the code and averaged over images, which is the same at the published batch.
- The code of a test image is a running mean, over training, of the codes that full steps encode of the target
  contrast: translation is to be one image.
- Logits instead of a sigmoid before the cross-entropy: after a few steps D^c would be without gradient.
- The noise on content is as strong as the plan says: 1 as published, less where networks are narrow.
- Every `content_steps`-th step is a full one, also at the end of an epoch.
"""

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses import adversarial
from hifisyn.losses.kl import kl_to_standard_normal
from hifisyn.losses.mode_seeking import mode_seeking
from hifisyn.losses.total import total
from hifisyn.methods.drit_passes import Encoded, Passes, Rendered
from hifisyn.methods.hifisyn_networks import (
    ATTRIBUTE_ENCODER,
    CONTENT_DISCRIMINATOR,
    CONTENT_ENCODER,
    GENERATOR,
    IMAGE_DISCRIMINATOR,
    RUNNING_CODE,
)
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.blocks import PREACTIVATION_SLOPE, SLOPE
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init
from hifisyn.networks.running_code import RunningCode
from hifisyn.plans import NetworkPlan, Plans
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings

RANDOM_DISCRIMINATOR = "random_discriminator"


class DRITSettings(Settings):
    """The published values are the defaults."""

    domain: float = Field(1.0, ge=0, description="domain adversarial, of encoded and of random codes")
    content: float = Field(1.0, ge=0, description="content adversarial")
    cycle: float = Field(10.0, ge=0, description="cross-cycle L1")
    reconstruction: float = Field(10.0, ge=0, description="self-reconstruction L1")
    kl: float = Field(0.01, ge=0, description="KL of the attribute code to N(0, I)")
    content_l2: float = Field(0.01, ge=0, description="mean square of content")
    latent: float = Field(10.0, ge=0, description="L1 of a random code, encoded from the image made with it")
    mode_seeking: float = Field(1.0, ge=0, description="mode seeking; 0: DRIT, with one random code a step")


@register("DRIT++")
class DRIT(Trainer):
    """Unpaired translation between two modalities, both directions in one training.

    `training` is HiFi-Syn's, which is DRIT's: rates 1e-4 and 4e-5, decay 1e-4, linear from half of the run.
    """

    SETTINGS = DRITSettings
    PUBLISHED: ClassVar = {}
    settings: DRITSettings

    def __init__(self, plans: Plans, pair: tuple[str, str]) -> None:
        super().__init__(plans, pair)
        self.passes = Passes(self.networks, pair, plans.networks.content_noise)
        self._codes: dict[str, Tensor] | None = None

    def build_networks(self) -> dict[str, nn.Module]:
        """Return E^c, E^a, G, both discriminators of images, D^c and the mean code."""
        plan, side, code = self.plans.networks, self.plans.slices.crop, self.plans.networks.attribute_code
        networks: dict[str, nn.Module] = {
            CONTENT_ENCODER: ContentEncoder(self.pair, plan.width, plan.n_down, plan.content_blocks),
            ATTRIBUTE_ENCODER: AttributeEncoder(self.pair, plan.width, plan.n_down, code, value_width=0, heads=2),
            GENERATOR: Generator(self.pair, plan.width, plan.n_down, plan.content_blocks, code, value_width=0),
            IMAGE_DISCRIMINATOR: ImageDiscriminator(self.pair, side, plan.width, "multiscale"),
            RANDOM_DISCRIMINATOR: ImageDiscriminator(self.pair, side, plan.width, "multiscale"),
            CONTENT_DISCRIMINATOR: ContentDiscriminator(self.plans.content_width, self.plans.content_size),
        }
        draw_weights(networks, plan)
        return networks | {RUNNING_CODE: RunningCode(self.pair, code, self.plans.training.attribute_ema)}

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the discriminators of images, D^c, and the three networks that make images."""
        return {
            DISCRIMINATOR: (IMAGE_DISCRIMINATOR, RANDOM_DISCRIMINATOR),
            CONTENT_DISCRIMINATOR: (CONTENT_DISCRIMINATOR,),
            GENERATOR: (CONTENT_ENCODER, ATTRIBUTE_ENCODER, GENERATOR),
        }

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield D, D^c, then E^c, E^a and G; of every `content_steps` steps all but the last move D^c only."""
        images, others = roles(batch.images)
        if self.settings.content > 0 and (batch.iteration + 1) % self.plans.training.content_steps:
            with torch.no_grad():
                content = {m: self.passes.content(images[m], m, self.generator) for m in self.pair}
            yield CONTENT_DISCRIMINATOR, self.content_critic(content)
            return
        encoded = self.passes.encode(images, self.generator)
        rendered = self.passes.render(encoded, 2 if self.settings.mode_seeking > 0 else 1, self.generator)
        if self.settings.domain > 0:
            yield DISCRIMINATOR, self.image_critic(images, others, rendered)
        if self.settings.content > 0:
            yield CONTENT_DISCRIMINATOR, self.content_critic({m: e.content.detach() for m, e in encoded.items()})
        yield GENERATOR, self.objective(images, encoded, rendered)
        self._codes = {m: e.mean.detach() for m, e in encoded.items()}

    def after_step(self) -> None:
        """Move the mean codes, by what was encoded before the weights moved."""
        if self._codes is not None:
            self.passes.running_code.update(self._codes)
            self._codes = None

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast, with its mean code and without noise."""
        return self.passes.translate(source, source_modality, target_modality)

    def image_critic(
        self, images: dict[str, Tensor], others: dict[str, Tensor], rendered: Rendered
    ) -> dict[str, Tensor]:
        """Return what D and D_2 minimise: real images against translations with encoded and with random codes."""
        encoded, random = [], []
        for source, target in self.directions:
            real = self._judge(IMAGE_DISCRIMINATOR, images[target], target)
            fake = self._judge(IMAGE_DISCRIMINATOR, rendered.fake[source].detach(), target)
            encoded.append(adversarial.domain_critic(real, fake))
            real = self._judge(RANDOM_DISCRIMINATOR, others[target], target)
            for made in rendered.random:
                fake = self._judge(RANDOM_DISCRIMINATOR, made[source].detach(), target)
                random.append(adversarial.domain_critic(real, fake))
        weight = self.settings.domain
        return {"domain": weight * torch.stack(encoded).sum(), "domain_random": weight * torch.stack(random).sum()}

    def content_critic(self, content: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what D^c minimises of the (detached) contents."""
        logits = (self._judge_content(content[m]) for m in self.pair)
        return {"content": self.settings.content * adversarial.content_critic(*logits)}

    def objective(
        self, images: dict[str, Tensor], encoded: dict[str, Encoded], rendered: Rendered
    ) -> dict[str, Tensor]:
        """Return what E^c, E^a and G minimise, weighted; a weight of 0 is not computed."""
        weight, ways = self.settings, self.directions
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "domain": (
                weight.domain,
                lambda: total(self._fool(IMAGE_DISCRIMINATOR, rendered.fake[s], t) for s, t in ways),
            ),
            "content": (weight.content, lambda: self._hide(encoded)),
            "cycle": (weight.cycle, lambda: total(l1_loss(rendered.cycle[m], images[m]) for m in self.pair)),
            "reconstruction": (
                weight.reconstruction,
                lambda: total(l1_loss(rendered.reconstruction[m], images[m]) for m in self.pair),
            ),
            "kl": (weight.kl, lambda: total(kl_to_standard_normal(e.mean, e.log_variance) for e in encoded.values())),
            "content_l2": (weight.content_l2, lambda: total(e.content.square().mean() for e in encoded.values())),
            "domain_random": (
                weight.domain,
                lambda: total(
                    self._fool(RANDOM_DISCRIMINATOR, made[s], t) for made in rendered.random for s, t in ways
                ),
            ),
            "latent": (weight.latent, lambda: self._latent(rendered)),
            "mode_seeking": (weight.mode_seeking, lambda: total(self._mode_seeking(rendered, s) for s, _ in ways)),
        }
        return {name: share * term() for name, (share, term) in terms.items() if share > 0}

    def _latent(self, rendered: Rendered) -> Tensor:
        made, code = rendered.random[0], rendered.codes[0]
        return total(l1_loss(self.passes.mean_by_fixed_encoder(made[s], t), code) for s, t in self.directions)

    def _mode_seeking(self, rendered: Rendered, source: str) -> Tensor:
        one, other = rendered.random
        return mode_seeking((one[source], other[source]), (rendered.codes[0], rendered.codes[1]))

    def _hide(self, encoded: dict[str, Encoded]) -> Tensor:
        return adversarial.content_encoder(*(self._judge_content(encoded[m].content) for m in self.pair))

    def _fool(self, discriminator: str, image: Tensor, modality: str) -> Tensor:
        return adversarial.domain_generator(self._judge(discriminator, image, modality))

    def _judge(self, discriminator: str, image: Tensor, modality: str) -> tuple[Tensor, ...]:
        return self.networks[discriminator](image, modality)

    def _judge_content(self, content: Tensor) -> Tensor:
        return self.networks[CONTENT_DISCRIMINATOR](content)


def roles(images: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return which images are encoded, the first half or more, and which random codes are judged against, the rest.

    A single image plays both roles.
    """
    encoded = {m: x[: (len(x) + 1) // 2] for m, x in images.items()}
    return encoded, {m: x[len(encoded[m]) :] if len(x) > 1 else x for m, x in images.items()}


def draw_weights(networks: dict[str, nn.Module], plan: NetworkPlan) -> None:
    """Draw fresh weights as published or, where the plan says so, after He in E^a and the discriminators of images."""
    for name, network in networks.items():
        normal_init(network, plan.width)
        if plan.init == "he" and name == ATTRIBUTE_ENCODER:
            he_init(network, PREACTIVATION_SLOPE)
        if plan.init == "he" and isinstance(network, ImageDiscriminator):
            he_init(network, SLOPE)
