import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.planning.planner import complete
from hifisyn.plans import MOST_AVERAGED, Plans
from hifisyn.settings import checked, override, whole_key
from hifisyn.training import checkpoint
from hifisyn.training.registry import trainer_class

HIFISYN = trainer_class("HiFiSyn")
LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
MEMORY = {"slots": {"background": 2, "CSF": 2, "GM": 3, "WM": 3}, "global_slots": 10}


def minimal(settings=None, **changes):
    """The least that makes plans of HiFi-Syn; `settings` are its own, beside its slots."""
    settings = {"memory": MEMORY} | (settings or {})
    return {"dataset": "IXI", "modalities": ["T1", "T2"], "labels": LABELS, "settings": settings} | changes


def whole(content=None, origin="plans.json"):
    """Plans of HiFi-Syn with all its settings, checked."""
    return complete(Plans.checked(content or minimal(), origin), HIFISYN, origin)


def own(plans):
    """What HiFi-Syn alone has, typed."""
    return checked(HiFiSynSettings, plans.settings)


def test_the_defaults_are_the_published_sizes():
    plans = whole()
    networks = own(plans).networks
    assert (plans.slices.crop / networks.stride, networks.content_width, own(plans).memory.total) == (54, 256, 20)
    assert plans.length.total == plans.length.epochs * plans.length.iterations


def test_save_and_load_agree(tmp_path):
    plans = whole().override(["slices.crop=128", "optimisation.betas=(0.4, 0.9)"])
    plans.save(tmp_path / "plans.json")
    assert Plans.load(tmp_path / "plans.json") == plans


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slices": {"crop": 300}}, ["crop 300", "256"]),
        ({"slices": {"crop": 214}}, ["214", "multiple of 4"]),
        ({"slices": {"crop": 16}}, ["8x8", "16 pixels, which leave 4x4"]),
        ({"slices": {"pixel_mm": 0}}, ["slices.pixel_mm", "greater than 0", "got 0"]),
        ({"optimisation": {"lr": "fast"}}, ["optimisation.lr", "'fast'"]),
        ({"optimisation": {"learning_rate": 1}}, ["optimisation.learning_rate is no key of the plans"]),
        ({"optimisation": {"batchsize": 1}}, ["did you mean batch_size"]),
        ({"optimisation": {"betas": [0.5, 1.5]}}, ["betas"]),
        ({"optimisation": {"average": 2}}, ["optimisation.average", "got 2"]),
        ({"batches": {"shares": {"unpaired": 0}}}, ["batches", "shares must add up to more than 0"]),
        ({"batches": {"shares": {"mirrored": 1}}}, ["batches.shares.mirrored"]),
        ({"length": {"epochs": 0}}, ["length.epochs", "got 0"]),
        ({"settings": {"memory": {"slots": {"tumour": 3}, "global_slots": 1}}}, ["tumour", "CSF"]),
        ({"settings": {"memory": {"slots": {"GM": -1}, "global_slots": 1}}}, ["settings.memory.slots.GM"]),
        ({"settings": {"memory": {"slots": {}}}}, ["settings.memory", "global_slots must stand beside slots"]),
        ({"settings": {"memory": MEMORY, "pool": 50}}, ["settings.pool is no key of the plans"]),
        ({"settings": {"memory": MEMORY, "losses": {"pdg": 1}}}, ["settings.losses.pdg", "did you mean pgd"]),
        ({"preprocessing": {"reference": "FLAIR"}}, ["FLAIR", "T1, T2"]),
        ({"preprocessing": {"skull_strip": "robex"}}, ["skull_strip", "'robex'"]),
        ({"preprocessing": {"skull_strip": "command", "strip_command": "ben {input}"}}, ["strip_command", "{mask}"]),
        ({"preprocessing": {"strip_command": "ben {input} {mask}"}}, ["strip_command", "skull_strip is auto"]),
        ({"format": 3}, ["format must be 2", "got 3"]),
        ({"modalities": []}, ["modalities"]),
        ({"labels": LABELS | {"lesion": 2}}, ["labels must have different values", "GM and lesion have 2"]),
        ({"labels": LABELS | {"lesion": -1}}, ["labels.lesion must be greater than or equal to 0", "got -1"]),
        ({"intensity_scale": {"T1": -3.0}}, ["intensity_scale.T1 must be greater than 0", "got -3.0"]),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_that_names_the_key(changes, words):
    with pytest.raises(UserError) as refusal:
        whole(minimal() | changes)
    text = str(refusal.value)
    assert text.startswith("plans.json: ")
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("text", ["lr=1e-3", "optimisation.lr=1e-3", " lr = 1e-3"])
def test_a_value_is_replaced_by_its_short_or_long_key(text):
    before = whole()
    after = before.override([text])
    assert after.optimisation.lr == 1e-3
    assert before.optimisation.lr == 1e-4
    assert after.model_copy(update={"optimisation": before.optimisation}) == before


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("lr=1e-3", "optimisation.lr", 1e-3),  # nearer to the top than settings.content_discriminator.lr
        ("content_discriminator.lr=1e-3", "settings.content_discriminator.lr", 1e-3),
        ("pgd=0.5", "settings.losses.pgd", 0.5),
        ("losses.pgd=0.5", "settings.losses.pgd", 0.5),
        ("settings.losses.pgd=0.5", "settings.losses.pgd", 0.5),
        ("attribute_ema=0.9", "settings.attribute_ema", 0.9),
        ("slots.GM=5", "settings.memory.slots.GM", 5),
        ("paired=0.5", "batches.shares.paired", 0.5),
        ("shares.simulated=1", "batches.shares.simulated", 1),
        ("global_slots=7", "settings.memory.global_slots", 7),
    ],
)
def test_a_key_is_found_by_its_end_at_any_depth(text, key, value):
    plans = whole(minimal(batches={"shares": {"unpaired": 1.0, "paired": 0.0}}))
    content = plans.model_dump(mode="json")
    assert whole_key(text.partition("=")[0], content) == key
    after = complete(plans.override([text]), HIFISYN).model_dump(mode="json")
    assert at(after, key) == value
    *parents, last = key.split(".")
    part = content
    for step in parents:
        part = part[step]
    part[last] = value
    assert after == content


def at(content, key):
    for step in key.split("."):
        content = content[step]
    return content


def test_a_key_that_is_not_unique_names_the_choices():
    content = {"settings": {"memory": {"tau": 1}, "losses": {"tau": 2}}, "reasons": {"tau": "no key"}}
    with pytest.raises(
        UserError, match=r"must name one key \(got tau, .*write settings\.memory\.tau or settings\.losses\.tau$"
    ):
        override(content, ["tau=3"])
    assert override(content, ["losses.tau=3"])["settings"] == {"memory": {"tau": 1}, "losses": {"tau": 3}}
    assert content["settings"] == {"memory": {"tau": 1}, "losses": {"tau": 2}}


def test_facts_are_no_keys_unless_named_in_full():
    plans = whole(minimal(intensity_scale={"T1": 700.0}, device={"cores": 2}, reasons={"GM": "none"}))
    for text in ("T1=1", "cores=4"):
        with pytest.raises(UserError, match="must name a key of the plans"):
            plans.override([text])
    assert plans.override(["GM=7"]).settings["memory"]["slots"]["GM"] == 7
    assert plans.override(["intensity_scale.T1=1"]).intensity_scale == {"T1": 1.0}


def test_values_of_every_type_can_be_set():
    texts = ["flip=false", "warm_up=True", "init=he", "memory.slots={'GM': 4}", "memory.slots.WM=2", "n_down=3"]
    plans = complete(whole().override(texts), HIFISYN)
    settings = own(plans)
    assert (plans.batches.flip, settings.networks.init, settings.networks.n_down) == (False, "he", 3)
    assert settings.memory.slots == {"GM": 4, "WM": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr", "key=value"),
        ("content_width=3", "did you mean content"),
        ("optimisation.momentum=1", "optimisation.momentum"),
        ("nowhere.lr=1", "nowhere.lr"),
        ("lr=-1", "optimisation.lr"),
        ("crop=300", "crop 300"),
        ("losses.pgd=-1", "settings.losses.pgd"),
        ("crop=218", "multiple of 4"),
    ],
)
def test_an_override_that_cannot_be_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        complete(whole().override([text]), HIFISYN)


def test_a_plans_file_inherits_what_it_does_not_say(tmp_path):
    whole(minimal(optimisation={"lr": 5e-4})).save(tmp_path / "plans.json")
    settings = {"networks": {"width": 16}, "memory": {"slots": {"GM": 1}}}
    write_json(tmp_path / "small.json", {"inherits_from": "plans", "name": "small", "settings": settings})
    small = Plans.load(tmp_path / "small.json")
    assert (small.name, own(small).networks.width, small.optimisation.lr) == ("small", 16, 5e-4)
    assert own(small).memory.slots == {"GM": 1}
    assert own(small).memory.global_slots == 10


def test_what_inherited_is_whole_and_can_be_saved_under_the_name_of_its_parent(tmp_path):
    whole().save(tmp_path / "plans.json")
    write_json(tmp_path / "small.json", {"inherits_from": "plans", "name": "small", "length": {"epochs": 3}})
    small = Plans.load(tmp_path / "small.json")
    (tmp_path / "model").mkdir()
    small.save(tmp_path / "model" / "plans.json")
    assert Plans.load(tmp_path / "model" / "plans.json") == small
    assert small.length.epochs == 3


@pytest.mark.parametrize("child", [None, {"inherits_from": "plans", "format": 2}])
def test_plans_of_the_earlier_format_are_refused_with_what_to_do(tmp_path, child):
    earlier = {"format": 1, "dataset": "IXI", "modalities": ["T1", "T2"], "labels": LABELS, "training": {"lr": 1e-4}}
    write_json(tmp_path / "plans.json", earlier)
    path = tmp_path / "plans.json"
    if child:
        path = tmp_path / "child.json"
        write_json(path, child)
    with pytest.raises(UserError) as refusal:
        Plans.load(path)
    assert (refusal.value.what, refusal.value.got) == (f"{tmp_path / 'plans.json'}: format must be 2", "1")
    assert refusal.value.hint.startswith("plan again with hifisyn_plan_and_preprocess -d IXI --overwrite")
    assert "\n" not in str(refusal.value)


def test_a_checkpoint_of_the_earlier_format_is_refused_with_what_to_do(tmp_path):
    torch.save({"format": 1, "plans": {"format": 1}, "networks": {}}, tmp_path / "checkpoint_final.pt")
    with pytest.raises(UserError) as refusal:
        checkpoint.load(tmp_path / "checkpoint_final.pt")
    assert refusal.value.got == "format 1"
    assert refusal.value.hint == "plan again with hifisyn_plan_and_preprocess --overwrite, and train again"
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("average", "epochs", "decay"), [(0.0, 200, 0.0), (0.1, 4, 1 - 1 / 100), (0.001, 1, 0.0), (0.5, 200, MOST_AVERAGED)]
)
def test_averaged_weights_look_back_on_a_share_of_the_run(average, epochs, decay):
    plans = whole().override([f"average={average}", f"epochs={epochs}", "iterations=250"])
    assert plans.average_decay == pytest.approx(decay)


def test_inheritance_in_a_circle_is_refused(tmp_path):
    write_json(tmp_path / "a.json", {"inherits_from": "b"})
    write_json(tmp_path / "b.json", {"inherits_from": "a"})
    with pytest.raises(UserError, match="must not lead back to itself"):
        Plans.load(tmp_path / "a.json")


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        Plans.load(tmp_path / "plans.json")
    (tmp_path / "plans.json").write_text("{")
    with pytest.raises(UserError, match="must be JSON"):
        Plans.load(tmp_path / "plans.json")
    (tmp_path / "plans.json").write_text("[]")
    with pytest.raises(UserError, match="got a list"):
        Plans.load(tmp_path / "plans.json")
