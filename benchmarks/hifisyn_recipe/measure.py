"""What a model makes of the patients that candidates are chosen by, in the brain: PSNR, SSIM, correlation."""

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.base_model.cases import Case
from benchmarks.hifisyn_recipe.cohort import CONTRASTS
from hifisyn.directions import directions
from hifisyn.inference.augmented import Shifted
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.metrics.image import correlation, finite_mean, psnr, ssim

BATCH = 8
MEASURES = (psnr, ssim, correlation)


def measure(trainer: HiFiSyn, cases: Sequence[Case], *, tta: bool = False) -> dict[str, list[float]]:
    """Return the three means over slices, then over patients, of each direction, as in FLAIR_to_T1.

    Args:
        trainer: in any mode; it is left in evaluation mode.
        cases: of patients.
        tta: average over shifts and mirror images.
    """
    trainer.train(False)
    found = {}
    for direction in directions(CONTRASTS):
        translator = trainer.translator(*direction)
        module = Shifted(translator, 1 << trainer.settings.networks.n_down) if tta else translator
        rows = []
        for case in cases:
            images = torch.from_numpy(case.images[direction.source][case.middle])[:, None]
            with torch.inference_mode():
                made = torch.cat([module(part) for part in torch.split(images, BATCH)])[:, 0].numpy()
            truth, brain = case.images[direction.target][case.middle], case.brain[case.middle]
            rows.append([finite_mean(each(made, truth, mask=brain)) for each in MEASURES])
        found[direction.key] = np.mean(rows, axis=0).tolist()
    return found
