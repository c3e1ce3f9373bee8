"""Stock nnU-Net reads what converters write, if every case has a label map and all contrasts on one grid."""

import json
import os
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import folder, nnunet, open_ms, raw_folder, tcga_lgg
from hifisyn.dataset_conversion.folder import Layout
from tests.dataset_conversion import test_tcga_lgg
from tests.support import nnunet_tree
from tests.support.small_scans import write_label, write_scan

THREADS = SimpleNamespace(get_context=lambda kind: SimpleNamespace(Pool=ThreadPool))


@pytest.fixture
def stock(tmp_path, monkeypatch):
    """Return nnU-Net's check of a raw data set, in threads: new processes would import torch again each time."""
    for name in ("raw", "preprocessed", "results"):
        (tmp_path / f"nnUNet_{name}").mkdir()
        monkeypatch.setenv(f"nnUNet_{name}", str(tmp_path / f"nnUNet_{name}"))
    from nnunetv2.experiment_planning import verify_dataset_integrity as module

    monkeypatch.setattr(module, "multiprocessing", THREADS)
    return lambda raw: module.verify_dataset_integrity(str(raw), num_processes=2)


def open_ms_tree(root):
    for patient in ("patient07", "patient19"):
        for seed, word in enumerate(("T1", "T1POST", "T2", "FLAIR")):
            write_scan(
                root / patient / f"{word}_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz", seed=seed
            )
        write_label(root / patient / "GOLD_STANDARD_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI.nii.gz", [0, 0, 1])
    return open_ms.find([root])


def folder_tree(root):
    for subject in ("P01", "P02"):
        for seed, word in enumerate(("mprage", "flair")):
            write_scan(root / subject / f"{word}.nii", seed=seed)
        write_label(root / "seg" / f"{subject}.nii", [0, 3, 9, 40])
    layout = Layout(
        ("{subject}/{modality}",),
        names={"mprage": "T1"},
        labels="seg/{subject}",
        label_names={"CSF": 3, "oedema": 9, "core": 40},
    )
    return folder.find([root], layout)


def nnunet_tree_found(root):
    return nnunet.find(nnunet_tree.build(root, listed=True), channels={"ADC": ""})


def tcga_lgg_tree(root):
    return tcga_lgg.find([test_tcga_lgg.build(root)])


TREES = {"open_ms": open_ms_tree, "folder": folder_tree, "nnunet": nnunet_tree_found, "tcga_lgg": tcga_lgg_tree}


@pytest.mark.parametrize("place", ["copy", "refer"])
@pytest.mark.parametrize("kind", TREES)
def test_a_complete_raw_folder_passes_the_check_of_stock_nnunet(tmp_path, stock, capsys, kind, place):
    found = TREES[kind](tmp_path / "source")
    assert raw_folder.write(found, tmp_path / "raw", name="X", place=place).left_out == ()
    stock(tmp_path / "raw")
    said = capsys.readouterr().out
    assert "verify_dataset_integrity Done" in said
    assert "Warning" not in said
    assert "Error" not in said


def test_the_check_is_no_formality(tmp_path, stock):
    raw_folder.write(folder_tree(tmp_path / "source"), tmp_path / "raw", name="X")
    content = json.loads((tmp_path / "raw" / "dataset.json").read_text())
    label = tmp_path / "raw" / content["dataset"]["P01"]["label"]
    write_label(label, [0, 9])
    with pytest.raises(RuntimeError, match="unexpected labels"):
        stock(tmp_path / "raw")
    label.unlink()
    with pytest.raises(FileNotFoundError):
        stock(tmp_path / "raw")


def test_a_case_without_a_label_is_what_stock_nnunet_cannot_read(tmp_path, stock):
    found = tcga_lgg_tree(tmp_path / "source")
    (tmp_path / "source" / "train" / "TCGA_DU_A5TP_19970614" / "tumour_mask.nii.gz").unlink()
    raw_folder.write(found, tmp_path / "raw", name="X")
    with pytest.raises(KeyError, match="label"):
        stock(tmp_path / "raw")


def test_stock_nnunet_takes_a_fingerprint_of_it(tmp_path, stock, monkeypatch):
    from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor as module

    name = "Dataset501_GLIOMA"
    raw = tmp_path / "nnUNet_raw" / name
    raw_folder.write(tcga_lgg_tree(tmp_path / "source"), raw, name=name)
    (tmp_path / "nnUNet_preprocessed" / name).mkdir()
    monkeypatch.setattr(module, "multiprocessing", THREADS)
    extractor = module.DatasetFingerprintExtractor(name, num_processes=2)
    extractor.num_foreground_voxels_for_intensitystats = 1e4
    fingerprint = extractor.run()
    assert len(fingerprint["spacings"]) == len(Dataset.load(raw).cases)
    np.testing.assert_allclose(fingerprint["spacings"], [[7.5, 1, 1]] * 3)
    assert set(fingerprint["foreground_intensity_properties_per_channel"]) == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.real_data
def test_real_gliomas_pass_the_check(tmp_path, stock, capsys):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    raw_folder.write(tcga_lgg.find([Path(root) / "lgg"]), tmp_path / "raw", name="X", place="refer", limit=8)
    stock(tmp_path / "raw")
    said = capsys.readouterr().out
    assert "verify_dataset_integrity Done" in said
    assert "Error" not in said
