"""Every method plans itself by the rules that all share; what is no method's own stays as it is."""

# mypy: no-check-untyped-defs
import json

import pytest
import torch

from hifisyn.evaluation.adapted_rows import competes
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.methods.drit.trainer import DRIT
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.methods.mguit.trainer import MGUIT
from hifisyn.methods.munit.trainer import MUNIT
from hifisyn.planning import planner
from hifisyn.planning.device import Device
from hifisyn.planning.planner import complete, for_method, planned_for
from hifisyn.planning.size_rules import FULL_SIZE_DEVICE
from hifisyn.plans import Plans
from hifisyn.settings import checked, flat
from hifisyn.training.registry import names, trainer_class
from tests.planning.test_planner import DEMO, GPU, LABELS, fingerprint, plan

DEVICES = {
    "gpu": GPU,
    "small gpu": Device("cuda", 8, 4, minutes=60),
    "minutes": DEMO,
    "night": Device("cpu", 32, 8, minutes=480),
}
VOLUMES = {"background": 3000.0, "CSF": 300.0, "GM": 700.0, "WM": 500.0, "lesion": 4.0}
COHORTS = {
    "lesions": fingerprint(volumes=VOLUMES) | {"labels": LABELS | {"lesion": 4}},
    "no labels": fingerprint() | {"structures": {}},
}
OWN_WIDTH = {"Paired": 12, "Adapted": 24}
PRESETS = ("recommended", "paper", "literal")
TAKEN = PRESETS[:2]  # the print of HiFi-Syn is HiFi-Syn's alone
TOLD = {"slices.pixel_mm", "settings.networks.width", "length.epochs", "optimisation.lr", "optimisation.average"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("preset", PRESETS[:2])
@pytest.mark.parametrize("method", names())
def test_every_method_accepts_what_it_plans_and_says_why(method, preset, device):
    trainer = trainer_class(method)
    plans = plan(fingerprint(), DEVICES[device], trainer, preset=preset, preprocessing_reason="as it came")
    assert (plans.method, plans.preset) == (method, preset)
    assert complete(plans, trainer) == plans
    assert Plans.checked(json.loads(json.dumps(plans.model_dump(mode="json"))), "test") == plans
    assert set(plans.reasons) >= TOLD
    assert all(plans.reasons.values())
    keys = flat(plans.model_dump(mode="json", exclude={"reasons"}))
    assert set(plans.reasons) <= {*keys, "preprocessing"}, "a reason of a key that the plans lack"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("preset", PRESETS)
def test_methods_share_slices_batch_length_and_width(preset, device):
    ranked = [name for name in names() if competes(name)]  # the others plan for themselves
    plans = [plan(fingerprint(), DEVICES[device], trainer_class(name), preset=preset) for name in ranked]
    networks = [p.settings["networks"] for p in plans]
    assert len({(p.slices, p.optimisation.batch_size, n["width"]) for p, n in zip(plans, networks, strict=True)}) == 1
    assert len({updates(p) for p in plans}) == 1
    assert len({n["n_down"] for n in networks if "n_down" in n}) == 1
    assert len({p.optimisation.average for p in plans}) == 1


def updates(plans):
    """Epochs, and in each the updates of all networks."""
    period = plans.settings.get("content_discriminator", {}).get("steps", 1)
    return plans.length.epochs, plans.length.iterations / period


@pytest.mark.parametrize("method", [name for name in names() if name != "HiFiSyn"])
def test_the_print_of_hifisyn_changes_no_other_method_but_its_length(method):
    paper, literal = (plan(fingerprint(), DEMO, trainer_class(method), preset=name) for name in ("paper", "literal"))
    parts = {"slices", "optimisation", "batches", "settings"}
    assert paper.model_dump(include=parts) == literal.model_dump(include=parts)


@pytest.mark.parametrize("method", names())
def test_a_planned_method_can_be_built_and_translates(method):
    trainer = trainer_class(method)
    built = trainer(plan(fingerprint(), DEMO, trainer), ("T1", "T2")).train(mode=False)
    side = built.plans.slices.crop
    with torch.no_grad():
        channels = 1 + 2 * trainer.NEEDS.context
        made = built.translate(torch.zeros(1, channels, side, side), "T1", "T2")
    assert made[:, :1].shape == (1, 1, side, side)


@pytest.mark.parametrize("method", names())
def test_networks_follow_the_slices_that_were_cut(method):
    trainer = trainer_class(method)
    other = CycleGAN if method == "HiFiSyn" else HiFiSyn
    cut = plan(fingerprint(), GPU, other, assignments=["slices.size=160", "slices.crop=128"])
    plans = for_method(cut, trainer, method, fingerprint(), GPU)
    assert plans.slices == cut.slices
    assert plans.settings["networks"].get("n_down", 1) == 1  # two would leave 32 pixels a side
    assert plans.settings["networks"]["width"] == OWN_WIDTH.get(method, 64)


@pytest.mark.parametrize("method", names())
def test_plans_for_another_method_are_those_that_it_makes_for_itself(method):
    trainer = trainer_class(method)
    for device in (GPU, DEMO):
        first = plan(fingerprint(), device, MUNIT)
        assert for_method(first, trainer, method, fingerprint(), device) == plan(fingerprint(), device, trainer)


def test_what_is_no_methods_own_stays_and_the_rest_is_replaced_with_its_reasons():
    by_hand = ["lr=3e-4", "memory.slots.GM=5", "per_case=50", "flip=false", "epochs=7", "pgd=3"]
    first = plan(
        fingerprint(), GPU, assignments=by_hand, name="mine", preset="literal", preprocessing_reason="as it came"
    )
    second = for_method(first, CycleGAN, "CycleGAN", fingerprint(), GPU)
    replaced = {"method", "optimisation", "batches", "length", "settings", "device", "reasons"}
    before, after = (plans.model_dump(mode="json", exclude=replaced) for plans in (first, second))
    assert before == after
    assert after["slices"]["per_case"] == 50
    assert (after["name"], after["preset"], after["labels"]) == ("mine", "literal", LABELS)
    fresh = plan(fingerprint(), GPU, CycleGAN, preset="literal")
    assert second.model_dump(include=replaced - {"reasons"}) == fresh.model_dump(include=replaced - {"reasons"})
    kept = {"slices.per_case": planner.SET_BY_HAND, "preprocessing": "as it came"}
    assert second.reasons == fresh.reasons | kept


def test_the_device_is_found_in_the_plans_again():
    assert planned_for(plan(fingerprint(), DEMO)) == DEMO
    assert planned_for(plan(fingerprint(), GPU)) == GPU
    for device in ({}, {"kind": "cpu"}):
        assert planned_for(plan(fingerprint(), DEMO).model_copy(update={"device": device})) == FULL_SIZE_DEVICE


def test_the_written_plan_shows_every_setting_and_slots_for_each_label_and_as_many_global_ones(tmp_path):
    plan(COHORTS["lesions"], DEMO).save(tmp_path / "plans.json")
    written = json.loads((tmp_path / "plans.json").read_text())
    assert set(flat(written["settings"])) == set(flat(HiFiSynSettings().model_dump()))
    assert written["settings"]["memory"]["slots"] == {"background": 2, "CSF": 2, "GM": 3, "WM": 3, "lesion": 3}
    assert written["settings"]["memory"]["global_slots"] == 13
    assert checked(HiFiSynSettings, written["settings"]).memory.total == 26


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("preset", TAKEN)
@pytest.mark.parametrize("cohort", COHORTS)
def test_methods_have_what_they_took_from_hifisyn(cohort, preset, device):
    content, machine = COHORTS[cohort], DEVICES[device]
    hifisyn, mguit, munit, drit = (
        plan(content, machine, m, preset=preset).settings for m in (HiFiSyn, MGUIT, MUNIT, DRIT)
    )
    assert mguit["memory"] == {
        key: hifisyn["memory"][key] for key in ("slots", "global_slots", "value_width", "foreign")
    }
    pgd = {key: hifisyn["losses"][key] for key in ("pgd", "ramp_start", "ramp", "tau_1", "anchors", "use_labels")}
    assert mguit["granularity"] == munit["granularity"] == pgd
    assert mguit["content_discriminator"] == drit["content_discriminator"] == hifisyn["content_discriminator"]
    assert munit["attribute_ema"] == drit["attribute_ema"] == hifisyn["attribute_ema"]
    for settings in (mguit, munit, drit):
        networks = settings["networks"]
        assert networks == {key: hifisyn["networks"][key] for key in networks}


def test_what_is_taken_from_hifisyn_depends_on_cohort_and_device():
    lesions, nothing = (plan(COHORTS[name], DEMO, MGUIT).settings for name in ("lesions", "no labels"))
    assert (lesions["memory"]["slots"]["lesion"], lesions["memory"]["global_slots"]) == (3, 13)
    assert (nothing["memory"]["slots"], nothing["memory"]["global_slots"]) == ({}, 10)
    large = plan(COHORTS["lesions"], GPU, MGUIT).settings
    assert (lesions["granularity"]["pgd"], lesions["granularity"]["anchors"]) == (0.1, 64)
    assert (large["granularity"]["pgd"], large["granularity"]["anchors"]) == (1.0, 256)
    assert (lesions["content_discriminator"]["steps"], large["content_discriminator"]["steps"]) == (1, 3)
    assert (lesions["content_discriminator"]["lr"], large["content_discriminator"]["lr"]) == (8e-4, 4e-5)
