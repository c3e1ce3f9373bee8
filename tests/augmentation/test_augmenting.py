"""How hifisyn_predict --augment runs: again, after failures, on private data, on other grids, with mistakes."""

import shutil

import nibabel as nib
import numpy as np
import pytest

from hifisyn.augmentation import on_labels
from hifisyn.augmentation.groups import by_label
from hifisyn.augmentation.measures import compare
from hifisyn.downstream.nnunet_dataset import write_entry
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.preprocessing.register import Registration
from hifisyn.preprocessing.rigid import translation
from hifisyn.volume import Volume
from tests.augmentation.conftest import augment
from tests.support.labelled_cohort import AFFINE, label_of, save, write_cohort
from tests.support.untrusted import DOUBTFUL, TRUSTED


@pytest.fixture
def own(raw, tmp_path):
    """A cohort that a test may change."""
    return shutil.copytree(raw, tmp_path / "raw" / "MS")


@pytest.fixture
def again(made, tmp_path):
    """A finished set that a test may change."""
    return shutil.copytree(made, tmp_path / "Dataset501_MS")


def load(path) -> nib.Nifti1Image:
    image = nib.load(path)
    assert isinstance(image, nib.Nifti1Image)
    return image


def times(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.nii.gz")}


def arguments(*more):
    return ("--target", "T2", "--balance", "site", *more)


@pytest.mark.slow
def test_again_it_is_refused_or_does_what_is_missing(raw, again, model, capsys):
    before = times(again)
    assert augment(raw, again, model, *arguments()) == 2
    assert "pass --continue to keep what is finished" in capsys.readouterr().err
    assert times(again) == before
    lost = again / "imagesTr" / "c__synthetic_T2_0000.nii.gz"
    lost.unlink()
    (again / "cases" / "d.json").unlink()  # as a killed run leaves it
    assert augment(raw, again, model, *arguments("--continue")) == 0
    assert "4 synthetic images written" not in (said := capsys.readouterr().out)
    assert "2 synthetic images written, 4 kept, 0 failed" in said
    changed = {file.name[0] for file, time in times(again).items() if before.get(file) != time}
    assert changed == {"c", "d"}
    assert lost.exists()


@pytest.mark.slow
def test_a_label_map_that_changed_is_never_mixed_in_silently(own, again, model, capsys):
    save(own / "labelsTr" / "c.nii.gz", np.where(label_of("c") == 3, 2, label_of("c")).astype(np.uint8))
    before = times(again)
    assert augment(own, again, model, *arguments("--continue")) == 1
    assert "cases/c.json must be of the same scans and settings (got other files); pass --overwrite" in (
        capsys.readouterr().out
    )
    assert times(again) == before
    assert "c" not in read_json(again / "dataset.json")["dataset"]
    assert augment(own, again, model, *arguments("--overwrite")) == 0
    assert 3 not in np.unique(load(again / "labelsTr" / "c__synthetic_T2.nii.gz").get_fdata())


@pytest.mark.slow
def test_a_failure_costs_its_case_alone(own, model, tmp_path, capsys):
    broken = own / "imagesTr" / "c_T1.nii.gz"
    broken.write_bytes(broken.read_bytes()[:500])
    label = own / "labelsTr" / "d.nii.gz"
    save(label, label_of("d")[1:].astype(np.uint8))
    out = tmp_path / "Dataset501_MS"
    assert augment(own, out, model, *arguments()) == 1
    said = capsys.readouterr().out
    assert "a scan must lie on the grid of the label map" in said
    assert set(read_json(out / "dataset.json")["dataset"]) == {
        *("a", "b", "f"),
        *(f"{case}__synthetic_T2" for case in "abef"),
    }
    assert read_json(out / "data_card.json")["left_out"] == {"g": "no label map", "c": "failed", "d": "failed"}


@pytest.mark.slow
def test_private_names_stay_out(tmp_path, model, capsys):
    cohort = write_cohort(tmp_path / "raw" / "MS", private=True)
    content = read_json(cohort / "dataset.json")
    for case, entry in content["dataset"].items():
        for number, image in enumerate(entry["images"]):
            contrast = image.removesuffix(".nii.gz").rpartition("_")[2]
            named = f"imagesTr/JaneDoe{case}_{contrast}.nii.gz"
            (cohort / image).rename(cohort / named)
            entry["images"][number] = named
    write_json(cohort / "dataset.json", content)
    (cohort / "imagesTr" / "JaneDoec_T1.nii.gz").write_bytes(b"broken")
    out = tmp_path / "Dataset501_MS"
    augment(cohort, out, model, *arguments())
    told = capsys.readouterr()
    assert "JaneDoe" not in told.out + told.err
    for file in out.rglob("*"):
        assert "JaneDoe" not in file.name
        if file.suffix in (".json", ".md", ".tsv"):
            assert "JaneDoe" not in file.read_text(), file


@pytest.mark.slow
def test_scans_on_other_grids_are_registered_onto_the_labels(own, model, tmp_path, monkeypatch):
    content = read_json(own / "dataset.json") | {"registered": False}
    write_json(own / "dataset.json", content)
    move = translation(np.array([8.0, 0, 0]))
    for case in "abc":
        image = load(own / "imagesTr" / f"{case}_T2.nii.gz")
        save(own / "imagesTr" / f"{case}_T2.nii.gz", np.asanyarray(image.dataobj), np.linalg.inv(move) @ AFFINE)
    verdicts = iter([TRUSTED, TRUSTED, DOUBTFUL])
    monkeypatch.setattr(on_labels, "register", lambda *_, **__: Registration(move, next(verdicts)))
    out = tmp_path / "Dataset501_MS"
    assert augment(own, out, model, *arguments()) == 0
    truth = load(own / "imagesTr" / "a_T2.nii.gz").get_fdata()
    np.testing.assert_allclose(load(out / "imagesTr" / "a_0000.nii.gz").get_fdata(), truth, atol=1e-2)
    assert read_json(out / "data_card.json")["channels_left_out"] == {"c": {"T2": "its registration is doubtful"}}
    names = set(read_json(out / "dataset.json")["dataset"])
    assert {"a", "b", "c__synthetic_T2"} <= names
    assert "c" not in names


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "--augment needs the contrast that copies have synthetic; add --target, of T1, T2"),
        (("--target", "T2", "--nnunet-channels", "CT"), "--nnunet-channels must be contrasts of the data set (got CT)"),
        (
            ("--target", "T2", "--nnunet-channels", "T1"),
            "--nnunet-channels must hold every --target (got T1 without T2)",
        ),
        (("--target", "T2", "--participant-label", "P1"), "--augment must come with a raw data set and --output"),
    ],
)
def test_mistakes_are_one_line(raw, model, tmp_path, capsys, more, words):
    assert augment(raw, tmp_path / "out", model, *more) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"labels": {"background": 0, "lesion": 4}}, "nnU-Net needs the labels 0, 1, 2, ... without a gap"),
        ({"subjects": {}}, "--balance site needs labelled cases of at least 2 sites (got none)"),
    ],
)
def test_a_data_set_that_cannot_give_it_is_refused_before_anything_is_done(
    own, model, tmp_path, capsys, described, words
):
    write_json(own / "dataset.json", read_json(own / "dataset.json") | described)
    assert augment(own, tmp_path / "out", model, *arguments()) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_scans_is_no_data_set(raw, model, tmp_path, capsys):
    assert augment(raw / "imagesTr", tmp_path / "out", model, *arguments()) == 2
    assert "must hold dataset.json; make one with hifisyn_convert_dataset" in capsys.readouterr().err


def test_the_set_is_never_written_over_another_data_set(raw, own, model, capsys):
    for output in (own, raw / "augmented"):
        assert augment(raw, output, model, *arguments("--overwrite")) == 2
    assert "must lie outside of the data set" in capsys.readouterr().err


def test_a_channel_on_another_grid_than_its_labels_is_never_written(tmp_path):
    label = Volume(np.zeros((3, 3, 3), np.uint8), np.eye(4))
    shifted = Volume(np.zeros((3, 3, 3), np.float32), np.diag([1.0, 1, 1.1, 1]))
    with pytest.raises(ValueError, match="on the grid of its label map"):
        write_entry(tmp_path, "a", [shifted], label)
    assert not list(tmp_path.rglob("*.nii.gz"))


def test_a_structure_shown_the_wrong_way_round_has_the_other_sign():
    label = np.zeros((10, 10, 10), np.uint8)
    label[:3] = 4
    inside = np.ones(label.shape, dtype=bool)
    real = np.random.default_rng(0).normal(0, 0.1, label.shape) + (label == 4)
    found = compare(real, 5 - real, inside, label, {"background": 0, "lesion": 4, "absent": 5})
    assert found.correlation == pytest.approx(-1)
    bright, dark = found.contrast["lesion"]
    assert bright == pytest.approx(-dark)
    assert bright > 1
    assert set(found.contrast) == {"lesion"}
    assert compare(real, 0 * real, inside, label, {"lesion": 4}).correlation is None


def test_cases_that_all_hold_the_same_labels_cannot_be_balanced():
    with pytest.raises(UserError, match="some cases hold and others do not"):
        by_label({"a": ["GM"], "b": ["GM"]})
