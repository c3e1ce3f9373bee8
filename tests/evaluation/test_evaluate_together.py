"""Folds and weights that are evaluated together: on which cases, where to, and by which name beside the single ones."""

import numpy as np
import pandas as pd
import pytest

from hifisyn.baselines import BASELINE_NAMES
from hifisyn.errors import UserError
from hifisyn.evaluation import of_all_models, output_files, synthetic_slices
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_list import find
from hifisyn.evaluation.model_tables import read_tables
from hifisyn.evaluation.model_task import choose_cases, look_up, out_of_date
from hifisyn.inference.models import read_model
from hifisyn.inference.predictor import Predictor
from hifisyn.json_files import read_json
from hifisyn.paths import slices_folder
from hifisyn.planning.splits import Fold, Splits
from hifisyn.slices import SliceStore
from tests.evaluation.test_of_all_models import add_model, roots, run, times

__all__ = ["roots"]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(output_files, "boxes", lambda *args: None)
    monkeypatch.setattr(output_files, "comparison_sheet", lambda *args: None)


def test_a_case_that_a_fold_was_trained_on_is_refused():
    splits = Splits(("t",), (Fold(("a", "b"), ("c",)), Fold(("a", "c"), ("b",)), Fold(("a", "b"), ("d",))))
    assert choose_cases(splits, [0, 1], None) == ("test", ("t",), ("a", "b", "c"))
    with pytest.raises(
        UserError, match=r"folds 0, 1 must not .* \(got b, on which fold 0 was trained\); pass --split test"
    ):
        choose_cases(splits, [0, 1], "val")
    assert choose_cases(splits, [0, 2], "val") == ("val", ("c", "d"), ("a", "b"))
    with pytest.raises(UserError, match="fold all"):
        choose_cases(splits, [0, "all"], "val")


def test_an_ensemble_is_evaluated_as_it_predicts_and_kept_apart(roots):
    folder = add_model(roots, folds=(0, 1))
    assert run(roots, "--model", folder) == 0
    assert run(roots, "--model", folder, "--fold", "0", "fold1", "--tta") == 0
    output = folder / "evaluation_test_folds_0_1_tta"
    assert set(times(roots)) == {folder / "fold_0" / "evaluation_test" / "summary.json", output / "summary.json"}
    settings = read_json(output / "summary.json")["asked"]
    assert (settings["fold"], settings["checkpoint"], settings["tta"]) == ([0, 1], ["final"], True)
    store = SliceStore(slices_folder(roots.preprocessed / "TOY"))
    predictor = Predictor.from_folder(folder, [0, 1], device="cpu", tta=True)
    assert settings["weights"] == predictor.fingerprint
    expected = predictor.translate_slices(store.image("c6", "T1"), "T1", "T2")
    brain = store.brain("c6")
    np.testing.assert_allclose(synthetic_slices.read(output, "c6", "T1", "T2")[brain], expected[brain], atol=1e-6)
    single = synthetic_slices.read(folder / "fold_0" / "evaluation_test", "c6", "T1", "T2")
    assert np.abs(single - expected)[brain].max() > 1e-3
    assert set(pd.read_csv(output / "subjects.csv")["case"]) == {"c6", "c7"}


def test_validation_of_folds_together_is_refused_in_one_line(roots, capsys):
    folder = add_model(roots, folds=(0, 1))
    assert run(roots, "--model", folder, "--fold", "0", "1", "--split", "val") == 2
    error = capsys.readouterr().err
    assert "folds 0, 1 must not have been trained on the cases" in error
    assert error.count("\n") == 1
    assert not times(roots)


@pytest.mark.slow
def test_all_models_together_stand_beside_their_single_folds(roots, capsys):
    folder, other = add_model(roots, folds=(0, 1)), add_model(roots, "__sgd=0.0", folds=(0,))
    assert run(roots, "-d", "TOY") == 0
    capsys.readouterr()
    assert run(roots, "-d", "TOY", "--fold", "0", "1") == 1
    said = capsys.readouterr()
    assert "TOY T1_T2 Toy folds 0, 1, test (2 cases): to do, not evaluated yet" in said.out
    assert "(got fold 0 final)" in said.err
    table = said.out.split("TOY, T1 to T2, test")[1]
    assert all(f"\n{row} " in table for row in ("Toy folds 0, 1", "Toy", "Toy fold 1", "Toy without SGD"))
    before = times(roots)
    assert folder / "evaluation_test_folds_0_1" / "summary.json" in before
    assert run(roots, "-d", "TOY", "--fold", "0", "1") == 1
    assert times(roots) == before
    assert set(read_tables(roots.results, "TOY")["subjects"]["model"]) >= {"Toy", "Toy fold 1"}
    assert not list(other.glob("evaluation_*"))


def test_shifts_of_every_fold_by_itself(roots):
    add_model(roots, folds=(0, 1))
    items = of_all_models.survey(find(roots.results)[0], roots.preprocessed, tta=True)
    assert [item.task.output.name for item in items if item.task] == [
        "evaluation_test_fold_0_tta",
        "evaluation_test_fold_1_tta",
    ]
    assert [item.name for item in items] == ["TOY T1_T2 Toy shifts", "TOY T1_T2 Toy fold 1, shifts"]
    done, failures = of_all_models.carry_out(items[:1], "cpu")
    assert not failures
    assert [label(one.model, one.fold, one.together) for one in done] == ["Toy shifts"]
    subjects = of_all_models.tables(done)["subjects"]
    assert set(subjects["model"]) == {"Toy shifts", *BASELINE_NAMES}


def test_a_changed_fold_makes_an_ensemble_out_of_date(roots):
    folder = add_model(roots, folds=(0, 1))
    assert run(roots, "--model", folder, "--fold", "0", "1") == 0
    assert out_of_date(look_up(folder, roots.preprocessed, fold=[0, 1])) == ""
    add_model(roots, folds=(1,), seed=9)
    assert out_of_date(look_up(folder, roots.preprocessed, fold=[0, 1])) == "changed since: weights"


def test_an_ensemble_bears_the_name_of_its_folds(roots):
    folder = add_model(roots, "__ggd=0.0", folds=(0, 1))
    assert label(read_model(folder), 0, "folds 0, 1, shifts") == "Toy without GGD folds 0, 1, shifts"
