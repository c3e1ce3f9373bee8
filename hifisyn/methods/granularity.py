"""What HiFi-Syn's granularity losses need of a step; PGD with the label map alone is offered to other methods."""

import torch
from torch import Tensor

from hifisyn.losses.contents import Contents
from hifisyn.losses.pgd import draw_anchors, pixel_loss
from hifisyn.methods.scene import Scene
from hifisyn.plans import LossPlan, Plans
from hifisyn.training.contract import Batch


def ramp(plan: LossPlan, iteration: int) -> float:
    """Return the share of their weight that PGD, SGD and GGD have: 0 until `ramp_start`, then linearly up to 1."""
    return min(max((iteration + 1 - plan.ramp_start) / max(plan.ramp, 1), 0.0), 1.0)


def contents_of(batch: Batch, scene: Scene, original: dict[str, Tensor], translated: dict[str, Tensor]) -> Contents:
    """Return what the losses compare, the images of the batch's first modality first.

    Args:
        batch: whose subjects are kept apart.
        scene: of the batch, at the resolution of content.
        original: content (N, C, h, w) of the images, by modality.
        translated: content of their translations, by the modality of the image.
    """
    return Contents(
        original=torch.cat([original[m].flatten(2) for m in batch.images]),
        translated=torch.cat([translated[m].flatten(2) for m in batch.images]),
        labels=torch.cat([scene.labels[m] for m in batch.images]),
        subjects=torch.cat([batch.subjects[m] for m in batch.images]),
    )


def pgd(contents: Contents, batch: Batch, scene: Scene, plan: LossPlan, rng: torch.Generator) -> Tensor:
    """Return L_PGD of a step, not yet weighted."""
    foreground = torch.cat([scene.foreground[m] for m in batch.images])
    anchors = draw_anchors(foreground, plan.anchors, rng)
    return over_modalities(pixel_loss(contents, anchors, plan.tau_1, plan.use_labels))


def without_label_map(plans: Plans) -> str:
    """Return what the setting `label_map` of a method is worth where no case has labels; "" where it is off."""
    return "label_map pushes away pixels of every structure, the own one too" if plans.method.get("label_map") else ""


def over_modalities(loss: Tensor) -> Tensor:
    """Return the sum of both modalities' means, of losses (2N,), those of the first modality first."""
    return loss.unflatten(0, (2, -1)).mean(dim=1).sum()
