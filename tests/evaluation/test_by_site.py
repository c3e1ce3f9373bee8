"""Image quality by site: which sites are shown, means by hand, and a test that finds a site effect that is there."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal

from hifisyn.cli.evaluate import main
from hifisyn.evaluation import output_files
from hifisyn.evaluation.by_site import Sites, by_site, site_table, site_tests
from hifisyn.evaluation.measures import MEASURES
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from tests.evaluation.test_of_all_models import add_model
from tests.support.training_toys import toy_dataset

SITES = {f"S{i}": ("Guys", "HH", "IOP")[i % 3] for i in range(18)}


def scores(models=("Toy", "source itself"), subjects=18, effect=0.0, split="test", **columns):
    """Numbers of each model and direction, a row a subject; those at HH score lower by `effect` from T1 to T2."""
    rng = np.random.default_rng(0)
    rows = [
        {"model": model, "fold": 0, "split": split, "direction": direction, "case": f"S{i}v", "subject": f"S{i}"}
        | dict.fromkeys(MEASURES, 20.0)
        | {"ssim_brain": 0.8 + 0.02 * rng.random() - effect * (SITES[f"S{i}"] == "HH" and direction == "T1 to T2")}
        for model in models
        for direction in ("T1 to T2", "T2 to T1")
        for i in range(subjects)
    ]
    return pd.DataFrame(rows).assign(**columns)


def effects(rows):
    table = site_tests(dict(by_site(rows, Sites(SITES))), "")
    return table, table.numbers.set_index(["direction", "model"])


def test_the_means_of_a_site_are_those_of_its_subjects():
    rows = scores(effect=0.1)
    groups = dict(by_site(rows, Sites(SITES)))
    assert list(groups) == ["T1 to T2", "T2 to T1"]
    table = site_table(groups["T1 to T2"], Sites(SITES), "title")
    numbers = table.numbers.set_index(["site", "measure", "model"])
    own = rows[(rows["direction"] == "T1 to T2") & (rows["model"] == "Toy")]
    for site in ("Guys", "HH", "IOP"):
        expected = own["ssim_brain"][own["subject"].map(SITES) == site]
        found = numbers.loc[f"{site} (n 6)", "ssim_brain", "Toy"]
        assert (found["n"], found["mean"], found["sd"]) == pytest.approx((6, expected.mean(), expected.std()))
    assert [row[0].text for row in table.rows] == ["Toy", "source itself"]


def test_visits_of_a_subject_are_one_number():
    rows = pd.concat([scores(), scores().assign(case=lambda t: t["case"] + "2")])
    assert effects(rows)[1].loc[("T1 to T2", "Toy"), "n"] == "Guys 6, HH 6, IOP 6"


def test_a_site_effect_is_found_in_its_direction_alone():
    rows = scores(effect=0.05)
    table, numbers = effects(rows)
    found = numbers.loc["T1 to T2", "Toy"]
    own = rows[(rows["direction"] == "T1 to T2") & (rows["model"] == "Toy")]
    p = kruskal(*[part["ssim_brain"] for _, part in own.groupby(own["subject"].map(SITES))]).pvalue
    assert found["p"] == pytest.approx(p)
    assert found["p_holm"] == pytest.approx(2 * p)
    assert (str(found["verdict"]), found["lowest"]) == ("differs", "HH")
    assert str(numbers.loc[("T2 to T1", "Toy"), "verdict"]) == "no difference shown"
    assert "not why" in table.note


def test_sites_of_one_subject_are_not_shown():
    sites = SITES | {"S2": "Ulm"}
    groups = dict(by_site(scores(subjects=9), Sites(sites)))
    assert set(groups["T1 to T2"]["site"]) == {"Guys", "HH", "IOP"}
    note = site_table(groups["T1 to T2"], Sites(sites), "").note
    assert "Not shown, since fewer than 2 subjects were compared: Ulm." in note
    assert dict(by_site(scores(subjects=5), Sites({**SITES, "S4": "Ulm"}))) == {}


@pytest.mark.parametrize("sites", [{}, dict.fromkeys(SITES, "HH"), {"someone": "HH", "else": "IOP"}])
def test_without_two_sites_there_is_nothing(sites):
    assert dict(by_site(scores(), Sites(sites))) == {}


def test_the_folds_of_a_validation_stand_together_and_those_of_a_test_apart():
    left_out = {0: "Guys", 1: "HH", 2: "IOP"}
    for split, names in (("val", ["Toy"]), ("test", ["Toy", "Toy fold 1", "Toy fold 2"])):
        folds = [scores(("Toy" if fold == 0 else f"Toy fold {fold}",), split=split, fold=fold) for fold in range(3)]
        if split == "val":
            folds = [part[part["subject"].map(SITES) == left_out[fold]] for fold, part in enumerate(folds)]
        sites = Sites(SITES, left_out)
        rows = dict(by_site(pd.concat(folds), sites))["T1 to T2"]
        table = site_table(rows, sites, "")
        assert [row[0].text for row in table.rows] == names
        told = "trained without the site" if split == "val" else "fold 0 without Guys, fold 1 without HH"
        assert told in table.note
        assert set(table.numbers["n"]) == {6}


@pytest.mark.slow
def test_the_command_prints_the_sites_of_the_preprocessed_data_set(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(output_files, "boxes", lambda *args: None)
    monkeypatch.setattr(output_files, "comparison_sheet", lambda *args: None)
    roots = toy_dataset(tmp_path)
    folder = roots.preprocessed / "TOY"
    write_json(folder / "dataset.json", read_json(roots.raw / "TOY" / "dataset.json"))
    write_json(
        folder / "splits_final.json",
        {"test": ["c4", "c5", "c6", "c7"], "folds": [{"train": ["c0", "c1"], "val": ["c2", "c3"]}]},
    )
    model = add_model(roots)
    where = ["--results", str(roots.results), "--preprocessed", str(roots.preprocessed), "--device", "cpu"]
    assert main(where) == 0
    assert "by site" not in capsys.readouterr().out
    rows = "".join(f"c{i}\t{'HH' if i % 2 else 'IOP'}\n" for i in range(8))
    (folder / "participants.tsv").write_text(f"participant_id\tsite\n{rows}")
    for words in ([], ["--model", str(model), "--overwrite"]):
        assert main([*where, *words]) == 0
        out = capsys.readouterr().out
        assert "TOY, T1 to T2, test, by site" in out
        assert "IOP (n 2)" in out
        assert "TOY, test, differences between sites" in out
        assert "HH 2, IOP 2" in out
