"""What a study of detection shows: sensitivity, specificity and localisation, and synthetic against real images.

Readers of one image, and images of one subject, are not independent: intervals count subjects, and tests take one value
a subject.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hifisyn.columns import DIRECTION, MODEL, SLICE, SUBJECT
from hifisyn.reader_study.images import REAL
from hifisyn.statistics.holm import holm
from hifisyn.statistics.rates import drawn_means, rate_interval
from hifisyn.statistics.signed_rank import signed_rank

TOLERANCE_MM = 5.0
SENSITIVITY, LOCATED, LOCALISATION, SPECIFICITY = "sensitivity", "located", "localisation", "specificity"
MEASURES = (SENSITIVITY, LOCATED, LOCALISATION, SPECIFICITY)
DIFFERENCE = (MODEL, "measure", "difference", "low", "high", "p", "subjects", "differ")
COMPARED = (SENSITIVITY, LOCATED, SPECIFICITY)  # the images that localisation is of differ between candidates


@dataclass(frozen=True)
class DetectionFindings:
    """The results of a study of detection.

    Attributes:
        rates: `model, measure, rate, low, high, images, subjects`; images times readers.
        differences: `model, measure, difference, low, high, p, p_holm, subjects, differ` against the real scan.
        by_reader: `reader, model, measure, rate, images`.
        subjects: with a lesion, and without one, on the slices shown.
        readers: how many read.
    """

    rates: pd.DataFrame
    differences: pd.DataFrame
    by_reader: pd.DataFrame
    subjects: tuple[int, int]
    readers: int


def derive_detection(looks: pd.DataFrame, tolerance_mm: float = TOLERANCE_MM) -> DetectionFindings:
    """Derive the results.

    Args:
        looks: see `hifisyn.reader_study.detection_answers.Detections`.
        tolerance_mm: how far from a lesion a place still counts as on it.
    """
    values = measured(looks, tolerance_mm)
    ill, well = (looks.loc[looks["lesion"] == truth, SUBJECT].nunique() for truth in (True, False))
    compared = [_difference(values, model, m) for m in COMPARED for model in _synthetic(values)]
    differences = pd.DataFrame(compared, columns=list(DIFFERENCE))
    differences["p_holm"] = differences.groupby("measure")["p"].transform(lambda p: holm(p))
    return DetectionFindings(
        rates=pd.DataFrame([_rate(rows, model, m) for (model, m), rows in _groups(values, [MODEL, "measure"])]),
        differences=differences,
        by_reader=pd.DataFrame(
            [
                {"reader": reader, MODEL: model, "measure": m, "rate": rows["value"].mean(), "images": len(rows)}
                for (reader, model, m), rows in _groups(values, ["reader", MODEL, "measure"])
            ]
        ),
        subjects=(ill, well),
        readers=looks["reader"].nunique(),
    )


def measured(looks: pd.DataFrame, tolerance_mm: float) -> pd.DataFrame:
    """Return one row a value: the columns of `looks`, `measure` and `value`, 0 or 1.

    Sensitivity: of images with a lesion, the reader called one. Located: called one, and its place was right.
    Localisation: of those called, the place was right. Specificity: of images without, the reader called none.
    """
    ill, called = looks["lesion"], looks["called"]
    right = called & (looks["distance_mm"] <= tolerance_mm)
    parts = (
        (SENSITIVITY, ill, called),
        (LOCATED, ill, right),
        (LOCALISATION, ill & called, right),
        (SPECIFICITY, ~ill, ~called),
    )
    return pd.concat(
        [looks[of].assign(measure=measure, value=value[of].astype(float)) for measure, of, value in parts],
        ignore_index=True,
    )


def _groups(values: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    return [(key, rows) for key, rows in values.groupby(keys, sort=False)]


def _synthetic(values: pd.DataFrame) -> list[str]:
    return [model for model in sorted(values[MODEL].unique()) if model != REAL]


def _rate(rows: pd.DataFrame, model: str, measure: str) -> dict[str, object]:
    low, high = rate_interval(rows["value"], rows[SUBJECT])
    about = {MODEL: model, "measure": measure, "rate": rows["value"].mean(), "low": low, "high": high}
    return about | {"images": len(rows), "subjects": rows[SUBJECT].nunique()}


def _difference(values: pd.DataFrame, model: str, measure: str) -> dict[str, object]:
    """Return how far a model's rate is from that of the real scan, over slices that a reader answered of both."""
    keys = ["reader", SUBJECT, SLICE, DIRECTION]
    rows = values[values["measure"] == measure]
    of_model, of_real = (rows[rows[MODEL] == name].set_index(keys)["value"] for name in (model, REAL))
    pairs = (of_model - of_real).dropna()
    about: dict[str, object] = {MODEL: model, "measure": measure}
    if pairs.empty:
        nan = float("nan")
        return about | {"difference": nan, "low": nan, "high": nan, "p": nan, "subjects": 0, "differ": 0}
    by_subject = pairs.groupby(SUBJECT).agg(["sum", "count"])
    sums, counts = by_subject["sum"].to_numpy(), by_subject["count"].to_numpy()
    test = signed_rank(sums / counts)
    low, high = float("nan"), float("nan")
    if np.ptp(sums / counts) > 0:
        low, high = (float(q) for q in np.quantile(drawn_means(sums, counts), [0.025, 0.975]))
    found = {"difference": pairs.mean(), "low": low, "high": high, "p": test.p}
    return about | found | {"subjects": len(sums), "differ": test.n}
