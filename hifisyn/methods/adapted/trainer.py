"""Adapted: the base model, moved towards a cohort that has no pairs.

It starts from the base model's weights and is told how the cohort looks: the mean of each tissue of each contrast over
training subjects, from their labels. Half of the steps show simulated heads whose tissues have these means: a pair, and
what is wanted is known. The others show real scans: each is translated as the network does now, and the translation,
with some noise, has to lead back to the scan. Gradients flow through the second half alone, so the first cannot hide in
its image what the second needs. No discriminator, and no case's two contrasts ever meet. The weights that are used lie
half-way between the base model's and these.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from hifisyn.base.contrasts import CONTEXT, STACK, TARGETS, TISSUES
from hifisyn.base.loss import losses
from hifisyn.errors import UserError
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.adapted import planning
from hifisyn.methods.adapted.remapping import with_tissue_means
from hifisyn.methods.adapted.settings import AdaptedSettings
from hifisyn.methods.adapted.tissue_look import TissueLook, looks_of_cohort, new_looks
from hifisyn.methods.base_trainer import BaseNetworkTrainer, OneNetwork
from hifisyn.methods.named_network import NamedNetwork
from hifisyn.methods.named_translator import Translator
from hifisyn.methods.scale_of_step import at_drawn_scale
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.precision import wide
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Preset, SlicePlan
from hifisyn.slices import SliceStore
from hifisyn.training.batch import Batch
from hifisyn.training.contract import GENERATOR, Needs, Updates
from hifisyn.training.training_cases import TrainingCases

FEWEST_SUBJECTS = 3
HEALTHY = TISSUES[:-1]


class ToldNetwork(NamedNetwork):
    """The network of all directions, with the look of each contrast that it is told."""

    def __init__(self, width: int, contrasts: tuple[str, ...]) -> None:
        super().__init__(width, contrasts, look=True)
        self.looks = new_looks(contrasts)


class Adapted(BaseNetworkTrainer):
    """Unpaired adaptation of the base model."""

    TITLE = "Adapted"
    YEAR = 2016
    CITATION = (
        "Sennrich R, Haddow B, Birch A. Improving neural machine translation models with monolingual data. ACL 2016."
    )
    SUMMARY = "the base model, moved towards the cohort without pairs"
    NEEDS = Needs(batches=("unpaired", "simulated"), most_domains=None, context=CONTEXT, contrasts=TARGETS)
    ADAPTS_BASE = True
    SETTINGS = AdaptedSettings
    PUBLISHED: ClassVar = {
        "lr": 2e-4,
        "betas": (0.9, 0.999),
        "weight_decay": 0.0,
        "decay_from": 0.1,
        "shares": {"unpaired": 0.5, "simulated": 0.5},
    }
    settings: AdaptedSettings

    @property
    def way(self) -> float:
        """Return the setting."""
        return self.settings.way

    @property
    def looks(self) -> ByModality[TissueLook]:
        """The look of each contrast."""
        generator = self.networks.generator
        assert isinstance(generator, ToldNetwork)
        return generator.looks

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return its own plan, see `hifisyn.methods.adapted.planning`."""
        return planning.plan(slices, device, preset, cls.PUBLISHED)

    @classmethod
    def without_labels(cls, plans: Any) -> str:
        """Return that it is not told the look."""
        return "Adapted is not told how the tissues of this cohort look, nor can simulated heads be made to look alike"

    @property
    def largest_gradient(self) -> float:
        """Return the setting."""
        return self.settings.clip

    def build_networks(self) -> OneNetwork:
        """Return the network of all directions, which knows nothing of any look yet."""
        return OneNetwork(ToldNetwork(self.settings.networks.width, self.domains))

    def study(self, store: SliceStore, cohort: TrainingCases) -> None:
        """Learn how the tissues of each contrast look.

        Raises:
            UserError: fewer than three subjects.
        """
        count = len(cohort.subject_numbers)
        if count < FEWEST_SUBJECTS:
            raise UserError(
                f"training subjects must be at least {FEWEST_SUBJECTS} for {self.TITLE}",
                got=count,
                hint="add subjects, or predict without training: hifisyn_predict --model base",
            )
        for contrast, subjects in looks_of_cohort(store, cohort, self.plans.labels).items():
            if len(subjects):
                self.looks[contrast].learn(subjects)

    def updates(self, batch: Batch) -> Updates:
        """Yield one update for all directions of the step."""
        batch, pixel_mm = at_drawn_scale(batch, self.plans.slices.pixel_mm, self.generator)
        made, wanted, brains = [], [], []
        for source, target in batch.directions:
            given, truth = (
                self._simulated(batch, source, target)
                if batch.kind == "simulated"
                else self._real(batch, source, target, pixel_mm)
            )
            made.append(wide(self._translator(source, target, pixel_mm)(given)))
            wanted.append(truth)
            brains.append((truth > OUTSIDE).to(truth.dtype))
        output, weights = torch.cat(made), torch.ones(sum(map(len, made)), 1, device=self.device)
        yield GENERATOR, losses(output, torch.cat(wanted), torch.cat(brains), weights, self.settings.likelihood)

    def translator(self, source: str, target: str) -> Translator:
        """Return one direction of the network, told how the target looks."""
        return self._translator(source, target, self.plans.slices.pixel_mm)

    def _translator(self, source: str, target: str, pixel_mm: float) -> Translator:
        look = self.looks[target].told()
        return Translator(self.networks.generator, source, target, pixel_mm, look)

    def _simulated(self, batch: Batch, source: str, target: str) -> tuple[Tensor, Tensor]:
        """Return the source as some subject of the cohort may look, and the target as the cohort does."""
        labels = batch.labels[source]
        images, truth = batch.images[source], batch.images[target][:, CONTEXT, None]
        truth = batch.clean[target][:, None] if target in batch.clean else truth
        if labels is None:
            return images, truth
        return (
            self._as_cohort(images, labels, self.looks[source], spread=1.0),
            self._as_cohort(truth, labels, self.looks[target], spread=0.0),
        )

    def _as_cohort(self, images: Tensor, labels: Tensor, look: TissueLook, spread: float) -> Tensor:
        values = [self.plans.labels.get(tissue, -1) for tissue in HEALTHY]
        drawn = torch.randn(len(images), len(HEALTHY), generator=self.generator, device=self.device)
        wanted = look.means[: len(HEALTHY)] + spread * drawn * look.spreads[: len(HEALTHY)]
        return with_tissue_means(images, labels, values, wanted.clamp(-1, 1), look.known[: len(HEALTHY)])

    def _real(self, batch: Batch, source: str, target: str, pixel_mm: float) -> tuple[Tensor, Tensor]:
        """Return the present translation of a real target into the source, with noise, and the target."""
        truth = batch.images[target]
        with torch.no_grad():
            back = wide(self._translator(target, source, pixel_mm)(truth)[:, :1])
            drawn = torch.randn(back.shape, generator=self.generator, device=self.device)
            noisy = (back + self.settings.noise * drawn).clamp(-1, 1)
        middle = truth[:, CONTEXT, None]
        return torch.where(middle > OUTSIDE, noisy, OUTSIDE).expand(-1, STACK, -1, -1), middle
