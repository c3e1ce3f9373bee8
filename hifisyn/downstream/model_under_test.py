"""A trained model under test: its weights, its held-out cases, and where the results go."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hifisyn.dataset import TISSUES
from hifisyn.directions import Direction
from hifisyn.downstream.nnunet_settings import NnUNetSettings
from hifisyn.downstream.scans import Scans
from hifisyn.downstream.synthetic_scans import SyntheticScans
from hifisyn.errors import UserError
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_task import choose_cases
from hifisyn.evaluation.of_model import subjects_of
from hifisyn.inference.models import Checkpoint, Model
from hifisyn.paths import ALIGNED, Roots
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.training.model_folder import PLANS_JSON

if TYPE_CHECKING:
    from hifisyn.inference.predictor import Predictor

Classes = Literal["auto", "lesions", "tissues"]


@dataclass(frozen=True)
class DownstreamSettings:
    """How models are tested.

    Attributes:
        nnunet: of every nnU-Net.
        tool: of the tissue task: "auto", "fast" or "atropos".
        classes: what nnU-Net segments: the lesions of the data set, its tissues, or lesions where it has any.
        split: "test", "val", or None: test where there is any, else val.
        fold, checkpoint: which weights; None: the lowest fold that exists; best before final before latest.
        device: of the translation.
        processes: cases at a time in the tissue task; None: as many as fit.
    """

    nnunet: NnUNetSettings
    tool: Literal["auto", "fast", "atropos"] = "auto"
    classes: Classes = "auto"
    split: str | None = None
    fold: int | str | None = None
    checkpoint: str | None = None
    device: str = "auto"
    processes: int | None = None


class ModelUnderTest:
    """One fold of one model, with everything that a task needs to know.

    Attributes:
        model: the model folder.
        checkpoint: the weights in use.
        settings: how it is tested.
        plans: of the model.
        split: "test" or "val".
        test: held-out cases.
        train: cases that it was trained on; nnU-Net learns from these too.
    """

    def __init__(self, model: Model, settings: DownstreamSettings, roots: Roots) -> None:
        self.model, self.settings, self.roots = model, settings, roots
        self.checkpoint: Checkpoint = model.checkpoint(settings.fold, settings.checkpoint)
        self.plans = Plans.load(model.folder / PLANS_JSON)
        folder = roots.preprocessed_dataset(self.plans.dataset)
        splits = Splits.of_dataset(folder)
        self.split, self.test, self.train = choose_cases(splits, self.checkpoint.fold, settings.split)
        self.scans = Scans(AlignedStore(folder / ALIGNED))
        self._subjects = subjects_of(model.folder)

    @cached_property
    def predictor(self) -> "Predictor":
        """The model, ready to translate."""
        from hifisyn.inference.predictor import Predictor

        kind = self.checkpoint.kind
        return Predictor.from_folder(self.model.folder, self.checkpoint.fold, kind, self.settings.device)

    @property
    def label(self) -> str:
        """Name of the model in tables."""
        return label(self.model, self.checkpoint.fold)

    @cached_property
    def weights(self) -> str:
        """SHA-256 of the weights."""
        from hifisyn.files import sha256

        return sha256(self.checkpoint.file)

    @property
    def folder(self) -> Path:
        """Where the results of this model go."""
        return self.checkpoint.file.parent / f"downstream_{self.split}"

    @property
    def shared(self) -> Path:
        """Where the nnU-Nets go that were trained on real scans alone and serve every model of the data set."""
        return self.roots.results / self.plans.dataset / "nnunet"

    @property
    def synthetic(self) -> SyntheticScans:
        """The synthetic scans of this model."""
        return SyntheticScans(self.folder / "synthetic", self.scans, self.weights, lambda: self.predictor)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """All that the model translates."""
        return self.model.directions

    def subject(self, case: str) -> str:
        """Return the person whom a case is of."""
        return self._subjects.get(case, case)

    @cached_property
    def classes(self) -> dict[str, int]:
        """Name and value of what nnU-Net segments.

        Raises:
            UserError: the data set has no labels of that kind.
        """
        return choose_classes(self.plans.labels, self.settings.classes)


def choose_classes(labels: Mapping[str, int], requested: Classes) -> dict[str, int]:
    """Return the labels that nnU-Net segments.

    >>> choose_classes({"background": 0, "CSF": 1, "GM": 2, "WM": 3, "tumour": 4}, "auto")
    {'tumour': 4}

    Raises:
        UserError: there are none of that kind.
    """
    tissues = {name: value for name, value in labels.items() if name in TISSUES and value}
    lesions = {name: value for name, value in labels.items() if name not in TISSUES}
    classes = tissues if requested == "tissues" else lesions if requested == "lesions" else lesions or tissues
    if not classes:
        raise UserError(
            f"--classes {requested}: the data set has no such labels",
            got=", ".join(labels),
            hint="choose others or add label maps",
        )
    return classes
