"""A data set as stock nnU-Net reads it: its files, its dataset.json, and its folds by subject."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hifisyn.files import write_json
from hifisyn.paths import DATASET_JSON
from hifisyn.raw_files import FILE_ENDING, label_path
from hifisyn.volume import Volume

MOST_FOLDS = 5
Fold = dict[str, list[str]]


class Member(Protocol):
    """One entry of the data set: the image of a person, real or synthetic, in all its channels."""

    @property
    def name(self) -> str:
        """Unique in the data set."""
        ...

    @property
    def subject(self) -> str:
        """The person; a person is never on both sides of a fold."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether any channel is synthetic."""
        ...


def channel_path(folder: Path, name: str, channel: int) -> Path:
    """Return where a channel of an entry lies: imagesTr/IXI012_0000.nii.gz."""
    return folder / "imagesTr" / f"{name}_{channel:04d}{FILE_ENDING}"


def write_entry(folder: Path, name: str, images: Sequence[Volume], label: Volume) -> None:
    """Write the channels of an entry and its label map; what is there is replaced.

    Raises:
        ValueError: a channel lies on another grid than the label map, which nnU-Net cannot read.
    """
    for channel, image in enumerate(images):
        if not image.same_grid(label):
            raise ValueError(f"channel {channel} of {name} must be on the grid of its label map")
        image.save(channel_path(folder, name, channel), overwrite=True)
    label.save(label_path(folder, name), overwrite=True)


def write_dataset_json(
    folder: Path, channels: Sequence[str], labels: Mapping[str, int], names: Iterable[str], **more: Any
) -> None:
    """Write dataset.json.

    Args:
        folder: of the data set.
        channels: contrast of each channel.
        labels: structure to value, consecutive from background 0.
        names: of the entries.
        more: keys that nnU-Net overlooks.
    """
    entries = {name: _entry(folder, name, len(channels)) for name in names}
    content = {
        "channel_names": {str(number): contrast for number, contrast in enumerate(channels)},
        "labels": dict(labels),
        "numTraining": len(entries),
        "file_ending": FILE_ENDING,
        **more,
        "dataset": entries,
    }
    write_json(folder / DATASET_JSON, content)


def _entry(folder: Path, name: str, channels: int) -> dict[str, Any]:
    images = [channel_path(folder, name, channel).relative_to(folder).as_posix() for channel in range(channels)]
    return {"images": images, "label": label_path(folder, name).relative_to(folder).as_posix()}


def folds(members: Sequence[Member], groups: Mapping[str, str] | None = None) -> list[Fold]:
    """Return nnU-Net's folds: all that is of a subject on one side, and real images alone to validate on.

    Fewer subjects with real images than five give fewer folds. One subject alone trains and validates on itself, which
    only nnU-Net's fold "all" uses.

    Args:
        members: of the data set.
        groups: subject to the group that is spread evenly over the folds; none: by name.
    """
    of_group = groups or {}
    measured = {member.subject for member in members if not member.synthetic}
    subjects = sorted(measured, key=lambda subject: (of_group.get(subject, ""), subject))
    alone = len({member.subject for member in members}) == 1
    number = min(MOST_FOLDS, len(subjects))
    return [_fold(members, set() if alone else set(subjects[start::number])) for start in range(number)]


def _fold(members: Sequence[Member], held: set[str]) -> Fold:
    train = [member.name for member in members if member.subject not in held]
    return {"train": train, "val": [m.name for m in members if m.subject in held and not m.synthetic]}
