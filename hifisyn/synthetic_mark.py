"""How to tell a synthetic image from a scan: the JSON file beside it says `"Synthetic": true`."""

import json
from pathlib import Path

from hifisyn import archives
from hifisyn.errors import UserError

LARGEST = 2**24  # bytes of a JSON file; what an archive unpacks to more is none


def sidecar_path(image: Path) -> Path:
    """Return where the JSON file of an image lies.

    >>> sidecar_path(Path("synth/IXI012_T2.nii.gz")).as_posix()
    'synth/IXI012_T2.json'
    """
    return image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def is_synthetic(image: Path) -> bool:
    """Return whether the JSON file beside an image, on the disk or in an archive, marks it as synthetic."""
    try:
        with archives.open_binary(sidecar_path(image)) as file:
            content = json.loads(file.read(LARGEST))
    except (OSError, UserError, ValueError):
        return False
    return isinstance(content, dict) and content.get("Synthetic") is True
