"""What a simulated cohort shall be: how many people, which contrasts, how noisy."""

from dataclasses import dataclass

from hifisyn.dataset import MODALITIES, TISSUES
from hifisyn.errors import UserError

LESION_LABELS = {"oedema": 4, "necrosis": 5, "enhancing": 6}
FINEST_MM, COARSEST_MM = 0.7, 6.0


@dataclass(frozen=True)
class PhantomOptions:
    """The options of a phantom.

    Attributes:
        subjects: training subjects.
        test: test subjects, held out in imagesTs.
        seed: of everything random; with a subject's number it determines that subject whole.
        resolution: voxel size in mm that the contrasts' own voxel sizes are multiples of.
        modalities: contrasts, in channel order; T1 is the reference, else the first.
        lesions: how many of all subjects have one; below 1 a share of them.
        noise: standard deviation, relative to the brightest healthy tissue of each contrast.
        bias: range of the bias field in the brain; 0.2 means 0.9 to 1.1.
    """

    subjects: int = 10
    test: int = 4
    seed: int = 0
    resolution: float = 2.0
    modalities: tuple[str, ...] = ("T1", "T2", "FLAIR")
    lesions: float = 0.0
    noise: float = 0.02
    bias: float = 0.2

    def __post_init__(self) -> None:
        unknown = [m for m in self.modalities if m not in MODALITIES]
        _require(not unknown and bool(self.modalities), f"modalities among {', '.join(MODALITIES)}", self.modalities)
        _require(len(set(self.modalities)) == len(self.modalities), "each modality once", self.modalities)
        _require(self.subjects >= 1 and self.test >= 0, "1 training subject or more", (self.subjects, self.test))
        _require(FINEST_MM <= self.resolution <= COARSEST_MM, f"{FINEST_MM} to {COARSEST_MM} mm", self.resolution)
        _require(0 <= self.lesions <= self.total, f"0 to {self.total} subjects with lesions", self.lesions)
        _require(0 <= self.noise <= 0.5, "noise from 0 to 0.5", self.noise)
        _require(0 <= self.bias <= 1, "bias from 0 to 1", self.bias)
        _require(self.seed >= 0, "a seed from 0 up", self.seed)
        if "T1ce" in self.modalities and not self.lesions:
            raise UserError("wanted lesions with T1ce, since nothing else enhances, found none; add --lesions 0.5")

    @property
    def total(self) -> int:
        """Training and test subjects."""
        return self.subjects + self.test

    @property
    def reference(self) -> str:
        """The contrast on whose grid the labels are given."""
        return "T1" if "T1" in self.modalities else self.modalities[0]

    @property
    def labels(self) -> dict[str, int]:
        """Structure to value in the label maps."""
        return TISSUES | (LESION_LABELS if self.lesions else {})

    def case(self, index: int) -> str:
        """Return the name of a subject's only case."""
        return f"phantom{index + 1:03d}"

    def is_test(self, index: int) -> bool:
        """Tell whether a subject is held out; the last ones are."""
        return index >= self.subjects

    def has_lesion(self, index: int) -> bool:
        """Tell whether a subject has a lesion; they are spread evenly over all subjects."""
        share = self.lesions if self.lesions < 1 else self.lesions / self.total
        return int((index + 1) * share + 1e-9) > int(index * share + 1e-9)


def _require(holds: bool, wanted: str, found: object) -> None:
    if not holds:
        raise UserError(f"phantom: wanted {wanted}, found {found}")
