"""COSMOS: published sizes, Dice against float64 loops, whose labels reach which network, CycleGAN at weight 0."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.methods.cosmos.generator import SegmentingGenerator
from hifisyn.methods.cosmos.soft_dice import cross_entropy, members, soft_dice
from hifisyn.methods.cosmos.trainer import COSMOS
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.training.batch import Batch
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

VALUES = (0, 1, 2, 3)
SEGMENTATIONS = {"segmentation_real", "segmentation_fake"}


def make(*assignments):
    torch.manual_seed(0)
    return COSMOS(small_plans("COSMOS", *assignments), PAIR).train()


def random_case(present=VALUES, scale=2.0):
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.choice(present, size=(2, 9, 7)))
    logits = torch.from_numpy(scale * rng.normal(size=(2, len(VALUES), 9, 7)))
    return logits, labels


def with_labels(batch, **labels):
    return Batch(batch.images, batch.labels | labels, batch.subjects, batch.iteration)


def objective(trainer, batch):
    return trainer.objective(batch, trainer.round_trip(batch))


@pytest.mark.parametrize(("classes", "expected"), [(2, 11_740_739), (4, 11_747_013), (7, 11_756_424)])
def test_parameters_are_those_of_the_layout(classes, expected):
    with torch.device("meta"):
        assert sum(p.numel() for p in SegmentingGenerator([f"c{n}" for n in range(classes)]).parameters()) == expected


@pytest.mark.parametrize(
    ("present", "scale", "counted"), [(VALUES, 2.0, 3), ((0, 1, 3), 0.01, 2), ((0, 1, 3), 2.0, 3), ((0, 2, 9), 0.01, 1)]
)
def test_dice_is_that_of_slow_loops(present, scale, counted):
    logits, labels = random_case(present, scale)
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    dices = []
    for k in VALUES[1:]:
        true = labels.numpy() == k
        if true.any() or (p[:, k] > 0.5).any():
            dices.append((2 * p[:, k][true].sum() + 1) / (p[:, k].sum() + true.sum() + 1))
    assert len(dices) == counted
    assert soft_dice(logits, members(labels, VALUES)).item() == pytest.approx(1 - np.mean(dices), rel=1e-5)


def test_dice_of_a_perfect_and_of_an_undecided_segmentation():
    _, labels = random_case()
    truth = members(labels, VALUES)
    assert soft_dice(100.0 * truth, truth).item() < 1e-6
    area = truth[:, 1:].sum(dim=(0, 2, 3)).double()
    undecided = 1 - (2 * area / 4 + 1) / (labels.numel() / 4 + area + 1)
    assert soft_dice(torch.zeros(truth.shape), truth).item() == pytest.approx(float(undecided.mean()), rel=1e-5)


def test_a_blank_slice_costs_nothing_and_false_structures_do():
    truth = members(torch.zeros(1, 6, 6, dtype=torch.int64), VALUES)
    logits = torch.zeros(1, 4, 6, 6, requires_grad=True)
    loss = soft_dice(logits, truth)
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))
    seen = torch.zeros(1, 4, 6, 6)
    seen[0, 2, 3, 3] = 9.0
    probability = seen.softmax(dim=1)[0, 2].sum().item()
    assert soft_dice(seen, truth).item() == pytest.approx(1 - 1 / (probability + 1), rel=1e-5)


def test_cross_entropy_is_the_frameworks():
    logits, labels = random_case()
    expected = torch.nn.functional.cross_entropy(logits, labels)
    assert cross_entropy(logits, members(labels, VALUES)).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("loss", [soft_dice, cross_entropy])
def test_losses_are_in_float32_in_mixed_precision(loss):
    logits, labels = random_case()
    truth = members(labels, VALUES)
    rounded = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(rounded, truth)
    assert found.dtype == torch.float32
    assert found.item() == loss(rounded.float(), truth).item()


@torch.no_grad()
def test_each_generator_segments_what_it_translates():
    trainer, batch = make(), small_batch()
    made, networks = trainer.round_trip(batch), trainer.networks.generator
    found = trainer.objective(batch, made)
    real = fake = 0.0
    for source, target in trainer.directions:
        image, truth = batch.images[source], members(batch.labels[source], VALUES)
        translation = networks[target](image)
        assert torch.equal(made.fake[source], translation)
        assert torch.equal(made.cycle[source], networks[source](translation))
        real += soft_dice(networks[target].translate_and_segment(image)[1], truth).item()
        fake += soft_dice(networks[source].translate_and_segment(translation)[1], truth).item()
    assert found["segmentation_real"].item() == pytest.approx(real)
    assert found["segmentation_fake"].item() == pytest.approx(fake)
    assert real != pytest.approx(fake, rel=1e-3)


def reached(trainer, loss):
    """Return which parts of which generator a loss moves."""
    trainer.networks.zero_grad()
    loss.backward(retain_graph=True, inputs=trainer.parameters("generator"))
    named = trainer.networks.generator.named_parameters()
    return {".".join(name.split(".")[:2]) for name, p in named if p.grad is not None and p.grad.abs().sum() > 0}


def test_the_segmentation_of_a_translation_moves_the_generator_that_made_it():
    trainer = make("settings.labels=T1")
    losses = objective(trainer, small_batch())
    assert reached(trainer, losses["segmentation_real"]) == {"T2.encoder", "T2.segmenter"}
    through = {"T2.encoder", "T2.decoder", "T1.encoder", "T1.segmenter"}
    assert reached(trainer, losses["segmentation_fake"]) == through


def test_labels_of_either_contrast_alone_are_their_part_of_both():
    batch = small_batch()
    with torch.no_grad():
        of = {chosen: objective(make(f"settings.labels={chosen}"), batch) for chosen in ("both", *PAIR)}
    for name in SEGMENTATIONS:
        assert of["T1"][name] != of["T2"][name]
        assert (of["T1"][name] + of["T2"][name]).item() == pytest.approx(of["both"][name].item())


@torch.no_grad()
def test_unlabelled_images_are_left_out():
    trainer, batch = make(), small_batch()
    only_t2 = objective(make("settings.labels=T2"), batch)
    found = objective(trainer, with_labels(batch, T1=None))
    assert all(found[name] == only_t2[name] for name in found)
    assert not SEGMENTATIONS & set(objective(trainer, with_labels(batch, T1=None, T2=None)))


@torch.no_grad()
def test_weights_weigh():
    batch = small_batch()
    once, thrice = objective(make(), batch), objective(make("settings.segmentation=3"), batch)
    beside = objective(make("settings.segmentation=3", "settings.cross_entropy=0.5"), batch)
    trainer = make()
    made = trainer.round_trip(batch)
    entropy = sum(cross_entropy(made.on_real[m], members(batch.labels[m], VALUES)).item() for m in PAIR)
    assert thrice["segmentation_real"].item() == pytest.approx(3 * once["segmentation_real"].item())
    assert thrice["segmentation_fake"].item() == pytest.approx(3 * once["segmentation_fake"].item())
    expected = thrice["segmentation_real"].item() + 3 * 0.5 * entropy
    assert beside["segmentation_real"].item() == pytest.approx(expected)
    assert thrice["cycle"] == once["cycle"]


@torch.no_grad()
def test_label_values_need_not_be_dense():
    batch = small_batch()
    sparse = with_labels(batch, **{m: 10 * labels for m, labels in batch.labels.items()})
    values = {"background": 0, "WM": 30, "CSF": 10, "GM": 20}
    plans = small_plans("COSMOS").model_copy(update={"labels": values})
    torch.manual_seed(0)
    found, expected = objective(COSMOS(plans, PAIR), sparse), objective(make(), batch)
    assert all(torch.equal(found[name], expected[name]) for name in SEGMENTATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("without", ["weight", "labels"])
def test_without_segmentation_a_step_is_cyclegans(without):
    trainer = make("settings.segmentation=0") if without == "weight" else make()
    torch.manual_seed(1)
    other = CycleGAN(small_plans("CycleGAN"), PAIR).train()
    shared = {key: value for key, value in trainer.networks.state_dict().items() if "segmenter" not in key}
    other.networks.load_state_dict(shared)
    ours, theirs = trainer.optimizers(), other.optimizers()
    for iteration in range(3):
        batch = small_batch(iteration=iteration)
        if without == "labels":
            batch = with_labels(batch, T1=None, T2=None)
        found, expected = (take_step(t, o, batch, seed=0) for t, o in ((trainer, ours), (other, theirs)))
        assert found == expected
    after = trainer.networks.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in other.networks.state_dict().items())


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(UserError, match=r"settings\.labels must be both or T1 or T2 .*got FLAIR"):
        make("settings.labels=FLAIR")
    bare = small_plans("COSMOS").model_copy(update={"labels": {"background": 0}})
    with pytest.raises(UserError, match=r"COSMOS must have labels of structures to learn from .*got background"):
        COSMOS(bare, PAIR)


@pytest.mark.slow
def test_overfit_the_cycle_closes_and_structures_are_found():
    logged = overfit("COSMOS", 100)
    assert fall(logged, "generator/cycle") > 4
    assert fall(logged, "generator/segmentation_real") > 2
    assert fall(logged, "generator/segmentation_fake") > 2
