"""From slices of any contrasts to T1, T2 and FLAIR and how far off each may be: arrays in, arrays out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from hifisyn.base import weights
from hifisyn.base.batches import fitted
from hifisyn.base.calibration import Calibration, calibrated
from hifisyn.base.condition import Look, condition
from hifisyn.base.contrasts import CONTEXT, SLOTS, STACK, TARGETS, UNNAMED
from hifisyn.base.naming import Naming, describe
from hifisyn.base.two_scales import BLOCK, blended, halved, is_fine
from hifisyn.base.unet import MULTIPLE, BaseNetwork
from hifisyn.errors import UserError
from hifisyn.intensities import OUTSIDE
from hifisyn.preprocessing.neighbours import with_neighbours

BATCH = 8
NAMED_BY, MIDDLE = 9, (0.2, 0.8)  # slices that a contrast is named by, spread over this part of those with brain


@dataclass(frozen=True)
class BaseModel:
    """A trained base model.

    Attributes:
        network: in evaluation mode.
        sha256: of the file that its weights are from.
        calibration: of the errors that it expects.
        naming: of contrasts, by what the network makes of them; none: it names none.
    """

    network: BaseNetwork
    sha256: str = ""
    calibration: Calibration = field(default_factory=dict)
    naming: Naming | None = None

    @classmethod
    def load(cls, path: Path | str) -> "BaseModel":
        """Read a file of weights, or the folder of a training.

        Raises:
            FileError: it is missing, broken, or not what its hash says.
        """
        read = weights.read(Path(path))
        return cls(read.network, read.sha256, read.calibration, read.naming)

    def translate(
        self,
        slices: Mapping[str, np.ndarray],
        pixel_mm: float,
        look: Look | None = None,
        *,
        neighbours: bool = True,
        mirror: bool = False,
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Synthesise every target; pixels up to 1.25 mm are seen at two scales, see `two_scales`.

        Args:
            slices: (S, H, W) by contrast, in [-1, 1], -1 outside the brain, from inferior to superior; one whose
                contrast is not known as "unnamed". Or each slice amid its neighbours, (S, 3, H, W).
            pixel_mm: side of a pixel in mm.
            look: mean of CSF, grey matter, white matter and lesion of the targets; none: as simulated heads look.
            neighbours: whether slices (S, H, W) lie next to each other; else each is taken by itself.
            mirror: average over the image and its mirror image, twice as long.

        Returns:
            Target to image (S, H, W) in [-1, 1], -1 where all inputs are, and its expected absolute error (S, H, W).

        Raises:
            UserError: a contrast that the model does not take, none at all, or stacks of several shapes.
        """
        _check(slices)
        given = {name: _amid(np.asarray(stack, dtype=np.float32), neighbours) for name, stack in slices.items()}
        found = self._found(given, condition(slices, pixel_mm, look), mirror)
        if is_fine(pixel_mm, found.shape[-2:]):
            small = {name: _halved(stack) for name, stack in given.items()}
            coarse = self._found(small, condition(slices, BLOCK * pixel_mm, look), mirror)
            found = blended(*(torch.from_numpy(part) for part in (found, coarse, _brain(small)))).numpy()
        brain = _brain(given)
        return {
            target: (
                np.where(brain, found[:, place], np.float32(OUTSIDE)),
                np.where(brain, self._expected(found[:, len(TARGETS) + place], slices, target), np.float32(0)),
            )
            for place, target in enumerate(TARGETS)
        }

    def name(self, stack: np.ndarray, pixel_mm: float, *, neighbours: bool = True) -> dict[str, float]:
        """Return how likely a stack is a T1 (with the agent or without), a T2 or a FLAIR, by nine of its slices.

        Args:
            stack: (S, H, W) in [-1, 1], -1 outside the brain, from inferior to superior.
            pixel_mm: side of a pixel in mm.
            neighbours: whether the slices lie next to each other.

        Returns:
            Name to likelihood; empty where the model names nothing, or there is no brain.
        """
        places = _middle(stack > OUTSIDE)
        if self.naming is None or not places:
            return {}
        amid = _amid(np.asarray(stack, dtype=np.float32), neighbours, places)
        numbers = describe(stack[places], self.unnamed(amid, pixel_mm), stack[places] > OUTSIDE)
        return self.naming.likelihoods(numbers)

    def unnamed(self, stack: np.ndarray, pixel_mm: float) -> dict[str, np.ndarray]:
        """Return what the model makes of slices amid their neighbours, (S, 3, H, W), whose contrast it is not told."""
        return {target: image for target, (image, _) in self.translate({UNNAMED: stack}, pixel_mm).items()}

    def _expected(self, logarithms: np.ndarray, given: Collection[str], target: str) -> np.ndarray:
        return calibrated(np.exp(logarithms), self.calibration, given, target)

    def _found(self, given: Mapping[str, np.ndarray], told: np.ndarray, mirror: bool) -> np.ndarray:
        """Return the network's output (S, 2 * targets, H, W)."""
        images = _stacked(given)
        conditions = torch.from_numpy(np.tile(told, (len(images), 1)))
        found = self._run(images, conditions)
        if mirror:
            found = (found + self._run(np.ascontiguousarray(images[..., ::-1]), conditions)[..., ::-1]) / 2
        height, width = next(iter(given.values())).shape[-2:]
        return found[..., :height, :width]

    def _run(self, images: np.ndarray, told: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            parts = [
                self.network(torch.from_numpy(images[first : first + BATCH]), told[first : first + BATCH])
                for first in range(0, len(images), BATCH)
            ]
        found: np.ndarray = torch.cat(parts).numpy()
        if not np.isfinite(found).all():
            raise UserError("the base model must translate into finite values", got="NaN or infinity")
        return found


def _halved(stack: np.ndarray) -> np.ndarray:
    return halved(torch.from_numpy(fitted(stack, BLOCK))).numpy()


def _middle(brain: np.ndarray) -> list[int]:
    """Return slices spread over the middle of those that have brain."""
    there = np.flatnonzero(brain.any(axis=(1, 2)))
    return there[(np.linspace(*MIDDLE, NAMED_BY) * (len(there) - 1)).astype(int)].tolist() if there.size else []


def _check(slices: Mapping[str, np.ndarray]) -> None:
    """Refuse contrasts that the model does not know, and stacks that do not go together."""
    unknown = [name for name in slices if name not in SLOTS]
    if unknown or not slices:
        raise UserError(f"inputs must be of {', '.join(SLOTS)}", got=", ".join(unknown) or "none")
    shapes = {image.shape for image in slices.values()}
    shape = next(iter(shapes))
    if len(shapes) > 1 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[1] != STACK):
        raise UserError(f"inputs must be stacks (S, H, W) or (S, {STACK}, H, W) of one shape", got=sorted(shapes))


def _brain(given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return where any input has brain, (S, H, W) bool."""
    brain: np.ndarray = np.any([stack[:, CONTEXT] > OUTSIDE for stack in given.values()], axis=0)
    return brain


def _amid(stack: np.ndarray, neighbours: bool, places: Sequence[int] | None = None) -> np.ndarray:
    """Return slices, all or some, amid their neighbours, (S, 3, H, W); one by itself stands for its neighbours too."""
    if stack.ndim == 4:
        return stack
    count = len(stack)
    chosen = range(count) if places is None else places
    if neighbours:
        return with_neighbours(stack, np.ones(count, bool), chosen, CONTEXT)
    return np.broadcast_to(stack[list(chosen), None], (len(chosen), STACK, *stack.shape[1:]))


def _stacked(given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (S, slots * 3, H, W), padded to sides that the network can halve."""
    count, _, *sides = next(iter(given.values())).shape
    images = np.full((count, len(SLOTS), STACK, *sides), OUTSIDE, dtype=np.float32)
    for name, stack in given.items():
        images[:, SLOTS.index(name)] = stack
    return fitted(images.reshape(count, -1, *sides), MULTIPLE)
