"""Slices of heads that are not trained on, looked at now and then: numbers of each direction, and a picture."""

from pathlib import Path

import numpy as np
import torch

from hifisyn.base.batches import FILLS, fitted
from hifisyn.base.condition import condition
from hifisyn.base.contrasts import SLOTS, STACK, TARGETS
from hifisyn.base.heads import TRUTH, Heads, HeadSlices, neighbours
from hifisyn.base.unet import MULTIPLE, BaseNetwork
from hifisyn.directions import Direction
from hifisyn.intensities import OUTSIDE
from hifisyn.metrics.image import correlation, finite_mean, psnr, ssim
from hifisyn.pictures import evenly, sheet
from hifisyn.training.numbers import column

SLICES_A_HEAD = 3
SHOWN = 4


class Validation:
    """Some slices of some heads, each contrast alone in, not told the look.

    Args:
        heads: that are not trained on.
    """

    def __init__(self, heads: Heads) -> None:
        slices = [(head, head.places[i]) for head in heads.heads for i in evenly(len(head.places), SLICES_A_HEAD)]
        self.inputs = {source: np.stack([_input(heads, h, p, source) for h, p in slices]) for source in TARGETS}
        self.told = {source: np.stack([condition([source], h.pixel_mm) for h, _ in slices]) for source in TARGETS}
        truths = [[heads.image(h, TRUTH + target, [p])[0] for target in TARGETS] for h, p in slices]
        self.truth = fitted(np.stack(truths), MULTIPLE)
        self.brain = fitted(np.stack([heads.brain(h, p) for h, p in slices]), MULTIPLE, FILLS[-1]).astype(bool)

    def translate(self, network: BaseNetwork, device: torch.device) -> dict[str, np.ndarray]:
        """Return the network's output (S, 2 * targets, H, W) from each contrast."""
        network.eval()
        with torch.inference_mode():
            found = {
                source: network(torch.from_numpy(images).to(device), torch.from_numpy(self.told[source]).to(device))
                for source, images in self.inputs.items()
            }
        network.train()
        return {source: output.cpu().numpy() for source, output in found.items()}

    def measure(self, found: dict[str, np.ndarray]) -> dict[str, float]:
        """Return the numbers in the brain of every direction, named as in T1_to_T2/psnr_brain."""
        numbers: dict[str, float] = {}
        for source, output in found.items():
            for place, target in enumerate(TARGETS):
                if source != target:
                    direction = Direction(source, target)
                    synthetic, truth = output[:, place], self.truth[:, place]
                    numbers |= {
                        column(direction, name): finite_mean(measure(synthetic, truth, mask=self.brain))
                        for name, measure in (("psnr_brain", psnr), ("ssim_brain", ssim), ("correlation", correlation))
                    }
        return numbers

    def draw(self, found: dict[str, np.ndarray], path: Path, step: int) -> None:
        """Write a sheet: T1 in, and each other target's synthetic image, truth and expected error beside it."""
        source = TARGETS[0]
        columns = {source: self.inputs[source][:, SLOTS.index(source) * STACK + STACK // 2]}
        for place, target in enumerate(TARGETS[1:], 1):
            expected = np.exp(found[source][:, len(TARGETS) + place])
            columns[f"synthetic {target}"] = np.where(self.brain, found[source][:, place], OUTSIDE)
            columns[f"true {target}"] = self.truth[:, place]
            columns[f"expected error {target}"] = np.where(self.brain, 2 * expected - 1, OUTSIDE)
        sheet(path, columns, title=f"step {step}: from T1 alone, heads not trained on", slices=SHOWN)


def _input(heads: Heads, head: HeadSlices, place: int, source: str) -> np.ndarray:
    given = heads.image(head, source, neighbours(head, place))
    slices = np.full((len(SLOTS), *given.shape), OUTSIDE, dtype=np.float32)
    slices[SLOTS.index(source)] = given
    return fitted(slices.reshape(-1, *given.shape[1:]), MULTIPLE)
