"""The files of one synthetic volume, all or none."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hifisyn.files import write_json
from hifisyn.inference.outputs import FILES, Outputs
from hifisyn.inference.prediction import Prediction
from hifisyn.pictures import sheet
from hifisyn.sums import sums


def write_prediction(
    outputs: Outputs, prediction: Prediction, columns: Mapping[str, np.ndarray], record: Mapping[str, Any], *, note: str
) -> None:
    """Write the volume, its brain mask, its expected error where there is one, a picture and the sidecar.

    Args:
        outputs: where they go; what is there is replaced once all are written.
        prediction: the volumes.
        columns: of the picture, name to (S, H, W) in [-1, 1].
        record: content of the sidecar.
        note: below the title of the picture: how far the model may be believed.
    """
    with outputs.staged() as stage:
        prediction.image.save(stage.image)
        prediction.brain.save(stage.brain)
        if prediction.expected_error is not None:
            prediction.expected_error.save(stage.error)
        sheet(stage.picture, columns, title=f"{outputs.case}: {outputs.target} is synthetic", note=note)
        written = {path.name: path for path in (stage.image, stage.error) if path.exists()}
        for path, content in stage.sidecars({**record, FILES: sums(written)}).items():
            write_json(path, content)
