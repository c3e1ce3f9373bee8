import json
import math
import os
import re
import subprocess
import sys

import pytest

from hifisyn import memory
from hifisyn.cohort.summary import essentials
from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning import costs, planner, rules, size_rules
from hifisyn.planning import device as devices
from hifisyn.planning.device import Device, detect, usable_here
from hifisyn.plans import Plans, PreprocessingPlan
from hifisyn.settings import checked

GPU = Device("cuda", 24, 8)
DEMO = Device("cpu", 16, 2, minutes=4)
LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


def fingerprint(box=(140.0, 175.0, 130.0), spacing=(1.0, 1.0, 1.0), subjects=40, volumes=None):
    """What planning reads of a fingerprint."""
    volumes = volumes or {"background": 3000.0, "CSF": 300.0, "GM": 700.0, "WM": 500.0}
    return {
        "dataset": "IXI",
        "digest": "sha256:abc",
        "modalities": ["T1", "T2"],
        "labels": LABELS,
        "subjects": subjects,
        "settings": PreprocessingPlan().model_dump(mode="json"),
        "geometry": {"spacing_mm": {"median": list(spacing)}, "brain_box_mm": {"max": list(box)}},
        "intensities": {"T1": {"span": {"median": 812.5}}, "T2": {"span": {"median": 400.0}}},
        "structures": {name: {"cases": 5, "median_ml": ml} for name, ml in volumes.items()},
    }


def plan(content, device, method=HiFiSyn, **wishes):
    """The plans of a method, HiFi-Syn's by default."""
    return planner.plan(content, device, method, method_name=method.TITLE, **wishes)


def own(plans):
    """What HiFi-Syn alone has, typed."""
    return checked(HiFiSynSettings, plans.settings)


def test_a_large_gpu_gets_the_published_plan():
    plans = plan(fingerprint(), GPU)
    settings = own(plans)
    networks, memory, losses = settings.networks, settings.memory, settings.losses
    assert (plans.slices.size, plans.slices.crop, plans.slices.pixel_mm, plans.slices.per_case) == (256, 216, 1.0, 100)
    assert (networks.width, networks.n_down, 216 / networks.stride, networks.content_width) == (64, 2, 54, 256)
    assert (memory.total, memory.value_width) == (20, 128)
    assert (losses.pgd, losses.sgd, losses.ggd, losses.ramp) == (1, 2, 1, 0)
    assert (plans.optimisation.batch_size, plans.optimisation.lr) == (2, 1e-4)
    assert (settings.content_discriminator.steps, settings.content_discriminator.lr) == (3, 4e-5)
    assert plans.optimisation.average == 0.13
    assert networks.init == "normal"
    assert networks.content_noise == 1
    assert plans.intensity_scale == {"T1": 812.5, "T2": 400.0}


def test_the_demo_plan_is_small_and_gets_its_steps():
    plans = plan(fingerprint(subjects=10), DEMO)
    assert 72 <= plans.slices.crop <= 96
    assert plans.slices.size == plans.slices.crop
    settings = own(plans)
    assert settings.networks.n_down == 1
    assert settings.networks.init == "he"
    assert settings.networks.content_noise == 0.2
    assert plans.length.total >= 700
    assert 12 <= plans.length.epochs <= 20
    assert plans.optimisation.lr == 2e-3
    assert plans.optimisation.lr_discriminator == 5e-4
    assert settings.content_discriminator.lr == 8e-4
    assert settings.content_discriminator.steps == 1
    assert settings.losses.share(plans.length.total - 1, plans.length.total) == 1
    assert (
        settings.losses.first_step(plans.length.total) + settings.losses.ramp * plans.length.total <= plans.length.total
    )
    assert plans.device["estimated"]["training_minutes"] <= 4.2
    assert plans.slices.crop * plans.slices.pixel_mm >= 175 * 1.04


def test_every_plan_says_why():
    for device in (GPU, DEMO):
        plans = plan(fingerprint(), device, preprocessing_reason="as it came")
        told = {"settings.networks.width", "settings.memory.slots", "slices.pixel_mm", "length.epochs", "preprocessing"}
        assert told <= set(plans.reasons)
        assert all(plans.reasons.values())


@pytest.mark.parametrize("minutes", [1, 4, 15, 60, 480, 5000])
@pytest.mark.parametrize("cores", [1, 2, 8, 64])
def test_a_cpu_plan_keeps_to_its_time_at_every_size(minutes, cores):
    device = Device("cpu", 16, cores, minutes)
    sizes = size_rules.cpu_sizes(device).value
    length = size_rules.length(sizes, device).value
    assert length.total * costs.step_seconds(sizes, device) <= 60 * minutes * 0.9
    plan(fingerprint(), device)


def test_more_time_never_gives_a_smaller_network():
    work = [
        costs.step_gflop(size_rules.cpu_sizes(Device("cpu", 64, 4, m)).value) for m in (1, 3, 9, 27, 81, 243, 729, 9999)
    ]
    assert work == sorted(work)
    assert work[-1] > 10 * work[0]


@pytest.mark.parametrize("minutes", [4, 30, 480, 3000])
def test_a_network_of_four_times_the_work_gets_twice_the_steps(minutes):
    device = Device("cpu", 64, 2, minutes)
    sizes = size_rules.cpu_sizes(device).value
    work = costs.step_gflop(sizes) / costs.step_gflop(costs.Sizes(72, 8, 2, 1, 8))
    assert size_rules.length(sizes, device).value.total >= 0.95 * 700 * math.sqrt(work)


def test_too_little_time_is_told():
    assert "allow more time" in size_rules.cpu_sizes(Device("cpu", 8, 1, 0.5)).reason


def test_less_memory_gives_narrower_networks_and_batch_one_last():
    chosen = [size_rules.gpu_sizes(Device("cuda", gb, 8)).value for gb in (80, 24, 16, 12, 11, 8, 6, 4, 1)]
    assert [s.width for s in chosen] == sorted((s.width for s in chosen), reverse=True)
    assert {s.crop for s in chosen} == {216}
    assert [s.batch for s in chosen if s.width > 16] == [2] * sum(s.width > 16 for s in chosen)
    assert chosen[-1].batch == 1
    for gb, sizes in zip((80, 24, 16, 12, 11, 8, 6), chosen, strict=False):
        assert costs.step_memory_gb(sizes) <= 0.9 * gb


def test_minutes_limit_a_gpu_plan_too():
    limited = plan(fingerprint(), Device("cuda", 24, 8, minutes=30))
    assert limited.length.total < plan(fingerprint(), GPU).length.total
    assert limited.settings["networks"]["width"] == 64


@pytest.mark.parametrize(
    ("crop", "width", "batch", "n_down", "value_width", "gflop"),
    [
        (72, 8, 2, 1, 8, 9.56),
        (96, 12, 2, 1, 12, 33.3),
        (128, 16, 2, 1, 16, 98.0),
        (216, 32, 2, 2, 64, 998.0),
        (216, 64, 1, 2, 128, 1917.0),
    ],
)
def test_work_agrees_with_what_torch_counted(crop, width, batch, n_down, value_width, gflop):
    assert costs.step_gflop(costs.Sizes(crop, width, batch, n_down, value_width)) == pytest.approx(gflop, rel=0.08)


@pytest.mark.slow
def test_work_as_torch_counts_it_now():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from hifisyn.training.batch import Batch
    from hifisyn.training.step import take_step

    plans = plan(fingerprint(), Device("cpu", 8, 1, 1))
    crop, count = plans.slices.crop, plans.optimisation.batch_size
    random = torch.Generator().manual_seed(0)
    batch = Batch(
        {m: torch.rand(count, 1, crop, crop, generator=random) * 2 - 1 for m in ("T1", "T2")},
        {m: torch.randint(0, 4, (count, crop, crop), generator=random) for m in ("T1", "T2")},
        {"T1": torch.tensor([0, 1]), "T2": torch.tensor([2, 3])},
        0,
    )
    trainer = HiFiSyn(plans, ("T1", "T2")).to("cpu").train()
    optimizers = trainer.optimizers()
    with FlopCounterMode(display=False) as counter:
        take_step(trainer, optimizers, batch, seed=0)
    assert plans.device["estimated"]["step_gflop"] == pytest.approx(counter.get_total_flops() / 1e9, rel=0.15)


@pytest.mark.parametrize(
    ("sizes", "seconds"), [((72, 8, 2, 1, 8), 0.42), ((96, 12, 2, 1, 12), 1.09), ((128, 16, 2, 1, 16), 2.52)]
)
def test_seconds_agree_with_what_was_measured_on_one_core(sizes, seconds):
    one, two = (costs.step_seconds(costs.Sizes(*sizes), Device("cpu", 8, cores)) for cores in (1, 2))
    assert one == pytest.approx(seconds, rel=0.15)
    assert one / two == pytest.approx(1.76, rel=0.01)


@pytest.mark.parametrize(
    ("box", "spacing", "subjects", "crop", "expected"),
    [
        ((140, 175), (1, 1), 40, 216, 1.0),
        ((140, 230), (1, 1), 40, 216, 1.15),  # 230 * 1.04 / 216 = 1.107
        ((140, 175), (0.4, 0.4), 40, 216, 1.0),
        ((140, 175), (1, 2.0), 40, 216, 1.5),  # 0.75 * 2
        ((140, 175), (1, 1), 40, 72, 2.55),  # 175 * 1.04 / 72 = 2.528
        ((140, 175), (1, 1), 5, 72, 2.65),  # 175 * 1.08 / 72 = 2.625
    ],
)
def test_pixels_are_as_large_as_the_brain_needs_and_no_finer_than_the_scan(box, spacing, subjects, crop, expected):
    geometry = {"brain_box_mm": {"max": [*box, 130]}, "spacing_mm": {"median": [*spacing, 3]}}
    choice = size_rules.pixel_mm(geometry, subjects, crop)
    assert choice.value == pytest.approx(expected)
    assert choice.reason


def test_the_literal_preset_takes_the_equations_as_printed():
    for device in (GPU, DEMO):
        plans = plan(fingerprint(), device, preset="literal")
        settings = own(plans)
        memory, losses = settings.memory, settings.losses
        assert plans.preset == "literal"
        assert (memory.tau_r, memory.tau_u, memory.rho, memory.p_unlabelled) == (1, 1, 0.01, 0)
        assert memory.value_width == settings.networks.content_width
        assert losses.weight_inside
        assert (losses.pgd, losses.sgd, losses.ggd, losses.ramp, losses.ramp_start) == (1, 2, 1, 0, 0)
        assert (memory.update_pixels, memory.update_sums, memory.translation_read) == ("all", "raw", "stored")
        assert (memory.reseed_after, memory.warm_up, memory.scaled_read) == (0, False, False)
        assert (losses.region, losses.difference, losses.pixel_negatives) == ("map", "sum", "others")
        assert (losses.anchors, losses.other_pixels, losses.use_labels) == (54**2, 3 * 54**2, False)


def test_the_literal_preset_has_one_rate_and_one_kind_of_step():
    for device in (GPU, DEMO):
        plans = plan(fingerprint(), device, preset="literal")
        trainer = HiFiSyn(plans.override(["width=4", "value_width=4"]), ("T1", "T2"))
        assert set(trainer.learning_rates().values()) == {1e-4}
        assert {trainer.rate_share(group, 499_999) for group in trainer.groups()} == {1.0}
        assert trainer.period == 1
        assert trainer.clips() == {}
        assert own(plans).networks.content_noise == 0
        assert (plans.batches.flip, plans.optimisation.average) == (False, 0)


def test_the_literal_preset_has_the_size_of_the_paper_and_its_slots():
    paper, literal = (plan(fingerprint(), DEMO, preset=name) for name in ("paper", "literal"))
    assert own(paper).memory.slots == own(literal).memory.slots
    assert paper.slices == literal.slices
    assert paper.optimisation.batch_size == literal.optimisation.batch_size == 2
    size = ("width", "n_down", "content_blocks", "attribute_code", "attribute_encoder", "discriminator")
    assert all(paper.settings["networks"][key] == literal.settings["networks"][key] for key in size)
    assert Plans.checked(literal.model_dump(mode="json"), "test") == literal


@pytest.mark.parametrize(
    ("preset", "updates", "steps"),
    [("recommended", 250_000, 750_000), ("paper", 500_000, 1_500_000), ("literal", 500_000, 500_000)],
)
def test_the_length_without_a_limit_counts_updates_of_all_networks(preset, updates, steps):
    plans = plan(fingerprint(), GPU, preset=preset)
    trainer = HiFiSyn(plans.override(["width=4", "value_width=4"]), ("T1", "T2"))
    assert (plans.length.total / trainer.period, plans.length.total) == (updates, steps)
    assert ("nnU-Net's" if preset == "recommended" else "MGUIT's") in plans.reasons["length.epochs"]
    assert "updates" in plans.reasons["length.epochs"]


def test_the_paper_takes_the_length_of_its_sources_where_that_is_asked_for():
    content = fingerprint() | {"intensities": {m: {"span": {"median": 400.0}, "cases": 60} for m in ("T1", "T2")}}
    planned = {name: plan(content, DEMO, preset="paper", length_of=name) for name in ("drit", "mguit", "nnunet")}
    steps = {name: (p.length.epochs, p.length.iterations) for name, p in planned.items()}
    # 60 cases of 100 slices, two a step; DRIT++'s code stops after 500,000 updates, a third of its steps
    assert steps == {"drit": (500, 3000), "mguit": (2000, 750), "nnunet": (1000, 750)}
    for name, whose in (("drit", "DRIT++"), ("mguit", "MGUIT"), ("nnunet", "nnU-Net")):
        assert whose in planned[name].reasons["length.epochs"]
        least = 750_000 if name == "nnunet" else 1_500_000
        assert planned[name].length.total == least
    assert plan(content, DEMO, preset="paper").length == planned["mguit"].length
    unchanged = plan(content, DEMO, preset="paper").model_dump(exclude={"length", "reasons", "device"})
    assert planned["drit"].model_dump(exclude={"length", "reasons", "device"}) == unchanged
    with pytest.raises(UserError, match="without a time limit"):
        plan(content, DEMO, length_of="mguit")


def test_hours_are_told_and_count_steps_of_the_content_discriminator_for_what_they_cost():
    plans = {name: plan(fingerprint(), GPU, preset="paper", length_of=name) for name in ("mguit", "nnunet")}
    minutes = {name: p.device["estimated"]["training_minutes"] for name, p in plans.items()}
    seconds = plans["mguit"].device["estimated"]["step_seconds"]
    full = 500_000 * seconds / 60 / size_rules.TIME_FOR_STEPS
    assert full < minutes["mguit"] < 1.1 * full
    assert minutes["nnunet"] == pytest.approx(minutes["mguit"] / 2, rel=1e-3)
    for device, where in ((GPU, "the GPU"), (DEMO, "2 CPU cores")):
        line = next(line for line in essentials(plan(fingerprint(), device)) if line.startswith("  training"))
        assert re.search(rf"by an estimate \d+ \w+ \d+ \w+ on {where}", line)


def test_what_the_user_sets_counts_and_is_marked():
    plans = plan(fingerprint(), GPU, assignments=["lr=3e-4", "memory.slots.GM=5"], name="mine")
    assert plans.optimisation.lr == 3e-4
    assert plans.settings["memory"]["slots"]["GM"] == 5
    assert plans.reasons["optimisation.lr"] == planner.SET_BY_HAND
    assert plans.reasons["settings.memory.slots.GM"] == planner.SET_BY_HAND
    assert plans.name == "mine"
    with pytest.raises(UserError, match="learning_rate"):
        plan(fingerprint(), GPU, assignments=["learning_rate=1"])


def test_a_plan_is_plain_data_and_the_same_each_time(tmp_path):
    plans = plan(fingerprint(), DEMO)
    plans.save(tmp_path / "plans.json")
    assert Plans.load(tmp_path / "plans.json") == plans == plan(fingerprint(), DEMO)
    assert json.loads((tmp_path / "plans.json").read_text())["reasons"]


def test_no_labels_no_structural_slots():
    content = fingerprint() | {"structures": {}}
    assert plan(content, GPU).settings["memory"]["slots"] == {}


def test_edited_plans_are_warned_about_where_they_do_not_fit():
    plans = plan(fingerprint(), GPU)
    assert planner.warnings(plans, fingerprint()) == []
    tight = plans.override(["pixel_mm=0.75"])
    assert "brain will be cut off" in " ".join(planner.warnings(tight, fingerprint()))
    assert "changed since" in " ".join(planner.warnings(plans, fingerprint() | {"digest": "sha256:other"}))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": "UKB"}, "dataset"),
        ({"modalities": ("T1", "FLAIR")}, "modalities"),
        ({"labels": LABELS | {"lesion": 4}}, "labels"),
    ],
)
def test_plans_of_another_data_set_are_refused(changes, what):
    dataset = Dataset(**({"name": "IXI", "modalities": ("T1", "T2"), "labels": LABELS, "cases": {}} | changes))
    with pytest.raises(UserError, match=f"{what} must be .*--overwrite"):
        planner.refuse_other_dataset(plan(fingerprint(), GPU), dataset, "plans.json")


def test_what_was_done_before_is_not_done_again_unless_asked():
    dataset = Dataset("B", ("T1", "T2"), LABELS, {}, skull_stripped=True, registered=True, bias_corrected=True)
    choice = rules.preprocessing(dataset, {"skull_strip": None, "bias": None})
    assert (choice.value.skull_strip, choice.value.registration, choice.value.bias) == ("none", "none", "never")
    asked = rules.preprocessing(dataset, {"skull_strip": "hd-bet", "bias": None})
    assert asked.value.skull_strip == "hd-bet"
    raw = rules.preprocessing(Dataset("R", ("T2", "T1"), LABELS, {}, reference="T2"), {})
    assert (raw.value.reference, raw.value.skull_strip, raw.value.registration) == ("T2", "auto", "rigid")


def test_a_strip_command_alone_is_the_tool():
    dataset = Dataset("B", ("T1", "T2"), LABELS, {}, skull_stripped=True)
    choice = rules.preprocessing(dataset, {"skull_strip": None, "strip_command": "ben {input} {mask}"})
    assert (choice.value.skull_strip, choice.value.strip_command) == ("command", "ben {input} {mask}")
    assert "strip_command ben {input} {mask} as requested" in choice.reason


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"strip_command": "ben {input}"}, r"got 'ben \{input\}'\); add \{mask\}"),
        ({"skull_strip": "command"}, r"strip_command must hold \{input\} and \{mask\} where skull_strip is command"),
        (
            {"skull_strip": "deepbet", "strip_command": "ben {input} {mask}"},
            "strip_command must be empty where skull_strip is deepbet",
        ),
    ],
)
def test_a_tool_and_a_command_that_do_not_go_together_are_refused(wanted, message):
    with pytest.raises(UserError, match=message):
        rules.preprocessing(Dataset("B", ("T1", "T2"), LABELS, {}), wanted)


def test_the_attribute_mean_forgets_within_the_run():
    for steps in (10, 300, 800, 5000, 50_000):
        decay = rules.attribute_ema(steps).value
        assert 0.9 <= decay <= 0.999
    assert math.isclose(rules.attribute_ema(800).value, 1 - 20 / 800)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"kind": "tpu"}, "--device"),
        ({"memory_gb": 0}, "--device-memory"),
        ({"cores": 0}, "--cores"),
        ({"minutes": -1}, "--minutes"),
    ],
)
def test_a_device_that_cannot_be_is_refused(values, what):
    with pytest.raises(UserError, match=what):
        Device(**({"kind": "cpu", "memory_gb": 8.0, "cores": 2} | values))


def test_detection_on_a_machine_without_gpu(monkeypatch):
    monkeypatch.setattr(devices, "_gpu_memory_gb", lambda: None)
    found = detect(minutes=3)
    assert (found.kind, found.minutes) == ("cpu", 3)
    assert found.cores <= len(os.sched_getaffinity(0))
    assert found.memory_gb > 0.5
    assert detect("cuda", memory_gb=24).memory_gb == 24
    assert usable_here("cuda") == "cpu"
    with pytest.raises(UserError, match="--device-memory 24"):
        detect("cuda")


def test_detection_takes_a_gpu_that_is_there(monkeypatch):
    monkeypatch.setattr(devices, "_gpu_memory_gb", lambda: 40.0)
    assert (detect().kind, detect().memory_gb) == ("cuda", 40.0)
    assert detect("cpu", cores=3).kind == "cpu"
    assert (usable_here("cuda"), usable_here("cpu")) == ("cuda", "cpu")


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text(f"{2**30}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert detect("cpu").cores == 1
    assert devices.machine_memory_gb() == 1.0
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert detect("cpu").cores == len(os.sched_getaffinity(0))
    assert (devices.machine_memory_gb() or 0) > 1.0


def test_planning_for_a_cpu_never_imports_torch():
    code = (
        "import sys; from hifisyn.planning.device import detect; import hifisyn.planning.planner; "
        "detect('cpu', cores=2); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
