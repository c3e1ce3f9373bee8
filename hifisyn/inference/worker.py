"""Generating the volumes of one case."""

import errno
import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.errors import FileError, UserError
from hifisyn.files import write_json
from hifisyn.inference.models import Model
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.prediction import Prediction
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.sidecar import sidecar
from hifisyn.inference.translations import Translation
from hifisyn.inference.weights import choose_weights
from hifisyn.pictures import sheet
from hifisyn.plans import Plans
from hifisyn.preprocessing.brain import planned_tool
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.preprocessing.record import Record
from hifisyn.preprocessing.steps import Stage, Step
from hifisyn.volume import Volume
from hifisyn.voxel_values import REPLACED

log = logging.getLogger(__name__)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Attempt:
    """The result of a translation.

    Attributes:
        translation: what was to be generated.
        problem: why it was not, in one line; empty where it was.
        unseen: share of the brain that lies outside the model's view.
        skull_strip: how the brain was found; None where the translation failed before.
    """

    translation: Translation
    problem: str = ""
    unseen: float = 0.0
    skull_strip: Step | None = None


class Worker:
    """Generates the volumes of a case one after the other; a scan that serves several models is prepared once."""

    def __init__(
        self, predictors: Mapping[Path, Predictor], output: OutputFolder, settings: PredictionSettings
    ) -> None:
        self.predictors, self.output, self.settings = predictors, output, settings

    def generate_case(self, translations: Sequence[Translation]) -> list[Attempt]:
        """Generate all volumes of a case; failures are isolated per volume.

        Raises:
            OSError: there is no room left on the disk.
        """
        prepared: list[tuple[Path, Plans, Prepared]] = []
        return [self._attempt(translation, prepared) for translation in translations]

    def _attempt(self, translation: Translation, prepared: list[tuple[Path, Plans, Prepared]]) -> Attempt:
        try:
            record = self._generate(translation, prepared)
            return Attempt(translation, unseen=record.outside_crop, skull_strip=record.steps[Stage.SKULL_STRIP])
        except Exception as error:
            if is_disk_full(error):
                raise
            return Attempt(translation, problem=_problem(error))

    def _generate(self, translation: Translation, prepared: list[tuple[Path, Plans, Prepared]]) -> Record:
        predictor = self.predictors[translation.model.folder]
        volume = Volume.load(translation.file)
        alike = (p for file, plans, p in prepared if file == translation.file and _alike(plans, predictor.plans))
        ready = next(alike, None)
        if ready is None:
            ready = self._prepare(volume, translation, predictor)
            prepared.append((translation.file, predictor.plans, ready))
        prediction = predictor.predict(volume, translation.source, translation.target, prepared=ready)
        self._write(translation, predictor, prediction)
        return prediction.record

    def _prepare(self, volume: Volume, translation: Translation, predictor: Predictor) -> Prepared:
        settings = self.settings
        if volume.replaced:
            got = f"{volume.replaced} NaN or infinite voxels"
            log.warning("%s", FileError(translation.file.name, "must hold finite intensities", got=got, hint=REPLACED))
        mask = mask_of(settings.masks, translation.case)
        return predictor.prepare(
            volume,
            translation.source,
            stripped=settings.stripped,
            tool=settings.skull_strip,
            command=settings.strip_command,
            mask=None if mask is None else Volume.load_mask(mask),
        )

    def _write(self, translation: Translation, predictor: Predictor, prediction: Prediction) -> None:
        title = f"{translation.case}: {translation.target} is synthetic"
        record = sidecar(translation, predictor, prediction, self.settings.command)
        with self.output.outputs(translation).staged() as stage:
            prediction.image.save(stage.image)
            prediction.brain.save(stage.brain)
            if prediction.expected_error is not None:
                prediction.expected_error.save(stage.error)
            sheet(stage.picture, _columns(translation, prediction), title=title)
            for path, content in stage.sidecars(record).items():
                write_json(path, content)


def load_predictors(models: Sequence[Model], settings: PredictionSettings) -> dict[Path, Predictor]:
    """Return a predictor for each model, by folder.

    Raises:
        UserError: a fold, a checkpoint or the device is missing or not usable, or the model's scans were stripped by a
            command and the user does not name a tool.
    """
    predictors = {
        model.folder: Predictor.load(
            model, choose_weights(model, settings.fold, settings.checkpoint, settings.tta), settings.device
        )
        for model in models
    }
    if not (settings.skull_strip or settings.stripped or settings.masks):
        for predictor in predictors.values():
            planned_tool(predictor.plans.preprocessing)
    return predictors


def mask_of(folder: Path | None, case: str) -> Path | None:
    """Return the user's own brain mask of a case; None where there is none."""
    names = [f"{case}{what}{ending}" for what in ("", "_brain") for ending in (".nii.gz", ".nii")]
    return next((folder / name for name in names if (folder / name).is_file()), None) if folder else None


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error would meet all further cases too: there is no room to write."""
    return isinstance(error, OSError) and error.errno in NO_ROOM


def _alike(one: Plans, other: Plans) -> bool:
    """Return whether scans are prepared alike under both plans."""
    return one.slices == other.slices and one.preprocessing == other.preprocessing


def _columns(translation: Translation, prediction: Prediction) -> dict[str, np.ndarray]:
    return {translation.source: prediction.source_slices, f"synthetic {translation.target}": prediction.slices}


def _problem(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
