"""What a training step sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hifisyn.directions import Direction, directions
from hifisyn.plans import BatchKind


@dataclass(frozen=True)
class Batch:
    """Slices of two contrasts or more, N of each.

    Attributes:
        images: contrast to (N, 1 + 2 * context, H, W) float32 in [-1, 1], the slice itself in the middle channel, its
            neighbours from below to above around it.
        labels: contrast to (N, H, W) int64 label values, or none where a slice of the batch has no labels.
        subjects: contrast to (N,) int64; equal numbers are the same person.
        iteration: step of the run, from 0.
        kind: "unpaired": no subject occurs in two contrasts; "paired" and "simulated": the k-th images of all
            contrasts show the same place of the same head.
        clean: contrast to (N, H, W): the slices without noise, bias and faults, where heads are simulated from label
            maps, of T1, T2 and FLAIR; else empty.
    """

    images: Mapping[str, Tensor]
    labels: Mapping[str, Tensor | None]
    subjects: Mapping[str, Tensor]
    iteration: int
    kind: BatchKind = "unpaired"
    clean: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def domains(self) -> tuple[str, ...]:
        """The contrasts of this step, in the order of the training's."""
        return tuple(self.images)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Every direction between the contrasts of this step."""
        return directions(self.domains)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch with its tensors on `device`."""
        return Batch(
            {m: t.to(device, non_blocking=True) for m, t in self.images.items()},
            {m: None if t is None else t.to(device, non_blocking=True) for m, t in self.labels.items()},
            {m: t.to(device, non_blocking=True) for m, t in self.subjects.items()},
            self.iteration,
            self.kind,
            {m: t.to(device, non_blocking=True) for m, t in self.clean.items()},
        )
