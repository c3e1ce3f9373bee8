"""Measures of a case: what reaches the tables, from the slices that count, beside the true scan."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hifisyn.directions import Direction
from hifisyn.evaluation import against_baselines
from hifisyn.evaluation.case_measures import CASE_MEASURES, CONFIDENCE, LESIONS, RELIABILITY, STRUCTURE, TrueCase
from hifisyn.evaluation.detail_measures import DETAILS
from hifisyn.evaluation.detail_tables import TRUE_SCAN, detail_tables
from hifisyn.inference.prediction import Translated
from hifisyn.metrics import lesions, structure
from hifisyn.slices import SliceStore

LABELS = {"background": 0, "GM": 2, "WM": 3, "oedema": 4, "core": 5}
SHAPE = (5, 48, 48)
AFFINE = np.diag([2.0, 2.0, 4.0, 1.0]).tolist()


def write(store, case, seed):
    """A head of white matter with a lesion that is bright in FLAIR and dark in T1."""
    rng = np.random.default_rng(seed)
    brain = np.zeros(SHAPE, dtype=bool)
    brain[:, 6:42, 6:42] = True
    label = np.where(brain, 3, 0)
    label[:, 6:12][brain[:, 6:12]] = 2
    label[1:4, 22:26, 22:25], label[1:4, 22:26, 25:28] = 4, 5
    values = {"T1": {2: 0.0, 3: 0.5, 4: -0.2, 5: -0.2}, "FLAIR": {2: 0.2, 3: 0.0, 4: 0.7, 5: 0.7}}
    images = {}
    for contrast, of in values.items():
        flat = np.select([label == value for value in of], list(of.values()), -1.0)
        images[contrast] = np.where(brain, flat + rng.normal(0, 0.02, SHAPE), -1).astype(np.float32)
    record = {"slice_grid": {"shape": list(SHAPE[::-1]), "affine": AFFINE}, "stored_indices": [10, 11, 12, 13, 14]}
    store.write(case, images, brain, label, record)


class Frank:
    """A model that forgets the lesion, and says how wrong it is."""

    def __init__(self, store, tells=True):
        self.store, self.tells = store, tells

    def translate(self, slices, source, target):
        truth = self.store.image("x", target)
        label = self.store.label("x")
        made = np.where(label >= 4, 0.0 if target == "FLAIR" else 0.6, truth + 0.05).astype(np.float32)
        error = np.abs(made - truth) / 2 + 1e-6
        return Translated(made, error.astype(np.float32) if self.tells else None)


@pytest.fixture
def store(tmp_path):
    store = SliceStore(tmp_path / "plans_2d")
    for seed, case in enumerate(("a", "b", "x")):
        write(store, case, seed)
    return store


def compared(store, **kwargs):
    model = Frank(store, kwargs.pop("tells", True))
    settings: dict[str, Any] = {"labels": LABELS, "min_pixels": 20} | kwargs
    return against_baselines.compare(model, "Frank", store, ("FLAIR", "T1"), ("a", "b"), ("x",), **settings)


def test_a_case_has_the_measures_of_its_slices_and_of_its_whole(store):
    cases = compared(store).cases.set_index(["direction", "method"])
    row = cases.loc[("T1 to FLAIR", "Frank")]
    truth, brain, label = store.image("x", "FLAIR"), store.brain("x"), store.label("x")
    made = np.where(brain, Frank(store).translate(None, "T1", "FLAIR").slices, -1)
    assert row["nmi"] == pytest.approx(structure.normalised_mutual_information(made, truth, brain), abs=1e-6)
    assert row["blur"] == pytest.approx(structure.blur_effect(made, brain), abs=1e-6)
    assert row["blur_true"] == pytest.approx(structure.blur_effect(truth, brain), abs=1e-6)
    assert row["stripes"] == pytest.approx(structure.stripes(made - truth, brain, range(5)), abs=1e-6)
    inside = structure.interior(brain)
    energies = [structure.high_frequency_energy(one, inside) for one in (made, truth)]
    assert row["high_frequency"] == pytest.approx(energies[0] / energies[1], abs=1e-6)
    lesion, around = label >= 4, lesions.rim(label >= 4, label == 3, 2.0)
    assert row["lesion_contrast_true"] == pytest.approx(lesions.contrast(truth, lesion, around), abs=1e-6)
    assert row["lesion_contrast_true"] == pytest.approx(0.7, abs=0.02)
    assert row["lesion_sign"] == 0


def test_false_bright_volume_is_measured_in_flair_alone_with_the_volume_of_a_pixel(store):
    cases = compared(store).cases.set_index(["direction", "method"])
    grey = (store.label("x") == 2).sum() * 2 * 2 * 4 / 1000  # far above white matter in FLAIR
    assert cases.loc[("T1 to FLAIR", "Frank"), "bright_ml_true"] == pytest.approx(grey, rel=0.02)
    assert cases.loc["FLAIR to T1", "bright_ml"].isna().all()
    assert cases.loc[("FLAIR to T1", "Frank"), "lesion_sign"] == 0
    assert cases.loc[("FLAIR to T1", "source itself"), "lesion_sign"] == 0
    assert cases.loc[("T1 to FLAIR", "look-up table (needs pairs)"), "lesion_sign"] == 1


def test_confidence_is_of_methods_that_tell_their_error(store):
    cases = compared(store).cases.set_index(["direction", "method"]).loc["T1 to FLAIR"]
    assert cases.loc["Frank", "error_over_expected"] == pytest.approx(2, rel=1e-3)
    assert cases.loc["Frank", list(RELIABILITY)].to_numpy(dtype=float) == pytest.approx(np.full(10, 2), rel=1e-3)
    assert cases.loc["Frank", "reliability_error"] == pytest.approx(1, rel=1e-3)
    assert cases.loc["Frank", "ause"] == pytest.approx(0, abs=1e-4)
    assert cases.loc["Frank", "error_correlation"] > 0.99
    assert cases.drop("Frank")[list(CONFIDENCE)].isna().all(axis=None)
    assert compared(store, tells=False).cases[list(CONFIDENCE)].isna().all(axis=None)


def test_without_labels_there_are_no_lesions(store):
    cases = compared(store, labels=None).cases
    assert cases[list(LESIONS)].isna().all(axis=None)
    assert cases[list(STRUCTURE)].notna().any(axis=None)
    named_otherwise = compared(store, labels={"background": 0, "tumour": 4}).cases
    assert named_otherwise[list(LESIONS)].isna().all(axis=None)


def test_slices_that_do_not_count_change_nothing(store):
    brain = store.brain("x")
    images = {m: store.image("x", m) for m in ("T1", "FLAIR")}
    before = compared(store).cases.query("method == 'Frank'")
    small = np.zeros((1, *SHAPE[1:]), dtype=bool)
    small[0, 20:22, 20:22] = True
    noise = np.random.default_rng(9).uniform(-1, 1, small.shape)
    more = {m: np.concatenate([image, np.where(small, noise, -1)]) for m, image in images.items()}
    label = np.concatenate([store.label("x"), small * 3])
    record = {"slice_grid": {"shape": [48, 48, 6], "affine": AFFINE}, "stored_indices": list(range(10, 16))}
    store.write("x", more, np.concatenate([brain, small]), label, record)
    pd.testing.assert_frame_equal(compared(store).cases.query("method == 'Frank'"), before)


def test_truth_as_an_answer_is_as_in_truth(store):
    truth, brain = store.image("x", "FLAIR"), store.brain("x")
    row = TrueCase(truth, brain, np.arange(5), "FLAIR").score(truth)
    assert (row["high_frequency"], row["stripes"]) == (1, 0)
    assert row["nmi"] == pytest.approx(2)
    assert row["blur"] == row["blur_true"]
    assert set(row) == set(CASE_MEASURES)


def test_tables_show_the_true_scan_beside_and_mark_no_blur_as_best(store):
    cases = compared(store).cases
    found = {detail.name: table for detail, table in detail_tables(cases, "method", by="direction")}
    assert list(found) == ["structure", "lesions", "confidence"]
    flair = cases[cases["direction"] == "T1 to FLAIR"]
    shown = dict(detail_tables(flair, "method", title=str(Direction("T1", "FLAIR"))))
    first = next(iter(shown.values()))
    rows = {row[0].text: row[1:] for row in first.rows}
    assert [head.title for head in first.head[1:]] == ["NMI", "blur effect", "high-frequency energy", "stripes"]
    assert rows[TRUE_SCAN][1].text == f"{flair['blur_true'].iloc[0]:.3f}"
    assert rows[TRUE_SCAN][0].text == "–"
    marked = sorted(place for row in rows.values() for place, cell in enumerate(row) if cell.best)
    assert marked == [0, 3], "NMI and stripes"
    assert not any(cell.test for row in first.rows for cell in row)
    assert [row[0].text for row in found["confidence"].rows] == ["Frank"]
    assert "range 2, inside the brain mask" in found["lesions"].note
    assert [line.partition(":")[0] for line in first.lines] == [head.title for head in first.head[1:]]


def test_every_measure_of_a_case_has_a_column_and_one_line():
    columns = [one.column for detail in DETAILS for one in detail.measures]
    assert columns == [*STRUCTURE, *LESIONS, *CONFIDENCE]
    assert all(one.what for detail in DETAILS for one in detail.measures)


def test_a_ceiling_is_in_the_tables_and_never_the_best(store):
    cases = compared(store).cases
    own = cases[cases["method"] == "Frank"].assign(method="Paired", nmi=1.99)
    table = next(table for _, table in detail_tables(pd.concat([cases, own]), "method", by="direction"))
    rows = {row[0].text: row[1:] for row in table.rows}
    assert rows["Paired"][0].text.startswith("1.99")
    assert not any(cell.best for cell in rows["Paired"])
    assert "Paired: trained on registered pairs" in table.note


def test_rows_of_an_earlier_version_have_no_such_tables(store):
    cases = compared(store).cases.drop(columns=list(CASE_MEASURES))
    assert list(detail_tables(cases, "method")) == []
