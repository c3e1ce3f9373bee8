"""The benchmark: equal budgets, tables in the paper's form, resuming, refusing, side by side."""

# mypy: no-check-untyped-defs
import json
import re
import shlex
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from hifisyn.cli import benchmark as cli
from hifisyn.engine.jobs import in_this_process
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.experiments import benchmark, compare, length, meter, train_all, trainings
from hifisyn.experiments.length import Length
from hifisyn.experiments.methods import REFERENCE, method_rows
from hifisyn.experiments.rows import granularity_of
from hifisyn.experiments.train_all import Trained
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.paths import Roots
from hifisyn.training import loop, registry
from hifisyn.training.job import Options
from tests.experiments.test_benchmark_tables import synthetic_cases
from tests.support.interruptions import interrupted_at
from tests.support.training_toys import toy_dataset, toy_plans, toy_store

METHODS = ["--methods", "hifisyn", "CycleGAN"]
NARROW = ["--set", "networks.width=4"]  # as the toy plans of HiFi-Syn are already
FOLDER = "benchmark_T1_T2_fold_0__steps=4"


@pytest.fixture(autouse=True, scope="module")
def speed_without_measuring():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hifisyn.experiments.meter.seconds_a_step", lambda *args: 0.5)
        yield


def run(roots, *words, budget="4", task=()):
    flags = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    length = ["--budget", budget] if budget else []
    begin = ["-d", "TOY", *length, *NARROW, "--device", "cpu", "--task", *task]
    return cli.main([*begin, *words, *(str(flag) for flag in flags)])


def fails(roots, capsys, *words, **settings):
    """Return the one line that a mistake leads to."""
    capsys.readouterr()
    assert run(roots, *words, **settings) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    return text


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    roots = toy_dataset(tmp_path_factory.mktemp("whole"))
    assert run(roots, *METHODS) == 0
    return SimpleNamespace(roots=roots, folder=roots.results / "TOY" / FOLDER)


@pytest.fixture
def copied(whole, tmp_path):
    """The same in a place that a test may change."""
    shutil.copytree(whole.roots.raw.parent, tmp_path / "copy")
    return Roots(*(tmp_path / "copy" / name for name in ("raw", "pre", "res")))


def recorded(folder):
    """Return the trainings of a benchmark as its record has them, with their method."""
    rows = json.loads((folder / "benchmark.json").read_text())["rows"]
    return [training | {"method": row["row"]} for row in rows for training in row["trainings"]]


def never(*args, **kwargs):
    raise AssertionError("nothing is left to do")


@pytest.mark.slow
def test_every_method_stands_in_the_tables_in_the_order_of_the_paper(whole):
    first = pd.read_csv(whole.folder / "table_1.csv")
    assert list(dict.fromkeys(first["row"])) == ["CycleGAN", "HiFiSyn"]
    assert list(dict.fromkeys(first["direction"])) == ["T1 to T2", "T2 to T1", "average of 2 tasks"]
    assert set(first["measure"]) == {"psnr", "ssim"}
    assert (first["n"] == 2).all()
    assert first.loc[first["row"] == "CycleGAN", "p"].notna().all()
    second = pd.read_csv(whole.folder / "table_2.csv")
    assert set(second["measure"]) == {"psnr_brain", "ssim_brain", "correlation"}
    page = (whole.folder / "benchmark.md").read_text()
    assert "4 steps, batch 2, cpu, fp32, seeds 0, 6 training cases, images of 16x16 pixels" in page
    assert "4 channels in the first layer (64 as published)" in page
    assert "| CycleGAN |" in page
    assert "Validation cases chose the best weights" in page
    assert "trained once" in page


def broken_training(monkeypatch, *broken):
    train = trainings.train

    def one(job, options):
        if job.trainer.TITLE in broken:
            raise UserError("no memory")
        return train(job, options)

    monkeypatch.setattr(trainings, "train", one)


@pytest.mark.slow
def test_failures_are_isolated_per_method_and_the_tables_are_written(tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)
    broken_training(monkeypatch, "HiFiSyn")
    assert run(roots, *METHODS) == 1
    assert "HiFiSyn, seed 0  no memory" in capsys.readouterr().err
    page = (roots.results / "TOY" / FOLDER / "benchmark.md").read_text()
    assert "- HiFiSyn, seed 0: no memory" in page
    assert "| CycleGAN |" in page


@pytest.mark.slow
def test_where_all_methods_fail_nothing_else_is_tried(copied, monkeypatch, capsys):
    broken_training(monkeypatch, "GC-CycleGAN")
    assert run(copied, "--methods", "GC-CycleGAN", task=["tissue"]) == 2
    captured = capsys.readouterr()
    assert "tissue" not in captured.out
    assert "no memory" in captured.err


@pytest.mark.slow
def test_an_evaluation_that_fails_leaves_the_tables_of_the_others(copied, monkeypatch, capsys):
    evaluate = compare.evaluate
    for folder in copied.results.glob("TOY/T1_T2/*/fold_0/evaluation_val"):
        shutil.rmtree(folder)

    def one(task, *args, **kwargs):
        if task.model.method == "CycleGAN":
            raise RuntimeError("broken")
        return evaluate(task, *args, **kwargs)

    monkeypatch.setattr(compare, "evaluate", one)
    assert run(copied, *METHODS) == 1
    assert "CycleGAN, seed 0  RuntimeError: broken" in capsys.readouterr().err
    assert "| HiFiSyn |" in (copied.results / "TOY" / FOLDER / "benchmark.md").read_text()


@pytest.mark.slow
def test_a_method_whose_first_steps_fail_is_left_out(tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)

    def speed(job, *args):
        if job.trainer.TITLE == "HiFiSyn":
            raise RuntimeError("CUDA out of memory")
        return 0.5

    monkeypatch.setattr("hifisyn.experiments.meter.seconds_a_step", speed)
    assert run(roots, *METHODS) == 1
    assert "HiFiSyn  RuntimeError: CUDA out of memory" in capsys.readouterr().err
    assert "| CycleGAN |" in (roots.results / "TOY" / FOLDER / "benchmark.md").read_text()
    monkeypatch.setattr("hifisyn.experiments.meter.seconds_a_step", never)
    assert "no method can be trained here; HiFiSyn: AssertionError" in fails(
        roots, capsys, "--methods", "hifisyn", budget="8"
    )


@pytest.mark.slow
def test_a_lack_of_labels_is_remarked_in_the_tables(tmp_path):
    roots = toy_dataset(tmp_path)
    for file in (roots.preprocessed / "TOY" / "plans_2d").glob("*.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"labelled": False}))
    assert run(roots, "--methods", "COSMOS") == 0
    page = (roots.results / "TOY" / FOLDER / "benchmark.md").read_text()
    assert "COSMOS: no training case has labels: nothing is segmented, which leaves CycleGAN." in page


@pytest.mark.slow
def test_what_the_user_changes_stands_in_the_folders_name(tmp_path):
    roots = toy_dataset(tmp_path)
    assert run(roots, "--methods", "CycleGAN", "--set", "settings.cycle=5", "optimisation.batch_size=1") == 0
    names = [path.name for path in (roots.results / "TOY").glob("benchmark*")]
    assert names == [f"{FOLDER}__batch_size=1__cycle=5"]


@pytest.mark.slow
def test_the_numbers_are_those_of_the_evaluations(whole):
    found = pd.read_csv(whole.folder / "table_1.csv").set_index(["row", "direction", "measure"])["mean"]
    for method in ("CycleGAN", "HiFiSyn"):
        folder = next((whole.roots.results / "TOY" / "T1_T2").glob(f"{method}__plans*"))
        cases = pd.read_csv(folder / "fold_0" / "evaluation_val" / "subjects.csv")
        own = cases[cases["method"] == method]
        means = own.groupby("direction")["psnr"].mean()
        for direction in ("T1 to T2", "T2 to T1"):
            assert found[method, direction, "psnr"] == pytest.approx(means[direction], abs=1e-5)
        assert found[method, "average of 2 tasks", "psnr"] == pytest.approx(means.mean(), abs=1e-5)


@pytest.mark.slow
def test_what_needs_no_training_stands_beside(whole):
    sharp = pd.read_csv(whole.folder / "structure.csv")
    assert {"CycleGAN", "HiFiSyn", "true scan"} <= set(sharp["row"])
    assert "**Structure and sharpness**" in (whole.folder / "benchmark.md").read_text()
    found = pd.read_csv(whole.folder / "untrained.csv")
    assert set(found["method"]) > {"source itself"}
    assert "What needs no training" in (whole.folder / "benchmark.md").read_text()


@pytest.mark.slow
def test_the_record_says_what_was_equal_and_what_it_took(whole):
    trainings = recorded(whole.folder)
    assert {entry["method"] for entry in trainings} == {"CycleGAN", "HiFiSyn"}
    assert all(entry["steps"] == 4 and entry["seconds"] > 0 for entry in trainings)
    assert len({json.dumps(entry["budget"]) for entry in trainings}) == 1
    cost = pd.read_csv(whole.folder / "cost.csv").set_index("row")
    folder = next((whole.roots.results / "TOY" / "T1_T2").glob("CycleGAN__plans*"))
    held = loop.checkpoint.load(folder / "fold_0" / "checkpoint_final.pt")["networks"]
    own = sum(t.numel() for name, t in held.items() if name.partition(".")[0] in ("generator", "discriminator"))
    assert cost.loc["CycleGAN", "parameters"] == own


@pytest.mark.slow
def test_sheets_show_all_methods(whole):
    assert {p.name for p in whole.folder.glob("comparison*.png")} >= {"comparison_T1_to_T2_slices.png"}
    assert (whole.folder / "benchmark.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_second_run_trains_and_evaluates_nothing(whole, monkeypatch, capsys):
    before = (whole.folder / "table_1.csv").read_bytes()
    monkeypatch.setattr(trainings, "train", never)
    monkeypatch.setattr(compare, "evaluate", never)
    assert run(whole.roots, *METHODS) == 0
    assert (whole.folder / "table_1.csv").read_bytes() == before
    assert "nothing is left to train" in capsys.readouterr().out


@pytest.mark.slow
def test_interrupted_and_taken_up_again_the_tables_are_the_same(whole, tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)

    with interrupted_at("HiFiSyn, seed 0: epoch 2/4"):
        assert run(roots, *METHODS, "--overwrite") == 130
    again = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    assert "--overwrite" not in again
    assert cli.main(again[1:]) == 0
    out = capsys.readouterr().out
    assert "HiFiSyn   3 of 4 steps done" in out or "HiFiSyn   2 of 4 steps done" in out
    for name in ("table_1.csv", "table_2.csv", "subjects.csv"):
        assert (roots.results / "TOY" / FOLDER / name).read_bytes() == (whole.folder / name).read_bytes()


@pytest.mark.slow
def test_side_by_side_trains_the_same_weights(copied, whole, monkeypatch):
    shutil.rmtree(copied.results)
    taken = []

    def one_after_the_other(function, jobs):
        for name, arguments in jobs:
            taken.append(arguments[2].device)
            yield name, function(*arguments), None

    monkeypatch.setattr("hifisyn.engine.processes.Processes.executor", lambda self, n: one_after_the_other)
    flags = ["--raw", copied.raw, "--preprocessed", copied.preprocessed, "--results", copied.results]
    words = ["-d", "TOY", "--budget", "4", *NARROW, "--task", "--device", "cpu", "cpu", *METHODS, *map(str, flags)]
    assert cli.main(words) == 0
    assert taken == ["cpu", "cpu"]
    assert (copied.results / "TOY" / FOLDER / "table_1.csv").read_bytes() == (whole.folder / "table_1.csv").read_bytes()


class One:
    """A training that is to be done, by name."""

    state, steps = "to be trained", 10
    job = SimpleNamespace(domains=("T1", "T2"), plans=SimpleNamespace(length=SimpleNamespace(total=10)))

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"{self.name}, seed 0"

    def steps_left(self):
        return 10

    def seconds(self):
        return 1.0


def test_a_killed_process_fails_its_own_training_only():
    used = []

    def executor(function, jobs):
        lost = [next(jobs), next(jobs)]  # killed: both come again, alone, when the others are done
        for name, arguments in [*jobs, *lost]:
            used.append((name, arguments[2].device))
            yield name, 0, UserError("its process was killed") if name == "a, seed 0" else None

    found = train_all.train_all([One(n) for n in "abcd"], Options(), executor, ["gpu0", "gpu1"])
    assert [name[0] for name, _ in used] == ["c", "d", "a", "b"]
    assert {device for _, device in used} == {"gpu0", "gpu1"}
    assert [str(t)[0] for t in found.done] == ["b", "c", "d"]


def test_devices_are_given_back_and_failures_are_isolated():
    used = []

    def job(name, training, options):
        used.append((name, options.device))
        if name == "b, seed 0":
            raise UserError("no memory")
        return 2 if name == "c, seed 0" else 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_all, "_train", job)
        found = train_all.train_all([One(n) for n in "abcd"], Options(), in_this_process, ["gpu0", "gpu1"])
    assert used == [("a, seed 0", "gpu0"), ("b, seed 0", "gpu1"), ("c, seed 0", "gpu0"), ("d, seed 0", "gpu1")]
    assert [str(t) for t in found.done] == ["a, seed 0", "d, seed 0"]
    assert [f.reason for f in found.failures] == ["no memory", "stopped, saved"]
    assert found.stopped == 2


@pytest.mark.slow
def test_equal_time_gives_slower_methods_fewer_steps_and_keeps_to_it(tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)
    speeds = {"CycleGAN": 0.1, "HiFiSyn": 0.25}
    asked = []

    def speed(job, *args):
        asked.append(job.trainer.TITLE)
        return speeds[job.trainer.TITLE]

    monkeypatch.setattr("hifisyn.experiments.meter.seconds_a_step", speed)
    assert run(roots, *METHODS, budget="2s") == 0
    found = pd.read_csv(roots.results / "TOY" / "benchmark_T1_T2_fold_0__seconds=2" / "cost.csv").set_index("row")
    assert found["steps"].to_dict() == {"CycleGAN": 20, "HiFiSyn": 8}
    assert sorted(asked) == ["CycleGAN", "HiFiSyn"]
    monkeypatch.setattr("hifisyn.experiments.meter.seconds_a_step", never)
    assert run(roots, *METHODS, budget="2s") == 0
    assert "nothing is left to train" in capsys.readouterr().out


@pytest.mark.slow
def test_another_budget_or_split_is_not_mixed_in(copied, capsys):
    splits = copied.preprocessed / "TOY" / "splits_final.json"
    content = json.loads(splits.read_text())
    content["folds"][0]["train"].pop()
    splits.write_text(json.dumps(content))
    line = fails(copied, capsys, *METHODS)
    assert "CycleGAN, seed 0: the splits must be the same for all rows of a table" in line
    assert "precision" in fails(copied, capsys, *METHODS, "--precision", "bf16")


@pytest.mark.slow
def test_other_plans_are_not_mixed_in(copied, capsys):
    plans = copied.preprocessed / "TOY" / "plans.json"
    content = json.loads(plans.read_text())
    content["optimisation"]["batch_size"] = 1
    plans.write_text(json.dumps(content))
    assert "optimisation.batch_size must be 1 as in the plans" in fails(copied, capsys, *METHODS)


def test_a_dry_run_says_all_and_writes_nothing(tmp_path, capsys):
    roots = toy_dataset(tmp_path)
    assert run(roots, "--dry-run", *METHODS, "--seeds", "0", "1") == 0
    out = capsys.readouterr().out
    assert "every method: 4 steps, batch 2, cpu, fp32, seeds 0 1" in out
    assert "CycleGAN  0 of 8 steps done; about 4 s, 0.5 s a step" in out
    assert not roots.results.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "budget", "message"),
    [
        (["--methods", "CycleGun"], "4", "did you mean CycleGAN"),
        (["--methods", "CycleGAN", "cyclegan"], "4", "(got CycleGAN 2 times)"),
        ([], "two hours", "--budget must be steps such as 2000, or a time"),
        ([], "0", "--budget must be steps"),
        ([], "50021", "must be steps that divide into epochs (got 50021); take 50020"),
        (["--set", "epochs=3"], "4", "--set epochs and --budget exclude each other"),
        (["--device", "cuda:7"], "4", "--device must be one of this machine"),
        (["--scheduler", "tcp://nowhere:1", "--device", "auto"], "4", "pass --device cpu or cuda alone"),
        ([*METHODS, "--set", "settings.identity=0"], "4", "HiFiSyn: --set must name a key of the plans"),
        (["--source", "T1"], "4", "--source and --target belong together"),
        (["--source", "T1", "--target", "T2", "t2"], "4", "must name every contrast once (got T1_T2 twice)"),
        (["--seeds", "1", "1"], "4", "--seeds must be different"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(tmp_path, capsys, words, budget, message):
    roots = toy_dataset(tmp_path)
    assert message in fails(roots, capsys, *words, budget=budget)
    assert not roots.results.exists()


def test_every_registered_method_has_a_row():
    rows = method_rows()
    assert sorted(row.name for row in rows) == registry.names()
    assert [row.name for row in rows[-3:]] == [REFERENCE, "Adapted", "Paired"]  # the ceiling stands behind the others
    assert all(row.parts is None and not row.assignments for row in rows)
    outside = method_rows(["tests.support.training_toys:Toy", "HiFiSyn"])
    assert [row.name for row in outside] == ["HiFiSyn", "Toy"]


@pytest.mark.parametrize(("steps", "each"), [(1000, 100), (4, 1), (30, 3), (7, 1), (5000, 500), (12345, 15)])
def test_steps_divide_into_epochs(steps, each):
    found = toy_plans().override(list(length.assignments(steps, toy_plans())))
    assert (found.length.total, found.length.iterations) == (steps, each)
    assert length.assignments(found.length.total, found) == ()


def test_the_ramp_of_the_losses_keeps_its_share_of_the_run():
    plans = toy_plans().override(["losses.ramp_start=0.5", "losses.ramp=0.25"])
    found = plans.override(list(length.assignments(100, plans)))
    losses = granularity_of(found)
    grown = [losses.share(step, found.length.total) for step in range(100)]
    assert (plans.length.total, losses.first_step(found.length.total), grown.index(1.0) + 1) == (40, 50, 75)


def test_equal_time_counts_whole_periods_of_the_content_discriminator():
    plans, time = toy_plans(), Length(seconds=100.0)
    assert length.own_length(time, plans, 1, 1.0, period=3) == length.assignments(99, plans)
    assert length.own_length(time, plans, 1, 1000.0, period=3) == length.assignments(3, plans)
    assert length.own_length(Length(steps=5), plans, 1, 1.0, period=3) == ()


def test_trainings_that_divide_a_budget_have_it_in_whole_epochs():
    plans, time = toy_plans(epochs=100, iterations=1000), Length(seconds=600.0)
    assert length.own_length(Length(), plans, 1, None, 1) == ()
    # 100000 / 6, a hundredth less at most
    assert length.own_length(Length(), plans, 6, None, 1) == length.assignments(16600, plans)
    assert length.own_length(time, plans, 1, 1.0, 1) == length.assignments(600, plans)
    assert length.own_length(time, plans, 6, 0.5, 1) == length.assignments(200, plans)


@pytest.mark.parametrize("period", [1, 3])
@pytest.mark.parametrize(("seconds", "speed"), [(1000, 0.1), (3600, 0.25), (43200, 0.4), (86400, 0.07), (777, 0.31)])
def test_equal_time_gives_epochs_of_many_steps_and_wastes_little(seconds, speed, period):
    steps = length.steps_within(seconds, speed, period)
    assert steps % period == 0
    assert 0.95 * seconds <= steps * speed <= seconds
    each = length.epoch_length(steps)
    assert steps % each == 0
    assert 10 <= steps // each <= 1000 or each > 400


def test_speeds_of_other_conditions_are_not_taken(tmp_path):
    once = Once(tmp_path, {"device": "cpu"}, "lengths.json")
    assert meter.read_speeds(once) == {}
    once.finish({"seconds_a_step": {"CycleGAN": 0.1}})
    assert meter.read_speeds(once) == {"CycleGAN": 0.1}
    with pytest.raises(UserError, match="speeds must be measured with device cuda") as error:
        meter.read_speeds(Once(tmp_path, {"device": "cuda"}, "lengths.json"))
    assert error.value.got == "cpu"


@pytest.mark.slow
def three_contrasts(home):
    """The toy data set with a third contrast."""
    roots = toy_dataset(home)
    folder = roots.preprocessed / "TOY"
    toy_store(folder / "plans_2d", {f"c{i}": ("FLAIR", "T1", "T2") for i in range(8)})
    plans = json.loads((folder / "plans.json").read_text())
    plans |= {"modalities": ["T1", "T2", "FLAIR"], "intensity_scale": {"T1": 1.0, "T2": 1.0, "FLAIR": 1.0}}
    (folder / "plans.json").write_text(json.dumps(plans))
    raw = roots.raw / "TOY" / "dataset.json"
    channels = {"channel_names": {"0": "T1", "1": "T2", "2": "FLAIR"}}
    raw.write_text(json.dumps(json.loads(raw.read_text()) | channels))
    return roots


@pytest.mark.slow
def test_several_pairs_stand_in_one_table(tmp_path):
    roots = three_contrasts(tmp_path)
    assert run(roots, "--source", "T1", "--target", "T2", "FLAIR", "--methods", "CycleGAN") == 0
    folder = roots.results / "TOY" / "benchmark_T1_T2_and_FLAIR_T1_fold_0__steps=4"
    second = pd.read_csv(folder / "table_2.csv")
    assert set(second["direction"]) == {"T1 to T2", "T2 to T1", "T1 to FLAIR", "FLAIR to T1"}
    assert set(pd.read_csv(folder / "table_1.csv")["direction"]) == {"average of 4 tasks"}
    assert {path.name for path in folder.glob("comparison_*_slices.png")} == {
        f"comparison_{key}_slices.png" for key in ("T1_to_T2", "T2_to_T1", "T1_to_FLAIR", "FLAIR_to_T1")
    }
    trainings = recorded(folder)
    assert [entry["domains"] for entry in trainings] == [["T1", "T2"], ["FLAIR", "T1"]]


TOGETHER = ["--together", "T1", "t2", "FLAIR"]
SIX = ["FLAIR to T1", "FLAIR to T2", "T1 to FLAIR", "T1 to T2", "T2 to FLAIR", "T2 to T1"]
PAIRS = [["T1", "T2"], ["FLAIR", "T1"], ["FLAIR", "T2"]]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """One training on three contrasts and one on each pair."""
    roots = three_contrasts(tmp_path_factory.mktemp("three"))
    words = [*TOGETHER, "--pairwise", "--methods", "CycleGAN", "HiFiSyn"]
    assert run(roots, *words, budget="12") == 0
    folder = roots.results / "TOY" / "benchmark_FLAIR_T1_T2_and_pairwise_fold_0__steps=12"
    return SimpleNamespace(roots=roots, folder=folder, words=words)


@pytest.mark.slow
def test_contrasts_trained_together_stand_in_every_direction_beside_their_pairs(three):
    second = pd.read_csv(three.folder / "table_2.csv")
    assert sorted(set(second["direction"])) == SIX
    assert (second.groupby(["row", "direction", "measure"]).size() == 1).all()
    assert list(dict.fromkeys(second["row"])) == ["HiFiSyn", "HiFiSyn, pairwise"]
    assert second.loc[second["row"] != "HiFiSyn", "p"].notna().all()
    first = pd.read_csv(three.folder / "table_1.csv")
    assert dict(zip(first["row"], first["direction"], strict=True)) == {
        "HiFiSyn": "average of 6 tasks",
        "HiFiSyn, pairwise": "average of 6 tasks",
    }
    assert (first["n"] == 2).all()
    keys = {d.replace(" ", "_") for d in SIX}
    assert {p.name for p in three.folder.glob("comparison_*_slices.png")} == {
        f"comparison_{k}_slices.png" for k in keys
    }


@pytest.mark.slow
def test_the_numbers_of_pairs_are_those_of_their_own_trainings(three):
    found = pd.read_csv(three.folder / "table_2.csv").set_index(["row", "direction", "measure"])["mean"]
    models = {"HiFiSyn": ["FLAIR_T1_T2"], "HiFiSyn, pairwise": ["FLAIR_T1", "FLAIR_T2", "T1_T2"]}
    for row, folders in models.items():
        for folder in folders:
            (model,) = (three.roots.results / "TOY" / folder).glob("HiFiSyn__*")
            cases = pd.read_csv(model / "fold_0" / "evaluation_val" / "subjects.csv")
            own = cases[cases["method"] == "HiFiSyn"]
            for direction, part in own.groupby("direction"):
                assert found[row, direction, "psnr"] == pytest.approx(part["psnr"].mean(), abs=1e-5)
    untrained = pd.read_csv(three.folder / "untrained.csv")
    assert sorted(set(untrained["direction"])) == SIX
    assert not untrained.duplicated(["direction", "measure", "method"]).any()
    assert (untrained["n"] == 2).all()


@pytest.mark.slow
def test_pairs_divide_the_budget_of_the_one_training(three):
    trainings = recorded(three.folder)
    steps = {(entry["method"], *entry["domains"]): entry["steps"] for entry in trainings}
    assert steps == {("HiFiSyn", "FLAIR", "T1", "T2"): 12} | {("HiFiSyn, pairwise", *pair): 4 for pair in PAIRS}
    cost = pd.read_csv(three.folder / "cost.csv").set_index("row")
    assert cost["steps"].to_dict() == {"HiFiSyn": 12, "HiFiSyn, pairwise": 4}
    assert cost.loc["HiFiSyn", "parameters"] > cost.loc["HiFiSyn, pairwise", "parameters"]


@pytest.mark.slow
def test_methods_of_two_contrasts_are_named_and_left_out(three, monkeypatch, capsys):
    page = (three.folder / "benchmark.md").read_text()
    assert "- CycleGAN: takes at most 2 contrasts in a training" in page
    assert "A row named pairwise is one training for each pair" in page
    assert "Trainings of a row: HiFiSyn 1, HiFiSyn, pairwise 3." in page
    monkeypatch.setattr(trainings, "train", never)
    monkeypatch.setattr(compare, "evaluate", never)
    assert run(three.roots, *three.words, budget="12") == 0
    out = capsys.readouterr().out
    assert "nothing is left to train" in out
    assert re.search(r"CycleGAN +left out: takes at most 2 contrasts in a training", out)
    assert "12 of 12 steps done" in out


def test_without_pairs_there_is_one_training(tmp_path, capsys):
    roots = three_contrasts(tmp_path)
    assert run(roots, *TOGETHER, "--methods", "HiFiSyn", "StarGAN-v2", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "benchmark on TOY: FLAIR and T1 and T2, fold 0" in out
    assert re.findall(r"^  (\S+) +0 of 4 steps done", out, flags=re.MULTILINE) == ["StarGAN-v2", "HiFiSyn"]


def without_pairs(folder):
    """Let every second case of a data set have T1 alone, the others T2."""
    for number, record in enumerate(sorted((folder / "plans_2d").glob("c*.json"))):
        write_json(record, read_json(record) | {"modalities": [("T1", "T2")[number % 2]]})


def test_without_pairs_the_method_that_learns_from_them_is_left_out_and_nothing_failed(tmp_path, capsys):
    roots = toy_dataset(tmp_path)
    words = ("--methods", "Paired", "CycleGAN")
    assert run(roots, *words, "--dry-run") == 0
    assert "left out" not in capsys.readouterr().out
    without_pairs(roots.preprocessed / "TOY")
    assert run(roots, *words, "--dry-run") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "Paired" in line]
    assert lines == ["  Paired    left out: no training case has two of T1, T2 whose registration is trusted"]
    text = fails(roots, capsys, "--methods", "Paired")
    assert "Paired must be able to learn from these contrasts (got no training case has two of T1, T2" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--together", "T1", "T2"], "--together needs three contrasts or more (got T1 T2)"),
        (
            [*TOGETHER, "--source", "T1", "--target", "T2"],
            "--together excludes --source and --target; leave out one of them",
        ),
        (["--source", "T1", "--target", "T2", "--pairwise"], "--pairwise needs --together"),
        ([*TOGETHER, "--methods", "CycleGAN", "MUNIT"], "takes 3 contrasts in a training (got CycleGAN, MUNIT)"),
        (["--together", "T1", "T2", "t1"], "contrasts must be two or more different ones"),
    ],
)
def test_mistakes_about_contrasts_are_one_line(tmp_path, capsys, words, message):
    roots = three_contrasts(tmp_path)
    assert message in fails(roots, capsys, *words)
    assert not roots.results.exists()


def test_pairs_measured_on_other_cases_than_the_rows_before_are_left_out(monkeypatch):
    all_of_them = synthetic_cases(SIX)

    def rows(experiment, done, device):
        (group,) = done
        own = all_of_them[all_of_them["direction"].isin(group.directions)]
        return own[own["case"] != "c0"] if group.lacks else own, []

    monkeypatch.setattr(compare, "compare_rows", rows)
    domains = ("FLAIR", "T1", "T2")
    groups = [(domains, SIX, False), (domains[:2], SIX[:1], True), (domains[1:], SIX[3:4], False)]
    one = SimpleNamespace(name="CycleGAN")
    trainings = {d: [SimpleNamespace(directions=s, lacks=lacks, row=one)] for d, s, lacks in groups}
    done = tuple(training for own in trainings.values() for training in own)
    experiment = SimpleNamespace(by_contrasts=trainings, failures=())
    results = compare.compare(experiment, Trained(done, ()), "cpu")
    found, failures = results.cases, results.failures
    assert found.groupby("direction").size().to_dict() == dict.fromkeys(SIX, 14) | {"T1 to T2": 28}
    assert [failure.case for failure in failures] == ["FLAIR and T1"]


def test_every_method_has_the_length_and_the_batch_of_the_data_sets_plans(tmp_path, capsys):
    roots = toy_dataset(tmp_path)
    toy_plans(batch_size=3, epochs=5).save(roots.preprocessed / "TOY" / "plans.json")
    assert run(roots, "--dry-run", "--methods", "CycleGAN", "MUNIT", budget=None) == 0
    out = capsys.readouterr().out
    assert "every method: 5 epochs of 10 steps, batch 3" in out
    assert re.findall(r"(\w+) +0 of (\d+) steps", out) == [("CycleGAN", "50"), ("MUNIT", "50")]


def test_a_model_is_known_again_by_its_folder(tmp_path):
    model = tmp_path / "T1_T2" / "CycleGAN__plans__2d"
    folder = model / "fold_0" / "downstream_val" / "tissue"
    folder.mkdir(parents=True)
    (model / "plans.json").write_text("{}")
    entry = SimpleNamespace(job=SimpleNamespace(folder=folder))
    assert benchmark._model_folder(entry) == model


def test_help_answers_at_once_without_torch():
    code = "import sys, hifisyn.cli.benchmark as t; assert 'torch' not in sys.modules; t.main(['-h'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--budget" in done.stdout
