import numpy as np
import pytest

from hifisyn.baselines import HISTOGRAM, SOURCE
from hifisyn.directions import Direction
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.metrics.image import correlation, ssim
from hifisyn.training import verdict
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from hifisyn.training.validation import ValidationSet
from tests.support.report_toys import without_pictures
from tests.support.training_toys import toy_job, toy_store

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


@pytest.mark.slow
def test_the_verdict_of_a_training_stands_in_the_config_of_its_fold(tmp_path, monkeypatch):
    without_pictures(monkeypatch)
    job = toy_job(tmp_path)
    job.folder.mkdir(parents=True)
    write_json(job.folder / "config.json", {"epochs": 4, "seed": 3})
    train(job, Options("cpu", workers=0))
    config, summary = read_object(job.folder / "config.json"), read_object(job.folder / "validation" / "summary.json")
    assert config["seed"] == 3
    assert config["verdict"] == summary["verdict"]
    assert set(config["verdict"]["T1_to_T2"]) >= {SOURCE, HISTOGRAM}


@pytest.mark.slow
def test_without_pairs_the_config_says_that_nobody_can_tell(tmp_path, monkeypatch, caplog):
    without_pictures(monkeypatch)
    alone = {f"c{i}": ("T1",) if i % 2 else ("T2",) for i in range(8)}
    job = toy_job(tmp_path, store=toy_store(tmp_path / "slices", alone))
    with caplog.at_level("INFO", "hifisyn"):
        train(job, Options("cpu", workers=0))
    told = verdict.NOT_MEASURABLE
    assert read_object(job.folder / "config.json")["verdict"] == {"T1_to_T2": told, "T2_to_T1": told}
    assert f"T1 to T2: {told}; chosen by tissue statistics" in caplog.text
