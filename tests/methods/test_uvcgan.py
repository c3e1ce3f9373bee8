"""UVCGAN: published sizes, its networks and losses against slow references, pre-training and what follows it."""

# mypy: no-check-untyped-defs
import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform
from torch.nn.functional import conv2d, gelu, instance_norm, leaky_relu, linear

from hifisyn.errors import UserError
from hifisyn.methods.uvcgan.gradient_penalty import gradient_penalty
from hifisyn.methods.uvcgan.pixel_vit import PixelVit
from hifisyn.methods.uvcgan.pretraining import masked, varied
from hifisyn.methods.uvcgan.trainer import PRETRAINING, UVCGAN
from hifisyn.methods.uvcgan.vit_unet import VitUNet
from hifisyn.networks.initialisation import normal_init
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.planning.planner import complete
from hifisyn.training import checkpoint
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans
from tests.support.training_toys import toy_job

FEW = "settings.blocks=2"
BOUNDARY = 4


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments):
    torch.manual_seed(0)
    return UVCGAN(small_plans("UVCGAN", FEW, *assignments), PAIR).train()


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def unit(batch):
    return {m: (image + 1) / 2 for m, image in batch.images.items()}


def same(one, other):
    return all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def generators(trainer):
    return [trainer.networks.generator[m] for m in PAIR]


def generic(network):
    """Give every parameter, alphas included, a value that shows in the output, in double precision."""
    torch.manual_seed(1)
    for p in network.double().parameters():
        torch.nn.init.normal_(p, 0, 0.3)
    return network


def test_parameters_are_those_published():
    with torch.device("meta"):
        assert count(VitUNet()) == 31_359_277
        assert count(PixelVit()) == 21_737_868
        assert count(VitUNet(blocks=6)) == 20_712_487
        assert count(PixelVit(blocks=6)) == 11_091_078
        trainer = UVCGAN(small_plans("UVCGAN", "networks.width=64", side=256), PAIR)
    assert count(trainer.networks.generator) == 2 * 31_359_277
    assert count(trainer.networks.discriminator) == 2 * 2_762_689


def slow_vit(w, x, heads, blocks):
    """One image (C, h, w), pixel by pixel, head by head."""
    channels, height, width = x.shape
    tokens = []
    for row in range(height):
        for column in range(width):
            place = torch.tensor([2 * row / (height - 1) - 1, 2 * column / (width - 1) - 1]).double()
            place = linear(place, w["position.weight"], w["position.bias"]).sin()
            tokens.append(linear(torch.cat([place, x[:, row, column]]), w["entry.weight"], w["entry.bias"]))
    tokens = torch.stack(tokens)

    def norm(t, name):
        t = (t - t.mean(1, keepdim=True)) / (t.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        return t * w[f"{name}.weight"] + w[f"{name}.bias"]

    for b in range(blocks):
        at = f"blocks.{b}."
        joint = linear(
            norm(tokens, at + "norm_attention"), w[at + "attention.in_proj_weight"], w[at + "attention.in_proj_bias"]
        )
        q, k, v = joint.split(channels, dim=1)
        found, each = [], channels // heads
        for h in range(heads):
            part = slice(h * each, (h + 1) * each)
            share = (q[:, part] @ k[:, part].T / math.sqrt(each)).exp()
            found.append(share / share.sum(1, keepdim=True) @ v[:, part])
        attended = linear(torch.cat(found, 1), w[at + "attention.out_proj.weight"], w[at + "attention.out_proj.bias"])
        tokens = tokens + w[at + "alpha"] * attended
        hidden = gelu(linear(norm(tokens, at + "norm_feed"), w[at + "feed.0.weight"], w[at + "feed.0.bias"]))
        tokens = tokens + w[at + "alpha"] * linear(hidden, w[at + "feed.2.weight"], w[at + "feed.2.bias"])
    return linear(tokens, w["exit.weight"], w["exit.bias"]).T.reshape(channels, height, width)


def test_the_transformer_is_that_of_a_slow_one():
    network = generic(PixelVit(12, blocks=2))
    x = torch.randn(2, 12, 2, 3, dtype=torch.float64, generator=rng())
    with torch.no_grad():
        slow = torch.stack([slow_vit(network.state_dict(), image, 6, 2) for image in x])
        torch.testing.assert_close(network(x), slow)


def test_a_fresh_transformer_is_two_linear_layers():
    torch.manual_seed(0)
    network = PixelVit(24)
    x = torch.randn(1, 24, 4, 4, generator=rng())
    axis = torch.linspace(-1, 1, 4)
    places = network.position(torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=2)).sin()
    path = network.exit(network.entry(torch.cat([places[None], x.movedim(1, 3)], dim=3))).movedim(3, 1)
    torch.testing.assert_close(network(x), path)


def test_the_u_net_is_that_of_a_slow_one():
    network = generic(VitUNet(2, blocks=1))
    w = network.state_dict()
    image = torch.rand(2, 1, 32, 48, dtype=torch.float64, generator=rng())

    def conv(x, name, **how):
        return conv2d(x, w[name + ".weight"], w[name + ".bias"], **how)

    def twice(x, name):
        x = leaky_relu(conv(instance_norm(x), f"{name}.1", padding=1), 0.01)
        return leaky_relu(conv(instance_norm(x), f"{name}.4", padding=1), 0.01)

    with torch.no_grad():
        x = leaky_relu(conv(image, "entry.0", padding=1), 0.01)
        skips = []
        for level in range(4):
            skips.append(twice(x, f"encode.{level}"))
            x = conv(skips[level], f"down.{level}", stride=2)
        assert x.shape == (2, 16, 2, 3)
        x = network.bottom(x)
        for level in (3, 2, 1, 0):
            up = conv(x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), f"up.{level}.1", padding=1)
            x = twice(torch.cat([up, skips[level]], dim=1), f"decode.{level}")
            assert x.shape[1] == (2, 2, 4, 8)[level]
        slow = 1 / (1 + (-conv(x, "exit")).exp())
        torch.testing.assert_close(network(image), slow)
    assert slow.min() >= 0
    assert slow.max() <= 1


def test_fresh_weights_are_those_published():
    torch.manual_seed(0)
    network = PixelVit(384, blocks=1)
    normal_init(network, 64, zero_bias=True)
    attention = network.blocks[0].attention
    assert attention.out_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert attention.in_proj_weight.abs().max().item() == pytest.approx(math.sqrt(6 / (4 * 384)), rel=0.05)  # Xavier
    assert network.entry.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not network.entry.bias.any()


@pytest.mark.parametrize(("slope", "gamma"), [(3.0, 100.0), (0.5, 1.0)])
def test_the_penalty_of_a_known_norm(slope, gamma):
    real, fake = torch.rand(3, 1, 4, 4, generator=rng()), torch.rand(3, 1, 4, 4, generator=rng(1))
    found = gradient_penalty(lambda x: slope * x, real, fake, rng(), gamma)  # the sum has norm 4 * slope an image
    assert found.item() == pytest.approx((4 * slope - gamma) ** 2)


def test_the_penalty_is_taken_of_each_image_between_real_and_fake():
    real, fake = torch.rand(3, 1, 4, 4, generator=rng()), torch.rand(3, 1, 4, 4, generator=rng(1)) - 3
    share = torch.rand(3, 1, 1, 1, generator=rng(7))
    norms = (share * real + (1 - share) * fake).flatten(1).norm(dim=1)  # the gradient of x^2 / 2 is x
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradient_penalty(lambda x: x.square() / 2, real, fake, rng(7), 5.0)
    assert found.item() == pytest.approx(((norms - 5) ** 2).mean().item(), rel=1e-5)


def test_the_penalty_has_the_second_derivative():
    weight = torch.tensor(2.0, requires_grad=True)
    real = torch.rand(3, 1, 4, 4, generator=rng())
    gradient_penalty(lambda x: weight * x.square() / 2, real, real, rng(), 5.0).backward()
    norms = real.flatten(1).norm(dim=1)
    torch.testing.assert_close(weight.grad, (2 * (2 * norms - 5) * norms).mean())
    critic = PatchGAN(32, 4)
    gradient_penalty(critic, real.repeat(1, 1, 8, 8), torch.zeros(3, 1, 32, 32), rng()).backward()
    assert all(layer.weight.grad.any() for layer in critic.layers if isinstance(layer, torch.nn.Conv2d))


def test_the_penalty_is_not_taken_in_half_precision():
    critic, real, fake = PatchGAN(32, 4), torch.rand(2, 1, 32, 32, generator=rng()), torch.zeros(2, 1, 32, 32)
    mixed = (torch.rand(2, 1, 1, 1, generator=rng()) * real).requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed)
    exact = (slope.flatten(1).norm(dim=1) - 1).square().mean().item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradient_penalty(critic, real, fake, rng())
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(exact, rel=1e-5)


def test_the_penalty_is_added_to_the_least_squares_of_a_discriminator():
    trainer, images = make("settings.penalty=0.3", "settings.norm=7"), unit(small_batch())
    fake = images["T2"].requires_grad_()
    trainer.generator.manual_seed(4)
    found = trainer.discriminator_losses(images["T1"], fake, "T1")
    expected = gradient_penalty(trainer.networks.discriminator["T1"], images["T1"], fake, rng(4), 7.0)
    assert found["gradient_penalty"].item() == pytest.approx(0.3 / 49 * expected.item())
    assert torch.autograd.grad(found["gradient_penalty"], fake, allow_unused=True) == (None,)
    assert set(make("settings.penalty=0").discriminator_losses(images["T1"], fake, "T1")) == {"adversarial"}
    assert make().settings.penalty / make().settings.norm ** 2 == pytest.approx(1e-5)


@pytest.mark.parametrize(("side", "tile"), [(256, 32), (216, 27), (320, 32), (32, 4), (272, 32)])
def test_tiles_are_masked(side, tile):
    kept = masked(torch.ones(40, 1, side, side), rng())
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert float((kept == 0).float().mean()) == pytest.approx(0.4, abs=0.03)
    corners = kept[..., ::tile, ::tile]
    again = corners.repeat_interleave(tile, dim=2).repeat_interleave(tile, dim=3)[..., :side, :side]
    assert torch.equal(kept, again)
    assert not torch.equal(corners[0], corners[1])
    assert (corners[..., 1:] != corners[..., :-1]).float().mean().item() == pytest.approx(0.48, abs=0.05)


def test_images_are_turned_and_changed_in_brightness_and_contrast():
    images = unit(small_batch())["T1"].double()[[0, 1, 0, 1, 0, 1]]
    found = varied(images.float(), rng(3))
    angle, brightness, contrast = (2 * torch.rand(3, 6, generator=rng(3)) - 1).double().numpy()
    assert found.min() >= 0
    assert found.max() <= 1
    for k, image in enumerate(images[:, 0].numpy()):
        a = math.radians(10 * angle[k])
        turn = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
        centre = np.full(2, 15.5)
        slow = affine_transform(image, turn, centre - turn @ centre, order=1, mode="grid-constant")
        slow = np.clip(slow * (1 + 0.2 * brightness[k]), 0, 1)
        slow = np.clip((slow - slow.mean()) * (1 + 0.2 * contrast[k]) + slow.mean(), 0, 1)
        np.testing.assert_allclose(found[k, 0].numpy(), slow, atol=2e-5)


def test_what_turns_in_is_black():
    turned = varied(torch.ones(8, 1, 64, 64), rng())
    corner, middle = turned[:, 0, 0, 0], turned[:, 0, 32, 32]
    assert (corner < 0.2).sum() >= 6  # contrast around the mean lifts black a little, a small angle leaves the corner
    assert (middle > 0.7).all()


def test_pre_training_moves_one_generator_on_both_contrasts():
    trainer, batch = make(), small_batch()
    optimizers = trainer.optimizers()
    before = [{k: v.clone() for k, v in g.state_dict().items()} for g in generators(trainer)]
    discriminator = {k: v.clone() for k, v in trainer.networks.discriminator.state_dict().items()}
    losses = take_step(trainer, optimizers, batch, seed=0)
    assert set(losses) == {"pretraining/inpainting"}
    first, second = generators(trainer)
    assert [id(p) for p in trainer.parameters(PRETRAINING)] == [id(p) for p in first.parameters()]
    assert any(not torch.equal(value, before[0][key]) for key, value in first.state_dict().items())
    assert all(torch.equal(value, before[1][key]) for key, value in second.state_dict().items())
    after = trainer.networks.discriminator.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in discriminator.items())
    first.load_state_dict(before[0])
    drawn = torch.Generator()
    drawn.set_state(trainer.generator.manual_seed(5).get_state())
    images = unit(batch)
    whole = varied(torch.cat([images["T1"], images["T2"]]), drawn)
    slow = (first(masked(whole, drawn)) - whole).abs().mean()
    (_, found) = next(trainer.updates(batch))
    assert found["inpainting"].item() == pytest.approx(slow.item())


def test_translation_begins_with_equal_generators():
    steps = 400 // 10
    trainer = make()
    assert trainer.pretraining_steps == steps
    assert not same(*generators(trainer))
    first = {key: value.clone() for key, value in generators(trainer)[0].state_dict().items()}
    trainer.iteration = steps
    batch = small_batch(iteration=steps)
    group, _ = next(trainer.updates(batch))
    assert group == "generator"
    assert same(*generators(trainer))
    assert all(torch.equal(value, first[key]) for key, value in generators(trainer)[0].state_dict().items())
    optimizers = trainer.optimizers()
    take_step(trainer, optimizers, batch, seed=0)
    assert not same(*generators(trainer))
    apart = {key: value.clone() for key, value in generators(trainer)[1].state_dict().items()}
    trainer.iteration = steps + 1
    next(trainer.updates(small_batch(iteration=steps + 1)))
    assert all(torch.equal(value, apart[key]) for key, value in generators(trainer)[1].state_dict().items())


def test_without_pre_training_generators_begin_apart():
    trainer = make("settings.pretraining=0")
    assert PRETRAINING not in trainer.groups() | trainer.optimizers() | trainer.learning_rates()
    group, _ = next(trainer.updates(small_batch()))
    assert group == "generator"
    assert not same(*generators(trainer))
    assert trainer.rate_share("generator", 300) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("at", [BOUNDARY - 1, BOUNDARY, BOUNDARY + 1])
def test_a_run_resumed_around_the_end_of_pre_training_ends_in_the_same_weights(tmp_path, at):
    job = toy_job(tmp_path, trainer=UVCGAN)
    job = dataclasses.replace(job, plans=complete(job.plans.override([FEW]), UVCGAN))

    def go(trainer, optimizers, start, stop):
        batches = Batches(BatchLoader(job.source(), start=start))
        return [set(take_step(trainer, optimizers, next(batches), seed=job.seed)) for _ in range(start, stop)]

    trainer = job.new_trainer(torch.device("cpu")).train()
    assert trainer.pretraining_steps == BOUNDARY
    optimizers = trainer.optimizers()
    go(trainer, optimizers, 0, at)
    checkpoint.save(tmp_path / "c.pt", trainer, optimizers=optimizers)
    resumed = job.new_trainer(torch.device("cpu")).train()
    again = resumed.optimizers()
    checkpoint.restore(checkpoint.load(tmp_path / "c.pt"), resumed, again)
    names = go(resumed, again, at, BOUNDARY + 2)
    assert names == go(trainer, optimizers, at, BOUNDARY + 2)
    assert "generator/cycle" in names[-1]
    assert same(trainer.networks, resumed.networks)


def test_learning_rates_and_optimizers_are_those_published():
    plans = small_plans("UVCGAN", FEW, "optimisation.lr=1e-4", "optimisation.batch_size=32")
    trainer = UVCGAN(plans, PAIR)
    rates, optimizers = trainer.learning_rates(), trainer.optimizers()
    assert rates[PRETRAINING] == pytest.approx(6.25e-4)  # 64 images
    assert make().learning_rates()[PRETRAINING] == pytest.approx(10 * 4 * 5e-3 / 512)  # rates of the small plans
    assert rates["generator"] == 1e-4
    assert optimizers["generator"].defaults["betas"] == optimizers["discriminator"].defaults["betas"] == (0.5, 0.99)
    assert optimizers["generator"].defaults["weight_decay"] == 0
    assert isinstance(optimizers[PRETRAINING], torch.optim.AdamW)
    assert optimizers[PRETRAINING].defaults["betas"] == (0.9, 0.99)
    assert optimizers[PRETRAINING].defaults["weight_decay"] == 0.05
    assert optimizers[PRETRAINING].defaults["lr"] == rates[PRETRAINING]


def test_rates_fall_over_pre_training_then_over_the_second_half_of_the_rest():
    trainer = make()  # 40 of 400 steps
    shares = [trainer.rate_share(PRETRAINING, i) for i in range(400)]
    assert shares[0] == 1
    assert shares[10] == pytest.approx((1 + math.cos(math.pi / 4)) / 2, rel=1e-4)
    assert shares[40] == pytest.approx(1e-5)
    assert min(shares) > 0
    for group in ("generator", "discriminator"):
        shares = [trainer.rate_share(group, i) for i in range(400)]
        assert shares[:221] == [1] * 221
        assert shares[310] == pytest.approx(0.5)
        assert shares[399] == pytest.approx(1 / 180)


def test_networks_and_losses_see_images_from_0_to_1():
    trainer, batch = make("settings.pretraining=0", "settings.cycle=3"), small_batch()
    images = unit(batch)
    one, two = generators(trainer)
    updates = trainer.updates(batch)
    with torch.no_grad():
        fake = {"T1": two(images["T1"]), "T2": one(images["T2"])}
        cycle = (one(fake["T1"]) - images["T1"]).abs().mean() + (two(fake["T2"]) - images["T2"]).abs().mean()
        identity = (one(images["T1"]) - images["T1"]).abs().mean() + (two(images["T2"]) - images["T2"]).abs().mean()
        judged = {m: trainer.networks.discriminator[m] for m in PAIR}
        adversarial = ((judged["T2"](fake["T1"]) - 1) ** 2).mean() + ((judged["T1"](fake["T2"]) - 1) ** 2).mean()
        real = sum(((judged[m](images[m]) - 1) ** 2).mean() for m in PAIR)
        false = (judged["T2"](fake["T1"]) ** 2).mean() + (judged["T1"](fake["T2"]) ** 2).mean()
    _, losses = next(updates)
    assert losses["cycle"].item() == pytest.approx(3 * cycle.item(), rel=1e-4)
    assert losses["identity"].item() == pytest.approx(1.5 * identity.item(), rel=1e-4)
    assert losses["adversarial"].item() == pytest.approx(adversarial.item(), rel=1e-4)
    _, losses = next(updates)
    assert losses["adversarial"].item() == pytest.approx((real + false).item() / 2, rel=1e-4)
    torch.testing.assert_close(trainer.networks.pool.pools["T2"].images[:2], fake["T1"])


def test_translations_reach_from_minus_1_to_1():
    trainer, image = make(), small_batch().images["T1"]
    with torch.no_grad():
        found = trainer.translate(image, "T1", "T2")
        torch.testing.assert_close(found, 2 * generators(trainer)[1]((image + 1) / 2) - 1)
        generators(trainer)[1].exit.bias.fill_(-30)
        assert trainer.translate(image, "T1", "T2").max() < -0.99
        generators(trainer)[1].exit.bias.fill_(30)
        assert trainer.translate(image, "T1", "T2").min() > 0.99


@pytest.mark.parametrize(("side", "wide"), [(16, 32), (36, 48)])
def test_images_are_padded_with_black_to_a_multiple_of_16_and_at_least_32(side, wide):
    plans = small_plans("UVCGAN", FEW, f"slices.size={side}", f"slices.crop={side}")
    trainer, image = UVCGAN(plans, PAIR).train(), small_batch(side).images["T1"]
    room = (wide - side) // 2
    around = torch.zeros(2, 1, wide, wide)
    around[..., room : room + side, room : room + side] = (image + 1) / 2
    with torch.no_grad():
        expected = generators(trainer)[1](around)[..., room : room + side, room : room + side]
        torch.testing.assert_close(trainer.translate(image, "T1", "T2"), 2 * expected - 1)


def test_there_are_always_four_levels():
    with pytest.raises(UserError, match="n_down"):
        make("settings.networks.n_down=2")


def test_diagnostics_are_the_shares_of_the_transformers():
    trainer = make()
    for value, block in zip((-1.0, 0.5), generators(trainer)[1].bottom.blocks, strict=True):
        torch.nn.init.constant_(block.alpha, value)
    assert trainer.diagnostics() == {"alpha_T1": 0.0, "alpha_T2": 0.75}


@pytest.mark.slow
def test_overfit_holes_are_filled_and_the_cycle_closes():
    (fresh,) = overfit("UVCGAN", 1, FEW, "settings.pretraining=0")
    logged = overfit("UVCGAN", 150, FEW, "settings.pretraining=0.3", "optimisation.lr=3e-3")
    before, after = logged[:120], logged[120:]
    assert fall(before, "pretraining/inpainting") > 2
    assert after[0]["generator/cycle"] < fresh["generator/cycle"] / 2
    assert fall(after, "generator/cycle", last=5) > 1.2
