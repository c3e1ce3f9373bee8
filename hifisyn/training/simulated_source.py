"""Batches of simulated heads: both contrasts of one slice, its exact labels, and no data set.

Heads are those of the phantom converter: deformed templates with own folds, some with a tumour. Relaxation times,
bias and noise are drawn for every image. A head is a pure function of seed and number; built ones
stay in memory.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from hifisyn.errors import UserError
from hifisyn.intensities import OUTSIDE
from hifisyn.plans import Plans
from hifisyn.simulation import mr_signal, template
from hifisyn.simulation.anatomy import build_head, draw_person, template_points
from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.lesions import LESION_TISSUES, add_lesion, draw_lesion
from hifisyn.training.source import SIMULATION, BatchSource, Item, contrasts_of_step

FEWEST_HEADS = 16
BRAIN = 0.5
LESION_SHARE = 0.5
SAMPLED = 20_000
BIAS, BIAS_KNOT_MM = 0.12, 90.0
NOISE = (0.005, 0.035)


@dataclass(frozen=True)
class SlicedHead:
    """The brain of a head as axial slices.

    Attributes:
        tissues: names, as `fractions` has them.
        fractions: (tissues, S, H, W) float16, crop x crop pixels around the brain.
        sample: (tissues, V) float32, fractions of some brain voxels, which tell the range of a contrast.
        places: (P,) slices of which brain covers enough.
    """

    tissues: tuple[str, ...]
    fractions: np.ndarray
    sample: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a head for a batch.

    Attributes:
        images: contrast to (1 + 2 * context, H, W) float32 in [-1, 1], -1 outside the brain.
        label: (H, W) int64 of the middle slice, values of the data set.
        number: of the head.
        clean: contrast to the middle slice (H, W) without noise, bias and faults; empty where that is not known.
    """

    images: dict[str, np.ndarray]
    label: np.ndarray
    number: int
    clean: dict[str, np.ndarray] = field(default_factory=dict)


class SimulatedSource(BatchSource):
    """Simulates what a step needs.

    Args:
        domains: contrasts, of those that `mr_signal.SEQUENCES` knows.
        plans: size and pixel of the slices, values of the labels, images a step.
        seed: of heads and images.
        rank: of this process.
        context: neighbours on each side of a slice.
        heads: how many there are.

    Raises:
        UserError: a contrast that cannot be simulated.
    """

    def __init__(
        self,
        domains: tuple[str, ...],
        plans: Plans,
        seed: int,
        rank: int = 0,
        context: int = 0,
        heads: int = FEWEST_HEADS,
    ) -> None:
        unknown = [m for m in domains if m not in mr_signal.SEQUENCES]
        if unknown:
            raise UserError(
                f"contrasts must be among those that can be simulated ({', '.join(mr_signal.SEQUENCES)})",
                got=", ".join(unknown),
                hint="leave the simulated batches out of batches.shares",
            )
        self.domains, self.plans, self.seed, self.rank = domains, plans, seed, rank
        self.context, self.heads = context, heads

    def read(self, iteration: int) -> Item:
        """Return the batch of a step; subjects are numbers of heads, below zero, so that no real one has them."""
        rng = np.random.default_rng([self.seed, iteration, self.rank, SIMULATION])
        contrasts = contrasts_of_step(self.domains, self.seed, iteration)
        drawn = [self._image(contrasts, rng) for _ in range(self.plans.optimisation.batch_size)]
        labels = np.stack([one.label for one in drawn])
        subjects = np.array([-1 - one.number for one in drawn])
        return {
            "iteration": iteration,
            "kind": "simulated",
            "images": {m: np.stack([one.images[m] for one in drawn]) for m in contrasts},
            "labels": dict.fromkeys(contrasts, labels),
            "subjects": dict.fromkeys(contrasts, subjects),
            "clean": {m: np.stack([one.clean[m] for one in drawn]) for m in contrasts if m in drawn[0].clean},
        }

    def _image(self, contrasts: tuple[str, ...], rng: np.random.Generator) -> Drawn:
        number = int(rng.integers(self.heads))
        slices, labels = self.plans.slices, self.plans.labels
        head = sliced_head(
            self.seed, number, slices.pixel_mm, slices.crop, slices.min_brain, any(t in labels for t in LESION_TISSUES)
        )
        centre = int(rng.choice(head.places))
        places = np.clip(np.arange(centre - self.context, centre + self.context + 1), 0, head.fractions.shape[1] - 1)
        fractions = head.fractions[:, places].astype(np.float32)
        if self.plans.batches.flip and rng.integers(2):
            fractions = fractions[..., ::-1]
        brain = fractions.sum(axis=0) > BRAIN
        tissues = mr_signal.draw_tissues(rng)
        images = {m: self._contrast(m, tissues, head, fractions, brain, rng) for m in contrasts}
        values = np.array([labels.get(tissue, 0) for tissue in head.tissues])
        label = np.where(brain, values[fractions.argmax(axis=0)], 0)[self.context]
        return Drawn(images, label.astype(np.int64), number)

    def _contrast(
        self,
        contrast: str,
        tissues: dict[str, mr_signal.Tissue],
        head: SlicedHead,
        fractions: np.ndarray,
        brain: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        weights = mr_signal.weights(tissues, mr_signal.SEQUENCES[contrast])
        signal = np.array([weights[tissue] for tissue in head.tissues], dtype=np.float32)
        high = np.percentile(np.abs(signal @ head.sample), self.plans.preprocessing.upper_percentile)
        clean = np.abs(np.tensordot(signal, fractions, axes=1))
        extent = self.plans.slices.pixel_mm * (np.array(clean.shape) - 1).clip(min=1)
        field = draw_field(rng, np.zeros(3), extent, BIAS_KNOT_MM, 1.0)
        z, y, x = (np.linspace(0, e, n) for e, n in zip(extent, clean.shape, strict=True))
        bias = mr_signal.bias_field(field.on((z, y, x)), brain, BIAS) if brain.any() else 1.0
        noisy = mr_signal.rician(clean * bias, float(rng.uniform(*NOISE) * high), rng)
        return np.where(brain, np.clip(2 * noisy / high - 1, -1, 1), OUTSIDE).astype(np.float32)


@lru_cache(maxsize=FEWEST_HEADS)
def sliced_head(seed: int, number: int, pixel_mm: float, crop: int, min_brain: float, lesions: bool) -> SlicedHead:
    """Return a head as slices of `crop` x `crop` pixels of `pixel_mm`, as many millimetres apart.

    Rows go from anterior to posterior, columns from the patient's right to the left, slices from below to above.

    Args:
        seed: of all heads.
        number: of the head.
        pixel_mm: side of a voxel.
        crop: pixels along each side of a slice.
        min_brain: share of a slice that brain must cover for it to count.
        lesions: whether every other head has a tumour.
    """
    rng = np.random.default_rng([seed, number])
    person = draw_person(rng)
    fractions = build_head(person, pixel_mm).fractions
    names: tuple[str, ...] = template.BRAIN_TISSUES
    if lesions and rng.random() < LESION_SHARE:
        axes, lesion = template.box_axes(pixel_mm), draw_lesion(rng)
        fractions = add_lesion(fractions, template_points(person, axes), lesion.surface.on(axes), lesion)
        names = (*names, *LESION_TISSUES)
    whole = np.stack([fractions[name][::-1, ::-1].transpose(2, 1, 0) for name in names])
    brain = whole.sum(axis=0) > BRAIN
    cut = whole[:, *(_window(brain, axis, crop) for axis in range(3))]
    cut = np.stack([_padded(tissue, crop) for tissue in cut])
    inside = cut.sum(axis=0) > BRAIN
    voxels = cut[:, inside]
    sample = voxels[:, :: max(1, voxels.shape[1] // SAMPLED)].astype(np.float32)
    places = np.flatnonzero(inside.mean(axis=(1, 2)) >= max(min_brain, 1 / crop**2))
    return SlicedHead(names, cut.astype(np.float16), sample, places)


def _window(brain: np.ndarray, axis: int, crop: int) -> slice:
    """Return the brain's extent along an axis, in-plane at most `crop` pixels around its middle."""
    inside = np.flatnonzero(brain.any(axis=tuple(a for a in range(3) if a != axis)))
    first, last = int(inside[0]), int(inside[-1]) + 1
    excess = last - first - crop if axis else 0
    return slice(first + max(excess, 0) // 2, last - (max(excess, 0) + 1) // 2)


def _padded(tissue: np.ndarray, crop: int) -> np.ndarray:
    margins = [(0, 0), *(((crop - n) // 2, (crop - n + 1) // 2) for n in tissue.shape[1:])]
    return np.pad(tissue, margins)
