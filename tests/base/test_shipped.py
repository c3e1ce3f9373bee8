"""The base model that comes with the package: its hash is checked, it is read once, and installations hold it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hifisyn.base import shipped, weights
from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import FileError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "base1.safetensors"
    weights.write(path, BaseNetwork(4), {})
    monkeypatch.setattr(shipped, "FILE", path)
    shipped.shipped.cache_clear()
    yield path
    shipped.shipped.cache_clear()


def test_it_is_read_once_and_knows_its_hash(file):
    model = shipped.shipped()
    assert model is shipped.shipped()
    assert model.sha256 == file.with_name("base1.safetensors.sha256").read_text().split()[0]


@pytest.mark.parametrize("name", ["base1.safetensors", "base1.safetensors.sha256"])
def test_without_one_of_its_files_it_is_not_used(file, name):
    file.with_name(name).unlink()
    with pytest.raises(FileError, match="install hifisyn again"):
        shipped.shipped()


def test_other_weights_than_the_hash_says_are_refused(file):
    text = file.with_name("base1.safetensors.sha256").read_text()
    weights.write(file, BaseNetwork(4), {"another": True})
    file.with_name("base1.safetensors.sha256").write_text(text)
    with pytest.raises(FileError, match="must have the hash"):
        shipped.shipped()


@pytest.mark.slow
def test_a_regular_installation_holds_the_weights(tmp_path):
    """Build as pip does, from a copy that has weights whether this checkout has them or not."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "hifisyn", source / "hifisyn", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("preprocessing", "postprocessing", "dataset_conversion"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    kept = source / "hifisyn" / "base" / "shipped"
    kept.mkdir(exist_ok=True)
    weights.write(kept / "base1.safetensors", BaseNetwork(4), {})
    words = [sys.executable, "setup.py", "-q", "build", "--build-base", str(tmp_path / "build")]
    subprocess.run(words, cwd=source, check=True, capture_output=True)
    (built,) = (tmp_path / "build").glob("lib*/hifisyn/base/shipped")
    held = {path.name for path in built.iterdir()}
    assert held == {"base1.safetensors", "base1.safetensors.sha256", "MODEL_CARD.md"}
