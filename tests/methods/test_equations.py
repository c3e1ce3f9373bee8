"""Every paper's folder opens with a citation and a table that leads from its equations to functions that exist."""

# mypy: no-check-untyped-defs
import importlib
import pkgutil
import re
from functools import reduce

import pytest

import hifisyn.methods
from hifisyn.training.registry import trainers

ROW = re.compile(r"^\| (?P<equation>[^|]+) \| [^|]+ \| `(?P<file>[^`:]+\.py):(?P<name>[^`]+)` \|$", re.MULTILINE)
FOLDERS = [module.name for module in pkgutil.iter_modules(hifisyn.methods.__path__) if module.ispkg]


def rows(folder):
    text = importlib.import_module(f"hifisyn.methods.{folder}").__doc__
    found = [match.groupdict() for match in ROW.finditer(text)]
    assert len(found) == text.count("\n| ") - 1, "a row of another form"
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_functions_of_a_paper_exist(folder):
    assert rows(folder)
    for row in rows(folder):
        file = row["file"] if row["file"].startswith("hifisyn/") else f"hifisyn/methods/{folder}/{row['file']}"
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        assert reduce(getattr, row["name"].split("."), module).__doc__


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_opens_with_the_paper_that_its_method_cites(folder):
    text = importlib.import_module(f"hifisyn.methods.{folder}").__doc__
    trainer = next(t for t in trainers().values() if t.__module__ == f"hifisyn.methods.{folder}.trainer")
    assert trainer.CITATION.split()[0].strip(",") in text
    assert re.search(r"arXiv \d{4}\.\d{5}", text)


def test_all_equations_of_hifi_syn_are_in_its_table():
    numbers = {int(number) for row in rows("hifisyn") for number in row["equation"].split(", ")}
    assert numbers == set(range(1, 18))
