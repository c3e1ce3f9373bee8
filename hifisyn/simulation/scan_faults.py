"""What makes a scan worse than its sequence: blur, another slice direction, ringing, motion, shift, bias and noise.

All work on stacks (S, H, W) of signed signal, before the magnitude is taken. Motion is significant in 7.5 % of
outpatients' examinations and 29.4 % of inpatients' and emergencies' (Andre et al., Journal of the American College of
Radiology 12, 2015); here it is in a tenth of scans, mild or clear.
"""

import numpy as np
from scipy import ndimage

from hifisyn.simulation import mr_signal
from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.motion import move
from hifisyn.simulation.slice_geometry import SliceGeometry

POINT_SPREAD = (0.15, 0.45)  # standard deviation in pixels, of every scan
SOFT, SOFT_PIXELS = 0.4, (0.2, 1.0)
THICK_ELSEWHERE, ELSEWHERE_MM = 0.15, (2.0, 5.0)
SHIFTED, SHIFT_MM, TURN_DEGREES = 0.5, 0.7, 0.6
BIAS, BIAS_KNOT_MM = (0.0, 0.3), (60.0, 140.0)
NOISE, NOISY = (0.003, 0.045), 0.9
RINGING, KEPT_FREQUENCIES = 0.12, (0.5, 0.85)
MOVED = 0.1


def soften(stack: np.ndarray, pixels: float) -> np.ndarray:
    """Blur each slice by a Gaussian of so many pixels."""
    return np.asarray(ndimage.gaussian_filter(stack, (0, pixels, pixels)) if pixels > 0.05 else stack)


def draw_faults(
    rng: np.random.Generator, stack: np.ndarray, brain: np.ndarray, geometry: SliceGeometry, brightest: float
) -> np.ndarray:
    """Return the magnitude of one contrast as it comes out of scanner and registration.

    Args:
        rng: where chance comes from.
        stack: (S, H, W) signed signal.
        brain: (S, H, W) bool, where bias is measured.
        geometry: of the stack.
        brightest: the signal that noise is a share of.
    """
    pixel = geometry.pixel_mm
    if rng.random() < THICK_ELSEWHERE:
        axis = int(rng.integers(1, 3))
        width = max(1, round(rng.uniform(*ELSEWHERE_MM) / pixel))
        stack = ndimage.uniform_filter1d(stack, width, axis=axis)
    if rng.random() < SOFT:
        stack = soften(stack, float(rng.uniform(*SOFT_PIXELS)))
    if rng.random() < RINGING:
        stack = ring(stack, int(rng.integers(1, 3)), float(rng.uniform(*KEPT_FREQUENCIES)))
    if rng.random() < MOVED:
        stack = move(rng, stack, int(rng.integers(1, 3)), pixel)
    if rng.random() < SHIFTED:
        stack = shifted(rng, stack, geometry)
    stack = stack * draw_bias(rng, brain, geometry)
    sd = float(np.exp(rng.uniform(*np.log(NOISE)))) * brightest if rng.random() < NOISY else 0.0
    return mr_signal.rician(stack, sd, rng) if sd else np.abs(stack)


def ring(stack: np.ndarray, axis: int, kept: float) -> np.ndarray:
    """Leave the highest frequencies along an axis out, which makes edges ring.

    Args:
        stack: (S, H, W).
        axis: the phase-encoding direction, 1 or 2.
        kept: share of the frequencies that stay.
    """
    spectrum = np.fft.rfft(stack, axis=axis)
    frequencies = np.arange(spectrum.shape[axis]) / max(spectrum.shape[axis] - 1, 1)
    shape = [1, 1, 1]
    shape[axis] = -1
    spectrum *= (frequencies <= kept).reshape(shape)
    return np.asarray(np.fft.irfft(spectrum, n=stack.shape[axis], axis=axis).astype(np.float32))


def shifted(rng: np.random.Generator, stack: np.ndarray, geometry: SliceGeometry) -> np.ndarray:
    """Return the stack where a registration leaves it: a fraction of a millimetre and a degree away."""
    spacing = np.array([geometry.slice_mm, geometry.pixel_mm, geometry.pixel_mm])
    shift = SHIFT_MM * rng.uniform(-1, 1, 3) / spacing
    angle = np.radians(TURN_DEGREES * rng.uniform(-1, 1))
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = (np.array(stack.shape) - 1) / 2
    return np.asarray(
        ndimage.affine_transform(
            stack, turn, middle - turn @ middle + shift, order=1, mode="nearest", output=np.float32
        )
    )


def draw_bias(rng: np.random.Generator, brain: np.ndarray, geometry: SliceGeometry) -> np.ndarray:
    """Draw a smooth gain, (S, H, W)."""
    axes = geometry.centres()
    low, high = (np.array([a[end] for a in axes]) for end in (0, -1))
    field = draw_field(rng, low - 1e-3, high + 1e-3, float(rng.uniform(*BIAS_KNOT_MM)), 1.0).on(axes)
    return mr_signal.bias_field(field, brain, float(rng.uniform(*BIAS)))
