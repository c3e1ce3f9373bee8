"""The base model's rows: the right slices, told from training cases alone, measured once, a family of their own."""

import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from hifisyn.base.cohort_look import cohort_look, takes
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.cli.evaluate import main
from hifisyn.columns import CASE, DIRECTION, METHOD, SUBJECT
from hifisyn.directions import Direction
from hifisyn.evaluation import against_baselines, base_answers, base_rows, output_files
from hifisyn.evaluation.base_answers import NOT_TOLD, TOLD
from hifisyn.evaluation.base_rows import BaseRows
from hifisyn.evaluation.measures import MEASURES, score
from hifisyn.evaluation.model_task import look_up, out_of_date
from hifisyn.evaluation.of_model import evaluate, load
from hifisyn.files import write_json, write_text
from hifisyn.inference.prediction import Translated
from hifisyn.json_files import read_json
from hifisyn.slices import SliceStore
from tests.evaluation.test_of_all_models import add_model
from tests.support.base_toys import VALUES, toy_head
from tests.support.training_toys import toy_dataset
from tests.support.untrusted import doubt

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "oedema": 4, "core": 5}
T1_T2 = Direction("T1", "T2")
TRAIN, TEST = ("a", "b", "c"), ("x", "y")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = BaseNetwork(2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.2)
    return BaseModel(network.eval(), "abc")


class Never:
    """A base model that must not run."""

    sha256 = "abc"

    def translate(self, *args, **kwargs):
        raise AssertionError("measured again")


def write(store, case, seed, has=("T1", "T2", "PD"), training=None, lesion=False, labelled=True):
    head = toy_head(seed, slices=5)
    labels = head.labels.copy()
    if lesion:
        labels[:, 10:12, 10:14] = 4
        labels[:, 12:13, 10:14] = 5
    images = {m: head.images[m] for m in has}
    store.write(case, images, head.brain, labels if labelled else None, {}, training=training)


@pytest.fixture
def store(tmp_path):
    store = SliceStore(tmp_path / "pre" / "plans_2d")
    for seed, case in enumerate((*TRAIN, *TEST)):
        write(store, case, seed, lesion=case == "b")
    return store


def rows_of(model, store, **changes):
    settings: dict[str, Any] = {
        "training": TRAIN,
        "subjects": {},
        "labels": LABELS,
        "pixel_mm": 2.0,
        "min_pixels": 20.0,
    } | changes
    return BaseRows(model, store, **settings)


def tables_of(scores):
    return scores.slices, scores.regions, scores.cases


@pytest.mark.parametrize(
    ("source", "target", "taken"),
    [("T1", "T2", True), ("T1ce", "T1", True), ("PD", "FLAIR", True), ("T1", "T1ce", False), ("ADC", "T2", False)],
)
def test_only_known_sources_and_targets_have_rows(model, store, source, target, taken):
    assert takes(Direction(source, target)) == taken
    if not taken:
        assert all(table.empty for table in tables_of(rows_of(Never(), store).measure(Direction(source, target), TEST)))


def test_neighbours_are_those_of_the_whole_case(model, store):
    """The slices of the plans are a few of the stored ones; the network sees the stored ones above and below."""
    whole = model.translate({"T1": store.image("x", "T1")}, 2.0)["T2"][0]
    write(store, "x", 3, training=[1, 3])
    made = base_answers.answers(model, store, "x", T1_T2, 2.0, None)
    assert list(made) == [NOT_TOLD]
    np.testing.assert_allclose(made[NOT_TOLD].slices, whole[[1, 3]], atol=1e-5)


def test_slices_in_chunks_are_the_same(model, store, monkeypatch):
    whole = base_answers.answers(model, store, "x", T1_T2, 2.0, (0.9, 0.1, -0.3, None))
    monkeypatch.setattr(base_answers, "CHUNK", 2)
    for row, image in base_answers.answers(model, store, "x", T1_T2, 2.0, (0.9, 0.1, -0.3, None)).items():
        np.testing.assert_allclose(image.slices, whole[row].slices, atol=1e-5)
        expected = whole[row].expected_error
        assert image.expected_error is not None
        assert expected is not None
        np.testing.assert_allclose(image.expected_error, expected, atol=1e-5)


def test_it_is_told_the_means_over_training_subjects(store):
    means = cohort_look(store, TRAIN, "T2", LABELS, {})
    assert means is not None
    assert list(means[:3]) == pytest.approx(list(VALUES["T2"]), abs=0.03)
    image, label = store.image("b", "T2"), store.label("b")
    assert means[3] == pytest.approx(image[label >= 4].mean(), abs=1e-6)
    by_case = [np.mean(store.image(case, "T2")[store.label(case) == 2]) for case in TRAIN]
    assert means[1] == pytest.approx(np.mean(by_case), abs=1e-6)
    together = cohort_look(store, TRAIN, "T2", LABELS, {"a": "s", "b": "s"})
    assert together is not None
    assert together[1] == pytest.approx(np.mean([np.mean(by_case[:2]), by_case[2]]), abs=1e-6)


def test_told_needs_neither_pairs_nor_doubtful_scans_nor_held_out_cases(store):
    before = cohort_look(store, TRAIN, "T2", LABELS, {})
    write(store, "x", 77)
    write(store, "a", 0, has=("T2",))
    assert cohort_look(store, TRAIN, "T2", LABELS, {}) == before
    doubt(store.folder / "b.json", "T2")
    doubted = cohort_look(store, TRAIN, "T2", LABELS, {})
    assert doubted is not None
    assert doubted[3] is None
    assert doubted == cohort_look(store, ("a", "c"), "T2", LABELS, {})


def test_without_label_maps_there_is_no_told_row(model, store):
    for seed, case in enumerate(TRAIN):
        write(store, case, seed, labelled=False)
    assert cohort_look(store, TRAIN, "T2", LABELS, {}) is None
    by_slice = rows_of(model, store).measure(T1_T2, TEST).slices
    assert set(by_slice[METHOD]) == {NOT_TOLD}


def test_rows_are_the_measures_of_its_images_on_the_slices_that_count(model, store):
    scores = rows_of(model, store, subjects={"x": "person"}).measure(T1_T2, TEST)
    by_slice, by_region = scores.slices, scores.regions
    assert set(by_slice[METHOD]) == {NOT_TOLD, TOLD}
    assert dict(zip(by_slice[CASE], by_slice[SUBJECT], strict=True)) == {"x": "person", "y": "y"}
    look = cohort_look(store, TRAIN, "T2", LABELS, {})
    for row, told in ((NOT_TOLD, None), (TOLD, {"T2": look})):
        made = model.translate({"T1": store.image("x", "T1")}, 2.0, told)["T2"][0]
        expected = score(made, store.image("x", "T2"), store.brain("x"), min_pixels=20)
        found = by_slice[(by_slice[METHOD] == row) & (by_slice[CASE] == "x")]
        np.testing.assert_allclose(found[list(MEASURES)], expected[list(MEASURES)], atol=1e-4)
    assert set(by_region["region"]) == {"CSF", "GM", "WM"}


def test_what_was_measured_is_kept_until_something_it_depends_on_changes(model, store):
    first = rows_of(model, store).measure(T1_T2, TEST)
    again = rows_of(Never(), store).measure(T1_T2, TEST)
    for one, two in zip(tables_of(first), tables_of(again), strict=True):
        pd.testing.assert_frame_equal(one, two, check_dtype=False)
    others: list[dict[str, Any]] = [
        {"training": ("a", "c")},
        {"min_pixels": 30.0},
        {"pixel_mm": 1.0},
        {"labels": LABELS | {"core": 6}},
    ]
    for change in others:
        with pytest.raises(AssertionError, match="measured again"):
            rows_of(Never(), store, **change).measure(T1_T2, TEST)
    with pytest.raises(AssertionError, match="measured again"):
        rows_of(Never(), store).measure(T1_T2, ("x",))
    write_json(store.folder / "y.json", read_json(store.folder / "y.json") | {"key": "another"})
    with pytest.raises(AssertionError, match="measured again"):
        rows_of(Never(), store).measure(T1_T2, TEST)
    newer = Never()
    newer.sha256 = "def"
    with pytest.raises(AssertionError, match="measured again"):
        rows_of(newer, store).measure(Direction("T1", "T2"), TEST)


def test_preprocessed_data_that_cannot_be_written_to_are_no_failure(model, store):
    write_text(store.folder.parent / base_rows.FOLDER, "in the way")
    assert len(rows_of(model, store).measure(T1_T2, TEST).slices)


def test_a_broken_case_is_left_out_and_nothing_is_kept(model, store):
    (store.folder / "y_T1.b2nd").unlink()
    by_slice = rows_of(model, store).measure(T1_T2, TEST).slices
    assert set(by_slice[CASE]) == {"x"}
    assert not (store.folder.parent / base_rows.FOLDER).exists()


class Inverse:
    def translate(self, slices, source, target):
        return Translated(-slices, None)


def test_the_rows_of_models_and_baselines_are_the_same_with_it_and_without(model, store):
    def compare(beside=None):
        done = against_baselines.compare(Inverse(), "inverse", store, ("PD", "T2"), TRAIN, TEST, beside=beside)
        return done.slices

    without, beside = compare(), compare(rows_of(model, store).measure)
    of_base = beside[METHOD].isin((NOT_TOLD, TOLD))
    assert beside[~of_base].reset_index(drop=True).equals(without)
    assert set(beside[of_base][DIRECTION]) == {"PD to T2"}
    assert set(beside[of_base][CASE]) == set(TEST)


@pytest.mark.slow
def test_every_model_is_evaluated_beside_it_and_it_is_measured_once(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr(output_files, "boxes", lambda *args: None)
    monkeypatch.setattr(output_files, "comparison_sheet", lambda *args: None)
    roots = toy_dataset(tmp_path)
    shutil.copy(roots.raw / "TOY" / "dataset.json", roots.preprocessed / "TOY")
    folder, other = add_model(roots, folds=(0, 1)), add_model(roots, "__sgd=0.0", seed=5)
    names = [f"c{number}" for number in range(6)]
    folds = [{"train": names[2:], "val": names[:2]}, {"train": names[:4], "val": names[4:]}]
    write_json(roots.preprocessed / "TOY" / "splits_final.json", {"test": ["c6", "c7"], "folds": folds})
    plain = look_up(other, roots.preprocessed)
    evaluate(plain, load(plain, "cpu"))
    assert out_of_date(look_up(other, roots.preprocessed)) == ""
    monkeypatch.setattr(base_rows, "installed", lambda: model)
    assert out_of_date(look_up(other, roots.preprocessed)) == "changed since: base"
    where = ["--results", str(roots.results), "--preprocessed", str(roots.preprocessed), "--device", "cpu"]
    assert main(where) == 0
    out = capsys.readouterr().out
    kept = sorted((roots.preprocessed / "TOY" / "base" / "plans_2d").iterdir())
    assert len(kept) == 4, "two directions of two folds, whatever the number of models"
    words = " ".join(out.split())
    assert f"{NOT_TOLD} and {TOLD}: a family of its own" in words
    assert "learnt from simulated heads only, saw no scan of this cohort; told, it knows" in words
    lines = [line.split("  ")[0] for line in out.split("\nTOY, ")[1].splitlines()]
    assert lines.index("target's mean, constant") < lines.index(NOT_TOLD) < lines.index(TOLD) < lines.index("Toy")
    assert lines.count(NOT_TOLD) == lines.count("Toy"), "once a block of columns"
    asked = read_json(folder / "fold_0" / "evaluation_test" / "summary.json")["asked"]
    assert asked["base"] == "abc"
    monkeypatch.setattr(base_rows, "installed", Never)
    assert main([*where, "--overwrite"]) == 0
