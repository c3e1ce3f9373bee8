"""What the dataset.json of nnU-Net says, in our words: channels are contrasts, labels are structures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hifisyn.dataset import MODALITIES
from hifisyn.dataset_conversion.contrasts import contrast
from hifisyn.errors import FileError
from hifisyn.json_files import read_object
from hifisyn.paths import DATASET_JSON

if TYPE_CHECKING:
    from hifisyn.dataset_conversion.nnunet_listing import ListedCase

FILE_ENDINGS = (".nii.gz", ".nii")
KEPT = {"description": "description", "licence": "licence", "license": "licence", "reference": "reference"}
LEAVE_OUT = "none"
NUMBER = re.compile("[0-9]{1,4}")


@dataclass(frozen=True)
class Description:
    """What the dataset.json of nnU-Net says.

    Attributes:
        folder: of the data set.
        modalities: of each channel, in order; "": the channel is left out.
        labels: structure to value, as there.
        ending: of all files.
        listed: the key `dataset`; none: files are found by their names.
        about: description, licence, reference and release.
    """

    folder: Path
    modalities: tuple[str, ...]
    labels: dict[str, int]
    ending: str
    listed: "Mapping[str, ListedCase] | None"
    about: dict[str, str]


def describe(folder: Path, channels: Mapping[str, str], label_names: Mapping[str, int]) -> Description:
    """Read the dataset.json of an nnU-Net raw data set.

    Raises:
        UserError: dataset.json is missing, of another version or contradicts itself, a channel is no contrast, or
            labels are regions.
    """
    from hifisyn.dataset_conversion.nnunet_listing import listed

    path = folder / DATASET_JSON
    content = read_object(path)
    names = content.get("channel_names")
    if not isinstance(names, dict) or not all(NUMBER.fullmatch(key) and isinstance(names[key], str) for key in names):
        raise FileError(
            path,
            "must have channel_names as in version 2 of nnU-Net",
            hint="convert it with nnUNetv2_convert_old_nnUNet_dataset",
        )
    ending = str(content.get("file_ending", ""))
    if ending not in FILE_ENDINGS:
        raise FileError(
            path,
            f"must have a file_ending of {' or '.join(FILE_ENDINGS)}",
            got=repr(ending),
            hint="convert the files",
        )
    return Description(
        folder,
        _modalities(path, names, channels),
        dict(label_names) or _labels(path, content.get("labels", {})),
        ending,
        listed(path, content),
        {KEPT[key]: content[key] for key in KEPT if isinstance(content.get(key), str)},
    )


def _modalities(path: Path, named: Mapping[str, str], channels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the modality of each channel.

    Raises:
        UserError: a channel is no contrast, or two are the same.
    """
    modalities: list[str] = []
    for key in sorted(named, key=int):
        modality = channels.get(named[key], contrast(named[key]))
        if modality is None or (modality and modality in modalities):
            problem = "two of " + modality if modality else f"the channel {named[key]!r}"
            raise FileError(
                path,
                f"must have channels of {', '.join(MODALITIES)}, each once",
                got=f"{problem} among {', '.join(named.values())}",
                hint=f"name its contrast, as in --channels {named[key]}=T1, or leave it out, as in "
                f"--channels {named[key]}={LEAVE_OUT}",
            )
        modalities.append(modality)
    return tuple(modalities)


def _labels(path: Path, named: Any) -> dict[str, int]:
    """Return structure to value.

    Raises:
        UserError: a structure has several values, or marks voxels that nobody looked at.
    """
    if not isinstance(named, dict):
        raise FileError(path, "must have labels, structure to value", got=str(named)[:40])
    for name, value in named.items():
        if name == "ignore" or not isinstance(value, int):
            what = "voxels to ignore" if name == "ignore" else f"the region {name}={value}"
            raise FileError(
                path,
                "must have one structure for each label value",
                got=what,
                hint="name the values, as in --label-names oedema=1 core=2",
            )
    return dict(named)
