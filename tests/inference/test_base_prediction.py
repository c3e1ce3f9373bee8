"""Slices into the base model and volumes out, with networks whose answers are known."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.base.contrasts import SLOTS, STACK, TARGETS
from hifisyn.base.translate import BaseModel
from hifisyn.inference.base.inputs import slots_of
from hifisyn.inference.base.look import TargetLook, means_of, measure_look
from hifisyn.inference.base.prediction import predictions, shown, translate_case
from hifisyn.preprocessing.prepare_case import prepare_case
from tests.support.heads import CSF, GM, WM, grid, scan, truth

ERROR = 0.1
PLANES = {
    "axial": grid((56, 66, 30), (2.2, 2.2, 4), axes="LPS", degrees=(4, 3, -6)),
    "sagittal": grid((70, 60, 30), (2.2, 2.2, 4.4), axes="PIR", degrees=(5, -4, 6)),
    "coronal": grid((60, 30, 60), (2.1, 5.2, 2.1), axes="RAS"),
    "thin": grid((56, 64, 140), (2.2, 2.4, 0.8), axes="RAS"),
}


class Copies(nn.Module):
    """Returns a slot, times a sign, as every target; remembers what it was told."""

    def __init__(self, slot="T1", sign=1.0):
        super().__init__()
        self.channel, self.sign, self.seen = SLOTS.index(slot) * STACK, sign, []

    def forward(self, slices, told):
        self.seen.append((slices, told))
        image = self.sign * slices[:, self.channel + STACK // 2][:, None].repeat(1, len(TARGETS), 1, 1)
        return torch.cat([image, torch.full_like(image, float(np.log(ERROR)))], dim=1)


def model_of(network) -> BaseModel:
    return BaseModel(network, "a hash")


@cache
def head(plane, contrast="T1", noise=0.0):
    return scan(*PLANES[plane], contrast, stripped=True, noise=noise)[0]


@cache
def prepared(plane):
    return prepare_case({"T1": head(plane)}, "T1")


@pytest.mark.parametrize("plane", PLANES)
def test_what_the_network_copies_lands_on_its_source_in_every_plane(plane):
    volume = head(plane)
    case = prepared(plane)
    found = translate_case(model_of(Copies()), case, {"T1": "T1"})
    made = predictions(found, case, volume, ["T2"])["T2"]
    brain = made.brain.data > 0
    assert made.image.shape == volume.shape
    assert np.array_equal(made.image.affine, volume.affine)
    assert (made.image.data[~brain] == 0).all()
    high = np.percentile(volume.data[volume.data > 0], 99.5)
    wanted = 1000 * np.clip(volume.data / high, 0, 1)
    assert np.abs(made.image.data - wanted)[brain].mean() < 50
    assert made.expected_error is not None
    np.testing.assert_allclose(made.expected_error.data[brain], 500 * ERROR, rtol=1e-3)
    assert (made.expected_error.data[~brain] == 0).all()


def test_brain_as_dark_as_air_is_synthesised_too():
    volume = head("axial")
    hole = tuple(n // 2 for n in volume.shape)
    data = volume.data.copy()
    data[hole] = data.min()
    volume = volume.with_data(data)
    case = prepare_case({"T1": volume}, "T1")
    assert (case.images["T1"][case.reference.brain] == -1).any()
    found = translate_case(model_of(Copies(sign=0.0)), case, {"T1": "T1"})
    assert (found["T2"].slices[case.reference.brain] == 0).all()


def test_it_is_told_what_is_given_the_pixel_and_the_look():
    network = Copies("unnamed")
    volume = head("axial")
    case = prepare_case({"SWI": volume}, "SWI")
    look = TargetLook("other.nii.gz", "", (-0.5, 0.25, 0.75, None), 0.0, 300.0)
    translate_case(model_of(network), case, {"unnamed": "SWI"}, {"T2": look})
    slices, told = network.seen[0]
    assert (slices.amax(dim=(0, 2, 3)) > -1).tolist() == [slot == "unnamed" for slot in SLOTS for _ in range(STACK)]
    assert told[0, : len(SLOTS)].tolist() == [0, 0, 0, 0, 0, 1]
    assert told[0, len(SLOTS)].item() == pytest.approx(np.log(2.2), rel=1e-5)
    assert told[0, len(SLOTS) + 5 : len(SLOTS) + 9].tolist() == [-0.5, 0.25, 0.75, 0]


@pytest.mark.parametrize(("step", "alone"), [(4, False), (9, True)])
def test_slices_far_apart_are_taken_by_themselves(step, alone):
    network = Copies()
    volume = scan(*grid((50, 60, 96 // step + 4), (2.5, 2.5, step)), "T1", stripped=True)[0]
    translate_case(model_of(network), prepare_case({"T1": volume}, "T1"), {"T1": "T1"})
    slices = network.seen[0][0]
    assert bool((slices[:, 0] == slices[:, 1]).all()) is alone


def test_with_a_look_the_volume_has_its_units():
    volume = head("axial")
    case = prepared("axial")
    found = translate_case(model_of(Copies()), case, {"T1": "T1"})
    look = TargetLook("other.nii.gz", "", (None,) * 4, 100.0, 300.0)
    plain = predictions(found, case, volume, ["T2", "FLAIR"])
    alike = predictions(found, case, volume, ["T2", "FLAIR"], {"T2": look})
    brain = plain["T2"].brain.data > 0
    np.testing.assert_allclose(alike["T2"].image.data[brain], 100 + 0.2 * plain["T2"].image.data[brain], rtol=1e-4)
    assert (alike["T2"].image.data[~brain] == 0).all()
    assert alike["T2"].expected_error is not None
    np.testing.assert_allclose(alike["T2"].expected_error.data[brain], 100 * ERROR, rtol=1e-3)
    np.testing.assert_array_equal(alike["FLAIR"].image.data, plain["FLAIR"].image.data)


def test_the_picture_has_all_that_was_given():
    case = prepared("axial")
    columns = shown(case, translate_case(model_of(Copies()), case, {"T1": "T1"}), "T2")
    assert list(columns) == ["T1", "synthetic T2", "expected error"]
    assert all(column.shape == case.images["T1"].shape for column in columns.values())


@pytest.mark.parametrize(("contrast", "slot", "sign"), [("T1", "T1", 1.0), ("T2", "T2", -1.0)])
def test_tissue_means_of_a_look_are_those_of_the_truth(contrast, slot, sign):
    """As a T1 of the T2 serves its negative: fluid dark, white matter bright, as the base model would have it."""
    volume = head("axial", contrast, noise=2)
    case = prepare_case({contrast: volume}, contrast)
    means = means_of(model_of(Copies(slot, sign)), case, contrast)
    intensity = case.reference.record.scans[contrast].intensity
    assert intensity is not None
    values, labels = intensity.apply(volume.data), truth(volume)
    wanted = [values[labels == tissue].mean() for tissue in (CSF, GM, WM)]
    assert means[3] is None
    assert means[:3] == pytest.approx(wanted, abs=0.12)


def test_a_look_has_the_units_of_its_scan(tmp_path):
    volume = head("axial", "T1", noise=2)
    scaled = volume.with_data(np.where(volume.data > 0, 40 + 3 * volume.data, 0).astype(np.float32))
    scaled.save(tmp_path / "other.nii.gz")
    look = measure_look(model_of(Copies()), tmp_path / "other.nii.gz", "T1")
    assert look.low == 0
    assert look.high == pytest.approx(np.percentile(scaled.data[scaled.data > 0], 99.5), rel=0.02)
    assert look.file == "other.nii.gz"


def test_what_goes_into_which_slot():
    assert slots_of(["PD", "T1ce", "SWI", "T1"]) == {"T1": "T1", "T1ce": "T1ce", "PD": "PD"}
    assert slots_of(["T1"], "T1") == {}
    assert slots_of(["SWI", "T1"], "T1") == {"unnamed": "SWI"}
