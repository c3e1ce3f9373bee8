"""The synthetic scans of a model on the disk: each is predicted once and serves every task."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.directions import Direction
from hifisyn.downstream.scans import Scans
from hifisyn.engine.once import Once
from hifisyn.volume import Volume

if TYPE_CHECKING:
    from hifisyn.inference.predictor import Predictor


class SyntheticScans:
    """Synthetic scans in `folder`, a folder a direction: T1_to_T2/CASE.nii.gz, and CASE.json with its origin.

    A scan counts only while the weights and the aligned case are those that it was predicted from.

    Args:
        folder: created if it does not exist.
        scans: the aligned cases.
        weights: SHA-256 of the model's weights.
        predictor: returns the model when a scan has to be predicted.
    """

    def __init__(self, folder: Path, scans: Scans, weights: str, predictor: Callable[[], "Predictor"]) -> None:
        self.folder, self.scans, self.weights, self.predictor = folder, scans, weights, predictor

    def path(self, case: str, source: str, target: str) -> Path:
        """Return the file of a synthetic scan, which is predicted if it does not exist."""
        folder = self.folder / Direction(source, target).key
        file = folder / f"{case}.nii.gz"
        once = Once(folder, {"weights": self.weights, "case": self.scans.key(case)}, f"{case}.json")
        if not file.exists() or not once.holds:
            once.begin()
            file.unlink(missing_ok=True)
            self.scans.synthetic(case, self.predictor(), source, target).save(file)
            once.finish()
        return file

    def volume(self, case: str, source: str, target: str) -> Volume:
        """Return a synthetic scan, float32 in scanner units on the reference grid, 0 outside the brain."""
        return Volume.load(self.path(case, source, target))
