"""Scores inside the structures of a label map: against plain loops, and in a folder of volumes."""

import json
import math

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from skimage.metrics import structural_similarity

from hifisyn.cli.evaluate import main
from hifisyn.evaluation import regions
from hifisyn.metrics.image import ssim_map
from tests.evaluation.test_of_volumes import SHAPE, head, oblique, run, save, table, write_case

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "oedema": 4, "core": 5}


@pytest.fixture
def stacks():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (4, 20, 18)).astype(np.float32)
    made = (0.7 * truth + 0.1 * rng.standard_normal(truth.shape)).astype(np.float32)
    label = rng.integers(0, 5, truth.shape).astype(np.uint8)
    label[1][label[1] == 2] = 0
    return made, truth, label


def score(made, truth, label, labels=LABELS):
    table = regions.score(made, truth, label, regions.of_labels(labels), ssim_map(made, truth))
    return table.set_index("region")


def test_each_measure_is_the_mean_over_the_slices_that_hold_the_structure(stacks):
    made, truth, label = (stack.astype(float) for stack in stacks)
    rows = score(*stacks)
    settings = {"data_range": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for name, values in (("GM", [2]), ("oedema", [4]), ("lesion", [4, 5])):
        found: dict[str, list[float]] = {measure: [] for measure in regions.MEASURES}
        pixels = 0
        for x, y, cut in zip(made, truth, label, strict=True):
            inside = np.isin(cut, values)
            if not inside.any():
                continue
            pixels += inside.sum()
            error = math.fsum((p - q) ** 2 for p, q in zip(x[inside], y[inside], strict=True))
            found["psnr"].append(10 * math.log10(4 / (error / inside.sum())))
            found["nmse"].append(error / math.fsum((q + 1) ** 2 for q in y[inside]))
            found["ssim"].append(structural_similarity(x + 1, y + 1, full=True, **settings)[1][inside].mean())
            found["correlation"].append(np.corrcoef(x[inside], y[inside])[0, 1])
        assert rows.loc[name, "pixels"] == pixels
        for measure, values_of_slices in found.items():
            assert rows.loc[name, measure] == pytest.approx(np.mean(values_of_slices), abs=1e-9)


def test_what_lies_outside_a_structure_does_not_count(stacks):
    made, truth, label = stacks
    other = np.where(label == 3, made, -truth)
    before, after = score(made, truth, label).loc["WM"], score(other, truth, label).loc["WM"]
    for measure in ("psnr", "nmse", "correlation"):
        assert after[measure] == before[measure]


def test_a_structure_that_is_not_there_has_no_row(stacks):
    assert set(score(*stacks).index) == {"CSF", "GM", "WM", "oedema", "lesion"}
    assert score(stacks[0], stacks[1], np.zeros_like(stacks[2])).empty


def test_several_lesions_are_one_structure_too():
    assert regions.of_labels(LABELS)["lesion"] == (4, 5)
    assert set(regions.of_labels({"background": 0, "GM": 2, "tumour": 4})) == {"GM", "tumour"}
    clash = regions.of_labels({"background": 0, "lesion": 4, "core": 5})
    assert clash == {"lesion": (4,), "core": (5,), "any lesion": (4, 5)}


def test_a_data_set_averages_its_cases():
    cases = pd.DataFrame(
        {
            "method": "m",
            "case": ["a", "b", "b"],
            "region": ["GM", "GM", "WM"],
            "psnr": [20, 30, math.inf],
            "nmse": [0.1, 0.3, 0],
            "ssim": [0.5, math.nan, 1],
            "correlation": 1.0,
        }
    )
    rows = regions.by_dataset(cases, ["method"]).set_index("region")
    assert rows["cases"].to_dict() == {"GM": 2, "WM": 1}
    assert rows["psnr"].to_dict() == {"GM": 25, "WM": math.inf}
    assert rows["ssim"].to_dict() == {"GM": 0.5, "WM": 1}


def write_label(root, case, brain):
    """Write a label map of two halves of the brain, 1 and 4; return it."""
    label = np.where(brain, np.where(np.arange(SHAPE[0])[:, None, None] < SHAPE[0] // 2, 1, 4), 0).astype(np.uint8)
    save(root / "labelsTr" / f"{case}.nii.gz", label, oblique())
    return label


@pytest.mark.slow
def test_volumes_with_label_maps_are_scored_inside_each_structure(tmp_path):
    data, brain = head()
    noise = np.random.default_rng(1).normal(0, 40, SHAPE)
    write_case(tmp_path, "A", synthetic=data + noise)
    write_case(tmp_path, "B", seed=1)
    label = write_label(tmp_path, "A", brain)
    labels = ["--labels", str(tmp_path / "labelsTr")]
    assert run(tmp_path, *labels) == 0
    rows = table(tmp_path, "regions")
    assert set(rows["case"]) == {"A"}
    assert set(rows["region"]) == {"label 1", "label 4"}
    top = np.percentile(data[brain], 99.5)
    # A synthetic volume's sidecar says 800 at +1; the truth is scaled by its own percentile.
    x = np.clip(2 * np.where(brain, data + noise, 0).astype(np.float32) / 800 - 1, -1, 1)
    y = np.clip(2 * data / top - 1, -1, 1)
    slices = table(tmp_path, "slices").query("case == 'A'")["slice"]
    found = []
    for k in slices:
        inside = label[:, :, k] == 4
        if inside.any():
            found.append(10 * math.log10(4 / np.mean((x[:, :, k][inside] - y[:, :, k][inside]) ** 2)))
    assert rows.set_index("region").loc["label 4", "psnr"] == pytest.approx(np.mean(found), abs=1e-3)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [pair["labels"] for pair in summary["pairs"]] == [True, False]
    assert {row["region"] for row in summary["regions"]} == {"label 1", "label 4"}

    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "CSF": 1, "tumour": 4}}))
    assert run(tmp_path, *labels, "--overwrite") == 0
    assert set(table(tmp_path, "regions")["region"]) == {"CSF", "tumour"}
    assert run(tmp_path, "--overwrite") == 0
    assert not (tmp_path / "out" / "regions.csv").exists()


def test_a_label_map_on_another_grid_is_told(tmp_path, capsys):
    _, brain = write_case(tmp_path)
    nib.save(nib.Nifti1Image(brain.astype(np.uint8), oblique(degrees=0)), tmp_path / "A.nii.gz")
    assert run(tmp_path, "--labels", str(tmp_path)) == 2
    assert "resample the labels" in capsys.readouterr().err
    (tmp_path / "dataset.json").write_text('{"labels": {"tumour": [1, 2]}}')
    write_label(tmp_path, "A", brain)
    assert main([str(tmp_path / n) for n in ("synth", "truth")] + ["--labels", str(tmp_path / "labelsTr")]) == 2
    assert "fix the file" in capsys.readouterr().err
