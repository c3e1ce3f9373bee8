"""The synthetic scans of a model on disk: each is made once and serves every task."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.directions import Direction
from hifisyn.downstream.scans import Scans
from hifisyn.files import read_json, write_json
from hifisyn.volume import Volume

if TYPE_CHECKING:
    from hifisyn.inference.predictor import Predictor

MADE_FROM = "made_from.json"


class SyntheticScans:
    """Synthetic scans in `folder`, a folder a direction: T1_to_T2/CASE.nii.gz.

    A scan counts only while the weights and the aligned case are those that it was made from.

    Args:
        folder: made if it is not there.
        scans: the aligned cases.
        weights: SHA-256 of the model's weights.
        predictor: gives the model when a scan has to be made.
    """

    def __init__(self, folder: Path, scans: Scans, weights: str, predictor: Callable[[], "Predictor"]) -> None:
        self.folder, self.scans, self.weights, self.predictor = folder, scans, weights, predictor

    def path(self, case: str, source: str, target: str) -> Path:
        """Return the file of a synthetic scan, which is made if it is not there."""
        folder = self.folder / Direction(source, target).key
        file, ledger = folder / f"{case}.nii.gz", folder / MADE_FROM
        entries = read_json(ledger) if ledger.exists() else {}
        made_from = {"weights": self.weights, "case": self.scans.key(case)}
        if not file.exists() or entries.get(case) != made_from:
            file.unlink(missing_ok=True)
            self.scans.synthetic(case, self.predictor(), source, target).save(file)
            write_json(ledger, entries | {case: made_from})
        return file

    def volume(self, case: str, source: str, target: str) -> Volume:
        """Return a synthetic scan, float32 in scanner units on the reference grid, 0 outside the brain."""
        return Volume.load(self.path(case, source, target))
