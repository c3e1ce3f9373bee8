"""CycleGAN: published sizes, losses against float64 loops, the image pool, what each update may move."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch

from hifisyn.methods.cyclegan.trainer import Cycle, CycleGAN
from hifisyn.networks.image_pool import ImagePool, exchanged
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.networks.resnet import ResnetGenerator
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments):
    torch.manual_seed(0)
    return CycleGAN(small_plans("CycleGAN", *assignments), PAIR).train()


def test_parameters_are_those_published():
    assert count(ResnetGenerator(64)) == 11_365_633
    assert count(ResnetGenerator(64, blocks=6)) == 7_825_153
    assert count(PatchGAN(256, 64)) == 2_762_689


@pytest.mark.parametrize(("side", "logits"), [(256, 30), (128, 14), (16, 2)])
def test_the_discriminator_judges_patches(side, logits):
    assert PatchGAN(side, 4)(torch.zeros(1, 1, side, side)).shape == (1, 1, logits, logits)


def test_a_logit_of_the_discriminator_sees_70_pixels():
    image = torch.zeros(1, 1, 256, 256, requires_grad=True)
    network = PatchGAN(256, 4).eval()
    for norm in [m for m in network.modules() if isinstance(m, torch.nn.InstanceNorm2d)]:
        norm.forward = lambda x: x
    network(image)[0, 0, 15, 15].backward()
    assert image.grad is not None
    rows = image.grad[0, 0].abs().sum(dim=1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_losses_are_those_of_slow_loops():
    trainer, batch = make("settings.cycle=4", "settings.identity=0.25"), small_batch()
    trainer.networks.double()
    images = {m: image.double() for m, image in batch.images.items()}
    batch = type(batch)(images, batch.labels, batch.subjects, 0)
    fake = {s: trainer.generate(images[s], t) for s, t in trainer.directions}
    cycle = {s: trainer.generate(fake[s], s) for s in PAIR}
    found = trainer.objective(batch, Cycle(fake, cycle))
    adversarial = cyclic = identity = 0.0
    for source, target in trainer.directions:
        logits = trainer.logits(fake[source], target).detach().numpy().ravel()
        adversarial += sum((x - 1) ** 2 for x in logits) / len(logits)
        cyclic += np.abs(cycle[source].detach().numpy() - images[source].numpy()).mean()
        identity += np.abs(trainer.generate(images[source], source).detach().numpy() - images[source].numpy()).mean()
    assert found["adversarial"].item() == pytest.approx(adversarial)
    assert found["cycle"].item() == pytest.approx(4 * cyclic)
    assert found["identity"].item() == pytest.approx(0.25 * 4 * identity)
    both = trainer.discriminator_losses(images["T1"], fake["T2"].detach(), "T1")["adversarial"].item()
    real, false = (trainer.logits(x, "T1").detach().numpy() for x in (images["T1"], fake["T2"]))
    assert both == pytest.approx(0.5 * (((real - 1) ** 2).mean() + (false**2).mean()))


def test_the_generator_into_a_contrast_translates_into_it():
    trainer, image = make(), small_batch().images["T1"]
    with torch.no_grad():
        made = trainer.translate(image, "T1", "T2")
        assert torch.equal(made, trainer.networks.generator["T2"](image))


def test_identity_weight_0_costs_nothing():
    trainer, batch = make("settings.identity=0"), small_batch()
    update = next(trainer.updates(batch))
    assert set(update[1]) == {"adversarial", "cycle"}


def test_no_gradient_of_the_generators_reaches_the_discriminators_and_back():
    trainer, batch = make(), small_batch()
    for group, losses in trainer.updates(batch):
        other = "discriminator" if group == "generator" else "generator"
        assert all(p.grad is None for p in trainer.parameters(other))
        torch.stack(list(losses.values())).sum().backward(inputs=trainer.parameters(group))
        trainer.networks.zero_grad()


def test_a_pool_gives_back_older_images_half_of_the_time():
    rng = torch.Generator().manual_seed(0)
    pool = ImagePool(5, 2)
    first = torch.arange(5.0).view(5, 1, 1, 1).expand(-1, -1, 2, 2)
    assert torch.equal(pool.exchange(first, rng), first)
    older = 0
    for number in range(5, 405):
        before = pool.images.clone()
        new = torch.full((1, 1, 2, 2), float(number), requires_grad=True)
        given = pool.exchange(new, rng)
        assert not given.requires_grad
        if given[0, 0, 0, 0] == number:
            assert torch.equal(pool.images, before)
        else:
            older += 1
            assert (pool.images == number).any()
            assert not (pool.images == given).all(dim=(1, 2, 3)).any()
            assert (before == given).all(dim=(1, 2, 3)).any()
    assert 160 < older < 240


def test_without_a_pool_the_newest_are_judged():
    new = torch.rand(2, 1, 4, 4, requires_grad=True)
    given = exchanged(None, new, "T1", torch.Generator())
    assert torch.equal(given, new)
    assert not given.requires_grad
    assert make("settings.pool=0").networks.pool is None


@pytest.mark.slow
def test_overfit_the_cycle_closes():
    logged = overfit("CycleGAN", 150)
    assert fall(logged, "generator/cycle") > 3
