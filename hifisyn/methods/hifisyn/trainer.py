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
- One discriminator a contrast. DRIT's random codes, latent regression, KL and mode seeking are not in eq. 17.
- Every sum over pixels, anchors or images is a mean; the losses of the two contrasts of a step are added.
- What `settings.additions` has is ours, and off unless it is asked for: simulated batches, whose truth is known, a
  teacher, tissue statistics, other adversarial forms.
- With three contrasts or more, each step draws two of them. The bank keeps one table of keys and a table of values a
  contrast; D^c has a logit a contrast and E^c aims at the uniform distribution over them. The paper has two.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from hifisyn.losses import adversarial
from hifisyn.losses.contents import Contents
from hifisyn.methods import granularity
from hifisyn.methods.content_discriminator_trainer import (
    CONTENT_DISCRIMINATOR,
    ContentDiscriminatorSettings,
    ContentDiscriminatorTrainer,
)
from hifisyn.methods.content_masks import ContentMasks, content_masks
from hifisyn.methods.hifisyn import planning, teacher
from hifisyn.methods.hifisyn.additions import Additions
from hifisyn.methods.hifisyn.curves import bank_curves, own_class_share
from hifisyn.methods.hifisyn.ggd import global_loss
from hifisyn.methods.hifisyn.networks import HiFiSynNetworks
from hifisyn.methods.hifisyn.passes import BankTables, Encoded, Passes, Rendered
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.sgd import structure_loss
from hifisyn.methods.hifisyn.translator import HiFiSynTranslator
from hifisyn.methods.memory_slots import NO_PIXEL, check_slots
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Plans, Preset, SlicePlan
from hifisyn.slices import SliceStore
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR, Needs, Updates
from hifisyn.training.training_cases import TrainingCases


class HiFiSyn(ContentDiscriminatorTrainer):
    """Unpaired translation between two contrasts or more, all directions in one training.

    The settings make the ablations: no slots at all leave DRIT's backbone (m = z^a), no structural slots a global bank,
    and a weight of 0 switches a loss off.
    """

    TITLE = "HiFiSyn"
    YEAR = 2024
    CITATION = (
        "Yu et al. HiFi-Syn: hierarchical granularity discrimination for high-fidelity synthesis of MR images with "
        "structure preservation. arXiv:2311.12461, 2023."
    )
    SUMMARY = "Brain Memory Bank and discrimination at three grains"
    NEEDS = Needs(batches=("unpaired", "simulated"), most_domains=None)
    SETTINGS = HiFiSynSettings
    PUBLISHED: ClassVar[Mapping[str, Any]] = {}  # the defaults are its own
    settings: HiFiSynSettings
    networks: HiFiSynNetworks

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        super().__init__(plans, domains)
        blended = self.settings.memory.translation_read == "blended"
        self.passes = Passes(self.networks, self.settings.networks.content_noise, blended=blended)
        self.additions = Additions(self.passes, plans, self.settings)
        self._update_after_step: tuple[dict[str, Tensor], BankTables] | None = None
        self._last_contents: tuple[ContentMasks, dict[str, Tensor]] | None = None
        self._discriminator_curves: dict[str, Tensor] = {}

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return its plan, the slots of the bank among it."""
        return planning.plan(fingerprint, slices, device, preset)

    @classmethod
    def check(cls, plans: Plans) -> None:
        """Refuse a crop that does not fit, and slots of unknown labels."""
        super().check(plans)
        check_slots(plans)

    @property
    def content_discriminator_plan(self) -> tuple[ContentDiscriminatorSettings, float]:
        """Settings of D^c, and the weight of the content adversarial loss."""
        return self.settings.content_discriminator, self.settings.losses.content

    def build_networks(self) -> HiFiSynNetworks:
        """Return E^c, E^a, G, D, D^c, the mean code and, if the plan has slots, the bank."""
        return HiFiSynNetworks(self.plans, self.settings, self.domains)

    def groups(self) -> dict[str, tuple[torch.nn.Module, ...]]:
        """Return D, D^c, and the three networks that synthesise images."""
        net = self.networks
        return {
            DISCRIMINATOR: (net.image_discriminator,),
            CONTENT_DISCRIMINATOR: (net.content_discriminator,),
            GENERATOR: (net.content_encoder, net.attribute_encoder, net.generator),
        }

    def updates(self, batch: Batch) -> Updates:
        """Yield D, D^c, then E^c, E^a and G; of every `content_discriminator.steps` all but the last move D^c only."""
        weight, net = self.settings.losses, self.settings.networks
        if batch.kind == "simulated":
            yield GENERATOR, self.additions.where_truth_is_known(batch, self.generator)
            return
        if self.moves_content_alone(batch.iteration):
            with torch.no_grad():
                noisy = self.passes.noisy_contents(batch.images, self.generator)
            yield CONTENT_DISCRIMINATOR, self._content_discriminator(noisy)
            return
        unlabelled = torch.rand((), generator=self.generator, device=self.device) < self.settings.memory.p_unlabelled
        masks = content_masks(batch, net.stride, unlabelled)
        encoded = self.passes.encode(batch.images, self.generator)
        tables = self.passes.bank_tables(masks, encoded, self.generator)
        rendered = self.passes.render(batch.directions, masks, encoded, tables, self.generator)
        if weight.domain > 0:
            yield DISCRIMINATOR, self._image_discriminator(batch, rendered)
        if weight.content > 0:
            yield CONTENT_DISCRIMINATOR, self._content_discriminator({m: e.noisy.detach() for m, e in encoded.items()})
        yield GENERATOR, self.objective(batch, masks, encoded, rendered)
        self._update_after_step = {m: e.code.detach() for m, e in encoded.items()}, tables
        self._last_contents = masks, {m: e.content.detach() for m, e in encoded.items()}

    def study(self, store: SliceStore, cohort: TrainingCases) -> None:
        """Learn how the tissues of each contrast look, if a loss asks for it."""
        self.additions.study(store, cohort)

    def started(self) -> None:
        """Forget what the weights know of structures that this data set does not label."""
        if self.passes.bank is not None:
            self.passes.bank.forget(self.passes.bank.slot_class <= NO_PIXEL)

    def after_step(self) -> None:
        """Move the mean codes and the bank, by what was computed before the weights moved."""
        if self._update_after_step is None:
            return
        codes, tables = self._update_after_step
        self._update_after_step = None
        self.networks.running_code.update(codes)
        if self.passes.bank is not None:
            self.passes.bank.update(tables.sums)

    def translator(self, source: str, target: str) -> HiFiSynTranslator:
        """Return the module that translates `source` to `target`, labels unseen."""
        return HiFiSynTranslator(self.networks, source, target)

    def diagnostics(self) -> dict[str, float]:
        """Return the curves that tell a dead part: of the last full step, and of the bank as it is."""
        curves, bank = dict(self._discriminator_curves), self.passes.bank
        if bank is not None:
            curves |= bank_curves(bank)
            if self._last_contents is not None:
                curves["own_class_share"] = own_class_share(bank, *self._last_contents)
        return {name: float(value) for name, value in curves.items()}

    def _image_discriminator(self, batch: Batch, rendered: Rendered) -> dict[str, Tensor]:
        own = self.settings.additions
        losses, penalties, on_real, on_fake = [], [], [], []
        for source, target in batch.directions:
            image = batch.images[target]
            if own.r1 > 0:
                image = image.detach().requires_grad_()
            real = self._logits(image, target)
            fake = self._logits(rendered.fake[source].detach(), target)
            losses.append(adversarial.discriminator_loss(real, fake, own.adversarial))
            if own.r1 > 0:
                penalties.append(adversarial.gradient_penalty(real, image))
            on_real.append(adversarial.mean_probability(real))
            on_fake.append(adversarial.mean_probability(fake))
        self._discriminator_curves = {"d_real": torch.stack(on_real).mean(), "d_fake": torch.stack(on_fake).mean()}
        penalty = {"r1": own.r1 * torch.stack(penalties).sum()} if penalties else {}
        return {"domain": torch.stack(losses).sum(), **penalty}

    def _content_discriminator(self, noisy: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"content": self.content_discriminator_loss(noisy)}

    def objective(
        self, batch: Batch, masks: ContentMasks, encoded: Mapping[str, Encoded], rendered: Rendered
    ) -> dict[str, Tensor]:
        """Eq. 17 and what is added to it, weighted; a loss of weight 0 is not computed."""
        plan, own = self.settings.losses, self.settings.additions
        teaching = own.teacher * teacher.share(batch.iteration, self.first_total)
        ramp = plan.share(batch.iteration, self.first_total)
        original = {m: e.content for m, e in encoded.items()}
        translated = {m: e.content for m, e in rendered.reencoded.items()}
        contents = granularity.contents_of(batch, masks, original, translated)
        terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "content": (plan.content, lambda: self.content_adversarial_loss({m: e.noisy for m, e in encoded.items()})),
            "domain": (plan.domain, lambda: self._domain_adversarial(batch, rendered)),
            "cycle": (plan.cycle, lambda: _l1(rendered.cycle, batch)),
            "reconstruction": (plan.reconstruction, lambda: _l1(rendered.reconstruction, batch)),
            "pgd": (plan.pgd * ramp, lambda: self._pgd(contents, batch, masks)),
            "sgd": (plan.sgd * ramp, lambda: self._sgd(contents, batch)),
            "ggd": (plan.ggd * ramp, lambda: granularity.over_domains(global_loss(contents, plan.tau_3), batch)),
            "teacher": (teaching, lambda: self.additions.taught(batch, rendered)),
            "tissue": (own.tissue, lambda: self.additions.tissues(batch, rendered)),
        }
        return {name: weight * term() for name, (weight, term) in terms.items() if weight > 0}

    def _domain_adversarial(self, batch: Batch, rendered: Rendered) -> Tensor:
        form = self.settings.additions.adversarial
        terms = [adversarial.generator_loss(self._logits(rendered.fake[s], t), form) for s, t in batch.directions]
        return torch.stack(terms).sum()

    def _pgd(self, contents: Contents, batch: Batch, masks: ContentMasks) -> Tensor:
        plan = self.settings.losses
        return granularity.pgd(
            contents,
            batch,
            masks,
            plan,
            self.generator,
            negatives=plan.pixel_negatives,
            other_pixels=plan.other_pixels,
        )

    def _sgd(self, contents: Contents, batch: Batch) -> Tensor:
        plan = self.settings.losses
        values = sorted(v for v in self.plans.labels.values() if v > 0 or plan.background_structure)
        loss = structure_loss(
            contents,
            torch.tensor(values, device=self.device),
            plan.tau_2,
            region=plan.region,
            difference=plan.difference,
            alpha_s=plan.alpha_s,
            same_structure=plan.same_structure,
            weight_inside=plan.weight_inside,
        )
        return granularity.over_domains(loss, batch)

    def _logits(self, image: Tensor, contrast: str) -> tuple[Tensor, ...]:
        logits: tuple[Tensor, ...] = self.networks.image_discriminator(image, contrast)
        return logits


def _l1(images: Mapping[str, Tensor], batch: Batch) -> Tensor:
    return torch.stack([l1_loss(images[m], batch.images[m]) for m in batch.domains]).sum()
