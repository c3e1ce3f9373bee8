"""StarGAN v2: one generator for all contrasts, told by a style that is drawn or read from an exemplar.

Choi, Uh, Yoo and Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020, arXiv 1912.01865. What the
paper leaves open follows the authors' published settings. A domain is a contrast: the modality's position in the pair.

Differs from the paper:
- Batch, crop, length and mirroring are those of the plans, which all methods share. Published: 8 images, 256 pixels,
  100000 steps; half of the images cut at random and resized, which would change anatomy and blur.
- Exemplars are other images of the batch, not of a second stream. With one image of a contrast in the batch an image
  may be its own exemplar, and both exemplars of a step are the same.
- Sources are exactly half of one contrast and half of the other, not so on average.
- Widths stay `networks.width` for smaller images, where the authors' grow; depths shrink by the authors' rule.
- The diversity weight begins at 1, as for the authors' faces; with this generator, that for animals, they used 2.
- The diversity weight falls over a share of the run, not over 100000 steps whatever its length.
- Smoothed weights start as the initial ones and at first follow faster, by (1 + n) / (10 + n) in step n until that
  reaches `ema`: a short run would be judged by its random start.
- Prediction takes the mean style of the target's training images, smoothed over steps, and clamps to [-1, 1]. The
  paper draws styles or takes an exemplar's, which leaves one source many answers.
"""

import copy
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses.adversarial import FAKE, REAL, cross_entropy
from hifisyn.losses.r1 import r1_penalty
from hifisyn.methods.stargan_task import LATENT, Task, draw_task
from hifisyn.networks.initialisation import he_init
from hifisyn.networks.padding import cropped, padded, padded_side
from hifisyn.networks.running_code import RunningCode
from hifisyn.networks.stargan_generator import StyledGenerator, halvings_of
from hifisyn.networks.stargan_heads import DomainHeads
from hifisyn.networks.stargan_mapping import MappingNetwork
from hifisyn.networks.typed import typed
from hifisyn.training.contract import DISCRIMINATOR, Batch, Trainer
from hifisyn.training.rates import RATE_SHARE
from hifisyn.training.registry import register
from hifisyn.training.settings import Settings

GENERATOR, MAPPING, STYLE_ENCODER, CODE = "generator", "mapping", "style_encoder", "code"
SMOOTHED = "smoothed_"
GENERATOR_ALONE = "generator_alone"
STYLE = 64
MAPPING_RATE = 0.01
MANY = 1000

Source = Literal["latent", "exemplar"]


class StarGANv2Settings(Settings):
    """The published values are the defaults."""

    style: float = Field(1.0, ge=0, description="lambda_sty, L1 between a style and the one read from its image")
    diversity: float = Field(1.0, ge=0, description="lambda_ds, L1 between images of two styles, which is to be large")
    diversity_until: float = Field(1.0, gt=0, le=1, description="share of the run over which lambda_ds falls to 0")
    cycle: float = Field(1.0, ge=0, description="lambda_cyc, cycle L1; anatomy rests on it")
    r1: float = Field(1.0, ge=0, description="lambda_reg, gradient penalty of the discriminator on real images")
    ema: float = Field(0.999, ge=0, lt=1, description="share of the smoothed weights that a step keeps")
    always_swap: bool = Field(False, description="the target is always the other contrast, else drawn from both")


@register("StarGAN-v2")
class StarGANv2(Trainer):
    """Unpaired translation between two modalities, both directions by one generator."""

    SETTINGS = StarGANv2Settings
    PUBLISHED: ClassVar = {
        "lr": 1e-4,
        "lr_discriminator": 1e-4,
        "betas": (0.0, 0.99),
        "weight_decay": 1e-4,
        "decay_from": 1.0,
    }
    settings: StarGANv2Settings
    _seen: Task | None = None

    @property
    def side(self) -> int:
        """Pixels along each side of what the networks see: the crop, enlarged until it can be halved often enough."""
        crop = self.plans.slices.crop
        return padded_side(crop, 2 ** halvings_of(crop))

    def build_networks(self) -> dict[str, nn.Module]:
        """Return D, then G, F and E with their smoothed copies, and the mean style of each modality."""
        width, domains = self.plans.networks.width, len(self.pair)
        networks: dict[str, nn.Module] = {
            DISCRIMINATOR: DomainHeads(1, self.side, width, domains),
            GENERATOR: StyledGenerator(halvings_of(self.plans.slices.crop), width, STYLE),
            MAPPING: MappingNetwork(LATENT, STYLE, width, domains),
            STYLE_ENCODER: DomainHeads(STYLE, self.side, width, domains),
        }
        for network in networks.values():
            he_init(network, slope=0.0)
        for name in (GENERATOR, MAPPING, STYLE_ENCODER):
            networks[SMOOTHED + name] = copy.deepcopy(networks[name]).requires_grad_(False)
        return networks | {CODE: RunningCode(self.pair, STYLE, self.plans.training.attribute_ema)}

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return D; G, F and E together; G alone."""
        return {
            DISCRIMINATOR: (DISCRIMINATOR,),
            GENERATOR: (GENERATOR, STYLE_ENCODER, MAPPING),
            GENERATOR_ALONE: (GENERATOR,),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return one Adam for D and one for all else: G keeps its moments whether F and E move with it or not."""
        optimizers, plan = super().optimizers(), self.plans.training
        first = [p for name in (GENERATOR, STYLE_ENCODER) for p in self.networks[name].parameters()]
        slow: dict[str, Any] = {
            "params": list(self.networks[MAPPING].parameters()),
            "lr": plan.lr * MAPPING_RATE,
            RATE_SHARE: MAPPING_RATE,
        }
        joint = torch.optim.Adam(
            [{"params": first}, slow], lr=plan.lr, betas=plan.betas, weight_decay=plan.weight_decay
        )
        return optimizers | {GENERATOR: joint, GENERATOR_ALONE: joint}

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield D with drawn styles, D with exemplars, all else with drawn styles, G alone with exemplars."""
        images = torch.stack([padded(batch.images[m], self.side) for m in self.pair])
        task = draw_task(images, self.generator, always_swap=self.settings.always_swap)
        yield DISCRIMINATOR, self.critic(task, "latent")
        yield DISCRIMINATOR, self.critic(task, "exemplar")
        yield GENERATOR, self.objective(task, "latent")
        yield GENERATOR_ALONE, self.objective(task, "exemplar")
        self._seen = task

    def after_step(self) -> None:
        """Move the smoothed weights, then the mean styles, which the smoothed encoder reads."""
        if self._seen is None:
            return
        kept = min(self.settings.ema, (1 + self.iteration) / (10 + self.iteration))
        for name in (GENERATOR, MAPPING, STYLE_ENCODER):
            follow(self.networks[SMOOTHED + name], self.networks[name], kept)
        with torch.no_grad():
            styles = self.networks[SMOOTHED + STYLE_ENCODER](self._seen.image, self._seen.source)
        self._code.update(dict(zip(self.pair, styles.chunk(len(self.pair)), strict=True)))
        self._seen = None

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast, in its mean style."""
        style = self._code(target_modality).expand(len(source), -1)
        made = self.networks[SMOOTHED + GENERATOR](padded(source, self.side), style)
        return cropped(made, source.shape[-1]).clamp(-1, 1)

    def diagnostics(self) -> dict[str, float]:
        """Return how far drawn styles lie from those read, and the styles of both contrasts from each other."""
        rng = torch.Generator(self.device).manual_seed(0)
        latent = torch.randn(MANY, LATENT, generator=rng, device=self.device)
        curves = {}
        with torch.no_grad():
            for number, modality in enumerate(self.pair):
                domain = torch.full((MANY,), number, device=self.device)
                drawn = self.networks[SMOOTHED + MAPPING](latent, domain).mean(dim=0)
                curves[f"style_gap_{modality}"] = float(l1_loss(drawn, self._code(modality)))
            curves["style_contrast"] = float(l1_loss(*(self._code(m) for m in self.pair)))
        return curves

    def critic(self, task: Task, kind: Source) -> dict[str, Tensor]:
        """Return what D minimises of the images and of their translations by one kind of style."""
        with torch.no_grad():
            fake = self.generate(task.image, self.style(task, kind, 0))
        with torch.autocast(self.device.type, enabled=False):
            image = task.image.detach().requires_grad_(self.settings.r1 > 0)
            on_real = self.judge(image, task.source)
            losses = {f"{kind}_real": cross_entropy([on_real], REAL)}
            if self.settings.r1 > 0:
                losses[f"{kind}_r1"] = self.settings.r1 * r1_penalty(on_real, image)
        losses[f"{kind}_fake"] = cross_entropy([self.judge(fake, task.target)], FAKE)
        return losses

    def objective(self, task: Task, kind: Source) -> dict[str, Tensor]:
        """Return what G, and with latents E and F too, minimise, weighted; a weight of 0 costs nothing."""
        weight, all_move = self.settings, kind == "latent"
        with torch.set_grad_enabled(all_move):
            style = self.style(task, kind, 0)
        fake = self.generate(task.image, style)
        losses = {"adversarial": cross_entropy([self.judge(fake, task.target)], REAL)}
        if weight.style > 0:
            losses["style"] = weight.style * l1_loss(self.read(fake, task.target), style)
        if (diversity := self.diversity(self.iteration)) > 0:
            with torch.no_grad():
                other = self.generate(task.image, self.style(task, kind, 1))
            losses["diversity"] = -diversity * l1_loss(fake, other)
        if weight.cycle > 0:
            with torch.set_grad_enabled(all_move):
                own = self.read(task.image, task.source)
            losses["cycle"] = weight.cycle * l1_loss(self.generate(fake, own), task.image)
        return losses

    def diversity(self, iteration: int) -> float:
        """Return lambda_ds in a step: it falls linearly, so that in the end fidelity alone counts."""
        until = self.settings.diversity_until * self.plans.total_iterations
        return self.settings.diversity * max(0.0, 1 - iteration / until)

    def style(self, task: Task, kind: Source, number: int) -> Tensor:
        """Return the first (0) or second (1) styles (M, STYLE) of the target domains, drawn or read from exemplars."""
        if kind == "latent":
            return self.networks[MAPPING](task.latents[number], task.target).float()
        return self.read(task.exemplars[number], task.target)

    def read(self, image: Tensor, domain: Tensor) -> Tensor:
        """Return the styles (M, STYLE) that E reads from images of the given domains."""
        return self.networks[STYLE_ENCODER](image, domain).float()

    def generate(self, image: Tensor, style: Tensor) -> Tensor:
        """Return images (M, 1, H, W) in given styles."""
        return self.networks[GENERATOR](image, style).float()

    def judge(self, image: Tensor, domain: Tensor) -> Tensor:
        """Return whether images are real ones of the given domains: logits (M,), large means real."""
        return self.networks[DISCRIMINATOR](image, domain).squeeze(1)

    @property
    def _code(self) -> RunningCode:
        return typed(self.networks, CODE, RunningCode)


@torch.no_grad()
def follow(smoothed: nn.Module, network: nn.Module, kept: float) -> None:
    """Keep a share of the smoothed weights and take the rest from the network."""
    for mean, new in zip(smoothed.parameters(), network.parameters(), strict=True):
        mean.lerp_(new, 1 - kept)
