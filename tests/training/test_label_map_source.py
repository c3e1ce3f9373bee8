"""Simulated batches of heads from label maps: what they show, and a training that goes on with the same ones alone."""

# mypy: no-check-untyped-defs
from dataclasses import replace

import numpy as np
import pytest

from hifisyn.cli.train import main
from hifisyn.errors import FileError, UserError
from hifisyn.json_files import read_json
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.job import Job
from hifisyn.training.label_map_source import LabelMapSource, label_values
from hifisyn.training.request import Request, look_up
from hifisyn.volume import Volume
from tests.support.toy_heads import STEP, toy_numbers
from tests.support.training_toys import toy_dataset, toy_plans
from tests.training.test_sources import Anything, shares

NAMES = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
MIXED = shares(unpaired=0.5, simulated=0.5)


def write_maps(folder, count=2):
    """Write the toy head, `count` times, each a little larger."""
    folder.mkdir()
    for number in range(count):
        step = STEP * (1 + 0.05 * number)
        affine = np.diag([step, step, step, 1.0])
        Volume(toy_numbers().astype(np.float32), affine).save(folder / f"head_{number}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return write_maps(tmp_path_factory.mktemp("maps") / "heads")


def plans_of(**labels):
    plans = toy_plans(
        Anything, "slices.size=32", "slices.crop=32", "slices.pixel_mm=4.0", domains=("FLAIR", "T1", "PD")
    )
    return plans.model_copy(update={"labels": labels or NAMES})


def source_of(maps, plans=None, **changes):
    files = sorted(maps.glob("*"))
    return LabelMapSource(("FLAIR", "T1", "PD"), plans or plans_of(), files, **({"seed": 1, "context": 1} | changes))


@pytest.mark.slow
def test_both_contrasts_show_one_slice_its_labels_and_its_clean_look(maps):
    source, seen = source_of(maps), set()
    for iteration in range(8):
        item = source.read(iteration)
        one, other = item["images"]
        label = item["labels"][one]
        assert np.array_equal(label, item["labels"][other])
        seen |= set(np.unique(label))
        for contrast in (one, other):
            image = item["images"][contrast]
            assert image.shape == (2, 3, 32, 32)
            if contrast == "PD":  # which the base model never makes
                assert contrast not in item["clean"]
                continue
            clean = item["clean"][contrast]
            assert clean.shape == (2, 32, 32)
            assert ((image[:, 1] > -1) == (clean > -1)).mean() > 0.95  # a dark pixel of a brain may be -1
            assert np.corrcoef(image[:, 1].ravel(), clean.ravel())[0, 1] > 0.8
            assert not np.array_equal(image[:, 1], clean)
        t1 = item["clean"].get("T1")
        if t1 is not None:
            assert t1[label == NAMES["WM"]].mean() > t1[label == NAMES["CSF"]].mean() + 0.3
    assert seen == {0, 1, 2, 3, 4}


def test_a_batch_is_a_pure_function_of_maps_seed_step_and_rank(maps):
    one, same, rank, seed = (source_of(maps, **c).read(5) for c in ({}, {}, {"rank": 1}, {"seed": 2}))
    contrast = next(iter(one["images"]))
    assert np.array_equal(one["images"][contrast], same["images"][contrast])
    assert not np.array_equal(one["images"][contrast], rank["images"][contrast])
    assert not np.array_equal(next(iter(seed["images"].values())), one["images"][contrast])


def test_where_no_label_is_a_lesion_heads_have_none(maps):
    source = source_of(maps, plans_of(background=0, CSF=1, GM=2, WM=3))
    assert {int(v) for i in range(6) for v in np.unique(next(iter(source.read(i)["labels"].values())))} <= {0, 1, 2, 3}
    assert label_values({"background": 0, "WM": 7, "lesion": 2, "thing": 3}).tolist() == [0, 0, 0, 7, 2]


def test_every_map_makes_heads_and_of_very_many_some_do(maps):
    file = sorted(maps.glob("*"))[0]
    for count, heads in ((1, 16), (3, 18), (20, 20), (100, 32)):
        assert LabelMapSource(("T1", "T2"), plans_of(), [file] * count, 0).heads == heads


def test_batches_carry_what_is_clean(maps):
    with Batches(BatchLoader(source_of(maps))) as batches:
        batch = next(batches)
    assert set(batch.clean) == set(batch.domains) - {"PD"} != set()
    assert batch.to("cpu").clean.keys() == batch.clean.keys()


def words(roots, maps, *more):
    places = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    method = ["-tr", "tests.training.test_sources:Anything", "--set", MIXED]
    length = ["--iterations", "1", "--device", "cpu"]
    return ["TOY", "T1", "T2", "fold0", *method, *length, "--heads", str(maps), *more, *map(str, places)]


def test_a_training_remembers_its_heads_and_does_not_go_on_with_others(tmp_path, no_pictures, capsys):
    roots, maps = toy_dataset(tmp_path, Anything), write_maps(tmp_path / "heads")
    assert main(words(roots, maps, "--epochs", "1")) == 0
    (config,) = roots.results.glob("TOY/T1_T2/*/fold_0/config.json")
    before = read_json(config)["heads"]
    assert before["folder"] == str(maps)
    assert main(words(roots, maps, "--epochs", "2")) == 0  # goes on
    assert read_json(config)["heads"] == before
    (maps / "head_1.nii.gz").unlink()
    capsys.readouterr()
    assert main(words(roots, maps, "--epochs", "3", "--resume")) == 2
    assert "--heads must hold the label maps that" in capsys.readouterr().err


def test_heads_are_refused_where_nothing_is_simulated_and_where_they_are_none(tmp_path, maps):
    roots = toy_dataset(tmp_path, Anything)
    request = Request("TOY", ("T1", "T2"), 0, "tests.training.test_sources:Anything", roots=roots, heads=maps)
    with pytest.raises(UserError, match="--heads must be with a training that has simulated batches"):
        look_up(request)
    request = replace(request, assignments=(MIXED,))
    job, _ = look_up(request)
    assert isinstance(job, Job)
    assert [file.name for file in job.maps] == ["head_0.nii.gz", "head_1.nii.gz"]
    broken = write_maps(tmp_path / "broken")
    numbers = toy_numbers().astype(np.float32)
    numbers[0, 0, 0] = 499
    Volume(numbers, np.eye(4)).save(broken / "z.nii.gz")
    with pytest.raises(FileError, match="must hold labels of FreeSurfer or SynthSeg"):
        look_up(replace(request, heads=broken))
    with pytest.raises(UserError, match="the folder of label maps must hold NIfTI files"):
        look_up(replace(request, heads=tmp_path))
