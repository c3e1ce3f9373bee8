"""Motion during a scan: lines of k-space that saw the head elsewhere, hence ghosts and blur along one axis.

The lines of an image are taken one after another along the phase-encoding axis. A head displaced by x when line k is
taken multiplies that line by exp(-2 pi i k x). Lines that are taken in interleaved shots see the head jump from line to
line and back, which makes ghosts; in one shot it blurs and rings. The middle of k-space sees the head in its place, so
that the mean stays. Only displacement along the axis itself; no rotation, and nothing across the slice.
"""

import numpy as np
from scipy import fft

MOVED_MM = (0.3, 2.0)
JUMPS = (1, 4)
SHOTS = (1, 24)
INTERLEAVED = 0.5


def move(rng: np.random.Generator, stack: np.ndarray, axis: int, pixel_mm: float) -> np.ndarray:
    """Return a stack whose head moved while it was scanned; in half of the draws, odd and even slices at other times.

    Args:
        rng: where chance comes from.
        stack: (S, H, W) signed signal.
        axis: the phase-encoding direction, 1 or 2.
        pixel_mm: side of a pixel.
    """
    shots = int(np.exp(rng.uniform(*np.log(SHOTS))))
    largest = float(np.exp(rng.uniform(*np.log(MOVED_MM)))) / pixel_mm
    packages = 2 if rng.random() < INTERLEAVED else 1
    result = np.empty_like(stack)
    for first in range(packages):
        path = draw_path(rng, stack.shape[axis], shots, largest)
        result[first::packages] = displaced(stack[first::packages], path, axis)
    return result


def draw_path(rng: np.random.Generator, lines: int, shots: int, largest: float) -> np.ndarray:
    """Draw where the head is when each line is taken: at rest between some jumps, and drifting.

    Args:
        rng: where chance comes from.
        lines: of k-space.
        shots: in which they are taken, each `shots` lines apart.
        largest: displacement, pixels.

    Returns:
        (lines,) pixels, from the lowest negative frequency up; 0 at the middle.
    """
    line = np.arange(lines)
    time = (line % shots + line // shots / np.ceil(lines / shots)) / shots
    jumps = rng.normal(size=int(rng.integers(*JUMPS)))
    when = rng.random(len(jumps))
    path = (time[:, None] > when) @ jumps + 0.5 * rng.normal() * time
    path -= path[lines // 2]
    return np.asarray(largest * path / np.abs(path).max())


def displaced(stack: np.ndarray, path: np.ndarray, axis: int) -> np.ndarray:
    """Return the part of a moved image that is in phase with the one at rest, float32.

    It is what the magnitude shows wherever a ghost is weaker than what it lies on.

    Args:
        stack: (S, H, W) signed signal.
        path: (N,) displacement at each line along the axis, pixels, from the lowest negative frequency up.
        axis: the phase-encoding direction.
    """
    lines = stack.shape[axis]
    kernel = fft.ifftshift(np.exp(-2j * np.pi * (np.arange(lines) - lines // 2) / lines * path))
    # A real image is one of a spectrum that is conjugate at the opposite frequency.
    in_phase = (kernel + np.conj(np.roll(kernel[::-1], 1)))[: lines // 2 + 1] / 2
    shape = [1, 1, 1]
    shape[axis] = -1
    spectrum = fft.rfft(stack, axis=axis) * in_phase.reshape(shape).astype(np.complex64)
    return np.asarray(fft.irfft(spectrum, n=lines, axis=axis), dtype=np.float32)
