"""How the tissues of each contrast look in a cohort: what Adapted is told, and makes simulated heads look like."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hifisyn.base.cohort_look import as_tissues
from hifisyn.base.condition import tissue_means
from hifisyn.base.contrasts import TISSUES
from hifisyn.networks.by_modality import ByModality
from hifisyn.slices import SliceStore
from hifisyn.training.training_cases import TrainingCases


class TissueLook(nn.Module):
    """Of one contrast in a cohort, in the order of `TISSUES`; nothing is known of a fresh one.

    Attributes:
        means: (4,) mean over subjects of a tissue's mean in [-1, 1]; 0 where it is not known.
        spreads: (4,) standard deviation over subjects of that mean.
        known: (4,) 1 where it is known, else 0.
    """

    def __init__(self) -> None:
        super().__init__()
        for name in ("means", "spreads", "known"):
            self.register_buffer(name, torch.zeros(len(TISSUES)))
        self.means: Tensor
        self.spreads: Tensor
        self.known: Tensor

    def told(self) -> Tensor:
        """Return means and whether they are known, (2, 4), as the network is told them."""
        return torch.stack([self.means, self.known])

    @torch.no_grad()
    def learn(self, subjects: np.ndarray) -> None:
        """Take the means of subjects, (S, 4), nan where a subject lacks a tissue."""
        for place, column in enumerate(subjects.T):
            seen = column[np.isfinite(column)]
            if len(seen):
                self.means[place], self.spreads[place], self.known[place] = float(seen.mean()), float(seen.std()), 1


def looks_of_cohort(store: SliceStore, cohort: TrainingCases, labels: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return the means of the tissues of each subject by contrast, (S, 4), nan where a subject lacks a tissue.

    Args:
        store: slices of all cases.
        cohort: the training cases; those without label map do not count.
        labels: structure to value in the label maps.
    """
    return {
        contrast: np.array([_of_subject(store, contrast, own, labels) for own in cohort.labelled_subjects(contrast)])
        for contrast in cohort.domains
    }


def new_looks(domains: Sequence[str]) -> ByModality[TissueLook]:
    """Return the looks of contrasts by name, of which nothing is known."""
    return ByModality(domains, TissueLook)


def _of_subject(store: SliceStore, contrast: str, cases: Sequence[str], labels: Mapping[str, int]) -> np.ndarray:
    means = [tissue_means(store.image(case, contrast), as_tissues(store.label(case), labels)) for case in cases]
    columns = [[mean for mean in column if mean is not None] for column in zip(*means, strict=True)]
    return np.array([np.mean(column) if column else np.nan for column in columns])
