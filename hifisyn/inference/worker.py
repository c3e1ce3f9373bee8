"""Generating the volumes of one case."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hifisyn.inference.attempt import Attempt, problem_of
from hifisyn.inference.base.plan import BaseTranslation
from hifisyn.inference.base.worker import generate_with_base
from hifisyn.inference.models import Model
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.prediction import Prediction
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.scans import load_mask_of, tell_replaced
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.sidecar import sidecar
from hifisyn.inference.track_record import standing
from hifisyn.inference.translations import Translation, Wanted
from hifisyn.inference.unlike import Likeness, likeness
from hifisyn.inference.weights import choose_weights
from hifisyn.inference.write import write_prediction
from hifisyn.paths import fold_folder
from hifisyn.plans import Plans
from hifisyn.preprocessing.brain import planned_tool
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.preprocessing.record import Record
from hifisyn.preprocessing.steps import Stage
from hifisyn.training import training_scans
from hifisyn.training.likeness import Look
from hifisyn.troubles import is_disk_full
from hifisyn.volume import Volume


class Worker:
    """Generates the volumes of a case one after the other; a scan that serves several models is prepared once.

    Args:
        predictors: by model folder.
        output: where to write.
        settings: of the predictions.
    """

    def __init__(
        self, predictors: Mapping[Path, Predictor], output: OutputFolder, settings: PredictionSettings
    ) -> None:
        self.predictors, self.output, self.settings = predictors, output, settings
        self.looks = {folder: _looks(predictor) for folder, predictor in predictors.items()}

    def generate_case(self, wanted: Sequence[Wanted]) -> list[Attempt]:
        """Generate all volumes of a case; failures are isolated per volume.

        Raises:
            OSError: there is no room left on the disk.
        """
        prepared: list[tuple[Path, Plans, Prepared]] = []
        translations = [one for one in wanted if isinstance(one, Translation)]
        attempts = [self._attempt(translation, prepared) for translation in translations]
        of_base = [one for one in wanted if isinstance(one, BaseTranslation)]
        return attempts + generate_with_base(of_base, self.output, self.settings)

    def _attempt(self, translation: Translation, prepared: list[tuple[Path, Plans, Prepared]]) -> Attempt:
        try:
            record, seen = self._generate(translation, prepared)
            strip = record.steps[Stage.SKULL_STRIP]
            return Attempt(translation, unseen=record.outside_crop, skull_strip=strip, unlike=str(seen))
        except Exception as error:
            if is_disk_full(error):
                raise
            return Attempt(translation, problem=problem_of(error))

    def _generate(
        self, translation: Translation, prepared: list[tuple[Path, Plans, Prepared]]
    ) -> tuple[Record, Likeness]:
        predictor = self.predictors[translation.model.folder]
        volume = Volume.load(translation.file)
        alike = (p for file, plans, p in prepared if file == translation.file and _alike(plans, predictor.plans))
        ready = next(alike, None)
        if ready is None:
            ready = self._prepare(volume, translation, predictor)
            prepared.append((translation.file, predictor.plans, ready))
        prediction = predictor.predict(volume, translation.source, translation.target, prepared=ready)
        looks = self.looks[translation.model.folder]
        seen = likeness(looks, ready, translation.source, predictor.plans.slices.pixel_mm)
        record = sidecar(translation, predictor, prediction, seen, self.settings.command)
        columns = _columns(translation, prediction)
        note = f"{predictor.model.method}: {standing(predictor.model, predictor.weights.folds, translation.direction)}"
        write_prediction(self.output.outputs(translation), prediction, columns, record, note=note)
        return prediction.record, seen

    def _prepare(self, volume: Volume, translation: Translation, predictor: Predictor) -> Prepared:
        settings = self.settings
        tell_replaced(translation.file, volume)
        return predictor.prepare(
            volume,
            translation.source,
            stripped=settings.stripped,
            tool=settings.skull_strip,
            command=settings.strip_command,
            mask=load_mask_of(settings.masks, translation.case),
        )


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


def _looks(predictor: Predictor) -> dict[str, Look]:
    return training_scans.read(fold_folder(predictor.model.folder, predictor.weights.folds[0]))


def _alike(one: Plans, other: Plans) -> bool:
    """Return whether scans are prepared alike under both plans."""
    return one.slices == other.slices and one.preprocessing == other.preprocessing


def _columns(translation: Translation, prediction: Prediction) -> dict[str, np.ndarray]:
    return {translation.source: prediction.source_slices, f"synthetic {translation.target}": prediction.slices}
