"""Batches from anywhere: pairs of contrasts, paired slices, simulated heads, mixes, and neighbours."""

# mypy: no-check-untyped-defs
from collections import Counter
from dataclasses import replace
from itertools import combinations, islice

import numpy as np
import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.simulation import mr_signal
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.contract import Needs
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from hifisyn.training.mixed_source import MixedSource
from hifisyn.training.mixed_source import mix as mix_sources
from hifisyn.training.request import Request, look_up
from hifisyn.training.simulated_source import SimulatedSource, sliced_head
from hifisyn.training.slice_source import PairedSliceSource, SliceSource
from hifisyn.training.source import BatchSource, contrasts_of_step
from hifisyn.training.training_cases import TrainingCases
from tests.support.training_toys import LABELS, Toy, toy_dataset, toy_job, toy_plans, toy_store

FOUR = ("FLAIR", "T1", "T1ce", "T2")
THREE = ("FLAIR", "T1", "T2")


class Anything(Toy):
    NEEDS = Needs(batches=("unpaired", "paired", "simulated"), most_domains=None)


def shares(**wanted):
    return f"batches.shares={wanted!r}"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return toy_store(tmp_path_factory.mktemp("slices"), {f"c{i}": THREE for i in range(8)})


def cohort_of(store, domains=THREE):
    return TrainingCases.read(store, store.cases(), {}, domains)


def test_every_pair_of_contrasts_is_drawn_equally_often_and_in_other_order_each_turn():
    pairs = [contrasts_of_step(FOUR, 3, i) for i in range(600)]
    assert Counter(pairs) == dict.fromkeys(combinations(FOUR, 2), 100)
    assert all(len(set(pairs[i : i + 6])) == 6 for i in range(0, 600, 6))
    assert len({tuple(pairs[i : i + 6]) for i in range(0, 600, 6)}) > 50
    assert pairs != [contrasts_of_step(FOUR, 4, i) for i in range(600)]


def test_all_processes_draw_the_same_contrasts_and_other_slices(store):
    plans = toy_plans(Anything, domains=THREE)
    first, second = (SliceSource(store, cohort_of(store), plans, 0, rank) for rank in range(2))
    for iteration in range(12):
        one, other = first.read(iteration)["images"], second.read(iteration)["images"]
        assert list(one) == list(other)
        assert not all(np.array_equal(one[m], other[m]) for m in one)


def test_an_unpaired_step_of_many_contrasts_has_two_of_them_and_no_subject_twice(store):
    source = SliceSource(store, cohort_of(store), toy_plans(Anything, domains=THREE), 1)
    for iteration in range(30):
        item = source.read(iteration)
        first, second = item["subjects"].values()
        assert item["kind"] == "unpaired"
        assert list(item["images"]) == list(contrasts_of_step(THREE, 1, iteration))
        assert not set(first) & set(second)


def test_two_contrasts_of_one_subject_alone_are_refused(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1", "FLAIR"), "b": ("T2",)})
    with pytest.raises(UserError, match="one for FLAIR and another for T1"):
        cohort_of(store)


def test_paired_slices_show_one_place_of_one_case(store):
    source = PairedSliceSource(store, cohort_of(store), toy_plans(Anything, domains=THREE), 2)
    batch = next(Batches(BatchLoader(source)))
    assert batch.kind == "paired"
    first, second = batch.domains
    assert torch.equal(batch.subjects[first], batch.subjects[second])
    assert torch.equal(batch.labels[first], batch.labels[second])
    brain = batch.images[first] > -1  # toy stores write T1 as the anatomy and all else as 0.5 - 0.8 times it
    one, other = (batch.images[m][brain] for m in (first, second))
    assert torch.allclose(
        other, {"T1": (0.5 - one) / 0.8}.get(second, one if first != "T1" else 0.5 - 0.8 * one), atol=1e-5
    )


def test_paired_slices_come_of_cases_that_have_both(tmp_path):
    has = {"a": ("T1", "T2"), "b": ("T1", "FLAIR"), "c": ("T2",), "d": ("FLAIR",), "e": ("T1",)}
    store = toy_store(tmp_path, has)
    source = PairedSliceSource(store, cohort_of(store), toy_plans(Anything, domains=THREE), 2)
    drawn = {tuple(source.read(i)["images"]) for i in range(20)}
    assert drawn == {("FLAIR", "T1"), ("T1", "T2")}  # nobody has FLAIR and T2
    lacking = toy_store(tmp_path / "b", {"a": ("T1",), "b": ("T2",)})
    with pytest.raises(UserError, match="some training case must have two of T1, T2"):
        PairedSliceSource(lacking, cohort_of(lacking, ("T1", "T2")), toy_plans(), 0)


class Fixed(BatchSource):
    def __init__(self, name):
        self.name = name

    def read(self, iteration):
        return {"name": self.name, "iteration": iteration}


def test_a_mix_keeps_its_shares_and_is_a_pure_function_of_the_step():
    mix = MixedSource([(Fixed("a"), 3.0), (Fixed("b"), 1.0)], seed=5)
    names = [mix.read(i)["name"] for i in range(4000)]
    assert abs(Counter(names)["a"] / 4000 - 0.75) < 0.03
    assert [mix.read(i)["name"] for i in (7, 3, 100)] == [names[i] for i in (7, 3, 100)]
    assert isinstance(mix_sources({"unpaired": Fixed("a")}, {"unpaired": 1.0, "paired": 0.0}, 0), Fixed)


@pytest.fixture(scope="module")
def simulated():
    plans = toy_plans(Anything, "slices.size=48", "slices.crop=48", "slices.pixel_mm=4.0", domains=FOUR)
    return SimulatedSource(FOUR, plans, seed=1, heads=3)


@pytest.mark.slow
def test_simulated_contrasts_are_of_one_slice_with_exact_labels_and_known_order(simulated):
    seen = set()
    for iteration in range(12):
        item = simulated.read(iteration)
        first, second = item["images"]
        assert item["kind"] == "simulated"
        assert np.array_equal(item["labels"][first], item["labels"][second])
        assert np.array_equal(item["subjects"][first], item["subjects"][second])
        assert (item["subjects"][first] < 0).all()
        for m in (first, second):
            image, label = item["images"][m][:, 0], item["labels"][m]
            assert image.shape == label.shape == (2, 48, 48)
            assert image.dtype == np.float32
            assert np.abs(image).max() <= 1
            assert (image[label == 0] == -1).mean() > 0.9  # background, but for air among half-full voxels
            means = {name: image[label == LABELS[name]].mean() for name in ("CSF", "GM", "WM")}
            normal = {name: mr_signal.NORMAL[name] for name in means}
            signal = {t: abs(s) for t, s in mr_signal.weights(normal, mr_signal.SEQUENCES[m]).items()}
            for dark, bright in combinations(sorted(signal, key=signal.__getitem__), 2):
                if signal[bright] - signal[dark] > max(signal.values()) / 4:  # voxels of 4 mm are mixtures
                    assert means[bright] > means[dark]
                    seen.add(m)
    assert seen == set(FOUR)


def test_simulation_is_a_pure_function_of_seed_step_and_rank(simulated):
    again = SimulatedSource(FOUR, simulated.plans, seed=1, heads=3)
    other = SimulatedSource(FOUR, simulated.plans, seed=1, rank=1, heads=3)
    one, same, apart = (source.read(5)["images"] for source in (simulated, again, other))
    assert all(np.array_equal(one[m], same[m]) for m in one)
    assert not any(np.array_equal(one[m], apart[m]) for m in one)


def test_simulated_neighbours_are_the_slices_beside(simulated):
    wide = SimulatedSource(FOUR, simulated.plans, seed=1, context=1, heads=3)
    images = next(iter(wide.read(0)["images"].values()))
    assert images.shape == (2, 3, 48, 48)
    beside = [np.corrcoef(images[0, 1].ravel(), images[0, k].ravel())[0, 1] for k in (0, 2)]
    assert all(0.5 < r < 0.999 for r in beside)


def test_every_other_head_has_a_tumour_where_the_labels_know_one():
    heads = [sliced_head(1, n, 6.0, 32, 0.02, True) for n in range(6)]
    with_tumour = [head for head in heads if "oedema" in head.tissues]
    assert 0 < len(with_tumour) < 6
    assert all(head.fractions[3:].sum() > 0 for head in with_tumour)


def test_a_contrast_that_cannot_be_simulated_is_refused():
    with pytest.raises(UserError, match=r"contrasts must be among those that can be simulated .*got DWI"):
        SimulatedSource(("DWI", "T1"), toy_plans(), 0)


def test_neighbours_come_to_whoever_asks(store):
    cohort, plans = cohort_of(store), toy_plans(Anything, domains=THREE)
    alone, amid = SliceSource(store, cohort, plans, 0), SliceSource(store, cohort, plans, 0, context=2)
    one, three = alone.read(4)["images"], amid.read(4)["images"]
    for m in one:
        assert three[m].shape[1] == 5
        assert np.array_equal(three[m][:, 2], one[m][:, 0])


def test_a_training_on_simulated_batches_needs_no_data_set(tmp_path, no_pictures, caplog):
    small = ["slices.size=48", "slices.crop=48", "slices.pixel_mm=4.0", "length.epochs=1", "length.iterations=2"]
    job = toy_job(tmp_path, trainer=Anything, domains=FOUR, store=toy_store(tmp_path / "s", {"a": FOUR, "b": FOUR}))
    plans = job.plans.override([*small, shares(simulated=1.0)])
    job = replace(job, plans=plans, store=None, train=(), val=())
    caplog.set_level("INFO", logger="hifisyn")
    assert train(job, Options(device="cpu")) == 0
    assert "training subjects: none, all batches are simulated" in caplog.text


def test_a_mix_of_all_kinds_trains_and_is_the_same_with_workers(tmp_path, store):
    job = toy_job(tmp_path, trainer=Anything, domains=THREE, store=store)
    small = ["slices.size=24", "slices.crop=24", "slices.pixel_mm=8.0"]
    job = replace(job, plans=job.plans.override([*small, shares(unpaired=1, paired=1, simulated=1)]))
    kinds = []
    for workers in (0, 2):
        with Batches(BatchLoader(job.source(), workers=workers), workers, time_limit=100) as batches:
            kinds.append([(b.kind, b.domains, float(b.images[b.domains[0]].sum())) for b in islice(batches, 9)])
    assert kinds[0] == kinds[1]
    assert {kind for kind, _, _ in kinds[0]} == {"unpaired", "paired", "simulated"}


def test_batches_that_a_method_does_not_learn_from_are_refused(tmp_path):
    roots = toy_dataset(tmp_path, Toy)
    request = Request(
        "TOY", ("T1", "T2"), 0, "tests.support.training_toys:Toy", assignments=(shares(paired=1.0),), roots=roots
    )
    with pytest.raises(
        UserError, match=r"batches.shares must name batches that Toy learns from \(unpaired\) \(got paired"
    ):
        look_up(request)
