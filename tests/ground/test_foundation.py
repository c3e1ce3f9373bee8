"""Files, roots, data sets and slices: what everything else stands on."""

import errno
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from hifisyn import files, json_files, paths
from hifisyn.cli.entry import command
from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.errors import UserError
from hifisyn.raw_files import image_path, label_path
from hifisyn.slices import SliceStore


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.json"
    files.write_text(target, "old")

    def die_half_way():
        with files.atomic(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        die_half_way()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_broken_json_is_named_with_its_line(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1,\n oops}')
    with pytest.raises(UserError, match=r"a\.json.*line 2"):
        json_files.read_json(tmp_path / "a.json")


def test_roots_prefer_flag_then_variable_then_home(monkeypatch, tmp_path):
    for name in (paths.RAW, paths.PREPROCESSED, paths.RESULTS, paths.HOME):
        monkeypatch.delenv(name, raising=False)
    assert str(paths.Roots.resolve().raw) == "hifisyn_data/hifisyn_raw"
    monkeypatch.setenv(paths.HOME, "/home_of_all")
    assert str(paths.Roots.resolve().raw) == "/home_of_all/hifisyn_raw"
    monkeypatch.setenv(paths.RAW, "/variable")
    assert str(paths.Roots.resolve().raw) == "/variable"
    assert str(paths.Roots.resolve(raw="/flag").raw) == "/flag"


def test_unknown_data_set_lists_those_there_are(tmp_path):
    (tmp_path / "IXI").mkdir()
    with pytest.raises(UserError, match=r"IXJ.*IXI.*hifisyn_convert_dataset.*export hifisyn_raw=FOLDER"):
        paths.Roots.resolve(raw=tmp_path).raw_dataset("IXJ")


@pytest.mark.parametrize(("text", "fold"), [("fold0", 0), ("fold_3", 3), ("2", 2), ("all", "all")])
def test_folds_as_users_type_them(text, fold):
    assert paths.parse_fold(text) == fold


def test_unknown_fold_is_refused():
    with pytest.raises(UserError, match="fold0, 0 or all") as error:
        paths.parse_fold("first")
    assert error.value.got == "'first'"


def example(folder):
    def case(name, modalities, *, test=False):
        images = {m: image_path(folder, name, m, test=test) for m in modalities}
        return Case(name, name[:2], images, label_path(folder, name, test=test) if "T1" in modalities else None)

    cases = {"S1a": case("S1a", ("T1", "T2")), "S1b": case("S1b", ("T2",))}
    labels = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
    return Dataset(
        "EX", ("T1", "T2"), labels, cases, {"S2a": case("S2a", ("T1",), test=True)}, about={"licence": "CC0"}
    )


def test_dataset_comes_back_as_it_was_saved(tmp_path):
    example(tmp_path).save(tmp_path)
    assert Dataset.load(tmp_path) == example(tmp_path)


def test_stock_nnunet_finds_the_files_of_labelled_cases(tmp_path):
    utilities = pytest.importorskip("nnunetv2.utilities.utils")
    whole = example(tmp_path)
    replace(whole, cases={"S1a": whole.cases["S1a"]}).save(tmp_path)
    found = utilities.get_filenames_of_train_images_and_targets(
        str(tmp_path), json.loads((tmp_path / "dataset.json").read_text())
    )
    assert found["S1a"]["images"] == [str(tmp_path / f"imagesTr/S1a_{m}.nii.gz") for m in ("T1", "T2")]
    assert found["S1a"]["label"] == str(tmp_path / "labelsTr/S1a.nii.gz")


def test_nnunet_channel_suffixes_are_read(tmp_path):
    example(tmp_path).save(tmp_path)
    text = (tmp_path / "dataset.json").read_text().replace("_T2.nii", "_0001.nii")
    (tmp_path / "dataset.json").write_text(text)
    assert Dataset.load(tmp_path).cases["S1a"].images["T2"].name == "S1a_0001.nii.gz"


def test_two_files_for_one_case_are_refused(tmp_path):
    example(tmp_path).save(tmp_path)
    content = json.loads((tmp_path / "dataset.json").read_text())
    content["dataset"]["S1a"]["images"].append("imagesTr/S1a_0000.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"case S1a must have one T1 \(got S1a_T1.nii.gz and S1a_0000.nii.gz\)"):
        Dataset.load(tmp_path)


def test_slices_come_back_and_a_case_without_record_does_not_exist(tmp_path):
    rng = np.random.default_rng(0)
    stack, brain = rng.normal(size=(3, 8, 6)).astype(np.float32), rng.random((3, 8, 6)) > 0.5
    store = SliceStore(tmp_path)
    store.write("a", {"T1": stack}, brain, brain.astype(np.uint8) * 2, {"step": 1})
    np.testing.assert_array_equal(store.image("a", "T1"), stack)
    np.testing.assert_array_equal(store.image("a", "T1", 1), stack[1])
    np.testing.assert_array_equal(store.brain("a", 2), brain[2])
    assert store.label("a").max() == 2
    head = {"case": "a", "modalities": ["T1"], "slices": 3, "labelled": True}
    record = store.record("a")
    assert record.pop("sha256") == {
        name: files.sha256(tmp_path / f"a_{name}.b2nd") for name in ("T1", "brain", "label")
    }
    assert record == head | {"training": [0, 1, 2], "covered": {"T1": [0, 1, 2]}, "step": 1}
    (tmp_path / "a.json").unlink()
    assert store.cases() == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("wanted a\n  b"), "error: wanted a b"),
        (PermissionError(errno.EACCES, "no", "/x"), "error: no permission to read or write /x; choose another folder"),
        (OSError(errno.ENOSPC, "full", "/y"), "error: /y cannot be written (got no space left"),
    ],
)
def test_users_mistakes_are_one_line_and_exit_code_2(error, line, capsys):
    @command
    def main(arguments=None):
        raise error

    assert main(None) == 2
    printed = capsys.readouterr().err
    assert re.fullmatch(rf"{re.escape(line)}.*\n", printed)


def test_our_mistakes_keep_their_traceback():
    @command
    def main(arguments=None):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main(None)


def test_a_case_may_lie_elsewhere_and_say_what_was_done(tmp_path):
    raw, archive = tmp_path / "raw" / "UKB", tmp_path / "bulk" / "1234567_20252_2_0.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"")
    images = {"T1": archive / "T1" / "T1_unbiased_brain.nii.gz", "FLAIR": raw / "imagesTr" / "a_FLAIR.nii.gz"}
    label, brain = archive / "T1" / "T1_fast" / "T1_brain_pveseg.nii.gz", raw / "brainsTr" / "a.nii.gz"
    case = Case("a", "s", images, label, brain, done=("skull_stripped",))
    whole = Dataset("UKB", ("T1", "FLAIR"), TISSUES, {"a": case}, private=True)
    whole.save(raw)
    assert Dataset.load(raw) == whole
    written = json.loads((raw / "dataset.json").read_text())["dataset"]["a"]
    assert written["images"] == [str(images["T1"]), "imagesTr/a_FLAIR.nii.gz"]
    assert case.hide_paths(f"{images['T1']}: broken, see {archive} or {archive.name}") == (
        "a_T1: broken, see a_T1 or a_T1"
    )


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"images": ["x.nii.gz"], "modalities": ["T1", "T2"]},
            r"one modality for each image \(got 2 for 1\)",
        ),
        ({"images": ["x.nii.gz"], "modalities": ["CT"]}, r"must end with its modality \(T1, T2\) \(got CT\)"),
        ({"images": ["a_T1.nii.gz"], "done": ["polished"]}, r"must name skull_stripped, .* \(got polished\)"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(tmp_path, entry, says):
    content = {"channel_names": {"0": "T1", "1": "T2"}, "labels": TISSUES, "dataset": {"a": entry}}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=says):
        Dataset.load(tmp_path)
