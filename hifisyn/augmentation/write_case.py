"""The images of one case in the set, and its record, written last."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hifisyn.augmentation.case_images import CaseImages, read_images, scans_needed
from hifisyn.augmentation.copies import Copy, copies_of
from hifisyn.augmentation.recipe import RECORDS, Recipe
from hifisyn.dataset import Case
from hifisyn.downstream.nnunet_dataset import channel_path, write_entry
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.files import sha256, write_text
from hifisyn.inference.outputs import Outputs
from hifisyn.json_files import read_object
from hifisyn.raw_files import label_path
from hifisyn.synthetic_mark import sidecar_path

FORMAT = 1  # raised whenever the same files and settings give another result
OF_MODEL = ("Model", "Method", "TrainedOn", "CheckpointSHA256", "SourceModality", "GivenModalities")
Sidecars = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class WrittenCase:
    """What the set holds of a case.

    Attributes:
        images: in their order.
        record: as in cases/CASE.json.
        kept: they were there already.
    """

    images: tuple[Copy, ...]
    record: Mapping[str, Any]
    kept: bool = False


def write_case(case: Case, recipe: Recipe) -> WrittenCase:
    """Write all images of a case, or keep those that the same files gave before.

    Args:
        case: with a label map; what models made of it lies in the folder `synthetic` of the set.
        recipe: of the set.

    Raises:
        UserError: the case gives no image, a file cannot be read, or there are images of other files and they are not
            to be replaced.
    """
    made = recipe.outputs(case.name)
    sidecars = {target: _sidecar(case, outputs, recipe.private) for target, outputs in made.items()}
    files = scans_needed(case, recipe, sidecars)
    once = Once(recipe.folder / RECORDS, _asked(case, recipe, files, made), f"{case.name}.json")
    if once.file.exists() and not recipe.overwrite:
        if not once.holds:
            what = f"{RECORDS}/{once.name} must be of the same scans and settings"
            raise UserError(what, got=f"other {', '.join(once.changed())}", hint="pass --overwrite")
        earlier = _written(case, once.read(), kept=True)
        if all(file.is_file() for copy in earlier.images for file in _files(recipe, copy)):
            return earlier
    once.begin()
    images = read_images(case, recipe, files, made, sidecars)
    copies = copies_of(case.name, case.subject, recipe.channels, recipe.targets, images.real, images.synthetic)
    if not copies:
        raise _nothing(recipe, images)
    for copy in copies:
        _write(copy, images, recipe, sidecars)
    once.finish(_record(case, copies, images, recipe, sidecars))
    return _written(case, once.read())


def _sidecar(case: Case, outputs: Outputs, private: bool) -> dict[str, Any]:
    """Return what is known of a prediction; of private data no name of a file is kept in it."""
    if private:
        text = outputs.sidecar.read_text(encoding="utf-8")
        if (hidden := case.hide_paths(text)) != text:
            write_text(outputs.sidecar, hidden)
    return read_object(outputs.sidecar)


def _asked(case: Case, recipe: Recipe, files: Mapping[str, Path], made: Mapping[str, Outputs]) -> dict[str, Any]:
    maps = {what: file for what, file in (("label", case.label), ("brain", case.brain)) if file is not None}
    return {
        "format": FORMAT,
        "channels": recipe.channels,
        "targets": recipe.targets,
        "files": {what: sha256(file) for what, file in {**files, **maps}.items()},
        "synthetic": {target: sha256(outputs.image) for target, outputs in made.items()},
    }


def _files(recipe: Recipe, copy: Copy) -> list[Path]:
    channels = [channel_path(recipe.folder, copy.name, number) for number in range(len(recipe.channels))]
    return [*channels, label_path(recipe.folder, copy.name)]


def _write(copy: Copy, images: CaseImages, recipe: Recipe, sidecars: Sidecars) -> None:
    """Write an image and its label map, and beside each synthetic channel how it was generated."""
    for contrast in copy.generated:
        file = channel_path(recipe.folder, copy.name, recipe.channels.index(contrast))
        write_text(sidecar_path(file), json.dumps(sidecars[contrast], indent=2, ensure_ascii=False) + "\n")
    write_entry(recipe.folder, copy.name, images.of(copy.generated, recipe.channels), images.placed.label)


def _record(case: Case, copies: list[Copy], images: CaseImages, recipe: Recipe, sidecars: Sidecars) -> dict[str, Any]:
    told = {target: sidecars[target] for target in images.synthetic}
    return {
        "subject": case.subject,
        "images": {copy.name: list(copy.generated) for copy in copies},
        "models": {target: {key: one[key] for key in OF_MODEL if key in one} for target, one in told.items()},
        "agreement": {contrast: asdict(one) for contrast, one in images.agreement(recipe.labels).items()},
        "left_out": dict(images.placed.untrusted),
        "labels_outside_brain": round(images.placed.outside, 5),
    }


def _written(case: Case, record: Mapping[str, Any], *, kept: bool = False) -> WrittenCase:
    images = tuple(Copy(case.name, case.subject, tuple(generated)) for generated in record["images"].values())
    return WrittenCase(images, record, kept)


def _nothing(recipe: Recipe, images: CaseImages) -> UserError:
    lacking = [contrast for contrast in recipe.channels if contrast not in images.real]
    why = [f"{contrast}: {reason}" for contrast, reason in images.placed.untrusted.items()]
    return UserError("every channel must be real or synthetic", got="; ".join([f"no {', '.join(lacking)}", *why]))
