"""StarGAN v2: one generator for all contrasts, conditioned on a style that is drawn or read from an exemplar.

Choi, Uh, Yoo and Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020, arXiv 1912.01865. What the
paper leaves open follows the authors' published settings. A domain is the place of a contrast among the training's.

Differs from the paper:
- Batch, crop, length and mirroring are those of the plans, which all methods share. Published: 8 images, 256 pixels,
  100000 steps; half of the images cut at random and resized, which would change anatomy and blur.
- Exemplars are other images of the batch, not of a second stream. With one image of a contrast in the batch an image
  may be its own exemplar, and both exemplars of a step are the same.
- Sources are exactly half of one contrast and half of the other, not so on average. With three contrasts or more each
  step draws two of them, and an image's target is one of these two; the authors draw both among all for every image.
- Widths stay `networks.width` for smaller images, where the authors' grow; depths shrink by the authors' rule.
- The diversity weight begins at 1, as for the authors' faces; with this generator, that for animals, they used 2.
- The diversity weight falls over a share of the run, not over 100000 steps whatever its length.
- Smoothed weights start as the initial ones and at first follow faster, by (1 + n) / (10 + n) in step n until that
  reaches `ema`: the random start would weigh too much in a short run. The preset "recommended" has none (`ema` 0), and
  averages the weights as for any method.
- Prediction takes the mean style of the target's training images, smoothed over steps, and clamps to [-1, 1]. The
  paper draws styles or takes an exemplar's, which leaves one source many answers.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, cross_entropy
from hifisyn.methods.stargan_v2.networks import StarGANv2Networks, side_of
from hifisyn.methods.stargan_v2.passes import Passes, StyleSource
from hifisyn.methods.stargan_v2.r1 import r1_penalty
from hifisyn.methods.stargan_v2.settings import StarGANv2Settings
from hifisyn.methods.stargan_v2.task import LATENT, StyleTask, draw_task
from hifisyn.methods.stargan_v2.translator import StarGANv2Translator
from hifisyn.networks.padding import padded
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Plans, Preset, SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Needs, Trainer, Updates
from hifisyn.training.rates import RATE_SHARE

GENERATOR_ALONE = "generator_alone"
MAPPING_RATE = 0.01
MANY = 1000


class StarGANv2(Trainer):
    """Unpaired translation between two contrasts or more, all directions by one generator."""

    TITLE = "StarGAN-v2"
    YEAR = 2020
    CITATION = "Choi Y, Uh Y, Yoo J, Ha J-W. StarGAN v2: diverse image synthesis for multiple domains. CVPR 2020."
    SUMMARY = "one generator, mapping network and style encoder"
    NEEDS = Needs(most_domains=None)
    SETTINGS = StarGANv2Settings
    PUBLISHED: ClassVar[Mapping[str, Any]] = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "betas": (0.0, 0.99),
        "weight_decay": 1e-4,
        "decay_from": 1.0,
    }
    settings: StarGANv2Settings
    networks: StarGANv2Networks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        self.side = side_of(plans.slices.crop)
        self.passes = Passes(self.networks)
        self._seen: tuple[StyleTask, tuple[str, ...]] | None = None

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return its plan: the published presets smooth the weights as published, the recommended one averages them."""
        own = super().plan(fingerprint, slices, device, preset)
        if preset != "recommended":
            return own.because(optimisation__average="settings.ema smooths the weights, as published")
        settings = own.settings | {"ema": 0.0}
        return replace(own, settings=settings).because(settings__ema="optimisation.average averages the weights")

    def build_networks(self) -> StarGANv2Networks:
        """Return D, G, F and E, smoothed copies of the last three, and the mean style of each contrast."""
        return StarGANv2Networks(self.domains, self.plans.slices.crop, self.settings)

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return D; G, F and E together; G alone."""
        net = self.networks
        return {
            DISCRIMINATOR: (net.discriminator,),
            GENERATOR: (net.generator, net.style_encoder, net.mapping_network),
            GENERATOR_ALONE: (net.generator,),
        }

    def averaged(self) -> tuple[nn.Module, ...]:
        """Return G, E and F; nothing where smoothed copies make the images."""
        return self.groups()[GENERATOR] if self.networks.smoothed is None else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return one Adam for D and one for all else: G keeps its moments whether F and E move with it or not."""
        optimizers, plan, net = super().optimizers(), self.plans.optimisation, self.networks
        first = [p for network in (net.generator, net.style_encoder) for p in network.parameters()]
        slow: dict[str, Any] = {
            "params": list(net.mapping_network.parameters()),
            "lr": plan.lr * MAPPING_RATE,
            RATE_SHARE: MAPPING_RATE,
        }
        joint = torch.optim.Adam(
            [{"params": first}, slow], lr=plan.lr, betas=plan.betas, weight_decay=plan.weight_decay
        )
        return optimizers | {GENERATOR: joint, GENERATOR_ALONE: joint}

    def updates(self, batch: Batch) -> Updates:
        """Yield D with drawn styles, D with exemplars, all else with drawn styles, G alone with exemplars."""
        images = torch.stack([padded(image, self.side) for image in batch.images.values()])
        numbers = [self.domains.index(contrast) for contrast in batch.domains]
        task = draw_task(images, numbers, self.generator, always_swap=self.settings.always_swap)
        yield DISCRIMINATOR, self.discriminator_losses(task, "latent")
        yield DISCRIMINATOR, self.discriminator_losses(task, "exemplar")
        yield GENERATOR, self.objective(task, "latent")
        yield GENERATOR_ALONE, self.objective(task, "exemplar")
        self._seen = task, batch.domains

    def after_step(self) -> None:
        """Move the smoothed weights, then the mean styles, which the encoder of prediction reads."""
        if self._seen is None:
            return
        (task, contrasts), self._seen = self._seen, None
        net = self.networks
        if net.smoothed is not None:
            kept = min(self.settings.ema, (1 + self.iteration) / (10 + self.iteration))
            net.smoothed.follow(net.moving, kept)
        with torch.no_grad():
            styles = net.lasting.style_encoder(task.image, task.source)
        net.running_code.update(dict(zip(contrasts, styles.chunk(len(contrasts)), strict=True)))

    def translator(self, source: str, target: str) -> StarGANv2Translator:
        """Return the module that makes `target`, in its mean style, of any contrast."""
        return StarGANv2Translator(self.networks, target, self.side)

    def diagnostics(self) -> dict[str, float]:
        """Return how far drawn styles lie from those read, and mean styles of contrasts from each other, over pairs."""
        rng = torch.Generator(self.device).manual_seed(0)
        latent = torch.randn(MANY, LATENT, generator=rng, device=self.device)
        code, curves = self.networks.running_code, {}
        with torch.no_grad():
            for number, contrast in enumerate(self.domains):
                domain = torch.full((MANY,), number, device=self.device)
                drawn = self.networks.lasting.mapping_network(latent, domain).mean(dim=0)
                curves[f"style_gap_{contrast}"] = float(l1_loss(drawn, code(contrast)))
            apart = [l1_loss(code(a), code(b)) for a, b in itertools.combinations(self.domains, 2)]
            curves["style_contrast"] = float(torch.stack(apart).mean())
        return curves

    def discriminator_losses(self, task: StyleTask, kind: StyleSource) -> dict[str, Tensor]:
        """Return what D minimises of the images and of their translations by one kind of style."""
        with torch.no_grad():
            fake = self.passes.generate(task.image, self.passes.style(task, kind, 0))
        with torch.autocast(self.device.type, enabled=False):
            image = task.image.detach().requires_grad_(self.settings.r1 > 0)
            on_real = self.passes.logits(image, task.source)
            losses = {f"{kind}_real": cross_entropy([on_real], REAL)}
            if self.settings.r1 > 0:
                losses[f"{kind}_r1"] = self.settings.r1 * r1_penalty(on_real, image)
        losses[f"{kind}_fake"] = cross_entropy([self.passes.logits(fake, task.target)], FAKE)
        return losses

    def objective(self, task: StyleTask, kind: StyleSource) -> dict[str, Tensor]:
        """Return what G, and with latents E and F too, minimise, weighted; a weight of 0 costs nothing."""
        weight, all_move = self.settings, kind == "latent"
        with torch.set_grad_enabled(all_move):
            style = self.passes.style(task, kind, 0)
        fake = self.passes.generate(task.image, style)
        losses = {"adversarial": cross_entropy([self.passes.logits(fake, task.target)], REAL)}
        if weight.style > 0:
            losses["style"] = weight.style * l1_loss(self.passes.read(fake, task.target), style)
        if (diversity := self.diversity(self.iteration)) > 0:
            with torch.no_grad():
                other = self.passes.generate(task.image, self.passes.style(task, kind, 1))
            losses["diversity"] = -diversity * l1_loss(fake, other)
        if weight.cycle > 0:
            with torch.set_grad_enabled(all_move):
                own = self.passes.read(task.image, task.source)
            losses["cycle"] = weight.cycle * l1_loss(self.passes.generate(fake, own), task.image)
        return losses

    def diversity(self, iteration: int) -> float:
        """Return lambda_ds in a step: it falls linearly, so that in the end fidelity alone counts."""
        until = self.settings.diversity_until * self.first_total
        return self.settings.diversity * max(0.0, 1 - iteration / until)
