"""nnU-Net raw data sets: channels are contrasts, labels keep their names, imagesTs is held out."""

import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import nnunet, raw_folder
from hifisyn.errors import UserError
from tests.support.nnunet_tree import build
from tests.support.small_scans import values, write_scan

NO_ADC = {"ADC": ""}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_files_become_cases_and_labels_ours(tmp_path, listed, ending):
    source = build(tmp_path / "Dataset007_X", listed=listed, ending=ending)
    raw_folder.write(nnunet.find(source, channels=NO_ADC), tmp_path / "raw", name="X")
    dataset = Dataset.load(tmp_path / "raw")
    assert list(dataset.cases) == ["A_01", "A_02", "B_01"]
    assert list(dataset.test) == ([] if listed else ["C_01"])
    assert dataset.modalities == ("T1", "FLAIR")
    assert dataset.labels == {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
    assert (dataset.registered, dataset.skull_stripped, dataset.about) == (True, False, {"licence": "CC-BY"})
    case = dataset.cases["A_02"]
    original = source / (f"all/A_02/c1{ending}" if listed else f"imagesTr/A_02_0001{ending}")
    np.testing.assert_array_equal(values(case.images["FLAIR"]), values(original))
    given = values(source / (f"all/A_02/seg{ending}" if listed else f"labelsTr/A_02{ending}"))
    np.testing.assert_array_equal(values(case.label), np.select([given == 1, given == 2, given == 3], [4, 3, 2]))


def test_labels_that_have_our_values_are_taken_as_they_are(tmp_path):
    source = build(tmp_path / "in", labels={"background": 0, "CSF": 1, "GM": 2, "WM": 3})
    found = nnunet.find(source, channels=NO_ADC)
    assert found.write_label is None
    assert found.labels == {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


def test_channels_must_be_contrasts(tmp_path):
    source = build(tmp_path / "in")
    with pytest.raises(
        UserError, match=r"T1, T2, FLAIR, T1ce, PD, each once \(got the channel 'ADC' among T1w.*--channels ADC=T1"
    ):
        nnunet.find(source)
    with pytest.raises(UserError, match="two of T1"):
        nnunet.find(source, channels={"ADC": "T1"})
    assert set(nnunet.find(source, channels={"ADC": "PD", "T1w": "T1ce"}).cases[0].images) == {"T1ce", "FLAIR", "PD"}


def test_subjects_are_grouped_and_one_that_is_held_out_is_held_out_in_full(tmp_path):
    source = build(tmp_path / "in", test=("A_09",))
    found = nnunet.find(source, channels=NO_ADC, subject_pattern="^([A-Z])_")
    assert [case.subject for case in found.cases] == ["A", "A", "B", "A"]
    raw_folder.write(found, tmp_path / "raw", name="X")
    dataset = Dataset.load(tmp_path / "raw")
    assert (list(dataset.cases), sorted(dataset.test)) == (["B_01"], ["A_01", "A_02", "A_09"])
    assert [c.subject for c in nnunet.find(source, channels=NO_ADC, subject_pattern=r"\d+").cases[:2]] == ["01", "02"]
    for pattern in ("X", "(", "^(Q)?"):
        with pytest.raises(UserError, match="--subject-pattern"):
            nnunet.find(source, channels=NO_ADC, subject_pattern=pattern)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"background": 0, "whole": [1, 2], "core": [2]}, r"region whole=\[1, 2\].*--label-names"),
        ({"background": 0, "lesion": 1, "ignore": 2}, "ignore"),
        ({"lesion": 0}, "background"),
    ],
)
def test_labels_that_are_no_structures_are_refused_until_they_are_named(tmp_path, labels, says):
    source = build(tmp_path / "in", labels=labels)
    with pytest.raises(UserError, match=says):
        nnunet.find(source, channels=NO_ADC)
    found = nnunet.find(source, channels=NO_ADC, label_names={"oedema": 1, "core": 2, "necrosis": 3})
    assert list(found.labels)[4:] == ["oedema", "core", "necrosis"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"channel_names": None, "modality": {"0": "T1"}}, "nnUNetv2_convert_old_nnUNet_dataset"),
        ({"channel_names": {"a": "T1"}}, "channel_names"),
        ({"file_ending": ".png"}, r"'\.png'"),
        ({"dataset": {"A_01": {"images": ["all/A_01/c0.nii.gz"]}}}, "case A_01 must have 3 images"),
    ],
)
def test_descriptions_that_cannot_be_used_are_refused(tmp_path, changed, says):
    with pytest.raises(UserError, match=says):
        nnunet.find(build(tmp_path / "in", **changed), channels=NO_ADC)


def test_missing_and_strange_files(tmp_path):
    source = build(tmp_path / "in")
    (source / "imagesTr" / "A_01_0001.nii.gz").write_bytes(b"junk")
    (source / "labelsTr" / "B_01.nii.gz").unlink()
    write_scan(source / "imagesTr" / "A_01_0007.nii.gz")
    write_scan(source / "imagesTr" / "notes.nii.gz")
    write_scan(source / "imagesTs" / "A_02_0000.nii.gz")
    conversion = raw_folder.write(nnunet.find(source, channels=NO_ADC), tmp_path / "raw", name="X")
    assert [(i.case, i.file.name) for i in conversion.left_out] == [
        ("A_02", "A_02_0000.nii.gz"),
        ("A_01", "A_01_0001.nii.gz"),
    ]
    cases = conversion.dataset.cases
    assert (set(cases["A_01"].images), cases["B_01"].label) == ({"T1"}, None)
    with pytest.raises(UserError, match="does not exist"):
        nnunet.find(tmp_path / "missing")
    empty = build(tmp_path / "empty", cases=(), test=())
    with pytest.raises(UserError, match="CASE_0000"):
        nnunet.find(empty, channels=NO_ADC)


def test_a_listed_file_that_is_missing_costs_itself_alone(tmp_path):
    source = build(tmp_path / "in", listed=True)
    (source / "all" / "A_01" / "c0.nii.gz").unlink()
    (source / "all" / "A_02" / "seg.nii.gz").unlink()
    conversion = raw_folder.write(nnunet.find(source, channels=NO_ADC), tmp_path / "raw", name="X", place="refer")
    assert [(i.case, i.file.name) for i in conversion.left_out] == [("A_01", "c0.nii.gz"), ("A_02", "seg.nii.gz")]


def test_paths_with_variables_are_read_as_nnunet_does(tmp_path, monkeypatch):
    source = build(tmp_path / "in", listed=True)
    entry = {"images": [f"${{SCANS}}/A_01/c{channel}.nii.gz" for channel in range(3)]}
    build(tmp_path / "in", listed=True, dataset={"A_01": entry})
    monkeypatch.setenv("SCANS", str(source / "all"))
    (case,) = nnunet.find(source, channels=NO_ADC).cases[:1]
    assert case.images["T1"] == source / "all" / "A_01" / "c0.nii.gz"
    assert case.label is None


def test_from_the_command_line(tmp_path, capsys):
    source = build(tmp_path / "Dataset007_X")
    arguments = ["nnunet", str(source), "--raw", str(tmp_path / "raw"), "--name", "X", "--skull-stripped"]
    assert main(arguments) == 2
    assert "--channels" in capsys.readouterr().err
    assert main([*arguments, "--channels", "ADC=none", "T1w=T1ce", "--subject-pattern", "^[A-Z]", "--limit", "2"]) == 0
    assert "licence: CC-BY" in capsys.readouterr().out
    dataset = Dataset.load(tmp_path / "raw" / "X")
    assert (dataset.modalities, dataset.skull_stripped) == (("FLAIR", "T1ce"), True)
    assert {case.subject for case in dataset.all_cases.values()} == {"A", "B"}
    assert main(["nnunet", str(source), str(source), "--raw", str(tmp_path / "raw")]) == 2
