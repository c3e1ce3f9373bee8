"""`import hifisyn` costs nothing, and its names are the classes and functions of the rooms."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hifisyn

ROOT = Path(__file__).parents[1]


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_import_brings_nothing_heavy():
    done = run(
        "import sys, hifisyn; dir(hifisyn), hifisyn.__version__, hifisyn.UserError\n"
        "sys.exit(', '.join({'torch', 'numpy', 'nibabel', 'pandas', 'pydantic'} & set(sys.modules)) or 0)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", hifisyn.__all__)
def test_every_name_is_there_and_listed(name):
    assert getattr(hifisyn, name) is not None
    assert name in dir(hifisyn)


def test_every_name_comes_with_an_example():
    for name in set(hifisyn.__all__) - {"__version__"}:
        assert ">>> " in getattr(hifisyn, name).__doc__, name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="hifisyn"):
        hifisyn.Predictr  # noqa: B018
    with pytest.raises(ImportError):
        from hifisyn import Predictr  # noqa: F401


def test_a_link_that_became_a_file_is_named_with_what_to_do(tmp_path):
    (tmp_path / "preprocessing").write_text("../preprocessing")
    with pytest.raises(ImportError) as error:
        hifisyn._check_links(tmp_path)
    assert "core.symlinks true" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "hifisyn.__version__"}
    (cited,) = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited == hifisyn.__version__


def test_type_checkers_find_the_types():
    assert (ROOT / "hifisyn" / "py.typed").is_file()
    done = run("import hifisyn, typing; from hifisyn import Volume; print(Volume.load.__annotations__['path'])")
    assert "Path" in done.stdout
