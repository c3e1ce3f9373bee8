"""hifisyn_predict without training: what is generated from what, what is written, and what is refused in one line."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

import hifisyn
from hifisyn.base import shipped
from hifisyn.cli.predict import main
from hifisyn.files import sha256, write_json
from hifisyn.inference import write as writing
from hifisyn.preprocessing import align
from hifisyn.preprocessing.register import Registration
from tests.inference.test_predict import AFFINE, SHAPE, brain_scan, load, make_model, names, save_scan
from tests.support import bids_tree
from tests.support.untrusted import DOUBTFUL, TRUSTED

NOT_TRAINED = "no trained model fits these contrasts; using base@1, learnt from simulated heads"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Draw no picture, and take scans to lie where their headers say."""
    monkeypatch.setattr(writing, "sheet", lambda path, *_, **__: path.write_bytes(b"a picture"))
    monkeypatch.setattr(align, "register", lambda *_, **__: Registration(np.eye(4), TRUSTED))


@pytest.fixture
def raw(tmp_path):
    return save_scan(tmp_path / "raw" / "a_T1.nii.gz").parent


@pytest.fixture
def other(tmp_path):
    """A scan of another person whose three tissues are plain."""
    return save_tissues(tmp_path / "other" / "b_T2.nii.gz")


def save_tissues(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    indices = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    radius = np.sqrt((indices**2).sum(0))
    data = np.select([radius < 0.4, radius < 0.6, radius < 0.86], [900, 500, 300], 0)
    noise = np.random.default_rng(7).normal(0, 10, SHAPE)
    nib.save(nib.Nifti1Image(np.where(data > 0, data + noise, 0).astype(np.int16), AFFINE), path)
    return path


def predict(path, output, *more):
    return main(["-i", str(path), "-o", str(output), "--device", "cpu", *map(str, more)])


def untrained(path, output, *more):
    return predict(path, output, "--results", output.parent / "no results", *more)


def sidecar(folder, stem):
    return json.loads((folder / f"{stem}.json").read_text())


def test_without_any_model_a_case_gets_what_it_lacks(raw, tmp_path, capsys, toy_base):
    out = tmp_path / "synth"
    assert untrained(raw, out) == 0
    assert NOT_TRAINED in capsys.readouterr().out.splitlines()
    endings = (".json", ".nii.gz", ".png", "_brain.nii.gz", "_error.nii.gz")
    assert names(out) == sorted(f"a_{target}{ending}" for target in ("T2", "FLAIR") for ending in endings)
    before, image, error = load(raw / "a_T1.nii.gz"), load(out / "a_T2.nii.gz"), load(out / "a_T2_error.nii.gz")
    brain = load(out / "a_T2_brain.nii.gz").get_fdata() > 0
    np.testing.assert_array_equal(image.affine, before.affine)
    assert image.get_data_dtype() == error.get_data_dtype() == np.float32
    for values in (image.get_fdata(), error.get_fdata()):
        assert (values[~brain] == 0).all()
        assert 0 < values[brain].mean() <= values.max() <= 1000
    record = sidecar(out, "a_T2")
    expected = {
        "Synthetic": True,
        "Modality": "T2",
        "SourceModality": "T1",
        "SourceFile": "a_T1.nii.gz",
        "SourceSHA256": sha256(raw / "a_T1.nii.gz"),
        "GivenModalities": ["T1"],
        "GivenFiles": {"T1": "a_T1.nii.gz"},
        "GivenSHA256": {"T1": sha256(raw / "a_T1.nii.gz")},
        "GivenWithoutName": None,
        "LeftOut": {},
        "Model": "base@1",
        "TrainedOn": "simulated heads",
        "CheckpointSHA256": sha256(toy_base),
        "Look": None,
        "IntensityRange": [0.0, 1000.0],
        "SkullStripped": True,
        "Plane": "axial",
        "TestTimeAugmentation": False,
    }
    assert {key: record[key] for key in expected} == expected
    assert "no scanner units" in record["IntensityMeaning"]
    assert "not for clinical use" in record["Note"]


def test_all_that_a_case_has_goes_in_together(raw, tmp_path, capsys):
    save_scan(raw / "a_T2.nii.gz", seed=1)
    save_scan(raw / "a_PD.nii.gz", seed=2)
    assert untrained(raw, tmp_path / "synth") == 0
    assert [name for name in names(tmp_path / "synth") if name.endswith(".json")] == ["a_FLAIR.json"]
    record = sidecar(tmp_path / "synth", "a_FLAIR")
    assert record["GivenModalities"] == ["T1", "T2", "PD"]
    assert record["SourceModality"] == "T1"
    assert record["GivenSHA256"]["PD"] == sha256(raw / "a_PD.nii.gz")
    assert "a: T1, T2, PD to FLAIR done" in capsys.readouterr().out


def test_source_restricts_and_a_target_never_goes_in(raw, tmp_path):
    save_scan(raw / "a_T2.nii.gz", seed=1)
    assert untrained(raw, tmp_path / "one", "--source", "t2", "--target", "flair") == 0
    assert sidecar(tmp_path / "one", "a_FLAIR")["GivenModalities"] == ["T2"]
    assert untrained(raw, tmp_path / "each", "--target", "T1", "T2") == 0
    assert sidecar(tmp_path / "each", "a_T1")["GivenModalities"] == ["T2"]
    assert sidecar(tmp_path / "each", "a_T2")["GivenModalities"] == ["T1"]


def test_what_is_left_out_is_told(raw, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(align, "register", lambda *_, **__: Registration(np.eye(4), DOUBTFUL))
    save_scan(raw / "a_T2.nii.gz", seed=1)
    (raw / "a_PD.nii.gz").write_bytes((raw / "a_T2.nii.gz").read_bytes()[:2000])
    assert untrained(raw, tmp_path / "synth") == 0
    record = sidecar(tmp_path / "synth", "a_FLAIR")
    assert record["GivenModalities"] == ["T1"]
    assert record["LeftOut"]["T2"] == "the registration of T2 must be trusted (got doubtful)"
    assert "broken" in record["LeftOut"]["PD"]
    told = capsys.readouterr().out
    assert "T2 left out: the registration of T2 must be trusted (got doubtful)" in told


def test_a_contrast_of_another_name_goes_in_without_its_name(tmp_path, capsys):
    scan = save_scan(tmp_path / "raw" / "a_T2star.nii.gz")
    assert untrained(scan, tmp_path / "synth", "--source", "T2star") == 0
    record = sidecar(tmp_path / "synth", "a_T1")
    assert (record["SourceModality"], record["GivenWithoutName"]) == ("T2star", "T2star")
    assert "T2star given without its name" in capsys.readouterr().out
    assert len([name for name in names(tmp_path / "synth") if name.endswith(".json")]) == 3


def test_a_trained_model_goes_first_and_the_base_does_the_rest(raw, tmp_path, capsys):
    model = make_model(tmp_path / "results", "T1", "T2")
    save_scan(raw / "b_FLAIR.nii.gz", seed=1)
    assert predict(raw, tmp_path / "synth", "--results", tmp_path / "results") == 0
    assert NOT_TRAINED in capsys.readouterr().out
    made = {name: sidecar(tmp_path / "synth", name)["Model"] for name in ("a_T2", "b_T1", "b_T2")}
    assert made == {"a_T2": "HiFiSyn__plans__2d", "b_T1": "base@1", "b_T2": "base@1"}
    assert not (tmp_path / "synth" / "a_FLAIR.json").exists()
    both = ("--model", "base", str(model), "--target", "T2", "FLAIR")
    assert predict(raw / "a_T1.nii.gz", tmp_path / "both", *both) == 0
    made = {name: sidecar(tmp_path / "both", name)["Model"] for name in ("a_T2", "a_FLAIR")}
    assert made == {"a_T2": "HiFiSyn__plans__2d", "a_FLAIR": "base@1"}
    capsys.readouterr()
    assert predict(raw / "a_T1.nii.gz", tmp_path / "base", "--model", "base") == 0
    assert "model: base@1, learnt from simulated heads" in capsys.readouterr().out
    assert sidecar(tmp_path / "base", "a_T2")["Model"] == "base@1"


def test_a_model_that_the_user_names_alone_is_used_alone(raw, tmp_path, capsys):
    model = make_model(tmp_path / "results", "T1", "T2")
    assert predict(raw, tmp_path / "synth", "--model", model, "--target", "FLAIR") == 2
    assert "must be contrasts that a model translates (got FLAIR)" in capsys.readouterr().err


def test_a_look_gives_its_units_and_is_told(raw, other, tmp_path):
    assert untrained(raw, tmp_path / "plain", "--target", "T2") == 0
    assert untrained(raw, tmp_path / "alike", "--target", "T2", "--look", other) == 0
    record = sidecar(tmp_path / "alike", "a_T2")
    data = load(other).get_fdata()
    low, high = record["IntensityRange"]
    assert (low, high) == (0, pytest.approx(np.percentile(data[data > 0], 99.5), rel=0.02))
    assert record["Look"]["File"] == "b_T2.nii.gz"
    assert record["LookSHA256"] == {"T2": sha256(other)}
    assert "Units of the scan" in record["IntensityMeaning"]
    made, plain = (load(tmp_path / name / "a_T2.nii.gz").get_fdata() for name in ("alike", "plain"))
    assert 0 < made.max() <= high
    assert not np.allclose(made / high, plain / 1000, atol=1e-4)


def test_several_targets_need_named_looks(raw, other, tmp_path, capsys):
    assert untrained(raw, tmp_path / "synth", "--look", f"T2={other}") == 0
    assert sidecar(tmp_path / "synth", "a_T2")["Look"] is not None
    assert sidecar(tmp_path / "synth", "a_FLAIR")["Look"] is None
    nameless = shutil.copy(other, tmp_path / "scan.nii.gz")
    assert untrained(raw, tmp_path / "two", "--look", nameless) == 2
    assert "as in T2=" in capsys.readouterr().err


def test_continue_keeps_what_would_be_the_same(raw, other, tmp_path, capsys):
    out = tmp_path / "synth"
    assert untrained(raw, out, "--target", "T2") == 0
    assert untrained(raw, out, "--continue") == 0
    assert "1 volume written, 1 kept, 0 failed" in capsys.readouterr().out
    assert untrained(raw, out, "--continue", "--target", "T2", "--look", other) == 2
    assert "other scans or weights" in capsys.readouterr().err


def test_bids_derivatives_name_all_sources(tmp_path):
    root = tmp_path / "cohort"
    bids_tree.describe(root, "A cohort", "raw")
    for seed, suffix in enumerate(("T1w", "T2w")):
        save_scan(root / f"sub-01/anat/sub-01_{suffix}.nii.gz", seed)
    out = root / "derivatives" / "hifisyn"
    words = ["--bids-derivatives", str(out), "--model", "base", "--device", "cpu"]
    assert main(["-i", str(root), *words]) == 0
    stem = out / "sub-01" / "anat" / "sub-01_space-orig_desc-synth_FLAIR"
    record = json.loads(stem.with_suffix(".json").read_text())
    assert record["Sources"] == [f"bids:raw:sub-01/anat/sub-01_{suffix}.nii.gz" for suffix in ("T1w", "T2w")]
    assert record["Description"] == "Synthetic FLAIR generated from a T1 and T2 scan by hifisyn"
    error = json.loads((stem.parent / "sub-01_space-orig_desc-expectederror_FLAIR.json").read_text())
    assert "simulated heads" in error["Description"]
    assert load(stem.with_suffix(".nii.gz")).shape == SHAPE


def test_from_python(raw, tmp_path):
    summary = hifisyn.predict(raw, tmp_path / "synth", target=["T2"], model=["base"], tta=True, device="cpu")
    assert ([path.name for path in summary.generated], summary.failures) == (["a_T2.nii.gz"], [])
    assert sidecar(tmp_path / "synth", "a_T2")["TestTimeAugmentation"] is True


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--target", "T1ce"], "enhancement cannot be seen without the agent"),
        (["--target", "CT"], "must be a contrast that a model generates (got CT); choose of T1, T2, FLAIR"),
        (["--target", "T1"], "base@1 starts from another contrast than T1"),
        (["--source", "T2"], "there is no T2 to start from"),
        (["--fold", "0"], "--fold and --checkpoint must come with a trained model"),
        (["--look", "T2=nowhere.nii.gz"], "the scan nowhere.nii.gz does not exist"),
        (["--look", "T1={raw}/a_T1.nii.gz"], "must be of a contrast that is generated, T2 or FLAIR (got T1)"),
        (["--look", "T2={other}", "T2={other}"], "must name one scan of T2"),
        (["--look", "T2={synthetic}"], "must be a scan (got a synthetic image)"),
        (["--look", "T2={even}"], "must be an image (got a constant volume)"),
        (["--device", "tpu"], "--device must be one of this machine"),
    ],
)
def test_mistakes_are_one_line(more, words, raw, other, tmp_path, capsys):
    synthetic = shutil.copy(other, tmp_path / "c_T2.nii.gz")
    write_json(tmp_path / "c_T2.json", {"Synthetic": True})
    even = tmp_path / "even.nii.gz"
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.int16), AFFINE), even)
    filled = [word.format(raw=raw, other=other, synthetic=synthetic, even=even) for word in more]
    assert untrained(raw, tmp_path / "synth", *filled) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "synth").exists()


def test_a_look_with_a_trained_model_is_refused(raw, other, tmp_path, capsys):
    model = make_model(tmp_path / "results", "T1", "T2")
    assert predict(raw, tmp_path / "synth", "--model", model, "--look", other) == 2
    assert "add --model base" in capsys.readouterr().err


def test_a_cohort_that_lacks_nothing_says_what_to_ask_for(raw, tmp_path, capsys):
    for seed, contrast in enumerate(("T2", "FLAIR")):
        save_scan(raw / f"a_{contrast}.nii.gz", seed)
    assert untrained(raw, tmp_path / "synth") == 2
    assert "as in --target T2" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not shipped.FILE.is_file(), reason="this checkout has no weights")
def test_processes_make_the_same(raw, tmp_path, monkeypatch):
    monkeypatch.undo()  # processes of their own read the weights of the package
    shipped.shipped.cache_clear()
    save_scan(raw / "b_T1.nii.gz", seed=1)
    for out, processes in (("one", "1"), ("two", "2")):
        assert untrained(raw, tmp_path / out, "--target", "T2", "-np", processes) == 0
    for case in "ab":
        one, two = (load(tmp_path / out / f"{case}_T2.nii.gz").get_fdata() for out in ("one", "two"))
        np.testing.assert_array_equal(one, two)


def odd_heads():
    """Return scans that no plan foresees, by name: what is stripped needs no network to find its brain."""
    head, rng = brain_scan(), np.random.default_rng(3)
    upside_down = head.affine @ np.diag([1.0, -1, -1, 1])
    hole = head.data.copy()
    hole[20:30, 20:40, 8:12] = np.nan
    return {
        "small": (head.data, AFFINE @ np.diag([0.6, 0.6, 0.6, 1])),
        "upside down": (head.data, upside_down),
        "noise": (rng.normal(100, 20, SHAPE), AFFINE),
        "one slice": (head.data[:, :, 12:13], AFFINE),
        "two slices": (head.data[:, :, 12:14], AFFINE),
        "NaN": (hole, AFFINE),
        "even brain": (np.where(head.data > 0, 50.0, 0.0), AFFINE),
        "nothing": (np.zeros(SHAPE), AFFINE),
        "one voxel": (np.pad(np.ones((1, 1, 1)), [(9, SHAPE[0] - 10), (9, SHAPE[1] - 10), (9, SHAPE[2] - 10)]), AFFINE),
        "negative": (np.where(head.data > 0, head.data - 2000, 0), AFFINE),
        "huge values": (head.data * 1e12, AFFINE),
        "metre voxels": (head.data, np.diag([1000.0, 1000, 1000, 1])),
        "thin slab": (head.data[:, :, 10:16], AFFINE @ np.diag([0.2, 0.2, 6, 1])),
    }


@pytest.mark.parametrize("name", list(odd_heads()))
def test_an_odd_head_ends_in_volumes_or_in_one_clear_line(name, tmp_path, capsys):
    data, affine = odd_heads()[name]
    path = tmp_path / "raw" / "a_T1.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)
    code = untrained(path, tmp_path / "synth", "--stripped", "--target", "T2")
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    if code == 0:
        image, brain = (load(tmp_path / "synth" / f"a_T2{what}.nii.gz").get_fdata() for what in ("", "_brain"))
        assert image.shape == data.shape
        assert np.isfinite(image).all()
        assert image[brain > 0].max() > 0
        assert (image[brain == 0] == 0).all()
    else:
        lines = [line for line in said.out.splitlines() if line.startswith("  a  T2  ")] + said.err.splitlines()
        assert len(lines) == 1, said
        assert "Error:" not in lines[0]
        assert not list((tmp_path / "synth").glob("*")) if (tmp_path / "synth").exists() else True


def test_names_without_a_contrast_will_do_where_the_base_alone_generates(tmp_path, capsys):
    for name in ("one", "two"):
        save_scan(tmp_path / "raw" / f"{name}.nii.gz")
    assert untrained(tmp_path / "raw", tmp_path / "synth", "--target", "T2") == 0
    record = sidecar(tmp_path / "synth", "two_T2")
    assert (record["GivenWithoutName"], record["TakenAs"]) == ("unnamed", {})
    assert "given without a name" in capsys.readouterr().out
    save_scan(tmp_path / "raw" / "a_T1.nii.gz")
    assert untrained(tmp_path / "raw", tmp_path / "named", "--target", "T2") == 0
    assert [name for name in names(tmp_path / "named") if name.endswith(".json")] == ["a_T2.json"]
    make_model(tmp_path / "results", "T1", "T2")
    asked = ("--results", tmp_path / "results")
    assert predict(tmp_path / "raw" / "one.nii.gz", tmp_path / "trained", *asked) == 2
    assert "names must end with a contrast" in capsys.readouterr().err
