"""Every trained model evaluated by one command, what was done is not done again, and the tables of all together."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from hifisyn import baselines
from hifisyn.baselines import BASELINE_NAMES
from hifisyn.cli.evaluate import main
from hifisyn.evaluation import model_tables, of_all_models, output_files, synthetic_slices
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_list import find
from hifisyn.evaluation.model_tables import read_tables
from hifisyn.files import sha256, write_json
from hifisyn.inference.models import read_model
from hifisyn.inference.predictor import Predictor
from hifisyn.json_files import read_json
from hifisyn.paths import model_folder, slices_folder
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.training import checkpoint
from tests.support.training_toys import LABELS, Toy, toy_dataset, toy_plans

METHOD = "tests.support.training_toys:Toy"


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(output_files, "boxes", lambda *args: None)
    monkeypatch.setattr(output_files, "comparison_sheet", lambda *args: None)


@pytest.fixture
def no_tables(monkeypatch):
    monkeypatch.setattr(of_all_models, "compared", lambda done, **_: ())


@pytest.fixture
def roots(tmp_path):
    """A data set of 8 cases of 7 subjects: c6 and c7, of one subject, are held out."""
    roots = toy_dataset(tmp_path)
    dataset = roots.preprocessed / "TOY"
    raw = read_json(roots.raw / "TOY" / "dataset.json")
    raw["subjects"]["c7"] = raw["subjects"]["c6"] = "seven"
    write_json(dataset / "dataset.json", raw)
    cases = [f"c{i}" for i in range(6)]
    folds = [{"train": cases[2:], "val": cases[:2]}, {"train": cases[:4], "val": cases[4:]}]
    write_json(dataset / "splits_final.json", {"test": ["c6", "c7"], "folds": folds})
    return roots


def add_model(roots, suffix="", folds=(0,), seed=0, **config):
    """Write a model folder with random weights."""
    folder = model_folder(roots.results, "TOY", ("T1", "T2"), "Toy", "plans", suffix)
    plans = toy_plans(Toy)
    for fold in folds:
        torch.manual_seed(seed + fold)
        checkpoint.save(folder / f"fold_{fold}" / "checkpoint_final.pt", Toy(plans, ("T1", "T2")))
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": METHOD, "domains": ["T1", "T2"], "dataset": "TOY"} | config)
    shutil.copy(roots.preprocessed / "TOY" / "dataset.json", folder / "dataset.json")
    return folder


def run(roots, *words):
    where = ["--results", str(roots.results), "--preprocessed", str(roots.preprocessed), "--device", "cpu"]
    return main([*map(str, words), *where])


def times(roots):
    return {file: file.stat().st_mtime_ns for file in roots.results.rglob("summary.json")}


@pytest.mark.slow
def test_every_model_and_fold_is_evaluated_and_compared_in_one_table(roots, capsys):
    plain, changed = add_model(roots, folds=(0, 1)), add_model(roots, "__sgd=0.0", seed=5)
    assert run(roots) == 0
    out = capsys.readouterr().out
    for folder, fold in ((plain, 0), (plain, 1), (changed, 0)):
        assert (folder / f"fold_{fold}" / "evaluation_test" / "summary.json").exists()
    tables = out.split("\nTOY, ")[1:]
    for table, direction in zip(tables, ("T1 to T2", "T2 to T1"), strict=True):
        assert table.startswith(f"{direction}, test")
        for row in ("Toy", "Toy fold 1", "Toy without SGD", *BASELINE_NAMES):
            assert sum(line.startswith(f"{row} ") for line in table.splitlines()) >= 1, row
    assert "MS-SSIM" in out
    assert "paired by subject" in " ".join(out.split())
    assert run(roots, "--unit", "slice", "--reference", "Toy without SGD") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "test against Toy without SGD, paired by slice" in out
    assert "Slice-level, as the paper; slices of a subject are not independent" in out
    assert run(roots, "--reference", "Nobody") == 2


@pytest.mark.slow
def test_what_is_up_to_date_is_left_alone(roots, capsys):
    add_model(roots)
    assert run(roots) == 0
    before = times(roots)
    capsys.readouterr()
    assert run(roots, "--dry-run") == 0
    assert "TOY T1_T2 Toy, test (2 cases): up to date" in capsys.readouterr().out
    assert run(roots) == 0
    assert times(roots) == before
    assert "TOY, T1 to T2, test" in capsys.readouterr().out
    assert run(roots, "--overwrite") == 0
    assert times(roots) != before


def change_weights(roots, folder, output):
    torch.manual_seed(99)
    checkpoint.save(folder / "fold_0" / "checkpoint_final.pt", Toy(toy_plans(Toy), ("T1", "T2")))
    return "changed since: weights"


def change_split(roots, folder, output):
    path = roots.preprocessed / "TOY" / "splits_final.json"
    write_json(path, read_json(path) | {"test": ["c6"]})
    return "changed since: cases"


def change_slices(roots, folder, output):
    path = slices_folder(roots.preprocessed / "TOY") / "c6.json"
    write_json(path, read_json(path) | {"key": "another"})
    return "changed since: slices"


def lack_measures(roots, folder, output):
    summary = read_json(output / "summary.json")
    del summary["asked"]["measures"]
    write_json(output / "summary.json", summary)
    return "changed since: measures"


def lack_synthetic_slices(roots, folder, output):
    (output / "synthetic" / "c7_T2_to_T1.b2nd").unlink()
    return "lacks the synthetic T1 of c7"


def lack_a_table(roots, folder, output):
    (output / "regions.csv").unlink()
    return "lacks regions.csv"


def break_summary(roots, folder, output):
    (output / "summary.json").write_text("{")
    return "summary is broken"


CHANGES = [
    change_weights,
    change_split,
    change_slices,
    lack_measures,
    lack_synthetic_slices,
    lack_a_table,
    break_summary,
]


@pytest.mark.slow
@pytest.mark.usefixtures("no_tables")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_has_changed_is_done_again_and_why_is_said(roots, capsys, change):
    folder = add_model(roots)
    assert run(roots) == 0
    why = change(roots, folder, folder / "fold_0" / "evaluation_test")
    capsys.readouterr()
    assert run(roots, "--dry-run") == 0
    assert why in capsys.readouterr().out
    assert run(roots) == 0
    assert run(roots, "--dry-run") == 0
    assert "up to date" in capsys.readouterr().out
    weights = sha256(folder / "fold_0" / "checkpoint_final.pt")
    assert read_json(folder / "fold_0" / "evaluation_test" / "summary.json")["asked"]["weights"] == weights


def test_a_dry_run_writes_nothing(roots, capsys):
    folder = add_model(roots)
    assert run(roots, "--dry-run") == 0
    assert "to do, not evaluated yet" in capsys.readouterr().out
    assert not (folder / "fold_0" / "evaluation_test").exists()


def test_a_dry_run_of_one_model_lists_what_the_run_would_do(roots, capsys):
    folder = add_model(roots, folds=(0, 1))
    assert run(roots, "--model", folder, "--dry-run", "-o", roots.results / "out") == 0
    assert capsys.readouterr().out == "TOY T1_T2 Toy, test (2 cases): to do, not evaluated yet\n"
    assert run(roots, "--model", folder, "--dry-run", "--fold", "1") == 0
    assert capsys.readouterr().out == "TOY T1_T2 Toy fold 1, test (2 cases): to do, not evaluated yet\n"
    assert times(roots) == {}
    assert run(roots, "--model", folder) == 0
    assert {file.parent for file in times(roots)} == {folder / "fold_0" / "evaluation_test"}
    capsys.readouterr()
    assert run(roots, "--model", folder) == run(roots, "--model", folder, "--dry-run") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert run(roots, "--model", folder, "--dry-run", "--overwrite") == 0
    assert capsys.readouterr().out == "TOY T1_T2 Toy, test (2 cases): to do, --overwrite\n"


@pytest.mark.slow
@pytest.mark.usefixtures("no_tables")
def test_a_run_that_was_killed_is_not_taken_for_done(roots, monkeypatch):
    folder = add_model(roots)
    assert run(roots) == 0
    change_weights(roots, folder, None)

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(output_files, "summary", die)
        assert run(roots) == 130
    assert read_tables(roots.results, "TOY")["subjects"].empty
    assert run(roots) == 0
    assert not read_tables(roots.results, "TOY")["subjects"].empty


def test_broken_models_cost_no_other_and_are_listed_at_the_end(roots, capsys):
    good, weights, config = add_model(roots), add_model(roots, "__a=1"), add_model(roots, "__b=1")
    (weights / "fold_0" / "checkpoint_final.pt").write_bytes(b"no weights")
    (config / "config.json").write_text("{}")
    assert run(roots) == 1
    said = capsys.readouterr()
    listed = said.err.split("not compared (2)")[1]
    assert "Toy a=1" in listed
    assert "a broken file or one of another program" in listed
    assert str(config) in listed
    assert "TOY, T1 to T2, test" in said.out
    assert (good / "fold_0" / "evaluation_test" / "summary.json").exists()


@pytest.mark.usefixtures("no_tables")
def test_the_run_can_be_narrowed(roots, capsys):
    one, other = add_model(roots, folds=(0, 1)), add_model(roots, "__a=1")
    add_model(roots, "__b=1")
    assert run(roots, "--model", one, other, "--fold", "0", "--split", "val") == 0
    assert {file.parent.relative_to(roots.results / "TOY" / "T1_T2").as_posix() for file in times(roots)} == {
        f"{folder.name}/fold_0/evaluation_val" for folder in (one, other)
    }
    assert set(pd.read_csv(one / "fold_0" / "evaluation_val" / "subjects.csv")["case"]) == {"c0", "c1"}
    capsys.readouterr()
    for words, said in (
        (["-d", "IXI"], "must hold trained models of IXI (got models of TOY)"),
        (["--fold", "7"], "weights of fold 7"),
        (["--model", one, other, "-o", "out"], "-o needs one --model"),
        (["--labels", "x"], "--labels"),
    ):
        assert run(roots, *words) == 2
        assert said in capsys.readouterr().err


def test_without_any_model_it_says_what_to_do(tmp_path, capsys):
    assert main(["--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "hifisyn_train" in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_validation_cases_are_compared_fold_by_fold(roots, capsys):
    add_model(roots, folds=(0, 1))
    assert run(roots, "--split", "val") == 0
    out = capsys.readouterr().out
    assert "TOY, T1 to T2, val of fold 0" in out
    assert "TOY, T1 to T2, val of fold 1" in out
    subjects = read_tables(roots.results, "TOY")["subjects"]
    cases = subjects.query("direction == 'T1 to T2'").groupby("model")["case"].agg(list)
    assert cases["Toy"] == ["c0", "c1"]
    assert cases["Toy fold 1"] == ["c4", "c5"]
    assert sorted(cases[baselines.SOURCE]) == ["c0", "c1", "c4", "c5"]


@pytest.mark.usefixtures("no_tables")
def test_the_tables_of_all_models_are_one_below_the_other(roots):
    plain, changed = add_model(roots), add_model(roots, "__sgd=0.0", seed=5)
    assert run(roots) == 0
    tables = read_tables(roots.results, "TOY")
    for name, key in (("slices", ["slice"]), ("subjects", []), ("regions", ["region"])):
        table = tables[name]
        assert list(table.columns[:5]) == ["model", "domains", "fold", "split", "folder"]
        assert not table.duplicated(["model", "direction", "split", "case", *key]).any()
        assert set(table["model"]) == {"Toy", "Toy without SGD", *BASELINE_NAMES}
        assert set(table["domains"]) == {"T1_T2"}
        assert set(table["subject"]) == {"seven"}
    subjects = tables["subjects"].set_index(["model", "direction", "case"]).sort_index()
    for folder, name in ((plain, "Toy"), (changed, "Toy without SGD")):
        own = pd.read_csv(folder / "fold_0" / "evaluation_test" / "subjects.csv").query("method == @METHOD")
        own = own.set_index(["direction", "case"])
        assert set(subjects.loc[name, "folder"]) == {str(folder / "fold_0" / "evaluation_test")}
        for where in own.index:
            assert subjects.loc[(name, *where), "ms_ssim"] == own.loc[where, "ms_ssim"]
    assert len(subjects) == (2 + len(BASELINE_NAMES)) * 2 * 2
    nothing = read_tables(roots.results, "IXI")
    assert {name: len(table) for name, table in nothing.items()} == {"slices": 0, "subjects": 0, "regions": 0}
    assert "ms_ssim" in nothing["subjects"]


def test_models_of_one_name_are_kept_apart(roots, tmp_path):
    folder = add_model(roots)
    copy = tmp_path / "copy" / "TOY" / "T1_T2" / folder.name
    shutil.copytree(folder, copy)
    models, _ = find(roots.results, folders=[folder, copy])
    done, _ = of_all_models.carry_out(of_all_models.survey(models, roots.preprocessed), "cpu")
    names = set(model_tables.tables(done)["subjects"]["model"]) - set(BASELINE_NAMES)
    assert names == {"Toy", f"Toy [{copy}]"}


@pytest.mark.usefixtures("no_tables")
def test_cases_keep_their_names_and_an_earlier_evaluation_is_left_out(roots):
    folder = add_model(roots)
    assert run(roots) == 0
    output = folder / "fold_0" / "evaluation_test"
    for name in ("slices", "subjects", "regions"):
        table = pd.read_csv(output / f"{name}.csv", dtype=str)
        table["case"] = table["case"].replace({"c6": "006", "c7": "NA"})
        table.loc[0, "nmse"] = np.nan
        table.to_csv(output / f"{name}.csv", index=False)
    subjects = read_tables(roots.results, "TOY")["subjects"]
    assert set(subjects["case"]) == {"006", "NA"}
    assert subjects["nmse"].isna().sum() == 1
    assert subjects["nmse"].dtype == float
    table.drop(columns="nmse").to_csv(output / "regions.csv", index=False)
    assert read_tables(roots.results, "TOY")["subjects"].empty


@pytest.mark.usefixtures("no_tables")
def test_what_the_model_made_is_kept_as_it_was_measured(roots):
    folder = add_model(roots)
    assert run(roots) == 0
    output = folder / "fold_0" / "evaluation_test"
    store, predictor = SliceStore(slices_folder(roots.preprocessed / "TOY")), Predictor.from_folder(folder)
    assert synthetic_slices.cases(output, "T1", "T2") == synthetic_slices.cases(output, "T2", "T1") == ["c6", "c7"]
    assert synthetic_slices.cases(output, "T1", "FLAIR") == []
    for case, source, target in (("c6", "T1", "T2"), ("c7", "T2", "T1")):
        made = synthetic_slices.read(output, case, source, target)
        image, brain = store.image(case, source), store.brain(case)
        expected = predictor.translate_slices(image, source, target)
        assert (made.dtype, made.shape) == (np.float32, image.shape)
        np.testing.assert_allclose(made[brain], expected[brain], atol=1e-6)
        assert (made[~brain] == -1).all()
        truth = store.image(case, target)
        errors = [np.mean((made[k][brain[k]].astype(float) - truth[k][brain[k]]) ** 2) for k in range(len(made))]
        rows = pd.read_csv(output / "slices.csv").set_index(["case", "method", "direction"]).sort_index()
        rows = rows.loc[case, METHOD, f"{source} to {target}"]
        np.testing.assert_allclose(rows["psnr_brain"], 10 * np.log10(4 / np.array(errors)), atol=1e-5)


@pytest.mark.parametrize(
    ("suffix", "fold", "expected"),
    [
        ("", 0, "Toy"),
        ("", "all", "Toy fold all"),
        ("__ggd=0.0__sgd=0.0", 0, "Toy without SGD, GGD"),
        ("__lr=0.001__seed=1", 2, "Toy lr=0.001 seed=1 fold 2"),
        ("__0123456789", 0, "Toy epochs=3 0123456789 without SGD"),
    ],
)
def test_labels_tell_models_apart(roots, suffix, fold, expected):
    changed = {"losses.sgd": 0.0, "training.epochs": 3}
    assert label(read_model(add_model(roots, suffix, changed=changed)), fold) == expected


def test_labels_name_unusual_plans_and_folders(roots, tmp_path):
    folder = add_model(roots)
    for name, expected in (("Toy__small__2d__sgd=0", "Toy without SGD (small)"), ("mine", "Toy (mine)")):
        shutil.copytree(folder, tmp_path / name)
        assert label(read_model(tmp_path / name), 0) == expected


@pytest.mark.usefixtures("no_tables")
def test_regions_are_those_of_the_label_maps(roots):
    folder = add_model(roots)
    store = SliceStore(slices_folder(roots.preprocessed / "TOY"))
    label_map = store.label("c6")
    record = store.record("c6") | {"labelled": False}
    write_json(store.folder / "c6.json", record)
    plans = Plans.load(folder / "plans.json")
    assert plans.labels == LABELS
    assert run(roots) == 0
    output = folder / "fold_0" / "evaluation_test"
    table = pd.read_csv(output / "regions.csv")
    assert set(table["case"]) == {"c7"}
    assert set(table["region"]) == {"CSF", "GM", "WM"}
    assert len(table) == 2 * (1 + len(BASELINE_NAMES)) * 3
    counted = set(pd.read_csv(output / "slices.csv").query("case == 'c7'")["slice"])
    assert counted == set(range(len(label_map)))
    rows = table[table["region"] == "GM"]
    assert set(rows["pixels"]) == {int((store.label("c7") == 2).sum())}
    summary = json.loads((output / "summary.json").read_text())
    means = {(row["direction"], row["method"], row["region"]): row for row in summary["regions"]}
    assert means["T1 to T2", METHOD, "GM"]["cases"] == 1
