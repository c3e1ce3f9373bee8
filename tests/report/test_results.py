"""The tables of a report: which numbers stand in which rows, and what is said of few subjects."""

from dataclasses import replace

import pandas as pd
import pytest

from hifisyn.directions import Direction
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.report.collect_tasks import Downstream
from hifisyn.report.limits import limits
from hifisyn.report.methods import methods
from hifisyn.report.page import page, tables
from hifisyn.report.results import image_quality, lesion
from tests.support.report_facts import CASES, evaluated, facts, task


def paragraphs(whole):
    return " ".join(methods(whole).paragraphs)


def test_details_stand_in_a_section_where_they_were_measured(tmp_path):
    old = facts(tmp_path, ("HiFiSyn", "A"))
    assert tables(old)["details"] == []
    assert "Structure, lesions, confidence" not in page(old, tables(old), [], [])
    measured = old.tables["subjects"].assign(nmi=1.25, blur=0.4, blur_true=0.3, lesion_sign=1.0)
    new = replace(old, tables={"subjects": measured})
    found = {one.file: one.table for one in tables(new)["details"]}
    assert list(found) == [f"{kind}_T1_to_T2_test" for kind in ("structure", "lesions")] + [
        f"{kind}_T2_to_T1_test" for kind in ("structure", "lesions")
    ]
    rows = {row[0].text: row[2].text for row in found["structure_T1_to_T2_test"].rows}
    assert {name: text.split(" ")[0] for name, text in rows.items()} == {
        "HiFiSyn": "0.400",
        "A": "0.400",
        "true scan": "0.300",
    }
    assert "Structure, lesions, confidence" in page(new, tables(new), [], [])
    quality = [[one.table.markdown() for one in tables(whole)["quality"]] for whole in (old, new)]
    assert quality[0] == quality[1]


def test_an_nnunet_that_finds_nothing_is_named_beside_its_table(tmp_path):
    rows = pd.DataFrame({"comparison": ["real", "synthetic"], "case": ["c0"] * 2, "subject": ["c0"] * 2, "dice_x": 0.0})
    settings = {"tool": "nnU-Net", "remark": "it finds nothing"}
    blind = Downstream(
        "HiFiSyn",
        DownstreamTask.LESION,
        Direction("T1", "T2"),
        "test",
        tmp_path,
        {"settings": settings},
        rows,
        (),
    )
    whole = facts(tmp_path, downstream=(blind,))
    assert lesion(whole)[0].table.note.startswith("T1 to T2: it finds nothing.")
    assert any("it finds nothing" in line for line in limits(whole))


def test_tests_by_slice_are_labelled_as_such(tmp_path):
    labels = ("HiFiSyn", "A")
    slices = pd.concat([evaluated(labels).assign(slice=s, brain_pixels=9) for s in range(3)]).drop(columns="slices")
    whole = facts(tmp_path, labels, unit="slice", tables={"subjects": evaluated(labels), "slices": slices})
    shown = paragraphs(whole)
    assert "paired by slice" in shown
    assert "Slices of a subject are not independent" in shown
    table = image_quality(whole)[0].table
    assert "Slice-level, as the paper" in table.note
    assert set(table.numbers["n"]) == {3 * len(CASES)}


def test_few_subjects_are_reported(tmp_path):
    few = facts(tmp_path, ("HiFiSyn", "A", "B"), CASES[:6])
    assert "With 6 subjects and 2 tests p is at least 0.062" in paragraphs(few)
    assert "There are 6 subjects only" in " ".join(limits(few))
    many = facts(tmp_path, ("HiFiSyn", "A", "B"), tuple(f"c{i}" for i in range(20)))
    assert "p is at least" not in paragraphs(many)
    assert "subjects only" not in " ".join(limits(many))
    validation = " ".join(limits(replace(few, split="val")))
    assert "validation subjects" in validation


def test_the_base_model_is_told_apart_from_models_and_baselines(tmp_path):
    """It is ranked with no model, counts as no test of their family, and one line says what it learnt from."""
    labels, beside = ("HiFiSyn", "A", "B"), ("source itself", "base@1", "base@1, told tissue means")
    few = CASES[:6]
    plain = facts(tmp_path, labels, few, tables={"subjects": evaluated((*labels, beside[0]), few)})
    whole = facts(tmp_path, labels, few, tables={"subjects": evaluated((*labels, *beside), few)})
    shown = paragraphs(whole)
    assert "Baselines that change intensities only: source itself." in shown
    assert "Not trained here: base@1: comes with hifisyn, learnt from simulated heads only, saw no scan" in shown
    assert "With 6 subjects and 3 tests p is at least" in shown
    assert "With 6 subjects and 3 tests p is at least" in paragraphs(plain)
    assert "base@1" not in paragraphs(plain)
    before, after = ({r.file: r.table for r in image_quality(one)} for one in (plain, whole))
    assert before["ranks_T1_to_T2_test"].numbers.equals(after["ranks_T1_to_T2_test"].numbers)
    own = after["image_quality"].numbers
    own = own[~own["model"].str.startswith("base@1")].reset_index(drop=True)
    columns = ["direction", "measure", "model", "n", "mean", "p", "p_holm"]
    assert own[columns].equals(before["image_quality"].numbers[columns])
    assert [row[0].text for row in after["image_quality"].rows] == [*labels, *beside[1:], beside[0]]
    assert "saw no scan of this cohort" in after["image_quality"].note


def test_three_models_are_ranked_as_their_numbers_say(tmp_path):
    found = {result.file: result.table for result in tables(facts(tmp_path, ("HiFiSyn", "A", "B")))["quality"]}
    ranks = found["ranks_T1_to_T2_test"].numbers.set_index("model")["psnr"]
    assert ranks.to_dict() == {"HiFiSyn": 3, "A": 2, "B": 1}
    assert "Nemenyi" in found["ranks_T1_to_T2_test"].note
    assert not [name for name in tables(facts(tmp_path, ("HiFiSyn", "A")))["quality"] if name.file.startswith("ranks")]


def test_sites_are_shown_and_tested_where_there_are_several(tmp_path):
    whole = facts(tmp_path)
    assert "Image quality by site" not in page(whole, tables(whole), [], [], figures=False)
    assert whole.data.dataset is not None
    sites = {case: "HH" if number < 4 else "IOP" for number, case in enumerate(CASES)}
    data = replace(whole.data, dataset=replace(whole.data.dataset, sites=sites))
    result = tables(replace(whole, data=data))["sites"]
    assert [one.file for one in result] == ["sites_T1_to_T2", "sites_T2_to_T1", "sites_tests"]
    found = result[0].table.numbers.set_index(["site", "measure"])["mean"]
    assert found["HH (n 4)", "ssim_brain"] == pytest.approx(11.5)  # cases score 10, 11, 12 and so on
    assert found["IOP (n 4)", "ssim_brain"] == pytest.approx(15.5)
    assert list(result[2].table.numbers["p"]) == pytest.approx([2 / 70] * 2)  # ranks 1 to 4 and 5 to 8
    assert "Image quality by site" in page(replace(whole, data=data), {"sites": result}, [], [], figures=False)


def test_borders_of_tissues_stand_below_their_overlap_beside_the_ceiling(tmp_path):
    compared = {"synthetic vs real": [3.0, 5.0], "real vs labels (ceiling)": [1.0, 2.0]}
    rows = pd.DataFrame(
        {"comparison": name, "case": case, "subject": case, "dice_GM": 0.9, "hd95_GM": distance}
        for name, distances in compared.items()
        for case, distance in zip(("c0", "c1"), distances, strict=True)
    )
    done = task(DownstreamTask.TISSUE, tmp_path, rows, tool="Atropos")
    whole = facts(tmp_path, name="PHANTOM", downstream=(done,))
    overlap, borders = tables(whole)["tissue"]
    assert (overlap.file, borders.file) == ("tissue", "tissue_borders")
    assert [str(head) for head in borders.table.head[1:]] == ["T2 to T1: HD95 GM"]
    assert {row[0].text: row[1].text[:4] for row in borders.table.rows} == {
        "HiFiSyn: synthetic vs real": "4.00",
        "real vs labels (ceiling)": "1.50",
    }
    assert not any("HD95" in str(head) for head in overlap.table.head)
    assert "borders (mm)" in page(whole, {"tissue": [overlap, borders]}, [], [])
    without = facts(tmp_path, name="PHANTOM", downstream=(task(DownstreamTask.TISSUE, tmp_path, tool="Atropos"),))
    assert [one.file for one in tables(without)["tissue"]] == ["tissue"]
