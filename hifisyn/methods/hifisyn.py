"""HiFi-Syn: hierarchical granularity discrimination with a Brain Memory Bank.

Yu et al., "HiFi-Syn: Hierarchical Granularity Discrimination for High-Fidelity Synthesis of MR Images with Structure
Preservation", arXiv 2311.12461v2 (2024). The authors' repository yu02019/HiFi-Syn @ 36f7d50 holds no code; what the
paper leaves to its sources follows DRIT++ (Lee et al., IJCV 2020) and MGUIT (Jeong et al., CVPR 2021).

Differs from the paper, beside what networks and losses say at their place:
- Eq. 14 renders m_i from its own content and "z^a". Here S is read from the prototypes P_i of m_i's own batch: they
  pass through T slots, so that no dense map can leak the image, and give E^a a gradient. The code z^a_i comes beside.
- Labels restrict which slots are read in training (Fig. 3) and are unseen in testing (eq. 3). A share of the training
  steps, half unless the plan says otherwise, reads without them, so that G meets what it will be given.
- In testing z^a_j is the mean over the training images of j; the paper does not say what it is.
- One discriminator a modality. DRIT's random codes, latent regression, KL and mode seeking are not in eq. 17.
- Every sum over pixels, anchors or images is a mean; the losses of the two modalities are added.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from hifisyn.losses import adversarial
from hifisyn.losses.contents import Contents
from hifisyn.losses.ggd import global_loss
from hifisyn.losses.sgd import structure_loss
from hifisyn.methods import granularity
from hifisyn.methods import hifisyn_networks as net
from hifisyn.methods.hifisyn_curves import bank_curves, own_class_share
from hifisyn.methods.hifisyn_passes import Consulted, Encoded, Passes, Rendered
from hifisyn.methods.scene import Scene, observe
from hifisyn.plans import Plans
from hifisyn.training.contract import CONTENT_DISCRIMINATOR, DISCRIMINATOR, Batch, Trainer
from hifisyn.training.registry import register

GENERATOR = "generator"


@register("HiFiSyn")
class HiFiSyn(Trainer):
    """Unpaired translation between two modalities, both directions in one training.

    The plan makes the ablations: no slots at all leave DRIT's backbone (m = z^a), no structural slots a global bank,
    and a weight of 0 switches a loss off.
    """

    def __init__(self, plans: Plans, pair: tuple[str, str]) -> None:
        super().__init__(plans, pair)
        self.passes = Passes(self.networks, pair, plans.networks.content_noise)
        self._to_remember: tuple[dict[str, Tensor], Consulted] | None = None
        self._last_contents: tuple[Scene, dict[str, Tensor]] | None = None
        self._critic_curves: dict[str, Tensor] = {}

    def build_networks(self) -> dict[str, nn.Module]:
        """Return E^c, E^a, G, D, D^c, the mean code and, if the plan has slots, the bank."""
        return net.build(self.plans, self.pair)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return D, D^c, and the three networks that make images."""
        return {
            DISCRIMINATOR: (net.IMAGE_DISCRIMINATOR,),
            CONTENT_DISCRIMINATOR: (net.CONTENT_DISCRIMINATOR,),
            GENERATOR: (net.CONTENT_ENCODER, net.ATTRIBUTE_ENCODER, net.GENERATOR),
        }

    def updates(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield D, D^c, then E^c, E^a and G; of every `content_steps` steps all but the last move D^c only."""
        weight = self.plans.losses
        if weight.content > 0 and (batch.iteration + 1) % self.plans.training.content_steps:
            with torch.no_grad():
                noisy = self.passes.noisy_contents(batch.images, self.generator)
            yield CONTENT_DISCRIMINATOR, self._content_critic(noisy)
            return
        unlabelled = torch.rand((), generator=self.generator, device=self.device) < self.plans.memory.p_unlabelled
        scene = observe(batch, 2**self.plans.networks.n_down, unlabelled)
        encoded = self.passes.encode(batch.images, self.generator)
        consulted = self.passes.consult(scene, encoded, self.generator)
        rendered = self.passes.render(scene, encoded, consulted, self.generator)
        if weight.domain > 0:
            yield DISCRIMINATOR, self._image_critic(batch, rendered)
        if weight.content > 0:
            yield CONTENT_DISCRIMINATOR, self._content_critic({m: e.noisy.detach() for m, e in encoded.items()})
        yield GENERATOR, self._objective(batch, scene, encoded, rendered)
        self._to_remember = {m: e.code.detach() for m, e in encoded.items()}, consulted
        self._last_contents = scene, {m: e.content.detach() for m, e in encoded.items()}

    def after_step(self) -> None:
        """Move the mean codes and the bank, by what was computed before the weights moved."""
        if self._to_remember is None:
            return
        codes, consulted = self._to_remember
        self._to_remember = None
        self.passes.running_code.update(codes)
        if self.passes.bank is not None:
            self.passes.bank.update(consulted.sums)

    def translate(self, source: Tensor, source_modality: str, target_modality: str) -> Tensor:
        """Return the source (N, 1, H, W) in [-1, 1] in the other contrast; deterministic, labels unseen."""
        return self.passes.translate(source, source_modality, target_modality)

    def diagnostics(self) -> dict[str, float]:
        """Return the curves that tell a dead part: of the last full step, and of the bank as it is."""
        curves, bank = dict(self._critic_curves), self.passes.bank
        if bank is not None:
            curves |= bank_curves(bank)
            if self._last_contents is not None:
                curves["own_class_share"] = own_class_share(bank, *self._last_contents)
        return {name: float(value) for name, value in curves.items()}

    def _image_critic(self, batch: Batch, rendered: Rendered) -> dict[str, Tensor]:
        losses, on_real, on_fake = [], [], []
        for source, target in self.passes.directions:
            real = self._judge(batch.images[target], target)
            fake = self._judge(rendered.fake[source].detach(), target)
            losses.append(adversarial.domain_critic(real, fake))
            on_real.append(adversarial.mean_probability(real))
            on_fake.append(adversarial.mean_probability(fake))
        self._critic_curves = {"d_real": torch.stack(on_real).mean(), "d_fake": torch.stack(on_fake).mean()}
        return {"domain": torch.stack(losses).sum()}

    def _content_critic(self, noisy: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"content": adversarial.content_critic(*(self._judge_content(noisy[m]) for m in self.pair))}

    def _objective(
        self, batch: Batch, scene: Scene, encoded: dict[str, Encoded], rendered: Rendered
    ) -> dict[str, Tensor]:
        """Eq. 17, weighted; a loss of weight 0 is not computed."""
        plan, ramp = self.plans.losses, granularity.ramp(self.plans.losses, batch.iteration)
        original = {m: e.content for m, e in encoded.items()}
        translated = {m: e.content for m, e in rendered.again.items()}
        contents = granularity.contents_of(batch, scene, original, translated)
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "content": (plan.content, lambda: self._content_adversarial(encoded)),
            "domain": (plan.domain, lambda: self._domain_adversarial(rendered)),
            "cycle": (plan.cycle, lambda: self._l1(rendered.cycle, batch)),
            "reconstruction": (plan.reconstruction, lambda: self._l1(rendered.reconstruction, batch)),
            "pgd": (plan.pgd * ramp, lambda: granularity.pgd(contents, batch, scene, plan, self.generator)),
            "sgd": (plan.sgd * ramp, lambda: self._sgd(contents)),
            "ggd": (plan.ggd * ramp, lambda: granularity.over_modalities(global_loss(contents, plan.tau_3))),
        }
        return {name: weight * term() for name, (weight, term) in terms.items() if weight > 0}

    def _content_adversarial(self, encoded: dict[str, Encoded]) -> Tensor:
        return adversarial.content_encoder(*(self._judge_content(encoded[m].noisy) for m in self.pair))

    def _domain_adversarial(self, rendered: Rendered) -> Tensor:
        terms = [adversarial.domain_generator(self._judge(rendered.fake[s], t)) for s, t in self.passes.directions]
        return torch.stack(terms).sum()

    def _l1(self, images: dict[str, Tensor], batch: Batch) -> Tensor:
        return torch.stack([l1_loss(images[m], batch.images[m]) for m in self.pair]).sum()

    def _sgd(self, contents: Contents) -> Tensor:
        plan = self.plans.losses
        values = sorted(v for v in self.plans.labels.values() if v > 0 or plan.background_structure)
        loss = structure_loss(
            contents,
            torch.tensor(values, device=self.device),
            plan.tau_2,
            same_structure=plan.same_structure,
            weight_inside=plan.weight_inside,
        )
        return granularity.over_modalities(loss)

    def _judge(self, image: Tensor, modality: str) -> tuple[Tensor, ...]:
        return self.networks[net.IMAGE_DISCRIMINATOR](image, modality)

    def _judge_content(self, content: Tensor) -> Tensor:
        return self.networks[net.CONTENT_DISCRIMINATOR](content)
