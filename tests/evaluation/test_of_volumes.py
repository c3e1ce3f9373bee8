import json
import math
import subprocess
import sys
import time

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from hifisyn.cli.evaluate import main
from hifisyn.cli.predict import main as predict
from hifisyn.errors import UserError
from hifisyn.evaluation import stacks
from hifisyn.evaluation.measures import LOWER_IS_BETTER, MEASURES, TITLES, by_case, by_dataset, score
from hifisyn.evaluation.pairs import find_pairs
from hifisyn.metrics.image import ms_ssim
from hifisyn.volume import Volume
from tests.inference.test_predict import make_model, save_scan

SCALE = 800.0
SHAPE = (40, 48, 24)


def oblique(spacing=(2.0, 1.5, 3.0), degrees=12.0):
    angle = math.radians(degrees)
    turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = [-40, -30, -20]
    return affine


def head(seed=0, shape=SHAPE):
    """A smooth random brain in scanner units, 0 outside an off-centre ellipsoid, and its mask."""
    rng = np.random.default_rng(seed)
    grids = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    brain = sum(((g - c) / r) ** 2 for g, c, r in zip(grids, (0.1, -0.05, 0.1), (0.7, 0.8, 0.8), strict=True)) < 1
    texture = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    texture = (texture - texture[brain].min()) / np.ptp(texture[brain])
    return np.where(brain, 100 + 600 * texture, 0).astype(np.float32), brain


def save(path, data, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


def write_case(root, case="A", *, seed=0, synthetic=None, affine=None, scale=SCALE, mask=True, modality="T2"):
    """Write truth and synthetic volume; by default the synthetic one is the truth in other units."""
    data, brain = head(seed)
    affine = oblique() if affine is None else affine
    high = float(np.percentile(data[brain], 99.5))
    made = np.clip(data / high, 0, 1) * SCALE if synthetic is None else synthetic
    save(root / "truth" / f"{case}_{modality}.nii.gz", data, affine)
    save(root / "synth" / f"{case}_{modality}.nii.gz", np.where(brain, made, 0).astype(np.float32), affine)
    if mask:
        save(root / "synth" / f"{case}_{modality}_brain.nii.gz", brain.astype(np.uint8), affine)
    if scale is not None:
        (root / "synth" / f"{case}_{modality}.json").write_text(json.dumps({"IntensityScale": scale}))
    return data, brain


def run(root, *extra):
    return main([str(root / "synth"), str(root / "truth"), "-o", str(root / "out"), *extra])


def table(root, name="subjects"):
    return pd.read_csv(root / "out" / f"{name}.csv")


def test_the_truth_in_other_units_is_perfect(tmp_path):
    write_case(tmp_path)
    assert run(tmp_path) == 0
    slices = table(tmp_path, "slices")
    assert len(slices) > 10
    assert (slices["psnr"] > 100).all()
    assert slices["ssim"].min() > 1 - 1e-6
    assert slices["correlation"].min() > 1 - 1e-6


@pytest.mark.slow
def test_a_known_error_gives_the_psnr_of_the_closed_form(tmp_path):
    data, brain = head()
    high = float(np.percentile(data[brain], 99.5))
    shift = np.where(np.indices(SHAPE).sum(axis=0) % 2, 0.1, -0.1)
    x = np.clip(np.clip(2 * data / high - 1, -1, 1), -0.85, 0.85)
    truth = np.where(brain, (x + 1) / 2 * 1000, 0).astype(np.float32)
    save(tmp_path / "truth" / "A_T2.nii.gz", truth, oblique())
    top = float(np.percentile(((x + 1) / 2 * 1000)[brain], 99.5))
    # The synthetic volume is the truth as the evaluation sees it, plus or minus 0.1 of [-1, 1].
    seen = np.clip(2 * ((x + 1) / 2 * 1000) / top - 1, -1, 1)
    made = np.where(seen + shift > 1, seen - 0.1, seen + shift)
    save(tmp_path / "synth" / "A_T2.nii.gz", np.where(brain, (made + 1) / 2 * SCALE, 0).astype(np.float32), oblique())
    save(tmp_path / "synth" / "A_T2_brain.nii.gz", brain.astype(np.uint8), oblique())
    (tmp_path / "synth" / "A_T2.json").write_text(json.dumps({"IntensityScale": SCALE}))
    assert run(tmp_path) == 0
    slices = table(tmp_path, "slices")
    np.testing.assert_allclose(slices["psnr_brain"], 10 * math.log10(4 / 0.01), atol=1e-3)
    share = slices["brain_pixels"] / (SHAPE[0] * SHAPE[1])
    np.testing.assert_allclose(slices["psnr"], 10 * np.log10(4 / (0.01 * share)), atol=1e-3)


@pytest.mark.slow
def test_slices_are_axial_whatever_the_order_of_the_axes(tmp_path):
    data, brain = write_case(tmp_path / "ras")
    write_case(tmp_path / "other")
    for part in ("synth", "truth"):
        for file in (tmp_path / "other" / part).glob("*.nii.gz"):
            image = nib.nifti1.load(file)
            change = nib.orientations.ornt_transform(
                nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("PSR")
            )
            nib.save(image.as_reoriented(change), file)
    noise = np.random.default_rng(3).normal(0, 20, SHAPE)
    for root, codes in ((tmp_path / "ras", "RAS"), (tmp_path / "other", "PSR")):
        made = Volume(np.where(brain, data + noise, 0).astype(np.float32), oblique()).reoriented(codes)
        made.save(root / "synth" / "A_T2.nii.gz", overwrite=True)
        assert run(root) == 0
    pd.testing.assert_frame_equal(table(tmp_path / "ras", "slices"), table(tmp_path / "other", "slices"))
    expected = [n for n in brain.sum(axis=(0, 1)) if n >= 0.02 * SHAPE[0] * SHAPE[1]]
    assert table(tmp_path / "ras", "slices")["brain_pixels"].tolist() == expected


def test_axial_rows_run_from_anterior_and_columns_from_right():
    data = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    stack = stacks.axial(Volume(data, np.diag([1.0, 1, 1, 1])))
    assert stack.shape == (6, 5, 4)
    assert stack[2, 0, 0] == data[3, 4, 2]


@pytest.mark.slow
def test_slices_with_little_brain_are_left_out_and_counted(tmp_path):
    _, brain = write_case(tmp_path)
    assert run(tmp_path, "--min-brain", "0.2") == 0
    expected = [n for n in brain.sum(axis=(0, 1)) if n >= 0.2 * SHAPE[0] * SHAPE[1]]
    assert table(tmp_path, "slices")["brain_pixels"].tolist() == expected
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["pairs"][0]["slices_left_out"] == SHAPE[2] - len(expected)


@pytest.mark.slow
def test_the_mask_parts_brain_from_what_does_not_count(tmp_path):
    data, brain = write_case(tmp_path)
    truth = np.where(brain, data, 5000).astype(np.float32)
    save(tmp_path / "truth" / "A_T2.nii.gz", truth, oblique())
    assert run(tmp_path) == 0
    assert table(tmp_path)["psnr"].iloc[0] > 100


def test_without_a_sidecar_the_synthetic_volume_is_measured_as_the_truth(tmp_path):
    data, _ = head()
    write_case(tmp_path, synthetic=3 * data, scale=None)
    assert run(tmp_path) == 0
    assert table(tmp_path)["psnr"].iloc[0] > 100
    pair = json.loads((tmp_path / "out" / "summary.json").read_text())["pairs"][0]
    assert "percentile" in pair["scale"]


def test_the_scale_of_the_sidecar_counts(tmp_path):
    write_case(tmp_path, scale=2 * SCALE)
    assert run(tmp_path) == 0
    assert table(tmp_path)["psnr"].iloc[0] < 20


@pytest.mark.slow
def test_masks_from_another_folder_and_no_mask_at_all(tmp_path):
    _, brain = write_case(tmp_path, mask=False)
    half = brain.copy()
    half[:20] = False
    save(tmp_path / "masks" / "A.nii.gz", half.astype(np.uint8), oblique())
    assert run(tmp_path) == 0
    whole = table(tmp_path, "slices")["brain_pixels"].sum()
    assert run(tmp_path, "--masks", str(tmp_path / "masks"), "--overwrite") == 0
    assert table(tmp_path, "slices")["brain_pixels"].sum() < 0.7 * whole


def test_bad_cases_are_listed_and_cost_no_other(tmp_path, capsys):
    write_case(tmp_path, "good")
    write_case(tmp_path, "grid", seed=1)
    write_case(tmp_path, "missing", seed=2)
    write_case(tmp_path, "broken", seed=3)
    write_case(tmp_path, "scale", seed=4, scale=-1)
    save(tmp_path / "truth" / "grid_T2.nii.gz", head(1)[0], oblique(degrees=0))
    (tmp_path / "truth" / "missing_T2.nii.gz").unlink()
    (tmp_path / "truth" / "broken_T2.nii.gz").write_bytes(b"no image")
    assert run(tmp_path) == 1
    said = capsys.readouterr()
    assert "good" not in said.err.split("not compared")[1]
    for line in ("--register", "the real scan missing_T2.nii.gz does not exist", "broken file", "IntensityScale"):
        assert line in said.err
    assert table(tmp_path)["case"].tolist() == ["good"]
    failures = json.loads((tmp_path / "out" / "summary.json").read_text())["failures"]
    assert sorted(failures) == ["broken_T2", "grid_T2", "missing_T2", "scale_T2"]


def test_all_bad_still_ends_in_a_table(tmp_path, capsys):
    write_case(tmp_path)
    (tmp_path / "truth" / "A_T2.nii.gz").unlink()
    assert run(tmp_path) == 2
    assert "A_T2" in capsys.readouterr().err


@pytest.mark.slow
def test_a_truth_that_cannot_be_registered_is_left_out(tmp_path, capsys):
    affine = np.diag([2.0, 2, 2, 1])
    data, _ = write_case(tmp_path, affine=affine)
    noise = np.random.default_rng(3).uniform(0, data.max(), data.shape).astype(np.float32)
    moved = affine.copy()
    moved[:3, 3] += 3
    save(tmp_path / "truth" / "A_T2.nii.gz", noise, moved)
    assert run(tmp_path, "--register") == 2
    assert "the registration of the real scan to the synthetic one must be trusted" in capsys.readouterr().err


@pytest.mark.slow
def test_a_turned_truth_is_registered_on_request(tmp_path):
    affine = np.diag([2.0, 2, 2, 1])
    data, _ = write_case(tmp_path, affine=affine)
    angle = math.radians(5)
    motion = np.eye(4)
    motion[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    motion[:3, 3] = [4, -3, 2]
    save(tmp_path / "truth" / "A_T2.nii.gz", data, motion @ affine)
    assert run(tmp_path) == 2
    assert run(tmp_path, "--register", "--overwrite") == 0
    assert table(tmp_path)["correlation"].iloc[0] > 0.97
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["pairs"][0]["registered"] is True


@pytest.mark.slow
def test_tables_agree_with_each_other_and_state_their_terms(tmp_path, capsys):
    rng = np.random.default_rng(5)
    for number, case in enumerate("ABC"):
        data, _ = head(number)
        write_case(tmp_path, case, seed=number, synthetic=data + rng.normal(0, 40, SHAPE))
    assert run(tmp_path) == 0
    slices, cases = table(tmp_path, "slices"), table(tmp_path)
    for measure in MEASURES:
        by_hand = [slices.loc[slices["case"] == case, measure].mean() for case in "ABC"]
        np.testing.assert_allclose(cases[measure], by_hand, atol=2e-6)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    row = summary["mean"][0]
    assert row["cases"] == 3
    assert row["slices"] == len(slices)
    assert row["ssim"] == pytest.approx(cases["ssim"].mean(), abs=1e-6)
    assert row["ssim_std"] == pytest.approx(cases["ssim"].std(ddof=1), abs=1e-6)
    assert summary["settings"]["data_range"] == 2
    assert "scikit-image" in summary["versions"]
    printed = capsys.readouterr().out
    assert f"{row['psnr']:.2f} ± {row['psnr_std']:.2f}" in printed
    for picture in ("metrics.png", "A_T2.png"):
        assert (tmp_path / "out" / picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_an_earlier_evaluation_is_not_overwritten(tmp_path, capsys):
    write_case(tmp_path)
    assert run(tmp_path) == 0
    before = (tmp_path / "out" / "summary.json").read_bytes()
    assert run(tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["synth"], "TRUTH"), (["nowhere", "nowhere"], "folder"), (["synth", "--model", "m"], "exclude each other")],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, words):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "synth").mkdir()
    with pytest.raises(UserError, match="hifisyn_predict"):
        find_pairs(tmp_path / "synth", tmp_path / "synth")


@pytest.mark.slow
def test_what_prediction_writes_is_what_evaluation_reads(tmp_path):
    raw, truth, synth = (tmp_path / name for name in ("raw", "truth", "synth"))
    model = make_model(tmp_path / "results", "T1", "T2")
    save_scan(raw / "a_T1.nii.gz", seed=0)
    scan = Volume.load(save_scan(truth / "a_T2.nii.gz", seed=0))
    assert predict(["-i", str(raw), "-o", str(synth), "--model", str(model), "--device", "cpu"]) == 0
    assert run(tmp_path, "--min-brain", "0") == 0
    notes = json.loads((tmp_path / "out" / "summary.json").read_text())["pairs"][0]
    assert notes["mask"] == "file"
    assert notes["scale"] == "sidecar, 600"
    mask = Volume.load(synth / "a_T2_brain.nii.gz", np.uint8)
    slices = table(tmp_path, "slices")
    assert slices["brain_pixels"].sum() == mask.data.sum()
    made, brain = Volume.load(synth / "a_T2.nii.gz").data, mask.data > 0
    top = np.percentile(scan.data[brain], 99.5)
    k = int(slices["slice"].iloc[len(slices) // 2])
    inside = brain[:, :, k]
    x, y = (np.clip(2 * a[:, :, k][inside] / unit - 1, -1, 1) for a, unit in ((made, 600), (scan.data, top)))
    expected = 10 * math.log10(4 / np.mean((x - y) ** 2))
    assert slices.set_index("slice")["psnr_brain"][k] == pytest.approx(expected, abs=1e-3)


def test_each_column_is_its_measure_slice_by_slice():
    rng = np.random.default_rng(0)
    truth, synthetic = rng.uniform(-1, 1, (2, 3, 20, 16))
    brain = rng.random(truth.shape) < 0.6
    rows = score(synthetic, truth, brain)
    for k in range(3):
        x, y, mask = synthetic[k], truth[k], brain[k]
        assert rows["psnr"][k] == pytest.approx(peak_signal_noise_ratio(y, x, data_range=2))
        assert rows["psnr_brain"][k] == pytest.approx(peak_signal_noise_ratio(y[mask], x[mask], data_range=2))
        assert rows["correlation"][k] == pytest.approx(np.corrcoef(x[mask], y[mask])[0, 1])
        settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        mean, full = structural_similarity(x + 1, y + 1, data_range=2, full=True, **settings)
        assert rows["ssim"][k] == pytest.approx(mean)
        assert rows["ssim_brain"][k] == pytest.approx(full[mask].mean())
        assert rows["ms_ssim"][k] == ms_ssim(x, y)
        for measure, inside in (("nmse", np.ones_like(mask)), ("nmse_brain", mask)):
            root = normalized_root_mse(y[inside] + 1, x[inside] + 1, normalization="euclidean")
            assert rows[measure][k] == pytest.approx(root**2)


def test_of_every_measure_it_is_known_which_way_is_better():
    rng = np.random.default_rng(0)
    truth, noise = rng.uniform(-1, 1, (2, 1, 20, 20))
    brain = np.ones(truth.shape, dtype=bool)
    near, far = (score(truth + share * noise, truth, brain).iloc[0] for share in (0.1, 0.8))
    assert {m for m in MEASURES if near[m] < far[m]} == set(LOWER_IS_BETTER)
    assert set(TITLES) == set(MEASURES)


def test_slices_without_brain_do_not_count_and_cases_weigh_the_same():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (4, 16, 16))
    brain = np.zeros(truth.shape, dtype=bool)
    brain[1:3, 4:12, 4:12] = True
    brain[3, 4, 4] = True
    rows = score(truth * 0.9, truth, brain, min_pixels=5)
    assert rows["slice"].tolist() == [1, 2]
    many = pd.concat([rows.assign(case="A", psnr=20.0)] * 3 + [rows.assign(case="B", psnr=[30.0, math.inf])])
    cases = by_case(many)
    assert cases["psnr"].tolist() == [20, 30]
    assert cases["slices"].tolist() == [6, 2]
    whole = by_dataset(cases)
    assert whole["psnr"].tolist() == [25]
    assert whole["psnr_std"].iloc[0] == pytest.approx(math.sqrt(50))
    assert whole[["cases", "slices"]].to_numpy().tolist() == [[2, 8]]


def test_help_comes_at_once():
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "hifisyn.cli.evaluate", "-h"], capture_output=True, check=True)
    assert done.returncode == 0
    assert time.monotonic() - start < 5
    code = "import sys, hifisyn.cli.evaluate; print({'torch', 'pandas', 'nibabel', 'matplotlib'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert loaded.stdout.strip() == "set()"
