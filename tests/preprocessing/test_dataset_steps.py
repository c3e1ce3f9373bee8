import zipfile
from dataclasses import replace

import numpy as np
import pytest

from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.engine.ledger import Ledger
from hifisyn.engine.resources import GIB_A_WORKER
from hifisyn.engine.sweep import Engine
from hifisyn.plans import Plans, PreprocessingPlan, SlicePlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.dataset_steps import CUT, FORMAT, align_dataset, gib_of, settings_of, slice_dataset
from hifisyn.preprocessing.manual_labels import manual_label_path
from hifisyn.preprocessing.record import Record, steps_of
from hifisyn.preprocessing.steps import Stage, Tool
from hifisyn.slices import SliceStore
from hifisyn.volume import Volume
from tests.support.heads import grid, scan, truth

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
        slices=SlicePlan(**{"size": 48, "crop": 40, "pixel_mm": 4.0, "per_case": 9, **slices}),
        preprocessing=SETTINGS,
    )


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.slow
def test_a_cohort_is_aligned_and_cut_and_bad_cases_cost_no_other(dataset, tmp_path):
    aligned, slices = AlignedStore(tmp_path / "aligned"), SliceStore(tmp_path / "plans_2d")
    failures = align_dataset(dataset, aligned.folder, SETTINGS, processes=0)
    assert [f.case for f in failures] == ["empty", "shifted"]
    assert "empty_T2.nii.gz must be a NIfTI image (got a broken file" in failures[0].reason
    assert "the label map must be on the grid of T1" in failures[1].reason
    assert aligned.cases() == ["good", "held_out"]

    failures = slice_dataset(dataset, aligned, slices, plans(), processes=2)
    assert [f.case for f in failures] == ["empty", "shifted"]
    assert all("is not aligned in" in f.reason for f in failures)
    assert slices.cases() == ["good", "held_out"]
    record = slices.record("good")
    assert (record["modalities"], record["slices"], record["labelled"]) == (["T1", "T2"], 9, True)
    intensity = Record.from_json(record).scans["T2"].intensity
    assert intensity is not None
    assert intensity.high > 0
    for array in (slices.image("good", "T1"), slices.brain("good"), slices.label("good")):
        assert array.shape == (9, 48, 48)


@pytest.mark.slow
def test_what_is_done_is_done_again_only_after_a_change(dataset, tmp_path):
    aligned, slices = AlignedStore(tmp_path / "aligned"), SliceStore(tmp_path / "plans_2d")

    def work(settings=SETTINGS, plan=None, **options):
        align_dataset(dataset, aligned.folder, settings, processes=0, **options)
        slice_dataset(dataset, aligned, slices, plan or plans(), processes=0)
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


def test_slices_of_an_earlier_version_are_cut_again_from_the_same_aligned_cases(dataset, tmp_path, monkeypatch):
    aligned, slices = AlignedStore(tmp_path / "aligned"), SliceStore(tmp_path / "plans_2d")
    align_dataset(dataset, aligned.folder, SETTINGS, processes=0)
    with monkeypatch.context() as patch:
        patch.setitem(FORMAT, CUT, 2)  # of the version that stored the training slices alone
        slice_dataset(dataset, aligned, slices, plans(), processes=0)
    first = times(aligned.folder), times(slices.folder)
    align_dataset(dataset, aligned.folder, SETTINGS, processes=0)
    slice_dataset(dataset, aligned, slices, plans(), processes=0)
    assert changed((times(aligned.folder), times(slices.folder)), first) == (set(), {"good", "held_out"})


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


def align(dataset, tmp_path, settings=SETTINGS, ledger=None):
    """Align with a ledger in a folder, as a command does; return the failures and the entries by case."""
    with Ledger.opened(tmp_path / "ledger") as ledger:
        failures = align_dataset(dataset, tmp_path / "aligned", settings, engine=Engine(ledger, 1))
        return failures, {entry.case: entry for entry in ledger.entries("align")}


def test_a_label_map_corrected_by_hand_takes_the_place_of_the_other(dataset, tmp_path):
    case = dataset.cases["good"]
    dataset = replace(dataset, cases={"good": case}, test={})
    store = AlignedStore(tmp_path / "aligned")
    _, entries = align(dataset, tmp_path)
    assert entries["good"].labels == "given"
    first = times(store.folder)
    assert align(dataset, tmp_path)[1]["good"].when == entries["good"].when
    label = Volume.load(case.label, np.uint8)
    corrected = label.with_data(np.where(label.data == 2, 3, label.data).astype(np.uint8))
    path = manual_label_path(tmp_path, "good")
    corrected.save(path)
    _, entries = align(dataset, tmp_path)
    assert entries["good"].labels == "manual"
    assert set(np.unique(store.label("good").data)) == {0, 1, 3}
    second = times(store.folder)
    assert second["good.json"] != first["good.json"]
    case.label.write_bytes(b"not looked at any more")
    assert align(dataset, tmp_path)[1]["good"].labels == "manual"
    assert times(store.folder) == second
    label.save(path, overwrite=True)
    align(dataset, tmp_path)
    assert set(np.unique(store.label("good").data)) == {0, 1, 2, 3}
    label.save(case.label, overwrite=True)
    path.unlink()
    assert align(dataset, tmp_path)[1]["good"].labels == "given"


def test_the_own_brain_mask_of_a_case_is_used_and_its_change_noticed(dataset, tmp_path):
    case = dataset.cases["good"]
    brain = (Volume.load(case.label, np.uint8).data > 1).astype(np.uint8)
    mask = Volume.load(case.label, np.uint8).with_data(brain)
    mask.save(tmp_path / "brain.nii.gz")
    dataset = replace(dataset, cases={"good": replace(case, brain=tmp_path / "brain.nii.gz")}, test={})
    assert align(dataset, tmp_path)[0] == []
    store = AlignedStore(tmp_path / "aligned")
    assert store.brain("good").data.sum() == brain.sum()
    brain[:20] = 0
    mask.with_data(brain).save(tmp_path / "brain.nii.gz", overwrite=True)
    align(dataset, tmp_path)
    assert store.brain("good").data.sum() == brain.sum()


def test_what_was_done_to_a_case_before_is_not_done_again_to_this_case(dataset):
    case = dataset.cases["good"]
    wanted = PreprocessingPlan()
    assert settings_of(case, wanted) == wanted
    done = settings_of(replace(case, done=("skull_stripped", "registered", "bias_corrected")), wanted)
    assert (done.skull_strip, done.registration, done.bias) == ("none", "none", "never")
    assert settings_of(replace(case, done=("registered",)), wanted).skull_strip == wanted.skull_strip


@pytest.mark.slow
def test_steps_done_before_change_what_is_made_of_that_case_alone(dataset, tmp_path):
    settings = SETTINGS.model_copy(update={"bias": "always"})
    cases = {"good": dataset.cases["good"], "held_out": replace(dataset.test["held_out"], done=("bias_corrected",))}
    dataset = replace(dataset, cases=cases, test={})
    align(dataset, tmp_path, settings)
    store = AlignedStore(tmp_path / "aligned")
    assert str(steps_of(store.record("held_out"))[Stage.BIAS]) == "none: switched off"
    assert steps_of(store.record("good"))[Stage.BIAS].tool is Tool.N4
    before = times(store.folder)
    align(
        replace(dataset, cases=cases | {"good": replace(cases["good"], done=("bias_corrected",))}), tmp_path, settings
    )
    after = times(store.folder)
    assert {name for name in after if after[name] != before[name] and name.endswith(".json")} == {"good.json"}


def test_scans_in_archives_are_aligned_where_they_lie(dataset, tmp_path):
    case = dataset.cases["good"]
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        for path in case.files.values():
            archive.write(path, path.name)
    inside = {name: tmp_path / "good.zip" / path.name for name, path in case.files.items()}
    label = inside.pop("label")
    packed = replace(dataset, cases={"good": Case("good", "good", inside, label)}, test={})
    assert align(packed, tmp_path)[0] == []
    plain = tmp_path / "plain"
    align_dataset(replace(packed, cases={"good": case}), plain, SETTINGS, processes=0)
    both = [AlignedStore(folder).path("good", "T2").read_bytes() for folder in (plain, tmp_path / "aligned")]
    assert both[0] == both[1]


def test_slices_of_several_plans_stand_side_by_side(dataset, tmp_path):
    dataset = replace(dataset, cases={"good": dataset.cases["good"]}, test={})
    align(dataset, tmp_path)
    stores = [SliceStore(tmp_path / name) for name in ("plans_2d", "wide_2d")]
    for expected in (1, 0):
        with Ledger.opened(tmp_path / "ledger") as ledger:
            for store, count in zip(stores, (9, 5), strict=True):
                plan = plans(per_case=count)
                slice_dataset(dataset, AlignedStore(tmp_path / "aligned"), store, plan, engine=Engine(ledger, 1))
            assert ledger.recorded == 2 * expected
    assert [store.record("good")["slices"] for store in stores] == [9, 5]


def test_the_memory_of_a_subject_is_told_by_the_header_of_the_first_readable_case(dataset):
    small = gib_of(dataset)
    assert 0.5 < small < 1.5
    dataset.cases["good"].images["T1"].write_bytes(b"")
    assert gib_of(dataset) == small
    assert gib_of(replace(dataset, cases={}, test={})) == GIB_A_WORKER
