import pytest

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.plans import Plans, paper_literal

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


def minimal(**changes):
    """The least that makes plans."""
    memory = {"slots": {"background": 2, "CSF": 2, "GM": 3, "WM": 3}, "global_slots": 10}
    return {"dataset": "IXI", "modalities": ["T1", "T2"], "labels": LABELS, "memory": memory} | changes


def test_the_defaults_are_the_published_sizes():
    plans = Plans.checked(minimal(), "test")
    assert (plans.content_size, plans.content_width, plans.memory.total) == (54, 256, 20)
    assert plans.total_iterations == plans.training.epochs * plans.training.iterations


def test_save_and_load_agree(tmp_path):
    plans = Plans.checked(minimal(), "test").override(["slices.crop=128", "training.betas=(0.4, 0.9)"])
    plans.save(tmp_path / "plans.json")
    assert Plans.load(tmp_path / "plans.json") == plans


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slices": {"crop": 300}}, ["crop 300", "256"]),
        ({"slices": {"crop": 214}}, ["214", "multiple of 4"]),
        ({"slices": {"crop": 16}}, ["8x8"]),
        ({"slices": {"pixel_mm": 0}}, ["slices.pixel_mm", "greater than 0", "found 0"]),
        ({"training": {"lr": "fast"}}, ["training.lr", "'fast'"]),
        ({"training": {"learning_rate": 1}}, ["training.learning_rate", "unknown"]),
        ({"training": {"batchsize": 1}}, ["did you mean batch_size"]),
        ({"training": {"betas": [0.5, 1.5]}}, ["betas"]),
        ({"memory": {"slots": {"tumour": 3}, "global_slots": 1}}, ["tumour", "CSF"]),
        ({"memory": {"slots": {"GM": -1}, "global_slots": 1}}, ["memory.slots.GM"]),
        ({"memory": {"slots": {}}}, ["memory.global_slots", "none"]),
        ({"preprocessing": {"reference": "FLAIR"}}, ["FLAIR", "T1, T2"]),
        ({"preprocessing": {"skull_strip": "robex"}}, ["skull_strip", "'robex'"]),
        ({"preprocessing": {"skull_strip": "command", "strip_command": "ben {input}"}}, ["strip_command", "{mask}"]),
        ({"preprocessing": {"strip_command": "ben {input} {mask}"}}, ["strip_command", "skull_strip is auto"]),
        ({"format": 2}, ["format", "found 2"]),
        ({"modalities": []}, ["modalities"]),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_that_names_the_key(changes, words):
    with pytest.raises(UserError) as refusal:
        Plans.checked(minimal(**changes), "plans.json")
    text = str(refusal.value)
    assert text.startswith("plans.json: ")
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("text", ["lr=1e-3", "training.lr=1e-3", " lr = 1e-3"])
def test_a_value_is_replaced_by_its_short_or_long_key(text):
    before = Plans.checked(minimal(), "test")
    after = before.override([text])
    assert after.training.lr == 1e-3
    assert before.training.lr == 1e-4
    assert after.model_copy(update={"training": before.training}) == before


def test_values_of_every_type_can_be_set():
    texts = ["flip=false", "warm_up=True", "init=he", "memory.slots={'GM': 4}", "memory.slots.WM=2", "n_down=3"]
    plans = Plans.checked(minimal(), "test").override(texts)
    assert (plans.training.flip, plans.networks.init, plans.networks.n_down) == (False, "he", 3)
    assert plans.memory.slots == {"GM": 4, "WM": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr", "key=value"),
        ("content_width=3", "did you mean content"),
        ("training.momentum=1", "training.momentum"),
        ("nowhere.lr=1", "nowhere.lr"),
        ("lr=-1", "training.lr"),
        ("crop=300", "crop 300"),
    ],
)
def test_an_override_that_cannot_be_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        Plans.checked(minimal(), "test").override([text])


def test_a_plans_file_inherits_what_it_does_not_say(tmp_path):
    Plans.checked(minimal(training={"lr": 5e-4}), "test").save(tmp_path / "plans.json")
    child = {"inherits_from": "plans", "name": "small", "networks": {"width": 16}, "memory": {"slots": {"GM": 1}}}
    write_json(tmp_path / "small.json", child)
    small = Plans.load(tmp_path / "small.json")
    assert (small.name, small.networks.width, small.training.lr) == ("small", 16, 5e-4)
    assert small.memory.slots == {"GM": 1}
    assert small.memory.global_slots == 10


def test_inheritance_in_a_circle_is_refused(tmp_path):
    write_json(tmp_path / "a.json", {"inherits_from": "b"})
    write_json(tmp_path / "b.json", {"inherits_from": "a"})
    with pytest.raises(UserError, match="leads back"):
        Plans.load(tmp_path / "a.json")


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="found none"):
        Plans.load(tmp_path / "plans.json")
    (tmp_path / "plans.json").write_text("{")
    with pytest.raises(UserError, match="wanted JSON"):
        Plans.load(tmp_path / "plans.json")
    (tmp_path / "plans.json").write_text("[]")
    with pytest.raises(UserError, match="found list"):
        Plans.load(tmp_path / "plans.json")


def test_the_literal_preset_changes_the_ambiguous_values_only():
    plans = Plans.checked(minimal(losses={"pgd": 0.1, "ramp": 100}), "test")
    literal = paper_literal(plans)
    assert (literal.memory.tau_r, literal.memory.tau_u, literal.memory.rho) == (1, 1, 0.01)
    assert (literal.memory.value_width, literal.losses.weight_inside) == (256, True)
    assert (literal.losses.pgd, literal.losses.sgd, literal.losses.ramp) == (1, 2, 0)
    assert literal.slices == plans.slices
    assert literal.training == plans.training
    assert literal.memory.slots == plans.memory.slots
    assert Plans.checked(literal.model_dump(mode="json"), "test") == literal
