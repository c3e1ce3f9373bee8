"""The sidecar of a volume that the base model generated: from what, looking like what, and what its numbers mean."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from hifisyn.base.contrasts import TARGETS, TISSUES, UNNAMED
from hifisyn.base.shipped import NAME
from hifisyn.base.translate import BaseModel
from hifisyn.files import sha256
from hifisyn.inference.base.look import TargetLook
from hifisyn.inference.base.plan import BaseTranslation
from hifisyn.inference.base.prediction import FULL_SCALE, units
from hifisyn.inference.base.recognise import Recognised
from hifisyn.inference.prediction import Prediction
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.sidecar import heading
from hifisyn.preprocessing.prepare_case import PreparedCase

TRAINED_ON = "simulated heads"
EXPECTED_ERROR = (
    "Absolute error that the network expects of each voxel, in the units of the image; 0 outside the brain. "
    "It learnt what to expect from simulated heads, and was scaled to its errors on two scans of one patient."
)
RELATIVE = (
    f"0 to {FULL_SCALE:.0f}: from the darkest to the brightest that a brain is on this contrast; no scanner units. "
    "0 outside the brain."
)
ALIKE = "Units of the scan that the image is to look like; 0 outside the brain."


def base_identity(translation: BaseTranslation, model: BaseModel, settings: PredictionSettings) -> dict[str, Any]:
    """Return what a volume is generated from, equal in two sidecars where the result would be the same."""
    look = settings.looks.get(translation.target)
    return {
        "SourceSHA256": sha256(translation.file),
        "GivenSHA256": {contrast: sha256(file) for contrast, file in translation.given.items()},
        "CheckpointSHA256": model.sha256,
        "LookSHA256": {target: other.sha256 for target, other in settings.looks.items()},
        "TestTimeAugmentation": settings.tta,
        "Look": _look(look) if look else None,
    }


def base_sidecar(
    translation: BaseTranslation,
    model: BaseModel,
    case: PreparedCase,
    recognised: Recognised,
    prediction: Prediction,
    settings: PredictionSettings,
) -> dict[str, Any]:
    """Return the content of the JSON file beside a synthetic volume, in BIDS style."""
    record = prediction.record
    look = settings.looks.get(translation.target)
    low, high = units(translation.target, settings.looks)
    replaced = {contrast: scan.replaced_voxels for contrast, scan in record.scans.items() if scan.replaced_voxels}
    ranges = {contrast: scan.intensity for contrast, scan in record.scans.items() if scan.intensity}
    return {
        **heading(translation),
        "GivenModalities": list(case.images),
        "GivenFiles": {contrast: translation.given[contrast].name for contrast in case.images},
        "GivenWithoutName": recognised.unnamed,
        "TakenAs": {contrast: slot for slot, contrast in recognised.slots.items() if slot not in (contrast, UNNAMED)},
        "LooksLike": {contrast: _rounded(likely) for contrast, likely in recognised.likely.items()},
        "LeftOut": case.left_out | dict.fromkeys(translation.not_taken, f"{NAME} does not know it"),
        "Model": NAME,
        "Method": "base",
        "TrainedOn": TRAINED_ON,
        "Domains": list(TARGETS),
        **base_identity(translation, model, settings),
        "IntensityMeaning": ALIKE if look else RELATIVE,
        "IntensityRange": [low, high],
        "IntensityScale": prediction.scale,
        "ExpectedError": EXPECTED_ERROR,
        "GivenIntensity": {contrast: {"low": i.low, "high": i.high} for contrast, i in ranges.items()},
        **({"ReplacedVoxels": replaced} if replaced else {}),
        "SkullStripped": True,
        "BrainMillilitres": record.brain_ml,
        "HeadLies": recognised.pose.value,
        "Steps": {stage.value: str(step) for stage, step in record.steps.items()},
        "Plane": case.plane.value,
        "PixelMillimetres": round(case.pixel_mm, 4),
        "SliceMillimetres": round(case.slice_mm, 4),
        "Slices": len(case.reference.brain),
        "Device": "cpu",
        "Versions": {name: version(name) for name in ("hifisyn", "torch", "nibabel", "numpy")},
        "Command": settings.command,
    }


def _rounded(likely: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in likely.items()}


def _look(look: TargetLook) -> dict[str, Any]:
    return {"File": look.file, "Means": dict(zip(TISSUES, look.means, strict=True)), "Range": [look.low, look.high]}
