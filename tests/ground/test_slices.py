"""What is stored of a case: all slices that hold brain, those to train on, and what each contrast covers."""

import json

import blosc2
import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.plans import Plans, PreprocessingPlan, SlicePlan
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.extract_slices import covers, extract_slices
from hifisyn.preprocessing.record import Grid, Record, Scan
from hifisyn.slices import SliceStore, write_array
from hifisyn.volume import Volume

SIDE, PLACES = 32, 24
LPS = np.diag([-1.0, -1, 1, 1])
HIGHEST = 100.0
BRAIN = [*range(2, 10), *range(11, 22)]  # no brain at place 10, as between two parts of a mask
T2 = range(5, 19)  # what T2 covers
ENOUGH = range(4, 20)  # where brain fills the centre


def textured(place):
    """Return the scanner units of a slice (SIDE, SIDE), which no other slice has."""
    return 20 + place + np.random.default_rng(place).uniform(0, 50, (SIDE, SIDE))


def aligned_case():
    """Return a case on the grid of its slices, so that nothing is interpolated.

    Brain is a square at the centre, 16 x 16 where there is enough and 3 x 3 at the ends; labels count the places.
    """
    brain = np.zeros((SIDE, SIDE, PLACES), np.uint8)
    for place in BRAIN:
        half = np.s_[8:24] if place in ENOUGH else np.s_[8:11]
        brain[half, half, place] = 1
    data = np.stack([textured(place) for place in range(PLACES)], axis=2).astype(np.float32)
    data[9, 9, 12] = HIGHEST
    lower = LPS.copy()
    lower[2, 3] = T2[0]
    images = {"T1": Volume(data, LPS), "T2": Volume(HIGHEST - data[:, :, T2.start : T2.stop], lower)}
    for image in images.values():
        image.data[:4] = 0  # air
    label = Volume(np.broadcast_to(np.arange(PLACES, dtype=np.uint8), brain.shape).copy(), LPS)
    scans = {m: Scan(Grid.of(image)) for m, image in images.items()}
    return Aligned(images, Volume(brain, LPS), label, Record("T1", scans))


def plans(per_case=5):
    return Plans(
        dataset="X",
        modalities=("T1", "T2"),
        labels={"background": 0},
        slices=SlicePlan(size=SIDE, crop=16, min_brain=0.5, pixel_mm=1.0, per_case=per_case),
        preprocessing=PreprocessingPlan(upper_percentile=100.0),
    )


def expected(modality, place):
    """Return a slice in [-1, 1] by the formula of the intensities alone."""
    case = aligned_case()
    brain = case.brain.data[:, :, place].T > 0
    first = T2[0] if modality == "T2" else 0
    data, inside = case.images[modality].data, case.brain.data > 0
    high = data[inside[:, :, first : first + data.shape[2]]].max()
    if not first <= place < first + data.shape[2]:
        return np.full((SIDE, SIDE), -1.0)
    return np.where(brain, data[:, :, place - first].T / high * 2 - 1, -1)


@pytest.fixture
def store(tmp_path):
    cut = extract_slices(aligned_case(), plans())
    store = SliceStore(tmp_path)
    content = cut.record.as_json()
    store.write("a", cut.images, cut.brain, cut.label, content, training=cut.training, covered=cut.covered)
    return store


def test_every_slice_that_holds_brain_is_stored_and_training_slices_are_spread_over_those_that_all_cover():
    cut = extract_slices(aligned_case(), plans())
    assert cut.record.stored_indices == tuple(BRAIN)
    assert cut.record.slice_indices == (5, 8, 12, 15, 18)
    assert [BRAIN[place] for place in cut.training] == [5, 8, 12, 15, 18]
    assert cut.brain.sum(axis=(1, 2)).tolist() == [256 if place in ENOUGH else 9 for place in BRAIN]
    assert cut.label is not None
    assert cut.label.max(axis=(1, 2)).tolist() == BRAIN
    assert cut.covered["T1"].all()
    assert cut.covered["T2"].tolist() == [place in T2 for place in BRAIN]
    for modality, images in cut.images.items():
        assert images.dtype == np.float32
        for image, place in zip(images, BRAIN, strict=True):
            np.testing.assert_allclose(image, expected(modality, place), atol=1e-5)
    assert (cut.images["T2"][~cut.covered["T2"]] == -1).all()


def test_more_training_slices_than_there_are_are_all_that_count():
    assert extract_slices(aligned_case(), plans(per_case=100)).record.slice_indices == tuple(
        p for p in BRAIN if p in T2
    )


def test_a_slice_is_covered_where_99_percent_of_its_brain_is():
    brain = np.zeros((4, 20, 20), bool)
    brain[:3, :10, :10] = True
    values = np.ones(brain.shape)
    values[:, 10:] = np.nan
    values[0, 0, :1] = values[1, 0, :2] = np.nan
    assert covers(values, brain).tolist() == [True, False, True, False]


def test_readers_get_the_training_slices_alone(store):
    cut = extract_slices(aligned_case(), plans())
    chosen = list(cut.training)
    assert cut.label is not None
    for read, all_of_them in (
        (lambda *index: store.image("a", "T1", *index), cut.images["T1"]),
        (lambda *index: store.image("a", "T2", *index), cut.images["T2"]),
        (lambda *index: store.brain("a", *index), cut.brain),
        (lambda *index: store.label("a", *index), cut.label),
    ):
        whole = read()
        assert (whole.shape, whole.dtype) == ((5, SIDE, SIDE), all_of_them.dtype)
        np.testing.assert_array_equal(whole, all_of_them[chosen])
        for index, place in enumerate(chosen):
            np.testing.assert_array_equal(read(index), all_of_them[place])
        with pytest.raises(IndexError):
            read(5)


def test_the_record_tells_the_places_of_all_slices_and_what_each_contrast_covers(store):
    record = json.loads((store.folder / "a.json").read_text())
    assert record["slices"] == 5
    assert record["slice_indices"] == [5, 8, 12, 15, 18]
    assert record["stored_indices"] == BRAIN
    assert [BRAIN[place] for place in record["training"]] == record["slice_indices"]
    assert [BRAIN[place] for place in record["covered"]["T2"]] == [place for place in BRAIN if place in T2]
    assert [BRAIN[place] for place in record["covered"]["T1"]] == BRAIN
    assert Record.from_json(record).stored_indices == tuple(BRAIN)


@pytest.mark.slow
@pytest.mark.parametrize("context", [0, 1, 2, 6, 30])
@pytest.mark.parametrize(("modality", "there"), [("T1", BRAIN), ("T2", [place for place in BRAIN if place in T2])])
def test_neighbours_are_the_slices_above_and_below(store, modality, there, context):
    for index, centre in enumerate((5, 8, 12, 15, 18)):
        found = store.neighbours("a", modality, index, context)
        assert (found.shape, found.dtype) == ((2 * context + 1, SIDE, SIDE), np.float32)
        np.testing.assert_array_equal(found[context], store.image("a", modality, index))
        at = there.index(centre)
        for step in range(-context, context + 1):
            place = there[min(max(at + step, 0), len(there) - 1)]
            np.testing.assert_allclose(found[context + step], expected(modality, place), atol=1e-5)


def test_only_what_is_asked_for_is_read(store, monkeypatch):
    read = []
    opened = blosc2.open

    class Watched:
        def __init__(self, array):
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, index):
            read.append(index)
            return self.array[index]

    monkeypatch.setattr(blosc2, "open", lambda *args, **kwargs: Watched(opened(*args, **kwargs)))
    store.image("a", "T1", 1)
    store.neighbours("a", "T2", 0, 2)
    assert [BRAIN[index] for index in read] == [8, 5, 6, 7]


def test_slices_of_an_earlier_version_are_not_misread(store):
    record = store.record("a")
    write_json(store.folder / "a.json", {key: record[key] for key in record if key not in ("training", "covered")})
    for read in (
        lambda: store.image("a", "T1"),
        lambda: store.brain("a", 0),
        lambda: store.neighbours("a", "T1", 0, 1),
    ):
        with pytest.raises(UserError, match=r"got those of an earlier version\); run hifisyn_plan_and_preprocess"):
            read()


def test_a_contrast_that_a_case_lacks_is_told(store):
    with pytest.raises(UserError, match=r"a_PD.b2nd does not exist"):
        store.neighbours("a", "PD", 0, 1)


def test_bytes_do_not_depend_on_threads_that_others_set(tmp_path):
    """The sum of a file stands in its record."""
    stack = np.random.default_rng(0).normal(size=(3, 64, 80)).astype(np.float32)
    before = blosc2.nthreads
    try:
        for threads in (1, 2):
            blosc2.set_nthreads(threads)
            write_array(tmp_path / f"{threads}.b2nd", stack)
    finally:
        blosc2.set_nthreads(before)
    assert (tmp_path / "1.b2nd").read_bytes() == (tmp_path / "2.b2nd").read_bytes()
