"""Which contrast an image is: the model makes a T1 and a T2 of it without its name, and these show what is like what.

Four numbers describe the image: its rank correlation with the two in what is neither CSF nor beside it (white matter is
brighter than grey on a T1, not so on a FLAIR), and how bright CSF and white matter are, where the two show them. A
softmax over them, fitted on simulated heads alone, says how likely each name is. PD is not among the names: few scans
are, and many a FLAIR resembles it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from hifisyn.base.contrasts import TARGETS

NAME_OF = {"T1": "T1", "T1ce": "T1", "T2": "T2", "FLAIR": "FLAIR"}  # contrast to its name; others have none
NUMBERS = ("like T1", "like T2", "CSF", "WM")
TISSUE, CSF, WHITE = 0.65, 0.85, 0.7  # quantiles in the brain: of T2 minus T1 below, of that above, of T1 above
RANGE = (0.02, 0.98)  # quantiles of the image that count as dark and as bright
SURE = 0.85
TINY = 1e-6


@dataclass(frozen=True)
class Naming:
    """A softmax over the numbers of an image.

    Attributes:
        mean: of each number, over simulated heads.
        spread: of each number, above 0.
        weights: a row a name, in the order of `TARGETS`.
        bias: a number a name.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def likelihoods(self, numbers: np.ndarray) -> dict[str, float]:
        """Return how likely each name is, which add up to 1.

        Args:
            numbers: (4,) of `describe`.
        """
        standard = (numbers - np.array(self.mean)) / np.array(self.spread)
        raw = np.array(self.weights) @ standard + np.array(self.bias)
        odds = np.exp(raw - raw.max())
        return dict(zip(TARGETS, (odds / odds.sum()).tolist(), strict=True))

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Naming":
        """Read what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        read = json.loads(text)
        mean, spread, bias = (tuple(float(v) for v in read[name]) for name in ("mean", "spread", "bias"))
        weights = tuple(tuple(float(v) for v in row) for row in read["weights"])
        sizes = [len(mean), len(spread), *map(len, weights)]
        finite = all(map(math.isfinite, [*mean, *spread, *bias, *sum(weights, ())]))
        fits = set(sizes) == {len(NUMBERS)} and (len(weights), len(bias)) == (len(TARGETS),) * 2
        if not (fits and finite and min(spread) > 0):
            raise ValueError("naming")
        return cls(mean, spread, weights, bias)


def likeliest(likelihoods: Mapping[str, float]) -> str | None:
    """Return the name that is likely enough to go by, or none.

    >>> likeliest({"T1": 0.97, "T2": 0.01, "FLAIR": 0.02}), likeliest({"T1": 0.6, "T2": 0.0, "FLAIR": 0.4})
    ('T1', None)
    """
    name = max(likelihoods, key=lambda one: likelihoods[one])
    return name if likelihoods[name] >= SURE else None


def describe(image: np.ndarray, made: Mapping[str, np.ndarray], brain: np.ndarray) -> np.ndarray:
    """Return the numbers of an image, (4,) in the order of `NUMBERS`; gain and offset of the image do not matter.

    Args:
        image: any shape.
        made: T1 and T2 that the model makes of it, of the same shape.
        brain: where to look, bool, not empty.
    """
    given, t1, t2 = (part[brain].astype(np.float64) for part in (image, made["T1"], made["T2"]))
    watery = t2 - t1
    tissue = watery < np.quantile(watery, TISSUE)
    csf = watery >= np.quantile(watery, CSF)
    white = (t1 >= np.quantile(t1, WHITE)) & (watery <= np.median(watery))
    dark, bright = np.quantile(given, RANGE)
    return np.array(
        [
            _rank_correlation(given[tissue], t1[tissue]),
            _rank_correlation(given[tissue], t2[tissue]),
            *((_median(given[where], dark) - dark) / (bright - dark + TINY) for where in (csf, white)),
        ]
    )


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's, which few bright vessels and rims do not sway; 0 where an image is even."""
    from scipy.stats import rankdata

    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (one, other)]
    return float(ranks[0] @ ranks[1] / (np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]) + TINY))


def _median(values: np.ndarray, otherwise: float) -> float:
    return float(np.median(values)) if values.size else otherwise
