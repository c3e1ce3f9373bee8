import numpy as np
import pytest

from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.plans import MemoryPlan, Plans, PreprocessingPlan, SlicePlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.record import Record
from hifisyn.preprocessing.run import align_dataset, cut_dataset
from hifisyn.slices import SliceStore
from hifisyn.volume import Volume
from tests.heads import grid, scan, truth

GRID = grid((40, 46, 20), (4, 4, 6), axes="LAS")
SETTINGS = PreprocessingPlan(skull_strip="none", bias="never", registration="none")


@pytest.fixture
def dataset(tmp_path):
    """Two sound cases, one of them held out, one with an empty file, one with labels on another grid."""
    folder = tmp_path / "raw"
    cases = {}
    for seed, name in enumerate(("good", "empty", "shifted", "held_out")):
        images = {m: folder / f"{name}_{m}.nii.gz" for m in ("T1", "T2")}
        for modality, path in images.items():
            volume, _ = scan(*GRID, modality, stripped=True, noise=2, seed=seed)
            volume.save(path)
        label = folder / f"{name}.nii.gz"
        shift = np.eye(4)
        shift[0, 3] = 3.0 if name == "shifted" else 0
        Volume(truth(volume), shift @ volume.affine).save(label)
        cases[name] = Case(name, name, images, label)
    cases["empty"].images["T2"].write_bytes(b"")
    held_out = {"held_out": cases.pop("held_out")}
    return Dataset("X", ("T1", "T2"), TISSUES, cases, held_out)


def plans(**slices):
    return Plans(
        dataset="X",
        modalities=("T1", "T2"),
        labels=TISSUES,
        memory=MemoryPlan(slots={}, global_slots=4),
        slices=SlicePlan(**{"size": 48, "crop": 40, "pixel_mm": 4.0, "per_case": 9, **slices}),
        preprocessing=SETTINGS,
    )


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_cohort_is_aligned_and_cut_and_bad_cases_cost_no_other(dataset, tmp_path):
    aligned, slices = AlignedStore(tmp_path / "aligned"), SliceStore(tmp_path / "plans_2d")
    failures = align_dataset(dataset, aligned.folder, SETTINGS, processes=0)
    assert [f.case for f in failures] == ["empty", "shifted"]
    assert "empty_T2.nii.gz: wanted a NIfTI image, found a broken file" in failures[0].reason
    assert "wanted the label map on the grid of T1" in failures[1].reason
    assert aligned.cases() == ["good", "held_out"]

    failures = cut_dataset(dataset, aligned, slices, plans(), processes=2)
    assert [f.case for f in failures] == ["empty", "shifted"]
    assert all("wanted the aligned case" in f.reason for f in failures)
    assert slices.cases() == ["good", "held_out"]
    record = slices.record("good")
    assert (record["modalities"], record["slices"], record["labelled"]) == (["T1", "T2"], 9, True)
    intensity = Record.from_json(record).scans["T2"].intensity
    assert intensity is not None
    assert intensity.high > 0
    for array in (slices.image("good", "T1"), slices.brain("good"), slices.label("good")):
        assert array.shape == (9, 48, 48)


def test_what_is_done_is_done_again_only_after_a_change(dataset, tmp_path):
    aligned, slices = AlignedStore(tmp_path / "aligned"), SliceStore(tmp_path / "plans_2d")

    def work(settings=SETTINGS, plan=None, **options):
        align_dataset(dataset, aligned.folder, settings, processes=0, **options)
        cut_dataset(dataset, aligned, slices, plan or plans(), processes=0)
        return times(aligned.folder), times(slices.folder)

    first = work()
    assert work() == first
    assert changed(work(plan=plans(per_case=8)), first) == (set(), {"good", "held_out"})
    first = work()
    volume, _ = scan(*GRID, "T1", stripped=True, noise=3)
    volume.save(dataset.cases["good"].images["T1"], overwrite=True)
    second = work()
    assert changed(second, first) == ({"good"}, {"good"})
    third = work(SETTINGS.model_copy(update={"bias": "always"}))
    assert changed(third, second)[0] == {"good", "held_out"}
    fourth = work(SETTINGS.model_copy(update={"bias": "always"}), overwrite=True)
    assert changed(fourth, third)[0] == {"good", "held_out"}


def changed(after, before):
    return tuple(
        {name.removesuffix(".json") for name in new if name.endswith(".json") and new[name] != old.get(name)}
        for new, old in zip(after, before, strict=True)
    )


def test_an_empty_label_map_of_a_healthy_subject_is_no_mistake(dataset, tmp_path):
    case = dataset.cases["good"]
    label = Volume.load(case.label, np.uint8)
    label.with_data(np.zeros_like(label.data)).save(case.label, overwrite=True)
    lesions = Dataset("X", ("T1", "T2"), {**TISSUES, "lesion": 4}, {"good": case})
    assert align_dataset(lesions, tmp_path / "aligned", SETTINGS, processes=0) == []
    assert set(np.unique(AlignedStore(tmp_path / "aligned").label("good").data)) == {0, 1, 2, 3}
    only = Dataset("X", ("T1", "T2"), {"background": 0, "lesion": 1}, {"good": case})
    assert align_dataset(only, tmp_path / "aligned", SETTINGS, processes=0) == []
    assert not AlignedStore(tmp_path / "aligned").label("good").data.any()
