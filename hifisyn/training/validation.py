"""Fixed validation slices, looked at after each epoch: the numbers of the logbook and the sample sheets.

Where a validation case has both modalities the truth is known: PSNR and SSIM of the whole slice and in the brain,
correlation in the brain (an inverted contrast shows there, to which PSNR is blind) and the ratio of standard
deviations. Else only the distance between the distributions of intensities is.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hifisyn.image_metrics import correlation, finite_mean, psnr, ssim, std_ratio
from hifisyn.pictures import sheet
from hifisyn.slices import SliceStore
from hifisyn.training.contract import Trainer

SLICES = 24
SHEET_SLICES = 4
SCORE = "ssim_brain"


@dataclass(frozen=True)
class ValidationSet:
    """The slices to look at.

    Attributes:
        images: modality to (S, H, W) float32 in [-1, 1], the centre window that prediction sees.
        brains: modality to (S, H, W) bool.
        paired: whether slice s of both modalities is the same place of the same case.
        cases: modality to the case of each slice.
    """

    images: dict[str, np.ndarray]
    brains: dict[str, np.ndarray]
    paired: bool
    cases: dict[str, tuple[str, ...]]

    @classmethod
    def read(
        cls, store: SliceStore, cases: Sequence[str], pair: tuple[str, str], crop: int, count: int = SLICES
    ) -> "ValidationSet | None":
        """Choose about `count` slices, evenly spread over cases and height; none if a modality has no case."""
        has = {case: set(store.record(case)["modalities"]) for case in sorted(cases)}
        both = [case for case, there in has.items() if set(pair) <= there]
        chosen = {m: both or [case for case, there in has.items() if m in there] for m in pair}
        if not all(chosen.values()):
            return None
        places = {m: list(_places(store, chosen[m], count)) for m in pair}
        return cls(
            {m: np.stack([centre(store.image(c, m, i), crop) for c, i in places[m]]) for m in pair},
            {m: np.stack([centre(store.brain(c, i), crop) for c, i in places[m]]) for m in pair},
            bool(both),
            {m: tuple(case for case, _ in places[m]) for m in pair},
        )


def _places(store: SliceStore, cases: Sequence[str], count: int) -> Iterator[tuple[str, int]]:
    """Yield case and slice number: the same few slices of as many cases as possible, the outer tenth left out."""
    some = [cases[i] for i in sorted({round(i) for i in np.linspace(0, len(cases) - 1, min(count, len(cases)))})]
    for case in some:
        last = int(store.record(case)["slices"]) - 1
        for share in (np.arange(count // len(some)) + 0.5) / (count // len(some)):
            yield case, round((0.1 + 0.8 * share) * last)


def centre(slice_: np.ndarray, crop: int) -> np.ndarray:
    """Return the centre window, crop x crop, of a slice or of slices (..., H, W)."""
    row, column = ((n - crop) // 2 for n in slice_.shape[-2:])
    return slice_[..., row : row + crop, column : column + crop]


def directions(pair: tuple[str, str]) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return source and target of both directions."""
    return (pair[0], pair[1]), (pair[1], pair[0])


def translate(trainer: Trainer, slices: np.ndarray, source: str, target: str, batch: int = 8) -> np.ndarray:
    """Return slices (S, H, W) in the other contrast; the networks' mode is put back afterwards."""
    training = trainer.networks.training
    trainer.train(False)
    with torch.inference_mode():
        parts = [
            trainer.translate(torch.from_numpy(part)[:, None].to(trainer.device), source, target)[:, 0].float().cpu()
            for part in np.array_split(slices, math.ceil(len(slices) / batch))
        ]
    trainer.train(training)
    return torch.cat(parts).numpy()


def translate_both(trainer: Trainer, validation: ValidationSet) -> dict[tuple[str, str], np.ndarray]:
    """Return the synthetic slices of both directions by (source, target)."""
    pairs = directions(trainer.pair)
    return {(source, target): translate(trainer, validation.images[source], source, target) for source, target in pairs}


def measure(validation: ValidationSet, synthetic: dict[tuple[str, str], np.ndarray]) -> dict[str, float]:
    """Return the numbers of both directions, named as in T1_to_T2/psnr."""
    return {
        f"{source}_to_{target}/{name}": value
        for (source, target), slices in synthetic.items()
        for name, value in _measure(validation, slices, source, target).items()
    }


def _measure(validation: ValidationSet, slices: np.ndarray, source: str, target: str) -> dict[str, float]:
    brain, truth = validation.brains[source], validation.images[target]
    if not validation.paired:
        return {"distance": distribution_distance(slices[brain], truth[validation.brains[target]])}
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


def source_itself(validation: ValidationSet, pair: tuple[str, str]) -> dict[str, float]:
    """Return the numbers that the untouched source reaches: what any training has to beat."""
    return measure(validation, {(s, t): validation.images[s] for s, t in directions(pair)})


def score(numbers: dict[str, float]) -> float | None:
    """Return what `best` is chosen by: SSIM in the brain, mean of both directions; none without truth.

    PSNR would favour the target's flat mean over a sharp image that is a little off.
    """
    values = [value for name, value in numbers.items() if name.endswith(f"/{SCORE}")]
    return float(np.mean(values)) if values else None


def write_sheets(
    folder: Path, stem: str, validation: ValidationSet, synthetic: dict[tuple[str, str], np.ndarray]
) -> None:
    """Write a sheet for each direction: epoch_0010_T1_to_T2.png with source, synthetic, target and error."""
    for (source, target), slices in synthetic.items():
        columns = {source: validation.images[source], f"synthetic {target}": slices}
        error = f"synthetic - {target}"
        if validation.paired:
            truth = validation.images[target]
            columns |= {target: truth, error: slices - truth}
        sheet(
            folder / f"{stem}_{source}_to_{target}.png",
            columns,
            title=f"{stem.replace('_', ' ')}: {source} to {target}",
            error=(error,) if validation.paired else (),
            slices=SHEET_SLICES,
        )
