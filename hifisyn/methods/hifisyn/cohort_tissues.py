"""How the tissues of each contrast look in a cohort, and how far a translation is from that. Not of the paper.

No pair is needed: the tissues of a translation are those of its source, whose labels are known in training.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from hifisyn.base.cohort_look import Means, as_tissues
from hifisyn.base.contrasts import TISSUES
from hifisyn.networks.precision import wide
from hifisyn.slices import SliceStore
from hifisyn.training.training_cases import TrainingCases

FEWEST_PIXELS = 20
VALUES = np.iinfo(np.uint8).max + 1
LEAST_VARIANCE = 1e-6


class TissueStatistics(nn.Module):
    """Of one contrast in a cohort, in the order of `TISSUES`; nothing is known of a fresh one.

    Attributes:
        means: (4,) mean over subjects of a tissue's mean in [-1, 1]; 0 where it is not known.
        spreads: (4,) mean over subjects of a tissue's standard deviation.
        known: (4,) 1 where both are known, else 0.
    """

    means: Tensor
    spreads: Tensor
    known: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("means", "spreads", "known"):
            self.register_buffer(name, torch.zeros(len(TISSUES)))

    @torch.no_grad()
    def learn(self, subjects: np.ndarray) -> None:
        """Take means and standard deviations of subjects, (S, 2, 4), nan where a subject lacks a tissue."""
        for place in range(len(TISSUES)):
            seen = subjects[np.isfinite(subjects[:, 0, place]), :, place]
            if len(seen):
                mean, spread = seen.mean(axis=0)
                self.means[place], self.spreads[place], self.known[place] = float(mean), float(spread), 1

    def look(self) -> Means:
        """Return the means as the base model is told them."""
        pairs = zip(self.means.tolist(), self.known.tolist(), strict=True)
        return tuple(mean if known else None for mean, known in pairs)

    def distance(self, images: Tensor, tissues: Tensor) -> Tensor:
        """Return |mean - cohort's| + |standard deviation - cohort's|, mean over tissues and images; 0 without any.

        A tissue of an image counts where it has at least 20 pixels.

        Args:
            images: (N, 1, H, W) of this contrast.
            tissues: (N, H, W) int64, 1 to 4 in the order of `TISSUES`, else 0.
        """
        values = wide(images.flatten(1))[:, None]
        inside = one_hot(tissues.flatten(1), len(TISSUES) + 1)[..., 1:].transpose(1, 2).to(values.dtype)
        pixels = inside.sum(dim=2)
        mean = (values * inside).sum(dim=2) / pixels.clamp_min(1)
        variance = ((values - mean[..., None]).square() * inside).sum(dim=2) / pixels.clamp_min(1)
        spread = (variance + LEAST_VARIANCE).sqrt()
        counted = (pixels >= FEWEST_PIXELS) * self.known
        off = (mean - self.means).abs() + (spread - self.spreads).abs()
        return (off * counted).sum() / counted.sum().clamp_min(1)


def tissue_table(labels: Mapping[str, int]) -> Tensor:
    """Return the tissue, 0 to 4, of each value of a label map, (256,) int64; what is no tissue is a lesion."""
    return torch.from_numpy(as_tissues(np.arange(VALUES, dtype=np.uint8), labels).astype(np.int64))


def statistics_of_cohort(store: SliceStore, cohort: TrainingCases, labels: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return mean and standard deviation of the tissues of each labelled subject by contrast, (S, 2, 4).

    Args:
        store: slices of all cases.
        cohort: the training cases; those without label map do not count.
        labels: structure to value in the label maps.
    """
    return {
        contrast: np.array([_of_subject(store, contrast, own, labels) for own in cohort.labelled_subjects(contrast)])
        for contrast in cohort.domains
    }


def _of_subject(store: SliceStore, contrast: str, cases: list[str], labels: Mapping[str, int]) -> np.ndarray:
    images = np.concatenate([store.image(case, contrast).ravel() for case in cases])
    tissues = np.concatenate([as_tissues(store.label(case), labels).ravel() for case in cases])
    found = np.full((2, len(TISSUES)), np.nan)
    for place in range(len(TISSUES)):
        values = images[tissues == place + 1]
        if len(values) >= FEWEST_PIXELS:
            found[:, place] = values.mean(dtype=np.float64), values.std(dtype=np.float64)
    return found
