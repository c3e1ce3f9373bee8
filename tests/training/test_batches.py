import multiprocessing
import os
import pickle
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.slices import SliceStore
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.draws import disjoint_pools, draw_step
from hifisyn.training.slice_source import SliceSource
from hifisyn.training.source import METHOD, step_seed
from hifisyn.training.training_cases import TrainingCases
from tests.support.training_toys import toy_plans, toy_store

PAIR = ("T1", "T2")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return toy_store(tmp_path_factory.mktemp("slices"))


def cohort_of(store, subjects=None):
    return TrainingCases.read(store, store.cases(), subjects or {}, PAIR)


def labels_of(batch, modality):
    labels = batch.labels[modality]
    assert labels is not None
    return labels


def made_up(first, second):
    """Return a cohort of subjects with one case of 5 slices each."""
    cases: dict[str, dict[str, tuple[str, ...]]] = {"T1": {s: (s,) for s in first}, "T2": {s: (s,) for s in second}}
    return TrainingCases(cases, dict.fromkeys([*first, *second], 5), frozenset(), {s: set(PAIR) for s in first})


@pytest.mark.parametrize("people", range(2, 9))
@pytest.mark.parametrize("size", [1, 2, 3])
def test_two_slices_of_one_subject_never_meet(people, size):
    names = [f"s{i}" for i in range(people)]
    cohort, plans = made_up(names, names), toy_plans(batch_size=size)
    for iteration in range(60):
        drawn = draw_step(cohort, plans, seed=1, iteration=iteration)
        first, second = ([d.subject for d in drawn[m]] for m in PAIR)
        assert len(first) == len(second) == size
        assert not set(first) & set(second)
        if people >= 2 * size:
            assert len({*first, *second}) == 2 * size


@pytest.mark.parametrize(
    ("first", "second", "size"),
    [("abcd", "ab", 2), ("a", "ab", 2), ("xab", "abc", 2), ("abc", "xyz", 3), ("abcde", "e", 1), ("xya", "abc", 2)],
)
def test_no_subject_is_drawn_twice_where_it_can_be_avoided(first, second, size):
    enough = len(set(first) | set(second)) >= 2 * size and min(len(first), len(second)) >= size
    for iteration in range(100):
        pools = disjoint_pools(list(first), list(second), size, np.random.default_rng(iteration))
        assert pools[0]
        assert pools[1]
        assert not set(pools[0]) & set(pools[1])
        assert set(pools[0]) <= set(first)
        assert set(pools[1]) <= set(second)
        if enough:
            assert min(len(pool) for pool in pools) >= size


@pytest.mark.slow
def test_every_subject_slice_and_window_is_drawn_about_equally_often():
    cohort = made_up(list("abcdef"), list("abcdef"))
    drawn = [d for t in range(3000) for d in draw_step(cohort, toy_plans(batch_size=1), 0, t)["T1"]]
    for values, kinds in (
        ([d.subject for d in drawn], 6),
        ([d.index for d in drawn], 5),
        ([d.row for d in drawn], 9),
        ([d.column for d in drawn], 9),
        ([d.mirrored for d in drawn], 2),
    ):
        _, counts = np.unique(values, return_counts=True)
        assert len(counts) == kinds
        expected = len(drawn) / kinds
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_draws_depend_on_seed_iteration_and_rank():
    cohort, plans = made_up(list("abcdefgh"), list("abcdefgh")), toy_plans()
    base = draw_step(cohort, plans, 0, 5, 0)
    assert base == draw_step(cohort, plans, 0, 5, 0)
    assert all(base != draw_step(cohort, plans, *other) for other in ((1, 5, 0), (0, 6, 0), (0, 5, 1)))
    assert len({step_seed(s, t, r, METHOD) for s in range(3) for t in range(3) for r in range(3)}) == 27
    assert step_seed(2**31, 10**7, 63, METHOD) < 2**63


def test_cases_of_one_subject_count_as_one(store):
    subjects = {case: f"person{i // 4}" for i, case in enumerate(store.cases())}
    cohort = cohort_of(store, subjects)
    for iteration in range(30):
        drawn = draw_step(cohort, toy_plans(), 0, iteration)
        assert {subjects[d.case] for d in drawn["T1"]}.isdisjoint({subjects[d.case] for d in drawn["T2"]})
    with pytest.raises(UserError, match="training subjects must be at least two"):
        cohort_of(store, dict.fromkeys(store.cases(), "one"))


def test_a_modality_that_no_case_has_is_refused(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1",), "b": ("T1",)})
    with pytest.raises(UserError, match=r"some training case must have T2 \(got 2 with T1\)"):
        cohort_of(store)


def test_unpaired_cases_are_found_by_modality(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1",), "b": ("T2",), "c": ("T1", "T2")})
    cohort = cohort_of(store)
    assert {m: sorted(found) for m, found in cohort.cases.items()} == {"T1": ["a", "c"], "T2": ["b", "c"]}


def test_a_batch_holds_the_drawn_windows_of_image_and_label(store):
    cohort, plans = cohort_of(store), toy_plans(batch_size=3)
    loader = BatchLoader(SliceSource(store, cohort, plans, 7))
    batch = next(Batches(loader))
    drawn = draw_step(cohort, plans, 7, 0)
    for modality in PAIR:
        for n, draw in enumerate(drawn[modality]):
            image = store.image(draw.case, modality)[draw.index]
            label = store.label(draw.case)[draw.index]
            window = np.s_[draw.row : draw.row + 16, draw.column : draw.column + 16]
            step = -1 if draw.mirrored else 1
            assert np.array_equal(batch.images[modality][n, 0], image[window][:, ::step])
            assert np.array_equal(labels_of(batch, modality)[n], label[window][:, ::step])
            assert batch.subjects[modality][n] == sorted(store.cases()).index(draw.subject)
    assert batch.images["T1"].dtype == torch.float32
    assert labels_of(batch, "T1").dtype == batch.subjects["T1"].dtype == torch.int64


def test_flip_can_be_switched_off():
    cohort = made_up(list("abcd"), list("abcd"))
    drawn = [d for t in range(50) for d in draw_step(cohort, toy_plans(flip=False), 0, t)["T1"]]
    assert not any(d.mirrored for d in drawn)


def test_labels_are_none_where_a_slice_lacks_them(tmp_path):
    toy_store(tmp_path, {"a": ("T1",)})
    store = SliceStore(tmp_path)
    store.write("b", {"T2": np.zeros((6, 24, 24))}, np.ones((6, 24, 24), bool), None, {})
    batch = next(Batches(BatchLoader(SliceSource(store, cohort_of(store), toy_plans(), 0))))
    assert batch.labels["T1"] is not None
    assert batch.labels["T2"] is None


def take(store, workers, start=0, count=7):
    source = SliceSource(store, cohort_of(store), toy_plans(), 4)
    loader = BatchLoader(source, start=start, workers=workers)
    with Batches(loader, workers, time_limit=60) as batches:
        return [next(batches) for _ in range(count)]


def same(a, b):
    return a.iteration == b.iteration and all(
        torch.equal(a.images[m], b.images[m])
        and torch.equal(a.labels[m], b.labels[m])
        and torch.equal(a.subjects[m], b.subjects[m])
        for m in PAIR
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_do_not_depend_on_the_number_of_workers_nor_on_where_reading_began(store, workers):
    alone = take(store, 0)
    assert all(same(a, b) for a, b in zip(alone, take(store, workers), strict=True))
    assert all(same(a, b) for a, b in zip(alone[3:], take(store, workers, start=3, count=4), strict=True))
    assert [b.iteration for b in alone] == list(range(7))


class Stuck(SliceSource):
    def read(self, iteration):
        if iteration == 1:
            time.sleep(4)
        return super().read(iteration)


class Broken(SliceSource):
    def read(self, iteration):
        raise ZeroDivisionError("the cause")


class Killed(SliceSource):
    def read(self, iteration):
        if iteration == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(iteration)


def loader_of(kind, store):
    return BatchLoader(kind(store, cohort_of(store), toy_plans(), 0), workers=2)


@pytest.mark.slow
def test_a_stuck_worker_is_an_error_within_the_time_limit(store):
    begun = time.monotonic()
    with Batches(loader_of(Stuck, store), 2, time_limit=1) as batches:
        next(batches)
        with pytest.raises(UserError, match=r"2 reading processes must deliver a batch within 1 s.*--workers 0"):
            next(batches)
    assert time.monotonic() - begun < 30


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_is_an_error(store):
    with Batches(loader_of(Killed, store), 2, time_limit=30) as batches:
        next(batches)
        with pytest.raises(UserError, match="one of 2 reading processes died"):
            list(batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_cause_of_an_error_in_a_worker_comes_back(store, workers):
    with (
        Batches(loader_of(Broken, store), workers, time_limit=30) as batches,
        pytest.raises(RuntimeError, match="ZeroDivisionError: the cause"),
    ):
        next(batches)


def test_a_missing_slice_file_is_named(store, tmp_path):
    broken = toy_store(tmp_path)
    cohort = cohort_of(broken)
    for file in tmp_path.glob("*_T1.b2nd"):
        file.unlink()
    loader = BatchLoader(SliceSource(broken, cohort, toy_plans(), 0), workers=1)
    with Batches(loader, 1, time_limit=30) as batches, pytest.raises(UserError, match=r"_T1.b2nd does not exist"):
        next(batches)


def test_a_loader_can_be_sent_to_a_process(store):
    loader = BatchLoader(SliceSource(store, cohort_of(store), toy_plans(), 4))
    sent = pickle.loads(pickle.dumps(loader))
    assert np.array_equal(sent.source.read(3)["images"]["T1"], loader.source.read(3)["images"]["T1"])


def test_no_process_is_left_behind(store):
    take(store, 2, count=2)
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]


def test_a_batch_moves_to_a_device(store):
    batch = take(store, 0, count=1)[0]
    batch = replace(batch, labels={"T1": None, "T2": batch.labels["T2"]}).to("meta")
    assert batch.images["T1"].device.type == batch.labels["T2"].device.type == "meta"
    assert batch.labels["T1"] is None
