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
        self._check_modalities()
        _require(self.subjects >= 1, "--subjects-number must be at least 1", self.subjects)
        _require(self.test >= 0, "--test-number must be at least 0", self.test)
        what = f"--resolution must be {FINEST_MM} to {COARSEST_MM} mm"
        _require(FINEST_MM <= self.resolution <= COARSEST_MM, what, self.resolution)
        _require(0 <= self.lesions <= self.total, f"--lesions must be 0 to {self.total} subjects", self.lesions)
        _require(0 <= self.noise <= 0.5, "--noise must be 0 to 0.5", self.noise)
        _require(0 <= self.bias <= 1, "--bias-field must be 0 to 1", self.bias)
        _require(self.seed >= 0, "--seed must be at least 0", self.seed)
        if "T1ce" in self.modalities and not self.lesions:
            raise UserError("T1ce needs lesions, since nothing else enhances", hint="add --lesions 0.5")

    def _check_modalities(self) -> None:
        got = " ".join(self.modalities)
        known = bool(self.modalities) and set(self.modalities) <= set(MODALITIES)
        _require(known, f"--modalities must be of {', '.join(MODALITIES)}", got)
        _require(len(set(self.modalities)) == len(self.modalities), "--modalities must differ", got)

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
        """Return whether a subject is held out; the last ones are."""
        return index >= self.subjects

    def has_lesion(self, index: int) -> bool:
        """Return whether a subject has a lesion; they are spread evenly over all subjects."""
        share = self.lesions if self.lesions < 1 else self.lesions / self.total
        return int((index + 1) * share + 1e-9) > int(index * share + 1e-9)


def _require(holds: bool, what: str, got: object) -> None:
    if not holds:
        raise UserError(what, got=got)
