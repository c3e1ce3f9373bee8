"""Paired: the base model's network, trained on the registered pairs of a cohort, all directions in one network.

What it reaches is what the other methods, which see no pair, are measured by: a ceiling, not a competitor. Where pairs
are at hand and trusted, it is also simply the better choice.

Each step shows two contrasts of the same places of the same people, and translates both ways. The error is taken where
the target fits best within a pixel (`displacement`), in the brain, by L1 and the likelihood of a Laplace distribution
whose scale is learnt: the error that it expects. Cases whose registration is not trusted are no pairs.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from hifisyn.base.contrasts import CONTEXT
from hifisyn.base.loss import losses
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.base_trainer import BaseNetworkTrainer, OneNetwork
from hifisyn.methods.named_network import NamedNetwork
from hifisyn.methods.named_translator import Translator
from hifisyn.methods.paired import planning
from hifisyn.methods.paired.displacement import best_fit
from hifisyn.methods.paired.settings import PairedSettings
from hifisyn.methods.scale_of_step import at_drawn_scale
from hifisyn.networks.precision import wide
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Preset, SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.contract import GENERATOR, Needs, Updates


class Paired(BaseNetworkTrainer):
    """Supervised translation between any contrasts."""

    TITLE = "Paired"
    YEAR = 2017
    CITATION = (
        "Kendall A, Gal Y. What uncertainties do we need in Bayesian deep learning for computer vision? NeurIPS 2017."
    )
    SUMMARY = "trained on registered pairs: what could be reached, no competitor"
    NEEDS = Needs(batches=("paired",), most_domains=None, context=CONTEXT)
    SETTINGS = PairedSettings
    PUBLISHED: ClassVar = {
        "lr": 2e-3,
        "betas": (0.9, 0.999),
        "weight_decay": 0.01,
        "decay_from": 0.3,
        "shares": {"paired": 1.0},
    }
    settings: PairedSettings

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return its own plan, see `hifisyn.methods.paired.planning`."""
        return planning.plan(fingerprint, slices, device, preset, cls.PUBLISHED)

    @property
    def largest_gradient(self) -> float:
        """Return the setting."""
        return self.settings.clip

    def build_networks(self) -> OneNetwork:
        """Return the network of all directions."""
        return OneNetwork(NamedNetwork(self.settings.networks.width, self.domains))

    def updates(self, batch: Batch) -> Updates:
        """Yield one update for all directions of the step."""
        batch, pixel_mm = at_drawn_scale(batch, self.plans.slices.pixel_mm, self.generator)
        made, wanted, brains = [], [], []
        for source, target in batch.directions:
            output = wide(self._translator(source, target, pixel_mm)(batch.images[source]))
            images = {contrast: batch.images[contrast][:, CONTEXT, None] for contrast in (source, target)}
            brain = ((images[source] > OUTSIDE) & (images[target] > OUTSIDE)).to(output.dtype)  # what both scans cover
            own = self.settings
            made.append(output)
            brains.append(brain)
            wanted.append(best_fit(output[:, :1], images[target], brain, own.reach, own.toll))
        output, weights = torch.cat(made), torch.ones(sum(map(len, made)), 1, device=self.device)
        yield GENERATOR, losses(output, torch.cat(wanted), torch.cat(brains), weights, self.settings.likelihood)

    def translator(self, source: str, target: str) -> Translator:
        """Return one direction of the network."""
        return self._translator(source, target, self.plans.slices.pixel_mm)

    def _translator(self, source: str, target: str, pixel_mm: float) -> Translator:
        return Translator(self.networks.generator, source, target, pixel_mm)
