"""What is written beside a synthetic volume, so that nobody takes it for a scan and anybody can make it again."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from hifisyn.files import sha256
from hifisyn.inference.prediction import Prediction
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.translations import Translation

NOTE = "Synthetic image made by a neural network. For research only, not for clinical use."

EXPECTED_ERROR = (
    "Absolute error that the networks expect of each voxel, in the units of the image; 0 outside the brain. "
    "Several weights and passes: the scale of a Laplace distribution of the variance of their mixture."
)


def identity(task: Translation, predictor: Predictor) -> dict[str, str]:
    """Return what a volume was made from: equal in two sidecars where the work would be the same.

    `CheckpointSHA256` covers all weights and what is done with them, see `hifisyn.inference.weights`.
    """
    return {"SourceSHA256": sha256(task.file), "CheckpointSHA256": predictor.fingerprint}


def sidecar(task: Translation, predictor: Predictor, prediction: Prediction, command: str) -> dict[str, Any]:
    """Return the content of the JSON file beside a synthetic volume, in BIDS style."""
    model, plans, record, weights = predictor.model, predictor.plans, prediction.record, predictor.weights
    intensity = record.scans[task.source].intensity
    return {
        "Synthetic": True,
        "Note": NOTE,
        "Modality": task.target,
        "SourceModality": task.source,
        "SourceFile": task.file.name,
        "Model": model.folder.resolve().name,
        "Method": model.method,
        "TrainedOn": plans.dataset,
        "Domains": list(model.domains),
        "Fold": _one_or_all(weights.folds),
        "Checkpoint": _one_or_all(weights.kinds),
        "Checkpoints": [f"{c.file.parent.name}/{c.file.name}" for c in weights.checkpoints],
        "TestTimeAugmentation": weights.tta,
        **identity(task, predictor),
        "IntensityScale": prediction.scale,
        **({} if prediction.expected_error is None else {"ExpectedError": EXPECTED_ERROR}),
        "SourceIntensity": {"low": intensity.low, "high": intensity.high} if intensity else None,
        "SkullStripped": True,
        "BrainMillilitres": record.brain_ml,
        "BrainOutsideCrop": record.outside_crop,
        "PredictionSettings": {
            "slices": plans.slices.model_dump(mode="json"),
            "preprocessing": plans.preprocessing.model_dump(mode="json"),
            "method": plans.settings,
        },
        "Steps": {stage.value: str(step) for stage, step in record.steps.items()},
        "Slices": len(record.slice_indices),
        "Device": str(predictor.device),
        "Versions": {name: version(name) for name in ("hifisyn", "torch", "nibabel", "numpy")},
        "Command": command,
    }


def _one_or_all(values: Sequence[int | str]) -> int | str | list[int | str]:
    return values[0] if len(values) == 1 else list(values)
