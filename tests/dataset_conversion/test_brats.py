"""BraTS of all years: releases distinguished, labels unified, patients recognised under all their names."""

import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import brats, brats_files, brats_names, brats_releases, raw_folder
from hifisyn.errors import UserError
from hifisyn.planning.rules import preprocessing
from hifisyn.plans import Plans, SlicePlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.dataset_steps import align_dataset, slice_dataset
from hifisyn.preprocessing.record import steps_of
from hifisyn.preprocessing.steps import Stage, Status
from hifisyn.preprocessing.verify import verify
from hifisyn.slices import SliceStore
from hifisyn.volume import Volume
from tests.support import brats_tree as tree
from tests.support.heads import truth

# Written down a second time, apart from the converter.
VALUES = {
    "background": 0,
    "CSF": 1,
    "GM": 2,
    "WM": 3,
    "necrosis": 4,
    "oedema": 5,
    "enhancing": 6,
    "resection_cavity": 7,
    "cyst": 8,
    "gross_tumour": 9,
}


def convert(found, folder, **options):
    conversion = raw_folder.write(found, folder, name="B", **options)
    return Dataset.load(folder), conversion.left_out


def expected(original, labels):
    wanted = np.zeros(original.shape, np.uint8)
    for value, structure in labels.items():
        wanted[original == value] = VALUES[structure]
    return wanted


def image(path):
    return nib.Nifti1Image.from_filename(path)


def label_of(source):
    (path,) = (path for path in source.rglob("*.nii.gz") if path.name[-10:-7] in ("seg", "gtv"))
    return path


@pytest.mark.parametrize("name", tree.RELEASES)
def test_each_release_is_recognised_and_its_labels_are_made_canonical(name, tmp_path):
    _, case, _, _, labels = tree.RELEASES[name]
    source = tree.release(tmp_path, name)
    dataset, left_out = convert(brats.find([source]), tmp_path / "B")
    assert left_out == ()
    assert (dataset.about["release"], dataset.labels) == (name, VALUES)
    assert list(dataset.cases) == [case]
    assert set(dataset.modalities) == ({"T1ce"} if name == "2024-MEN-RT" else set(tree.FOUR))
    written = image(dataset.cases[case].label)
    assert written.get_data_dtype() == np.uint8
    original = image(label_of(source)).get_fdata()
    np.testing.assert_array_equal(np.asarray(written.dataobj), expected(original, labels))
    scan = image(next(iter(dataset.cases[case].images.values())))
    np.testing.assert_array_equal(written.affine, scan.affine)
    assert nib.aff2axcodes(written.affine) == nib.aff2axcodes(tree.RELEASES[name][3][1])


def test_the_same_value_means_other_things_in_other_releases(tmp_path):
    sources = [tree.release(tmp_path, name) for name in ("2021", "2024-GLI", "2024-PED")]
    dataset, _ = convert(brats.find(sources, unlinked=True), tmp_path / "B")
    found = {}
    for name, source in zip(("2021", "2024-GLI", "2024-PED"), sources, strict=True):
        case = tree.RELEASES[name][1]
        four = image(label_of(source)).get_fdata() == 4
        found[name] = set(np.unique(image(dataset.cases[case].label).get_fdata()[four]).tolist())
    assert found == {
        "2021": {VALUES["enhancing"]},
        "2024-GLI": {VALUES["resection_cavity"]},
        "2024-PED": {VALUES["oedema"]},
    }


def test_the_user_reads_which_labels_were_understood(tmp_path):
    tree.release(tmp_path, "2023-MEN")
    source = tree.release(tmp_path, "2024-PED")
    tree.release(tmp_path, "2024-PED", case_name="BraTS-PED-00005-000")
    assert brats.find([tmp_path]).notes == [
        "release 2023-MEN: 1 cases, labels 1 necrosis, 2 oedema, 3 enhancing",
        "release 2024-PED: 2 cases, labels 1 enhancing, 2 necrosis, 3 cyst, 4 oedema",
    ]
    assert len(brats.find([source]).notes) == 1


def test_what_was_done_to_the_scans_is_said_of_each_case(tmp_path):
    dataset, _ = convert(brats.find([tree.release(tmp_path, "2020")]), tmp_path / "A")
    assert (dataset.skull_stripped, dataset.registered, dataset.bias_corrected) == (True, True, False)
    assert dataset.reference == "T1"
    sources = [tree.release(tmp_path, name) for name in ("2020", "2024-PED", "2024-MEN-RT")]
    dataset, _ = convert(brats.find(sources), tmp_path / "B")
    assert (dataset.skull_stripped, dataset.registered) == (False, True)
    done = {case.name: case.done for case in dataset.cases.values()}
    assert done == {
        "BraTS20_Training_001": ("skull_stripped",),
        "BraTS-PED-00001-000": (),
        "BraTS-MEN-RT-0002-1": (),
    }


def test_a_release_that_is_not_clear_has_to_be_named(tmp_path):
    tree.case(tmp_path / "my_brats2023" / "BraTS-PED-00007-000", tree.NEW, tree.blank([1, 2]))
    with pytest.raises(UserError, match="--release 2023-PED or 2024-PED"):
        brats.find([tmp_path / "my_brats2023"])
    labels = {}
    for release in ("2023-PED", "2024-PED"):
        found = brats.find([tmp_path / "my_brats2023"], releases=[release])
        dataset, _ = convert(found, tmp_path / release)
        labels[release] = Volume.load(dataset.cases["BraTS-PED-00007-000"].label).data.flat[0]
    assert labels == {"2023-PED": VALUES["necrosis"], "2024-PED": VALUES["enhancing"]}
    with pytest.raises(UserError, match="drop --release 2024-GLI"):
        brats.find([tmp_path / "my_brats2023"], releases=["2024-PED", "2024-GLI"])


@pytest.mark.parametrize(
    ("folder", "case"),
    [
        ("MICCAI-LH-BraTS2025-MET-Challenge-TrainingData", "BraTS-MET-00001-000"),
        ("BraTS2024-BraTS-GLI-TrainingData", "BraTS-GLI-00001-000"),
        ("ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData", "BraTS-GLI-00001-100"),
        ("data", "BraTS-PTG-00001-000"),
        ("data", "Brats17_CBICA_AAB_1"),
    ],
)
def test_unknown_or_contradicting_releases_are_refused(folder, case, tmp_path):
    tree.case(tmp_path / folder / case, tree.NEW, tree.blank([1]))
    with pytest.raises(UserError, match="the release of a case must be known"):
        brats.find([tmp_path])


def test_a_grid_that_contradicts_the_names_is_refused(tmp_path):
    shape, affine = tree.MNI152
    content = {what: np.zeros(shape, np.uint8) for what in (*tree.FOUR, "label")}, affine
    tree.case(tmp_path / "data" / "BraTS-GLI-00001-000", tree.NEW, content, without=("T1ce", "T2", "FLAIR", "label"))
    with pytest.raises(UserError, match=r"182x218x182.*--release 2023-GLI or 2024-GLI"):
        brats.find([tmp_path])
    (case,) = brats.find([tmp_path], releases=["2024-GLI"]).cases
    assert case.name == "BraTS-GLI-00001-000"


def test_a_value_that_the_release_does_not_know_costs_that_label_alone(tmp_path):
    source = tree.release(tmp_path, "2023-GLI")
    tree.case(source / "BraTS-GLI-00002-000", tree.NEW, tree.blank([1, 4]))
    tree.case(source / "BraTS-GLI-00003-000", tree.NEW, tree.blank([1, 2.5]))
    volumes, affine = tree.blank([1])
    volumes["label"] = volumes["label"] * np.float32(2.5)
    tree.case(source / "BraTS-GLI-00003-000", tree.NEW, (volumes, affine))
    dataset, left_out = convert(brats.find([source]), tmp_path / "B")
    assert [(item.case, item.file.name) for item in left_out] == [
        ("BraTS-GLI-00002-000", "BraTS-GLI-00002-000-seg.nii.gz"),
        ("BraTS-GLI-00003-000", "BraTS-GLI-00003-000-seg.nii.gz"),
    ]
    assert "2023-GLI" in left_out[0].reason
    assert "(got 4 too)" in left_out[0].reason
    assert "whole numbers as labels (got 3 voxels such as 2.5)" in left_out[1].reason
    assert {name: case.label is not None for name, case in dataset.cases.items()} == {
        "BraTS-GLI-00000-000": True,
        "BraTS-GLI-00002-000": False,
        "BraTS-GLI-00003-000": False,
    }
    assert all(len(case.images) == 4 for case in dataset.cases.values())


@pytest.mark.parametrize(
    ("name", "value"), [("2021", 3), ("2018", 3), ("2024-MET", 4), ("2024-GoAT", 4), ("2024-MEN-RT", 2)]
)
def test_no_release_knows_the_values_of_another(name, value, tmp_path):
    folder, case, style, space, _ = tree.RELEASES[name]
    tree.case(tmp_path / folder / case, style, tree.blank([value], space))
    dataset, (item,) = convert(brats.find([tmp_path]), tmp_path / "B")
    assert f"(got {value} too)" in item.reason
    assert dataset.cases[case].label is None


def test_quirks_of_files_and_folders(tmp_path):
    nested = tmp_path / "BraTS2020_TrainingData" / "MICCAI_BraTS2020_TrainingData"
    folder = tree.case(nested / "BraTS20_Training_355", tree.OLD, tree.blank([1, 2, 4]), ending=".nii")
    (folder / "BraTS20_Training_355_seg.nii").rename(folder / "W39_1998.09.19_Segm.nii")
    (folder / "._BraTS20_Training_355_t1.nii").write_bytes(b"mac")
    plain = tree.case(tmp_path / "training" / "BraTS2021_00007", tree.OLD, tree.blank([1, 2, 4]), ending=".nii")
    odd = plain / "BraTS2021_00007_t1.nii"
    odd.rename(plain / "file")
    odd.mkdir()
    (plain / "file").rename(odd / "00000057_brain_t1.nii")
    (plain / "BraTS2021_00007_seg_preview.png").write_bytes(b"")
    dataset, left_out = convert(brats.find([tmp_path], unlinked=True), tmp_path / "B")
    assert left_out == ()
    for case in dataset.cases.values():
        assert set(case.images) == set(tree.FOUR)
        assert np.unique(Volume.load(case.label).data).tolist() == [0, 4, 5, 6]
    assert list(dataset.cases) == ["BraTS2021_00007", "BraTS20_Training_355"]


def test_a_missing_contrast_is_a_fact_and_so_is_a_missing_label(tmp_path):
    source = tree.release(tmp_path, "2023-GLI", without=("T1",))
    tree.case(source / "BraTS-GLI-00001-000", tree.NEW, tree.blank([1]), without=("FLAIR", "label"))
    found = brats.find([source])
    assert found.left_out == ()
    by_name = {case.name: case for case in found.cases}
    assert set(by_name["BraTS-GLI-00000-000"].images) == {"T1ce", "T2", "FLAIR"}
    assert set(by_name["BraTS-GLI-00001-000"].images) == {"T1", "T1ce", "T2"}
    assert by_name["BraTS-GLI-00001-000"].label is None


def test_scans_with_holes_are_no_scans(tmp_path):
    folder = tmp_path / "ASNR-MICCAI-BraTS2023-Local-Synthesis-Challenge-Validation" / "BraTS-GLI-00001-000"
    for what in ("t1n-voided", "mask"):
        tree.write(folder / f"BraTS-GLI-00001-000-{what}.nii.gz", *tree.shrunk(tree.SRI24, 24)[1:] * 2)
    training = tree.release(tmp_path, "2023-GLI", without=("label", "T2"))
    for what in ("t1n-voided", "mask", "mask-healthy", "mask-unhealthy"):
        shutil.copy(
            training / "BraTS-GLI-00000-000" / "BraTS-GLI-00000-000-t1n.nii.gz",
            training / "BraTS-GLI-00000-000" / f"BraTS-GLI-00000-000-{what}.nii.gz",
        )
    found = brats.find([tmp_path])
    (case,) = found.cases
    assert (case.name, case.label) == ("BraTS-GLI-00000-000", None)
    assert case.images["T1"].name == "BraTS-GLI-00000-000-t1n.nii.gz"
    (item,) = found.left_out
    assert item.case == "BraTS-GLI-00001-000"
    assert "must have a scan" in item.reason


def test_visits_are_cases_of_one_subject_and_the_last_digit_of_2018_is_none(tmp_path):
    source = tree.release(tmp_path, "2023-GLI")
    tree.case(source / "BraTS-GLI-00000-001", tree.NEW, tree.blank([1]))
    tree.release(tmp_path, "2024-GLI", case_name="BraTS-GLI-00000-100")
    tree.release(tmp_path, "2024-MET")
    tree.release(tmp_path, "2024-MET", case_name="BraTS-MET-00559-000")
    assert {case.name: case.subject for case in brats.find([tmp_path]).cases} == {
        "BraTS-GLI-00000-000": "BraTS-GLI-00000",
        "BraTS-GLI-00000-001": "BraTS-GLI-00000",
        "BraTS-GLI-00000-100": "BraTS-GLI-00000",
        "BraTS-MET-00559-000": "BraTS-MET-00559",
        "BraTS-MET-00559-003": "BraTS-MET-00559",
    }
    source = tree.release(tmp_path / "old", "2018", case_name="Brats18_TCIA01_131_1")
    tree.release(tmp_path / "old", "2018", case_name="Brats18_TCIA01_147_1")
    assert len({case.subject for case in brats.find([source]).cases}) == 2


def test_a_patient_of_several_years_is_one_subject_and_a_scan_comes_once(tmp_path):
    for name in ("Brats18_CBICA_AAB_1", "Brats18_CBICA_ZZZ_1"):
        tree.release(tmp_path, "2018", case_name=name)
    tree.release(tmp_path, "2019", case_name="BraTS19_CBICA_AAB_1")
    tree.release(tmp_path, "2020", case_name="BraTS20_Training_012")
    tree.release(tmp_path, "2020", case_name="BraTS20_Validation_003", without=("label",))
    tree.release(tmp_path, "2019", case_name="BraTS19_TCIA10_109_1")
    tree.name_map(
        tmp_path / "BraTS2020_TrainingData" / "name_mapping.csv",
        tree.MAP_2020,
        "HGG,Brats17_CBICA_AAB_1,Brats18_CBICA_AAB_1,NA,BraTS19_CBICA_AAB_1,BraTS20_Training_012",
        "LGG,NA,NA,TCGA-CS-4944,BraTS19_TCIA10_109_1,BraTS20_Validation_003",
        "HGG,NA,NA,NA,NA,BraTS20_Training_050",
        encoding="utf-8-sig",
    )
    dataset, left_out = convert(brats.find([tmp_path]), tmp_path / "B", test=["Brats18_CBICA_AAB_1"])
    assert {case.name: case.subject for case in dataset.all_cases.values()} == {
        "Brats18_CBICA_ZZZ_1": "Brats18_CBICA_ZZZ_1",
        "BraTS19_TCIA10_109_1": "BraTS19_TCIA10_109_1",  # it has a label map, the copy of 2020 has none
        "BraTS20_Training_012": "BraTS20_Training_012",
    }
    assert list(dataset.test) == ["BraTS20_Training_012"]
    assert {item.case: item.reason.split(" in ")[0] for item in left_out} == {
        "Brats18_CBICA_AAB_1": "the same scan as BraTS20_Training_012 of 2020",
        "BraTS19_CBICA_AAB_1": "the same scan as BraTS20_Training_012 of 2020",
        "BraTS20_Validation_003": "the same scan as BraTS19_TCIA10_109_1 of 2019",
    }
    rows = (tmp_path / "B" / "participants.tsv").read_text().splitlines()
    assert rows[0] == "participant_id\trelease\tgrade\tsite\tnames"
    assert (
        "BraTS20_Training_012\t2020\tHGG\tn/a\t"
        "BraTS20_Training_012,Brats17_CBICA_AAB_1,Brats18_CBICA_AAB_1,BraTS19_CBICA_AAB_1" in rows
    )
    assert "Brats18_CBICA_ZZZ_1\t2018\tHGG\tCBICA\tBrats18_CBICA_ZZZ_1" in rows
    assert "BraTS19_TCIA10_109_1\t2019\tLGG\tTCIA10\tBraTS19_TCIA10_109_1,BraTS20_Validation_003" in rows


def test_patients_meet_over_maps_of_several_years_and_over_tcia(tmp_path):
    tree.release(tmp_path, "2018", case_name="Brats18_2013_2_1")
    tree.release(tmp_path, "2021", case_name="BraTS2021_00012", without=("label",))
    tree.release(tmp_path, "2021", case_name="BraTS2021_00013")
    tree.release(tmp_path, "2021", case_name="BraTS2021_00014")
    tree.release(tmp_path, "2024-GLI", case_name="BraTS-GLI-00012-101")
    tree.name_map(
        tmp_path / "BraTS21-17_Mapping.csv",
        tree.MAP_2021,
        "BraTS2021_00012,BraTS20_Training_300,NA,Brats18_2013_2_1,NA,NA,3,x",
        "BraTS2021_00013,NA,NA,NA,NA,TCGA-GBM,6,TCGA-06-0138",
        "BraTS2021_00014,NA,NA,NA,NA,TCGA-GBM,6,TCGA-06-0138",
        separator=";",
        encoding="utf-8-sig",
    )
    tree.name_map(tmp_path / "elsewhere.csv", tree.MAP_2023, "BraTS-GLI-00012-000,BraTS2021_00012,NA,NA,NA,NA,NA,3,x")
    with pytest.raises(UserError, match=r"2018 and 2024-GLI share patients.*--name-map"):
        brats.find([tmp_path])
    found = brats.find([tmp_path], name_maps=[tmp_path / "elsewhere.csv"])
    assert {case.name: case.subject for case in found.cases} == {
        "BraTS-GLI-00012-101": "BraTS-GLI-00012",
        "Brats18_2013_2_1": "BraTS-GLI-00012",  # labelled, unlike the same scan of 2021
        "BraTS2021_00013": "BraTS2021_00013",
        "BraTS2021_00014": "BraTS2021_00013",
    }
    assert [item.case for item in found.left_out] == ["BraTS2021_00012"]
    assert found.subject_of("brats20_training_300") == "BraTS-GLI-00012"
    assert found.subject_of("nobody") == "nobody"
    sites = {row["participant_id"]: row["site"] for row in found.participants}
    assert sites == {"BraTS-GLI-00012": "2013,3", "BraTS2021_00013": "6"}


def test_years_are_not_mixed_blindly(tmp_path):
    tree.release(tmp_path, "2018")
    source = tree.release(tmp_path, "2021")
    with pytest.raises(UserError, match=r"2018 and 2021 share patients.*--unlinked"):
        brats.find([tmp_path])
    (source / "BraTS21-17_Mapping.xlsx").write_bytes(b"a spreadsheet")
    with pytest.raises(UserError, match=r"save BraTS21-17_Mapping.xlsx as .csv"):
        brats.find([tmp_path])
    with pytest.raises(UserError, match=r"\(got a spreadsheet\)"):
        brats.find([tmp_path], name_maps=[source / "BraTS21-17_Mapping.xlsx"])
    with pytest.raises(UserError, match="must hold names such as BraTS20_Training_001"):
        brats.find([tmp_path], name_maps=[tree.name_map(tmp_path / "ages.csv", "id,age", "a,3")])
    tree.name_map(source / "label_mapping.csv", "value,structure", "1,core")
    (warning,) = brats.find([tmp_path], unlinked=True).warnings
    assert "2018 and 2021 share patients" in warning
    assert brats.find([source]).warnings == ()
    goat = tree.release(tmp_path / "other", "2024-GoAT")
    with pytest.raises(UserError, match="2024-GoAT and 2024-MET share patients"):
        brats.find([goat, tree.release(tmp_path / "other", "2024-MET")])
    others = [tree.release(tmp_path / "third", name) for name in ("2023-MEN", "2024-MET", "2023-SSA", "2021")]
    assert len(brats.find(others).cases) == 4


def test_copies_of_a_case_come_once_and_corrected_ones_first(tmp_path):
    name = "BraTS-MET-00001-000"
    for folder in ("TrainingData_2", "TrainingData_2-fixed-cases", "zz_copy"):
        tree.case(tmp_path / "MICCAI-BraTS2024-MET-Challenge" / folder / name, tree.NEW, tree.blank([1]))
    shutil.copytree(tmp_path, tmp_path / "ASNR-MICCAI-BraTS2023-MET-Challenge-TrainingData", dirs_exist_ok=True)
    found = brats.find([tmp_path])
    (case,) = found.cases
    assert case.label is not None
    assert case.label.parts[-3] == "TrainingData_2-fixed-cases"
    assert len(found.left_out) == len(list(tmp_path.rglob("*-seg.nii.gz"))) - 1
    (tmp_path / "twice").mkdir()
    tree.release(tmp_path / "twice", "2021", ending=".nii")
    source = tree.release(tmp_path / "twice", "2021")
    assert len(brats.find([source]).left_out) == 5


def test_a_release_is_read_from_its_archive(tmp_path):
    source = tree.release(tmp_path / "a", "2019")
    tree.name_map(source.parent / "name_mapping.csv", tree.MAP_2020, "LGG,NA,NA,NA,BraTS19_TCIA10_109_1,NA")
    archive = Path(shutil.make_archive(str(tmp_path / "MICCAI_BraTS_2019"), "zip", tmp_path / "a"))
    dataset, left_out = convert(brats.find([archive]), tmp_path / "B")
    unpacked, _ = convert(brats.find([source]), tmp_path / "C")
    assert left_out == ()
    for what, path in dataset.cases["BraTS19_TCIA10_109_1"].files.items():
        other = unpacked.cases["BraTS19_TCIA10_109_1"].files[what]
        np.testing.assert_array_equal(Volume.load(path).data, Volume.load(other).data)
    assert "\tLGG\tTCIA10\t" in (tmp_path / "B" / "participants.tsv").read_text()


def test_label_maps_lie_where_the_scans_lie(tmp_path):
    source = tree.release(tmp_path, "2021")
    labels = {}
    volumes, affine = tree.blank([1, 2, 4])
    flipped = affine @ np.array([[-1, 0, 0, volumes["T1"].shape[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    lost = affine.copy()
    lost[:3, 3] = 0
    turned = {
        "BraTS2021_00001": (volumes["label"][::-1], flipped),  # the same place, other order of voxels
        "BraTS2021_00002": (volumes["label"], lost),
        "BraTS2021_00003": (volumes["label"], np.diag([24.0, 24, 24, 1])),  # nobody can tell
        "BraTS2021_00004": (volumes["label"][:-1], affine),
    }
    for name, (data, place) in turned.items():
        folder = tree.case(source / name, tree.OLD, (volumes, affine), without=("label",))
        tree.write(folder / f"{name}_seg.nii.gz", data, place)
    dataset, left_out = convert(brats.find([source]), tmp_path / "B")
    assert [item.case for item in left_out] == ["BraTS2021_00003", "BraTS2021_00004"]
    assert all("on the grid of the scans" in item.reason for item in left_out)
    for name in ("BraTS2021_00000", "BraTS2021_00001", "BraTS2021_00002"):
        label = Volume.load(dataset.cases[name].label)
        np.testing.assert_array_equal(label.data, expected(volumes["label"], tree.UP_TO_2021))
        np.testing.assert_array_equal(label.affine, affine)
        labels[name] = label
    assert all(label.same_grid(labels["BraTS2021_00000"]) for label in labels.values())


def test_nothing_found_is_said(tmp_path):
    (tmp_path / "imagesTr").mkdir()
    tree.write(tmp_path / "imagesTr" / "BRATS_001.nii.gz", np.zeros((3, 3, 3, 4), np.float32), np.eye(4))
    with pytest.raises(UserError, match="four contrasts"):
        brats.find([tmp_path])
    with pytest.raises(UserError, match=r"must be a folder or a .zip of BraTS cases; fix the path"):
        brats.find([tmp_path / "missing"])


def test_names_are_read_in_any_spelling():
    name = brats_names.parse_case(" brats-goat-00012 ")
    assert name is not None
    assert (name.family, name.patient, name.visit) == ("GoAT", "brats-goat-00012", 0)
    assert brats_names.parse_case("BraTS-GLI-00000-000-t1n") is None
    parsed = brats_names.parse_file(Path("x/brats21/bratS2021_00001_T1CE.NII.gz"))
    assert parsed is not None
    assert (parsed[0].key, parsed[1]) == ("brats2021_00001", "T1ce")
    assert set(brats_releases.BY_NAME) == set(tree.RELEASES)


def test_cases_are_gathered_in_one_pass(monkeypatch):
    asked = []
    original = brats_files.recognise

    def counted(*words):
        asked.append(words)
        return original(*words)

    monkeypatch.setattr(brats_files, "recognise", counted)
    files = [Path(f"t/BraTS2021_{n:05d}/BraTS2021_{n:05d}_{what}.nii.gz") for n in range(3000) for what in ("t1", "t2")]
    copies, _ = brats_files.gather(files)
    assert (len(copies), len(asked)) == (3000, 3000)


def plans_for(dataset, settings):
    return Plans(
        dataset="B",
        modalities=dataset.modalities,
        labels=dataset.labels,
        slices=SlicePlan(size=48, crop=40, pixel_mm=5.0, per_case=9),
        preprocessing=settings,
    )


@pytest.mark.slow
def test_the_whole_way_to_slices(tmp_path):
    """Tissues are found around the tumour, which stays where it was drawn, and nothing is registered."""
    contents = {}
    for seed, (name, case, without) in enumerate(
        [
            ("2021", "BraTS2021_00000", ()),
            ("2023-GLI", "BraTS-GLI-00077-000", ("T1",)),
            ("2024-GLI", "BraTS-GLI-00077-100", ()),
            ("2024-GLI", "BraTS-GLI-00078-100", ("label",)),
        ]
    ):
        folder, _, style, space, labels = tree.RELEASES[name]
        content = tree.head([] if without == ("label",) else list(labels), space, seed=seed)
        tree.case(tmp_path / "source" / folder / case, style, content, without=without)
        contents[case] = content, labels
    tree.name_map(
        tmp_path / "source" / "BraTS2023_2017_GLI_Mapping.csv",
        tree.MAP_2023,
        "BraTS-GLI-00001-000,BraTS2021_00000,NA,NA,NA,NA,NA,3,x",
    )
    arguments = ["brats", str(tmp_path / "source"), "--name", "B", "--raw", str(tmp_path)]
    assert main([*arguments, "--test", "BraTS2021_00000"]) == 0
    dataset = Dataset.load(tmp_path / "B")
    assert {case.subject for case in dataset.all_cases.values()} == {
        "BraTS2021_00000",
        "BraTS-GLI-00077",
        "BraTS-GLI-00078",
    }
    assert [f for f in verify(dataset) if f.severity == "error"] == []
    settings = preprocessing(dataset, {"bias": "never", "tissue": "atropos"}).value
    assert (settings.skull_strip, settings.registration, settings.reference) == ("none", "none", "T1")
    aligned, slices = AlignedStore(tmp_path / "aligned"), SliceStore(tmp_path / "plans_2d")
    assert align_dataset(dataset, aligned.folder, settings, processes=0) == []
    assert slice_dataset(dataset, aligned, slices, plans_for(dataset, settings), processes=0) == []
    for case, ((volumes, affine), labels) in contents.items():
        label, brain = aligned.label(case), aligned.brain(case)
        original = Volume(expected(volumes["label"], labels), affine).canonical()
        lesion = original.data > 0
        np.testing.assert_array_equal(label.data[lesion], original.data[lesion])
        assert set(np.unique(label.data[~lesion])) == {0, 1, 2, 3}
        np.testing.assert_array_equal(label.data > 0, brain.data > 0)
        true = truth(original, tree.middle(volumes["T1"].shape, affine))
        compared = (true > 0) & (label.data > 0) & ~lesion
        assert (label.data == true)[compared].mean() > 0.85
        record = aligned.record(case)
        assert str(steps_of(record)[Stage.REGISTRATION]) == "none: switched off"
        assert steps_of(record)[Stage.SKULL_STRIP].status in (Status.DONE_BEFORE, Status.SEEN_DONE)
        np.testing.assert_array_equal(label.affine, original.affine)
        assert record["reference"] == ("T2" if case == "BraTS-GLI-00077-000" else "T1")
        shown = set(np.unique(slices.label(case)).tolist())
        assert shown == {*np.unique(label.data).tolist()}


@pytest.mark.slow
@pytest.mark.real_data
def test_a_real_stripped_scan_goes_the_whole_way(tmp_path):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    patient = Path(root) / "ms_mni" / "patient07"
    case = tmp_path / "BraTS2024-BraTS-GLI-TrainingData" / "training_data1_v2" / "BraTS-GLI-00007-100"
    case.mkdir(parents=True)
    names = {"T1": "t1n", "T1POST": "t1c", "T2": "t2w", "FLAIR": "t2f", "GOLD_STANDARD": "seg"}
    for theirs, ours in names.items():
        every_other = image(patient / f"{theirs}.nii.gz").slicer[::2, ::2, ::2]
        nib.save(every_other, case / f"{case.name}-{ours}.nii.gz")
    dataset, left_out = convert(brats.find([tmp_path]), tmp_path / "B")
    assert left_out == ()
    assert dataset.about["release"] == "2024-GLI"
    drawn = Volume.load(case / f"{case.name}-seg.nii.gz", constant=True).canonical()
    settings = preprocessing(dataset, {"bias": "never", "tissue": "atropos"}).value
    store = AlignedStore(tmp_path / "aligned")
    assert align_dataset(dataset, store.folder, settings, processes=0) == []
    label = store.label(case.name)
    np.testing.assert_array_equal(label.data == VALUES["necrosis"], drawn.data == 1)
    assert set(np.unique(label.data).tolist()) == {0, 1, 2, 3, 4}
