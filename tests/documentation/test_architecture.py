"""The architecture page names the rooms and files that are there, and every room."""

import re
import tomllib
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


def test_every_library_that_is_required_is_imported_somewhere():
    """A requirement that nothing uses earns no place; what only other packages bring is not required."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=!]", line)[0] for line in required}
    folders = ("hifisyn", *AT_ROOT)
    text = "\n".join(file.read_text() for folder in folders for file in (ROOT / folder).rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE))
    spelled = {
        "antspyx": "ants",
        "Jinja2": "jinja2",
        "pillow": "PIL",
        "scikit-image": "skimage",
        "scikit-learn": "sklearn",
    }
    assert sorted(name for name in names if spelled.get(name, name) not in imported) == []
    listed = PAGE.split("**What does not stay by hand**")[1]
    for name in ("SimpleITK", "antspyx", "batchgenerators", "nnunetv2", "scipy", "pandas"):
        assert f"| {name} |" in listed
