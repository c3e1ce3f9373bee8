import json
import math

import numpy as np
import pytest

from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.training import training_scans
from hifisyn.training.likeness import ALPHA, NUMBERS, Look, Spread, Trait, describe
from tests.support.training_toys import toy_job, toy_store

RNG = np.random.default_rng


def head(seed=0, gain=1.0, noise=0.0):
    """Return slices of a brain with two tissues, and its mask."""
    rng = RNG(seed)
    y, x = np.mgrid[:40, :40] - 19.5
    brain = np.broadcast_to(np.hypot(y, x) < 16, (9, 40, 40))
    tissue = np.where(np.hypot(y, x) < 9, 0.4, -0.1) + rng.normal(0, 0.03 + noise, (9, 40, 40))
    return np.where(brain, np.clip(gain * tissue, -1, 1), -1), brain


def numbers(brain_ml=1200.0, sides=(1.0, 1.0, 3.0), **changes):
    images, brain = head(**changes)
    return describe(images, brain, brain_ml, sides)


TRAINING = Look.of([numbers(1200 + 30 * seed, seed=seed) for seed in range(8)])


def test_another_scan_of_the_kind_is_like_them():
    assert TRAINING.unlike(numbers(1100, seed=99, sides=(1.1, 1.1, 3.5))) == ()


@pytest.mark.parametrize(
    ("change", "trait"),
    [
        ({"gain": -1.0}, Trait.INTENSITIES),
        ({"noise": 0.6}, Trait.TEXTURE),
        ({"brain_ml": 300.0}, Trait.BRAIN),
        ({"brain_ml": 5000.0}, Trait.BRAIN),
        ({"sides": (1.0, 1.0, 20.0)}, Trait.VOXELS),
        ({"sides": (0.1, 1.0, 3.0)}, Trait.VOXELS),
    ],
)
def test_what_is_unlike_is_named(change, trait):
    assert trait in TRAINING.unlike(numbers(**change))


def test_sound_scans_are_left_out_as_rarely_as_promised():
    """Scans that differ as usual, in cohorts of two to twenty: each number errs in ALPHA of them."""
    rng = RNG(0)
    found = []
    for count in (2, 5, 20):
        for _ in range(4000):
            values = rng.normal(3, 0.2, count + 1)
            spread = Spread(float(values[1:].mean()), float(values[1:].std(ddof=1)), count)
            found.append(spread.leaves_out(float(values[0]), 0.2))
    assert np.mean(found) < 4 * ALPHA


def test_a_single_training_scan_leaves_room():
    look = Look.of([numbers()])
    assert look.unlike(numbers(1350, seed=3)) == ()
    assert look.unlike(numbers(100)) == (Trait.BRAIN,)


def test_what_is_not_known_alarms_nobody():
    blank = describe(np.full((2, 8, 8), -1.0), np.zeros((2, 8, 8), bool), 0, ())
    assert blank == {}
    assert TRAINING.unlike(blank) == ()
    assert Look.of([]).unlike(numbers()) == ()
    assert Look.of([{"log brain ml": math.nan}]).spreads == {}


def test_a_look_goes_through_a_file(tmp_path):
    write_json(tmp_path / "a.json", TRAINING.as_json())
    assert Look.from_json(read_object(tmp_path / "a.json")) == TRAINING


@pytest.mark.parametrize(
    "entry", [3, None, [], {"mean": "x"}, {"mean": 1, "deviation": -1, "count": 2}, {"mean": 1e999}]
)
def test_an_odd_entry_is_passed_over(entry):
    content = {"log brain ml": entry, "unheard of": {"mean": 1, "deviation": 1, "count": 2}}
    assert Look.from_json(content).spreads == {}
    assert Look.from_json(entry).spreads == {}


def test_the_training_cases_and_no_others_are_described(tmp_path):
    store = toy_store(tmp_path / "slices")
    file = tmp_path / "slices" / "c0.json"
    affine = np.diag([0.5, 0.5, 4.0, 1.0]).tolist()
    write_json(file, read_object(file) | {"brain_ml": 1000.0, "scans": {"T1": {"original": {"affine": affine}}}})
    job = toy_job(tmp_path, store=store)
    job.folder.mkdir()
    training_scans.write(job)
    looks = training_scans.read(job.folder)
    assert set(looks) == {"T1", "T2"}
    of_t1 = looks["T1"].spreads
    assert of_t1["quantile 0.5"].count == len(job.train) == 6
    medians = [np.median(store.image(case, "T1")[store.brain(case)]) for case in job.train]
    assert of_t1["quantile 0.5"].mean == pytest.approx(np.mean(medians), abs=1e-4)
    assert of_t1["log brain ml"] == Spread(round(math.log(1000), 5), 0.0, 1)
    assert of_t1["log finest mm"].mean == pytest.approx(math.log(0.5), abs=1e-4)
    assert "log finest mm" not in looks["T2"].spreads
    assert set(of_t1) <= set(NUMBERS)
    text = (job.folder / "training_scans.json").read_text()
    assert not any(case in text for case in store.cases())


@pytest.mark.parametrize("content", ["[]", "{", "", '{"T1": 3}', json.dumps({"T1": {"log brain ml": {"mean": 1}}})])
def test_a_broken_file_alarms_nobody(tmp_path, content):
    (tmp_path / "training_scans.json").write_text(content)
    assert all(not look.spreads for look in training_scans.read(tmp_path).values())
    assert training_scans.read(tmp_path / "nowhere") == {}
