"""What is written beside a synthetic volume, so that nobody takes it for a scan and anybody can make it again."""

from importlib.metadata import version
from typing import Any

from hifisyn.files import sha256
from hifisyn.inference.predictor import Prediction, Predictor
from hifisyn.inference.tasks import Task

NOTE = "Synthetic image made by a neural network. For research only, not for clinical use."


def identity(task: Task, predictor: Predictor) -> dict[str, str]:
    """Return what a volume was made from: equal in two sidecars where the work would be the same."""
    return {"SourceSHA256": sha256(task.file), "CheckpointSHA256": predictor.fingerprint}


def sidecar(task: Task, predictor: Predictor, prediction: Prediction, command: str) -> dict[str, Any]:
    """Return the content of the JSON file beside a synthetic volume, in BIDS style."""
    model, plans, record = predictor.model, predictor.plans, prediction.record
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
        "Fold": predictor.checkpoint.fold,
        "Checkpoint": predictor.checkpoint.kind,
        **identity(task, predictor),
        "IntensityScale": prediction.scale,
        "SourceIntensity": {"low": intensity.low, "high": intensity.high} if intensity else None,
        "SkullStripped": True,
        "BrainMillilitres": record.brain_ml,
        "BrainOutsideCrop": record.outside_crop,
        "Settings": {
            "slices": plans.slices.model_dump(mode="json"),
            "preprocessing": plans.preprocessing.model_dump(mode="json"),
            "test_read": plans.memory.test_read,
        },
        "Steps": record.steps,
        "Slices": len(record.slice_indices),
        "Device": str(predictor.device),
        "Versions": {name: version(name) for name in ("hifisyn", "torch", "nibabel", "numpy")},
        "Command": command,
    }
