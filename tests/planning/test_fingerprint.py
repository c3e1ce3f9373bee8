import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hifisyn.dataset import Case, Dataset
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.planning import planner
from hifisyn.planning.device import Device
from hifisyn.planning.fingerprint import extract, input_digest
from hifisyn.planning.measure import describe
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.record import Grid, Record, Scan
from hifisyn.settings import checked
from hifisyn.training.registry import trainer_class
from hifisyn.volume import Volume

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
MEANS = {"CSF": 100.0, "GM": 200.0, "WM": 300.0}


def head(scale=1.0, box=(10, 14, 8)):
    """A brick of brain in 2 x 1 x 3 mm voxels: three layers of tissue along the second axis, T1 in MEANS * scale."""
    label = np.zeros((20, 24, 12), np.uint8)
    label[4 : 4 + box[0], 5 : 5 + box[1], 2 : 2 + box[2]] = 3
    label[4 : 4 + box[0], 5:8, 2 : 2 + box[2]] = 1
    label[4 : 4 + box[0], 8:12, 2 : 2 + box[2]] = 2
    affine = np.diag([2.0, 1.0, 3.0, 1.0])
    affine[:3, 3] = (-20, -12, -18)
    t1 = np.select([label == v for v in (1, 2, 3)], [m * scale for m in MEANS.values()], 5.0).astype(np.float32)
    return Volume(t1, affine), Volume((label > 0).astype(np.uint8), affine), Volume(label, affine)


def mirrored_t2(volume):
    """A T2 of the same place whose first axis runs the other way: 1000 - T1."""
    affine = volume.affine @ np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] += volume.affine[:3, 0] * (volume.shape[0] - 1)
    return Volume(np.ascontiguousarray(1000 - volume.data[::-1]), affine)


def write(name, store, scale, key="", modalities=("T1", "T2"), box=(10, 14, 8)):
    """Put an aligned case into the store."""
    t1, brain, label = head(scale, box)
    images = {m: v for m, v in {"T1": t1, "T2": mirrored_t2(t1)}.items() if m in modalities}
    scans = {m: Scan(Grid.of(v)) for m, v in images.items()}
    store.write(name, Aligned(images, brain, label, Record("T1", scans)), key)


@pytest.fixture
def cohort(tmp_path):
    """Three training cases (the last without T2) and a held-out one a hundred times brighter."""
    store = AlignedStore(tmp_path / "aligned")
    write("A", store, 1.0)
    write("B", store, 2.0, box=(10, 15, 8))
    write("C", store, 4.0, modalities=("T1",))
    write("X", store, 100.0)
    cases = {n: Case(n, f"subject {n}", {m: Path(m) for m in ("T1", "T2")[: 1 if n == "C" else 2]}) for n in "ABC"}
    return Dataset("SET", ("T1", "T2"), LABELS, cases, {"X": Case("X", "subject X", {})}), store


def test_a_case_is_measured_in_millimetres_millilitres_and_scanner_units():
    t1, brain, label = head()
    found = describe({"T1": t1, "T2": mirrored_t2(t1)}, brain, label, LABELS, 99.5)
    assert found["brain_box_mm"] == [20.0, 14.0, 24.0]
    assert found["spacing_mm"] == [2.0, 1.0, 3.0]
    voxel_ml = 6 / 1000
    assert found["labels_ml"]["CSF"] == pytest.approx(10 * 3 * 8 * voxel_ml)
    assert found["labels_ml"]["WM"] == pytest.approx(10 * 7 * 8 * voxel_ml)
    assert found["labels_ml"]["background"] == pytest.approx((20 * 24 * 12 - 10 * 14 * 8) * voxel_ml)
    assert found["brain_ml"] == pytest.approx(10 * 14 * 8 * voxel_ml, abs=0.01)
    for name, mean in MEANS.items():
        assert found["intensities"]["T1"][name]["mean"] == pytest.approx(mean)
        assert found["intensities"]["T2"][name]["median"] == pytest.approx(1000 - mean)
        assert found["intensities"]["T2"][name]["std"] == pytest.approx(0)
    inside = t1.data[brain.data > 0]
    assert found["intensities"]["T1"]["brain"]["mean"] == pytest.approx(inside.mean(), rel=1e-4)
    assert found["intensities"]["T1"]["high"] == pytest.approx(np.percentile(inside, 99.5))


def test_a_scan_that_does_not_reach_all_of_the_brain_is_measured_where_it_does():
    t1, brain, label = head()
    slab = Volume(t1.data[:, :, :5], t1.affine)
    found = describe({"T1": slab}, brain, label, LABELS, 99.5)
    assert found["intensities"]["T1"]["WM"]["mean"] == pytest.approx(300)


def test_the_cohort_is_summed_up_over_training_cases_only(cohort):
    dataset, store = cohort
    found = extract(dataset, store, dataset.cases)
    assert found["cases"] == ["A", "B", "C"]
    assert found["subjects"] == 3
    assert found["intensities"]["T1"]["cases"] == 3
    assert found["intensities"]["T2"]["cases"] == 2
    assert found["intensities"]["T1"]["high"] == {"median": 600.0, "min": 300.0, "max": 1200.0}
    assert found["intensities"]["T1"]["span"] == {"median": 595.0, "min": 295.0, "max": 1195.0}
    assert found["intensities"]["T1"]["GM"]["mean"] == pytest.approx(400)
    assert found["geometry"]["brain_box_mm"]["max"] == [20.0, 15.0, 24.0]
    assert found["geometry"]["brain_slices"]["min"] == 8
    assert found["structures"]["GM"]["cases"] == 3
    assert found["structures"]["WM"]["median_ml"] == pytest.approx(10 * 7 * 8 * 0.006, abs=1e-3)
    assert found["structures"]["WM"]["max_ml"] == pytest.approx(10 * 8 * 8 * 0.006, abs=1e-3)


def test_held_out_cases_cannot_be_named(cohort):
    dataset, store = cohort
    with pytest.raises(ValueError, match="X"):
        extract(dataset, store, ["A", "X"])


def test_a_plan_can_be_made_of_it_and_it_is_plain_data(cohort, tmp_path):
    dataset, store = cohort
    found = extract(dataset, store, dataset.cases, digest="sha256:1")
    write_json(tmp_path / "f.json", found)
    assert read_json(tmp_path / "f.json") == found
    plans = planner.plan(found, Device("cpu", 8, 1, 4), trainer_class("HiFiSyn"))
    assert plans.intensity_scale["T1"] == 595.0
    assert plans.fingerprint == "sha256:1"
    assert checked(HiFiSynSettings, plans.settings).memory.total == 20


def test_a_structure_that_no_case_holds_is_reported_with_zero(cohort):
    dataset, store = cohort
    dataset = replace(dataset, labels=LABELS | {"lesion": 4})
    found = extract(dataset, store, dataset.cases)
    assert found["structures"]["lesion"] == {"cases": 0, "median_ml": 0.0, "min_ml": 0.0, "max_ml": 0.0}


def test_what_was_measured_is_kept_until_the_case_changes(cohort, tmp_path):
    dataset, store = cohort
    facts = tmp_path / "facts"
    first = extract(dataset, store, dataset.cases, facts=facts)
    before = {path.name: read_json(path)["facts"] for path in facts.iterdir()}
    times = {path.name: path.stat().st_mtime_ns for path in facts.iterdir()}
    write("B", store, 3.0, key="new")
    second = extract(dataset, store, dataset.cases, facts=facts)
    changed = {path.name for path in facts.iterdir() if path.stat().st_mtime_ns != times[path.name]}
    assert changed == {"B.json"}
    after = {path.name: read_json(path)["facts"] for path in facts.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"B.json"}
    assert second["intensities"] != first["intensities"]


def test_a_broken_aligned_case_is_named(cohort):
    dataset, store = cohort
    store.path("B", "T1").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"1 of 3 aligned cases cannot be measured: B: .*B_T1\.nii\.gz"):
        extract(dataset, store, dataset.cases)


def test_the_digest_changes_with_cases_subjects_labels_and_settings_and_with_nothing_else(cohort):
    dataset, store = cohort
    settings = PreprocessingPlan()
    digest = input_digest(dataset, store, dataset.cases, settings)
    assert digest.startswith("sha256:")
    assert digest == input_digest(dataset, store, reversed(dataset.cases), settings)
    write("X", store, 50.0, key="held out, changed")
    assert digest == input_digest(dataset, store, dataset.cases, settings)
    other_subject = dataset.cases | {"A": replace(dataset.cases["A"], subject="another")}
    others = [
        input_digest(dataset, store, ["A", "B"], settings),
        input_digest(dataset, store, dataset.cases, PreprocessingPlan(upper_percentile=99)),
        input_digest(replace(dataset, labels=LABELS | {"lesion": 4}), store, dataset.cases, settings),
        input_digest(replace(dataset, cases=other_subject), store, dataset.cases, settings),
    ]
    write("B", store, 2.0, key="other files")
    others.append(input_digest(dataset, store, dataset.cases, settings))
    assert len({digest, *others}) == len(others) + 1


@pytest.mark.real_data
def test_a_real_brain_is_measured_as_anatomy_has_it():
    folder = os.environ.get("HIFISYN_TEST_DATA")
    if not folder:
        pytest.skip("HIFISYN_TEST_DATA names no folder of real scans")
    patient = Path(folder) / "ms_mni" / "patient07"
    images = {name: Volume.load(patient / f"{name}.nii.gz") for name in ("T1", "FLAIR")}
    brain = images["T1"].with_data((images["T1"].data > 0).astype(np.uint8)).canonical()
    lesion = Volume.load(patient / "GOLD_STANDARD.nii.gz", dtype=np.uint8).canonical()
    found = describe(images, brain, lesion, {"background": 0, "lesion": 1}, 99.5)
    assert 1000 < found["brain_ml"] < 2000
    across, along, up = found["brain_box_mm"]
    assert 110 < across < along < 200
    assert 100 < up < 190
    assert found["labels_ml"]["lesion"] == pytest.approx((lesion.data == 1).sum() / 1000, abs=1e-3)
    inside = images["FLAIR"].data[images["T1"].data > 0]
    assert found["intensities"]["FLAIR"]["brain"]["mean"] == pytest.approx(inside.mean(), rel=0.01)
    assert found["intensities"]["FLAIR"]["lesion"]["mean"] > found["intensities"]["FLAIR"]["brain"]["mean"]
