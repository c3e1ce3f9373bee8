"""Structure and sharpness of a synthetic stack beside the true one: information in common, blur, detail, stripes.

A stack is (S, H, W), a mask bool of its shape; what is compared is float64. PSNR and SSIM reward blur and see neither
stripes across slices nor a contrast that is another function of the true one; these measures do.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.stats import entropy

INFORMATION_BINS = 64
DETAIL_SIGMA = 1.0
DETAIL_REACH = 3  # pixels that the filter sees on each side
BLUR_WINDOW = 11


def normalised_mutual_information(
    a: np.ndarray, b: np.ndarray, mask: np.ndarray, bins: int = INFORMATION_BINS
) -> float:
    """Return (H(a) + H(b)) / H(a, b) of Studholme et al. (Pattern Recognition 32, 1999), as scikit-image does.

    Args:
        a: any shape.
        b: of the same shape.
        mask: the pixels that count, all together.
        bins: of each image, over its own range in the mask: units and linear changes of intensity do not matter.

    Returns:
        From 1, nothing in common, to 2, each a function of the other; NaN where the mask is empty or both are constant.

    >>> stripes = np.tile([0.0, 1.0], (4, 8))
    >>> float(normalised_mutual_information(stripes, 5 - stripes, stripes < 2))
    2.0
    """
    x, y = (_binned(np.asarray(image, dtype=np.float64)[mask], bins) for image in (a, b))
    if not x.size or (np.ptp(x) == 0 and np.ptp(y) == 0):
        return float("nan")
    # Counted by itself: the joint histogram of numpy, which scikit-image takes, is thirty times slower.
    together = np.bincount(x * bins + y, minlength=bins * bins).reshape(bins, bins)
    first, second = entropy(together.sum(axis=1)), entropy(together.sum(axis=0))
    return float((first + second) / entropy(together.ravel()))


def blur_effect(image: np.ndarray, brain: np.ndarray) -> float:
    """Return how blurred slices are after Crete et al. (SPIE 6492, 2007), by scikit-image: 0 sharp, 1 blurred.

    The share of the differences between neighbours that stays when a slice is blurred once more by 11 pixels, the
    larger of both directions, mean over slices. Background adds nothing, so that only the window around the brain is
    looked at.

    Args:
        image: (S, H, W), constant outside the brain.
        brain: (S, H, W) bool.

    Returns:
        NaN where every slice is constant.
    """
    from skimage import measure

    window = _window(brain, BLUR_WINDOW)
    found = [measure.blur_effect(one, BLUR_WINDOW) for one in np.asarray(image, np.float64)[window] if np.ptp(one) > 0]
    return float(np.mean(found)) if found else float("nan")


def interior(brain: np.ndarray, reach: int = DETAIL_REACH) -> np.ndarray:
    """Return the pixels of (S, H, W) whose neighbours up to `reach` in rows, columns and between are brain too."""
    return np.asarray(ndimage.binary_erosion(brain, np.ones((1, 2 * reach + 1, 2 * reach + 1))))


def high_frequency_energy(image: np.ndarray, inside: np.ndarray) -> float:
    """Return the sum of squares of what a Gaussian of sigma 1 pixel takes away from each slice.

    Half of the amplitude is taken away at 0.19 cycles a pixel, nine tenths at 0.34.

    Args:
        image: (S, H, W).
        inside: (S, H, W) bool, `interior` of the brain: the step at its border counts as no detail.
    """
    whole = np.asarray(image, dtype=np.float64)
    reach = DETAIL_REACH / DETAIL_SIGMA
    smooth = ndimage.gaussian_filter(whole, (0, DETAIL_SIGMA, DETAIL_SIGMA), truncate=reach)
    return float(np.square(whole[inside] - smooth[inside]).sum())


def stripes(error: np.ndarray, brain: np.ndarray, places: Sequence[int] | np.ndarray) -> float:
    """Return how inconsistent slices are, as their stripes in coronal and sagittal planes show it.

    A row of a coronal or sagittal plane is one slice seen from the side. The mean error of each is compared with what
    lies on the line between the rows above and below, over pixels that are brain in all three. Errors that change
    evenly from slice to slice do not count; offsets of slices that are independent count with their standard
    deviation.

    Args:
        error: (S, H, W), synthetic - true.
        brain: (S, H, W) bool.
        places: (S,) where the slices lie, ascending, in slices.

    Returns:
        Root mean square over all rows of both planes, weighted by their pixels; 0 is best. NaN for less than three
        slices.

    >>> error = np.array([0.0, 0.3, 0.6])[:, None, None] * np.ones((3, 4, 4))
    >>> round(stripes(error, np.ones((3, 4, 4), bool), [0, 1, 2]), 6)
    0.0
    """
    if len(error) < 3:
        return float("nan")
    at = np.asarray(places, dtype=np.float64)
    above = ((at[1:-1] - at[:-2]) / (at[2:] - at[:-2]))[:, None, None]
    seen = brain[:-2] & brain[1:-1] & brain[2:]
    residual = (error[1:-1] - (1 - above) * error[:-2] - above * error[2:]) * seen
    residual /= np.sqrt(1 + (1 - above) ** 2 + above**2)  # of independent offsets the standard deviation is left
    squares, pixels = 0.0, 0.0
    for axis in (1, 2):
        count, total = seen.sum(axis=axis), residual.sum(axis=axis)
        squares += float((total[count > 0] ** 2 / count[count > 0]).sum())
        pixels += float(count.sum())
    return float(np.sqrt(squares / pixels)) if pixels else float("nan")


def _binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Return which of the bins between its least and its largest value each number falls in."""
    if not values.size or np.ptp(values) == 0:
        return np.zeros(values.shape, dtype=np.int64)
    scaled = (values - values.min()) * (bins / np.ptp(values))
    return np.asarray(np.minimum(scaled.astype(np.int64), bins - 1))


def _window(brain: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """Return the rows and columns that hold brain in any slice, and some more."""
    spans = []
    for axis in (1, 2):
        there = np.flatnonzero(brain.any(axis=tuple({0, 1, 2} - {axis})))
        first, last = (there[0], there[-1]) if there.size else (0, brain.shape[axis] - 1)
        spans.append(slice(max(int(first) - margin, 0), int(last) + margin + 1))
    return slice(None), spans[0], spans[1]
