"""What HiFi-Syn's granularity losses need of a step; PGD with the label map alone is offered to other methods."""

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from hifisyn.losses.contents import Contents
from hifisyn.losses.pgd import OTHER_PIXELS, Negatives, draw_anchors, pixel_loss
from hifisyn.methods.content_masks import ContentMasks
from hifisyn.planning import rules
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Plans
from hifisyn.settings import Settings
from hifisyn.training.batch import Batch


class PixelGranularitySettings(Settings):
    """PGD, and when it begins; a weight of 0 switches it off."""

    pgd: float = Field(1.0, ge=0, description="lambda_5, pixel granularity discrimination")
    ramp_start: float = Field(0.0, ge=0, le=1, description="share of the run after which granularity losses begin")
    ramp: float = Field(0.0, ge=0, le=1, description="share of the run over which they grow to their weight")
    tau_1: float = Field(0.07, gt=0, description="temperature of PGD")
    anchors: int = Field(256, ge=1, description="anchor pixels an image in PGD")
    use_labels: bool = Field(True, description="PGD leaves pixels of the anchor's label out of the negatives")

    def first_step(self, total: int) -> int:
        """Return the step, from 0, in which the losses begin, in a run of so many."""
        return round(self.ramp_start * total)

    def share(self, iteration: int, total: int) -> float:
        """Return the share of their weight that the losses have in a step: 0 at first, then linearly up to 1."""
        grown = iteration + 1 - self.first_step(total)
        return min(max(grown / max(round(self.ramp * total), 1), 0.0), 1.0)


def with_granularity(plan: MethodPlan) -> MethodPlan:
    """Return a plan with the values of PGD, under `granularity`, that HiFi-Syn has in a run of that length."""
    chosen = rules.granularity(plan.length.total)
    own = {name: value for name, value in chosen.value.items() if name in PixelGranularitySettings.model_fields}
    return plan.with_settings(granularity=own).because(settings__granularity__pgd=chosen.reason)


def contents_of(
    batch: Batch, masks: ContentMasks, original: Mapping[str, Tensor], translated: Mapping[str, Tensor]
) -> Contents:
    """Return what the losses compare, the images of the batch's first contrast first.

    Args:
        batch: whose subjects are kept apart.
        masks: of the batch, at the resolution of content.
        original: content (N, C, h, w) of the images, by contrast.
        translated: content of their translations, by the contrast of the image.
    """
    return Contents(
        original=torch.cat([original[m].flatten(2) for m in batch.domains]),
        translated=torch.cat([translated[m].flatten(2) for m in batch.domains]),
        labels=torch.cat([masks.labels[m] for m in batch.domains]),
        subjects=torch.cat([batch.subjects[m] for m in batch.domains]),
    )


def pgd(
    contents: Contents,
    batch: Batch,
    masks: ContentMasks,
    plan: PixelGranularitySettings,
    rng: torch.Generator,
    *,
    negatives: Negatives = "both",
    other_pixels: int = OTHER_PIXELS,
) -> Tensor:
    """Return L_PGD of a step, not yet weighted; see `pixel_loss`."""
    foreground = torch.cat([masks.foreground[m] for m in batch.domains])
    anchors = draw_anchors(foreground, plan.anchors, rng)
    loss = pixel_loss(contents, anchors, plan.tau_1, plan.use_labels, negatives=negatives, other_pixels=other_pixels)
    return over_domains(loss, batch)


def without_label_map(plans: Plans) -> str:
    """Return what the setting `label_map` of a method is worth where no case has labels; "" where it is off."""
    on = plans.settings.get("label_map")
    return "label_map pushes away pixels of every structure, the own one too" if on else ""


def over_domains(loss: Tensor, batch: Batch) -> Tensor:
    """Return the sum of the contrasts' means, of losses of all images, those of the first contrast first."""
    return loss.reshape(len(batch.domains), -1).mean(dim=1).sum()
