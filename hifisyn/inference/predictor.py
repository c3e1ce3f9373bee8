"""A model folder ready to translate: slices in, slices out, or a scan in, a volume on its own grid out."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hifisyn.errors import UserError
from hifisyn.inference.augmented import Shifted
from hifisyn.inference.ensemble import Ensemble
from hifisyn.inference.members import load_members
from hifisyn.inference.models import Model, read_model
from hifisyn.inference.prediction import Prediction, Translated, in_scanner_units
from hifisyn.inference.weights import Folds, Kinds, Weights, choose_weights
from hifisyn.plans import Plans
from hifisyn.postprocessing.assemble import paste
from hifisyn.preprocessing.neighbours import with_neighbours
from hifisyn.preprocessing.prepare import Prepared, prepare_source
from hifisyn.training.contract import Trainer
from hifisyn.training.step import resolve_device
from hifisyn.training.validation import centre
from hifisyn.volume import Volume


class Predictor:
    """Translates with the weights of one checkpoint or several; deterministic, with any labels or none.

    Attributes:
        trainers: one for each checkpoint, in their order.
        model: the model folder.
        weights: those in use.
        plans: of the training.
        device: where it computes.

    >>> predictor = Predictor.from_folder("hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d", device="cpu")
    >>> prediction = predictor.predict(Volume.load("scans/P01_T1.nii.gz"), "T1", "T2", stripped=True)
    >>> prediction.image.shape
    (56, 68, 24)
    """

    def __init__(self, trainers: Sequence[Trainer], model: Model, weights: Weights, device: torch.device) -> None:
        self.trainers = tuple(trainer.to(device).train(False) for trainer in trainers)
        self.model, self.weights, self.device = model, weights, device
        self.plans: Plans = self.trainer.plans

    @property
    def trainer(self) -> Trainer:
        """That of the first checkpoint."""
        return self.trainers[0]

    @property
    def context(self) -> int:
        """Neighbours that the networks need on each side of a slice."""
        return self.trainer.NEEDS.context

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the weights, see `Weights.fingerprint`."""
        return self.weights.fingerprint

    @classmethod
    def from_folder(
        cls,
        model_folder: Path | str,
        fold: Folds = None,
        checkpoint: Kinds = None,
        device: str = "auto",
        tta: bool = False,
    ) -> "Predictor":
        """Build the networks of a model folder and load their weights; nothing outside of the folder is read.

        Several folds or checkpoints translate together, see `hifisyn.inference.ensemble`.

        Args:
            model_folder: holds plans.json, config.json and fold_*/checkpoint_*.pt.
            fold: number, "all", several of these, or None: the lowest that exists.
            checkpoint: "best", "final", "latest", several of these, or None: the first of these that exists.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".
            tta: translate each image at shifts and mirrored too, see `hifisyn.inference.augmented`.

        Raises:
            UserError: the folder, a fold, a checkpoint or the device is missing or not usable, or the checkpoints do
                not go together.
        """
        model = read_model(model_folder)
        return cls.load(model, choose_weights(model, fold, checkpoint, tta), device)

    @classmethod
    def load(cls, model: Model, weights: Weights, device: str = "auto") -> "Predictor":
        """Build the networks of a model and load these weights; see `from_folder`."""
        return cls(load_members(model, weights), model, weights, resolve_device(device))

    def translator(self, source: str, target: str) -> nn.Module:
        """Return the module that translates `source` to `target` with all weights, see `Trainer.translator`.

        Raises:
            ValueError: the model does not translate it.
        """
        if (source, target) not in self.model.directions:
            raise ValueError(f"translations must be within {self.model.domains}, got {source} to {target}")
        together: nn.Module = Ensemble(trainer.translator(source, target) for trainer in self.trainers)
        if self.weights.tta:
            together = Shifted(together, _stride(self.plans))
        return together.eval()

    def translate_slices(self, slices: np.ndarray, source: str, target: str, batch: int = 8) -> np.ndarray:
        """Return the slices of `translate`."""
        return self.translate(slices, source, target, batch).slices

    def translate(self, slices: np.ndarray, source: str, target: str, batch: int = 8) -> Translated:
        """Translate the centre window of each slice; around it the result is background, -1.

        Args:
            slices: (S, H, W) float32 in [-1, 1], H and W at least plans.slices.crop; (S, 1 + 2 * context, H, W), each
                slice amid its neighbours, where the networks look at them.
            source: contrast of the slices.
            target: contrast to generate.
            batch: slices at a time; it changes speed and memory only.
        """
        channels = 1 + 2 * self.context
        stacked = slices[:, None] if slices.ndim == 3 else slices
        if stacked.ndim != 4 or stacked.shape[1] != channels:
            raise ValueError(f"slices must have {self.context} neighbours on each side, got {slices.shape}")
        windows = np.ascontiguousarray(centre(stacked, self.plans.slices.crop), dtype=np.float32)
        answers, shape = self._run(windows, source, target, batch), slices.shape[-2:]
        image = paste(answers[:, 0].clip(-1, 1), shape)
        return Translated(image, _pasted_error(answers[:, 1], shape) if answers.shape[1] > 1 else None)

    def _run(self, windows: np.ndarray, source: str, target: str, batch: int) -> np.ndarray:
        """Return the networks' answers to (S, C, h, w), as (S, 1 or 2, h, w)."""
        translator = self.translator(source, target)
        parts = np.array_split(windows, math.ceil(len(windows) / batch))
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with exact, torch.inference_mode():
            answers = [translator(torch.from_numpy(part).to(self.device)).float().cpu() for part in parts]
        found: np.ndarray = torch.cat(answers).numpy()
        if not np.isfinite(found).all():
            what = f"{self.model.folder} must translate {source} to {target} into finite values"
            raise UserError(what, got="NaN or infinity", hint="choose other weights with --fold or --checkpoint")
        return found

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
        """Prepare a scan: brain, bias, slices, intensities.

        Args:
            volume: the scan as its file has it.
            source: its contrast.
            stripped: whether the skull is removed already; None: detected.
            tool: the skull stripping that the caller names; None: as the plans have it.
            command: the caller's own template for "command"; one of the plans is never run.
            mask: the caller's own brain mask on the scan's grid, or None.

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
        """Generate the target contrast of a scan.

        Args:
            volume: the scan as its file has it.
            source: its contrast.
            target: contrast to generate.
            stripped: whether the skull is removed already; None: detected.
            prepared: the result of `prepare` for this scan, where it is known.

        Raises:
            UserError: the scan cannot be prepared, or the model lacks the scale of the target.
        """
        scale = self.plans.intensity_scale.get(target)
        if scale is None:
            what = f"{self.model.folder}: the plans have no intensity_scale of {target}"
            raise UserError(what, hint="train again")
        if prepared is None:
            prepared = self.prepare(volume, source, stripped=stripped)
        windows = with_neighbours(prepared.slices, prepared.covered, range(len(prepared.slices)), self.context)
        return in_scanner_units(self.translate(windows, source, target), prepared, volume, target, scale)


def _stride(plans: Plans) -> int:
    """Return image pixels along each side of a content pixel, 1 where the method has no such setting."""
    return 1 << int(plans.settings.get("networks", {}).get("n_down", 0))


def _pasted_error(log_scale: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the expected errors (S, H, W) of logarithms (S, h, w); 0 around the window."""
    inside = paste(np.ones_like(log_scale), shape) > 0
    return np.where(inside, paste(np.exp(log_scale), shape), 0).astype(np.float32)
