"""The paper's numbers beside ours: which cohort, which tasks, and what is printed."""

# mypy: no-check-untyped-defs
from dataclasses import replace

import numpy as np
import pytest

from hifisyn.report.page import tables
from hifisyn.report.published import AVERAGE, COHORTS, METHODS, beside_the_paper, cohort_of
from hifisyn.training.registry import names
from tests.support.report_facts import facts


def column(table, group, title):
    place = next(i for i, head in enumerate(table.head) if (head.group, head.title) == (group, title))
    return {row[0].text: row[place].text for row in table.rows}


def test_the_methods_are_those_of_the_registry():
    assert set(METHODS) == set(names()) - {"Adapted", "Paired"}


def test_averages_are_the_means_of_the_directions_but_for_what_is_misprinted():
    ixi = cohort_of("IXI").columns
    for method in METHODS:
        mean = np.mean([ixi["T1 to T2"][method][0], ixi["T2 to T1"][method][0]])
        assert (abs(ixi[AVERAGE][method][0] - mean) > 0.02) == (method == "StarGAN-v2")
    brats = cohort_of("BraTS2018").columns
    by_task = [numbers["HiFiSyn"] for task, numbers in brats.items() if task != AVERAGE]
    assert np.mean(by_task, axis=0) == pytest.approx(brats[AVERAGE]["HiFiSyn"], abs=6e-3)


def test_our_numbers_stand_beside_those_of_the_same_task(tmp_path):
    table = beside_the_paper(facts(tmp_path))
    for group in ("T1 to T2", "T2 to T1", AVERAGE):
        assert column(table, group, "PSNR here")["HiFiSyn"] == "13.50"  # cases of 10 to 17
        assert column(table, group, "PSNR here")["MGUIT"] == "-"
    assert column(table, "T1 to T2", "PSNR paper")["MGUIT"] == "24.37"
    assert column(table, AVERAGE, "PSNR paper")["StarGAN-v2"] == "22.85"
    assert "22.35" in table.note
    assert "60 training and 20 test subjects" in table.note
    assert "here: 8 subjects" in table.note


def test_there_is_an_average_only_of_all_tasks(tmp_path):
    one = facts(tmp_path)
    subjects = one.evaluated[one.evaluated["direction"] == "T1 to T2"]
    table = beside_the_paper(replace(one, tables={"subjects": subjects}))
    assert {head.group for head in table.head[1:]} == {"T1 to T2"}


@pytest.mark.parametrize(("name", "there"), [("IXI_3T", True), ("PHANTOM", False), ("BRATS2018", True), ("UKB", False)])
def test_the_report_has_the_table_where_cohort_and_task_are_the_papers(tmp_path, name, there):
    made = tables(facts(tmp_path, name=name))["quality"]
    assert ("beside_the_paper" in [result.file for result in made]) == there


def test_every_cohort_has_numbers_of_every_method():
    for cohort in COHORTS:
        assert set(cohort.columns[AVERAGE]) == set(METHODS)
        assert set(cohort.columns) - {AVERAGE} <= set(cohort.tasks)
