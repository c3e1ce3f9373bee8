"""GC-CycleGAN: gradient correlation against published values and float64 loops, and where the loss is put."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.methods.cyclegan.trainer import Cycle, CycleGAN
from hifisyn.methods.gc_cyclegan.gradient_correlation import gradient_correlation, gradient_loss
from hifisyn.methods.gc_cyclegan.trainer import GCCycleGAN
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

PUBLISHED_SIZE = ("slices.size=256", "slices.crop=256", "networks.width=64")


def two_images():
    """Return the images that the values of the first author's library were computed of."""
    i, j = np.mgrid[:64, :64].astype(np.float32)
    first = np.tanh(np.sin(0.20 * i) * np.cos(0.13 * j) + 0.3 * np.sin(0.05 * i + 0.31 * j))
    second = np.tanh(0.8 * np.cos(0.17 * i + 0.11 * j) - 0.4 * np.sin(0.23 * j))
    assert first[10, 20] == pytest.approx(-0.576839, abs=1e-6)
    assert second[10, 20] == pytest.approx(-0.181245, abs=1e-6)
    return torch.from_numpy(first)[None, None], torch.from_numpy(second)[None, None]


def images(count=2, shape=(5, 7), seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, *shape, generator=rng, dtype=torch.float64) * 2 - 1


def slow_correlation(first, second, kind, epsilon):
    """Correlate one image with another, pixel by pixel."""
    parts = []
    for row, column in ((0, 1), (1, 0)):
        sides = []
        for image in (first, second):
            height, width = image.shape
            values = []
            for y in range(height):
                for x in range(width):
                    after = image[min(y + row, height - 1), min(x + column, width - 1)]
                    before = image[max(y - row, 0), max(x - column, 0)]
                    values.append(abs(after - before) if kind == "abs" else after - before)
            sides.append([v - sum(values) / len(values) for v in values])
        u, v = sides
        norms = sum(a * a for a in u) ** 0.5 * sum(b * b for b in v) ** 0.5
        parts.append(sum(a * b for a, b in zip(u, v, strict=True)) / (norms + epsilon))
    return sum(parts) / 2


def make(*assignments):
    torch.manual_seed(0)
    return GCCycleGAN(small_plans("GC-CycleGAN", *assignments), PAIR).train()


def objective(trainer, batch):
    fake = {s: trainer.generate(batch.images[s], t) for s, t in trainer.directions}
    made = Cycle(fake, {s: trainer.generate(fake[s], s) for s in PAIR})
    return made, trainer.objective(batch, made)


def test_parameters_are_those_of_cyclegan():
    with torch.device("meta"):
        trainer = GCCycleGAN(small_plans("GC-CycleGAN", *PUBLISHED_SIZE), PAIR)
    counts = {group: sum(p.numel() for p in trainer.parameters(group)) for group in trainer.groups()}
    assert counts == {"generator": 2 * 11_365_633, "discriminator": 2 * 2_762_689}


@pytest.mark.parametrize(
    ("kind", "itself", "negative", "other"), [("abs", 1, 1, 0.103735), ("signed", 1, -1, 0.429485)]
)
def test_correlations_are_those_of_the_authors_library(kind, itself, negative, other):
    a, b = two_images()
    found = [gradient_correlation(a, x, kind).item() for x in (a, -a, b, 0.5 * a + 0.1)]
    assert found == pytest.approx([itself, negative, other, 1], abs=2e-6)
    assert gradient_correlation(b, a, kind).item() == pytest.approx(other, abs=2e-6)
    assert gradient_loss(a, b, kind).item() == pytest.approx(1 - other, abs=2e-6)


@pytest.mark.parametrize("kind", ["abs", "signed"])
@pytest.mark.parametrize("epsilon", [1e-8, 0.7])
def test_correlation_is_that_of_slow_loops(kind, epsilon):
    first, second = images(), images(seed=1)
    found = gradient_correlation(first, second, kind, epsilon)
    expected = [slow_correlation(a[0].numpy(), b[0].numpy(), kind, epsilon) for a, b in zip(first, second, strict=True)]
    assert found.tolist() == pytest.approx(expected)
    assert gradient_loss(first, second, kind, epsilon).item() == pytest.approx(1 - sum(expected) / 2)


@pytest.mark.parametrize("kind", ["abs", "signed"])
@pytest.mark.parametrize("blank", ["image", "translation", "both"])
def test_a_blank_slice_costs_1_and_pulls_nowhere(blank, kind):
    flat = torch.full((1, 1, 8, 8), -1.0)
    image = images(1, (8, 8)).float() if blank == "translation" else flat
    translation = (images(1, (8, 8)).float() if blank == "image" else flat.clone()).requires_grad_()
    loss = gradient_loss(image, translation, kind)
    loss.backward()
    assert loss.item() == 1
    assert translation.grad is not None
    assert translation.grad.abs().max() == 0


def test_only_the_translation_gets_a_gradient():
    image, translation = images().requires_grad_(), images(seed=1).requires_grad_()
    gradient_loss(image, translation).backward()
    assert image.grad is None
    assert translation.grad is not None
    assert translation.grad.abs().max() > 0
    assert torch.autograd.gradcheck(lambda x: gradient_loss(image, x), images(seed=2).requires_grad_())


def test_half_precision_is_computed_in_single():
    first, second = images().bfloat16(), images(seed=1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradient_correlation(first, second)
    assert found.dtype == torch.float32
    assert torch.equal(found, gradient_correlation(first.float(), second.float()))


@pytest.mark.parametrize("kind", ["abs", "signed"])
def test_the_loss_compares_each_image_with_its_own_translation(kind):
    trainer, batch = make("settings.gradient=3", f"settings.kind={kind}"), small_batch()
    made, losses = objective(trainer, batch)
    expected = sum(3 * (1 - gradient_correlation(batch.images[m], made.fake[m], kind).mean()).item() for m in PAIR)
    assert losses["gradient"].item() == pytest.approx(expected, rel=1e-5)


def test_all_other_losses_are_those_of_cyclegan():
    trainer, batch = make(), small_batch()
    made, losses = objective(trainer, batch)
    plain = CycleGAN.objective(trainer, batch, made)
    assert losses.keys() - plain.keys() == {"gradient"}
    assert all(torch.equal(value, losses[name]) for name, value in plain.items())
    alike = small_plans("CycleGAN")
    assert trainer.plans.optimisation == alike.optimisation
    assert trainer.plans.batches == alike.batches
    assert trainer.plans.length == alike.length


def test_weight_0_costs_nothing():
    assert "gradient" not in objective(make("settings.gradient=0"), small_batch())[1]


def test_the_weights_of_the_paper_can_be_set():
    trainer = make("settings.cycle=3", "settings.gradient=0.3", "settings.identity=0")
    _, losses = objective(trainer, small_batch())
    assert set(losses) == {"adversarial", "cycle", "gradient"}


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match=r"settings\.kind"):
        make("settings.kind=sobel")


@pytest.mark.slow
def test_overfit_edges_stay_where_they_are():
    logged = overfit("GC-CycleGAN", 80, "optimisation.lr_discriminator=2e-3")
    assert fall(logged, "generator/cycle") > 4
    assert fall(logged, "generator/gradient") > 5.5  # 4.4 without the loss
