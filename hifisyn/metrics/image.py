"""How alike two images are: PSNR, SSIM, MS-SSIM, NMSE, correlation and ratio of contrasts, slice by slice.

Every function takes one slice (H, W) or a stack of slices (S, H, W) and returns one value a slice: a float64
array of shape () or (S,). A stack is never treated as one 3D image. Comparison is in float64 whatever comes in.
`data_range` is the width of the range that the intensities may take, not of those that occur: `DATA_RANGE`, 2,
for slices in [-1, 1]; `low`, -1, is where it begins. A mask is bool of the images' shape; where it is empty the
value is NaN.

Results are averaged with `finite_mean`, since the PSNR of identical slices is infinite and the value of a slice
without mask is NaN.
"""

from collections.abc import Callable, Iterator

import numpy as np

from hifisyn.intensities import OUTSIDE

DATA_RANGE = 2.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
K1, K2 = 0.01, 0.03
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# SSIM with a K1 so large has the luminance 1 everywhere: what is left is contrast times structure.
_NO_LUMINANCE = 1e6

_Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def psnr(a: np.ndarray, b: np.ndarray, data_range: float = DATA_RANGE, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the peak signal-to-noise ratio in dB, 10 log10(data_range^2 / mean squared error).

    Args:
        a: (H, W) or (S, H, W).
        b: of the same shape.
        data_range: width of the range of intensities.
        mask: the pixels that count; all, if none.

    Returns:
        dB a slice; infinite where both are equal.

    >>> float(psnr(np.zeros((4, 4)), np.full((4, 4), 0.2)))
    20.0
    """

    def measure(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> float:
        error = np.mean(np.square(x[inside] - y[inside]))
        return float(np.inf if error == 0 else 10 * np.log10(data_range**2 / error))

    return _by_slice(measure, a, b, mask)


def ssim(
    a: np.ndarray,
    b: np.ndarray,
    data_range: float = DATA_RANGE,
    mask: np.ndarray | None = None,
    *,
    low: float = OUTSIDE,
) -> np.ndarray:
    """Return the structural similarity of Wang et al. (IEEE Trans. Image Process. 13(4), 2004).

    The mean of `ssim_map`, see `mean_of_map`.

    Args:
        a: (H, W) or (S, H, W), at least 11x11 pixels.
        b: of the same shape.
        data_range: width of the range of intensities.
        mask: the pixels that count.
        low: the lowest intensity there can be, black.

    Returns:
        A value in [-1, 1] a slice; 1 where both are equal.

    Raises:
        ValueError: slices are smaller than the window.
    """
    return mean_of_map(ssim_map(a, b, data_range, low=low), mask)


def ssim_map(a: np.ndarray, b: np.ndarray, data_range: float = DATA_RANGE, *, low: float = OUTSIDE) -> np.ndarray:
    """Return the structural similarity at every pixel, of the images' shape; arguments as in `ssim`.

    Settings of Wang et al.: Gaussian window of 11x11 pixels and sigma 1.5, population covariance, K1 0.01, K2 0.03;
    computed by scikit-image.

    SSIM is defined for intensities from 0 up, so `low` is subtracted first. Taken on [-1, 1] as they are, windows
    of opposite sign would make the luminance term negative, and an inverted contrast, whose structure term is
    negative too, would look alike.
    """
    maps = np.empty(np.shape(a))
    for index, x, y in _slices(a, b):
        maps[index] = _similarity(x - low, y - low, data_range, K1)
    return maps


def mean_of_map(maps: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of an SSIM map, a value a slice.

    Without a mask over the pixels whose window lies in the image (Wang et al., scikit-image). With one over the
    mask; windows of pixels near its edge still see what lies outside it.
    """
    if mask is None:
        edge = SSIM_WINDOW // 2
        return np.asarray(maps[..., edge:-edge, edge:-edge].mean(axis=(-2, -1)))
    return _by_slice(lambda x, _, inside: float(x[inside].mean()), maps, maps, mask)


def ms_ssim(a: np.ndarray, b: np.ndarray, data_range: float = DATA_RANGE, *, low: float = OUTSIDE) -> np.ndarray:
    """Return the multi-scale structural similarity of Wang, Simoncelli and Bovik (Asilomar Conf. 2003), whole slice.

    Contrast times structure at five scales and luminance at the coarsest, each averaged over the slice as `ssim` is,
    raised to its weight and multiplied. A scale halves the one before by the mean of 2x2 pixels, an odd last row or
    column left out. A negative mean, as of an inverted contrast, counts as 0. Slices that are too small for five
    windows of 11x11 pixels (a side below 176) have as many scales as fit, their weights scaled to sum to 1: such
    values compare with those of slices of the same size only.

    Args:
        a: (H, W) or (S, H, W), at least 11x11 pixels.
        b: of the same shape.
        data_range: width of the range of intensities.
        low: the lowest intensity there can be, black.

    Returns:
        A value in [0, 1] a slice; 1 where both are equal.

    Raises:
        ValueError: slices are smaller than the window.
    """
    values = np.empty(np.shape(a)[:-2])
    for index, x, y in _slices(a, b):
        fitting = max(min(x.shape) // SSIM_WINDOW, 1).bit_length()
        weights = np.array(MS_SSIM_WEIGHTS[:fitting])
        value = 1.0
        for scale, weight in enumerate(weights / weights.sum(), 1):
            k1 = K1 if scale == len(weights) else _NO_LUMINANCE
            mean = float(mean_of_map(_similarity(x - low, y - low, data_range, k1)))
            value *= max(mean, 0.0) ** weight
            x, y = _halved(x), _halved(y)
        values[index] = value
    return values


def nmse(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None, *, low: float = OUTSIDE) -> np.ndarray:
    """Return the squared error of `a` over the sum of squares of the truth `b`, counted from `low`; 0 is best.

    sum (a - b)^2 / sum (b - low)^2: background, `low`, has no signal and adds nothing to the denominator. An empty
    picture, `low` everywhere, scores 1. NaN where the truth is background only.

    >>> float(nmse(np.full((4, 4), 0.5), np.zeros((4, 4))))
    0.25
    """

    def measure(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> float:
        signal = np.sum(np.square(y[inside] - low))
        return float(np.sum(np.square(x[inside] - y[inside])) / signal) if signal else np.nan

    return _by_slice(measure, a, b, mask)


def correlation(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return Pearson's correlation of the intensities; -1 for an inverted contrast, to which PSNR is blind.

    0 where one of both is constant: it says nothing about the other.

    >>> ramp = np.arange(6.0).reshape(2, 3)
    >>> float(correlation(ramp, 1 - 2 * ramp))
    -1.0
    """

    def measure(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> float:
        x, y = x[inside], y[inside]
        if x.size < 2:
            return np.nan
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            return 0.0
        x, y = x - x.mean(), y - y.mean()
        return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))

    return _by_slice(measure, a, b, mask)


def std_ratio(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the standard deviation of `a` over that of `b`: below 1, `a` is too flat. NaN where `b` is constant.

    >>> ramp = np.arange(6.0).reshape(2, 3)
    >>> float(std_ratio(ramp / 2, ramp))
    0.5
    """

    def measure(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> float:
        x, y = x[inside], y[inside]
        return np.nan if np.ptp(y) == 0 else float(x.std() / y.std())

    return _by_slice(measure, a, b, mask)


def finite_mean(values: np.ndarray) -> float:
    """Return the mean of the finite values; infinite if all that are no NaN are, NaN if there are none.

    >>> finite_mean(np.array([20.0, 30.0, np.inf, np.nan]))
    25.0
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    finite = values[np.isfinite(values)]
    if finite.size:
        return float(finite.mean())
    return float("inf") if values.size else float("nan")


def _by_slice(measure: _Measure, a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    inside = np.ones(np.shape(a), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if inside.shape != np.shape(a):
        raise ValueError(f"mask and slices must have one shape, got {inside.shape} and {np.shape(a)}")
    values = np.empty(np.shape(a)[:-2])
    for index, x, y in _slices(a, b):
        values[index] = measure(x, y, inside[index]) if inside[index].any() else np.nan
    return values


def _slices(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray, np.ndarray]]:
    """Yield the place of each slice, () of one alone, and both slices in float64."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim not in (2, 3):
        raise ValueError(f"must be slices (H, W) or stacks (S, H, W) of one shape, got {a.shape} and {b.shape}")
    for index in np.ndindex(a.shape[:-2]):
        yield index, a[index], b[index]


def _similarity(x: np.ndarray, y: np.ndarray, data_range: float, k1: float) -> np.ndarray:
    from skimage.metrics import structural_similarity

    settings = {"gaussian_weights": True, "sigma": SSIM_SIGMA, "use_sample_covariance": False, "K1": k1, "K2": K2}
    full: np.ndarray = structural_similarity(x, y, data_range=data_range, full=True, **settings)[1]
    return full


def _halved(x: np.ndarray) -> np.ndarray:
    height, width = (n // 2 for n in x.shape)
    halved: np.ndarray = x[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
    return halved
