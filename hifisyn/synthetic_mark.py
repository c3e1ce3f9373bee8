"""How to tell a synthetic image from a scan: the JSON file beside it says `"Synthetic": true`."""

from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.raw_files import stem_of

LARGEST = 2**24  # bytes of a JSON file; what an archive unpacks to more is none


def sidecar_path(image: Path) -> Path:
    """Return where the JSON file of an image lies.

    >>> sidecar_path(Path("synth/IXI012_T2.nii.gz")).as_posix()
    'synth/IXI012_T2.json'
    """
    return image.with_name(stem_of(image) + ".json")


def is_synthetic(image: Path) -> bool:
    """Return whether the JSON file beside an image, on the disk or in an archive, marks it as synthetic."""
    try:
        return read_object(sidecar_path(image), most=LARGEST).get("Synthetic") is True
    except (OSError, UserError):
        return False
