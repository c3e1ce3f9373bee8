"""The nnU-Nets of the lesion and the augment task. Those that learn from real scans alone serve all models."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hifisyn.downstream.model_under_test import ModelUnderTest
from hifisyn.downstream.nnunet import NnUNet, Segmenter, TrainingCase, consecutive, renumbered
from hifisyn.downstream.nnunet_settings import NnUNetSettings
from hifisyn.volume import Volume

NewSegmenter = Callable[[Path, NnUNetSettings, str], Segmenter]

# Seconds a training step and a scan: measured on two CPU cores; those of a GPU are nnU-Net's own figures.
STEP_SECONDS = {("small", "cpu"): 0.25, ("full", "cpu"): 20.0, ("small", "gpu"): 0.05, ("full", "gpu"): 0.12}
SCAN_SECONDS = {"cpu": 3.0, "gpu": 2.0}
CASE_SECONDS = 3.0


def real_cases(model: ModelUnderTest, modality: str) -> list[TrainingCase]:
    """Return the training cases of the model's fold that have the contrast and labels."""
    return [
        TrainingCase(case, model.subject(case), model.scans.key(case), _Real(model, case, modality))
        for case in model.train
        if model.scans.has(case, modality, labelled=True)
    ]


def synthetic_copies(model: ModelUnderTest, source: str, modality: str) -> list[TrainingCase]:
    """Return a copy in the contrast of each training case that has the source and labels, predicted by the model."""
    return [
        TrainingCase(
            f"{case}__synthetic",
            model.subject(case),
            f"{model.scans.key(case)} {model.weights}",
            _Copy(model, case, source, modality),
            synthetic=True,
        )
        for case in model.train
        if model.scans.has(case, source, labelled=True)
    ]


def real_network(model: ModelUnderTest, modality: str, new: NewSegmenter = NnUNet) -> Segmenter:
    """Return the nnU-Net that learns from real scans of the contrast; not trained yet."""
    classes = "_".join(model.classes)
    folder = model.shared / f"{modality}_{classes}_fold_{model.checkpoint.fold}"
    return new(folder, model.settings.nnunet, f"nnU-Net on real {modality}")


def trained(model: ModelUnderTest, segmenter: Segmenter, modality: str, cases: Sequence[TrainingCase]) -> Segmenter:
    """Return the segmenter after training on the cases, which takes no time where that was done before."""
    segmenter.train(modality, consecutive(model.classes), cases)
    return segmenter


def training_seconds(settings: NnUNetSettings, cases: int) -> float:
    """Return about how long a training takes."""
    where = "cpu" if settings.device == "cpu" else "gpu"
    return CASE_SECONDS * cases + STEP_SECONDS[settings.size, where] * settings.steps


def segmenting_seconds(settings: NnUNetSettings, scans: int) -> float:
    """Return about how long it takes to segment scans."""
    return SCAN_SECONDS["cpu" if settings.device == "cpu" else "gpu"] * scans * len(settings.folds)


class _Real:
    def __init__(self, model: ModelUnderTest, case: str, modality: str) -> None:
        self.model, self.case, self.modality = model, case, modality

    def __call__(self) -> tuple[Volume, Volume]:
        scans = self.model.scans
        return scans.real(self.case, self.modality), renumbered(scans.labels(self.case), self.model.classes)


class _Copy:
    def __init__(self, model: ModelUnderTest, case: str, source: str, modality: str) -> None:
        self.model, self.case, self.source, self.modality = model, case, source, modality

    def __call__(self) -> tuple[Volume, Volume]:
        copy = self.model.synthetic.volume(self.case, self.source, self.modality)
        return copy, renumbered(self.model.scans.labels(self.case), self.model.classes)
