"""A label map of BraTS as it will be in the data set: canonical values on the grid of the scans."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.dataset import Case
from hifisyn.dataset_conversion.brats_releases import CANONICAL, Release
from hifisyn.errors import FileError

if TYPE_CHECKING:
    import numpy as np

    from hifisyn.volume import Volume


def write_label(case: Case, target: Path, release: Release) -> None:
    """Write the label map of a case, uint8, with the header of its scans.

    Raises:
        UserError: it cannot be read, holds a value that the release does not know, or lies on another grid.
    """
    import numpy as np

    from hifisyn.volume import Volume, read_grid

    assert case.label is not None
    given = Volume.load_labels(case.label)
    scan = read_grid(case.images.get("T1") or next(iter(case.images.values())))
    fitted = on_grid(given, scan)
    if fitted is None:
        shapes = " and ".join("x".join(map(str, volume.shape)) for volume in (scan, given))
        raise FileError(
            case.label, "must be on the grid of the scans", got=f"another; shapes {shapes}", hint="resample it"
        )
    values = {value: CANONICAL[structure] for value, structure in release.labels.items()} | {0: 0}
    odd = sorted(set(np.unique(fitted.data).tolist()) - set(values))
    if odd:
        known = ", ".join(f"{value} {structure}" for value, structure in release.labels.items())
        raise FileError(
            case.label,
            f"must hold the label values of {release.name} ({known})",
            got=f"{odd[0]} too",
            hint="pass another --release if it is of another one",
        )
    scan.with_data(remapped(fitted.data, values)).save(target, overwrite=True)


def remapped(data: "np.ndarray", values: Mapping[int, int]) -> "np.ndarray":
    """Return uint8 labels with other values.

    >>> import numpy as np
    >>> remapped(np.array([0, 1, 4]), {0: 0, 1: 4, 4: 6})
    array([0, 4, 6], dtype=uint8)
    """
    import numpy as np

    table = np.zeros(max(values) + 1, dtype=np.uint8)
    table[list(values)] = list(values.values())
    new: np.ndarray = table[data]
    return new


def on_grid(label: "Volume", scan: "Volume") -> "Volume | None":
    """Return a label map with its axes in the order of the scan; none where it lies elsewhere.

    Label maps of BraTS are drawn voxel by voxel on the scans, so an origin alone that is lost does no harm; axes that
    point elsewhere may be a header that is wrong or voxels that are, and nobody knows which.
    """
    import numpy as np

    if label.shape == scan.shape and np.allclose(label.affine[:3, :3], scan.affine[:3, :3], atol=1e-3):
        return label
    turned = label.reoriented(scan.axcodes)
    return turned if turned.same_grid(scan) else None
