import numpy as np
import pytest

from hifisyn.baselines import HISTOGRAM, SOURCE
from hifisyn.directions import Direction
from hifisyn.metrics.image import correlation, ssim
from hifisyn.training import verdict
from hifisyn.training.validation import ValidationSet
from tests.support.training_toys import toy_store

PAIR = Direction("T1", "T2")


def numbers(value, r):
    return {"T1_to_T2/ssim_brain": value, "T1_to_T2/correlation": r}


@pytest.mark.parametrize(
    ("mine", "theirs", "beaten"),
    [
        (numbers(0.6, 0.5), numbers(0.5, 0.4), True),
        (numbers(0.6, 0.3), numbers(0.5, 0.4), False),
        (numbers(0.4, 0.5), numbers(0.5, 0.4), False),
        (numbers(0.5, 0.5), numbers(0.5, 0.4), False),
        (numbers(0.6, 0.1), numbers(0.5, float("nan")), True),
        (numbers(0.6, float("nan")), numbers(0.5, 0.4), False),
    ],
)
def test_both_measures_must_be_higher(mine, theirs, beaten):
    assert verdict.judge(mine, {SOURCE: theirs}) == {"T1_to_T2": {SOURCE: beaten}}


def test_a_direction_without_truth_has_no_verdict():
    assert verdict.judge({"T1_to_T2/distance": 0.1}, {SOURCE: numbers(0.5, 0.4)}) == {}
    assert verdict.judge(numbers(0.5, 0.4), {}) == {}


def test_of_several_folds_each_must_beat_a_baseline():
    one, two = {"T1_to_T2": {SOURCE: True, HISTOGRAM: True}}, {"T1_to_T2": {SOURCE: True, HISTOGRAM: False}}
    for folds in ([one, two], [two, one]):
        assert verdict.together(folds) == {"T1_to_T2": {SOURCE: True, HISTOGRAM: False}}


def test_baselines_are_fitted_on_training_cases_and_measured_on_the_same_slices(tmp_path):
    store = toy_store(tmp_path)
    cases = sorted(store.cases())
    train, val = cases[:-1], cases[-1:]
    fitted = verdict.fit_all(store, train, [PAIR])
    validation = ValidationSet.read(store, val, PAIR, crop=16)
    assert validation is not None
    found = verdict.answer(validation, fitted)
    sample = validation.samples[PAIR]
    truth, brain = sample.target.images, sample.source.brains
    assert found[SOURCE]["T1_to_T2/ssim_brain"] == pytest.approx(
        np.nanmean(ssim(np.where(brain, sample.source.images, -1), truth, mask=brain))
    )
    assert found[SOURCE]["T1_to_T2/correlation"] == pytest.approx(
        np.nanmean(correlation(sample.source.images, truth, mask=brain))
    )
    assert set(found) >= {SOURCE, HISTOGRAM}
