"""The paper's Tables 3 to 5 beside ours: what is printed, what is measured, and where neither is."""

# mypy: no-check-untyped-defs
import pandas as pd
import pytest

from hifisyn.directions import Direction
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.report.collect_tasks import Ablation, Downstream
from hifisyn.report.page import tables
from hifisyn.report.published_tasks import TABLE_5_PRINTED, table_3, table_4, table_5
from tests.support.report_facts import facts


def cell(table, row, group, title):
    place = next(i for i, head in enumerate(table.head) if (head.group, head.title) == (group, title))
    return next(one[place].text for one in table.rows if one[0].text == row)


def done(tmp_path, task, direction, rows, **settings):
    table = pd.DataFrame(rows).assign(case=["a", "b"] * (len(rows) // 2), subject=["a", "b"] * (len(rows) // 2))
    source, target = direction.split(" to ")
    return Downstream("HiFiSyn", task, Direction(source, target), "test", tmp_path, {"settings": settings}, table, ())


def tissues(tmp_path, direction="T2 to T1"):
    rows = [
        {"comparison": "synthetic vs real", "dice_GM": d, "dice_WM": d, "vs_GM": 0.9, "vs_WM": 0.8} for d in (0.6, 0.7)
    ]
    return done(tmp_path, DownstreamTask.TISSUE, direction, rows, tool="Atropos")


def copies(tmp_path, direction="T2 to T1", classes=("CSF", "GM", "WM")):
    rows = [{"comparison": c, "dice": d, "dice_GM": d} for c, d in (("real", 0.5), ("real + synthetic", 0.6)) * 2]
    rows = sorted(rows, key=lambda row: row["comparison"])
    return done(tmp_path, DownstreamTask.AUGMENT, direction, rows, tool="nnU-Net", classes=list(classes))


def ablation(tmp_path, rows=("none", "all three"), directions=("T1 to T2", "T2 to T1")):
    cases = [
        {"row": row, "seed": 0, "direction": d, "case": s, "subject": s, "psnr": 20.0 + i, "ssim": 0.5}
        for i, row in enumerate(rows)
        for d in directions
        for s in ("a", "b")
    ]
    record = {"rows": [{"row": row, "trainings": [{"steps": 10, "seconds": 5.0}]} for row in rows]}
    return Ablation("T1_T2_fold_0", pd.DataFrame(cases), record, tmp_path / "x.png")


def test_table_3_stands_beside_tissues_of_synthetic_t1(tmp_path):
    table = table_3(facts(tmp_path, downstream=(tissues(tmp_path),)))
    assert cell(table, "HiFiSyn", "T2 to T1", "Dice GM paper") == "89.9"
    assert cell(table, "HiFiSyn", "T2 to T1", "Dice GM here") == "65.0"
    assert cell(table, "MGUIT", "T2 to T1", "VS WM paper") == "97.0"
    assert cell(table, "MGUIT", "T2 to T1", "VS WM here") == "-"
    assert "here: Atropos, 2 test subjects" in table.note
    assert table_3(facts(tmp_path, downstream=(tissues(tmp_path, "T1 to T2"),))) is None
    assert table_3(facts(tmp_path, name="PHANTOM", downstream=(tissues(tmp_path),))) is None


def test_table_4_stands_beside_tissues_alone(tmp_path):
    table = table_4(facts(tmp_path, downstream=(copies(tmp_path),)))
    assert cell(table, "real", "T1", "Dice paper") == "95.2"
    assert cell(table, "real", "T1", "Dice here") == "50.0"
    assert cell(table, "real + synthetic (HiFiSyn)", "T1", "Dice here") == "60.0"
    assert {head.group for head in table.head[1:]} == {"T1"}, "what was not segmented has no column"
    assert table_4(facts(tmp_path, downstream=(copies(tmp_path, classes=("tumour",)),))) is None


def test_table_5_stands_beside_every_printed_row(tmp_path):
    table = table_5(facts(tmp_path, ablations=(ablation(tmp_path),)))
    assert cell(table, "all three", "T2 to T1", "PSNR paper") == "24.18"
    assert cell(table, "all three", "T2 to T1", "PSNR here") == "21.00"
    assert cell(table, "PGD + SGD", "T1 to T2", "SSIM paper") == cell(table, "PGD + GGD", "T1 to T2", "SSIM paper")
    assert cell(table, "PGD", "T1 to T2", "PSNR here") == "-"
    other = ablation(tmp_path, directions=("T1 to FLAIR", "FLAIR to T1"))
    assert table_5(facts(tmp_path, ablations=(other,))) is None
    assert table_5(facts(tmp_path, name="UKB", ablations=(ablation(tmp_path),))) is None


def test_every_part_adds_to_the_papers_quality():
    """The paper's rows rise from none to all in both directions; a slip in copying would show."""
    for direction in (0, 1):
        psnr = [values[direction][0] for values in TABLE_5_PRINTED.values()]
        assert psnr == sorted(psnr)


def test_the_report_has_them_and_the_seconds_of_a_step_beside_quality(tmp_path):
    whole = facts(tmp_path, downstream=(tissues(tmp_path), copies(tmp_path)), ablations=())
    made = {section: [one.file for one in found] for section, found in tables(whole).items()}
    assert "beside_the_paper_table_3" in made["tissue"]
    assert "beside_the_paper_table_4" in made["augment"]


@pytest.mark.parametrize("rows", [("none", "all three")])
def test_an_ablations_record_tells_the_seconds_of_a_step(tmp_path, rows):
    assert ablation(tmp_path, rows).seconds_a_step == {"none": 0.5, "all three": 0.5}
    assert Ablation("x", pd.DataFrame(), {}, tmp_path).seconds_a_step == {}
