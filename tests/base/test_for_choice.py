"""The base model as a judge: the image of the whole case, told as elsewhere, silent where it knows nothing."""

from dataclasses import replace

import numpy as np
import pytest

from hifisyn.base import for_choice, shipped
from hifisyn.base.cohort_look import cohort_look
from hifisyn.base.for_choice import with_base
from hifisyn.directions import Direction
from hifisyn.errors import UserError
from tests.support.logged_lines import logged_lines
from tests.support.training_toys import LABELS, toy_job

THERE = Direction("T1", "T2")


@pytest.fixture
def job(tmp_path):
    return with_base(toy_job(tmp_path))


def test_it_makes_what_it_makes_of_the_whole_case(job, monkeypatch):
    assert job.store is not None
    assert job.base is not None
    slices = job.store.neighbours("c6", "T1", None, 1)
    monkeypatch.setattr(for_choice, "CHUNK", 4)
    made = job.base(THERE, slices)
    look = cohort_look(job.store, job.train, "T2", LABELS, {})
    assert look is not None
    whole = shipped.shipped().translate({"T1": job.store.image("c6", "T1")}, 1.0, {"T2": look})["T2"][0]
    np.testing.assert_allclose(made, whole, atol=1e-5)


def test_it_is_silent_on_contrasts_that_it_does_not_know(job):
    assert job.base(Direction("ADC", "T2"), np.zeros((1, 3, 16, 16), np.float32)) is None


def test_an_installation_without_its_weights_says_so_and_goes_on(job, monkeypatch):
    def missing():
        raise UserError("weights must be there", hint="install again")

    monkeypatch.setattr(shipped, "shipped", missing)
    with logged_lines() as lines:
        assert job.base(THERE, np.zeros((1, 3, 16, 16), np.float32)) is None
    assert "validated without base@1" in lines[0]


def test_a_job_without_slices_has_no_judge(job):
    assert with_base(replace(job, store=None, base=None)).base is None
