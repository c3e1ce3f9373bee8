"""The tables of a benchmark: averages over tasks, the base model beside, tissues and their borders."""

# mypy: no-check-untyped-defs
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hifisyn.evaluation.measures import MEASURES
from hifisyn.experiments import benchmark, benchmark_tables


def synthetic_cases(directions):
    rng = np.random.default_rng(0)
    keys = [(m, 0, d, f"c{c}", f"s{c}") for m in ("CycleGAN", "HiFiSyn") for d in directions for c in range(7)]
    frame = pd.DataFrame(keys, columns=["row", "seed", "direction", "case", "subject"])
    return frame.assign(**{measure: rng.normal(size=len(frame)) for measure in MEASURES})


def test_with_many_tasks_table_1_has_the_average_and_table_2_each_task():
    tasks = ["T1 to T2", "T2 to T1", "T1 to FLAIR", "FLAIR to T1"]
    cases = synthetic_cases(tasks)
    first, second = benchmark_tables.table_1(cases), benchmark_tables.table_2(cases)
    assert [head.group for head in first.head[1:]] == ["average of 4 tasks"] * 2
    own = cases[cases["row"] == "CycleGAN"].groupby("subject")["psnr"].mean()
    numbers = first.numbers.set_index(["row", "measure"])
    assert numbers.loc[("CycleGAN", "psnr"), "mean"] == pytest.approx(own.mean())
    assert numbers.loc[("CycleGAN", "psnr"), "sd"] == pytest.approx(own.std(ddof=1))
    assert len(second.head) == 1 + 4 * 5


def test_a_method_that_lacks_a_task_has_no_average():
    tasks = ["T1 to T2", "T2 to T1", "T1 to FLAIR", "FLAIR to T1"]
    cases = synthetic_cases(tasks)
    cases = cases[(cases["row"] == "HiFiSyn") | (cases["direction"] != "FLAIR to T1")]
    table = benchmark_tables.table_1(cases)
    assert [row[0].text for row in table.rows] == ["HiFiSyn"]
    assert "Without average, since a task is missing: CycleGAN." in table.note


def test_the_base_model_stands_with_what_needs_no_training_and_nowhere_else(tmp_path, monkeypatch):
    """Its rows are in the evaluation of every training; those of the first go beside, none among the methods."""
    names = ("source itself", "base@1", "base@1, told tissue means", "HiFiSyn")
    rows = [
        {"direction": "T1 to T2", "method": name, "case": case, "subject": case} | dict.fromkeys(MEASURES, 9.0 + place)
        for place, name in enumerate(names)
        for case in ("a", "b")
    ]
    monkeypatch.setattr(benchmark, "task_of", lambda *args: None)
    monkeypatch.setattr(benchmark, "read_subjects", lambda task: pd.DataFrame(rows))
    training = SimpleNamespace(job=SimpleNamespace(domains=("T1", "T2")))
    found = benchmark._untrained(None, SimpleNamespace(trainings=[training]))
    table = benchmark_tables.untrained(found)
    assert [row[0].text for row in table.rows] == list(names[:3])
    assert "base@1: comes with hifisyn, learnt from simulated heads only" in table.note
    alone = benchmark_tables.untrained(found[found["method"] == "source itself"])
    assert "base" not in alone.note
    beside = benchmark_tables.with_base(synthetic_cases(["T1 to T2"]), found)
    assert list(beside["row"].unique()) == ["CycleGAN", "HiFiSyn", *names[1:3]]
    assert benchmark_tables.with_base(synthetic_cases(["T1 to T2"]), pd.DataFrame())["row"].nunique() == 2


ROWS = {"CycleGAN e4": "CycleGAN", "HiFiSyn e4": "HiFiSyn", "Paired e4": "Paired"}


def segmented(model, dice, **distances):
    """Tissues of two cases, and of two that are compared with labels, which stand in no table."""
    cases = pd.DataFrame({"case": ["a", "b"], "subject": ["a", "b"], "comparison": benchmark_tables.MAIN})
    cases = cases.assign(dice_GM=dice, vs_GM=0.9, **distances)
    other = cases.assign(comparison="synthetic vs labels", dice_GM=0.0, **dict.fromkeys(distances, 99.0))
    settings = {"tool": "Atropos", "source": "T2", "target": "T1"}
    return SimpleNamespace(
        job=SimpleNamespace(task="tissue", model=model),
        result=SimpleNamespace(cases=pd.concat([cases, other], ignore_index=True), settings=settings),
    )


def test_table_3_names_methods_and_tests_them():
    table = benchmark_tables.table_3([segmented("CycleGAN e4", 0.5), segmented("HiFiSyn e4", 0.75)], ROWS)
    assert table is not None
    assert [row[0].text for row in table.rows] == ["CycleGAN", "HiFiSyn"]
    assert str(table.head[1]) == "T2 to T1: Dice GM (%)"
    assert table.rows[1][1].text.startswith("75.0")
    assert benchmark_tables.table_3([], {}) is None


def test_borders_of_tissues_stand_beside_table_3_in_millimetres():
    found = {"CycleGAN e4": [4.0, 6.0], "HiFiSyn e4": [2.0, 3.0], "Paired e4": [1.0, 1.5]}
    done = [segmented(model, 0.5, hd95_GM=distances) for model, distances in found.items()]
    table = benchmark_tables.borders_of_tissues(done, ROWS)
    assert table is not None
    assert table.title == "Table 3: tissues of synthetic scans (Atropos), borders (mm)"
    assert [str(head) for head in table.head] == ["method", "T2 to T1: HD95 GM"]
    assert {row[0].text: (row[1].text[:4], row[1].best) for row in table.rows} == {
        "CycleGAN": ("5.00", False),
        "HiFiSyn": ("2.50", True),
        "Paired": ("1.25", False),
    }
    third = benchmark_tables.table_3(done, ROWS)
    assert third is not None
    assert not any("HD95" in str(head) for head in third.head), "shares and millimetres share no table"
    assert benchmark_tables.borders_of_tissues([segmented("CycleGAN e4", 0.5)], ROWS) is None
    assert benchmark_tables.borders_of_tissues([], {}) is None
