"""The scans of a labelled case brought onto the grid of its label map, which itself is never resampled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from hifisyn.downstream.inside_brain import continued, inside_brain
from hifisyn.errors import UserError
from hifisyn.preprocessing.brain import extract
from hifisyn.preprocessing.register import register
from hifisyn.preprocessing.registration_checks import Verdict
from hifisyn.preprocessing.rigid import place
from hifisyn.volume import Volume


@dataclass(frozen=True)
class Stripping:
    """How the brain is found where no prediction found it on the grid of the labels; see `brain.extract`.

    Attributes:
        tool, command: the program.
        stripped: whether the scans have no skulls; none: look.
        device: of the networks.
    """

    tool: str = "auto"
    command: str = ""
    stripped: bool | None = None
    device: str = "cpu"

    def brain(self, scan: Volume) -> Volume:
        """Return the brain mask of a scan, uint8.

        Raises:
            UserError: no brain is found.
        """
        whole = False if self.stripped is None and self.tool != "auto" else self.stripped
        return extract(scan, self.tool, self.device, command=self.command, stripped=whole)[0]


@dataclass(frozen=True)
class OnLabels:
    """A case on the grid of its labels.

    Attributes:
        label: as the file has it.
        inside: uint8, the brain and all that is labelled, under the header of the label map: so every program reads the
            same geometry of both. Images are 0 outside.
        moved: contrast to (4, 4), world mm of the scan to world mm of the labels; what is not trusted is not there.
        untrusted: other contrasts, and why.
        outside: share of the labelled voxels that lie outside the brain that was found.
    """

    label: Volume
    inside: Volume
    moved: Mapping[str, np.ndarray]
    untrusted: Mapping[str, str]
    outside: float

    def real(self, scan: Volume, contrast: str) -> Volume:
        """Return a scan, float32; its values are kept where it lies on the grid of the labels already."""
        return inside_brain(self._placed(scan, contrast), self.inside)

    def synthetic(self, image: Volume, own: Volume, source: str) -> Volume:
        """Return a synthetic volume, float32.

        Args:
            image: on the grid of its source.
            own: the brain that it was generated in, on the same grid.
            source: contrast that it was generated from.
        """
        placed, brain = self._placed(image, source), self._placed(own, source)
        covered = placed.same_grid(self.inside) and bool((brain.data[self.inside.data > 0] > 0).all())
        return inside_brain(placed if covered else continued(placed, brain), self.inside)

    def _placed(self, volume: Volume, contrast: str) -> Volume:
        move = self.moved[contrast]
        return volume if np.array_equal(move, np.eye(4)) else place(volume, move)


def put_on_labels(
    label: Volume,
    scans: Mapping[str, Volume],
    *,
    reference: str,
    registered: bool,
    brains: Iterable[Volume],
    stripping: Stripping,
) -> OnLabels:
    """Find where the scans of a case lie in the world of its labels.

    What does not lie on the grid of the labels is registered to the scan that does, the reference if it is one.

    Args:
        label: label map, unsigned integers.
        scans: by contrast, as their files have them.
        reference: contrast of the data set on whose grid labels are given.
        registered: headers say where the scans lie; nothing is registered.
        brains: masks that are known; the first on the grid of the labels is taken.
        stripping: how the brain is found where there is none.

    Raises:
        UserError: no scan lies on the grid of the labels, or no brain is found.
    """
    on_grid = [contrast for contrast, scan in scans.items() if scan.same_grid(label)]
    if not on_grid:
        got = ", ".join(f"{contrast} of shape {scan.shape}" for contrast, scan in scans.items())
        what = f"a scan must lie on the grid of the label map, of shape {label.shape}"
        raise UserError(what, got=got, hint="resample the label map to the reference contrast")
    anchor = scans[reference if reference in on_grid else on_grid[0]]
    known = next((brain for brain in brains if brain.same_grid(label)), None)
    brain = (stripping.brain(anchor) if known is None else known).data > 0
    labelled = label.data > 0
    moved: dict[str, np.ndarray] = {}
    untrusted: dict[str, str] = {}
    for contrast, scan in scans.items():
        if registered or contrast in on_grid:
            moved[contrast] = np.eye(4)
            continue
        found = register(anchor.canonical(), scan.canonical(), anchor.with_data(brain.astype(np.uint8)).canonical())
        if found.checks.verdict is Verdict.TRUSTED:
            moved[contrast] = found.moving_to_fixed
        else:
            untrusted[contrast] = f"its registration is {found.checks.verdict}"
    inside = Volume((brain | labelled).astype(np.uint8), label.affine, label.header)
    outside = float((labelled & ~brain).sum() / max(1, labelled.sum()))
    return OnLabels(label, inside, moved, untrusted, outside)
