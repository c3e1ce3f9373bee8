"""What is measured on a case as a whole, beside the image metrics of its slices: structure, lesions, confidence.

All on the slices that count, intensities in [-1, 1], inside the brain. The numbers of the true scan that a reader
compares with stand in columns that end in `_true`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hifisyn.dataset import TISSUES
from hifisyn.metrics import confidence, lesions, structure

TRUE = "_true"
STRUCTURE = ("nmi", "blur", "high_frequency", "stripes")
LESIONS = ("lesion_sign", "lesion_contrast", "bright_ml")
CONFIDENCE = ("error_over_expected", "reliability_error", "ause", "error_correlation")
RELIABILITY = tuple(f"reliability_{number}" for number in range(1, confidence.BINS + 1))
OF_TRUTH = ("blur", "lesion_contrast", "bright_ml")
CASE_MEASURES = (*STRUCTURE, *LESIONS, *CONFIDENCE, *RELIABILITY, *(name + TRUE for name in OF_TRUTH))
WHITE, FLAIR = "WM", "FLAIR"


@dataclass(frozen=True)
class Labelled:
    """What a label map says of the slices of a case.

    Attributes:
        white: (S, H, W) bool, healthy white matter.
        lesion: (S, H, W) bool.
        pixel_mm: side of a pixel in mm.
        slice_mm: distance of neighbouring slices in mm.
    """

    white: np.ndarray
    lesion: np.ndarray
    pixel_mm: float
    slice_mm: float

    @classmethod
    def of(
        cls, label: np.ndarray, structures: Mapping[str, tuple[int, ...]], pixel_mm: float, slice_mm: float
    ) -> "Labelled | None":
        """Return what a map (S, H, W) says; none where its white matter has no name.

        Args:
            label: values.
            structures: name to values, see `hifisyn.evaluation.regions.of_labels`; all that is no tissue is a lesion.
            pixel_mm: side of a pixel in mm.
            slice_mm: distance of neighbouring slices in mm.
        """
        if WHITE not in structures:
            return None
        values = {value for name, own in structures.items() if name not in TISSUES for value in own}
        return cls(np.isin(label, structures[WHITE]), np.isin(label, list(values)), pixel_mm, slice_mm)


@dataclass(frozen=True)
class TrueCase:
    """The truth of a case; what is known of it alone is worked out once, whatever the number of answers.

    Attributes:
        image: (S, H, W) in [-1, 1], the slices that count, -1 outside the brain.
        brain: (S, H, W) bool.
        places: (S,) where the slices lie in the head, ascending; neighbours differ by 1.
        contrast: of the image.
        labelled: what its label map says, or none.
    """

    image: np.ndarray
    brain: np.ndarray
    places: np.ndarray
    contrast: str
    labelled: Labelled | None = None

    @cached_property
    def _interior(self) -> np.ndarray:
        return structure.interior(self.brain)

    @cached_property
    def _detail(self) -> float:
        return structure.high_frequency_energy(self.image, self._interior)

    @cached_property
    def _blur(self) -> float:
        return structure.blur_effect(self.image, self.brain)

    @cached_property
    def _of_lesions(self) -> tuple[float, float]:
        return self._contrast(self.image), self._bright(self.image)

    @cached_property
    def _rim(self) -> np.ndarray:
        known = self.labelled
        return np.zeros_like(self.brain) if known is None else lesions.rim(known.lesion, known.white, known.pixel_mm)

    def score(self, answer: np.ndarray, expected: np.ndarray | None = None) -> dict[str, float]:
        """Return `CASE_MEASURES` of an answer; NaN where it cannot be measured.

        Args:
            answer: (S, H, W) in [-1, 1], -1 outside the brain.
            expected: (S, H, W), the absolute error that the method expects; none where it tells none.
        """
        row = dict.fromkeys(CASE_MEASURES, float("nan")) | self._structure(answer)
        row |= {} if self.labelled is None else self._lesions(answer)
        return row | ({} if expected is None else self._confidence(answer, expected))

    def _structure(self, answer: np.ndarray) -> dict[str, float]:
        energy = structure.high_frequency_energy(answer, self._interior)
        return {
            "nmi": structure.normalised_mutual_information(answer, self.image, self.brain),
            "blur": structure.blur_effect(answer, self.brain),
            "blur" + TRUE: self._blur,
            "high_frequency": energy / self._detail if self._detail else float("nan"),
            "stripes": structure.stripes(answer - self.image, self.brain, self.places),
        }

    def _lesions(self, answer: np.ndarray) -> dict[str, float]:
        true, bright = self._of_lesions
        made = self._contrast(answer)
        return {
            "lesion_sign": lesions.sign_right(made, true),
            "lesion_contrast": made,
            "lesion_contrast" + TRUE: true,
            "bright_ml": self._bright(answer),
            "bright_ml" + TRUE: bright,
        }

    def _confidence(self, answer: np.ndarray, expected: np.ndarray) -> dict[str, float]:
        error, told = np.abs(answer - self.image)[self.brain], expected[self.brain]
        ratios = confidence.reliability(error, told)
        return {
            "error_over_expected": confidence.error_over_expected(error, told),
            "reliability_error": confidence.reliability_error(ratios),
            "ause": confidence.area_under_sparsification_error(error, told),
            "error_correlation": confidence.rank_correlation(error, told),
        } | dict(zip(RELIABILITY, map(float, ratios), strict=True))

    def _contrast(self, image: np.ndarray) -> float:
        known = self.labelled
        return float("nan") if known is None else lesions.contrast(image, known.lesion, self._rim)

    def _bright(self, image: np.ndarray) -> float:
        known = self.labelled
        if known is None or self.contrast != FLAIR:
            return float("nan")
        voxel = known.pixel_mm**2 * known.slice_mm
        return lesions.bright_ml(image, self.brain, known.white, known.lesion, voxel, self.places)
