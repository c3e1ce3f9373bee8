"""Slices of heads that are not trained on, looked at now and then: numbers of each direction, and a picture."""

from pathlib import Path

import numpy as np
import torch

from hifisyn.base.contrasts import TARGETS
from hifisyn.base.heads import TRUTH, Heads
from hifisyn.directions import Direction, directions
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.hifisyn.networks import HiFiSynNetworks
from hifisyn.methods.hifisyn.translator import HiFiSynTranslator
from hifisyn.metrics.image import correlation, finite_mean, psnr, ssim
from hifisyn.pictures import evenly, sheet
from hifisyn.training.numbers import column

SLICES_A_HEAD = 3
SHOWN = 4
MEASURES = (("psnr_brain", psnr), ("ssim_brain", ssim), ("correlation", correlation))


class Validation:
    """Some slices of some heads, each translated as in prediction: labels unseen, stored values, the mean code.

    Args:
        heads: that are not trained on.
    """

    def __init__(self, heads: Heads) -> None:
        places = [(head, head.places[i]) for head in heads.heads for i in evenly(len(head.places), SLICES_A_HEAD)]
        self.inputs = {m: np.concatenate([heads.image(h, m, [p]) for h, p in places]) for m in TARGETS}
        self.truths = {m: np.concatenate([heads.image(h, TRUTH + m, [p]) for h, p in places]) for m in TARGETS}
        self.brain = np.stack([heads.brain(h, p) for h, p in places])

    def translate(self, networks: HiFiSynNetworks, device: torch.device) -> dict[Direction, np.ndarray]:
        """Return the translations (S, H, W) of every direction."""
        networks.eval()
        found = {}
        with torch.inference_mode():
            for direction in directions(TARGETS):
                images = torch.from_numpy(self.inputs[direction.source])[:, None].to(device)
                found[direction] = HiFiSynTranslator(networks, *direction)(images)[:, 0].cpu().numpy()
        networks.train()
        return found

    def measure(self, found: dict[Direction, np.ndarray]) -> dict[str, float]:
        """Return the numbers in the brain of every direction, named as in T1_to_T2/psnr_brain."""
        return {
            column(direction, name): finite_mean(measure(images, self.truths[direction.target], mask=self.brain))
            for direction, images in found.items()
            for name, measure in MEASURES
        }

    def draw(self, found: dict[Direction, np.ndarray], path: Path, step: int) -> None:
        """Write a sheet: T1 in, and each other contrast synthetic and true beside it."""
        source = TARGETS[0]
        columns = {source: self.inputs[source]}
        for target in TARGETS[1:]:
            columns[f"synthetic {target}"] = np.where(self.brain, found[Direction(source, target)], OUTSIDE)
            columns[f"true {target}"] = self.truths[target]
        sheet(path, columns, title=f"step {step}: from T1, heads not trained on", slices=SHOWN)
