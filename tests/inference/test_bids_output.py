"""Predictions as BIDS derivatives: as the official validator, a reader of sidecars and a second run see them."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from hifisyn.cli.predict import main
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.errors import UserError
from hifisyn.files import sha256, write_json
from hifisyn.inference import write as writing
from hifisyn.inference.bids_input import find_bids_cases
from hifisyn.inference.bids_output import BidsDerivatives, BidsOutputs
from hifisyn.inference.outputs import FILES
from hifisyn.volume import Volume
from tests.inference.test_predict import SHAPE, brain_scan, make_model, save_scan
from tests.support import bids_tree
from tests.support.bids_validator import errors, findings

ONE = "sub-01/ses-01/anat/sub-01_ses-01_acq-mprage_run-1"
SCANS = (f"{ONE}_T1w.nii.gz", "sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz", "sub-02/anat/sub-02_T2w.nii.gz")


def build(root: Path, scans: tuple[str, ...] = SCANS) -> Path:
    bids_tree.describe(root, "A cohort", "raw", DatasetDOI="doi:10.0000/ds000001")
    (root / "README").write_text("Ellipsoids in the layout of a cohort, made for tests. " * 4)
    for seed, name in enumerate(scans):
        save_scan(root / name, seed)
    return root


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    make_model(root, "T1", "T2")
    make_model(root, "T1", "FLAIR")
    return root


@pytest.fixture(scope="module")
def model(results):
    return results / "toy" / "T1_T2" / "HiFiSyn__plans__2d"


@pytest.fixture(autouse=True, scope="module")
def quick_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "sheet", lambda path, *_, **__: path.write_bytes(b"a picture"))
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory, results):
    raw = build(tmp_path_factory.mktemp("bids") / "cohort")
    code = main(["-i", str(raw), "--bids-derivatives", f"{raw}/derivatives/hifisyn", *by(results)])
    return raw, raw / "derivatives/hifisyn", code


@pytest.fixture
def raw(tmp_path):
    return build(tmp_path / "cohort", SCANS[:1])


def by(results, flag="--results"):
    return [flag, str(results), "--device", "cpu"]


def predict(raw, out, model, *more):
    return main(["-i", str(raw), "--bids-derivatives", str(out), *by(model, "--model"), *more])


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def read(path):
    return json.loads(path.read_text())


@pytest.mark.slow
def test_the_validator_accepts_all_that_is_written(finished):
    raw, out, code = finished
    assert code == 0
    assert {code for _, code, _ in findings(out)} <= {"TOO_FEW_AUTHORS"}
    assert errors(out) == []
    assert errors(raw) == []


def test_names_follow_the_scans(finished):
    _, out, _ = finished
    prefix = f"{ONE}_space-orig"
    second = "sub-01/ses-02/anat/sub-01_ses-02_space-orig"
    volumes = [f"{prefix}_desc-synth_T2w", f"{prefix}_desc-synth_FLAIR", f"{prefix}_desc-brain_mask"]
    volumes += [f"{second}_desc-synth_T2w", f"{second}_desc-synth_FLAIR", f"{second}_desc-brain_mask"]
    volumes += ["sub-02/anat/sub-02_space-orig_desc-synth_T1w", "sub-02/anat/sub-02_space-orig_desc-brainT2w_mask"]
    expected = {f"{name}.{ending}" for name in volumes for ending in ("nii.gz", "json")}
    pictures = {f"{name.split('/')[0]}/figures/{Path(name).name}.png" for name in volumes if "synth" in name}
    assert set(files(out)) == expected | pictures | {"dataset_description.json", "README.md", ".bidsignore"}
    assert not list(out.rglob(".partial*"))


def test_the_same_volumes_as_in_a_flat_folder(finished, results, tmp_path):
    raw, out, _ = finished
    assert main(["-i", str(raw), "-o", str(tmp_path), *by(results), "--participant-label", "02"]) == 0
    assert files(tmp_path) == ["sub-02_T1.json", "sub-02_T1.nii.gz", "sub-02_T1.png", "sub-02_T1_brain.nii.gz"]
    anat = out / "sub-02/anat"
    for flat, name in (("sub-02_T1", "desc-synth_T1w"), ("sub-02_T1_brain", "desc-brainT2w_mask")):
        one, other = Volume.load(tmp_path / f"{flat}.nii.gz"), Volume.load(anat / f"sub-02_space-orig_{name}.nii.gz")
        np.testing.assert_array_equal(one.data, other.data)
        assert one.same_grid(other)
    flat_record, record = read(tmp_path / "sub-02_T1.json"), read(anat / "sub-02_space-orig_desc-synth_T1w.json")
    assert flat_record.keys() <= record.keys()
    others = {key for key in flat_record if flat_record[key] != record[key]}
    assert others - {"LooksLike"} == {"Command", FILES}  # the base model of one run is a toy


def test_a_bids_data_set_into_a_flat_folder(raw, model, tmp_path):
    assert main(["-i", str(raw), "-o", str(tmp_path / "flat"), *by(model, "--model")]) == 0
    assert "sub-01_ses-01_T2.nii.gz" in files(tmp_path / "flat")


def test_sidecars_say_where_it_came_from(finished):
    raw, out, _ = finished
    record = read(out / f"{ONE}_space-orig_desc-synth_T2w.json")
    source = f"bids:raw:{SCANS[0]}"
    assert record["Sources"] == [source]
    assert record["SpatialReference"] == source
    assert record["SkullStripped"] is True
    assert record["Synthetic"] is True
    assert record["SourceSHA256"] == sha256(raw / SCANS[0])
    assert "T2" in record["Description"]
    mask = read(out / f"{ONE}_space-orig_desc-brain_mask.json")
    assert (mask["Type"], mask["Sources"]) == ("Brain", [source])
    image = Volume.load(out / f"{ONE}_space-orig_desc-synth_T2w.nii.gz")
    brain = Volume.load(out / f"{ONE}_space-orig_desc-brain_mask.nii.gz")
    assert image.same_grid(brain_scan())
    assert (image.data[brain.data == 0] == 0).all()


def test_the_folder_is_described(finished):
    raw, out, _ = finished
    content = read(out / "dataset_description.json")
    assert content["Name"] == "Synthetic contrasts of A cohort"
    assert content["DatasetType"] == "derivative"
    assert content["GeneratedBy"][0]["Name"] == "hifisyn"
    assert content["GeneratedBy"][0]["Version"]
    assert content["SourceDatasets"] == [{"DOI": "doi:10.0000/ds000001"}]
    assert (out / content["DatasetLinks"]["raw"]).resolve() == raw.resolve()
    assert "not for clinical use" in (out / "README.md").read_text()


@pytest.mark.slow
def test_a_folder_elsewhere_links_back(raw, model, tmp_path):
    out = tmp_path / "far" / "away"
    assert predict(raw, out, model) == 0
    link = read(out / "dataset_description.json")["DatasetLinks"]["raw"]
    assert link == "../../cohort"
    assert errors(out) == []


@pytest.mark.slow
def test_contrast_agent_shows_in_the_name(raw, tmp_path):
    folder = make_model(tmp_path, "T1", "T1ce")
    save_scan(raw / "sub-02/anat/sub-02_ce-gd_T1w.nii.gz")
    assert predict(raw, tmp_path / "out", folder) == 0
    made = [path.name for path in (tmp_path / "out").rglob("*.nii.gz")]
    assert sorted(made) == [
        "sub-01_ses-01_acq-mprage_ce-gadolinium_run-1_space-orig_desc-synth_T1w.nii.gz",
        "sub-01_ses-01_acq-mprage_run-1_space-orig_desc-brain_mask.nii.gz",
        "sub-02_ce-gd_space-orig_desc-brain_mask.nii.gz",
        "sub-02_space-orig_desc-synth_T1w.nii.gz",
    ]
    assert errors(tmp_path / "out") == []


@pytest.mark.slow
def test_existing_outputs_are_refused_replaced_or_kept(raw, model, tmp_path, capsys):
    out = tmp_path / "out"
    assert predict(raw, out, model) == 0
    image = out / f"{ONE}_space-orig_desc-synth_T2w.nii.gz"
    before = image.stat().st_mtime_ns
    assert predict(raw, out, model) == 2
    assert "--continue" in capsys.readouterr().err
    save_scan(raw / SCANS[1])
    assert predict(raw, out, model, "--continue") == 0
    assert "1 volume written, 1 kept, 0 failed" in capsys.readouterr().out
    assert image.stat().st_mtime_ns == before
    assert predict(raw, out, model, "--overwrite") == 0
    assert image.stat().st_mtime_ns != before
    save_scan(raw / SCANS[0], seed=9)
    assert predict(raw, out, model, "--continue") == 2
    assert "other scans or weights" in capsys.readouterr().err


@pytest.mark.slow
def test_another_contrast_of_a_scan_comes_beside_the_first(raw, results, model, tmp_path):
    assert predict(raw, tmp_path / "out", model) == 0
    other = results / "toy" / "FLAIR_T1" / "HiFiSyn__plans__2d"
    assert predict(raw, tmp_path / "out", other) == 0
    assert errors(tmp_path / "out") == []
    assert len(list((tmp_path / "out").rglob("*_mask.nii.gz"))) == 1


@pytest.mark.slow
def test_what_other_programs_left_stays(raw, model, tmp_path):
    out = tmp_path / "out"
    maker = {"Name": "other", "Version": "7"}
    bids_tree.describe(out, "Shared", "derivative", GeneratedBy=[maker], License="CC0")
    (out / "README").write_text("of the other program")
    (out / ".bidsignore").write_text("*.html\n")
    theirs = out / f"{ONE}_desc-preproc_T1w.nii.gz"
    save_scan(theirs)
    before = theirs.read_bytes()
    assert predict(raw, out, model) == 0
    content = read(out / "dataset_description.json")
    assert content["Name"] == "Shared"
    assert content["License"] == "CC0"
    assert [entry["Name"] for entry in content["GeneratedBy"]] == ["other", "hifisyn"]
    assert (out / ".bidsignore").read_text() == "*.html\nfigures\n"
    assert (out / "README").read_text() == "of the other program"
    assert not (out / "README.md").exists()
    assert theirs.read_bytes() == before
    assert predict(raw, out, model, "--overwrite") == 0
    assert read(out / "dataset_description.json") == content
    assert (out / ".bidsignore").read_text() == "*.html\nfigures\n"


def test_the_mask_of_another_program_is_never_replaced(raw, model, tmp_path, capsys):
    save_scan(raw / SCANS[1])
    out = tmp_path / "out"
    theirs = out / f"{ONE}_space-orig_desc-brain_mask.nii.gz"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("drawn by hand")
    assert predict(raw, out, model, "--overwrite") == 1
    assert "is of another program" in capsys.readouterr().out
    assert theirs.read_text() == "drawn by hand"
    assert [path.name for path in out.rglob("*synth*.nii.gz")] == ["sub-01_ses-02_space-orig_desc-synth_T2w.nii.gz"]


@pytest.mark.slow
def test_folders_that_cannot_take_derivatives(raw, model, tmp_path, capsys):
    other = build(tmp_path / "other", SCANS[:1])
    out = tmp_path / "out"
    assert predict(other, out, model) == 0
    before = files(out)
    odd = tmp_path / "odd"
    write_json(odd / "dataset_description.json", ["not an object"])
    plain = tmp_path / "plain"
    save_scan(plain / "a_T1.nii.gz")
    for source, target, words in (
        (raw, other, "got a data set of another type"),
        (raw, out, "got those of ../other"),
        (raw, odd, "must hold an object (got a list)"),
        (raw, raw, "another folder than the input's"),
        (plain, tmp_path / "new", "got no folder such as sub-01"),
        (raw / "sub-01", tmp_path / "new", "got no folder such as sub-01"),
    ):
        assert predict(source, target, model, "--overwrite") == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert files(out) == before
    assert not (tmp_path / "new").exists()


def test_one_output_at_a_time(raw, model, tmp_path, capsys):
    for arguments in (["-o", str(tmp_path / "flat"), "--bids-derivatives", str(tmp_path / "out")], []):
        assert main(["-i", str(raw), *arguments]) == 2
        assert "--bids-derivatives" in capsys.readouterr().err


@pytest.mark.slow
def test_one_bad_case_leaves_the_others(raw, model, tmp_path, capsys):
    good = save_scan(raw / SCANS[1])
    (raw / SCANS[0]).write_bytes(good.read_bytes()[:5000])
    assert predict(raw, tmp_path / "out", model) == 1
    assert "broken file" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").rglob("*synth*.nii.gz")] == [
        "sub-01_ses-02_space-orig_desc-synth_T2w.nii.gz"
    ]
    assert errors(tmp_path / "out") == []


def test_a_selection_names_scans_of_a_bids_data_set(raw, model, tmp_path, capsys):
    save_scan(raw / f"{ONE.replace('mprage', 'other')}_T1w.nii.gz")
    assert predict(raw, tmp_path / "out", model, "--filter", "T1=acq-other", "--participant-label", "01") == 0
    (made,) = (tmp_path / "out").rglob("*synth*.nii.gz")
    assert made.name == "sub-01_ses-01_acq-other_run-1_space-orig_desc-synth_T2w.nii.gz"
    assert predict(raw, tmp_path / "out", model, "--participant-label", "07") == 2
    assert "got 01" in capsys.readouterr().err


def test_our_own_volumes_are_never_a_source(finished):
    raw, out, _ = finished
    with pytest.raises(UserError, match="that fits labels and filters"):
        find_bids_cases(out, Selection())
    assert list(find_bids_cases(raw, Selection()).cases) == ["sub-01_ses-01", "sub-01_ses-02", "sub-02"]


@pytest.mark.slow
def test_a_killed_move_is_not_finished_and_its_mask_is_known_as_ours(raw, model, tmp_path, monkeypatch):
    out = tmp_path / "out"
    mask, image = (out / f"{ONE}_space-orig_{what}.nii.gz" for what in ("desc-brain_mask", "desc-synth_T2w"))
    replace = os.replace

    def killed(source: Path, target: Path) -> None:
        if target == image:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        assert predict(raw, out, model) == 130
    assert (mask.exists(), image.exists()) == (True, False)
    assert predict(raw, out, model, "--continue") == 0
    assert Volume.load(image).shape == SHAPE
    assert errors(out) == []


def test_the_layout_travels_to_other_processes():
    layout = BidsDerivatives(Path("out"), Path("raw"))
    assert pickle.loads(pickle.dumps(layout)) == layout
    outputs = BidsOutputs(Path("out"), "sub-01", "PD", "sub-01/anat/sub-01_FLAIR.nii.gz")
    assert outputs.image.as_posix() == "out/sub-01/anat/sub-01_space-orig_desc-synth_PDw.nii.gz"


def test_a_copy_of_the_derivatives_validates_by_itself(finished, tmp_path):
    assert errors(shutil.copytree(finished[1], tmp_path / "copy")) == []
