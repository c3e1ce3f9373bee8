# mypy: no-check-untyped-defs
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from hifisyn.cli import ablation as cli
from hifisyn.errors import UserError
from hifisyn.evaluation.measures import MEASURES
from hifisyn.experiments import ablation, compare, dots, rows, tables, trainings
from hifisyn.experiments.rows import (
    ADDITIONS,
    GLOBAL,
    LABELS,
    LOSSES_ALONE,
    PGD,
    ROWS,
    STRUCTURAL,
    TABLE_5,
    TABLE_6,
    Row,
)
from hifisyn.methods.granularity import PixelGranularitySettings
from hifisyn.methods.hifisyn import memory_update
from hifisyn.paths import Roots
from hifisyn.planning.planner import complete
from hifisyn.training import checkpoint, loop, model_folder, registry
from hifisyn.training.method_plans import plans_of_method
from tests.support.interruptions import interrupted_at
from tests.support.overfit import PAIR, small_batch, small_plans
from tests.support.training_toys import FINGERPRINT, Toy, ToySettings, toy_dataset, toy_plans

SHORT = ["--epochs", "2", "--iterations", "2", "--device", "cpu"]
FOLDER = "ablation_T1_T2_fold_0__epochs=2__iterations=2"
MODEL = "HiFiSyn__plans__2d__epochs=2__iterations=2"
THREE = ["--rows", "none", "pgd_i", "all"]


def run(roots, *words):
    flags = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    return cli.main(["-d", "TOY", *SHORT, *words, *(str(flag) for flag in flags)])


def fails(roots, capsys, *words):
    """Return the one line that a mistake leads to."""
    capsys.readouterr()
    assert run(roots, *words) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    return text


def table(roots):
    return roots.results / "TOY" / FOLDER / "table.csv"


def as_row(plans, row):
    """Return the plans of a training of a row, as long as the plans and with their batch."""
    shared = [f"length.{key}={getattr(plans.length, key)}" for key in ("epochs", "iterations")]
    shared.append(f"optimisation.batch_size={plans.optimisation.batch_size}")
    trainer = registry.trainer_class(row.method)
    return complete(own_plans(plans, row).override([*shared, *row.assignments]), trainer)


def own_plans(plans, row):
    """Return the plans that the method of a row makes for itself."""
    return plans_of_method(plans, registry.trainer_class(row.method), row.method, lambda: FINGERPRINT)


def fold_of(roots, row, seed=0):
    """Return the fold's folder of a row, whatever its name."""
    for file in sorted(roots.results.glob("TOY/T1_T2/*/fold_0/config.json")):
        plans = json.loads((file.parent.parent / "plans.json").read_text())
        wanted = as_row(toy_plans(epochs=2, iterations=2), ROWS[row])
        if plans == wanted.model_dump(mode="json") and json.loads(file.read_text())["seed"] == seed:
            return file.parent
    raise AssertionError(f"no training of {row}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All rows of both tables, trained and compared once; what was left, and three rows of it as a table."""
    roots = toy_dataset(tmp_path_factory.mktemp("whole"))
    assert run(roots, "--rows", "table5", "table6") == 0
    folder = roots.results / "TOY" / FOLDER
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(roots, *THREE) == 0
    return SimpleNamespace(roots=roots, files=files, three=table(roots).read_bytes())


@pytest.fixture
def copied(whole, tmp_path):
    """The same in a place that a test may change."""
    home = whole.roots.raw.parent
    shutil.copytree(home, tmp_path / "copy")
    return Roots(*(tmp_path / "copy" / name for name in ("raw", "pre", "res")))


def never(*args, **kwargs):
    raise AssertionError("nothing is left to do")


@pytest.mark.slow
def test_every_row_is_in_the_table_in_both_directions(whole):
    found = pd.read_csv(io.BytesIO(whole.files["table.csv"]))
    names = [row.name for row in (*TABLE_5, *TABLE_6)]
    assert list(found["row"]) == [name for name in names for _ in range(2)]
    assert list(found["direction"]) == ["T1 to T2", "T2 to T1"] * len(names)
    assert (found[["cases", "subjects"]] == 2).all(axis=None)
    assert found.set_index("row").loc["PGD + SGD", "settings"].tolist() == ["losses.ggd=0"] * 2
    assert found.loc[found["row"] != "all three", "psnr_p_holm"].notna().all()
    assert found.loc[found["row"] == "all three", "psnr_p_holm"].isna().all()
    assert whole.files["table.png"].startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_page_says_what_was_equal_and_what_is_not_here(whole):
    page = whole.files["table.md"].decode()
    assert "2 epochs of 2 steps, batch 2, cpu, fp32, seeds 0," in page
    assert "| MGUIT + label map |" in page
    cost = page.split("Cost")[-1]
    for row in (*TABLE_5, *TABLE_6):
        found = re.search(rf"^\| {re.escape(row.name)} \| ([\d.]+) \| 4 \| ([\d.]+) \|", cost, re.MULTILINE)
        assert found, row.name
        assert float(found[1]) > 0
    assert "| seconds a step |" in page
    assert "cost: seconds a step" in page
    paper = pd.read_csv(io.BytesIO(whole.files["as_the_paper.csv"]))
    assert set(paper["row"]) == {row.name for row in (*TABLE_5, *TABLE_6)}
    assert (paper["slices"] > paper["subjects"]).all()
    assert "p over slices, not corrected" in page
    assert "needs the method" not in page
    assert "Validation cases chose the best weights" in page
    assert "trained once" in page
    record = json.loads(whole.files["ablation.json"])
    assert [row["row"] for row in record["rows"]] == [row.name for row in (*TABLE_5, *TABLE_6)]
    assert all(training["seconds"] > 0 for row in record["rows"] for training in row["trainings"])
    assert record["seeds"] == [0]
    assert not record["failures"]


@pytest.mark.slow
def test_the_numbers_are_those_of_the_evaluations(whole):
    found = pd.read_csv(table(whole.roots)).set_index(["row", "direction"])
    for row in ("none", "pgd_i", "all"):
        cases = pd.read_csv(fold_of(whole.roots, row) / "evaluation_val" / "subjects.csv")
        for direction, part in cases[cases["method"] == "HiFiSyn"].groupby("direction"):
            for measure in ("psnr", "ssim_brain", "correlation"):
                own = found.loc[(ROWS[row].name, direction)]
                assert own[measure] == pytest.approx(np.mean(part[measure]), abs=2e-6)
                assert own[f"{measure}_std"] == pytest.approx(np.std(part[measure], ddof=1), abs=2e-6)


@pytest.mark.slow
def test_the_full_row_is_the_model_that_hifisyn_train_makes(whole):
    assert fold_of(whole.roots, "all") == whole.roots.results / "TOY" / "T1_T2" / MODEL / "fold_0"


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLE_5, ids=lambda row: row.key)
def test_a_row_has_the_networks_and_the_losses_that_it_says(whole, row):
    folder = fold_of(whole.roots, row.key)
    networks = checkpoint.load(folder / "checkpoint_final.pt")["networks"]
    bank = {name for name in networks if name.startswith("memory_bank.")}
    assert bool(bank) == bool({GLOBAL, STRUCTURAL} & row.parts)
    if bank:
        structural = networks["memory_bank.slot_class"] != memory_update.GLOBAL
        assert structural.any() == (STRUCTURAL in row.parts)
    logged = {name.split("/")[2] for name in pd.read_csv(folder / "metrics.csv") if name.startswith("loss/generator/")}
    assert logged == {"content", "domain", "cycle", "reconstruction", *row.losses}
    expected = {
        "none": set(),
        "bank": set(),
        "pgd_i": {"pgd"},
        "pgd_ii": {"pgd"},
        "pgd": {"pgd"},
        "pgd_sgd": {"pgd", "sgd"},
        "pgd_ggd": {"pgd", "ggd"},
        "all": {"pgd", "sgd", "ggd"},
    }
    assert row.losses == expected[row.key]


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLE_6, ids=lambda row: row.key)
def test_the_label_map_is_in_the_rows_of_table_6_that_say_so(whole, row):
    folder = fold_of(whole.roots, row.key)
    assert folder.parent.name.startswith(f"{row.method}__")
    logged = {name.split("/")[2] for name in pd.read_csv(folder / "metrics.csv") if name.startswith("loss/generator/")}
    assert ("pgd" in logged) == row.key.endswith("_labels")
    assert "cycle" in logged


def batch(iteration, labelled):
    whole = small_batch(iteration=iteration)
    return replace(whole, labels={m: label if m in labelled else None for m, label in whole.labels.items()})


def objective(row, labelled, p_unlabelled):
    torch.manual_seed(0)
    plans = small_plans("HiFiSyn", f"memory.p_unlabelled={p_unlabelled}", *row.assignments)
    trainer = registry.trainer_class("HiFiSyn")(plans, PAIR)
    optimizers = trainer.optimizers()
    for iteration in range(2):
        loop.take_step(trainer, optimizers, batch(iteration, labelled), seed=0)
    trainer.generator.manual_seed(0)
    losses = dict(list(trainer.updates(batch(2, labelled)))[-1][1])
    return {name: loss.item() for name, loss in losses.items()}


@pytest.mark.slow
@pytest.mark.parametrize("row", [ROWS["none"], ROWS["pgd_i"]], ids=lambda row: row.key)
def test_rows_without_a_label_map_learn_nothing_from_labels(row):
    without = objective(row, (), 0.5)
    assert objective(row, PAIR, 0.0) == objective(row, PAIR, 1.0) == without


@pytest.mark.slow
@pytest.mark.parametrize("row", [ROWS["pgd_ii"], ROWS["pgd"], ROWS["bank"]], ids=lambda row: row.key)
def test_rows_with_a_label_map_learn_from_labels(row):
    assert objective(row, PAIR, 0.0) != objective(row, (), 0.0)


@pytest.mark.slow
def test_a_second_run_trains_and_evaluates_nothing(whole, monkeypatch, capsys):
    monkeypatch.setattr(trainings, "train", never)
    monkeypatch.setattr(compare, "evaluate", never)
    assert run(whole.roots, *THREE) == 0
    assert table(whole.roots).read_bytes() == whole.three
    assert "nothing is left to train" in capsys.readouterr().out


@pytest.mark.slow
def test_killed_in_the_third_row_and_taken_up_again_the_table_is_the_same(whole, tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)

    with interrupted_at("all three, seed 0: epoch 1/2"):
        assert run(roots, *THREE, "--overwrite") == 130
    latest = fold_of(roots, "all") / "checkpoint_latest.pt"
    assert checkpoint.load(latest)["progress"]["iteration"] == 3
    again = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    assert again[:3] == ["hifisyn_ablation", "-d", "TOY"]
    assert "--overwrite" not in again
    assert not table(roots).exists()
    assert cli.main(again[1:]) == 0
    out = capsys.readouterr().out
    assert "none       4 of 4 steps done; trained" in out
    assert "all three  2 of 4 steps done" in out
    assert "training 3 of 3: all three, seed 0, goes on" in out
    assert "all three, seed 0: resumed after step 3 of 4" in out
    assert table(roots).read_bytes() == whole.three


@pytest.mark.slow
def test_an_interrupted_evaluation_says_how_to_go_on(whole, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "look_up", interrupted)
    assert run(whole.roots, *THREE) == 130
    assert "continue with\n  hifisyn_ablation -d TOY" in capsys.readouterr().out


@pytest.mark.slow
def test_overwriting_leaves_no_old_training_to_go_on_from(copied, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainings, "train", interrupted)
    assert run(copied, *THREE, "--overwrite") == 130
    assert not list(fold_of(copied, "none").glob("checkpoint_*"))
    assert not list(fold_of(copied, "all").glob("checkpoint_*"))
    assert (fold_of(copied, "pgd") / "checkpoint_final.pt").exists()


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.slow
def test_a_row_trained_on_other_splits_is_refused(copied, capsys):
    edit(copied.preprocessed / "TOY" / "splits_final.json", lambda c: c["folds"][0]["train"].pop())
    line = fails(copied, capsys, *THREE)
    assert "none, seed 0: the splits must be the same for all rows of a table" in line
    assert "--overwrite" in line


@pytest.mark.slow
def test_a_row_trained_on_other_slices_is_refused(copied, capsys):
    edit(copied.preprocessed / "TOY" / "plans_2d" / "c5.json", lambda c: c.update(pixel_mm=2.0))
    assert "the slices must be the same for all rows of a table" in fails(copied, capsys, *THREE)


@pytest.mark.slow
def test_a_row_trained_in_another_precision_is_refused(whole, capsys):
    line = fails(whole.roots, capsys, *THREE, "--precision", "bf16")
    assert "the precision must be the same for all rows of a table, here bf16 (got a training with fp32)" in line


@pytest.mark.slow
def test_a_row_trained_by_other_plans_is_refused(copied, capsys):
    toy_plans(batch_size=1).save(copied.preprocessed / "TOY" / "plans.json")
    assert "optimisation.batch_size must be 1 as in the plans" in fails(copied, capsys, *THREE)


@pytest.mark.slow
def test_a_killed_training_does_not_go_on_with_another_budget(copied, capsys):
    (fold_of(copied, "pgd_i") / "checkpoint_final.pt").unlink()
    assert "PGD (i), seed 0: the precision must be the same" in fails(
        copied, capsys, "--rows", "pgd_i", "--precision", "bf16"
    )


@pytest.mark.slow
def test_a_model_of_hifisyn_train_is_adopted_unless_it_was_validated_on_other_cases(copied, monkeypatch, capsys):
    folder = fold_of(copied, "all")
    edit(folder / "config.json", lambda c: c.update(command="hifisyn_train TOY T1 T2 fold0"))
    edit(copied.preprocessed / "TOY" / "splits_final.json", lambda c: c["folds"][0]["train"].pop())
    assert run(copied, "--rows", "all") == 0
    record = json.loads((table(copied).parent / "ablation.json").read_text())
    assert not record["rows"][0]["trainings"][0]["splits_recorded"]
    edit(copied.preprocessed / "TOY" / "splits_final.json", lambda c: c["folds"][0].update(val=["c1"]))
    assert "was validated on c0" in fails(copied, capsys, "--rows", "all")


@pytest.mark.slow
def test_failures_are_isolated_per_row(copied, monkeypatch, capsys):
    shutil.rmtree(fold_of(copied, "bank").parent)

    def broken(*args):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(trainings, "train", broken)
    assert run(copied, "--rows", "none", "bank", "all") == 1
    captured = capsys.readouterr()
    assert "bank only, seed 0  RuntimeError: the disk is on fire" in captured.err
    assert set(pd.read_csv(table(copied), keep_default_na=False)["row"]) == {"none", "all three"}
    assert "RuntimeError: the disk is on fire" in (table(copied).parent / "table.md").read_text()
    assert run(copied, "--rows", "bank") == 2


class BoastingSettings(ToySettings):
    label_map: bool = False
    granularity: PixelGranularitySettings = PixelGranularitySettings()


class Boasting(Toy):
    """A method with a switch that it does not follow."""

    SETTINGS = BoastingSettings


@pytest.mark.slow
def test_a_method_that_ignores_the_switches_makes_no_row(tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)
    outside = "tests.experiments.test_ablation:Boasting"
    honest = Row("toy", "toy", "a method from elsewhere", frozenset(), ("settings.label_map=false",), outside)
    has = frozenset({PGD, LABELS})
    boasting = Row("toy_labels", "toy + label map", "", has, ("settings.label_map=true",), outside)
    monkeypatch.setattr(rows, "ROWS", {"toy": honest, "toy_labels": boasting})
    assert run(roots, "--rows", "toy", "toy_labels") == 1
    line = capsys.readouterr().err
    assert "toy + label map, seed 0: the losses must be pgd (got none in metrics.csv" in line
    assert set(pd.read_csv(table(roots))["row"]) == {"toy"}
    assert "p_holm" not in (table(roots).parent / "table.md").read_text()


def without_baselines(monkeypatch):
    monkeypatch.setattr(rows, "names", lambda: ["HiFiSyn"])


def test_a_dry_run_says_all_and_writes_nothing(tmp_path, monkeypatch, capsys):
    without_baselines(monkeypatch)
    roots = toy_dataset(tmp_path)
    assert run(roots, "--dry-run", "--rows", "table5", "mguit", "--seeds", "0", "1") == 0
    out = capsys.readouterr().out
    assert "2 epochs of 2 steps, batch 2, cpu, fp32, seeds 0 1, 6 training cases" in out
    assert "PGD (ii)   0 of 8 steps done; about" in out
    assert "MGUIT      left out: needs the method MGUIT" in out
    assert "64 steps), then the evaluation" in out
    assert not roots.results.exists()


def test_a_training_of_days_is_refused_unless_forced(tmp_path, monkeypatch, capsys):
    roots = toy_dataset(tmp_path)
    monkeypatch.setattr("hifisyn.experiments.meter.seconds_a_step", lambda *args: 30000.0)
    assert "at most 12 h" in fails(roots, capsys, "--dry-run")
    assert run(roots, "--dry-run", "--force-long") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "pgd", "sdg"], "--rows must be among table5, losses, additions, table6, none, bank, pgd_i"),
        (["--set", "losses.sgd=0"], "row PGD + SGD must have global slots, structural slots, PGD, labels in PGD, SGD"),
        (["--set", "memory.slots={}"], "row bank only must have global slots, structural slots (got global slots)"),
        (["--set", "losses.ramp_start=0.9"], "must begin within its 4 steps (got losses.ramp_start 0.9)"),
        (["--seeds", "1", "1"], "--seeds must be different (got 1 1)"),
        (["--seeds", "-1"], "--seed must be 0 or more"),
        (["--source", "T1"], "--source and --target belong together"),
        (["--source", "T1", "--target", "PD"], "contrasts must be two or more different ones of TOY"),
        (["--split", "test"], "has no test cases; pass --split val"),
        (["--fold", "all"], "pass --split test"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(tmp_path, capsys, words, message):
    roots = toy_dataset(tmp_path)
    assert message in fails(roots, capsys, *words)
    assert not roots.results.exists()


def test_rows_of_a_method_that_is_not_here_cannot_be_trained_alone(tmp_path, monkeypatch, capsys):
    without_baselines(monkeypatch)
    assert "all rows need methods that are not here: MUNIT" in fails(toy_dataset(tmp_path), capsys, "--rows", "munit")


def test_of_several_contrasts_two_must_be_named(tmp_path, capsys):
    roots = toy_dataset(tmp_path)
    edit(roots.preprocessed / "TOY" / "plans.json", lambda c: c.update(modalities=["T1", "T2", "FLAIR"]))
    channels = {"0": "T1", "1": "T2", "2": "FLAIR"}
    edit(roots.raw / "TOY" / "dataset.json", lambda c: c.update(channel_names=channels))
    assert "(got T1, T2, FLAIR); name --source and --target" in fails(roots, capsys)


def test_rows_come_in_the_order_of_the_tables():
    assert rows.select_rows() == TABLE_5
    assert [row.key for row in rows.select_rows(["all", "mguit", "none", "all"])] == ["none", "all", "mguit"]
    assert len(rows.select_rows(["table5", "table6"])) == len(ROWS) - len(LOSSES_ALONE) - len(ADDITIONS) == 12
    assert [row.key for row in rows.select_rows(["losses"])] == ["sgd", "ggd", "sgd_ggd"]


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.key)
def test_rows_change_nothing_else_and_differ(row):
    plain = replace(row, assignments=())
    own = as_row(toy_plans(), row)
    assert set(model_folder.changes(as_row(toy_plans(), plain), own)) <= set(rows.KEYS)
    assert rows.parts_of(own) == row.parts
    ours = (*TABLE_5, *LOSSES_ALONE)
    if row in ours:
        assert sum(row.parts == other.parts for other in ours) == 1


def synthetic_cases(seeds, subjects, names=("none", "all three")):
    rng = np.random.default_rng(0)
    keys = [
        (n, s, "T1 to T2", f"case{c}", f"s{c % subjects}") for n in names for s in seeds for c in range(2 * subjects)
    ]
    frame = pd.DataFrame(keys, columns=["row", "seed", "direction", "case", "subject"])
    return frame.assign(**{measure: rng.normal(size=len(frame)) for measure in MEASURES})


def test_seeds_are_averaged_in_a_subject_first_and_their_spread_is_shown():
    cases = synthetic_cases((0, 1, 2), subjects=7)
    cases.loc[cases["row"] == "all three", "ssim"] += 5
    found = ablation.wide(cases, {"none": "losses.pgd=0", "all three": ""}).set_index("row")
    own = cases[cases["row"] == "none"].pivot_table(index="subject", columns="seed", values="ssim")
    assert found.loc["none", "ssim"] == pytest.approx(own.to_numpy().mean())
    assert found.loc["none", "ssim_std"] == pytest.approx(own.mean(axis=1).std(ddof=1))
    assert found.loc["none", "ssim_seed_std"] == pytest.approx(own.mean().std(ddof=1))
    assert found.loc["none", "ssim_p_holm"] == pytest.approx(2 / 2**7)  # every one of 7 subjects is lower
    assert found.loc["none", ["cases", "subjects"]].tolist() == [14, 7]
    text = tables.seed_table(cases).text()
    assert f"{own.mean().std(ddof=1):.3f}" in text
    assert "over 3 seeds" in text
    assert "mean over 3 seeds" in ablation.comparison(cases, "").note


@pytest.mark.slow
def test_weights_from_before_the_losses_began_are_remarked(whole):
    folder = fold_of(whole.roots, "pgd")
    plans = toy_plans().override([f"losses.ramp_start={3 / 40}"])
    job = SimpleNamespace(plans=plans)
    one = SimpleNamespace(row=ROWS["pgd"], job=job)
    weights = folder / "checkpoint_final.pt"
    assert compare._before_its_losses(one, weights) == ""  # of step 4
    job.plans = plans.override([f"losses.ramp_start={4 / 40}"])
    remark = compare._before_its_losses(one, weights)
    assert remark.startswith("these weights are of step 4, pgd began after step 4")
    assert "--checkpoint final" in remark
    assert compare._before_its_losses(SimpleNamespace(row=ROWS["none"], job=job), weights) == ""


def test_rows_of_table_6_alone_are_tested_against_their_own_method():
    names = ("MUNIT", "MUNIT + label map", "MGUIT", "MGUIT + label map")
    munit, mguit = ablation.comparisons(synthetic_cases((0,), subjects=7, names=names), "title")
    assert [row[0].text for row in munit.rows] == ["MUNIT", "MUNIT + label map"]
    assert mguit.title == "title: MGUIT"
    tested = munit.numbers.set_index("row")["p"]
    assert tested.loc["MUNIT + label map"].notna().all()
    assert tested.loc["MUNIT"].isna().all()
    (alone,) = ablation.comparisons(synthetic_cases((0,), subjects=7), "title")
    assert alone.rows[-1][1].test == "reference"


def test_structure_and_confidence_stand_beside_and_change_no_test():
    cases = synthetic_cases((0, 1), subjects=3)
    experiment = SimpleNamespace(title="title", rows=(ROWS["none"], ROWS["all"]), seeds=(0, 1))
    before = ablation.pages(experiment, SimpleNamespace(cases=cases, trainings=()))
    assert list(before.files) == ["table"]
    measured = cases.assign(nmi=1.2, blur=0.5, blur_true=0.25, ause=0.1)
    after = ablation.pages(experiment, SimpleNamespace(cases=measured, trainings=()))
    assert list(after.files) == ["table", "structure", "confidence"]
    assert after.files["table"] == before.files["table"]
    titles = [table.title for table in after.tables]
    assert titles[1:3] == ["Structure and sharpness", "Confidence"]
    assert [titles[0], *titles[3:]] == [table.title for table in before.tables]
    rows = {row[0].text: row[2].text for row in after.tables[1].rows}
    assert rows == {"none": "0.500 ± 0.000", "all three": "0.500 ± 0.000", "true scan": "0.250 ± 0.000"}
    assert after.tables[1].head[0].title == "row"


def test_one_seed_warns_that_the_spread_is_not_known():
    cases = synthetic_cases((0,), subjects=3)
    assert tables.seed_spread(cases).isna().all(axis=None)
    assert "is not known" in ablation.comparison(cases, "").note


def training(name, seed):
    return SimpleNamespace(row=SimpleNamespace(name=name), job=SimpleNamespace(seed=seed))


def test_rows_with_other_seeds_or_cases_than_the_rest_are_left_out(monkeypatch):
    cases = synthetic_cases((0, 1), subjects=2, names=("a", "b", "c"))

    def measured(experiment, one, device):
        if (one.row.name, one.job.seed) == ("b", 1):
            raise UserError("no such weights")
        part = cases[(cases["row"] == one.row.name) & (cases["seed"] == one.job.seed)]
        return part.iloc[1:] if one.row.name == "c" else part

    monkeypatch.setattr(compare, "_cases", measured)
    done = [training(name, seed) for name in "abc" for seed in (0, 1)]
    found, failures = compare.compare_rows(SimpleNamespace(seeds=(0, 1)), done, "cpu")
    assert set(found["row"]) == {"a"}
    assert {failure.case for failure in failures if "measured" in failure.reason} == {"b", "c"}
    assert any(failure.reason == "no such weights" for failure in failures)


def test_the_picture_shows_every_subject_of_every_row(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(dots, "save_figure", lambda figure, path: kept.append(figure))
    cases = synthetic_cases((0, 1), subjects=3)
    dots.draw(tmp_path / "table.png", cases, "title", "all three")
    panel = kept[0].axes[0]
    points = [line.get_xdata() for line in panel.lines if line.get_marker() == "o"]
    own = cases[cases["row"] == "none"].groupby("subject")["psnr"].mean()
    np.testing.assert_allclose(sorted(points[0]), sorted(own))
    assert [label.get_text() for label in panel.get_yticklabels()] == ["none", "all three"]
    assert panel.get_ylim()[0] > panel.get_ylim()[1]


def test_the_documentation_names_every_row_and_its_switches():
    page = (Path(__file__).parents[2] / "documentation/methods/hifisyn.md").read_text()
    section = page.split("## Ablations by switches\n")[1].split("\n## ")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", section, flags=re.MULTILINE))
    assert set(listed) == {row.key for row in (*TABLE_5, *LOSSES_ALONE, *ADDITIONS)}
    for row in (*TABLE_5, *LOSSES_ALONE, *ADDITIONS):
        assert listed[row.key] == (f"`--set {' '.join(row.assignments)}`" if row.assignments else "the default")


def test_help_answers_at_once_without_torch():
    code = "import sys, hifisyn.cli.ablation as t; assert 'torch' not in sys.modules; t.main(['-h'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for key in ROWS:
        assert key in done.stdout
