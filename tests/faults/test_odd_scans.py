"""Scans that are sound but oddly written are prepared alike, and what cannot be prepared is one line."""

import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.plans import Plans, SlicePlan
from hifisyn.preprocessing.prepare import prepare_source
from hifisyn.preprocessing.steps import Stage, Status
from hifisyn.volume import Volume
from tests.support.heads import grid, scan

HEAD, BRAIN = scan(*grid((44, 52, 36), (4.0, 4.0, 4.5), axes="RAS"), noise=3)
SLICES = SlicePlan(size=64, crop=64, pixel_mm=4.0)
PLANS = Plans(dataset="X", modalities=("T1", "T2"), labels={"background": 0}, slices=SLICES)
INSIDE = BRAIN.data > 0
DATA = HEAD.data.astype(np.float32)
STRIPPED = np.where(INSIDE, DATA + 50, 0).astype(np.float32)


def prepared(data, *, mask=None, affine=HEAD.affine):
    return prepare_source(Volume(np.asarray(data, np.float32), affine), "T1", PLANS, mask=mask)


def quantiles(case):
    return np.quantile(case.slices[case.brain], (0.1, 0.5, 0.9))


@pytest.mark.slow
@pytest.mark.parametrize("change", [lambda d: d + 1024, lambda d: d - 200, lambda d: d * 1e-6, lambda d: d * 1e6])
def test_an_offset_or_a_factor_changes_no_contrast(change):
    plain, odd = prepared(DATA, mask=BRAIN), prepared(change(DATA), mask=BRAIN)
    np.testing.assert_allclose(quantiles(odd), quantiles(plain), atol=0.03)


def z_scored(background):
    values = (STRIPPED - STRIPPED[INSIDE].mean()) / STRIPPED[INSIDE].std()
    return np.where(INSIDE, values, background)


ALREADY_STRIPPED = {
    "as it is": STRIPPED,
    "z-scored": z_scored(0.0),
    "z-scored on a dark ground": z_scored(-8.0),
    "from 0 to 1": STRIPPED / STRIPPED.max(),
    "with an offset": STRIPPED + 1024,
}


@pytest.mark.slow
@pytest.mark.parametrize("data", ALREADY_STRIPPED.values(), ids=ALREADY_STRIPPED)
def test_a_stripped_scan_is_seen_to_be_one_whatever_its_values(data):
    case = prepared(data)
    assert case.record.steps[Stage.SKULL_STRIP].status is Status.SEEN_DONE
    assert case.record.brain_ml == pytest.approx(BRAIN.millilitres, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.6, 0.8])
def test_a_small_stripped_brain_is_seen_to_be_one(factor):
    affine = HEAD.affine @ np.diag([factor, factor, factor, 1])
    assert prepared(STRIPPED, affine=affine).record.steps[Stage.SKULL_STRIP].status is Status.SEEN_DONE


@pytest.mark.parametrize("data", [DATA, STRIPPED], ids=["head", "stripped"])
@pytest.mark.parametrize("masked", [True, False])
def test_a_single_slice_is_one_line(data, masked):
    place = slice(18, 19)
    mask = Volume(BRAIN.data[:, :, place], HEAD.affine) if masked else None
    with pytest.raises(UserError) as error:
        prepared(data[:, :, place], mask=mask)
    assert "\n" not in str(error.value)
