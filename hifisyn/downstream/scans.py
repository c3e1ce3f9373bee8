"""Real and synthetic scans of a case as downstream tasks see them: brain alone, on the grid that labels are given on.

Tasks compare a real scan with a synthetic one, so both must be alike in all but what is asked: the same grid (of the
reference contrast), the same brain, and nothing outside it. Real scans are the aligned ones of the preprocessing;
synthetic ones are predicted from the aligned source, with the brain that is known, so no step is done twice.
"""

from typing import TYPE_CHECKING

import numpy as np

from hifisyn.downstream.inside_brain import continued, inside_brain
from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.prepare import prepare_source
from hifisyn.preprocessing.record import untrusted
from hifisyn.preprocessing.resample import resample_mask
from hifisyn.volume import Volume

if TYPE_CHECKING:
    from hifisyn.inference.predictor import Predictor


class Scans:
    """The aligned cases of a data set, read as downstream tasks need them."""

    def __init__(self, store: AlignedStore) -> None:
        self.store = store

    def has(self, case: str, *modalities: str, labelled: bool = False) -> bool:
        """Return whether a case is aligned and has all the contrasts, and a label map if one is required.

        A contrast whose registration is not trusted does not count: neither labels nor other scans lie where it does.
        """
        if not self.store.record_path(case).exists():
            return False
        record = self.store.record(case)
        there = set(record["scans"]) - set(untrusted(record))
        return set(modalities) <= there and (bool(record["labelled"]) or not labelled)

    def key(self, case: str) -> str:
        """Return what the aligned case comes from; it changes when the case does."""
        return self.store.key(case) or ""

    def brain(self, case: str) -> Volume:
        """Return the brain mask, uint8, on the reference grid."""
        return self.store.brain(case)

    def labels(self, case: str) -> Volume:
        """Return the label map, uint8, on the reference grid."""
        return self.store.label(case)

    def real(self, case: str, modality: str) -> Volume:
        """Return a real scan, float32, on the reference grid, 0 outside the brain."""
        brain = self.brain(case)
        return _inside(self.store.image(case, modality), brain)

    def synthetic(self, case: str, predictor: "Predictor", source: str, target: str) -> Volume:
        """Return the prediction of a case, float32 in scanner units, on the reference grid, 0 outside the brain.

        Args:
            case: name.
            predictor: the model.
            source: contrast that goes in.
            target: contrast that comes out.

        Raises:
            UserError: the case lacks the source, or the scan cannot be prepared.
        """
        if not self.has(case, source):
            raise UserError(f"{case} has no {source}", hint="choose another case")
        scan, brain = self.store.image(case, source), self.brain(case)
        mask = brain if brain.same_grid(scan) else resample_mask(brain, scan)
        prepared = prepare_source(scan, source, _debiased(predictor.plans), stripped=False, mask=mask)
        prediction = predictor.predict(scan, source, target, prepared=prepared)
        image = prediction.image
        return _inside(continued(image, prediction.brain), brain).described(f"synthetic {target} by hifisyn")


def _debiased(plans: Plans) -> Plans:
    """Return plans for scans whose bias was removed: it is not measured again."""
    return plans.model_copy(update={"preprocessing": plans.preprocessing.model_copy(update={"bias": "never"})})


def _inside(image: Volume, brain: Volume) -> Volume:
    cut = inside_brain(image, brain)
    return cut.with_data(np.maximum(cut.data, 0))
