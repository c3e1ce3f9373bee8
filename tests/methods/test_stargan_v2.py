"""StarGAN v2: published sizes, blocks and losses against slow references, who moves when, what prediction reads.

And the same of three contrasts, of which a step sees two, and without smoothed copies.
"""

# mypy: no-check-untyped-defs
import io
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as f

from hifisyn.directions import directions
from hifisyn.methods.stargan_v2.blocks import ResBlock, StyledResBlock
from hifisyn.methods.stargan_v2.generator import StyledGenerator, halvings_of
from hifisyn.methods.stargan_v2.heads import DomainHeads
from hifisyn.methods.stargan_v2.mapping import MappingNetwork
from hifisyn.methods.stargan_v2.r1 import r1_penalty
from hifisyn.methods.stargan_v2.task import LATENT, draw_task
from hifisyn.methods.stargan_v2.trainer import StarGANv2
from hifisyn.planning.device import Device
from hifisyn.plans import SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.rates import set_rates
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

NAME = "StarGAN-v2"
MOVING = ("generator", "mapping_network", "style_encoder")
THREE = ("FLAIR", "T1", "T2")


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments, side=32, domains=PAIR):
    plans = small_plans(NAME, "settings.ema=0.999", *assignments, side=side)
    torch.manual_seed(0)
    return StarGANv2(plans.model_copy(update={"modalities": domains}), domains).train()


def task_of(trainer, seed=0):
    images = torch.stack([small_batch().images[m] for m in PAIR])
    return draw_task(images, (0, 1), torch.Generator().manual_seed(seed), always_swap=trainer.settings.always_swap)


def two_of_three(step):
    """Return a batch of two of three contrasts, in turn."""
    batch, two = small_batch(iteration=step), list(itertools.combinations(THREE, 2))[step % 3]
    return Batch(
        *(dict(zip(two, part.values(), strict=True)) for part in (batch.images, batch.labels, batch.subjects)), step
    )


def weights(networks, *names):
    return [p.detach().clone() for name in names for p in getattr(networks, name).parameters()]


def test_parameters_are_those_published():
    with torch.device("meta"):
        assert count(StyledGenerator()) == 33_891_713
        assert count(MappingNetwork(PAIR)) == 2_438_272
        assert count(DomainHeads(PAIR, 64)) == 20_915_776
        assert count(DomainHeads(PAIR, 1)) == 20_851_138


@pytest.mark.slow
def test_features_have_the_published_shapes():
    with torch.device("meta"):
        generator, image = StyledGenerator(), torch.zeros(1, 1, 256, 256)
        shapes = []
        for layer in generator.encoder:
            image = layer(image)
            shapes.append((image.shape[1], image.shape[2]))
        assert shapes == [(64, 256), (128, 128), (256, 64), (512, 32), (512, 16), (512, 16), (512, 16)]
    with torch.no_grad():
        assert StyledGenerator(width=4)(torch.zeros(3, 1, 256, 256), torch.zeros(3, 64)).shape == (3, 1, 256, 256)
        trunk = DomainHeads(PAIR, 1).trunk
        assert trunk[:-3](torch.zeros(1, 1, 256, 256)).shape == (1, 512, 4, 4)
        assert DomainHeads(PAIR, 64)(torch.zeros(3, 1, 256, 256), torch.zeros(3, dtype=torch.int64)).shape == (3, 64)


@pytest.mark.parametrize(("side", "halvings", "left"), [(16, 1, 1), (96, 2, 3), (128, 3, 1), (216, 3, 3), (256, 4, 1)])
def test_small_images_are_halved_less(side, halvings, left):
    assert halvings_of(side) == halvings
    assert DomainHeads(PAIR, 1, side, 2).trunk(torch.zeros(1, 1, side, side)).shape[2:] == (left, left)


@pytest.mark.parametrize(("out", "norm", "down"), [(6, True, True), (3, True, False), (6, False, True)])
def test_a_block_without_style_is_the_published_one(out, norm, down):
    block, x = ResBlock(3, out, norm=norm, down=down).double(), torch.randn(2, 3, 8, 8).double()
    for p in block.parameters():
        torch.nn.init.normal_(p)
    convolutions = [m for m in block.branch if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in block.branch if isinstance(m, torch.nn.InstanceNorm2d)]
    made = x
    for number, convolution in enumerate(convolutions):
        if norm:
            made = f.instance_norm(made, weight=norms[number].weight, bias=norms[number].bias)
        made = f.conv2d(f.leaky_relu(made, 0.2), convolution.weight, convolution.bias, padding=1)
        made = f.avg_pool2d(made, 2) if down and number == 0 else made
    beside = x if out == 3 else f.conv2d(x, block.shortcut.weight)
    beside = f.avg_pool2d(beside, 2) if down else beside
    assert torch.allclose(block(x), (made + beside) / 2**0.5)


@pytest.mark.parametrize(("out", "up"), [(2, True), (4, False)])
def test_a_block_with_style_is_the_published_one(out, up):
    block = StyledResBlock(4, out, 5, up=up).double()
    x, style = torch.randn(2, 4, 6, 6).double(), torch.randn(2, 5).double()

    def larger(image):
        return image.repeat_interleave(2, 2).repeat_interleave(2, 3) if up else image

    made = x
    for number, (norm, convolution) in enumerate(zip(block.norms, block.convolutions, strict=True)):
        gamma, beta = (v[:, :, None, None] for v in norm.affine(style).split(made.shape[1], dim=1))
        made = (1 + gamma) * f.instance_norm(made) + beta
        made = f.leaky_relu(made, 0.2)
        made = f.conv2d(larger(made) if number == 0 else made, convolution.weight, convolution.bias, padding=1)
    beside = larger(x) if out == 4 else f.conv2d(larger(x), block.shortcut.weight)
    assert torch.allclose(block(x, style), (made + beside) / 2**0.5)


def test_every_row_is_answered_by_the_head_of_its_domain():
    heads, mapping = DomainHeads(PAIR, 3, 16, 2), MappingNetwork(PAIR, 4, 3, 2)
    image, latent = torch.randn(2, 1, 16, 16), torch.randn(2, 4)
    for network, x in ((heads, image), (mapping, latent)):
        zeros, ones = (network(x, torch.full((2,), d)) for d in (0, 1))
        assert not torch.allclose(zeros, ones)
        mixed = network(x, torch.tensor([1, 0]))
        assert torch.allclose(mixed, torch.stack([ones[0], zeros[1]]))
    gradient = torch.autograd.grad(heads(image, torch.tensor([1, 1])).sum(), heads.heads.weight)[0]
    assert not gradient[:3].any()
    assert gradient[3:].any()
    assert not mapping.own["T1"](mapping.shared(latent)).equal(mapping.own["T2"](mapping.shared(latent)))


def test_a_style_is_read_from_all_positions():
    network, image = DomainHeads(PAIR, 3, 24, 2), torch.randn(2, 1, 24, 24)
    read = torch.stack([network.trunk(image)[:, :, y, x] for y in range(3) for x in range(3)]).mean(dim=0)
    wanted = read @ network.heads.weight[3:].T + network.heads.bias[3:]
    assert torch.allclose(network(image, torch.tensor([1, 1])), wanted, atol=1e-6)


def test_fresh_weights_are_those_of_he_and_the_smoothed_ones_the_same():
    trainer = make("networks.width=16")
    for name in (*MOVING, "discriminator"):
        for module in getattr(trainer.networks, name).modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                if module.weight.numel() > 5000:
                    spread = (2 / module.weight[0].numel()) ** 0.5
                    assert module.weight.std().item() == pytest.approx(spread, rel=0.1)
                assert module.bias is None or not module.bias.any()
    for name in MOVING:
        fresh, smoothed = weights(trainer.networks, name), weights(trainer.networks.smoothed, name)
        assert all(torch.equal(a, b) for a, b in zip(fresh, smoothed, strict=True))
        assert not any(p.requires_grad for p in getattr(trainer.networks.smoothed, name).parameters())


def test_r1_of_a_known_discriminator():
    a, images = torch.tensor(3.0, requires_grad=True), torch.randn(4, 1, 5, 5, requires_grad=True)
    squares = images.detach().square().sum(dim=(1, 2, 3))
    penalty = r1_penalty(a * images.square().sum(dim=(1, 2, 3)) / 2, images)
    assert penalty.item() == pytest.approx(0.5 * 9 * squares.mean().item())
    assert torch.autograd.grad(penalty, a)[0].item() == pytest.approx(3 * squares.mean().item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["latent", "exemplar"])
def test_losses_are_those_of_slow_references(kind):
    trainer = make("settings.style=2", "settings.diversity=3", "settings.cycle=5", "settings.r1=7")
    task = task_of(trainer)
    trainer.iteration = trainer.plans.length.total // 4
    net = trainer.networks
    with torch.no_grad():
        if kind == "latent":
            styles = [net.mapping_network(z, task.target) for z in task.latents]
        else:
            styles = [net.style_encoder(x, task.target) for x in task.exemplars]
        fake, other = (net.generator(task.image, s) for s in styles)
        again = net.style_encoder(fake, task.target)
        cycle = net.generator(fake, net.style_encoder(task.image, task.source))
        logits = net.discriminator(fake, task.target).double().numpy().ravel()
        real = net.discriminator(task.image, task.source).double().numpy().ravel()
    found = {name: loss.item() for name, loss in trainer.objective(task, kind).items()}
    assert found == {
        "adversarial": pytest.approx(np.log1p(np.exp(-logits)).mean(), rel=1e-5),
        "style": pytest.approx(2 * (again - styles[0]).abs().mean().item(), rel=1e-5),
        "diversity": pytest.approx(-3 * 0.75 * (fake - other).abs().mean().item(), rel=1e-5),
        "cycle": pytest.approx(5 * (cycle - task.image).abs().mean().item(), rel=1e-5),
    }
    discriminator = {name: loss.item() for name, loss in trainer.discriminator_losses(task, kind).items()}
    assert discriminator == {
        f"{kind}_real": pytest.approx(np.log1p(np.exp(-real)).mean(), rel=1e-5),
        f"{kind}_fake": pytest.approx(np.log1p(np.exp(logits)).mean(), rel=1e-5),
        f"{kind}_r1": pytest.approx(7 * 0.5 * slope_of(net.discriminator, task), rel=1e-4),
    }
    assert not task.image.requires_grad


def slope_of(discriminator, task):
    """Return the mean squared norm of the gradient, image by image."""
    squares = []
    for image, domain in zip(task.image, task.source, strict=True):
        x = image[None].clone().requires_grad_()
        discriminator(x, domain[None]).backward(inputs=[x])
        squares.append(x.grad.square().sum().item())
    return np.mean(squares)


def test_the_second_image_of_the_diversity_loss_is_a_constant():
    trainer = make()
    task, parameters = task_of(trainer), trainer.parameters("generator_alone")
    style, second = (trainer.passes.style(task, "latent", number).detach() for number in (0, 1))
    constant = trainer.passes.generate(task.image, second).detach()
    wanted = torch.autograd.grad(-(trainer.passes.generate(task.image, style) - constant).abs().mean(), parameters)
    found = torch.autograd.grad(trainer.objective(task, "latent")["diversity"], parameters)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(("until", "after", "share"), [(1.0, 0.5, 0.5), (0.5, 0.25, 0.5), (0.5, 0.5, 0), (0.5, 0.8, 0)])
def test_the_diversity_weight_falls_to_0(until, after, share):
    trainer = make(f"settings.diversity_until={until}", "settings.diversity=2")
    assert trainer.diversity(0) == 2
    assert trainer.diversity(round(after * trainer.plans.length.total)) == pytest.approx(2 * share)


def test_losses_of_weight_0_are_not_computed():
    trainer = make("settings.style=0", "settings.diversity=0", "settings.cycle=0", "settings.r1=0")
    task = task_of(trainer)
    assert set(trainer.objective(task, "latent")) == {"adversarial"}
    assert set(trainer.discriminator_losses(task, "latent")) == {"latent_real", "latent_fake"}


def test_exemplars_show_the_target_domain_and_are_others_while_there_are_others():
    numbered = torch.arange(6.0).view(2, 3, 1, 1, 1).expand(-1, -1, 1, 4, 4)
    rng, seen, first_of = torch.Generator().manual_seed(0), set(), set()
    for _ in range(50):
        task = draw_task(numbered, (0, 1), rng)
        assert task.image[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
        assert task.source.tolist() == [0, 0, 0, 1, 1, 1]
        for number in range(6):
            seen.add((int(task.source[number]), int(task.target[number])))
            first, second = (int(x[number, 0, 0, 0]) for x in task.exemplars)
            first_of.add((number, first))
            assert first // 3 == second // 3 == int(task.target[number])
            assert len({first, second, number}) == 3
        assert task.latents[0].shape == (6, LATENT)
        assert not torch.equal(*task.latents)
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert len(first_of) == 6 * 5
    for _ in range(20):
        task = draw_task(numbered[:, :1], (0, 1), rng)
        assert torch.equal(task.exemplars[0][:, 0, 0, 0], 3.0 * task.target)
        assert torch.equal(*task.exemplars)


def test_images_and_targets_bear_the_numbers_of_their_domains():
    images, each = torch.arange(4.0).view(2, 2, 1, 1, 1).expand(-1, -1, 1, 4, 4), {0: 1, 1: 3}
    rngs = [torch.Generator().manual_seed(0) for _ in range(2)]
    for _ in range(20):
        plain, task = (draw_task(images, two, rng) for two, rng in zip(((0, 1), (1, 3)), rngs, strict=True))
        for found, wanted in ((task.source, plain.source), (task.target, plain.target)):
            assert found.tolist() == [each[n] for n in wanted.tolist()]
        assert all(torch.equal(*pair) for pair in zip(task.exemplars, plain.exemplars, strict=True))
    swapped = draw_task(images, (1, 3), rngs[0], always_swap=True)
    assert swapped.source.tolist() == [1, 1, 3, 3]
    assert swapped.target.tolist() == [3, 3, 1, 1]


def test_always_swap_leaves_no_image_in_its_own_contrast():
    trainer = make("settings.always_swap=true")
    for seed in range(5):
        task = task_of(trainer, seed)
        assert torch.equal(task.target, 1 - task.source)
    assert any((t.target == t.source).any() for t in (task_of(make(), seed) for seed in range(5)))


@pytest.mark.parametrize("swap", [True, False])
def test_each_update_has_its_kind_of_style(swap):
    trainer = make(f"settings.always_swap={str(swap).lower()}")
    trainer.generator.manual_seed(0)
    found = [{name: loss.item() for name, loss in losses.items()} for _, losses in trainer.updates(small_batch())]
    task = task_of(trainer)
    assert (task.target != task.source).all() == swap
    wanted = [
        part(task, kind)
        for part in (trainer.discriminator_losses, trainer.objective)
        for kind in ("latent", "exemplar")
    ]
    assert found == [{name: pytest.approx(loss.item()) for name, loss in losses.items()} for losses in wanted]
    assert found[2] != found[3]


def test_d_moves_twice_then_all_else_then_g_alone():
    trainer = make()
    groups = [group for group, _ in trainer.updates(small_batch())]
    assert groups == ["discriminator", "discriminator", "generator", "generator_alone"]
    for group, losses in trainer.updates(small_batch()):
        trainer.networks.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        net = trainer.networks
        with_gradient = {n for n in net.children() if any(p.grad is not None for p in n.parameters())}
        assert set(trainer.groups()[group]) <= with_gradient
        assert net.smoothed not in with_gradient
        if group == "discriminator":
            assert with_gradient == {net.discriminator}


def test_g_keeps_its_moments_and_f_its_lower_rate():
    trainer = make()
    optimizers = trainer.optimizers()
    assert trainer.learning_rates()["generator"] == trainer.learning_rates()["generator_alone"] == 1e-3
    set_rates(optimizers, dict.fromkeys(trainer.groups(), 5e-4))
    before = {name: weights(trainer.networks, name) for name in (*MOVING, "discriminator")}
    take_step(trainer, optimizers, small_batch(), seed=0)
    largest = {
        name: max((a - b).abs().max().item() for a, b in zip(old, weights(trainer.networks, name), strict=True))
        for name, old in before.items()
    }
    # Adam without momentum moves a parameter by the rate in its first step.
    assert largest["style_encoder"] == pytest.approx(5e-4, rel=0.01)
    assert largest["mapping_network"] == pytest.approx(5e-6, rel=0.05)
    assert 5e-4 < largest["generator"] < 1.5e-3
    assert 5e-4 < largest["discriminator"] < 1.5e-3
    for name, updates in (("generator", 2), ("style_encoder", 1), ("mapping_network", 1)):
        state = [optimizers["generator"].state[p] for p in getattr(trainer.networks, name).parameters()]
        assert {int(s["step"]) for s in state} == {updates}
    assert {g["weight_decay"] for o in optimizers.values() for g in o.param_groups} == {1e-4}
    assert {g["betas"] for o in optimizers.values() for g in o.param_groups} == {(0.0, 0.99)}


def test_gradients_in_mixed_precision_point_where_those_in_full_precision_do():
    gradients = []
    for enabled in (False, True):
        trainer = make()
        task = task_of(trainer)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            discriminator = trainer.discriminator_losses(task, "exemplar")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            objective = trainer.objective(task, "latent")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            alone = trainer.objective(task, "exemplar")
        found = []
        for group, losses in (("discriminator", discriminator), ("generator", objective), ("generator_alone", alone)):
            for network in trainer.groups()[group]:
                parameters = list(network.parameters())
                loss = torch.stack([x.float() for x in losses.values()]).sum()
                got = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
                found.append(torch.cat([torch.zeros(1) if g is None else g.flatten() for g in got]))
        gradients.append((found, discriminator["exemplar_r1"].item()))
    assert gradients[0][1] == gradients[1][1]
    for full, mixed in zip(gradients[0][0], gradients[1][0], strict=True):
        assert f.cosine_similarity(full, mixed, dim=0) > 0.9


def test_smoothed_weights_follow_and_forget_the_start():
    trainer = make("settings.ema=0.9")
    optimizers = trainer.optimizers()
    for iteration, kept in ((0, 0.1), (1, 2 / 11), (500, 0.9)):
        before = {name: weights(trainer.networks.smoothed, name) for name in MOVING}
        take_step(trainer, optimizers, small_batch(iteration=iteration), seed=0)
        for name in MOVING:
            now, smoothed = weights(trainer.networks, name), weights(trainer.networks.smoothed, name)
            moved = zip(before[name], now, smoothed, strict=True)
            assert all(torch.allclose(kept * a + (1 - kept) * b, c, atol=1e-7) for a, b, c in moved)


def test_prediction_reads_smoothed_weights_and_the_mean_style_of_the_target():
    trainer, batch = make(), small_batch()
    take_step(trainer, trainer.optimizers(), batch, seed=0)
    code, smoothed = trainer.networks.running_code, trainer.networks.smoothed.generator
    with torch.no_grad():
        for number, m in enumerate(PAIR):
            read = trainer.networks.smoothed.style_encoder(batch.images[m], torch.full((2,), number))
            assert torch.allclose(code(m), read.mean(dim=0), atol=1e-6)
        assert not torch.allclose(code("T1"), code("T2"), atol=1e-3)
        for source, target in (PAIR, PAIR[::-1]):
            wanted = smoothed(batch.images[source], code(target).expand(2, -1))
            assert wanted.abs().max() > 1
            assert torch.equal(trainer.translate(batch.images[source], source, target), wanted.clamp(-1, 1))


def test_without_smoothed_copies_prediction_mean_styles_and_curves_read_the_weights_themselves():
    trainer, batch = make("settings.ema=0"), small_batch()
    net, code = trainer.networks, trainer.networks.running_code
    assert net.smoothed is None
    assert not any("smoothed" in name for name in net.state_dict())
    assert trainer.averaged() == (net.generator, net.style_encoder, net.mapping_network)
    take_step(trainer, trainer.optimizers(), batch, seed=0)
    with torch.no_grad():
        for number, m in enumerate(PAIR):
            read = net.style_encoder(batch.images[m], torch.full((2,), number))
            assert torch.allclose(code(m), read.mean(dim=0), atol=1e-6)
        for source, target in directions(PAIR):
            wanted = net.generator(batch.images[source], code(target).expand(2, -1)).clamp(-1, 1)
            assert torch.equal(trainer.translate(batch.images[source], source, target), wanted)
        before = trainer.diagnostics()
        net.mapping_network.own["T1"][-1].bias += 1000
    assert trainer.diagnostics()["style_gap_T1"] == pytest.approx(1000, rel=0.01)
    assert trainer.diagnostics()["style_gap_T2"] == before["style_gap_T2"]


def test_smoothed_copies_are_not_averaged_a_second_time():
    assert make().averaged() == ()


@pytest.mark.slow
def test_smoothed_copies_take_no_part_in_the_losses():
    logged = {}
    for ema in (0, 0.999):
        trainer = make(f"settings.ema={ema}")
        optimizers = trainer.optimizers()
        logged[ema] = [take_step(trainer, optimizers, small_batch(iteration=i), seed=0) for i in range(3)]
    assert logged[0] == logged[0.999]


@pytest.mark.parametrize(("preset", "ema"), [("recommended", 0.0), ("paper", 0.999), ("literal", 0.999)])
def test_weights_are_averaged_once_and_as_published_by_the_published_presets(preset, ema):
    plan = StarGANv2.plan({}, SlicePlan(), Device("cpu", 8, 2, minutes=4), preset)
    settings = StarGANv2.SETTINGS.model_validate(plan.settings)
    assert settings.ema == ema
    assert (plan.optimisation.average > 0) == (ema == 0)
    assert plan.optimisation.betas == (0.0, 0.99)
    assert set(plan.settings) == {"networks", "attribute_ema"} | ({"ema"} if preset == "recommended" else set())
    assert ("ema" in plan.reasons["optimisation.average"]) == (preset != "recommended")


def test_sides_that_cannot_be_halved_are_padded():
    trainer = make("networks.width=2", side=132)
    assert trainer.side == 136
    image = small_batch(132).images["T1"]
    with torch.no_grad():
        made = trainer.translate(image, "T1", "T2")
        whole = trainer.networks.smoothed.generator(f.pad(image, (2, 2, 2, 2), value=-1.0), torch.zeros(2, 64))
    assert torch.equal(made, whole[..., 2:-2, 2:-2].clamp(-1, 1))
    take_step(trainer, trainer.optimizers(), small_batch(132), seed=0)


def test_diagnostics_tell_drawn_from_read_styles_and_disturb_nothing():
    trainer = make()
    take_step(trainer, trainer.optimizers(), small_batch(), seed=0)
    before = trainer.generator.get_state()
    curves = trainer.diagnostics()
    assert set(curves) == {"style_gap_T1", "style_gap_T2", "style_contrast"}
    assert curves == trainer.diagnostics()
    assert torch.equal(before, trainer.generator.get_state())
    code = trainer.networks.running_code
    assert curves["style_contrast"] == pytest.approx(float((code("T1") - code("T2")).abs().mean()))
    code("T2").add_(1000)
    assert trainer.diagnostics()["style_gap_T2"] == pytest.approx(1000, rel=0.01)


@pytest.mark.slow
def test_three_contrasts_all_move_all_directions_translate():
    trainer = make("settings.diversity=0", domains=THREE)
    net = trainer.networks
    before = {name: p.detach().clone() for name, p in net.state_dict().items() if p.is_floating_point()}
    optimizers = trainer.optimizers()
    for step in range(6):
        losses = take_step(trainer, optimizers, two_of_three(step), seed=0)
        assert all(torch.isfinite(loss) for loss in losses.values())
    still = {name for name, old in before.items() if torch.equal(old, net.state_dict()[name])}
    assert not still
    assert [int(net.running_code.codes[m].steps) for m in THREE] == [4, 4, 4]
    image = small_batch().images["T1"]
    trainer.train(False)
    with torch.no_grad():
        made = {(s, t): trainer.translate(image, s, t) for s, t in directions(THREE)}
    assert len(made) == 6
    assert all(torch.isfinite(x).all() and x.abs().max() <= 1 and x.shape == image.shape for x in made.values())
    for a, b in itertools.combinations(THREE, 2):
        third = next(m for m in THREE if m not in (a, b))
        assert not torch.equal(made[third, a], made[third, b])
    assert set(trainer.diagnostics()) == {*(f"style_gap_{m}" for m in THREE), "style_contrast"}
    code = {m: net.running_code(m) for m in THREE}
    apart = [float((code[a] - code[b]).abs().mean()) for a, b in itertools.combinations(THREE, 2)]
    assert trainer.diagnostics()["style_contrast"] == pytest.approx(sum(apart) / 3)


def test_a_step_asks_for_its_two_contrasts_alone():
    trainer = make(domains=THREE)
    net, batch = trainer.networks, two_of_three(1)
    assert batch.domains == ("FLAIR", "T2")
    for _, losses in trainer.updates(batch):
        torch.stack(list(losses.values())).sum().backward()
    for heads in (net.discriminator.heads, net.style_encoder.heads):
        rows = heads.weight.grad.chunk(3)
        assert [bool(r.any()) for r in rows] == [True, False, True]
    moved = {m: any(p.grad.any() for p in net.mapping_network.own[m].parameters()) for m in THREE}
    assert moved == {"FLAIR": True, "T1": False, "T2": True}
    before = net.running_code("T1").clone()
    trainer.after_step()
    assert torch.equal(net.running_code("T1"), before)
    with torch.no_grad():
        for number, m in ((0, "FLAIR"), (2, "T2")):
            read = net.smoothed.style_encoder(batch.images[m], torch.full((2,), number)).mean(dim=0)
            assert torch.allclose(net.running_code(m), read, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("ema", [0, 0.999])
def test_three_contrasts_go_on_as_if_never_interrupted(ema):
    def run(trainer, optimizers, steps):
        return [take_step(trainer, optimizers, two_of_three(step), seed=0) for step in steps]

    trainer = make(f"settings.ema={ema}", domains=THREE)
    optimizers = trainer.optimizers()
    run(trainer, optimizers, range(2))
    file = io.BytesIO()
    torch.save((trainer.networks.state_dict(), {name: o.state_dict() for name, o in optimizers.items()}), file)
    wanted = run(trainer, optimizers, range(2, 5))
    file.seek(0)
    networks, states = torch.load(file)
    again = make(f"settings.ema={ema}", domains=THREE)
    again.networks.load_state_dict(networks)
    restored = again.optimizers()
    for name, optimizer in restored.items():
        optimizer.load_state_dict(states[name])
    assert run(again, restored, range(2, 5)) == wanted
    state = trainer.networks.state_dict()
    assert all(torch.equal(state[name], found) for name, found in again.networks.state_dict().items())


def test_weights_of_a_contrast_go_to_other_contrasts_by_name():
    source, target = make(domains=PAIR), make(domains=THREE)
    with torch.no_grad():
        for p in source.networks.parameters():
            p.add_(1)
    missing, unexpected = target.networks.load_state_dict(source.networks.state_dict(), strict=False)
    assert unexpected == []
    assert missing
    assert all(".FLAIR." in name for name in missing)
    latent, image = torch.randn(2, LATENT), small_batch().images["T2"]
    for a, b in ((0, 1), (1, 2)):
        one, other = torch.full((2,), a), torch.full((2,), b)
        assert torch.equal(source.passes.logits(image, one), target.passes.logits(image, other))
        drawn = [t.networks.mapping_network(latent, n) for t, n in ((source, one), (target, other))]
        assert torch.equal(*drawn)


@pytest.mark.slow
def test_overfit_the_cycle_closes():
    logged = overfit(NAME, 40, "settings.diversity=0")
    assert fall(logged, "generator/cycle") > 2
