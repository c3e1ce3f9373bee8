"""The label maps that the simulated batches of a training are of: looked up, checked, and the same when it goes on."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON
from hifisyn.plans import Plans
from hifisyn.simulation.label_maps import check_map, find_maps
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import method_name

SIMULATED = "simulated"
HEADS = "heads"  # in config.json of a fold


def usable_maps(folder: Path, plans: Plans, trainer: type[Trainer]) -> tuple[Path, ...]:
    """Return the label maps of a folder, each of which was read.

    Raises:
        UserError: the training has no simulated batches, or the folder holds no label maps.
        FileError: one of the files is no label map.
    """
    if not plans.batches.shares.get("simulated"):
        learns = SIMULATED in trainer.NEEDS.batches
        raise UserError(
            "--heads must be with a training that has simulated batches",
            got=f"{method_name(plans.method)}, whose batches are {', '.join(plans.batches.shares)}",
            hint="give them a share by --set batches.shares" if learns else "leave it out, or choose -tr Adapted",
        )
    maps = tuple(find_maps(folder))
    for file in maps:
        check_map(file)
    return maps


def digest_of_maps(maps: Sequence[Path]) -> str:
    """Return the SHA-256 of label maps: of their names and what they hold."""
    return hashlib.sha256("".join(f"{file.name} {sha256(file)}\n" for file in maps).encode()).hexdigest()


def refuse_other_maps(folder: Path, now: Mapping[str, str] | None) -> None:
    """Refuse to go on with a training on other heads than it began with.

    Args:
        folder: of the fold.
        now: folder and SHA-256 of the label maps; none: there are none.

    Raises:
        UserError: they are others.
    """
    path = folder / CONFIG_JSON
    before = read_object(path).get(HEADS) if path.exists() else None
    if before and now and before.get("sha256") != now["sha256"]:
        raise UserError(
            f"--heads must hold the label maps that {folder} was trained on",
            got=f"others in {now['folder']}",
            hint="put them back, or start again with --overwrite",
        )
