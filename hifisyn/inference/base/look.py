"""What a contrast is to look like: tissue means and units of a scan of another person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.base.condition import cluster, tissue_means
from hifisyn.base.contrasts import TARGETS, TISSUES
from hifisyn.base.translate import BaseModel
from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.inference.base.inputs import spelled
from hifisyn.preprocessing.normalize import Intensity
from hifisyn.preprocessing.prepare_case import PreparedCase, prepare_case
from hifisyn.raw_files import stem_of
from hifisyn.synthetic_mark import is_synthetic
from hifisyn.volume import Volume

CLUSTERED = "T1"


@dataclass(frozen=True)
class TargetLook:
    """What a target is to look like.

    Attributes:
        file: name of the scan that it was measured on.
        sha256: of that file.
        means: of CSF, grey matter, white matter and lesion on [-1, 1]; none where not known.
        low, high: units of the scan at -1 and +1.
    """

    file: str
    sha256: str
    means: tuple[float | None, ...]
    low: float
    high: float


def parse_looks(words: Sequence[str], targets: Sequence[str]) -> dict[str, Path]:
    """Read scans to look like: FILE for the only target, CASE_T2.nii.gz whose name says its contrast, or T2=FILE.

    Raises:
        UserError: a contrast is named twice, is none that can look like a scan, or cannot be told; no such file.

    >>> parse_looks(["scans/P01_T1.nii.gz"], ["T1", "T2"])["T1"].name
    'P01_T1.nii.gz'
    """
    looks: dict[str, Path] = {}
    for word in words:
        before, equals, after = word.partition("=")
        named = spelled(before, TARGETS) if equals else None
        file = Path(after if named else word)
        target = named or _by_name(file) or (targets[0] if len(targets) == 1 else None)
        if target not in TARGETS:
            raise UserError(f"--look must say which contrast it shows, as in T2={word}", got=target)
        if target in looks:
            raise UserError(f"--look must name one scan of {target}", got=f"{looks[target]} and {file}")
        if not file.is_file():
            raise UserError(f"--look: the scan {file} does not exist", hint="change the path")
        if is_synthetic(file):
            raise UserError(f"--look: {file} must be a scan", got="a synthetic image", hint="name a scan")
        looks[target] = file
    return looks


def measure_look(
    model: BaseModel, file: Path, target: str, *, tool: str = "auto", command: str = "", device: str = "cpu"
) -> TargetLook:
    """Measure tissue means and units of a scan.

    Only on T1 do three clusters of intensity part fluid, grey and white matter in their order whatever the sequence;
    so from a scan of another contrast the model itself makes a T1, whose clusters are those of the scan.

    Args:
        model: the base model.
        file: a scan of `target`.
        target: its contrast.
        tool: of the skull stripping.
        command: template for tool "command".
        device: of the skull stripping.

    Raises:
        UserError: the scan cannot be read or prepared.
    """
    scan = Volume.load(file)
    try:
        case = prepare_case({target: scan}, target, tool=tool, command=command, device=device)
        means = means_of(model, case, target)
    except UserError as error:
        raise UserError(f"--look {file}: {error.what}", got=error.got, hint=error.hint) from None
    intensity = case.reference.record.scans[target].intensity
    assert intensity is not None
    return TargetLook(file.name, sha256(file), means, *_ends(intensity))


def means_of(model: BaseModel, case: PreparedCase, contrast: str) -> tuple[float | None, ...]:
    """Return the mean of CSF, grey matter and white matter of a prepared scan on [-1, 1]; of lesions none."""
    image = case.images[contrast]
    clear = image if contrast == CLUSTERED else model.translate({contrast: image}, case.pixel_mm)[CLUSTERED][0]
    labels = cluster(clear, np.zeros(clear.shape, np.uint8))
    return (*tissue_means(image, labels)[: len(TISSUES) - 1], None)


def _ends(intensity: Intensity) -> tuple[float, float]:
    return intensity.low, intensity.high


def _by_name(file: Path) -> str | None:
    return spelled(stem_of(file).rpartition("_")[2], TARGETS)
