"""SC-CycleGAN: MIND against published values and float64 loops, the mask, and what the variant adds."""

# mypy: no-check-untyped-defs
import math

import numpy as np
import pytest
import torch

from hifisyn.methods.cyclegan.trainer import Cycle, CycleGAN
from hifisyn.methods.sc_cyclegan.mind import MARGIN, OFFSETS, mind, patch_weights, structure_loss
from hifisyn.methods.sc_cyclegan.self_attention import SelfAttention
from hifisyn.methods.sc_cyclegan.trainer import SCCycleGAN
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

PUBLISHED_SIZE = ("slices.size=256", "slices.crop=256", "networks.width=64")


def two_images():
    """Return the images that the published form's values were computed of."""
    i, j = np.mgrid[:64, :64].astype(np.float32)
    first = np.tanh(np.sin(0.20 * i) * np.cos(0.13 * j) + 0.3 * np.sin(0.05 * i + 0.31 * j))
    second = np.tanh(0.8 * np.cos(0.17 * i + 0.11 * j) - 0.4 * np.sin(0.23 * j))
    return torch.from_numpy(first)[None, None], torch.from_numpy(second)[None, None]


def images(count=2, shape=(16, 17), seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, *shape, generator=rng, dtype=torch.float64) * 2 - 1


def slow_mind(image, epsilon):
    """Describe one image (H, W), pixel by pixel: (80, H - 14, W - 14)."""

    def distance(y, x, row, column):
        total = 0.0
        for p in range(-3, 4):
            for q in range(-3, 4):
                weight = math.exp(-(p * p + q * q) / 8) / (8 * math.pi)
                total += weight * (image[y + p, x + q] - image[y + p + row, x + q + column]) ** 2
        return total

    offsets = [(r, c) for r in range(-4, 5) for c in range(-4, 5) if r or c]
    height, width = image.shape
    found = np.zeros((80, height - 14, width - 14))
    for y in range(7, height - 7):
        for x in range(7, width - 7):
            variance = sum(distance(y, x, r, c) for r, c in ((1, 0), (-1, 0), (0, 1), (0, -1))) / 4 + epsilon
            values = np.array([math.exp(-distance(y, x, r, c) / variance) for r, c in offsets])
            found[:, y - 7, x - 7] = values / values.max()
    return found


def make(*assignments):
    torch.manual_seed(0)
    return SCCycleGAN(small_plans("SC-CycleGAN", *assignments), PAIR).train()


def objective(trainer, batch):
    fake = {s: trainer.generate(batch.images[s], t) for s, t in trainer.directions}
    made = Cycle(fake, {s: trainer.generate(fake[s], s) for s in PAIR})
    return made, trainer.objective(batch, made)


def count(*networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def at_published_size(*assignments):
    with torch.device("meta"):
        trainer = SCCycleGAN(small_plans("SC-CycleGAN", *PUBLISHED_SIZE, *assignments), PAIR)
    return count(trainer.networks.generator), count(trainer.networks.discriminator)


def test_parameters_are_those_published():
    assert at_published_size() == (2 * 11_365_633, 2 * 2_762_689)
    assert at_published_size("settings.variant=tmi") == (2 * (11_365_633 + 82_241), 2 * 2_762_689)


def test_descriptors_are_those_of_the_published_form():
    a, b = two_images()
    of_a, of_b = mind(a), mind(b)
    assert of_a.shape == (1, 80, 50, 50)
    assert of_a.mean().item() == pytest.approx(0.089323, abs=1e-6)
    assert of_b.mean().item() == pytest.approx(0.111949, abs=1e-6)
    assert structure_loss(a, b).item() == pytest.approx(0.120695, abs=1e-6)
    assert torch.equal(mind(-a), of_a)
    assert structure_loss(a, 0.5 * a + 0.1).item() == pytest.approx(0.000625, abs=1e-6)
    assert torch.equal(of_a.amax(dim=1), torch.ones(1, 50, 50))


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_descriptors_are_those_of_slow_loops(epsilon):
    pair = images()
    found = mind(pair, epsilon).numpy()
    expected = [slow_mind(image[0].numpy(), epsilon) for image in pair]
    assert np.allclose(found, expected)
    loss = np.abs(expected[0] - expected[1]).mean()
    assert structure_loss(pair[:1], pair[1:], None, epsilon).item() == pytest.approx(loss)


def test_there_are_80_offsets_and_truncated_weights():
    assert len(set(OFFSETS)) == 80
    assert patch_weights(torch.zeros((), dtype=torch.float64)).sum().item() == pytest.approx(0.851975, abs=1e-6)


@pytest.mark.parametrize("flat", ["image", "translation", "both"])
def test_a_blank_slice_costs_something_finite(flat):
    blank = torch.full((1, 1, 16, 16), -1.0)
    image = images(1, (16, 16)).float() if flat == "translation" else blank
    translation = (images(1, (16, 16)).float() if flat == "image" else blank.clone()).requires_grad_()
    loss = structure_loss(image, translation)
    loss.backward()
    assert loss.item() == 0 if flat == "both" else 0 < loss.item() < 1
    assert translation.grad is not None
    assert bool(translation.grad.isfinite().all())


def test_only_the_translation_gets_a_gradient():
    image, translation = images().requires_grad_(), images(seed=1).requires_grad_()
    structure_loss(image, translation).backward()
    assert image.grad is None
    assert translation.grad is not None
    smooth = images(1, (15, 16), seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: structure_loss(image[:1, :, :15, :16], x), smooth, fast_mode=True)


def test_half_precision_is_computed_in_single():
    first, second = images().bfloat16(), images(seed=1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = mind(first), structure_loss(first, second)
    assert {x.dtype for x in found} == {torch.float32}
    assert torch.equal(found[0], mind(first.float()))
    assert torch.equal(found[1], structure_loss(first.float(), second.float()))


def test_the_mask_counts_descriptors_that_see_the_brain_of_each_image_alike():
    image, translation = images(3, (30, 26)), images(3, (30, 26), seed=1)
    brain = torch.zeros(3, 1, 30, 26, dtype=torch.bool)
    brain[0, 0, 4, 5] = brain[0, 0, 6, 9] = True
    brain[1, 0, 20:23, 2:8] = True
    difference = (mind(image) - mind(translation)).abs().mean(dim=1)
    each = []
    for i in range(2):
        seen = [
            difference[i, y - MARGIN, x - MARGIN].item()
            for y in range(MARGIN, 30 - MARGIN)
            for x in range(MARGIN, 26 - MARGIN)
            if brain[i, 0, y - MARGIN : y + MARGIN + 1, x - MARGIN : x + MARGIN + 1].any()
        ]
        assert 0 < len(seen) < difference[i].numel()
        each.append(sum(seen) / len(seen))
    assert structure_loss(image, translation, brain).item() == pytest.approx(sum(each) / 3)


def test_the_mask_forgives_noise_of_the_background():
    clean = torch.nn.functional.pad(small_batch().images["T1"], (20, 20, 20, 20), value=-1)
    noisy = clean.clone()
    noisy[..., :5] += 0.01 * torch.rand(noisy[..., :5].shape, generator=torch.Generator().manual_seed(1))
    assert structure_loss(clean, noisy).item() > 0.01
    assert structure_loss(clean, noisy, clean > -1).item() == 0


@pytest.mark.parametrize("mask", ["false", "true"])
def test_the_loss_compares_each_image_with_its_own_translation(mask):
    trainer = make("settings.structure=3", "settings.epsilon=0.01", f"settings.mind_mask={mask}")
    batch = small_batch()
    for image in batch.images.values():
        image[:, :, :18] = -1
    made, losses = objective(trainer, batch)
    brains = {m: batch.images[m] > -1 if mask == "true" else None for m in PAIR}
    expected = sum(3 * structure_loss(batch.images[m], made.fake[m], brains[m], 0.01).item() for m in PAIR)
    assert losses["structure"].item() == pytest.approx(expected, rel=1e-5)


def test_all_other_losses_are_those_of_cyclegan_without_identity():
    trainer, batch = make(), small_batch()
    made, losses = objective(trainer, batch)
    plain = CycleGAN.objective(trainer, batch, made)
    assert set(losses) == {"adversarial", "cycle", "structure"}
    assert all(torch.equal(value, losses[name]) for name, value in plain.items())
    assert "structure" not in objective(make("settings.structure=0"), batch)[1]
    assert "identity" in objective(make("settings.identity=0.5"), batch)[1]


def test_discriminators_see_the_newest_translations_unless_asked():
    trainer, batch = make(), small_batch()
    assert {name for name, _ in trainer.networks.named_children()} == {"generator", "discriminator"}
    shown = []
    losses = trainer.discriminator_losses
    trainer.discriminator_losses = lambda real, fake, m: shown.append((fake, m)) or losses(real, fake, m)
    list(trainer.updates(batch))
    with torch.no_grad():
        for source, target in trainer.directions:
            fake = next(fake for fake, contrast in shown if contrast == target)
            assert not fake.requires_grad
            assert torch.allclose(fake, trainer.generate(batch.images[source], target), atol=1e-6)
    remembering = make("settings.pool=4")
    list(remembering.updates(batch))
    assert int(remembering.networks.pool.pools["T1"].filled) == 2


def test_slices_meet_by_height_at_a_constant_rate():
    plans, alike = small_plans("SC-CycleGAN"), small_plans("CycleGAN")
    assert (plans.batches.pairing, plans.batches.position_slack) == ("position", 5)
    trainer = make()
    last = trainer.plans.length.total - 1
    assert {trainer.rate_share(group, step) for group in trainer.groups() for step in (0, last)} == {1.0}
    rates = [(p.optimisation.lr, p.optimisation.lr_discriminator) for p in (plans, alike)]
    assert rates[0] == rates[1]


def test_self_attention_is_that_of_slow_loops():
    torch.manual_seed(0)
    network, x = SelfAttention(16).double(), torch.randn(2, 16, 3, 4, dtype=torch.float64)
    assert torch.equal(network(x), x)
    network.gamma.data.fill_(0.7)
    found = network(x).detach().numpy()

    def at(layer, pixel):
        return layer.weight.detach().numpy()[:, :, 0, 0] @ pixel + layer.bias.detach().numpy()

    for image, made in zip(x.numpy().reshape(2, 16, 12), found.reshape(2, 16, 12), strict=True):
        for i in range(12):
            logits = np.array([at(network.query, image[:, i]) @ at(network.key, image[:, j]) for j in range(12)])
            share = np.exp(logits) / np.exp(logits).sum()
            attended = sum(share[j] * at(network.value, image[:, j]) for j in range(12))
            assert np.allclose(made[:, i], image[:, i] + 0.7 * attended)


def test_the_variant_bounds_the_discriminators():
    trainer, batch = make("settings.variant=tmi"), small_batch()
    assert any(isinstance(m, SelfAttention) for m in trainer.networks.generator.modules())
    assert not any(isinstance(m, SelfAttention) for m in make().networks.generator.modules())
    for _ in range(30):
        trainer.logits(batch.images["T1"], "T1")
    layers = [m for m in trainer.networks.discriminator["T1"].modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(layers) == 5
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_the_variant_trains():
    logged = overfit("SC-CycleGAN", 20, "settings.variant=tmi")
    assert all(math.isfinite(value) for losses in logged for value in losses.values())
    assert fall(logged, "generator/cycle") > 1.2


@pytest.mark.slow
def test_overfit_structure_stays_where_it_is():
    logged = overfit("SC-CycleGAN", 80, "optimisation.lr_discriminator=2e-3")
    assert fall(logged, "generator/cycle") > 3
    assert fall(logged, "generator/structure") > 2.5  # 1.4 without the loss
