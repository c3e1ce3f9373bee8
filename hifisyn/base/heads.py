"""Simulated heads kept on disk: made in processes, each once, and read slice by slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hifisyn.base.condition import cluster, tissue_means
from hifisyn.base.contrasts import CONTEXT, NAMED, TARGETS, TISSUES
from hifisyn.base.settings import SimulationSettings
from hifisyn.engine.parallel import run_cases
from hifisyn.errors import UserError
from hifisyn.files import sha256, write_json
from hifisyn.json_files import read_json
from hifisyn.simulation.label_maps import find_maps
from hifisyn.simulation.simulated_head import VERSION, SimulatedHead, simulate_head
from hifisyn.slices import BRAIN, LABEL, SliceStore, read_array

ASKED, SLICES = "heads.json", "slices"
STRANGE, TRUTH = "strange", "truth_"
STEPS = 2047  # grey levels each side of 0: finer than any noise, and half the size on disk
LEAST_BRAIN = 0.02


@dataclass(frozen=True)
class HeadSlices:
    """A head on disk.

    Attributes:
        name: of its files.
        places: slices with enough brain.
        lesion: share of each of these slices' brain that is lesion.
        slices: of the stack.
        pixel_mm: side of a pixel.
        look: mean of each tissue in each clean target.
        clustered: the same, where tissues are clusters of T1's brightness.
    """

    name: str
    places: tuple[int, ...]
    lesion: tuple[float, ...]
    slices: int
    pixel_mm: float
    look: dict[str, list[float | None]]
    clustered: dict[str, list[float | None]]


class Heads:
    """The simulated heads of a folder.

    Args:
        folder: that `simulate` filled.
        names: the heads to read.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        store = SliceStore(folder / SLICES)
        self._folder = store.folder
        self.heads = tuple(_described(name, store.record(name)) for name in names)

    def image(self, head: HeadSlices, name: str, places: Sequence[int]) -> np.ndarray:
        """Return slices (n, H, W) float32 in [-1, 1]: of a contrast, of `strange`, or of TRUTH + a target."""
        return self._read(head, name, places)

    def brain(self, head: HeadSlices, place: int) -> np.ndarray:
        """Return the brain mask (H, W) of a slice, bool."""
        return np.asarray(self._read(head, BRAIN, [place])[0] > 0)

    def label(self, head: HeadSlices, place: int) -> np.ndarray:
        """Return the tissues (H, W) of a slice, uint8: 1 to 4 in the order of `TISSUES`, else 0."""
        return np.asarray(self._read(head, LABEL, [place])[0])

    def _read(self, head: HeadSlices, name: str, places: Sequence[int]) -> np.ndarray:
        return read_array(self._folder / f"{head.name}_{name}.b2nd", list(places), maker="hifisyn_pretrain")


def neighbours(head: HeadSlices, place: int) -> list[int]:
    """Return a place amid those of its neighbours; the outermost slice stands for what lies beyond."""
    return [min(max(place + step, 0), head.slices - 1) for step in range(-CONTEXT, CONTEXT + 1)]


def simulate(
    folder: Path, maps: Path | None, seed: int, settings: SimulationSettings, processes: int | None = None
) -> list[str]:
    """Fill a folder with simulated heads; those that are there already stay.

    Args:
        folder: of the heads.
        maps: folder of label maps; none: the phantom's own anatomy.
        seed: of all heads.
        settings: how many, and their size.
        processes: at a time; none: as many as fit.

    Returns:
        The names of the heads, in order.

    Raises:
        UserError: the folder holds other heads, there is no map, or a head failed.
    """
    files = [None] if maps is None else find_maps(maps)
    hashes = [file and sha256(file) for file in files]
    _claim(folder, {"simulation": VERSION, "seed": seed, "maps": hashes, **_drawn(settings)})
    names = [f"head_{number:05d}" for number in range(settings.heads)]
    there = set(SliceStore(folder / SLICES).cases())
    jobs = {
        name: (folder, name, files[number % len(files)], seed, number, settings)
        for number, name in enumerate(names)
        if name not in there
    }
    if jobs and (failed := run_cases(write_head, jobs, processes=processes, title="simulated heads")):
        raise UserError(f"{failed[0].case} failed", got=failed[0].reason, hint="look at its label map")
    return names


def write_head(
    folder: Path, name: str, map_file: Path | None, seed: int, number: int, settings: SimulationSettings
) -> None:
    """Simulate a head and write its slices; the record, which makes it count, is written last."""
    keep(folder, name, simulate_head(map_file, seed, number, **_drawn(settings)))


def _drawn(settings: SimulationSettings) -> dict[str, Any]:
    return settings.model_dump(include={"size", "lesions", "physics"})


def keep(folder: Path, name: str, head: SimulatedHead) -> None:
    """Write a head's slices."""
    images = {m: head.images[m] for m in NAMED} | {STRANGE: head.strange}
    images |= {TRUTH + m: head.targets[m] for m in TARGETS}
    clusters = cluster(head.targets["T1"], head.labels)
    brain = head.brain.mean(axis=(1, 2))
    lesion = (head.labels == TISSUES.index("lesion") + 1).mean(axis=(1, 2))
    enough = brain >= LEAST_BRAIN
    record: dict[str, Any] = {
        "pixel_mm": float(head.pixel_mm),
        "places": np.flatnonzero(enough).tolist(),
        "lesion": [round(float(share), 4) for share in lesion[enough] / brain[enough]],
        "look": {m: tissue_means(head.targets[m], head.labels) for m in TARGETS},
        "clustered": {m: tissue_means(head.targets[m], clusters) for m in TARGETS},
    }
    SliceStore(folder / SLICES).write(
        name, {m: _rounded(a) for m, a in images.items()}, head.brain, head.labels, record
    )


def _rounded(image: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(image * STEPS) / STEPS, dtype=np.float32)


def _described(name: str, record: dict[str, Any]) -> HeadSlices:
    return HeadSlices(
        name,
        tuple(record["places"]),
        tuple(record["lesion"]),
        len(record["training"]),
        float(record["pixel_mm"]),
        record["look"],
        record["clustered"],
    )


def _claim(folder: Path, asked: dict[str, Any]) -> None:
    """Write down which heads a folder is for.

    Raises:
        UserError: it is for others.
    """
    file = folder / ASKED
    if file.exists() and read_json(file) != asked:
        raise UserError(
            f"{folder} must hold heads of this seed, these maps and settings, by this version",
            got="others",
            hint="name another folder, or remove it",
        )
    write_json(file, asked)
