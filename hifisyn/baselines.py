"""The baselines that any synthesis must beat; they know nothing of anatomy and change intensities only.

All are fitted on training slices, never on the case they are evaluated on:

- source: the source itself, untouched.
- histogram: the source, its brain histogram matched to that of the target contrast.
- constant: the mean of the target contrast everywhere in the brain.
- look-up table: the mean of the target given the source's intensity. It needs registered pairs, so that it is a
  bound on what a curve can do and no fair comparison for unpaired training.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hifisyn.intensities import OUTSIDE

BINS = 256
QUANTILES = 4096
EDGES = np.linspace(-1, 1, BINS + 1)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2

SOURCE = "source itself"
HISTOGRAM = "source, histogram-matched"
CONSTANT = "target's mean, constant"
LOOK_UP = "look-up table (needs pairs)"
BASELINE_NAMES = (SOURCE, HISTOGRAM, CONSTANT, LOOK_UP)
IN_WORDS = {
    SOURCE: "the source itself",
    HISTOGRAM: "its histogram match",
    CONSTANT: "the target's mean",
    LOOK_UP: "the look-up table",
}


@dataclass(frozen=True)
class Baselines:
    """What is known of the target contrast from training slices.

    Attributes:
        quantiles: (Q,) intensities of the target in the brain, ascending, evenly spaced in rank.
        mean: mean intensity of the target in the brain.
        table: (BINS,) target for a source at each of `CENTRES`; None where no training case has both.
    """

    quantiles: np.ndarray
    mean: float
    table: np.ndarray | None = None

    def answers(self, source: np.ndarray, brain: np.ndarray) -> dict[str, np.ndarray]:
        """Return each baseline's answer to `source` (S, H, W) in [-1, 1]; all are -1 outside `brain`."""
        answers = {
            SOURCE: source,
            HISTOGRAM: match_histogram(source, brain, self.quantiles),
            CONSTANT: np.full_like(source, self.mean),
        }
        if self.table is not None:
            answers[LOOK_UP] = apply_table(source, self.table)
        return {name: np.where(brain, slices, OUTSIDE).astype(np.float32) for name, slices in answers.items()}


def fit(
    targets: Iterable[tuple[np.ndarray, np.ndarray]], pairs: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]] = ()
) -> Baselines:
    """Fit the baselines on training slices, one case at a time.

    Args:
        targets: (target, brain) of each case that has the target contrast, (S, H, W) each.
        pairs: (source, target, brain) of each case that has both.

    Raises:
        ValueError: no pixel of the target lies in a brain.
    """
    counts = np.zeros(BINS)
    total = 0.0
    for target, brain in targets:
        inside = target[brain].astype(np.float64)
        counts += np.histogram(inside, EDGES)[0]
        total += float(inside.sum())
    if not counts.sum():
        raise ValueError("target slices must hold brain")
    return Baselines(histogram_quantiles(counts), total / float(counts.sum()), conditional_mean(pairs))


def histogram_quantiles(counts: np.ndarray) -> np.ndarray:
    """Return the `QUANTILES` intensities that have a histogram over `EDGES`, taken as flat within a bin."""
    share = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    # Ranks at the middle of their share: each quantile stands for 1 / QUANTILES of the pixels.
    ranks = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.interp(ranks, share, EDGES)


def conditional_mean(pairs: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray | None:
    """Return the mean target of the brain pixels whose source falls in each bin; none without pairs.

    It minimises the squared error among all functions of the source's bin. Bins without pixels are filled in
    linearly from their neighbours.
    """
    counts, sums = np.zeros(BINS), np.zeros(BINS)
    for source, target, brain in pairs:
        bins = _bin(source[brain])
        counts += np.bincount(bins, minlength=BINS)
        sums += np.bincount(bins, weights=target[brain].astype(np.float64), minlength=BINS)
    filled = counts > 0
    if not filled.any():
        return None
    return np.interp(CENTRES, CENTRES[filled], sums[filled] / counts[filled])


def apply_table(source: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the target that `table` gives for every pixel of `source`."""
    return np.asarray(table[_bin(source)])


def match_histogram(source: np.ndarray, brain: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return `source` with the ranks of its brain pixels kept and their intensities those of `quantiles`."""
    from skimage.exposure import match_histograms

    matched = np.array(source, dtype=np.float64)
    if brain.any():
        matched[brain] = match_histograms(matched[brain], quantiles)
    return matched


def _bin(values: np.ndarray) -> np.ndarray:
    return np.clip(((values + 1) / 2 * BINS).astype(np.int64), 0, BINS - 1)
