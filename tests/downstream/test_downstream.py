"""Downstream tasks on a small clinic, with a segmenter whose answers are known."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from hifisyn.cli.downstream_eval import main
from hifisyn.downstream import augment, lesion, run, show, tissue
from hifisyn.downstream.job import DownstreamJob, DownstreamResult
from hifisyn.downstream.model_under_test import DownstreamSettings, ModelUnderTest, choose_classes
from hifisyn.downstream.nnunet import consecutive, renumbered
from hifisyn.downstream.nnunet_dataset import folds as nnunet_folds
from hifisyn.downstream.nnunet_settings import NnUNetSettings, environment, resolved
from hifisyn.downstream.synthetic_scans import SyntheticScans
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.errors import UserError
from hifisyn.inference.models import read_model
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.record import Grid
from hifisyn.preprocessing.steps import Tool
from hifisyn.volume import Volume
from tests.support.downstream_clinic import AFFINE, LABELS, TEST, TRAIN, clinic, write_case, write_model

SMALL = NnUNetSettings(epochs=1, iterations=2, size="small")


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture(scope="module")
def model(roots):
    folder = roots.results / "MS" / "T1_T2" / "Inverse__plans__2d"
    return ModelUnderTest(read_model(folder), DownstreamSettings(SMALL, device="cpu", processes=1), roots)


class ByIntensity:
    """Finds what is as bright as lesions are in T2; remembers what it was taught."""

    taught: dict = {}  # noqa: RUF012

    def __init__(self, folder, settings, title):
        self.title = title

    def train(self, modality, labels, cases):
        self.taught[self.title] = (modality, dict(labels), {case.name: case.read() for case in cases})

    def segment(self, scans):
        return {name: ((s.data > 480) & (s.data < 600)).astype(np.uint8) for name, s in scans.items()}


def test_real_scans_are_brain_alone(model):
    real, brain = model.scans.real("x", "T1"), model.scans.brain("x")
    whole = model.scans.store.image("x", "T1").data
    assert np.array_equal(real.data, np.where(brain.data > 0, whole, 0))
    assert real.same_grid(brain)


def test_a_scan_on_an_oblique_grid_comes_onto_that_of_the_reference(model, tmp_path):
    store = AlignedStore(tmp_path)
    write_case(store, "x", 3)
    turn = np.deg2rad(12)
    oblique = np.array([[-3 * np.cos(turn), -3 * np.sin(turn), 0, 90], [3 * np.sin(turn), -3 * np.cos(turn), 0, 90]])
    affine = np.vstack([oblique, [0, 0, 4, -75], [0, 0, 0, 1]])
    indices = np.indices((64, 64, 40)).reshape(3, -1)
    world = affine[:3, :3] @ indices + affine[:3, 3:]
    ramp = (1000 + world[0] - 2 * world[1] + 3 * world[2]).reshape(64, 64, 40).astype(np.float32)
    aligned = store.read("x")
    aligned.images["T2"] = Volume(ramp, affine)
    store.write("x", aligned)
    real = type(model.scans)(store).real("x", "T2")
    places = np.argwhere(store.brain("x").data > 0)
    expected = 1000 + (places @ AFFINE[:3, :3].T + AFFINE[:3, 3]) @ [1, -2, 3]
    inner = np.abs(places - np.array([20, 24, 7])).max(axis=1) < 5
    np.testing.assert_allclose(real.data[tuple(places[inner].T)], expected[inner], rtol=0.01)
    assert Grid.of(real) == Grid.of(store.brain("x"))


def test_synthetic_scans_hold_what_the_model_says_and_nothing_outside_the_brain(model):
    made, brain = model.scans.synthetic("x", model.predictor, "T1", "T2"), model.scans.brain("x").data > 0
    source = model.scans.real("x", "T1").data
    assert made.same_grid(model.scans.brain("x"))
    assert not made.data[~brain].any()
    upper = np.percentile(source[brain], 99.5)
    expected = np.clip(800 * (1 - source / upper), 0, 800)
    assert np.median(np.abs(made.data - expected)[brain]) < 20
    assert np.corrcoef(made.data[brain], expected[brain])[0, 1] > 0.97
    assert b"synthetic T2" in bytes(made.header["descrip"])


def test_each_scan_is_predicted_once_until_weights_or_case_change(model, tmp_path, monkeypatch):
    asked = []

    def predictor():
        asked.append(1)
        return model.predictor

    made = SyntheticScans(tmp_path, model.scans, "weights", predictor)
    first = made.volume("x", "T1", "T2")
    assert np.array_equal(made.volume("x", "T1", "T2").data, first.data)
    assert len(asked) == 1
    SyntheticScans(tmp_path, model.scans, "other weights", predictor).path("x", "T1", "T2")
    assert len(asked) == 2
    monkeypatch.setattr(type(model.scans), "key", lambda self, case: "another")
    SyntheticScans(tmp_path, model.scans, "other weights", predictor).path("x", "T1", "T2")
    assert len(asked) == 3


@pytest.mark.slow
def test_lesions_are_left_out_of_both_tissue_maps(model, monkeypatch, tmp_path):
    seen = []

    def segment(volume, inside, modality, *, tool, lesion):
        seen.append(lesion)
        return np.where(inside & ~lesion, 1 + (volume.data > 275) + (volume.data > 500), 0)

    monkeypatch.setattr(tissue.tissue, "segment", segment)
    file = model.synthetic.path("x", "T2", "T1")
    tissue.segment_case(model.scans.store.folder, "x", file, "T1", 800.0, Tool.ATROPOS, (4,), tmp_path)
    assert len(seen) == 2
    assert all(np.array_equal(lesion, model.scans.labels("x").data == 4) for lesion in seen)


@pytest.mark.slow
def test_tissue_of_synthetic_t1_is_compared(model):
    jobs = tissue.jobs(model)
    assert [job.folder.name for job in jobs] == ["T2_to_T1"]
    result = jobs[0].run()
    assert set(result.cases["case"]) == set(TEST)
    assert (result.cases[["dice_GM", "vs_WM"]] > 0.75).all(axis=None)
    assert jobs[0].done
    content = json.loads((jobs[0].folder / "summary.json").read_text(), parse_constant=pytest.fail)
    assert content["settings"]["program"] == "atropos"
    assert "Atropos" in content["settings"]["tool"]
    assert (jobs[0].folder / "x.png").stat().st_size > 10_000


def test_lesions_are_found_by_what_learned_from_training_cases_alone(model):
    job = next(w for w in lesion.jobs(model, ByIntensity) if w.folder.name == "T1_to_T2")
    table = job.run().cases
    modality, labels, cases = ByIntensity.taught["nnU-Net on real T2"]
    assert (modality, labels, set(cases)) == ("T2", {"background": 0, "lesion": 1}, set(TRAIN))
    image, label = cases["a"]
    assert np.array_equal(image.data, model.scans.real("a", "T2").data)
    assert np.array_equal(label.data == 1, model.scans.labels("a").data == 4)
    found = table.set_index(["case", "comparison"])["dice"]
    for case in TEST:
        reference, real = model.scans.labels(case).data == 4, model.scans.real(case, "T2").data
        predicted = (real > 480) & (real < 600)
        expected = 2 * (predicted & reference).sum() / (predicted.sum() + reference.sum())
        assert found[case, "real"] == pytest.approx(expected, abs=1e-12)
        assert found[case, "real"] > found[case, "source"]
    assert table["subject"].tolist() == ["x"] * 3 + ["y"] * 3


def test_copies_of_training_scans_augment_and_tests_are_on_real_scans(model):
    job = next(w for w in augment.jobs(model, ByIntensity) if w.folder.name == "T1_to_T2")
    result = job.run()
    cases = ByIntensity.taught["nnU-Net on real + synthetic T2"][2]
    assert set(cases) == {*TRAIN, *(f"{case}__synthetic" for case in TRAIN)}
    copy, label = cases["b__synthetic"]
    assert np.array_equal(copy.data, model.synthetic.volume("b", "T1", "T2").data)
    assert np.array_equal(label.data, cases["b"][1].data)
    assert result.cases.groupby("comparison", sort=False)["case"].apply(list).to_dict() == {
        "real": list(TEST),
        "real + synthetic": list(TEST),
    }
    assert result.settings["synthetic_copies"] == 3


def test_nnunets_folds_keep_a_person_on_one_side(model):
    cases = augment.synthetic_copies(model, "T1", "T2") + augment.real_cases(model, "T2")
    person = {case.name: case.subject for case in cases}
    assert person["a"] == person["b__synthetic"] == "P1"
    folds = nnunet_folds(cases)
    assert len(folds) == 2
    for fold in folds:
        assert not {person[name] for name in fold["train"]} & {person[name] for name in fold["val"]}
        held = {person[name] for name in fold["val"]}
        assert {*fold["train"], *fold["val"]} == {name for name in person if person[name] not in held or name in TRAIN}
        assert set(fold["val"]) <= set(TRAIN), "copies are never validated on"


def test_a_job_is_done_once_and_again_where_what_goes_in_changed(tmp_path):
    runs = []

    def do():
        runs.append(1)
        return DownstreamResult(
            pd.DataFrame({"comparison": ["real"], "case": ["007"], "subject": ["007"], "dice": [0.5]})
        )

    def job(weights):
        return DownstreamJob(DownstreamTask.LESION, "w", "m", tmp_path / "w", {"weights": weights}, do=do)

    assert run.run([job("1")])[0][0].reused is False
    again = run.run([job("1")])[0][0]
    assert again.reused
    assert again.result.cases["case"].tolist() == ["007"]
    assert run.run([job("2")])[0][0].reused is False
    assert run.run([job("2")], overwrite=True)[0][0].reused is False
    assert len(runs) == 3


def test_failures_are_isolated_per_job(tmp_path):
    def fail():
        raise UserError("this must be that", got="another")

    def bug():
        raise ValueError("ours")

    def fine():
        return DownstreamResult(pd.DataFrame({"comparison": ["real"], "case": ["a"], "subject": ["a"], "dice": [1.0]}))

    tasks = {"fail": fail, "bug": bug, "fine": fine}
    jobs = [DownstreamJob(DownstreamTask.LESION, name, "m", tmp_path / name, do=do) for name, do in tasks.items()]
    done, failures = run.run([*jobs, DownstreamJob(DownstreamTask.LESION, "none", "m", tmp_path, missing="no labels")])
    assert [entry.job.title for entry in done] == ["fine"]
    assert {f.case: f.reason for f in failures} == {
        "fail": "this must be that (got another)",
        "bug": "ValueError: ours",
    }
    assert not (tmp_path / "fail" / "summary.json").exists()


def test_tables_say_what_was_compared(model):
    jobs = [w for w in lesion.jobs(model, ByIntensity) if w.folder.name == "T1_to_T2"]
    done, _ = run.run(jobs)
    table, gaps = show.tables(done)
    text = table.text()
    assert "T1 to T2: Dice lesion" in text
    assert "Dice (%)" not in text, "the mean over one class is that class"
    assert gaps.rows[0][0].text == "T1 to T2: Dice lesion (%), synthetic"
    assert "cannot reach significance" in gaps.rows[0][-1].text
    assert "synthetic" in text
    assert "nnU-Net 2d, 1 epochs of 2 steps, a short training" in text


def test_a_network_that_finds_nothing_in_real_scans_is_named(model, monkeypatch):
    class Blind(ByIntensity):
        def segment(self, scans):
            return {name: np.zeros(s.shape, np.uint8) for name, s in scans.items()}

    job = next(w for w in augment.jobs(model, Blind) if w.folder.name == "T2_to_T1")
    (table, _) = show.tables(run.run([job], overwrite=True)[0])
    assert "T1: nnU-Net finds next to nothing in real scans (mean Dice 0.00), so nothing follows" in " ".join(
        table.text().split()
    )


def test_the_command_says_first_what_it_would_do(roots, capsys, tmp_path):
    words = ["--results", str(roots.results), "--preprocessed", str(roots.preprocessed), "--device", "cpu"]
    assert main(["--dry-run", "--task", "augment", *words]) == 0
    said = capsys.readouterr().out
    assert "augment: Inverse, T2 with copies synthesised from T1: about" in said
    assert "in all" in said
    assert main(["-d", "IXI", *words]) == 2
    assert "has no trained model of IXI (got models of MS)" in capsys.readouterr().err
    assert main(["--nnunet-folds", "7", *words]) == 2
    assert "--nnunet-folds must be all, or numbers from 0 to 4 (got 7)" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_does_each_task_once(tmp_path, capsys):
    roots = clinic(tmp_path)
    words = ["--task", "tissue", "-np", "1", "--device", "cpu", "--tool", "atropos"]
    words += ["--results", str(roots.results), "--preprocessed", str(roots.preprocessed)]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert "tissue: Inverse, T2 to T1: about" in first
    assert "Dice GM (%)" in first
    assert main(words) == 0
    second = capsys.readouterr().out
    assert "T2 to T1: done already" in second
    assert "nothing is left to do" in second
    assert first[first.index("tissue: ANTs") :] == second[second.index("tissue: ANTs") :]


def test_a_broken_model_is_listed(roots, tmp_path):
    shutil.copytree(roots.results, tmp_path / "res")
    broken = write_model(roots.__class__(tmp_path, tmp_path, tmp_path / "res"), "BROKEN")
    (broken / "plans.json").write_text("{")
    models, failures = run.models_of(roots.__class__(roots.raw, roots.preprocessed, tmp_path / "res"))
    assert [model.dataset for model in models] == ["MS"]
    assert [failure.case for failure in failures] == [str(broken)]


def test_a_model_whose_data_are_gone_is_listed(roots, tmp_path):
    lost = read_model(write_model(roots.__class__(tmp_path, tmp_path, tmp_path / "res"), "GONE"))
    here = read_model(roots.results / "MS" / "T1_T2" / "Inverse__plans__2d")
    jobs, failures = run.list_jobs([lost, here], DownstreamSettings(SMALL, device="cpu"), roots, ["tissue"])
    assert [job.model for job in jobs] == ["Inverse"]
    assert "the data set GONE must be in" in failures[0].reason


def test_classes_are_lesions_where_there_are_any():
    assert choose_classes(LABELS, "auto") == {"lesion": 4}
    assert list(choose_classes(LABELS, "tissues")) == ["CSF", "GM", "WM"]
    healthy = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
    assert list(choose_classes(healthy, "auto")) == ["CSF", "GM", "WM"]
    with pytest.raises(UserError, match="--classes lesions"):
        choose_classes(healthy, "lesions")
    assert consecutive({"core": 6, "edema": 4}) == {"background": 0, "edema": 1, "core": 2}
    values = Volume(np.array([[[0, 3, 4, 6]]], dtype=np.uint8), np.eye(4))
    assert renumbered(values, {"core": 6, "edema": 4}).data.tolist() == [[[0, 0, 1, 2]]]


def test_nnunet_never_sees_the_users_folders(monkeypatch):
    monkeypatch.setenv("nnUNet_raw", "/mine")
    monkeypatch.setenv("nnUNet_extTrainer", "/mine")
    found = environment({"nnUNet_raw": "/ours"}, "cuda:3")
    assert {name: value for name, value in found.items() if name.startswith("nnUNet") and "mine" in value} == {}
    assert found["CUDA_VISIBLE_DEVICES"] == "3"


def test_lengths_are_nnunets_own_on_a_gpu():
    assert (resolved("cuda").epochs, resolved("cuda").iterations, resolved("cuda").size) == (1000, 250, "full")
    assert resolved("cpu").size == "small"
    assert resolved("cpu", epochs=7).epochs == 7
    assert "short" not in resolved("cuda").training
    with pytest.raises(UserError, match="at least 1 epoch"):
        resolved("cpu", iterations=-1)
