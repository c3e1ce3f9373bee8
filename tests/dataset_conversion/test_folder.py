"""Any folder: patterns say who and what, spellings are understood, and what is wrong is said with what to type."""

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import folder, raw_folder
from hifisyn.dataset_conversion.contrasts import WORDS, contrast, parse_names
from hifisyn.dataset_conversion.folder import Layout
from hifisyn.dataset_conversion.label_names import parse_label_names, renumber
from hifisyn.dataset_conversion.patterns import compiled, files_below
from hifisyn.errors import UserError
from tests.support.small_scans import values, write_label, write_scan


def found(root, *patterns, **layout):
    return folder.find([root], Layout(patterns, **layout))


def names(result, root):
    """Return subject, then file below the root, of each case and contrast."""
    return {
        case.name: (case.subject, {m: path.relative_to(root).as_posix() for m, path in sorted(case.images.items())})
        for case in result.cases
    }


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        ("{subject}_{modality}.nii.gz", "P_01_t1.nii.gz", ("P_01", None, "t1")),
        ("{subject}_{modality}", "P01_T2_FLAIR.nii", ("P01", None, "T2_FLAIR")),
        ("{subject}_{modality}", "P01_T1-post.nii", ("P01", None, "T1-post")),
        ("{subject}/{session}/{modality}.nii", "P 1/v.2/FLAIR.nii", ("P 1", "v.2", "FLAIR")),
        ("*/{subject}-{modality}.nii.gz", "site/P-1-t1ce.nii.gz", ("P-1", None, "t1ce")),
        ("{subject}/**/{modality}", "P/a/b/T1.nii.gz", ("P", None, "T1")),
        ("{subject}/**/{modality}", "P/T1.nii.gz", ("P", None, "T1")),
        ("{subject}/{subject}_{modality}_x*.nii.gz", "P/P_T1_x12.nii.gz", ("P", None, "T1")),
        ("{subject}(1+1).{modality}.nii.gz", "P(1+1).T1.nii.gz", ("P", None, "T1")),
    ],
)
def test_patterns_read_paths(pattern, path, fields):
    match = compiled(pattern, words=WORDS).fullmatch(path)
    assert match is not None
    said = match.groupdict()
    assert (said["subject"], said.get("session"), said["modality"]) == fields


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{subject}_{modality}.nii.gz", "site/P_T1.nii.gz"),
        ("{subject}_{modality}.nii.gz", "P_T1.nii"),
        ("{subject}_{modality}", "P_T1_brain.nii.gz"),
        ("{subject}_{modality}", "P_swi.nii.gz"),
        ("{subject}/{subject}_{modality}", "P/Q_T1.nii.gz"),
        ("{subject}.{modality}.nii", "PxT1.nii"),
        ("x*/{subject}_{modality}", "x/y/P_T1.nii"),
    ],
)
def test_patterns_take_nothing_else(pattern, path):
    assert compiled(pattern, words=WORDS).fullmatch(path) is None


@pytest.mark.parametrize(
    "pattern", ["{subject}.nii", "{modality}", "{who}_{modality}", "/abs/{subject}_{modality}", "{subject_{modality}"]
)
def test_patterns_that_cannot_work_are_refused(pattern):
    with pytest.raises(UserError, match="a pattern must be a path below SOURCE"):
        compiled(pattern)


def test_spellings_of_contrasts():
    known = {"T1": "t1 T1w T1N", "T2": "T2 t2W", "FLAIR": "flair T2f T2-FLAIR", "T1ce": "t1c t1ce T1Gd t1_post"}
    for modality, words in (known | {"PD": "pd PDw"}).items():
        assert {contrast(word) for word in words.split()} == {modality}
    assert contrast("mprage") is None
    assert contrast("MP-RAGE", parse_names(["mprage=t1"])) == "T1"
    assert contrast("t1", parse_names(["T1=T1ce"])) == "T1ce"
    for wrong in ("mprage", "mprage=T7", "=T1"):
        with pytest.raises(UserError, match="mprage=T1"):
            parse_names([wrong])


def test_without_a_pattern_names_are_guessed_and_the_guess_is_said(tmp_path):
    for name in ("a/P01_T1w.nii.gz", "a/P01_flair.nii", "b/P02_t1.nii.gz", "b/P02_dwi.nii.gz", "b/._P03_T1.nii.gz"):
        write_scan(tmp_path / name)
    result = found(tmp_path)
    assert names(result, tmp_path) == {
        "P01": ("P01", {"FLAIR": "a/P01_flair.nii", "T1": "a/P01_T1w.nii.gz"}),
        "P02": ("P02", {"T1": "b/P02_t1.nii.gz"}),
    }
    assert result.left_out == ()
    said = "\n".join(result.notes)
    assert "took 3 files" in said
    assert "a/P01_T1w.nii.gz: subject P01, T1" in said
    assert "dwi (1)" in said


def test_a_folder_a_subject_is_guessed_too(tmp_path):
    for name in ("P01/t1.nii.gz", "P01/T2_FLAIR.nii", "P02/t1.nii.gz"):
        write_scan(tmp_path / name)
    assert names(found(tmp_path), tmp_path)["P01"] == ("P01", {"FLAIR": "P01/T2_FLAIR.nii", "T1": "P01/t1.nii.gz"})


def test_a_guess_that_mixes_subjects_is_refused(tmp_path):
    for name in ("P01/v1_T1.nii.gz", "P02/v1_T1.nii.gz"):
        write_scan(tmp_path / name)
    with pytest.raises(UserError, match=r"--pattern '\{subject\}/\{session\}_\{modality\}"):
        found(tmp_path)
    result = found(tmp_path, "{subject}/{session}_{modality}")
    assert {case.name: case.subject for case in result.cases} == {"P01_v1": "P01", "P02_v1": "P02"}


def test_visits_stay_with_their_subject_and_names_never_collide(tmp_path):
    for name in ("a/b_c/T1.nii", "a/d/T1.nii", "a_b/e/T1.nii"):
        write_scan(tmp_path / name)
    result = found(tmp_path, "{subject}/{session}/{modality}")
    assert {case.name: case.subject for case in result.cases} == {"a_b_c": "a", "a_d": "a", "a_b_e": "a_b"}
    write_scan(tmp_path / "a_b" / "c" / "T2.nii")
    with pytest.raises(UserError, match="a_b_c"):
        found(tmp_path, "{subject}/{session}/{modality}")


def test_several_patterns_and_own_names(tmp_path):
    write_scan(tmp_path / "t1" / "P-mprage.nii.gz")
    write_scan(tmp_path / "other" / "P" / "TSE.nii.gz")
    result = found(
        tmp_path, "t1/{subject}-{modality}", "other/{subject}/{modality}", names={"mprage": "T1", "tse": "T2"}
    )
    assert names(result, tmp_path) == {"P": ("P", {"T1": "t1/P-mprage.nii.gz", "T2": "other/P/TSE.nii.gz"})}


def test_nothing_found_shows_what_is_there_and_what_to_type(tmp_path):
    with pytest.raises(UserError, match="no NIfTI file"):
        found(tmp_path)
    with pytest.raises(UserError, match="check the path"):
        found(tmp_path / "missing")
    write_scan(tmp_path / "x" / "y" / "mprage.nii")
    with pytest.raises(UserError, match=r"\(got x/y/mprage.nii\); .*--pattern '.*--contrast mprage=T1"):
        found(tmp_path)
    with pytest.raises(UserError, match=r"known contrast.*mprage \(1\)"):
        found(tmp_path, "*/{subject}/{modality}")


def test_a_second_file_for_a_contrast_is_left_out(tmp_path):
    write_scan(tmp_path / "P_T1.nii")
    write_scan(tmp_path / "P_T1w.nii")
    (item,) = found(tmp_path, "{subject}_{modality}").left_out
    assert (item.case, item.file.name) == ("P", "P_T1w.nii")


def test_what_was_synthesised_is_no_scan(tmp_path):
    for name in ("P_T1.nii.gz", "P_T2.nii.gz", "Q_T1.nii.gz"):
        write_scan(tmp_path / name)
    (tmp_path / "P_T2.json").write_text(json.dumps({"Synthetic": True}))
    (tmp_path / "Q_T1.json").write_text(json.dumps({"Synthetic": False, "EchoTime": 0.1}))
    result = found(tmp_path)
    assert {case.name: set(case.images) for case in result.cases} == {"P": {"T1"}, "Q": {"T1"}}
    assert "passed over 1 synthetic images" in result.notes


def test_archives_are_read_where_they_lie(tmp_path):
    scan = write_scan(tmp_path / "scan.nii.gz")
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "scans.zip", "w") as archive:
        for name in ("P01_T1.nii.gz", "P02_T1.nii.gz", "P02_T2.nii.gz"):
            archive.write(scan, f"all/{name}")
        archive.writestr("all/P02_T2.json", '{"Synthetic": true}')
    for source in (tmp_path / "in", tmp_path / "in" / "scans.zip"):
        result = folder.find([source], Layout())
        assert {case.name: set(case.images) for case in result.cases} == {"P01": {"T1"}, "P02": {"T1"}}
    raw_folder.write(result, tmp_path / "raw", name="X")
    np.testing.assert_array_equal(values(tmp_path / "raw" / "imagesTr" / "P02_T1.nii.gz"), values(scan))


def test_links_in_a_circle_end(tmp_path):
    write_scan(tmp_path / "a" / "P_T1.nii")
    (tmp_path / "a" / "self").symlink_to(tmp_path)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "a")
    assert [where for where, _ in files_below(tmp_path)] == ["a/P_T1.nii", "elsewhere/P_T1.nii"]


@pytest.fixture
def labelled(tmp_path):
    for subject in ("P01", "P02"):
        write_scan(tmp_path / "in" / subject / "flair.nii.gz")
        write_scan(tmp_path / "in" / subject / "t1.nii.gz")
        write_label(tmp_path / "in" / "lesions" / f"{subject}.nii.gz", [0, 7, 7, 2])
        write_label(tmp_path / "in" / "masks" / f"{subject}_brain.nii", [0, 1])
    return tmp_path / "in"


def with_maps(label_names):
    layout = Layout(("{subject}/{modality}",), labels="lesions/{subject}", masks="masks/{subject}_brain.nii")
    return replace(layout, label_names=label_names)


def test_labels_are_renumbered_by_their_names_and_masks_come_along(labelled, tmp_path):
    layout = with_maps({"white matter": 2, "lesion": 7})
    raw_folder.write(folder.find([labelled], layout, reference="FLAIR"), tmp_path / "raw", name="X")
    dataset = Dataset.load(tmp_path / "raw")
    assert dataset.labels == {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
    assert dataset.reference == "FLAIR"
    case = dataset.cases["P02"]
    assert case.label is not None
    assert case.brain is not None
    before, after = values(labelled / "lesions" / "P02.nii.gz"), values(case.label)
    np.testing.assert_array_equal(after, np.select([before == 7, before == 2], [4, 3], 0))
    np.testing.assert_array_equal(values(case.brain), values(labelled / "masks" / "P02_brain.nii"))
    assert set(case.images) == {"T1", "FLAIR"}


@pytest.mark.parametrize("scale", [0.9999999997, 1.0000001])
def test_labels_beside_whole_numbers_are_renumbered_as_those(labelled, tmp_path, scale):
    map_of_p01 = labelled / "lesions" / "P01.nii.gz"
    before = values(map_of_p01)
    write_label(map_of_p01, np.array([0, 7, 7, 2]) * scale, dtype=np.float64)
    layout = with_maps({"lesion": 7, "GM": 2})
    raw_folder.write(folder.find([labelled], layout, reference="FLAIR"), tmp_path / "raw", name="X")
    label = Dataset.load(tmp_path / "raw").cases["P01"].label
    assert label is not None
    np.testing.assert_array_equal(values(label), np.select([before == 7, before == 2], [4, 2], 0))


def test_a_label_map_with_a_value_that_has_no_name_is_left_out_alone(labelled, tmp_path):
    layout = with_maps({"wm": 2, "lesion": 7})
    write_label(labelled / "lesions" / "P01.nii.gz", [0, 7, 9])
    conversion = raw_folder.write(folder.find([labelled], layout), tmp_path / "raw", name="X")
    assert [(item.case, "(got 9 too)" in item.reason) for item in conversion.left_out] == [("P01", True)]
    labels = {name: case.label is not None for name, case in conversion.dataset.cases.items()}
    assert labels == {"P01": False, "P02": True}


def test_label_values_without_names_must_be_tissues(labelled):
    layout = with_maps({})
    with pytest.raises(UserError, match=r"values 0, 2, 7.*--label-names"):
        folder.find([labelled], layout)
    write_label(labelled / "lesions" / "P01.nii.gz", [0, 1])
    with pytest.raises(UserError, match=r"values 0, 1,.*lesion=1"):
        folder.find([labelled], layout)
    write_label(labelled / "lesions" / "P01.nii.gz", [0, 1, 2, 3])
    result = folder.find([labelled], layout)
    assert result.labels == {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
    assert result.write_label is None


def test_maps_without_a_scan_are_left_out_and_patterns_of_maps_must_match(labelled):
    write_label(labelled / "lesions" / "P99.nii.gz", [0, 7])
    layout = with_maps({"lesion": 7, "wm": 2})
    assert [(i.case, i.file.name) for i in folder.find([labelled], layout).left_out] == [("P99", "P99.nii.gz")]
    guessed = folder.find([labelled], replace(layout, patterns=()))
    assert [item.case for item in guessed.left_out] == ["P99"]
    with pytest.raises(UserError, match=r"--label-pattern seg/\{subject\} must fit some files"):
        found(labelled, "{subject}/{modality}", labels="seg/{subject}")
    with pytest.raises(UserError, match=r"\{session\}.*got 'lesions/\{subject\}'"):
        found(labelled, "{subject}/{session}/{modality}", labels="lesions/{subject}")
    with pytest.raises(UserError, match="--reference-contrast"):
        folder.find([labelled], layout, reference="PD")


def test_names_of_labels():
    renumbering = renumber(parse_label_names(["oedema=9", "grey_matter=1", "CSF=3", "core=4"]))
    assert renumbering.labels == {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "core": 4, "oedema": 5}
    assert renumbering.values == {0: 0, 9: 5, 1: 2, 3: 1, 4: 4}
    assert renumber({"CSF": 1, "GM": 2, "lesion": 4}).writer is None
    for wrong in (["lesion"], ["lesion=x"], ["a=1", "a=2"]):
        with pytest.raises(UserError, match="lesion=4"):
            parse_label_names(wrong)
    for clash in ({"a": 1, "b": 1}, {"background": 1}, {"lesion": 0}):
        with pytest.raises(UserError, match=r"must have (one name|the label value 0) \(got"):
            renumber(clash)


def test_from_the_command_line(labelled, tmp_path, capsys):
    options = "--label-pattern lesions/{subject} --label-names lesion=7 wm=2"
    masks = "--mask-pattern masks/{subject}_brain --place refer"
    flags = "--skull-stripped --registered --bias-corrected --reference-contrast FLAIR --test P02"
    pattern = ["--pattern", "{subject}/{modality}", "*/{subject}/{modality}"]
    arguments = ["folder", str(labelled), *pattern, *options.split(), *masks.split(), *flags.split()]
    assert main([*arguments, "--raw", str(tmp_path / "raw"), "--name", "MINE"]) == 0
    captured = capsys.readouterr()
    assert "P01/flair.nii.gz: subject P01, FLAIR" in captured.err
    dataset = Dataset.load(tmp_path / "raw" / "MINE")
    assert (dataset.skull_stripped, dataset.registered, dataset.bias_corrected) == (True, True, True)
    assert (list(dataset.cases), list(dataset.test), dataset.reference) == (["P01"], ["P02"], "FLAIR")
    assert dataset.cases["P01"].images["T1"] == labelled / "P01" / "t1.nii.gz"


@pytest.mark.real_data
def test_real_scans_of_several_sources_convert_as_folders(tmp_path):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    ms = found(Path(root) / "ms_raw", "{subject}/{session}_{modality}")
    assert len(ms.cases) == 5
    assert {len(case.images) for case in ms.cases} == {3}
    assert {case.subject for case in ms.cases} == {"patient01", "patient04", "patient12"}
    layout = Layout(("*/{subject}/{modality}",), labels="*/{subject}/tumour_mask", label_names={"tumour": 1})
    raw_folder.write(folder.find([Path(root) / "lgg"], layout), tmp_path, name="X", place="refer", limit=3)
    dataset = Dataset.load(tmp_path)
    assert {tuple(case.files) for case in dataset.cases.values()} == {("T1", "FLAIR", "T1ce", "label")}
