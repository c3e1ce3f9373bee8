"""How to predict, whatever the cases are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.inference.base.look import TargetLook
from hifisyn.inference.weights import Folds, Kinds


@dataclass(frozen=True)
class PredictionSettings:
    """Settings of all predictions of a run.

    Attributes:
        fold, checkpoint: which weights of each model, several of them together; None: lowest fold, best before final
            before latest.
        tta: whether each image is translated at shifts and mirrored too.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        stripped: whether the skull is removed from the scans already; None: detected for each.
        skull_strip: the tool that the user names; None: as the model's plans have it.
        strip_command: the user's own template for "command"; one of the model's plans is never run.
        masks: folder of the user's own brain masks, CASE.nii.gz or CASE_brain.nii.gz, on the grids of the sources.
        command: what the user typed, for the sidecar.
        processes: cases at a time.
        looks: of the base model: what targets are to look like.
    """

    fold: Folds = None
    checkpoint: Kinds = None
    tta: bool = False
    device: str = "auto"
    stripped: bool | None = None
    skull_strip: str | None = None
    strip_command: str = ""
    masks: Path | None = None
    command: str = ""
    processes: int = 1
    looks: Mapping[str, TargetLook] = field(default_factory=dict)
