"""How alike two images are: PSNR, SSIM, correlation and ratio of contrasts, slice by slice.

Every function takes one slice (H, W) or a stack of slices (S, H, W) and returns one value a slice: a float64
array of shape () or (S,). A stack is never treated as one 3D image. Comparison is in float64 whatever comes in.
`data_range` is the width of the range that the intensities may take, not of those that occur: `DATA_RANGE`, 2,
for slices in [-1, 1]; `low`, -1, is where it begins. A mask is bool of the images' shape; where it is empty the
value is NaN.

Results are averaged with `finite_mean`, since the PSNR of identical slices is infinite and the value of a slice
without mask is NaN.
"""

from collections.abc import Callable

import numpy as np

DATA_RANGE = 2.0
LOW = -1.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5

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
    low: float = LOW,
) -> np.ndarray:
    """Return the structural similarity of Wang et al. (IEEE Trans. Image Process. 13(4), 2004).

    Their settings: Gaussian window of 11x11 pixels and sigma 1.5, population covariance, K1 0.01, K2 0.03;
    computed by scikit-image. Without a mask the value is the mean over the pixels whose window lies in the image
    (Wang et al., scikit-image). With a mask it is the mean of the map over the mask; windows of pixels near the
    mask's edge still see what lies outside it.

    SSIM is defined for intensities from 0 up, so `low` is subtracted first. Taken on [-1, 1] as they are, windows
    of opposite sign would make the luminance term negative, and an inverted contrast, whose structure term is
    negative too, would look alike.

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
    from skimage.metrics import structural_similarity

    def measure(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> float:
        mean, full = structural_similarity(
            x - low,
            y - low,
            data_range=data_range,
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            use_sample_covariance=False,
            full=True,
        )
        return float(mean if mask is None else full[inside].mean())

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
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    inside = np.ones(a.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if not a.shape == b.shape == inside.shape or a.ndim not in (2, 3):
        raise ValueError(f"wanted slices (H, W) or stacks (S, H, W) alike, got {a.shape}, {b.shape}, {inside.shape}")
    flat = (-1, *a.shape[-2:])
    triples = zip(a.reshape(flat), b.reshape(flat), inside.reshape(flat), strict=True)
    values = [measure(x, y, m) if m.any() else np.nan for x, y, m in triples]
    return np.array(values, dtype=np.float64).reshape(a.shape[:-2])
