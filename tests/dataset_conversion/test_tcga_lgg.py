"""The gliomas of TCGA: visits named by patient and date, tumours after the tissues, val held out, licence said."""

import os
from pathlib import Path

import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import raw_folder, tcga_lgg
from hifisyn.errors import UserError
from hifisyn.volume import Volume
from tests.support.small_scans import values, write_label, write_scan

NOMINAL = np.array([[-1.0, 0, 0, 128], [0, -1, 0, 128], [0, 0, 7.5, -75], [0, 0, 0, 1]])


def build(root):
    """Write three visits of two patients to train on and one held out, on the source's kind of grid."""
    for folder in ("train/TCGA_CS_4941_19960909", "train/TCGA_CS_4941_19970101", "train/TCGA_DU_A5TP_19970614"):
        _visit(root / folder)
    _visit(root / "val" / "TCGA_HT_8113_19930809")
    return root


def _visit(folder):
    for seed, name in enumerate(("t1", "t1c", "flair")):
        write_scan(folder / f"{name}.nii.gz", shape=(8, 8, 4), affine=NOMINAL, seed=seed)
    write_label(folder / "tumour_mask.nii.gz", [0, 0, 1], shape=(8, 8, 4), affine=NOMINAL)


def test_visits_of_a_patient_stay_together_and_val_is_held_out(tmp_path):
    raw_folder.write(tcga_lgg.find([build(tmp_path / "in")]), tmp_path / "raw", name="X")
    dataset = Dataset.load(tmp_path / "raw")
    assert {name: case.subject for name, case in dataset.cases.items()} == {
        "TCGA_CS_4941_19960909": "TCGA_CS_4941",
        "TCGA_CS_4941_19970101": "TCGA_CS_4941",
        "TCGA_DU_A5TP_19970614": "TCGA_DU_A5TP",
    }
    assert list(dataset.test) == ["TCGA_HT_8113_19930809"]
    assert dataset.modalities == ("T1", "FLAIR", "T1ce")
    assert (dataset.skull_stripped, dataset.registered, dataset.bias_corrected) == (False, True, False)


def test_the_tumour_comes_after_the_tissues(tmp_path):
    source = build(tmp_path / "in")
    raw_folder.write(tcga_lgg.find([source]), tmp_path / "raw", name="X", place="refer")
    dataset = Dataset.load(tmp_path / "raw")
    assert dataset.lesions == {"tumour": 4}
    case = dataset.cases["TCGA_DU_A5TP_19970614"]
    given = values(source / "train" / case.name / "tumour_mask.nii.gz")
    np.testing.assert_array_equal(values(case.label), 4 * given)
    assert case.images["T1ce"] == source / "train" / case.name / "t1c.nii.gz"


def test_folders_of_patients_alone_and_users_spellings(tmp_path):
    found = tcga_lgg.find([build(tmp_path / "in") / "train"])
    assert len(found.cases) == 3
    assert not found.held_out
    raw_folder.write(found, tmp_path / "raw", name="X", subjects=["TCGA_CS_4941_19960909", "TCGA_DU_A5TP"], limit=1)
    assert len(Dataset.load(tmp_path / "raw").cases) == 2
    assert len(tcga_lgg.find([tmp_path / "in" / "val" / "TCGA_HT_8113_19930809"]).cases) == 1


def test_a_visit_may_lack_contrasts_and_the_mask(tmp_path):
    source = build(tmp_path / "in")
    for name in ("t1c", "tumour_mask"):
        (source / "train" / "TCGA_DU_A5TP_19970614" / f"{name}.nii.gz").unlink()
    cases = {case.name: case for case in tcga_lgg.find([source]).cases}
    assert set(cases["TCGA_DU_A5TP_19970614"].files) == {"T1", "FLAIR"}


def test_flair_in_the_place_of_a_missing_contrast_is_no_scan(tmp_path):
    folder = build(tmp_path / "in") / "train" / "TCGA_DU_A5TP_19970614"
    write_scan(folder / "t1c.nii.gz", shape=(8, 8, 4), affine=NOMINAL, seed=2)
    (tmp_path / "in" / "val" / "TCGA_HT_8113_19930809" / "t1.nii.gz").write_bytes(b"junk")
    found = tcga_lgg.find([tmp_path / "in"])
    cases = {case.name: set(case.images) for case in found.cases}
    assert cases.pop("TCGA_DU_A5TP_19970614") == {"T1", "FLAIR"}
    assert set(map(frozenset, cases.values())) == {frozenset({"T1", "FLAIR", "T1ce"})}
    assert [line.split(":")[0] for line in found.warnings] == ["TCGA_DU_A5TP_19970614"]


def test_the_command_says_the_licence(tmp_path, capsys):
    assert main(["tcga_lgg", str(build(tmp_path / "in")), "--raw", str(tmp_path / "raw")]) == 0
    assert "licence: CC BY-NC-SA 4.0" in capsys.readouterr().out
    assert "CC BY-NC-SA 4.0" in (tmp_path / "raw" / "TCGA_LGG" / "dataset.json").read_text()


def test_users_mistakes_are_named(tmp_path):
    with pytest.raises(UserError, match="check the path"):
        tcga_lgg.find([tmp_path / "missing"])
    with pytest.raises(UserError, match="holds train and val"):
        tcga_lgg.find([tmp_path])
    (tmp_path / "TCGA_CS_4941_19960909").mkdir()
    (tmp_path / "TCGA_CS_4941_19960909" / "TCGA_CS_4941_19960909_1.tif").write_bytes(b"")
    with pytest.raises(UserError, match="slices"):
        tcga_lgg.find([tmp_path])


@pytest.mark.slow
@pytest.mark.real_data
def test_all_real_patients_convert(tmp_path):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    conversion = raw_folder.write(tcga_lgg.find([Path(root) / "lgg"]), tmp_path / "raw", name="X", place="refer")
    assert conversion.left_out == ()
    dataset = Dataset.load(tmp_path / "raw")
    assert (len(dataset.cases), len(dataset.test)) == (28, 6)
    assert len({case.subject for case in dataset.all_cases.values()}) == 34
    for case in dataset.all_cases.values():
        assert set(case.images) == {"T1", "FLAIR", "T1ce"}
        assert case.label is not None
        label = Volume.load(case.label)
        assert set(np.unique(label.data)) == {0, 4}
        assert label.same_grid(Volume.load(case.images["T1"]))
