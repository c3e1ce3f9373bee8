"""Pairs of synthetic and real volumes: found by name, loaded on one grid, processed one by one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.engine.progress import Progress
from hifisyn.errors import UserError
from hifisyn.raw_files import is_nifti, stem_of
from hifisyn.volume import Volume

ENDINGS = (".nii.gz", ".nii")
MASK, ERROR = "_brain", "_error"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Pair:
    """The files of one synthetic volume.

    Attributes:
        name: name of the files without ending: IXI012_T2.
        synthetic: the synthetic volume.
        truth: the real scan of the same name; None if there is none.
        mask: the brain mask; None if there is none.
    """

    name: str
    synthetic: Path
    truth: Path | None
    mask: Path | None

    @property
    def case(self) -> str:
        """The case: IXI012."""
        return self.name.rpartition("_")[0]

    @property
    def modality(self) -> str:
        """The synthetic contrast: T2."""
        return self.name.rpartition("_")[2]

    @property
    def sidecar(self) -> Path:
        """The JSON file beside the volume that says how it was predicted."""
        return self.synthetic.parent / f"{self.name}.json"


@dataclass(frozen=True)
class Loaded:
    """A pair in memory.

    Attributes:
        synthetic: the synthetic volume.
        truth: the real scan on the grid of the synthetic volume.
        brain: bool, the same shape.
        mask: where the brain comes from: "file", or "synthetic > 0".
        registered: whether the truth was registered and resampled.
    """

    synthetic: Volume
    truth: Volume
    brain: np.ndarray
    mask: str
    registered: bool


def find_pairs(synth: Path, truth: Path, masks: Path | None = None, modality: str | None = None) -> list[Pair]:
    """Pair the volumes of a folder with the real scans of the same name.

    Args:
        synth: folder of synthetic volumes CASE_T2.nii.gz; brain masks CASE_T2_brain.nii.gz and expected
            errors CASE_T2_error.nii.gz may lie beside them.
        truth: folder of real scans CASE_T2.nii.gz.
        masks: folder of brain masks CASE_T2_brain.nii.gz, CASE_brain.nii.gz or CASE.nii.gz, instead of `synth`.
        modality: only volumes of this contrast.

    Raises:
        UserError: a folder is missing, or holds no volume of that kind.
    """
    for folder in (synth, truth, *([masks] if masks else [])):
        if not folder.is_dir():
            raise UserError(f"{folder} must be a folder of NIfTI files", hint="check the name")
    files = sorted(f for f in synth.iterdir() if is_nifti(f) and not f.name.startswith("."))
    names = {name: file for file in files if "_" in (name := stem_of(file)) and not name.endswith((MASK, ERROR))}
    if modality is not None:
        names = {name: file for name, file in names.items() if name.rpartition("_")[2] == modality}
    if not names:
        there = ", ".join(file.name for file in files[:4]) or "none"
        raise UserError(
            f"{synth} must hold synthetic volumes such as CASE_{modality or 'T2'}.nii.gz",
            got=there,
            hint="predict them with hifisyn_predict",
        )
    return [Pair(name, file, find_volume(truth, [name]), _mask(name, synth, masks)) for name, file in names.items()]


def load_pair(pair: Pair, *, register: bool = False, mask_required: bool = False) -> Loaded:
    """Read a pair and check that both lie on one grid.

    Args:
        pair: the files.
        register: register a truth that lies on another grid to the synthetic volume (rigid) and resample it.
        mask_required: refuse to take the mask from the synthetic volume.

    Raises:
        UserError: a file is missing or broken, or the grids differ.
    """
    if pair.truth is None:
        raise UserError(f"the real scan {pair.name}.nii.gz does not exist", hint="copy it to the folder of real scans")
    if pair.mask is None and mask_required:
        raise UserError(f"the brain mask {pair.name}{MASK}.nii.gz does not exist", hint="pass --masks FOLDER")
    synthetic, truth = Volume.load(pair.synthetic), Volume.load(pair.truth)
    brain = synthetic.data > 0
    if pair.mask is not None:
        given = Volume.load_mask(pair.mask)
        mask = given.on_grid_of(synthetic)
        if mask is None:
            what = f"{pair.mask} must be on the grid of {pair.synthetic.name}, {_grid(synthetic)}"
            raise UserError(what, got=_grid(given), hint="resample the mask")
        brain = mask.data > 0
    if not brain.any():
        file = pair.mask or pair.synthetic
        raise UserError(f"{file.name} must have values above 0", hint="predict it again")
    turned = truth.on_grid_of(synthetic)
    if turned is None and not register:
        raise UserError(
            f"{pair.truth} must be on the grid of {pair.synthetic.name}, {_grid(synthetic)}",
            got=_grid(truth),
            hint="pass --register or resample it",
        )
    real = _registered(truth, synthetic, brain) if turned is None else turned
    return Loaded(synthetic, real, brain, "file" if pair.mask else "synthetic > 0", turned is None)


def attempt(pairs: Iterable[Pair], work: Callable[[Pair], Result], title: str) -> tuple[list[Result], list[Failure]]:
    """Do `work` for each pair; failures are isolated per pair.

    Args:
        pairs: what to go through.
        work: what to do with each.
        title: in front of the progress lines on stderr.

    Raises:
        OSError: writing fails, which is no fault of the pair.
    """
    pairs = list(pairs)
    results: list[Result] = []
    failures: list[Failure] = []
    progress = Progress(title, len(pairs))
    for pair in pairs:
        before = len(failures)
        try:
            results.append(work(pair))
        except OSError:
            raise
        except Exception as error:
            failures.append(Failure(pair.name, one_line(error)))
        progress.step(pair.name, failed=len(failures) > before)
    return results, failures


def _registered(truth: Volume, synthetic: Volume, brain: np.ndarray) -> Volume:
    from hifisyn.preprocessing.register import register
    from hifisyn.preprocessing.registration_checks import Verdict
    from hifisyn.preprocessing.resample import resample
    from hifisyn.preprocessing.rigid import place

    registration = register(synthetic, truth, synthetic.with_data(brain.astype(np.uint8)))
    if registration.checks.verdict is not Verdict.TRUSTED:
        raise UserError(
            "the registration of the real scan to the synthetic one must be trusted",
            got=registration.checks,
            hint="register it yourself, or leave it out",
        )
    return resample(place(truth, registration.moving_to_fixed), synthetic)


def find_volume(folder: Path, names: list[str]) -> Path | None:
    """Return the first NIfTI file of a folder that bears one of the names; none if there is none."""
    paths = [folder / f"{name}{ending}" for name in names for ending in ENDINGS]
    return next((path for path in paths if path.is_file()), None)


def _mask(name: str, synth: Path, masks: Path | None) -> Path | None:
    case = name.rpartition("_")[0]
    beside = [f"{name}{MASK}", f"{case}{MASK}"]
    return find_volume(synth, beside) if masks is None else find_volume(masks, [*beside, case])


def _grid(volume: Volume) -> str:
    shape, spacing = "x".join(map(str, volume.shape)), "x".join(f"{s:.3g}" for s in volume.spacing)
    return f"{shape} at {spacing} mm from {', '.join(f'{place:.3f}' for place in volume.affine[:3, 3])}"
