"""Tables of downstream tasks: tissues in percent, their borders in millimetres in a table of their own."""

# mypy: no-check-untyped-defs
from types import SimpleNamespace

import pandas as pd
import pytest

from hifisyn.downstream import show
from hifisyn.downstream.tissue_of_folders import CEILING, MAIN

CASES = ("a", "b", "c")


def cases(distance, comparison=MAIN):
    """Three cases whose borders are apart by `distance` mm and 0, 1 and 2 more."""
    rows = pd.DataFrame({"case": CASES, "subject": CASES, "comparison": comparison, "dice_GM": 0.8, "dice_WM": 0.9})
    return rows.assign(vs_GM=0.95, vs_WM=0.97, hd95_GM=[distance, distance + 1, distance + 2], hd95_WM=float("nan"))


def done(model, rows):
    settings = {"tool": "Atropos", "source": "T2", "target": "T1"}
    return SimpleNamespace(
        job=SimpleNamespace(task="tissue", model=model), result=SimpleNamespace(cases=rows, settings=settings)
    )


def test_borders_stand_in_millimetres_the_nearest_marked_and_untested():
    rows = pd.concat([cases(2.0).assign(model="near"), cases(4.0).assign(model="far")])
    rows["direction"] = "T2 to T1"
    (table,) = show.borders(rows, "model", "tissue")
    assert table.title == "tissue, borders (mm)"
    assert [str(head) for head in table.head[1:]] == ["T2 to T1: HD95 GM"]
    assert [(row[0].text, row[1].text, row[1].best) for row in table.rows] == [
        ("near", "3.00 ± 1.00", True),
        ("far", "5.00 ± 1.00", False),
    ]
    assert "lower is better: HD95 GM" in table.note
    assert "p" not in table.numbers


def test_without_distances_there_is_no_table_of_borders():
    assert show.borders(cases(2.0).drop(columns=["hd95_GM", "hd95_WM"]).assign(model="m"), "model", "tissue") == []
    assert show.borders(cases(float("nan")).assign(model="m"), "model", "tissue") == []


def test_shares_are_in_percent_and_distances_beside_them_of_synthetic_scans_alone():
    both = pd.concat([cases(2.0), cases(9.0, CEILING)])
    shares, borders = show.tables([done("one", both), done("other", cases(4.0))])
    assert [str(head) for head in shares.head[1:]] == [
        f"T2 to T1: {name} (%)" for name in ("Dice GM", "Dice WM", "VS GM", "VS WM")
    ]
    assert borders.numbers.set_index("model")["mean"].to_dict() == {"one": 3, "other": pytest.approx(5)}


def test_what_was_trained_on_pairs_is_never_the_nearest():
    rows = pd.concat([cases(d).assign(model=name) for name, d in (("Paired", 1.0), ("near", 2.0), ("far", 4.0))])
    (table,) = show.borders(rows.assign(direction="T2 to T1"), "model", "tissue")
    assert [row[0].text for row in table.rows if row[1].best] == ["near"]
    assert "Paired: trained on registered pairs" in table.note
