"""What is not trusted is trained on unpaired, and is no pair."""

from hifisyn.directions import Direction
from hifisyn.training.training_cases import TrainingCases
from hifisyn.training.validation import ValidationSet
from tests.support.training_toys import toy_store
from tests.support.untrusted import TRUSTED, doubt

PAIR = ("T1", "T2")


def test_a_doubtful_case_is_drawn_unpaired_but_never_as_a_pair(tmp_path):
    store = toy_store(tmp_path)
    first, second, *_ = store.cases()
    doubt(store.folder / f"{first}.json", "T2")
    doubt(store.folder / f"{second}.json", "T2", TRUSTED)
    assert (store.paired(first), store.paired(second)) == ({"T1"}, {"T1", "T2"})
    found = TrainingCases.read(store, store.cases(), {}, PAIR)
    assert first in found.cases["T2"]
    assert first not in found.both("T1", "T2")
    assert second in found.both("T1", "T2")


def test_validation_takes_no_truth_from_it(tmp_path):
    store = toy_store(tmp_path)
    cases = store.cases()
    trusted = ValidationSet.read(store, cases[:2], PAIR, 16)
    for case in cases[:2]:
        doubt(store.folder / f"{case}.json", "T2")
    doubtful = ValidationSet.read(store, cases[:2], PAIR, 16)
    assert trusted is not None
    assert doubtful is not None
    assert trusted.samples[Direction("T1", "T2")].paired
    assert not doubtful.samples[Direction("T1", "T2")].paired
