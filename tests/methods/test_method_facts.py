"""What a method says of itself stands in its class alone: rows, references and pages are held to the registry."""

# mypy: no-check-untyped-defs
import re
from pathlib import Path

import pytest

from hifisyn.evaluation.adapted_rows import competes
from hifisyn.experiments.methods import REFERENCE, method_rows
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.report.references import REFERENCES, Citations, citation
from hifisyn.training.registry import names, trainer_class, trainers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CHOICE = (ROOT / "documentation/how_to/choose_a_method.md").read_text()
RANKED = [name for name in names() if competes(name)]
NUMBERS = {12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen"}


class Heir(CycleGAN):
    """A method from elsewhere that says nothing of itself."""


class Author(CycleGAN):
    """One that does."""

    YEAR = 2030
    CITATION = "Author A. A method of one's own. Proc 2030."
    SUMMARY = "two generators and an opinion"


HEIR, AUTHOR = (f"{__name__}:{kind.__name__}" for kind in (Heir, Author))


@pytest.mark.parametrize("name", names())
def test_every_method_states_its_facts_itself(name):
    own = vars(trainer_class(name))
    assert own["TITLE"] == name
    assert 2014 <= own["YEAR"] <= 2100
    assert re.fullmatch(r"[A-Z].{40,}[^ ]\.", own["CITATION"])
    assert 3 <= len(own["SUMMARY"].split()) <= 12
    assert not re.search(r"\d{4}|\.$", own["SUMMARY"])


def test_no_two_methods_have_one_paper():
    papers = [trainer.CITATION for trainer in trainers().values()]
    assert len(set(papers)) == len(papers)
    assert not set(papers) & set(REFERENCES.values())
    assert not set(trainers()) & set(REFERENCES)


def test_what_is_not_ranked_is_known():
    assert set(names()) - set(RANKED) == {"Adapted", "Paired"}


def test_rows_are_all_methods_by_year_hifisyn_last_and_behind_it_what_is_not_ranked():
    every = method_rows()
    assert {row.name for row in every} == set(names())
    rows, others = every[: len(RANKED)], every[len(RANKED) :]
    assert [row.name for row in others] == ["Adapted", "Paired"]
    years = [(trainers()[row.method].YEAR, row.method) for row in rows[:-1]]
    assert years == sorted(years)
    assert rows[-1].method == REFERENCE
    words = {row.name: row.summary for row in rows}
    assert words["CycleGAN"] == "two generators that undo each other (2017)"
    assert words["HiFiSyn"] == "Brain Memory Bank and discrimination at three grains (2024)"


def test_methods_from_elsewhere_come_last_in_the_order_given_and_inherit_no_facts():
    rows = method_rows([HEIR, "hifisyn", AUTHOR, "cyclegan"])
    assert [row.name for row in rows] == ["CycleGAN", "HiFiSyn", "Heir", "Author"]
    assert [row.summary for row in rows[2:]] == ["a method from elsewhere", "two generators and an opinion (2030)"]


def test_a_paper_is_cited_as_its_class_has_it():
    cite = Citations()
    assert cite("ssim", "MUNIT") == "[1, 2]"
    assert cite(AUTHOR) == "[3]"
    assert cite.lines() == [
        f"[1] {REFERENCES['ssim']}",
        "[2] Huang X, Liu M-Y, Belongie S, Kautz J. Multimodal unsupervised image-to-image translation. ECCV 2018.",
        "[3] Author A. A method of one's own. Proc 2030.",
    ]
    assert citation(HEIR) == citation("no.such.module:Class") == citation("tests.support.training_toys:Toy") == ""


def test_the_readme_names_every_method():
    assert f"[{NUMBERS[len(RANKED)]} methods](documentation/how_to/choose_a_method.md)" in README
    listed = re.search(r"trains another method: (.*?), each implemented", README, flags=re.DOTALL)
    assert listed
    assert set(re.split(r",\s+|\s+and\s+", listed[1])) == set(RANKED) - {REFERENCE}
    assert all(f"`-tr {name}`" in README for name in set(names()) - set(RANKED))


def test_the_guide_to_choosing_has_a_row_for_every_method():
    assert [set(methods) for methods in tables(CHOICE)[:2]] == [set(names())] * 2


def test_measured_tables_name_methods_that_there_are():
    for methods in tables(CHOICE):
        assert len(set(methods)) == len(methods)
        assert set(methods) <= set(names())


def test_the_guide_says_who_takes_more_than_two_contrasts():
    sentence = re.search(r"([^.\n]*) also take three contrasts or more in one training\.", CHOICE)
    assert sentence
    many = {name for name, trainer in trainers().items() if trainer.NEEDS.most_domains is None}
    assert set(re.findall(r"`([^`]+)`", sentence[1])) == many


def tables(page):
    """Return the methods in the first column of each table of methods; rows in italics are none."""
    found = []
    for table in re.findall(r"(?:^\| (?:`-tr`|method) \|.*\n)(?:^\|.*\n)+", page, flags=re.MULTILINE):
        first = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
        found.append([re.sub(r"\[?`([^`]+)`.*", r"\1", cell) for cell in first if not cell.startswith("*")])
    return found
