"""Fixed validation slices, looked at after each epoch: the numbers of the logbook and the sample sheets.

Where validation cases have both contrasts of a direction the truth is known: PSNR and SSIM of the whole slice and in
the brain, correlation in the brain (an inverted contrast shows there, to which PSNR is blind) and the ratio of
standard deviations. Else only the distance between the distributions of intensities is, where some case has the target.
What needs no truth at all is measured in `hifisyn.training.without_pairs`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from hifisyn.directions import Direction, directions
from hifisyn.metrics.image import correlation, finite_mean, psnr, ssim, std_ratio
from hifisyn.pictures import sheet
from hifisyn.slices import SliceStore
from hifisyn.training.contract import Trainer
from hifisyn.training.numbers import column

SLICES = 24
SHEET_SLICES = 4


@dataclass(frozen=True)
class Stack:
    """Slices of one contrast.

    Attributes:
        inputs: (S, 1 + 2 * context, H, W) float32 in [-1, 1], the centre window that prediction sees, amid neighbours.
        brains: (S, H, W) bool.
        places: the case of each slice, and its number among the training slices of the case.
    """

    inputs: np.ndarray
    brains: np.ndarray
    places: tuple[tuple[str, int], ...]

    @property
    def cases(self) -> tuple[str, ...]:
        """The case of each slice."""
        return tuple(case for case, _ in self.places)

    @property
    def images(self) -> np.ndarray:
        """(S, H, W), the slices themselves."""
        images: np.ndarray = self.inputs[:, self.inputs.shape[1] // 2]
        return images

    @property
    def empty(self) -> "Stack":
        """No slices, of the same size."""
        return Stack(self.inputs[:0], self.brains[:0], ())

    @classmethod
    def read(
        cls, store: SliceStore, cases: Sequence[str], modality: str, crop: int, count: int, context: int = 0
    ) -> "Stack":
        """Read about `count` slices, evenly spread over cases and height, with `context` neighbours on each side."""
        places = list(_places(store, cases, count))
        return cls(
            np.stack([centre(store.neighbours(case, modality, i, context), crop) for case, i in places]),
            np.stack([centre(store.brain(case, i), crop) for case, i in places]),
            tuple(places),
        )


@dataclass(frozen=True)
class Sample:
    """What one direction is tried on.

    Attributes:
        source: slices of its source.
        target: slices of its target; of length 0 where no case has it.
        paired: whether slice s of both is the same place of the same case.
    """

    source: Stack
    target: Stack
    paired: bool


@dataclass(frozen=True)
class ValidationSet:
    """The slices to look at.

    Attributes:
        samples: by direction; one without a case of its source is left out.
    """

    samples: dict[Direction, Sample]

    @property
    def paired(self) -> tuple[Direction, ...]:
        """The directions whose truth is known."""
        return tuple(direction for direction, sample in self.samples.items() if sample.paired)

    @classmethod
    def read(
        cls,
        store: SliceStore,
        cases: Sequence[str],
        domains: Sequence[str],
        crop: int,
        count: int = SLICES,
        context: int = 0,
    ) -> "ValidationSet | None":
        """Choose about `count` slices a direction; none if no direction has cases.

        Cases that have all contrasts serve every direction. Without any, each direction has the cases with both of
        its contrasts; without any of those, cases of its source and others of its target. A case has both only where
        their registration is trusted (`SliceStore.paired`).
        """
        has = {case: set(store.record(case)["modalities"]) for case in sorted(cases)}
        paired = {case: store.paired(case) for case in has}

        @cache  # directions share slices
        def stack(modality: str, chosen: tuple[str, ...]) -> Stack:
            return Stack.read(store, chosen, modality, crop, count, context)

        samples = {}
        for direction in directions(domains):
            both = _having(paired, domains) or _having(paired, direction)
            source, target = (both or _having(has, [modality]) for modality in direction)
            if source:
                seen = stack(direction.source, source)
                samples[direction] = Sample(seen, stack(direction.target, target) if target else seen.empty, bool(both))
        return cls(samples) if samples else None


def _having(has: Mapping[str, set[str]], modalities: Sequence[str]) -> tuple[str, ...]:
    """Return the cases that have all of these modalities."""
    return tuple(case for case, there in has.items() if set(modalities) <= there)


def _places(store: SliceStore, cases: Sequence[str], count: int) -> Iterator[tuple[str, int]]:
    """Yield case and slice number: the same few slices of as many cases as possible, the outer tenth left out."""
    chosen = [cases[i] for i in sorted({round(i) for i in np.linspace(0, len(cases) - 1, min(count, len(cases)))})]
    for case in chosen:
        last = int(store.record(case)["slices"]) - 1
        for share in (np.arange(count // len(chosen)) + 0.5) / (count // len(chosen)):
            yield case, round((0.1 + 0.8 * share) * last)


def centre(slice_: np.ndarray, crop: int) -> np.ndarray:
    """Return the centre window, crop x crop, of a slice or of slices (..., H, W)."""
    row, column = ((n - crop) // 2 for n in slice_.shape[-2:])
    return slice_[..., row : row + crop, column : column + crop]


def translate(trainer: Trainer, slices: np.ndarray, source: str, target: str, batch: int = 8) -> np.ndarray:
    """Return slices (S, H, W), or (S, C, H, W) amid neighbours, in the other contrast, (S, H, W).

    The networks' mode is put back afterwards.
    """
    slices = slices[:, None] if slices.ndim == 3 else slices
    training = trainer.networks.training
    trainer.train(False)
    with torch.inference_mode():
        parts = [
            trainer.translate(torch.from_numpy(part).to(trainer.device), source, target)[:, 0].float().cpu()
            for part in np.array_split(slices, math.ceil(len(slices) / batch))
        ]
    trainer.train(training)
    return torch.cat(parts).numpy()


def translate_all(trainer: Trainer, validation: ValidationSet) -> dict[Direction, np.ndarray]:
    """Return the synthetic slices of every direction that has cases."""
    return {
        direction: translate(trainer, sample.source.inputs, *direction)
        for direction, sample in validation.samples.items()
    }


def measure(validation: ValidationSet, synthetic: Mapping[Direction, np.ndarray]) -> dict[str, float]:
    """Return the numbers of every direction, named as in T1_to_T2/psnr."""
    return {
        column(direction, name): value
        for direction, slices in synthetic.items()
        for name, value in _measure(validation.samples[direction], slices).items()
    }


def _measure(sample: Sample, slices: np.ndarray) -> dict[str, float]:
    if not sample.target.places:
        return {}
    brain, truth = sample.source.brains, sample.target.images
    if not sample.paired:
        return {"distance": distribution_distance(slices[brain], truth[sample.target.brains])}
    measures = {
        "psnr": psnr(slices, truth),
        "ssim": ssim(slices, truth),
        "psnr_brain": psnr(slices, truth, mask=brain),
        "ssim_brain": ssim(slices, truth, mask=brain),
        "correlation": correlation(slices, truth, mask=brain),
        "std_ratio": std_ratio(slices, truth, mask=brain),
    }
    return {name: finite_mean(values) for name, values in measures.items()}


def distribution_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Wasserstein-1 distance of two samples of intensities, from 0 to 2 for values in [-1, 1]."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(a, b))


def source_itself(validation: ValidationSet) -> dict[str, float]:
    """Return the numbers that the untouched source reaches: what any training has to beat."""
    return measure(validation, {direction: sample.source.images for direction, sample in validation.samples.items()})


def write_sheets(folder: Path, stem: str, validation: ValidationSet, synthetic: Mapping[Direction, np.ndarray]) -> None:
    """Write a sheet for each direction: epoch_0010_T1_to_T2.png with source, synthetic, target and error."""
    for direction, slices in synthetic.items():
        sample, (source, target) = validation.samples[direction], direction
        columns = {source: sample.source.images, f"synthetic {target}": slices}
        error = f"synthetic - {target}"
        if sample.paired:
            truth = sample.target.images
            columns |= {target: truth, error: slices - truth}
        sheet(
            folder / f"{stem}_{direction.key}.png",
            columns,
            title=f"{stem.replace('_', ' ')}: {direction}",
            error=(error,) if sample.paired else (),
            slices=SHEET_SLICES,
        )
