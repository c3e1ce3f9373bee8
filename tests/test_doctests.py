"""Every example in a docstring runs, in a folder such as a user has: data set, trained model and scans."""

import doctest
import logging
import os
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from hifisyn import paths
from hifisyn.volume import Volume
from tests.inference.test_predict import make_model, save_scan
from tests.support.training_toys import toy_dataset

PACKAGE = Path(__file__).parents[1] / "hifisyn"
ROOMS_AT_THE_ROOT = ("preprocessing", "postprocessing", "dataset_conversion")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    """Return the names of the modules that have examples."""
    files = [*PACKAGE.rglob("*.py"), *(f for room in ROOMS_AT_THE_ROOT for f in (PACKAGE / room).rglob("*.py"))]
    parts = {f.relative_to(PACKAGE.parent).with_suffix("").parts for f in files if ">>> " in f.read_text()}
    return sorted(".".join(p).removesuffix(".__init__") for p in parts)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with the data set IXI, raw and preprocessed, a model, a scan, and two folders to compare."""
    folder = tmp_path_factory.mktemp("home")
    made = toy_dataset(folder)
    for was, name in zip((made.raw, made.preprocessed), (paths.RAW, paths.PREPROCESSED), strict=True):
        (folder / name).mkdir()
        (was / "TOY").rename(folder / name / "IXI")
    for file in folder.rglob("*.json"):
        file.write_text(file.read_text().replace('"TOY"', '"IXI"'))
    make_model(folder / paths.RESULTS, "T1", "T2", dataset="IXI")
    save_scan(folder / "scans" / "P01_T1.nii.gz")
    synthetic = Volume.load(save_scan(folder / "synthetic" / "P01_T2.nii.gz"))
    synthetic.with_data(synthetic.data > 0).save(folder / "synthetic" / "P01_T2_brain.nii.gz")
    save_scan(folder / "real" / "P01_T2.nii.gz", seed=1)
    return folder


@pytest.mark.parametrize("name", modules())
def test_examples(name, home, monkeypatch, no_pictures):
    monkeypatch.chdir(home)
    monkeypatch.setattr(logging.getLogger("hifisyn"), "handlers", [])  # no command runs here
    for root in (paths.RAW, paths.PREPROCESSED, paths.RESULTS):
        monkeypatch.setenv(root, root)
    before = set(os.listdir())
    assert doctest.testmod(import_module(name), optionflags=OPTIONS).failed == 0
    for file in set(os.listdir()) - before:
        shutil.rmtree(file) if os.path.isdir(file) else os.remove(file)
