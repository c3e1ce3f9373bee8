"""How good a translation is where nobody holds its truth: four parts and their weighted mean. Arrays in, numbers out.

No part sees a pair. Each is 1 where it finds nothing amiss, and blind to something that another one sees:

- `tissue_statistics`: each tissue is as bright, and as varied, as in real scans of the target. What happens within a
  tissue costs nothing. After the matching of tissues in harmonisation (Shinohara et al., NeuroImage: Clinical 6, 2014).
- `cycle_consistency`: what is translated back is the source (Zhu et al., ICCV 2017). A generator can hide the source in
  faint patterns (Chu et al., CycleGAN, a Master of Steganography, 2017); whoever translates back lays `NOISE` over the
  translation first (Bashkirova et al., Adversarial Self-Defense for Cycle-Consistent GANs, NeurIPS 2019).
- `base_agreement`: correlation with the translation of the base model, which learnt from simulated heads with exact
  pairs. Structure alone: what it does not know is how bright tissues are in this cohort.
- `segmentation_consistency`: a tissue classifier of real scans of the target finds in the translation the tissues of
  the source's label map. After segmentation as a judge of translations (Zhang et al., CVPR 2018; Huo et al., IEEE
  TMI 38, 2019).
"""

from collections.abc import Mapping

import numpy as np

from hifisyn.metrics.image import correlation, finite_mean, ssim
from hifisyn.metrics.overlap import dice

SCORE = "unpaired_score"
TISSUES, CYCLE, BASE, SEGMENTATION = "tissue_statistics", "cycle", "base_agreement", "segmentation"
# Set on the runs of `benchmarks/choice_without_pairs`: agreement with the base model fell where SSIM did; the cycle
# closed ever better while translations became worse.
WEIGHTS = {TISSUES: 1.0, CYCLE: 0.2, BASE: 4.0, SEGMENTATION: 1.0}
LEAST_AGREEMENT = 0.95  # of a base model that was moved with what it was: far above that of base and truth
WORDS = {
    SCORE: "unpaired score",
    TISSUES: "tissue statistics",
    CYCLE: "cycle",
    BASE: "agreement with the base model",
    SEGMENTATION: "segmentation",
}
NOISE = 0.05  # standard deviation, of images in [-1, 1]
FEWEST = 50  # voxels that a tissue is judged by
QUANTILES = (np.arange(20) + 0.5) / 20

# Value of a label map to the intensities at QUANTILES of that tissue, (Q,).
Tissues = Mapping[int, np.ndarray]


def tissues_of(images: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return the intensities at `QUANTILES` of each label but 0 that has at least `FEWEST` voxels.

    Args:
        images: any shape, in [-1, 1].
        labels: of the same shape, whole numbers.
    """
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    known = [int(value) for value, count in zip(values, counts, strict=True) if count >= FEWEST]
    return {value: np.quantile(images[labels == value], QUANTILES) for value in known}


def tissue_statistics(images: np.ndarray, labels: np.ndarray, real: Tissues) -> float:
    """Return 1 less the mean over tissues of the Wasserstein-1 distance to the real ones, from -1 to 1.

    Args:
        images: (S, H, W), translations in [-1, 1].
        labels: (S, H, W), label map of the source, 0 where nothing is known.
        real: tissues in real scans of the target.

    Returns:
        NaN where no tissue is known on both sides.

    >>> labels = np.ones((1, 8, 8), int)
    >>> round(tissue_statistics(np.full((1, 8, 8), 0.3), labels, {1: np.full(20, 0.1)}), 3)
    0.8
    """
    made = tissues_of(images, labels)
    return 1 - finite_mean(np.array([np.abs(made[value] - real[value]).mean() for value in made.keys() & real.keys()]))


def cycle_consistency(back: np.ndarray, source: np.ndarray, brain: np.ndarray) -> float:
    """Return the SSIM in the brain of what was translated back, mean over slices; all arrays (S, H, W)."""
    return finite_mean(ssim(back, source, mask=brain))


def base_agreement(images: np.ndarray, base: np.ndarray, brain: np.ndarray) -> float:
    """Return the correlation in the brain with the base model's translation, mean over slices; all arrays (S, H, W)."""
    return finite_mean(correlation(images, base, mask=brain))


def segmentation_consistency(images: np.ndarray, labels: np.ndarray, real: Tissues) -> float:
    """Return the Dice of tissues found by brightness and those of the label map, mean over tissues, from 0 to 1.

    The classifier takes the likeliest tissue: normal distributions with mean and spread of the real ones, shares as in
    the label map.

    Args:
        images: (S, H, W), translations in [-1, 1].
        labels: (S, H, W), label map of the source, 0 where nothing is known.
        real: tissues in real scans of the target.

    Returns:
        NaN where fewer than two tissues are known on both sides.
    """
    known = sorted(tissues_of(images, labels).keys() & real.keys())
    if len(known) < 2:
        return float("nan")
    inside = np.isin(labels, known)
    values, truth = images[inside], labels[inside]
    found = np.array(known)[np.argmax([_log_likelihood(values, real[v], np.mean(truth == v)) for v in known], axis=0)]
    return finite_mean(np.array([dice(found == value, truth == value) for value in known]))


def unpaired_score(parts: Mapping[str, float]) -> float:
    """Return the weighted mean of the parts that are known, by their names in `WEIGHTS`; NaN where none is.

    >>> unpaired_score({TISSUES: 0.9, SEGMENTATION: 0.6, BASE: float("nan")})
    0.75
    """
    known = {name: value for name, value in parts.items() if np.isfinite(value)}
    total = sum(WEIGHTS[name] for name in known)
    return sum(WEIGHTS[name] * value for name, value in known.items()) / total if total else float("nan")


def moved_score(parts: Mapping[str, float]) -> float:
    """Return the score of a base model that was moved; NaN where nothing is known.

    Agreement with the base model and the Dice of tissues in clean images are highest before the first step, so that
    nothing would ever be gained. Agreement counts only as far as it falls below `LEAST_AGREEMENT`, and Dice does not.

    >>> moved_score({TISSUES: 0.8, CYCLE: 0.6, BASE: 1.0}) < moved_score({TISSUES: 0.81, CYCLE: 0.6, BASE: 0.97})
    True
    >>> moved_score({TISSUES: 0.8, CYCLE: 0.6, BASE: 1.0}) > moved_score({TISSUES: 0.81, CYCLE: 0.6, BASE: 0.9})
    True
    """
    near = {BASE: min(parts[BASE], LEAST_AGREEMENT)} if BASE in parts else {}
    return unpaired_score({name: parts[name] for name in (TISSUES, CYCLE) if name in parts} | near)


def _log_likelihood(values: np.ndarray, quantiles: np.ndarray, share: float) -> np.ndarray:
    spread = max(float(quantiles.std()), 1e-3)
    return np.asarray(np.log(share / spread) - 0.5 * np.square((values - quantiles.mean()) / spread))
