import json

import numpy as np
import pandas as pd
import pytest
import torch

from hifisyn import baselines
from hifisyn.cli.evaluate import main
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.evaluation import against_baselines, model_task, of_model
from hifisyn.evaluation.measures import score
from hifisyn.files import write_json
from hifisyn.inference.prediction import Translated
from hifisyn.inference.predictor import Predictor
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.splits import Fold, Splits
from hifisyn.slices import SliceStore
from hifisyn.training import checkpoint
from hifisyn.training.fit_baselines import fit_baselines
from tests.support.training_toys import toy_plans
from tests.support.untrusted import TRUSTED, doubt

PAIR = ("T1", "T2")
TRAIN, HELD_OUT = ("a", "b", "c"), ("d", "e")


class Inverse:
    """A model that knows the curve of the cohort; it draws rubbish around the brain."""

    def translate(self, slices, source, target):
        made = -slices
        made[:, :3] = 0.7
        return Translated(made, None)


def write(store, case, seed, modalities=PAIR, size=32):
    rng = np.random.default_rng(seed)
    brain = np.zeros((5, size, size), dtype=bool)
    brain[1:, 6:26, 8:24] = True
    brain[1, 7:, :] = False
    t1 = np.where(brain, rng.beta(2, 3, brain.shape) * 1.8 - 0.9, -1)
    t2 = np.where(brain, -t1 + rng.normal(0, 0.02, brain.shape), -1).clip(-1, 1)
    images = {m: image.astype(np.float32) for m, image in (("T1", t1), ("T2", t2)) if m in modalities}
    store.write(case, images, brain, None, {})


@pytest.fixture
def store(tmp_path):
    store = SliceStore(tmp_path / "plans_2d")
    for seed, case in enumerate(TRAIN + HELD_OUT):
        write(store, case, seed)
    return store


def compare(store, cases=HELD_OUT, training=TRAIN, **kwargs):
    return against_baselines.compare(Inverse(), "inverse", store, PAIR, training, cases, min_pixels=20, **kwargs)


def test_a_case_whose_registration_is_not_trusted_is_not_compared(store):
    doubt(store.folder / "d.json", "T2")
    doubt(store.folder / "e.json", "T2", TRUSTED)
    done = compare(store)
    assert set(done.slices["case"]) == {"e"}
    assert done.skipped == ("d",)


def test_every_method_direction_and_case_has_its_rows(store):
    done = compare(store)
    methods = [baselines.SOURCE, baselines.HISTOGRAM, baselines.CONSTANT, baselines.LOOK_UP, "inverse"]
    assert list(done.dataset["method"]) == methods * 2
    assert list(done.dataset["direction"]) == ["T1 to T2"] * 5 + ["T2 to T1"] * 5
    assert (done.dataset[["cases", "slices"]].to_numpy() == [2, 6]).all()
    assert set(done.slices["slice"]) == {2, 3, 4}


def test_a_good_model_beats_its_baselines_and_the_source_is_inverted(store):
    means = compare(store).dataset.set_index(["direction", "method"])
    for direction in ("T1 to T2", "T2 to T1"):
        there = means.loc[direction]
        assert there.loc["inverse", "psnr_brain"] > 38
        assert there.loc["inverse", "psnr_brain"] > there.loc[baselines.CONSTANT, "psnr_brain"] + 10
        assert there.loc[baselines.SOURCE, "correlation"] < -0.99
        assert there.loc[baselines.LOOK_UP, "correlation"] > 0.99


def test_the_rows_are_those_of_the_truth_and_nothing_counts_outside_the_brain(store):
    done = compare(store)
    brain, t1, t2 = store.brain("d"), store.image("d", "T1"), store.image("d", "T2")
    expected = score(np.where(brain, -t1, -1), t2, brain, min_pixels=20)
    rows = done.slices.query("method == 'inverse' and direction == 'T1 to T2' and case == 'd'")
    np.testing.assert_allclose(rows["psnr"], expected["psnr"], rtol=1e-6)
    np.testing.assert_allclose(rows["ssim"], expected["ssim"], rtol=1e-6)


def test_structures_are_scored_in_the_slices_that_count(store):
    brain, t1, t2 = store.brain("d"), store.image("d", "T1"), store.image("d", "T2")
    label = np.where(brain, 2, 0)
    label[:, 6:12] *= 2
    store.write("d", {"T1": t1, "T2": t2}, brain, label, {})
    done = compare(store, labels={"background": 0, "GM": 2, "tumour": 4}, subjects={"d": "person"})
    rows = done.regions.query("method == 'inverse' and direction == 'T1 to T2'").set_index("region")
    assert set(done.regions["case"]) == {"d"}
    assert set(done.cases["subject"]) == {"person", "e"}
    for name, value in (("GM", 2), ("tumour", 4)):
        errors = [np.mean((-t1[k].astype(float) - t2[k])[label[k] == value] ** 2) for k in (2, 3, 4)]
        assert rows.loc[name, "psnr"] == pytest.approx(np.mean(10 * np.log10(4 / np.array(errors))), abs=1e-6)
        assert rows.loc[name, "pixels"] == (label[2:] == value).sum()


def test_baselines_learn_from_training_cases_only(store):
    before = compare(store, cases=("d",)).slices
    write(store, "e", 77)
    after = compare(store, cases=("d",)).slices
    assert before.equals(after)
    fitted = fit_baselines(store, TRAIN, *PAIR)
    pooled = np.concatenate([store.image(case, "T2")[store.brain(case)] for case in TRAIN])
    assert fitted.mean == pytest.approx(pooled.mean(), abs=1e-6)


def test_unpaired_training_has_no_look_up_table(store):
    write(store, "a", 0, ("T1",))
    write(store, "b", 1, ("T2",))
    done = compare(store, training=("a", "b"))
    assert baselines.LOOK_UP not in set(done.dataset["method"])
    with pytest.raises(UserError, match="no training case with T2"):
        compare(store, training=("a",))


def test_cases_without_truth_are_skipped_and_broken_ones_listed(store):
    write(store, "f", 9, ("T1",))
    write(store, "g", 10)
    (store.folder / "g_T2.b2nd").unlink()
    done = compare(store, cases=("d", "f", "g", "h"))
    assert done.skipped == ("f",)
    assert {failure.case.split()[0] for failure in done.failures} == {"g", "h"}
    assert set(done.cases["case"]) == {"d"}
    with pytest.raises(UserError, match="both T1 and T2"):
        compare(store, cases=("f",))


def test_each_case_is_shown_with_the_truth_last(store):
    seen = []
    compare(store, on_case=lambda case, way, columns, counted: seen.append((case, way, list(columns), counted)))
    assert seen[0] == ("d", PAIR, ["T1", "synthetic T2", "T2"], [2, 3, 4])
    assert len(seen) == 4


def test_cases_come_from_the_splits():
    splits = Splits(("t",), (Fold(("a", "b"), ("c",)), Fold(("a", "c"), ("b",))))
    assert model_task.choose_cases(splits, 1, None) == ("test", ("t",), ("a", "c"))
    assert model_task.choose_cases(splits, 1, "val") == ("val", ("b",), ("a", "c"))
    assert model_task.choose_cases(splits, "all", "test") == ("test", ("t",), ("a", "b", "c"))
    with pytest.raises(UserError, match="fold all"):
        model_task.choose_cases(splits, "all", "val")
    none = Splits((), splits.folds)
    assert model_task.choose_cases(none, 0, None)[0] == "val"
    with pytest.raises(UserError, match="--split val"):
        model_task.choose_cases(none, 0, "test")


@pytest.mark.slow
def test_the_tables_are_written_as_json_knows_them(tmp_path, store):
    done = compare(store)
    of_model._write(Once(tmp_path, {"split": "test"}, "summary.json"), "Toy", done)
    content = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert len(content["mean"]) == 10
    assert (content["asked"], content["settings"]["model"]) == ({"split": "test"}, "Toy")
    assert (tmp_path / "metrics_T1_to_T2.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def model(tmp_path):
    """A model folder with untrained weights, and its preprocessed data set below `tmp_path / "pre"`."""
    sizes = ("slices.size=32", "slices.crop=24", "slices.min_brain=0.1", "networks.content_blocks=1")
    plans = toy_plans(HiFiSyn, *sizes, "memory.slots={}", "memory.global_slots=4", "memory.value_width=8")
    dataset = tmp_path / "pre" / "TOY"
    store = SliceStore(dataset / "plans_2d")
    for seed, case in enumerate(TRAIN + HELD_OUT):
        write(store, case, seed)
    Splits(("e",), (Fold(TRAIN, ("d",)),)).save(dataset / "splits_final.json")
    folder = tmp_path / "model"
    torch.manual_seed(0)
    checkpoint.save(folder / "fold_0" / "checkpoint_final.pt", HiFiSyn(plans, PAIR))
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": "HiFiSyn", "domains": list(PAIR), "dataset": "TOY"})
    return folder


@pytest.mark.slow
def test_a_model_folder_is_evaluated_on_held_out_cases(tmp_path, model, capsys):
    arguments = ["--model", str(model), "--preprocessed", str(tmp_path / "pre"), "--device", "cpu"]
    assert main(arguments) == 0
    output = model / "fold_0" / "evaluation_test"
    slices = pd.read_csv(output / "slices.csv")
    assert set(slices["case"]) == {"e"}
    assert set(slices["method"]) == {
        baselines.SOURCE,
        baselines.HISTOGRAM,
        baselines.CONSTANT,
        baselines.LOOK_UP,
        "HiFiSyn",
    }
    store = SliceStore(tmp_path / "pre" / "TOY" / "plans_2d")
    brain = store.brain("e")
    made = Predictor.from_folder(model, device="cpu").translate_slices(store.image("e", "T2"), "T2", "T1")
    expected = score(np.where(brain, made, -1), store.image("e", "T1"), brain, min_pixels=0.1 * 24**2)
    rows = slices.query("method == 'HiFiSyn' and direction == 'T2 to T1'")
    np.testing.assert_allclose(rows["ssim_brain"], expected["ssim_brain"], atol=1e-4)
    assert rows["slice"].tolist() == expected["slice"].tolist() == [2, 3, 4]
    assert "HiFiSyn" in capsys.readouterr().out
    assert (output / "e_T1_to_T2.png").read_bytes().startswith(b"\x89PNG")
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.slow
def test_validation_cases_are_evaluated_on_request(tmp_path, model):
    arguments = ["--model", str(model), "--preprocessed", str(tmp_path / "pre"), "--device", "cpu"]
    assert main([*arguments, "--split", "val", "--fold", "fold0", "-o", str(tmp_path / "out")]) == 0
    assert set(pd.read_csv(tmp_path / "out" / "subjects.csv")["case"]) == {"d"}
    assert main([*arguments, "--fold", "3"]) == 2
