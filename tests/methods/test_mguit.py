"""MGUIT: published sizes, classes of pixels, losses against float64 loops, what is read and what gets a gradient."""

# mypy: no-check-untyped-defs
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from hifisyn.errors import UserError
from hifisyn.methods import granularity
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.memory_slots import MemorySlots
from hifisyn.methods.mguit.class_memory import ClassMemory
from hifisyn.methods.mguit.classes import filled_boxes, items_of, pixel_classes
from hifisyn.methods.mguit.generator import MguitGenerator
from hifisyn.methods.mguit.trainer import MGUIT
from hifisyn.methods.structure_boxes import least_pixels, structure_boxes
from hifisyn.planning.device import Device
from hifisyn.plans import SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans
from tests.support.training_toys import FINGERPRINT, LABELS

WAYS = (("T1", "T2"), ("T2", "T1"))
WEIGHTS = {
    "domain": 2.0,
    "content": 3.0,
    "cycle": 4.0,
    "reconstruction": 5.0,
    "consistency": 6.0,
    "style_l2": 7.0,
    "key": 8.0,
    "value": 9.0,
}


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments):
    torch.manual_seed(0)
    return MGUIT(small_plans("MGUIT", *assignments), PAIR).train()


def items_with(slots, global_slots, labels=LABELS):
    return items_of(MemorySlots(slots=slots, global_slots=global_slots), labels)


def made(trainer, batch):
    return trainer.passes.render(batch, trainer.generator)


def bce(logits, target):
    """Return the binary cross-entropy of each scale after a sigmoid, summed over the scales."""
    total = 0.0
    for scale in logits:
        p = 1 / (1 + np.exp(-scale.detach().numpy().ravel()))
        total += float(np.mean([-(target * math.log(x) + (1 - target) * math.log(1 - x)) for x in p]))
    return total


def test_parameters_are_those_published():
    sizes = ["slices.size=256", "slices.crop=216", "settings.networks.width=64", "settings.memory.value_width=128"]
    with torch.device("meta"):
        networks = MGUIT(small_plans("MGUIT", *sizes, "settings.networks.init='normal'"), PAIR).networks
        assert count(MguitGenerator(PAIR, value_width=256)) == 21_683_842
    counts = {name: count(network) for name, network in networks.named_children()}
    assert counts == {
        "content_encoder": 9_005_568,
        "attribute_encoder": 1_487_104,
        "generator": 11_654_402,
        "image_discriminator": 2 * 8_265_027,
        "content_discriminator": 10_683_649,
        "class_memory": 0,
    }
    assert sum(counts.values()) == 49_360_777
    assert networks.class_memory.keys.shape[1] == 256


@pytest.mark.parametrize("n_down", [1, 2, 3])
def test_the_generator_takes_every_number_of_doublings(n_down):
    torch.manual_seed(0)
    generator = MguitGenerator(PAIR, 4, n_down, 1, value_width=5)
    content, style = torch.randn(2, 4 * 2**n_down, 8, 8), torch.randn(2, 5, 8, 8)
    images = {m: generator(content, style, m) for m in PAIR}
    assert images["T1"].shape == (2, 1, 8 * 2**n_down, 8 * 2**n_down)
    assert images["T1"].abs().max() < 1
    assert not torch.allclose(images["T1"], images["T2"])


def test_styles_enter_the_generator_four_times():
    generator = MguitGenerator(PAIR, 4, 2, 1, value_width=5)
    seen = []
    for module in (generator.residual[0], generator.ups[0], generator.own_up["T2"], generator.own_last["T2"]):
        module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, -5:]))
    style = torch.randn(1, 5, 8, 8)
    generator(torch.randn(1, 16, 8, 8), style, "T2")
    for found, scale in zip(seen, (1, 1, 2, 4), strict=True):
        assert torch.equal(found, interpolate(style, scale_factor=scale, mode="nearest"))


def test_items_follow_the_slots_of_the_plan():
    assert items_with({"background": 2, "CSF": 2, "GM": 3, "WM": 3}, 10) == {0: 12, 1: 2, 2: 3, 3: 3}
    assert items_with({"CSF": 2, "GM": 3}, 0) == {0: 1, 1: 2, 2: 3}
    assert items_with({}, 10) == {0: 10}
    assert items_with({}, 0) == {0: 10, 1: 4, 2: 3, 3: 3}
    assert items_with({}, 0, {"background": 0}) == {0: 10}


def test_boxes_are_filled_from_large_to_small():
    labels = torch.zeros(20, 20, dtype=torch.int64)
    labels[2:18, 2] = 1  # an L, whose box is large
    labels[17, 2:18] = 1
    labels[5:10, 5:10] = 2  # within the box
    labels[0, :3] = 3  # too small
    expected = torch.zeros_like(labels)
    expected[2:18, 2:18] = 1
    expected[5:10, 5:10] = 2
    assert torch.equal(filled_boxes(labels), expected)


@pytest.mark.parametrize("masks", ["boxes", "labels"])
def test_pixels_take_the_class_at_their_place(masks):
    memory = ClassMemory(PAIR, {0: 2, 2: 1, 3: 1}, 4, 4)
    labels = torch.zeros(2, 16, 16, dtype=torch.int64)
    labels[0, 4:12, 4:12] = 2
    labels[0, 4:8, 4:8] = 0  # the box covers the hole
    labels[1, :, :] = 1  # has no items
    labels[1, 8:, 8:] = 3
    image = torch.zeros(2, 1, 16, 16)
    found = pixel_classes(labels, image, 4, masks, memory).view(2, 4, 4)
    hole = 2 if masks == "boxes" else 0
    assert found[0].tolist() == [[0, 0, 0, 0], [0, hole, 2, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
    assert found[1].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 3, 3], [0, 0, 3, 3]]
    nothing = pixel_classes(None, image, 4, masks, memory)
    assert nothing.shape == (2, 16)
    assert nothing.dtype == torch.int64
    assert not nothing.any()


@pytest.mark.parametrize("contrast", ["info_nce", "official"])
def test_losses_are_those_of_slow_loops(contrast):
    weights = (f"settings.{name}={value}" for name, value in WEIGHTS.items())
    trainer = make(*weights, f"settings.contrast='{contrast}'", "settings.tau=0.2")
    trainer.networks.double()
    batch = small_batch()
    batch = Batch({m: x.double() for m, x in batch.images.items()}, batch.labels, batch.subjects, 0)
    result = made(trainer, batch)
    found = {name: loss.item() for name, loss in trainer.objective(batch, result).items()}
    memory, nets = trainer.passes.memory, trainer.networks
    slow, critic = dict.fromkeys(WEIGHTS, 0.0), 0.0
    for source, target in WAYS:
        image = batch.images[source].numpy()
        slow["cycle"] += np.abs(result.cycle[source].detach().numpy() - image).mean()
        slow["reconstruction"] += np.abs(result.reconstruction[source].detach().numpy() - image).mean()
        slow["content"] += bce([nets.content_discriminator(result.content[source])], 0.5)
        slow["consistency"] += np.abs((result.content[source] - result.reencoded[source]).detach().numpy()).mean()
        style = nets.attribute_encoder[source](batch.images[source]).detach().numpy()
        slow["style_l2"] += (style**2).mean()
        real, fake, random = (
            nets.image_discriminator(x, target)
            for x in (batch.images[target], result.fake[source], result.random[source])
        )
        slow["domain"] += (bce(fake, 1) + bce(random, 1)) / 2
        critic += bce(real, 1) + (bce(fake, 0) + bce(random, 0)) / 2
        c, s, label = (x.detach().numpy() for x in vars(result.pixels[source]).values())
        keys, values = memory.keys.numpy(), memory.table(source).numpy()
        classes, known = memory.item_class.numpy(), memory.known[PAIR.index(source)].numpy()
        if contrast == "official":
            for k in sorted(set(label.tolist())):
                slow["key"] += slow_code(c[label == k] @ keys[classes == k].T)
                slow["value"] += slow_code(s[label == k] @ values[classes == k].T)
            slow["key"] += slow_code(c @ keys.T)
        else:
            keys, values, classes = keys[known], values[known], classes[known]
            for p in range(len(c)):
                own = [t for t in range(len(keys)) if classes[t] == label[p]]
                nearest = max(own, key=lambda t, p=p: c[p] @ keys[t])
                slow["key"] += slow_nce(c[p], keys, nearest, 0.2) / len(c)
                slow["value"] += slow_nce(s[p], values, nearest, 0.2) / len(c)
    assert found == pytest.approx({name: WEIGHTS[name] * value for name, value in slow.items()}, rel=1e-6)
    assert trainer.image_discriminator_losses(batch, result)["domain"].item() == pytest.approx(2 * critic, rel=1e-6)
    logits = {m: nets.content_discriminator(result.content[m]) for m in PAIR}
    told = trainer.content_discriminator_losses(result.content)["content"].item()
    assert told == pytest.approx(3 * (bce([logits["T1"]], 0) + bce([logits["T2"]], 1)), rel=1e-6)


def slow_code(similarity):
    total = 0.0
    for row in similarity:
        t = int(row.argmax())
        total += math.exp(row[t]) / sum(math.exp(x) for x in similarity[:, t]) / len(similarity)
    return math.exp(-total)


def slow_nce(vector, items, positive, tau):
    cosines = [vector @ x / np.linalg.norm(vector) / np.linalg.norm(x) / tau for x in items]
    return math.log(sum(math.exp(x) for x in cosines)) - cosines[positive]


def test_the_published_contrast_is_constant_at_the_start():
    trainer = make("settings.contrast='official'", "settings.masks='labels'")
    losses = trainer.objective(small_batch(), made(trainer, small_batch()))
    terms = 2 * (4 + 1 + 4)  # modalities; keys and values of four classes, all keys
    assert (losses["key"] + losses["value"]).item() == pytest.approx(0.1 * terms, rel=0.05)


def test_images_are_rendered_with_what_the_updated_memory_holds():
    trainer = make("settings.content_noise=0")
    batch, passes = small_batch(), trainer.passes
    before = passes.memory.keys.clone()
    result = made(trainer, batch)
    assert not torch.equal(passes.memory.keys, before)
    generate, read = trainer.networks.generator, passes.memory.read
    for source, target in WAYS:
        content, classes = passes.encode(batch.images[source], source), passes.classes(batch, source)
        again = passes.encode(result.fake[source], target)
        expected = {
            "reconstruction": generate(content, read(content, source, classes), source),
            "fake": generate(content, read(content, target, classes), target),
            "cycle": generate(again, read(again, source, classes), source),
            "content": content,
            "reencoded": again,
        }
        for name, wanted in expected.items():
            assert torch.allclose(getattr(result, name)[source], wanted, atol=1e-5), name
        assert not torch.allclose(result.random[source], result.fake[source], atol=1e-3)
        assert torch.allclose(content.norm(dim=1), torch.ones(()), atol=1e-5)


def test_random_styles_differ_from_step_to_step():
    trainer = make("settings.content_noise=0")
    one, other = (made(trainer, small_batch()).random["T1"] for _ in range(2))
    assert not torch.allclose(one, other, atol=1e-3)


def test_a_test_image_is_rendered_without_noise_from_all_items():
    trainer, image = make(), small_batch().images["T1"]
    made(trainer, small_batch())
    content = trainer.passes.encode(image, "T1")
    style = trainer.passes.memory.read(content, "T2", None)
    with torch.no_grad():
        made_image = trainer.translate(image, "T1", "T2")
        assert torch.equal(made_image, trainer.networks.generator(content, style, "T2"))
    trainer.passes.memory.table("T2").add_(torch.randn(trainer.passes.memory.table("T2").shape))
    assert not torch.allclose(trainer.translate(image, "T1", "T2"), made_image)


def test_the_generator_trains_with_noise():
    seen = []
    trainer = make("settings.content_noise=0.3")
    trainer.networks.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    content = made(trainer, small_batch()).content["T1"].detach()
    assert (seen[0] - content).std().item() == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize("name", ["domain", "content", "cycle", "reconstruction", "consistency", "key"])
def test_reads_send_no_gradient_to_the_attribute_encoder(name):
    trainer = make()
    losses = trainer.objective(small_batch(), made(trainer, small_batch()))
    losses[name].backward()
    assert all(p.grad is None for p in trainer.networks.attribute_encoder.parameters())


@pytest.mark.parametrize("contrast", ["info_nce", "official"])
def test_values_teach_the_attribute_encoder_and_keys_the_content_encoder(contrast):
    trainer = make(f"settings.contrast='{contrast}'")
    losses = trainer.objective(small_batch(), made(trainer, small_batch()))
    losses["value"].backward()
    assert all(p.grad is not None for p in trainer.networks.attribute_encoder.parameters())
    assert all(p.grad is None for p in trainer.networks.content_encoder.parameters())
    losses["key"].backward()
    assert all(p.grad is not None for p in trainer.networks.content_encoder.parameters())


def test_a_weight_of_0_costs_nothing():
    trainer = make(*(f"settings.{name}=0" for name in WEIGHTS if name != "cycle"))
    updates = list(trainer.updates(small_batch()))
    assert [(group, set(losses)) for group, losses in updates] == [("generator", {"cycle"})]


def test_the_label_map_adds_pixel_discrimination():
    trainer = make(
        "settings.label_map=True",
        "settings.granularity.pgd=3",
        "settings.granularity.ramp_start=0.01",
        "settings.granularity.ramp=0.01",
        "settings.granularity.tau_1=0.3",
    )
    batch, plan = small_batch(iteration=5), trainer.settings.granularity
    result = made(trainer, batch)
    rng = trainer.generator.get_state()
    found = trainer.objective(batch, result)["pgd"].item()
    masks = content_masks(batch, 4)
    contents = granularity.contents_of(batch, masks, result.content, result.reencoded)
    trainer.generator.set_state(rng)
    assert found == pytest.approx(3 * 0.5 * granularity.pgd(contents, batch, masks, plan, trainer.generator).item())
    assert "pgd" not in trainer.objective(small_batch(iteration=3), result)
    assert "pgd" not in make("settings.granularity.pgd=3").objective(batch, result)


def test_all_steps_but_the_last_of_a_period_move_the_content_discriminator_alone():
    trainer = make("settings.content_discriminator.steps=3")
    before = trainer.passes.memory.keys.clone()
    groups = [[group for group, _ in trainer.updates(small_batch(iteration=k))] for k in range(2)]
    assert groups == [["content_discriminator"]] * 2
    assert torch.equal(trainer.passes.memory.keys, before)
    groups = [group for group, _ in trainer.updates(small_batch(iteration=2))]
    assert groups == ["discriminator", "content_discriminator", "generator"]
    assert trainer.clips() == {"content_discriminator": 5.0}
    assert (trainer.period, make("settings.content=0").period) == (3, 1)


def test_rates_are_those_of_the_plans_and_the_content_discriminators_is_its_own():
    trainer = make("optimisation.lr=0.5", "optimisation.lr_discriminator=0.25", "settings.content_discriminator.lr=0.1")
    expected = {"discriminator": 0.25, "content_discriminator": 0.1, "generator": 0.5}
    assert {name: o.param_groups[0]["lr"] for name, o in trainer.optimizers().items()} == expected


def test_slots_of_unknown_labels_are_refused():
    with pytest.raises(UserError, match=r"settings\.memory\.slots must name labels .*got bone"):
        make("settings.memory.slots={'bone': 2}")


def test_slots_and_pixel_discrimination_are_planned():
    slices = SlicePlan(size=72, crop=72)
    short = MGUIT.plan(FINGERPRINT, slices, Device("cpu", 8, 2, minutes=4)).settings
    slots = {"background": 2, "CSF": 2, "GM": 3, "WM": 3}
    assert short["memory"] == {"slots": slots, "global_slots": 10, "value_width": 8}
    assert short["granularity"] == {"pgd": 0.1, "anchors": 64, "ramp_start": 0.5, "ramp": 0.25}


def test_critics_send_no_gradient_to_the_generators():
    trainer = make()
    for group, losses in trainer.updates(small_batch()):
        if group != "generator":
            torch.stack(list(losses.values())).sum().backward()
            assert all(p.grad is None for p in trainer.parameters("generator"))
            assert any(p.grad is not None for p in trainer.parameters(group))


def test_settings_reach_the_memory():
    memory = make("settings.keep=0.8", "settings.read_tau=0.1").passes.memory
    assert (memory.keep, memory.tau) == (0.8, 0.1)
    seen = {
        masks: make(f"settings.masks='{masks}'").passes.classes(small_batch(), "T1") for masks in ("boxes", "labels")
    }
    assert torch.equal(seen["labels"], content_masks(small_batch(), 4).labels["T1"])
    assert not torch.equal(seen["boxes"], seen["labels"])


def test_the_curve_counts_items_that_nobody_chose():
    trainer = make()
    total = 2 * sum(items_of(trainer.settings.memory, trainer.plans.labels).values())
    assert trainer.diagnostics() == {"empty_items": total}
    take_step(trainer, trainer.optimizers(), small_batch(), seed=0)
    assert trainer.diagnostics()["empty_items"] < total / 2


@pytest.mark.slow
def test_overfit_images_come_back():
    logged = overfit("MGUIT", 90)
    assert fall(logged, "generator/reconstruction") > 2
    assert fall(logged, "generator/cycle") > 2


def test_small_structures_count_on_small_images():
    labels = torch.zeros(64, 64, dtype=torch.int64)
    labels[10:12, 10:13] = 2  # 6 pixels, as 96 would be in an image of 256
    labels[30, 30] = 3
    assert filled_boxes(labels)[10:12, 10:13].eq(2).all()
    assert not filled_boxes(labels).eq(3).any()
    assert structure_boxes(labels, 7).shape == (0, 5)
    assert [least_pixels(side) for side in (256, 64)] == [16, 4]
