"""The architecture page names the rooms and files that are there, and every room."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "documentation/architecture.md").read_text()
AT_ROOT = ("preprocessing", "postprocessing", "dataset_conversion")
ROOMS = sorted({f.parent.name for f in ROOT.glob("hifisyn/*/__init__.py")} | set(AT_ROOT))


def files_named(text):
    rooms = "|".join(ROOMS)
    return sorted(set(re.findall(rf"(?<![\w/])(?:hifisyn/)?((?:{rooms})/[a-z_]+)", text)))


@pytest.mark.parametrize("name", files_named(PAGE))
def test_every_file_that_the_page_names_is_there(name):
    place = ROOT / (name if name.split("/")[0] in AT_ROOT else f"hifisyn/{name}")
    assert place.with_suffix(".py").exists() or place.is_dir()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_in_the_table(room):
    table = PAGE.split("## The rooms")[1].split("\n\nNothing imports upward")[0]
    assert re.search(rf"\b{room}\b", table)
