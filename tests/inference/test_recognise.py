from dataclasses import replace

import numpy as np
import pytest

from hifisyn.base.naming import Naming
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.inference.base.recognise import Recognised, recognise
from hifisyn.preprocessing.brain_pose import Pose
from hifisyn.preprocessing.prepare_case import prepare_case
from tests.support.heads import grid, scan

ADULT = 1400.0


def always(name, chance):
    """Return a model to which every scan looks like one contrast."""
    odds = dict.fromkeys(("T1", "T2", "FLAIR"), (1 - chance) / 2) | {name: chance}
    naming = Naming((0.0,) * 4, (1.0,) * 4, ((0.0,) * 4,) * 3, tuple(float(np.log(odds[n])) for n in odds))
    return BaseModel(BaseNetwork(4).eval(), naming=naming)


@pytest.fixture(scope="module")
def case():
    head, _ = scan(*grid((56, 66, 30), (2.2, 2.2, 4), axes="LPS"), "T1", stripped=True)
    ready = prepare_case({"T1": head}, "T1")
    record = replace(ready.reference.record, brain_ml=ADULT)
    return replace(ready, reference=replace(ready.reference, record=record))


def named(case, contrast):
    """Return the case with another name on its scan."""
    record = replace(case.reference.record, reference=contrast)
    return replace(case, images={contrast: case.images["T1"]}, reference=replace(case.reference, record=record))


def test_a_scan_without_a_name_gets_one_where_it_is_clear(case):
    found = recognise(always("T2", 0.97), named(case, "SWI"), {"unnamed": "SWI"})
    assert dict(found.slots) == {"T2": "SWI"}
    assert found.unnamed is None
    assert found.remarks() == ("SWI looks like a T2 (97%) and is taken as one",)
    unclear = recognise(always("T2", 0.6), named(case, "SWI"), {"unnamed": "SWI"})
    assert unclear.unnamed == "SWI"
    assert unclear.remarks() == ("SWI given without its name",)
    assert unclear.likely["SWI"]["T2"] == pytest.approx(0.6)


def test_a_wrong_name_is_told_and_kept(case):
    found = recognise(always("T2", 0.97), case, {"T1": "T1"})
    assert dict(found.slots) == {"T1": "T1"}
    assert found.remarks() == ("T1 looks like a T2 (97%): is it named rightly?",)
    assert recognise(always("T2", 0.8), case, {"T1": "T1"}).remarks() == ()
    assert recognise(always("T1", 0.97), named(case, "T1ce"), {"T1ce": "T1ce"}).remarks() == ()


def test_what_is_never_named_and_what_was_left_out_is_not_looked_at(case):
    found = recognise(always("T2", 0.97), named(case, "PD"), {"PD": "PD"})
    assert (found.slots, found.likely) == ({"PD": "PD"}, {})
    assert recognise(always("T1", 0.97), case, {"T1": "T1", "T2": "T2"}).likely.keys() == {"T1"}


def test_a_model_that_names_nothing_changes_nothing(case):
    silent = BaseModel(BaseNetwork(4).eval())
    assert recognise(silent, named(case, "unnamed"), {"unnamed": "unnamed"}).remarks() == ("given without a name",)


def test_a_head_that_lies_wrong_or_has_no_adult_size_is_told():
    lines = Recognised({"T1": "T1"}, pose=Pose.UPSIDE_DOWN, brain_ml=330.4).remarks()
    assert lines == (
        "the head seems to lie upside down: is its affine right?",
        "the brain has 330 ml, an adult's 800 to 2800: is its voxel size right, or a part cut off?",
    )
    assert Recognised({"T1": "T1"}, brain_ml=1400.0).remarks() == Recognised({"T1": "T1"}).remarks() == ()


def test_volume_and_pose_are_those_of_the_mask(case, monkeypatch):
    poses = {id(case.reference.mask): Pose.UPSIDE_DOWN}
    monkeypatch.setattr(f"{recognise.__module__}.find_pose", lambda mask: poses[id(mask)])
    found = recognise(BaseModel(BaseNetwork(4).eval()), case, {"T1": "T1"})
    assert (found.brain_ml, found.pose) == (ADULT, Pose.UPSIDE_DOWN)
