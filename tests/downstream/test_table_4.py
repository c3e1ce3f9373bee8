"""Table 4 as one: real scans once, a row for the copies of each model, HiFi-Syn against the best baseline."""

# mypy: no-check-untyped-defs
import pandas as pd
import pytest

from hifisyn.downstream.best_baseline import best_baselines, ours_of, score
from hifisyn.downstream.table_4 import against_the_best_baseline, table_4, tables_4

CASES = [f"c{i}" for i in range(6)]
GAINS = {"HiFiSyn": 0.04, "CycleGAN": 0.01, "MUNIT": 0.02, "Paired": 0.09, "HiFiSyn without PGD": 0.03}


def augmented(models, direction="T1 to T2", gains=GAINS):
    """Dice of the cases by the networks of each model: real scans, and a gain that grows a little from case to case."""
    rows = []
    for model in models:
        for number, case in enumerate(CASES):
            for comparison, gain in (("real", 0.0), ("real + synthetic", gains[model] + 0.001 * number)):
                dice = {"dice_GM": 0.8 + gain, "dice_WM": 0.7 + gain}
                rows.append(
                    {"direction": direction, "model": model, "comparison": comparison, "case": case, "subject": case}
                    | {"dice": sum(dice.values()) / 2}
                    | dice
                )
    return pd.DataFrame(rows)


def test_real_scans_stand_once_and_hifisyn_last():
    table = table_4(augmented(["HiFiSyn", "CycleGAN", "MUNIT"]), "nnU-Net")
    names = [row[0].text for row in table.rows]
    assert names == ["real", *(f"real + synthetic ({model})" for model in ("CycleGAN", "MUNIT", "HiFiSyn"))]
    own = table.numbers[table.numbers["measure"] == "dice"].set_index("model")
    assert own.loc["real", "n"] == len(CASES)
    assert own.loc["real + synthetic (MUNIT)", "mean"] == pytest.approx(0.75 + 0.02 + 0.0025)
    assert own.loc["real + synthetic (MUNIT)", "p"] == pytest.approx(2 / 2 ** len(CASES))
    assert table.rows[-1][1].best


def test_hifisyn_is_tested_against_the_best_baseline_of_each_direction():
    one = augmented(["HiFiSyn", "CycleGAN", "MUNIT", "Paired", "HiFiSyn without PGD"])
    other = augmented(["HiFiSyn", "CycleGAN", "MUNIT"], "T2 to T1", GAINS | {"CycleGAN": 0.05})
    cases = pd.concat([one, other], ignore_index=True)
    assert best_baselines(cases[cases["comparison"] != "real"]) == {"T1 to T2": "MUNIT", "T2 to T1": "CycleGAN"}
    table = against_the_best_baseline(cases)
    assert [row[0].text for row in table.rows] == [
        "T1 to T2, against MUNIT: mean Dice (%), HiFiSyn",
        "T2 to T1, against CycleGAN: mean Dice (%), HiFiSyn",
    ]
    assert table.numbers["difference"].tolist() == pytest.approx([0.02, -0.01])


def test_what_learnt_from_pairs_is_never_the_best():
    rows = table_4(augmented(["Paired", "HiFiSyn"])).rows
    assert {row[0].text: row[1].best for row in rows}["real + synthetic (Paired)"] is False
    assert against_the_best_baseline(augmented(["Paired", "HiFiSyn"])) is None


def test_tables_that_have_no_rows_are_left_out():
    assert list(tables_4(augmented(["HiFiSyn"]))) == ["", "_differences"]
    assert list(tables_4(augmented(["CycleGAN", "HiFiSyn"]))) == ["", "_differences", "_best_baseline"]
    assert tables_4(augmented(["HiFiSyn"]), remarks=["Read this."])[""].note.startswith("Read this. ")


def test_the_score_is_the_mean_over_classes_that_are_there():
    cases = pd.DataFrame({"dice_GM": [0.5, 0.5], "dice_x": [0.7, float("nan")], "vs_GM": [0.0, 0.0]})
    assert score(cases).tolist() == pytest.approx([0.6, 0.5])
    assert ours_of(["HiFiSyn without GGD", "MUNIT"]) == "HiFiSyn without GGD"
