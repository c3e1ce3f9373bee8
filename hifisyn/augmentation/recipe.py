"""What all cases of an augmented set have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hifisyn.augmentation.on_labels import Stripping
from hifisyn.inference.outputs import Outputs

PREDICTED, RECORDS = "synthetic", "cases"


@dataclass(frozen=True)
class Recipe:
    """How the images of a case are made.

    Attributes:
        folder: of the set.
        channels: contrasts, in order.
        targets: contrasts that copies have synthetic.
        labels: structure to value.
        reference: contrast on whose grid labels are given.
        registered: nothing is registered; headers say where scans lie.
        private: names of files must not be told.
        stripping: how a brain is found.
        overwrite: replace what is there.
    """

    folder: Path
    channels: tuple[str, ...]
    targets: tuple[str, ...]
    labels: Mapping[str, int]
    reference: str
    registered: bool
    private: bool
    stripping: Stripping
    overwrite: bool

    def outputs(self, case: str) -> dict[str, Outputs]:
        """Return what models made of a case, by target."""
        every = {target: Outputs(self.folder / PREDICTED, case, target) for target in self.targets}
        return {target: outputs for target, outputs in every.items() if outputs.finished}
