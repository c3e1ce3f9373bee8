"""What comes with a scan: voxels that were not finite, and the user's own mask of its brain."""

import logging
from pathlib import Path

from hifisyn.errors import FileError
from hifisyn.volume import Volume
from hifisyn.voxel_values import REPLACED

log = logging.getLogger(__name__)


def tell_replaced(file: Path, volume: Volume) -> None:
    """Warn of the voxels of a scan that were not finite and got another value."""
    if volume.replaced:
        got = f"{volume.replaced} NaN or infinite voxels"
        log.warning("%s", FileError(file.name, "must hold finite intensities", got=got, hint=REPLACED))


def load_mask_of(folder: Path | None, case: str) -> Volume | None:
    """Return the user's own brain mask of a case, or none."""
    mask = mask_of(folder, case)
    return None if mask is None else Volume.load_mask(mask)


def mask_of(folder: Path | None, case: str) -> Path | None:
    """Return the user's own brain mask of a case; None where there is none."""
    names = [f"{case}{what}{ending}" for what in ("", "_brain") for ending in (".nii.gz", ".nii")]
    return next((folder / name for name in names if (folder / name).is_file()), None) if folder else None
