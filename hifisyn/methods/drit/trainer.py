"""DRIT++: an image is content, which contrasts share, and an attribute code of 8 numbers, which they do not.

Lee et al., "DRIT++: Diverse Image-to-Image Translation via Disentangled Representations", IJCV 2020, arXiv 1905.01270;
the two-domain model of Lee et al., ECCV 2018, arXiv 1808.00948, with mode seeking. What the papers leave open follows
the authors' published settings. HiFi-Syn starts from this method, so the networks are those of HiFi-Syn without a bank.

Differs from the paper:
- Batch, crop and length are those of the plans, which all methods share. The published batch of 2 holds one image to
  encode and one that translations with random codes are compared with; a larger batch is split likewise, and a single
  image plays both roles.
- The published code steps E^c and G twice in a step, the second time along a gradient at weights that have moved
  meanwhile, which today's PyTorch refuses. Here both gradients are added for one step. As published, the losses of
  random codes do not move E^a.
- KL is summed over the code and averaged over images, which is the same at the published batch.
- The code of a test image is a running mean, over training, of the codes that full steps encode of the target
  contrast: translation is to be one image.
- Logits instead of a sigmoid before the cross-entropy: after a few steps D^c would be without gradient.
- The noise on content is as strong as the plan says: 1 as published, less where networks are narrow.
- Every `content_discriminator.steps`-th step is a full one, also at the end of an epoch.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses import adversarial
from hifisyn.losses.total import total
from hifisyn.methods.content_discriminator_trainer import (
    CONTENT_DISCRIMINATOR,
    ContentDiscriminatorSettings,
    ContentDiscriminatorTrainer,
)
from hifisyn.methods.drit.kl import kl_to_standard_normal
from hifisyn.methods.drit.mode_seeking import mode_seeking
from hifisyn.methods.drit.networks import DRITNetworks
from hifisyn.methods.drit.passes import Encoded, Passes, Rendered
from hifisyn.methods.drit.settings import DRITSettings
from hifisyn.methods.drit.translator import DRITTranslator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.plans import Plans
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Updates


class DRIT(ContentDiscriminatorTrainer):
    """Unpaired translation between two contrasts, both directions in one training.

    Rates and weight decay are those that plans have by default: 1e-4 and 4e-5, decay 1e-4, linear from half of the run.
    """

    TITLE = "DRIT++"
    YEAR = 2020
    CITATION = (
        "Lee H-Y, Tseng H-Y, Mao Q, et al. DRIT++: Diverse image-to-image translation via disentangled "
        "representations. Int J Comput Vis 128, 2402-2417, 2020."
    )
    SUMMARY = "content and attributes, content discriminator"
    SETTINGS = DRITSettings
    PUBLISHED: ClassVar = {}
    settings: DRITSettings
    networks: DRITNetworks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        self.passes = Passes(self.networks, self.settings.networks.content_noise)
        self._codes: dict[str, Tensor] | None = None

    @property
    def content_discriminator_plan(self) -> tuple[ContentDiscriminatorSettings, float]:
        """Settings of D^c, and the weight of the content adversarial loss."""
        return self.settings.content_discriminator, self.settings.content

    def build_networks(self) -> DRITNetworks:
        """Return E^c, E^a, G, both discriminators of images, D^c and the mean code."""
        return DRITNetworks(self.plans, self.settings, self.domains)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the discriminators of images, D^c, and the three networks that synthesise images."""
        net = self.networks
        return {
            DISCRIMINATOR: (net.image_discriminator, net.random_discriminator),
            CONTENT_DISCRIMINATOR: (net.content_discriminator,),
            GENERATOR: (net.content_encoder, net.attribute_encoder, net.generator),
        }

    def updates(self, batch: Batch) -> Updates:
        """Yield D, D^c, then E^c, E^a and G; of every `content_discriminator.steps` all but the last move D^c only."""
        images, others = roles(batch.images)
        if self.moves_content_alone(batch.iteration):
            with torch.no_grad():
                content = {m: self.passes.content(images[m], m, self.generator) for m in self.domains}
            yield CONTENT_DISCRIMINATOR, self.content_discriminator_losses(content)
            return
        encoded = self.passes.encode(images, self.generator)
        rendered = self.passes.render(encoded, 2 if self.settings.mode_seeking > 0 else 1, self.generator)
        if self.settings.domain > 0:
            yield DISCRIMINATOR, self.image_discriminator_losses(images, others, rendered)
        if self.settings.content > 0:
            content = {m: e.content.detach() for m, e in encoded.items()}
            yield CONTENT_DISCRIMINATOR, self.content_discriminator_losses(content)
        yield GENERATOR, self.objective(images, encoded, rendered)
        self._codes = {m: e.mean.detach() for m, e in encoded.items()}

    def after_step(self) -> None:
        """Move the mean codes, by what was encoded before the weights moved."""
        if self._codes is not None:
            self.networks.running_code.update(self._codes)
            self._codes = None

    def translator(self, source: str, target: str) -> DRITTranslator:
        """Return the module that translates `source` to `target`, with the target's mean code and without noise."""
        return DRITTranslator(self.networks, source, target)

    def image_discriminator_losses(
        self, images: Mapping[str, Tensor], others: Mapping[str, Tensor], rendered: Rendered
    ) -> dict[str, Tensor]:
        """Return what D and D_2 minimise: real images against translations with encoded and with random codes."""
        net = self.networks
        encoded, random = [], []
        for source, target in self.directions:
            real = net.image_discriminator(images[target], target)
            fake = net.image_discriminator(rendered.fake[source].detach(), target)
            encoded.append(adversarial.discriminator_loss(real, fake))
            real = net.random_discriminator(others[target], target)
            for translations in rendered.random:
                fake = net.random_discriminator(translations[source].detach(), target)
                random.append(adversarial.discriminator_loss(real, fake))
        weight = self.settings.domain
        return {"domain": weight * torch.stack(encoded).sum(), "domain_random": weight * torch.stack(random).sum()}

    def content_discriminator_losses(self, content: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what D^c minimises of the (detached) contents."""
        return {"content": self.settings.content * self.content_discriminator_loss(content)}

    def objective(
        self, images: Mapping[str, Tensor], encoded: Mapping[str, Encoded], rendered: Rendered
    ) -> dict[str, Tensor]:
        """Return what E^c, E^a and G minimise, weighted; a weight of 0 is not computed."""
        weight, net, both = self.settings, self.networks, self.directions
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "domain": (
                weight.domain,
                lambda: total(_adversarial(net.image_discriminator, rendered.fake[s], t) for s, t in both),
            ),
            "content": (
                weight.content,
                lambda: self.content_adversarial_loss({m: e.content for m, e in encoded.items()}),
            ),
            "cycle": (weight.cycle, lambda: total(l1_loss(rendered.cycle[m], images[m]) for m in self.domains)),
            "reconstruction": (
                weight.reconstruction,
                lambda: total(l1_loss(rendered.reconstruction[m], images[m]) for m in self.domains),
            ),
            "kl": (weight.kl, lambda: total(kl_to_standard_normal(e.mean, e.log_variance) for e in encoded.values())),
            "content_l2": (weight.content_l2, lambda: total(e.content.square().mean() for e in encoded.values())),
            "domain_random": (
                weight.domain,
                lambda: total(
                    _adversarial(net.random_discriminator, translations[s], t)
                    for translations in rendered.random
                    for s, t in both
                ),
            ),
            "latent": (weight.latent, lambda: self._latent(rendered)),
            "mode_seeking": (weight.mode_seeking, lambda: total(self._mode_seeking(rendered, s) for s, _ in both)),
        }
        return {name: share * term() for name, (share, term) in terms.items() if share > 0}

    def _latent(self, rendered: Rendered) -> Tensor:
        translations, code = rendered.random[0], rendered.codes[0]
        return total(l1_loss(self.passes.mean_by_fixed_encoder(translations[s], t), code) for s, t in self.directions)

    def _mode_seeking(self, rendered: Rendered, source: str) -> Tensor:
        one, other = rendered.random
        return mode_seeking((one[source], other[source]), (rendered.codes[0], rendered.codes[1]))


def roles(images: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the images to encode, the first half or more, and the others, to compare with random translations.

    A single image plays both roles.
    """
    encoded = {m: x[: (len(x) + 1) // 2] for m, x in images.items()}
    return encoded, {m: x[len(encoded[m]) :] if len(x) > 1 else x for m, x in images.items()}


def _adversarial(discriminator: ImageDiscriminator, image: Tensor, contrast: str) -> Tensor:
    return adversarial.generator_loss(discriminator(image, contrast))
