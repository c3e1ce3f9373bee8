"""A model folder made ready to translate: slices in, slices out, or a scan in, a volume on its own grid out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.inference.models import Checkpoint, Model, read_model
from hifisyn.plans import Plans
from hifisyn.postprocessing.assemble import assemble, paste
from hifisyn.postprocessing.background import blank
from hifisyn.postprocessing.intensity import scanner_units
from hifisyn.postprocessing.restore import restore
from hifisyn.preprocessing.prepare import Prepared, prepare_source
from hifisyn.preprocessing.record import Record
from hifisyn.training import checkpoint as checkpoints
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import trainer_class
from hifisyn.training.step import resolve_device
from hifisyn.training.validation import centre, translate
from hifisyn.volume import Volume


@dataclass(frozen=True)
class Prediction:
    """A synthetic volume and what led to it.

    Attributes:
        image: float32, scanner units, on the grid and with the header of the scan; exactly 0 outside the brain.
        brain: uint8 mask on the same grid.
        source_slices: (S, H, W) float32 in [-1, 1], what the network was given.
        slices: (S, H, W) float32 in [-1, 1], what it made.
        record: what was done to the scan.
        scale: scanner units at +1.
    """

    image: Volume
    brain: Volume
    source_slices: np.ndarray
    slices: np.ndarray
    record: Record
    scale: float


class Predictor:
    """Translates with the weights of one fold; deterministic, the same with any labels or none.

    Attributes:
        model: the model folder.
        checkpoint: the weights in use.
        plans: what the model was trained by.
        device: where it computes.
    """

    def __init__(self, trainer: Trainer, model: Model, checkpoint: Checkpoint, device: torch.device) -> None:
        self.trainer = trainer.to(device).train(False)
        self.model, self.checkpoint, self.device = model, checkpoint, device
        self.plans: Plans = trainer.plans

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the checkpoint."""
        return sha256(self.checkpoint.file)

    @classmethod
    def from_folder(
        cls,
        model_folder: Path | str,
        fold: int | str | None = None,
        checkpoint: str | None = None,
        device: str = "auto",
    ) -> "Predictor":
        """Build the networks of a model folder and load their weights; nothing outside of the folder is read.

        Args:
            model_folder: holds plans.json, config.json and fold_*/checkpoint_*.pt.
            fold: number, "all", or none: the lowest that exists.
            checkpoint: "best", "final", "latest", or none: the first of these that exists.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".

        Raises:
            UserError: the folder, the fold, the checkpoint or the device is not there or not usable.
        """
        model = read_model(model_folder)
        chosen = model.checkpoint(fold, checkpoint)
        content = checkpoints.load(chosen.file)
        plans = Plans.checked(content["plans"], origin=str(chosen.file))
        trainer = trainer_class(content["method"])(plans, model.pair)
        checkpoints.restore(content, trainer)
        return cls(trainer, model, chosen, resolve_device(device))

    def translate_slices(self, slices: np.ndarray, source: str, target: str, batch: int = 8) -> np.ndarray:
        """Translate the centre window of each slice; around it the result is background, -1.

        Args:
            slices: (S, H, W) float32 in [-1, 1], H and W at least plans.slices.crop.
            source: modality of the slices.
            target: modality to make.
            batch: slices at a time; it changes speed and memory only.

        Returns:
            (S, H, W) float32 in [-1, 1].
        """
        if {source, target} != set(self.model.pair):
            raise ValueError(f"a translation within {self.model.pair} is wanted, got {source} to {target}")
        windows = np.ascontiguousarray(centre(slices, self.plans.slices.crop), dtype=np.float32)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            translated = translate(self.trainer, windows, source, target, batch)
        return paste(translated.clip(-1, 1), slices.shape[1:])

    def prepare(
        self,
        volume: Volume,
        source: str,
        *,
        stripped: bool | None = None,
        tool: str | None = None,
        command: str = "",
        mask: Volume | None = None,
    ) -> Prepared:
        """Make a scan ready: brain, bias, slices, intensities.

        Args:
            volume: the scan as its file has it.
            source: its modality.
            stripped: whether the skull is removed already; none: found out.
            tool: the skull stripping that the caller names; none: as the plans have it.
            command: the caller's own template for "command"; one of the plans is never run.
            mask: the caller's own brain mask on the scan's grid, or none.

        Raises:
            UserError: the scan cannot be prepared, or the plans name a command and the caller no tool.
        """
        return prepare_source(
            volume,
            source,
            self.plans,
            stripped=stripped,
            tool=tool,
            command=command,
            mask=mask,
            device=str(self.device),
        )

    def predict(
        self,
        volume: Volume,
        source: str,
        target: str,
        *,
        stripped: bool | None = None,
        prepared: Prepared | None = None,
    ) -> Prediction:
        """Make the target contrast of a scan.

        Args:
            volume: the scan as its file has it.
            source: its modality.
            target: modality to make.
            stripped: whether the skull is removed already; none: found out.
            prepared: what `prepare` returned for this scan, where that is known.

        Raises:
            UserError: the scan cannot be prepared, or the model lacks the scale of the target.
        """
        scale = self.plans.intensity_scale.get(target)
        if scale is None:
            raise UserError(
                f"{self.model.folder}: wanted intensity_scale of {target} in the plans, found none; train again"
            )
        if prepared is None:
            prepared = self.prepare(volume, source, stripped=stripped)
        slices = self.translate_slices(prepared.slices, source, target)
        data = blank(scanner_units(_restored(slices, prepared, volume).data, scale), prepared.mask.data > 0)
        image = volume.with_data(data).described(f"synthetic {target} by hifisyn")
        return Prediction(image, prepared.mask, prepared.slices, slices, prepared.record, scale)


def _restored(slices: np.ndarray, prepared: Prepared, volume: Volume) -> Volume:
    grid, places = prepared.record.slice_grid, prepared.record.slice_indices
    if grid is None:
        raise ValueError("a record with a slice grid is wanted, got one without")
    image = assemble(slices, places, grid.volume())
    brain = assemble(prepared.brain, places, grid.volume(), fill=False)
    return restore(image, brain, volume)
