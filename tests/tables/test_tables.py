"""Tables that compare methods: what is in the cells, and that every format can be read by its own readers."""

import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hifisyn.errors import UserError
from hifisyn.statistics.paired import against_reference
from hifisyn.statistics.verdict import SLICE_LEVEL
from hifisyn.tables.cell import Cell
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.differences import differences
from hifisyn.tables.heads import Head, heads
from hifisyn.tables.table import Table
from hifisyn.tables.text import WIDEST

METHODS = ("CycleGAN", "HiFiSyn", "source | itself")
DIRECTIONS = ("T1 to T2", "T2 to T1")
TITLES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "nmse": "NMSE"}


def cohort(subjects=8, *, slices=0, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for direction in DIRECTIONS:
        for better, method in enumerate(METHODS):
            for subject in range(subjects):
                for number in range(slices or 1):
                    row: dict[str, Any] = {
                        "direction": direction,
                        "method": method,
                        "case": f"c{subject}",
                        "subject": f"s{subject}",
                    }
                    row |= {"slice": number} if slices else {}
                    row |= {"psnr": 22 + better + 0.2 * rng.normal(), "ssim": 0.8 + 0.02 * rng.normal()}
                    rows.append(row | {"nmse": 0.02 - 0.004 * better + 0.001 * rng.random()})
    return pd.DataFrame(rows)


def compared(cases=None, **options):
    settings = {"measures": ["psnr", "ssim", "nmse"], "reference": "HiFiSyn", "titles": TITLES, "title": "Table 1"}
    return compare_methods(cohort() if cases is None else cases, **settings | options)


def column(table, head):
    place = list(map(str, table.head)).index(head)
    return {row[0].text: row[place] for row in table.rows}


def test_cells_hold_mean_and_spread_over_subjects():
    cases = cohort()
    table = compared(cases)
    titles = ("PSNR (dB)", "SSIM", "NMSE")
    assert table.head == (Head("method"), *(Head(title, group) for group in DIRECTIONS for title in titles))
    for direction in DIRECTIONS:
        part = cases[(cases["direction"] == direction) & (cases["method"] == "CycleGAN")]
        for measure, digits in (("psnr", 2), ("ssim", 3), ("nmse", 4)):
            cell = column(table, f"{direction}: {TITLES[measure]}")["CycleGAN"]
            assert cell.text == f"{part[measure].mean():.{digits}f} ± {part[measure].std():.{digits}f}"
    assert "over 8 subjects" in table.note


def test_cases_of_a_subject_are_one_number():
    cases = cohort(6)
    twice = pd.concat([cases, cases.assign(case=cases["case"] + "b", psnr=cases["psnr"] + 1)])
    table = compared(twice, measures=["psnr"])
    assert set(table.numbers["n"]) == {6}
    assert table.numbers["mean"].to_numpy() == pytest.approx(compared(cases, measures=["psnr"]).numbers["mean"] + 0.5)


def test_best_is_the_highest_or_the_lowest_and_shared_where_the_digits_agree():
    table = compared()
    assert [name for name, cell in column(table, "T1 to T2: PSNR (dB)").items() if cell.best] == ["source | itself"]
    assert [name for name, cell in column(table, "T1 to T2: NMSE").items() if cell.best] == ["source | itself"]
    worse = compared(lower_is_better=())
    assert [name for name, cell in column(worse, "T1 to T2: NMSE").items() if cell.best] == ["CycleGAN"]
    cases = pd.DataFrame({"method": list("AABBCC"), "case": list("xyxyxy"), "ssim": [0.8, 0.9, 0.8, 0.9001, 0.1, 0.2]})
    shared = compare_methods(cases, measures=["ssim"], by="")
    assert [cell.best for _, cell in shared.rows] == [True, True, False]
    alone = compare_methods(cases[cases["method"] == "A"], measures=["ssim"], by="")
    assert not alone.rows[0][1].best


def test_tests_beside_are_those_of_the_statistics():
    cases = cohort()
    table = compared(cases)
    part = cases[cases["direction"] == "T2 to T1"]
    wanted = against_reference(part.pivot(index="subject", columns="method", values="ssim"), "HiFiSyn")
    cells = column(table, "T2 to T1: SSIM")
    assert cells["HiFiSyn"].test == "reference"
    for row in wanted.to_dict("records"):
        assert cells[row["method"]].test == f"p {row['p_holm']:.2g}"
    numbers = table.numbers[(table.numbers["direction"] == "T2 to T1") & (table.numbers["measure"] == "ssim")]
    numbers = numbers.set_index("method").loc[wanted["method"]]
    for name in ("difference", "low", "high", "effect", "p", "p_holm", "least_p"):
        assert numbers[name].to_numpy() == pytest.approx(wanted[name].to_numpy()), name
    assert list(numbers["verdict"]) == list(wanted["verdict"])
    for words in ("Wilcoxon signed-rank", "against HiFiSyn", "paired by subject", "Holm"):
        assert words in table.note


def test_few_subjects_get_words_instead_of_p():
    table = compared(cohort(5))
    assert {row[place].test for row in table.rows for place in range(1, 7)} == {"reference", "n too small"}
    assert "n too small: with so few subjects" in table.note
    one = compared(cohort(1))
    assert column(one, "T1 to T2: SSIM")["CycleGAN"].text.count("±") == 0
    assert "over 1 subject." in one.note


def test_without_reference_nothing_is_tested():
    table = compared(reference=None)
    assert {cell.test for row in table.rows for cell in row} == {""}
    assert "Wilcoxon" not in table.note
    assert "p" not in table.numbers
    assert differences(table).rows == ()


def test_equal_missing_and_infinite_values_are_words():
    cases = cohort(7)
    one = cases["direction"] == DIRECTIONS[0]
    cases.loc[cases["method"] == "CycleGAN", "ssim"] = cases.loc[cases["method"] == "HiFiSyn", "ssim"].to_numpy()
    cases.loc[one & (cases["method"] == "CycleGAN"), "psnr"] = np.inf
    cases.loc[one & (cases["method"] == "CycleGAN"), "nmse"] = np.nan
    cases.loc[(cases["method"] == "HiFiSyn") & (cases["case"] == "c0"), "nmse"] = np.nan
    table = compared(cases)
    assert column(table, "T1 to T2: SSIM")["CycleGAN"].test == "equal"
    assert "equal: the same number" in table.note
    assert column(table, "T1 to T2: PSNR (dB)")["CycleGAN"] == Cell("∞", best=True, test="p 0.031")
    assert column(table, "T1 to T2: NMSE")["CycleGAN"] == Cell("–")
    assert "over 6 to 7 subjects" in table.note


def test_a_direction_that_the_reference_lacks_is_not_tested():
    cases = cohort()
    cases = cases[(cases["direction"] == DIRECTIONS[0]) | (cases["method"] != "HiFiSyn")]
    cells = column(compared(cases), "T2 to T1: SSIM")
    assert cells["HiFiSyn"].text == "–"
    assert {cell.test for name, cell in cells.items() if name != "HiFiSyn"} == {""}


def test_slices_as_the_unit_are_labelled():
    cases = cohort(4, slices=10)
    table = compared(cases, unit="slice")
    assert set(table.numbers["n"]) == {40}
    assert SLICE_LEVEL[1:] in table.note
    assert "over 40 slices" in table.note
    assert "p < 0.001" in {cell.test for row in table.rows for cell in row}
    by_subject = compared(cases)
    assert set(by_subject.numbers["n"]) == {4}
    assert "slice-level" not in by_subject.note


def test_percent_is_for_the_eye_only():
    cases = cohort()
    table = compared(cases, measures=["ssim"], percent=True)
    assert table.head[1] == Head("SSIM (%)", "T1 to T2")
    part = cases[(cases["direction"] == "T1 to T2") & (cases["method"] == "CycleGAN")]["ssim"]
    assert table.rows[0][1].text == f"{100 * part.mean():.1f} ± {100 * part.std():.1f}"
    assert table.numbers["mean"].max() < 1


def test_mistakes_are_named():
    for options, words in (
        ({"reference": "nobody"}, "must be one of CycleGAN, HiFiSyn, source | itself (got nobody)"),
        ({"measures": ["dice"]}, "must have rows with dice"),
        ({"by": "site"}, "must have rows with site"),
        ({"unit": "voxel"}, "must be subject or slice (got voxel)"),
        ({"unit": "slice"}, "must have a column slice"),
        ({"cases": cohort().iloc[:0]}, "must have rows with method"),
    ):
        with pytest.raises(UserError, match=re.escape(words)):
            compared(**options)


def test_csv_holds_the_numbers_unrounded():
    table = compared()
    read = pd.read_csv(io.StringIO(table.csv()))
    written = table.numbers.assign(verdict=table.numbers["verdict"].map(str, na_action="ignore"))
    pd.testing.assert_frame_equal(read, written, check_dtype=False, rtol=1e-12)


def cells_of(line):
    """Split a row of a GitHub table at the bars that are not escaped."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    return [re.sub(r"\\(.)", r"\1", cell).strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_is_a_github_table():
    table = compared()
    lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
    assert cells_of(lines[0]) == list(map(str, table.head))
    assert all(re.fullmatch(r":--|--:", rule) for rule in cells_of(lines[1]))
    assert {len(cells_of(line)) for line in lines} == {len(table.head)}
    assert [cells_of(line)[0] for line in lines[2:]] == list(METHODS)
    best = cells_of(lines[4])[1]
    assert best.startswith("**")
    assert table.markdown().startswith("**Table 1**\n\n| method |")


def test_markdown_shows_marks_as_they_are():
    hostile = "a|b *c* _d_ <script> `e` [f](g)\nh ~~i~~ \\"
    table = Table(
        hostile, hostile, heads("row", hostile), ((Cell(hostile), Cell(hostile, test="p < 0.001")),), pd.DataFrame()
    )
    lines = table.markdown().splitlines()
    assert len(lines) == 7
    assert not re.search(r"(?<!\\)[<`\[_~]", table.markdown())
    assert cells_of(lines[4]) == [hostile.replace("\n", " "), hostile.replace("\n", " ") + " (p < 0.001)"]


def test_markdown_renders_as_a_table():
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    page = ET.fromstring(f"<div>{markdown.render(compared().markdown())}</div>")
    assert [cell.text for cell in page.findall("table/thead/tr/th")] == list(map(str, compared().head))
    assert len(page.findall("table/tbody/tr/td/strong")) == sum(c.best for row in compared().rows for c in row)


def test_html_has_scopes_groups_and_classes():
    table = compared()
    page = ET.fromstring(table.html())
    assert page.findtext("caption/strong") == "Table 1"
    groups = page.findall("thead/tr/th[@scope='colgroup']")
    assert [(g.text, g.get("colspan")) for g in groups] == [(d, "3") for d in DIRECTIONS]
    assert [h.text for h in page.findall("thead/tr[2]/th[@scope='col']")] == 2 * ["PSNR (dB)", "SSIM", "NMSE"]
    assert [h.text for h in page.findall("tbody/tr/th[@scope='row']")] == list(METHODS)
    for shown, row in zip(page.findall("tbody/tr"), table.rows, strict=True):
        for cell, wanted in zip(shown.findall("td"), row[1:], strict=True):
            assert cell.attrib["class"].split() == (["number", "best"] if wanted.best else ["number"])
            assert cell.findtext("small[@class='test']") == wanted.test
            assert "".join(cell.itertext()) == f"{wanted.text} {wanted.test}"


def test_html_is_escaped():
    hostile = '<img src=x onerror="alert(1)"> & \''
    head = (Head(hostile), Head("x", hostile))
    table = Table(hostile, hostile, head, ((Cell(hostile), Cell(hostile, test=hostile)),), pd.DataFrame())
    page = ET.fromstring(table.html())
    assert "<img" not in table.html()
    assert page.findtext("tbody/tr/th") == hostile
    assert page.findtext("tbody/tr/td/small") == hostile
    flat = Table("", "", heads("row", "x"), ((Cell("a"), Cell("1")),), pd.DataFrame())
    assert len(ET.fromstring(flat.html()).findall("thead/tr")) == 1


def test_text_fits_a_terminal_and_loses_no_cell():
    cases = cohort()
    for number in range(4):
        cases[f"measure_{number}"] = cases["ssim"] + number
    table = compared(cases, measures=["psnr", "ssim", "nmse", *(f"measure_{n}" for n in range(4))])
    text = table.text()
    assert max(map(len, text.splitlines())) <= WIDEST
    for row in table.rows:
        for cell in row[1:]:
            assert cell.text + ("*" if cell.best else " ") in text
    assert text.count("T1 to T2\n") == text.count("T2 to T1\n") == 2
    assert "* best of the column" in text


def test_text_of_a_small_table_is_one_aligned_block():
    rows = ((Cell("a"), Cell("9.5", test="p 1")), (Cell("longer"), Cell("10.25", best=True, test="reference")))
    table = Table("Title", "Note.", (Head("row"), Head("x", "T1")), rows, pd.DataFrame())
    assert table.text() == (
        "Title\n\n"
        "row                T1: x\n"
        "------------------------\n"
        "a         9.5  p 1\n"
        "longer  10.25* reference\n\n"
        "* best of the column\n\n"
        "Note.\n"
    )
    assert Table("", "", heads("row", "x"), (), pd.DataFrame()).text().splitlines()[0] == "row  x"


def test_differences_show_interval_effect_and_verdict():
    table = compared(cohort(5))
    shown = differences(table, title="Tests")
    tested = table.numbers.dropna(subset="verdict")
    assert len(shown.rows) == len(shown.numbers) == len(tested) == 12
    first = tested.iloc[0]
    assert [cell.text for cell in shown.rows[0]] == [
        "T1 to T2: PSNR (dB), CycleGAN",
        "5",
        f"{first['difference']:+.3g}",
        f"{first['low']:+.3g} to {first['high']:+.3g}",
        "-1.00",
        "0.062",
        "0.12",
        "cannot reach significance: with 5 subjects and 2 tests p after Holm is at least 0.12",
    ]
    named = [
        f"{table.head[1 + place // 3]}, {row}" for place, row in enumerate(table.numbers["method"]) if row != "HiFiSyn"
    ]
    assert [row[0].text for row in shown.rows] == named
    shares = differences(compared(measures=["ssim"], percent=True), percent=True)
    assert float(shares.rows[0][2].text) == pytest.approx(100 * shares.numbers["difference"].iloc[0], rel=1e-2)


def test_rows_apart_leave_the_tests_of_the_others_as_they_are():
    cases = cohort(12)
    beside = pd.concat(
        [cases[cases["method"] == "CycleGAN"].assign(method=name) for name in ("base@1", "base@1, told")]
    )
    beside["psnr"] += np.random.default_rng(3).normal(0, 2, len(beside))
    alone = compared(cases).numbers
    table = compared(pd.concat([cases, beside]), apart=["base@1", "base@1, told"])
    both = table.numbers
    others = both[~both["method"].str.startswith("base@1")].reset_index(drop=True)
    numbers = [column for column in alone if column != "verdict"]
    pd.testing.assert_frame_equal(others[numbers], alone[numbers])
    assert list(map(str, others["verdict"])) == list(map(str, alone["verdict"]))
    own = both[(both["direction"] == "T1 to T2") & (both["measure"] == "psnr")].set_index("method")
    family = own.loc[["base@1", "base@1, told"], ["p", "p_holm"]].sort_values("p")
    assert family["p_holm"].iloc[0] == pytest.approx(min(1, max(2 * family["p"].iloc[0], 0)))
    assert family["p_holm"].iloc[1] == pytest.approx(max(2 * family["p"].iloc[0], family["p"].iloc[1]))
    assert "base@1 and base@1, told: a family of its own, corrected by itself" in table.note
    assert "family" not in compared(cases).note


def test_lines_below_a_note_keep_their_own_line_in_every_format():
    what = "NMI <1>: " + "a measure that takes many words to explain, " * 4
    table = Table("Title", "A note.", heads("row", "NMI"), ((Cell("a"), Cell("1")),), pd.DataFrame(), (what, "Other."))
    assert table.markdown().endswith("A note.\n\n- NMI \\<1\\>: " + what[9:].strip() + "\n- Other.\n")
    assert table.text().splitlines()[-1] == "- Other."
    assert all(len(line) <= WIDEST for line in table.text().splitlines())
    assert "A note.<div>NMI &lt;1&gt;: a measure" in table.html()
    assert "<div>Other.</div></caption>" in table.html()
