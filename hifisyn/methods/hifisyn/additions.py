"""Losses that the paper has not, each off unless the settings ask for it: see `AdditionSettings`."""

import torch
from torch import Tensor

from hifisyn.base.shipped import shipped
from hifisyn.directions import Direction
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.hifisyn.cohort_tissues import TissueStatistics, statistics_of_cohort, tissue_table
from hifisyn.methods.hifisyn.passes import Passes, Rendered
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.supervised import brain_l1, content_distance
from hifisyn.methods.hifisyn.teacher import taught
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.training.batch import Batch
from hifisyn.training.training_cases import TrainingCases

KNOWN_SHARE = 0.3  # of reconstruction and content in a simulated batch


class Additions:
    """The losses, of what the passes render.

    Args:
        passes: of the networks, whose tissue statistics are here learnt and used.
        plans: of the training.
        settings: of the method.
    """

    def __init__(self, passes: Passes, plans: Plans, settings: HiFiSynSettings) -> None:
        self.passes, self.plans, self.settings = passes, plans, settings

    def study(self, store: SliceStore, cohort: TrainingCases) -> None:
        """Learn how the tissues of each contrast look, if a loss asks for it."""
        tissues = self.passes.networks.tissues
        if tissues is not None:
            for contrast, subjects in statistics_of_cohort(store, cohort, self.plans.labels).items():
                if len(subjects):
                    tissues[contrast].learn(subjects)

    def where_truth_is_known(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of a simulated batch: every translation is held to the other contrast of its slice.

        Values and codes are those of the simulated images themselves, and neither bank nor mean code learns from them:
        how the cohort looks, the cohort alone says.
        """
        weight, plan = self.settings.additions.simulated, self.settings
        unlabelled = torch.rand((), generator=rng, device=rng.device) < plan.memory.p_unlabelled
        masks = content_masks(batch, plan.networks.stride, unlabelled)
        encoded = self.passes.encode(batch.images, rng)
        tables = self.passes.bank_tables(masks, encoded, rng)
        brain = torch.stack([image > OUTSIDE for image in batch.images.values()]).any(dim=0)

        def error(direction: Direction) -> Tensor:
            source, target = direction
            table, code, labels = tables.own[target], encoded[target].code, masks.read_labels[source]
            made = self.passes.translate(encoded[source], table, code, target, labels)
            clean = batch.clean.get(target)
            return brain_l1(made, batch.images[target] if clean is None else clean[:, None], brain)

        same = [Direction(m, m) for m in batch.domains]
        return {
            "simulated": weight * torch.stack([error(d) for d in batch.directions]).sum(),
            "simulated_reconstruction": weight * KNOWN_SHARE * torch.stack([error(d) for d in same]).sum(),
            "simulated_content": weight * KNOWN_SHARE * content_distance({m: e.content for m, e in encoded.items()}),
        }

    def taught(self, batch: Batch, rendered: Rendered) -> Tensor:
        """Return how far translations are from the base model's, of the directions that it takes; not yet weighted."""
        total, pixel_mm = torch.zeros((), device=batch.images[batch.domains[0]].device), self.plans.slices.pixel_mm
        for direction in batch.directions:
            source, target = direction
            image = batch.images[source]
            wanted = taught(shipped(), image, direction, pixel_mm, self._statistics(target).look())
            if wanted is not None:
                total = total + brain_l1(rendered.fake[source], wanted, image > OUTSIDE)
        return total

    def tissues(self, batch: Batch, rendered: Rendered) -> Tensor:
        """Return how far the tissues of translations are from the cohort's; those without labels do not count."""
        total = torch.zeros((), device=batch.images[batch.domains[0]].device)
        table = tissue_table(self.plans.labels).to(total.device)
        for source, target in batch.directions:
            labels = batch.labels[source]
            if labels is not None:
                total = total + self._statistics(target).distance(rendered.fake[source], table[labels])
        return total

    def _statistics(self, contrast: str) -> TissueStatistics:
        tissues = self.passes.networks.tissues
        if tissues is None:
            raise ValueError("additions.teacher or additions.tissue must be above 0")
        return tissues[contrast]
