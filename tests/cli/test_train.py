import json
import shlex
import subprocess
import sys
import time

import pytest
import torch

from hifisyn.cli.train import main
from hifisyn.dataset import Dataset
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.planner import complete
from hifisyn.plans import Plans
from hifisyn.training import checkpoint, loop, model_folder
from hifisyn.training.registry import trainer_class
from tests.support.training_toys import Toy, toy_dataset, toy_plans

pytestmark = pytest.mark.usefixtures("no_pictures")

TOY = ["-tr", "tests.support.training_toys:Toy"]
SHORT = ["--epochs", "1", "--iterations", "2", "--device", "cpu"]


@pytest.fixture
def roots(tmp_path):
    return toy_dataset(tmp_path, Toy)


def run(roots, *words, where=True):
    flags = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    return main([*words, *(str(flag) for flag in flags if where)])


def fails(roots, capsys, *words):
    """Return the one line that a mistake leads to."""
    assert run(roots, *words) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    return text


def model(roots, suffix="__iterations=2"):
    return roots.results / "TOY" / "T1_T2" / f"Toy__plans__2d{suffix}"


def test_help_answers_at_once_without_torch():
    begun = time.monotonic()
    code = "import sys, hifisyn.cli.train as t; assert 'torch' not in sys.modules; t.main(['-h'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "hifisyn_train IXI T1 T2 fold0" in done.stdout
    assert time.monotonic() - begun < 5


@pytest.mark.slow
def test_a_training_leaves_a_complete_model_folder(roots, capsys):
    assert run(roots, "TOY", "t2", "T1", "fold1", *TOY, *SHORT, "--set", "lr=1e-3") == 0
    folder = model(roots, "__iterations=2__lr=0.001")
    plans = Plans.load(folder / "plans.json")
    assert (plans.length.epochs, plans.length.iterations, plans.optimisation.lr) == (1, 2, 1e-3)
    config = json.loads((folder / "config.json").read_text())
    assert config["method"] == "tests.support.training_toys:Toy"
    assert config["domains"] == ["T1", "T2"]
    assert config["changed"] == {"length.epochs": 1, "length.iterations": 2, "optimisation.lr": 1e-3}
    fold = json.loads((folder / "fold_1" / "config.json").read_text())
    assert (fold["fold"], fold["seed"]) == (1, 0)
    assert (fold["device"], fold["precision"], fold["workers"]) == ("cpu", "fp32", 0)
    assert fold["versions"]["torch"] == torch.__version__
    assert "hifisyn_train TOY t2 T1 fold1" in fold["command"]
    assert json.loads((folder / "dataset.json").read_text())["name"] == "TOY"
    assert (folder / "fold_1" / "checkpoint_final.pt").exists()
    out = capsys.readouterr().out
    assert f"--model {folder}" in out
    assert "hifisyn_predict" in out


@pytest.mark.slow
def test_a_model_of_private_data_holds_no_path(roots):
    file = roots.raw / "TOY" / "dataset.json"
    content = json.loads(file.read_text()) | {"private": True}
    label = "/bulk/1234567_20252_2_0.zip/T1/T1_fast/T1_brain_pveseg.nii.gz"
    content["dataset"]["a"] = {"images": ["/bulk/1234567/a_T1.nii.gz"], "label": label}
    file.write_text(json.dumps(content))
    assert run(roots, "TOY", "T2", "T1", "fold0", *TOY, *SHORT) == 0
    assert not [path for path in model(roots).rglob("*.json") if "1234567" in path.read_text()]
    passed_on = Dataset.load(model(roots))
    assert list(passed_on.cases) == list(content["dataset"])
    assert not any(case.files for case in passed_on.cases.values())


@pytest.mark.slow
def test_a_second_training_is_refused_unless_resumed_or_overwritten(roots, capsys):
    words = ["TOY", "T1", "T2", "fold1", *TOY, *SHORT]
    assert run(roots, *words) == 0
    before = (model(roots) / "fold_1" / "checkpoint_final.pt").stat().st_mtime_ns
    line = fails(roots, capsys, *words)
    assert "go on with --resume, or start again with --overwrite" in line
    assert run(roots, *words, "--resume", "--workers", "1") == 0
    fold = json.loads((model(roots) / "fold_1" / "config.json").read_text())
    assert fold["workers"] == 0
    assert [again["workers"] for again in fold["resumed"]] == [1]
    assert run(roots, *words, "--overwrite") == 0
    assert (model(roots) / "fold_1" / "checkpoint_final.pt").stat().st_mtime_ns > before
    assert checkpoint.load(model(roots) / "fold_1" / "checkpoint_latest.pt")["progress"]["iteration"] == 2


def test_resume_without_a_checkpoint_is_an_error(roots, capsys):
    line = fails(roots, capsys, "TOY", "T1", "T2", "fold1", *TOY, *SHORT, "--resume")
    assert "fold_1 must hold checkpoint_latest.pt to resume from; train without --resume" in line
    assert not model(roots).exists()


@pytest.mark.slow
@pytest.mark.parametrize(("how", "fold"), [("--resume", "fold1"), ("--resume", "fold0"), (None, "fold0")])
def test_other_plans_than_the_folder_was_trained_by_are_refused_by_key(roots, capsys, how, fold):
    assert run(roots, "TOY", "T1", "T2", "fold1", *TOY, *SHORT) == 0
    plans = toy_plans(Toy, betas=[0.9, 0.99])
    plans.save(roots.preprocessed / "TOY" / "plans.json")
    words = ["TOY", "T1", "T2", fold, *TOY, *SHORT, *([how] if how else [])]
    line = fails(roots, capsys, *words)
    if (how, fold) != ("--resume", "fold0"):
        assert "optimisation.betas must be what fold_1 of " in line
        assert "was trained by (got [0.9, 0.99])" in line
    assert json.loads((model(roots) / "plans.json").read_text())["optimisation"]["betas"] == [0.5, 0.999]


def test_plans_that_differ_only_in_reasons_are_the_same(roots):
    words = ["TOY", "T1", "T2", "fold1", *TOY, *SHORT]
    assert run(roots, *words) == 0
    toy_plans(Toy).model_copy(update={"reasons": {"lr": "another"}}).save(roots.preprocessed / "TOY" / "plans.json")
    assert run(roots, *words, "--resume") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["TOY", "T1", "PD", "fold0", *TOY],
            "contrasts must be two or more different ones of TOY (T1, T2) (got T1, PD)",
        ),
        (
            ["TOY", "T1", "t1", "fold0", *TOY],
            "contrasts must be two or more different ones of TOY (T1, T2) (got T1, t1)",
        ),
        (["TOY", "T1", "T2", "fold7", *TOY], "the fold must be fold0, fold1 or all (got 7)"),
        (["TOY", "T1", "T2", "first"], "the fold must be fold0, 0 or all (got 'first')"),
        (["IXI", "T1", "T2", "fold0"], "the data set IXI must be in"),
        (["TOY", "T1", "T2", "0", *TOY, "-p", "wide"], "wide.json does not exist"),
        (["TOY", "T1", "T2", "0", *TOY, "--set", "rate=1"], "--set must name a key of the plans (got rate)"),
        (["TOY", "T1", "T2", "0", *TOY, "--set", "lr=-1"], "--set: optimisation.lr must be greater than 0"),
        (["TOY", "T1", "T2", "0", *TOY, "--epochs", "0"], "length.epochs"),
        (
            ["TOY", "T1", "T2", "0", *TOY, "--set", "pixel_mm=2.0"],
            "--set slices.pixel_mm must be 1.0, by which the slices",
        ),
        (
            ["TOY", "T1", "T2", "0", *TOY, "--set", "upper_percentile=98"],
            "--set preprocessing.upper_percentile must be 99.5",
        ),
        (
            ["TOY", "T1", "T2", "0", *TOY, "--device", "cuda:7"],
            "--device must be one of this machine (cpu) (got cuda:7)",
        ),
        (["TOY", "T1", "T2", "0", *TOY, "--workers", "-1"], "--workers must be 0 or more (got -1)"),
        (["TOY", "T1", "T2", "0", *TOY, "--seed", "-1"], "--seed must be 0 or more (got -1)"),
        (["TOY", "T1", "T2", "0", "-tr", "HiFySin"], "(got 'HiFySin'); did you mean HiFiSyn?"),
        (
            ["TOY", "T1", "T2", "0", "-tr", "nowhere.at:All"],
            "nowhere.at of the method nowhere.at:All cannot be imported",
        ),
        (
            ["TOY", "T1", "T2", "0", "-tr", "tests.support.training_toys:Bank"],
            "must be a subclass of hifisyn.training.contract.Trainer",
        ),
    ],
)
def test_mistakes_are_one_line_that_says_what_there_is(roots, capsys, words, message):
    assert message in fails(roots, capsys, *words)
    assert not roots.results.exists()


def test_resume_and_overwrite_exclude_each_other(roots, capsys):
    assert "not allowed with" in fails(roots, capsys, "TOY", "T1", "T2", "fold0", "--resume", "--overwrite")


def test_a_modality_that_no_training_case_has_is_an_error(roots, capsys):
    folder = roots.preprocessed / "TOY" / "plans_2d"
    for record in folder.glob("*.json"):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"modalities": ["T1"]}))
    assert "some training case must have T2 (got 6 with T1)" in fails(roots, capsys, "TOY", "T1", "T2", "fold0", *TOY)
    assert not roots.results.exists()


def test_slices_that_were_not_cut_are_named(roots, capsys):
    splits = roots.preprocessed / "TOY" / "splits_final.json"
    splits.write_text(json.dumps({"folds": [{"train": ["c0", "c1", "lost"], "val": []}]}))
    assert run(roots, "TOY", "T1", "T2", "0", *TOY, *SHORT) == 0
    out = capsys.readouterr().out
    assert "without slices, left out: lost" in out
    assert "no validation cases" in out
    splits.write_text(json.dumps({"folds": [{"train": ["lost"], "val": []}]}))
    assert "hifisyn_plan_and_preprocess -d TOY" in fails(roots, capsys, "TOY", "T1", "T2", "0", *TOY, *SHORT)


def test_fold_all_trains_on_every_case(roots, capsys):
    assert run(roots, "TOY", "T1", "T2", "all", *TOY, *SHORT) == 0
    out = capsys.readouterr().out
    assert "training subjects: 8 with T1, 8 with T2" in out
    assert "validation cases are among the training cases" in out
    assert (model(roots) / "fold_all" / "checkpoint_best.pt").exists()


def test_an_interrupted_training_says_how_to_go_on(roots, capsys, monkeypatch):
    monkeypatch.setattr("hifisyn.api.train.run_loop", lambda job, options: 15)
    assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, "--overwrite") == 143
    out = capsys.readouterr().out
    again = shlex.split(out.strip().splitlines()[-1])
    assert again[:5] == ["hifisyn_train", "TOY", "T1", "T2", "fold0"]
    assert again[-1] == "--resume"
    assert "--overwrite" not in again


def test_a_training_of_days_is_refused_before_it_begins(roots, capsys, monkeypatch):
    monkeypatch.setattr(loop, "seconds_a_step", lambda *args: 3600.0)
    words = ["TOY", "T1", "T2", "fold0", *TOY, "--device", "cpu", "--epochs", "5"]
    assert "at most 12 h (got about 2 d 2 h on cpu" in fails(roots, capsys, *words)


def test_the_folder_is_named_by_what_was_changed():
    plans = toy_plans()
    changed = model_folder.changes(
        plans, complete(plans.override(["lr=1e-3", "losses.pgd=0", "memory.rho=0.5"]), HiFiSyn)
    )
    assert model_folder.suffix(changed) == "__lr=0.001__pgd=0.0__rho=0.5"
    assert model_folder.changes(plans, plans.override(["lr=0.01"])) == {}
    assert model_folder.suffix({}, seed=2) == "__seed=2"
    many = model_folder.changes(
        plans, plans.override([f"{k}=7.5" for k in ("content", "domain", "cycle", "pgd", "sgd", "tau_1")])
    )
    assert len(model_folder.suffix(many)) == 12
    slots = model_folder.changes(plans, plans.override(["memory.slots={'GM': 2}"]))
    assert set(slots) == {"settings.memory.slots"}
    assert "/" not in model_folder.suffix(slots)
    assert model_folder.suffix(slots) != model_folder.suffix({"memory.slots": {"GM": 3}})


def test_methods_are_registered_by_name():
    assert trainer_class("HiFiSyn").__name__ == "HiFiSyn"
    assert trainer_class("tests.support.training_toys:Toy") is Toy
