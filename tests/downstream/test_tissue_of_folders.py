import json
import math

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from hifisyn.cli.downstream_eval import main
from hifisyn.downstream import tissue_of_folders as task
from hifisyn.evaluation.pairs import Loaded, Pair
from hifisyn.metrics.overlap import dice
from hifisyn.metrics.surface import hd95
from hifisyn.volume import Volume

AFFINE = np.diag([3.0, 3, 3, 1])
SHAPE = (34, 38, 32)
SHARES = tuple(name for name in task.MEASURES if not name.startswith("hd95"))
DISTANCES = tuple(name for name in task.MEASURES if name.startswith("hd95"))
T1 = {0: 0, 1: 150, 2: 400, 3: 600}


def anatomy(swelling=0.0):
    """Exact labels: white matter, a folded grey rim, CSF around and a ventricle within."""
    grids = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    x, y, z = grids
    folded = np.sqrt(x**2 + (0.9 * y) ** 2 + z**2) + 0.05 * np.sin(9 * x) * np.cos(8 * y) * np.sin(7 * z + 1)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[folded < 0.9] = 1
    labels[folded < 0.8] = 2
    labels[folded < 0.58 - swelling] = 3
    labels[(x / 0.12) ** 2 + ((y + 0.1) / 0.3) ** 2 + (z / 0.2) ** 2 < 1] = 1
    return labels


def scan(labels, seed, noise=12.0):
    values = np.vectorize(T1.get)(labels).astype(np.float32)
    values += np.random.default_rng(seed).normal(0, noise, SHAPE).astype(np.float32)
    return np.where(labels > 0, np.clip(values, 1, None), 0).astype(np.float32)


def save(path, data, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.nifti1.Nifti1Image(data, affine), path)


def write_case(root, case, synthetic, real, labels=None):
    save(root / "truth" / f"{case}_T1.nii.gz", real)
    save(root / "synth" / f"{case}_T1.nii.gz", synthetic)
    save(root / "synth" / f"{case}_T1_brain.nii.gz", (real > 0).astype(np.uint8))
    if labels is not None:
        save(root / "labels" / f"{case}.nii.gz", labels)


def run(root, *extra):
    arguments = [str(root / "synth"), str(root / "truth"), "-o", str(root / "out"), "--tool", "atropos"]
    return main([*arguments, *extra])


def by_threshold(volume, brain):
    return np.where(brain, np.digitize(volume.data, [1, 275, 500]), 0)


def loaded(synthetic, real):
    return Loaded(Volume(synthetic, AFFINE), Volume(real, AFFINE), real > 0, "file", False)


def test_the_maps_are_compared_with_each_other_and_with_the_labels():
    labels, swollen = anatomy(), anatomy(0.1)
    rows, maps = task.compare(loaded(scan(swollen, 0, 0), scan(labels, 1, 0)), by_threshold, labels)
    rows = rows.set_index("comparison")
    assert np.array_equal(maps["synthetic"], swollen)
    assert (rows.loc[task.CEILING, list(SHARES)] == 1).all()
    assert (rows.loc[task.CEILING, list(DISTANCES)] == 0).all()
    assert rows.loc[task.MAIN, "hd95_WM"] == hd95(labels == 3, swollen == 3, (3, 3, 3)) >= 3
    expected = dice(labels == 3, swollen == 3)
    assert rows.loc[task.MAIN, "dice_WM"] == rows.loc[task.EXACT, "dice_WM"] == expected < 0.9
    sizes = [int((m == 3).sum()) for m in (labels, swollen)]
    assert rows.loc[task.MAIN, "vs_WM"] == pytest.approx(1 - (sizes[0] - sizes[1]) / sum(sizes))


def test_without_labels_there_is_one_comparison():
    real = scan(anatomy(), 1)
    rows, _ = task.compare(loaded(real, real), by_threshold)
    assert rows["comparison"].tolist() == [task.MAIN]
    assert (rows[list(SHARES)] == 1).all(axis=None)
    assert (rows[list(DISTANCES)] == 0).all(axis=None)


def test_labels_a_hair_below_whole_numbers_are_not_truncated(tmp_path):
    save(tmp_path / "labels" / "A.nii.gz", anatomy().astype(np.float32) * np.float32(0.99997))
    pair = Pair("A_T1", tmp_path / "A_T1.nii.gz", None, None)
    read = task.read_labels(tmp_path / "labels", pair, Volume(anatomy(), AFFINE))
    np.testing.assert_array_equal(read, anatomy())


def test_the_mean_is_over_cases():
    row = dict.fromkeys(task.MEASURES, 0.5)
    cases = pd.DataFrame([{"comparison": task.MAIN} | row, {"comparison": task.MAIN} | row | {"dice_GM": 0.9}])
    mean = task.by_comparison(cases)
    assert mean["dice_GM"].tolist() == [0.7]
    assert mean["dice_GM_std"].iloc[0] == pytest.approx(0.4 / math.sqrt(2))
    assert mean["cases"].tolist() == [2]


@pytest.mark.slow
def test_equal_scans_have_equal_tissue(tmp_path, capsys):
    real = scan(anatomy(), 1)
    write_case(tmp_path, "A", real, real)
    assert run(tmp_path) == 0
    table = pd.read_csv(tmp_path / "out" / "subjects.csv")
    assert table["comparison"].tolist() == [task.MAIN]
    assert (table[list(SHARES)] == 1).all(axis=None)
    assert (table[list(DISTANCES)] == 0).all(axis=None)
    assert task.MAIN in capsys.readouterr().out


@pytest.mark.slow
def test_a_thinner_white_matter_shows_and_the_ceiling_says_how_good_the_tool_is(tmp_path):
    labels, swollen = anatomy(), anatomy(0.1)
    write_case(tmp_path, "A", scan(swollen, 0), scan(labels, 1), labels)
    assert run(tmp_path, "--labels", str(tmp_path / "labels")) == 0
    table = pd.read_csv(tmp_path / "out" / "subjects.csv").set_index("comparison")
    for name in task.LABELS:
        assert table.loc[task.CEILING, f"dice_{name}"] > 0.95
    exact = dice(labels == 3, swollen == 3)
    assert table.loc[task.MAIN, "dice_WM"] == pytest.approx(exact, abs=0.03)
    assert table.loc[task.EXACT, "dice_WM"] == pytest.approx(exact, abs=0.03)
    saved = Volume.load(tmp_path / "out" / "A_T1_real_tissue.nii.gz", np.uint8)
    assert np.mean(saved.data == labels) > 0.97
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"]["program"] == "atropos"
    assert "Atropos" in summary["settings"]["tool"]
    for picture in ("metrics.png", "A_T1.png"):
        assert (tmp_path / "out" / picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_bad_cases_are_listed_and_cost_no_other(tmp_path, capsys):
    real = scan(anatomy(), 1)
    for case in ("good", "maskless", "missing", "nolabels", "otherlabels"):
        write_case(tmp_path, case, real, real, anatomy())
    (tmp_path / "synth" / "maskless_T1_brain.nii.gz").unlink()
    (tmp_path / "truth" / "missing_T1.nii.gz").unlink()
    (tmp_path / "labels" / "nolabels.nii.gz").unlink()
    save(tmp_path / "labels" / "otherlabels.nii.gz", anatomy(), np.diag([2.0, 2, 2, 1]))
    assert run(tmp_path, "--labels", str(tmp_path / "labels")) == 1
    said = capsys.readouterr().err
    for words in ("--masks", "the real scan", "no labels nolabels", "resample the labels"):
        assert words in said
    assert set(pd.read_csv(tmp_path / "out" / "subjects.csv")["case"]) == {"good"}


def test_an_earlier_evaluation_and_other_contrasts_are_refused(tmp_path, capsys):
    real = scan(anatomy(), 1)
    write_case(tmp_path, "A", real, real)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text("{}")
    assert run(tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(tmp_path, "--overwrite", "--modality", "T1ce") == 2
    assert "CASE_T1ce.nii.gz" in capsys.readouterr().err
