"""The tissues that UK Biobank found (FSL FAST): a label map as it is, or computed from three partial volumes.

`T1_fast/T1_brain_pveseg` and `T1_brain_seg` hold 1 CSF, 2 GM, 3 WM; the partial volumes `T1_brain_pve_0`, `_1` and `_2`
are numbered from 0 in the same order.
"""

from collections.abc import Mapping
from pathlib import Path

from hifisyn.dataset import Case
from hifisyn.dataset_conversion.ukb_zips import reason
from hifisyn.errors import UserError

MAPS = ("T1_fast/T1_brain_pveseg", "T1_fast/T1_brain_seg")
FRACTIONS = tuple(f"T1_fast/T1_brain_pve_{number}" for number in range(3))


def find_label(files: Mapping[str, Path]) -> Path | None:
    """Return the label map, else the first of three partial volumes to make it from, else none."""
    if ready := next((files[name] for name in MAPS if name in files), None):
        return ready
    return files[FRACTIONS[0]] if all(name in files for name in FRACTIONS) else None


def is_ready(case: Case) -> bool:
    """Return whether the label of a case is a label map as it is."""
    return case.label is None or "_pve_" not in case.label.name


def write_label(case: Case, target: Path) -> None:
    """Write the label map of partial volumes: the largest wins; where all are 0 is background.

    Raises:
        UserError: one cannot be read, or they do not lie on one grid.
    """
    import numpy as np

    from hifisyn.volume import Volume

    assert case.label is not None
    volumes = []
    for number in range(3):
        path = case.label.with_name(case.label.name.replace("_pve_0", f"_pve_{number}"))
        try:
            volumes.append(Volume.load(path, constant=True))
        except (UserError, OSError) as error:
            raise UserError(f"{path.name} {reason(error, path)}") from None
    if not all(volume.same_grid(volumes[0]) for volume in volumes):
        raise UserError("the three partial volumes must be on one grid", hint="get the zip again")
    fractions = np.stack([volume.data for volume in volumes])
    tissue = np.where(fractions.sum(axis=0) > 0, fractions.argmax(axis=0) + 1, 0).astype(np.uint8)
    volumes[0].with_data(tissue).save(target, overwrite=True)
