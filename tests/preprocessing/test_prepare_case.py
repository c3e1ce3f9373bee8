"""Several scans of one head as slices of one grid: what goes in together, what is left out, and where it lies."""

import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.postprocessing.assemble import assemble
from hifisyn.preprocessing import align
from hifisyn.preprocessing.prepare_case import prepare_case
from hifisyn.preprocessing.register import Registration
from hifisyn.preprocessing.resample import resample
from hifisyn.preprocessing.steps import Stage, Status
from hifisyn.volume import Volume
from tests.support.heads import grid, rigid, scan
from tests.support.untrusted import DOUBTFUL, TRUSTED

SAGITTAL = grid((70, 60, 30), (2.2, 2.2, 4.4), axes="PIR", degrees=(5, -4, 6))
AXIAL = grid((50, 58, 36), (2.6, 2.6, 3.4), axes="LAS", degrees=(-3, 6, 2))


@pytest.fixture(scope="module")
def t1():
    return scan(*SAGITTAL, "T1", stripped=True, noise=2)[0]


@pytest.fixture(scope="module")
def t2():
    return scan(*AXIAL, "T2", stripped=True, noise=2, seed=1)[0]


def registered(monkeypatch, checks, place=None):
    found = Registration(np.eye(4) if place is None else place, checks)
    monkeypatch.setattr(align, "register", lambda *_, **__: found)


def test_one_scan_lies_in_its_own_plane_and_comes_back_where_it_was(t1):
    case = prepare_case({"T1": t1}, "T1")
    assert (case.plane, case.left_out, list(case.images)) == ("sagittal", {}, ["T1"])
    assert case.slice_mm == pytest.approx(4.4)
    record = case.reference.record
    assert record.slice_grid is not None
    back = resample(assemble(case.images["T1"], record.slice_indices, record.slice_grid.volume()), t1)
    brain = case.reference.mask.data > 0
    assert np.corrcoef(back.data[brain], t1.data[brain])[0, 1] > 0.97
    overlap = (brain & (t1.data > 0)).sum() / (t1.data > 0).sum()
    assert overlap > 0.98
    assert (case.images["T1"][~case.reference.brain] == -1).all()
    assert record.steps[Stage.SKULL_STRIP].status is Status.SEEN_DONE


def test_a_second_scan_lies_on_the_grid_of_the_first(t1, t2, monkeypatch):
    registered(monkeypatch, TRUSTED)
    case = prepare_case({"T2": t2, "T1": t1}, "T1")
    assert list(case.images) == ["T1", "T2"]
    assert case.images["T2"].shape == case.images["T1"].shape
    same_grid = prepare_case({"T2": scan(*SAGITTAL, "T2", stripped=True)[0]}, "T2")
    inside = case.reference.brain
    assert np.corrcoef(case.images["T2"][inside], same_grid.images["T2"][inside])[0, 1] > 0.9


def test_a_registration_is_applied(t1, monkeypatch):
    moved = rigid((0, 0, 0), (9, -6, 5))
    away = scan(*SAGITTAL, "T2", pose=moved, stripped=True)[0]
    registered(monkeypatch, TRUSTED, np.linalg.inv(moved))
    case = prepare_case({"T1": t1, "T2": away}, "T1")
    there = prepare_case({"T2": scan(*SAGITTAL, "T2", stripped=True)[0]}, "T2").images["T2"]
    inside = case.reference.brain
    assert np.corrcoef(case.images["T2"][inside], there[inside])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("change", "checks", "why"),
    [
        (lambda t2: t2, DOUBTFUL, "registration of T2 must be trusted (got doubtful)"),
        (lambda t2: Volume(t2.data[:, :, :20], t2.affine, t2.header), TRUSTED, "must show 90% of the brain"),
        (lambda t2: t2.with_data(np.full_like(t2.data, 7)), TRUSTED, "must have contrast in T2"),
    ],
    ids=["doubtful", "slab", "even"],
)
def test_what_cannot_be_used_is_left_out_with_its_reason(change, checks, why, t1, t2, monkeypatch):
    registered(monkeypatch, checks)
    case = prepare_case({"T1": t1, "T2": change(t2)}, "T1")
    assert list(case.images) == ["T1"]
    assert why in case.left_out["T2"]


def test_slices_without_brain_between_others_stay_in_their_place(t1):
    _, mask = scan(*SAGITTAL, "T1")
    data = mask.data.copy()
    data[:, :, 15] = 0
    case = prepare_case({"T1": t1}, "T1", mask=mask.with_data(data))
    empty = np.array([not one.any() for one in case.reference.brain])
    assert empty.sum() == 1
    assert not empty[[0, -1]].any()
    assert case.reference.record.slice_indices == tuple(range(len(empty)))


def test_a_reference_without_brain_is_an_error(t1):
    with pytest.raises(UserError, match="a brain must have"):
        prepare_case({"T1": t1}, "T1", mask=t1.with_data(np.zeros(t1.shape, np.uint8)))
