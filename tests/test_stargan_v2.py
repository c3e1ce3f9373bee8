"""StarGAN v2: published sizes, blocks and losses against slow references, who moves when, what prediction reads."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch
from torch.nn import functional as f

from hifisyn.losses.r1 import r1_penalty
from hifisyn.methods.stargan_task import LATENT, draw_task
from hifisyn.methods.stargan_v2 import StarGANv2
from hifisyn.networks.stargan_blocks import ResBlock, StyledResBlock
from hifisyn.networks.stargan_generator import StyledGenerator, halvings_of
from hifisyn.networks.stargan_heads import DomainHeads
from hifisyn.networks.stargan_mapping import MappingNetwork
from hifisyn.training.rates import set_rates
from hifisyn.training.step import take_step
from tests.overfit import PAIR, fall, overfit, small_batch, small_plans

NAME = "StarGAN-v2"
MOVING = ("generator", "mapping", "style_encoder")


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments, side=32):
    torch.manual_seed(0)
    return StarGANv2(small_plans(NAME, *assignments, side=side), PAIR).train()


def task_of(trainer, seed=0):
    images = torch.stack([small_batch().images[m] for m in PAIR])
    return draw_task(images, torch.Generator().manual_seed(seed), always_swap=trainer.settings.always_swap)


def weights(trainer, *names):
    return [p.detach().clone() for name in names for p in trainer.networks[name].parameters()]


def test_parameters_are_those_published():
    with torch.device("meta"):
        assert count(StyledGenerator()) == 33_891_713
        assert count(MappingNetwork()) == 2_438_272
        assert count(DomainHeads(64)) == 20_915_776
        assert count(DomainHeads(1)) == 20_851_138


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
        trunk = DomainHeads(1).trunk
        assert trunk[:-3](torch.zeros(1, 1, 256, 256)).shape == (1, 512, 4, 4)
        assert DomainHeads(64)(torch.zeros(3, 1, 256, 256), torch.zeros(3, dtype=torch.int64)).shape == (3, 64)


@pytest.mark.parametrize(("side", "halvings", "left"), [(16, 1, 1), (96, 2, 3), (128, 3, 1), (216, 3, 3), (256, 4, 1)])
def test_small_images_are_halved_less(side, halvings, left):
    assert halvings_of(side) == halvings
    assert DomainHeads(1, side, 2).trunk(torch.zeros(1, 1, side, side)).shape[2:] == (left, left)


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
    heads, mapping = DomainHeads(3, 16, 2), MappingNetwork(4, 3, 2)
    image, latent = torch.randn(2, 1, 16, 16), torch.randn(2, 4)
    for network, x in ((heads, image), (mapping, latent)):
        zeros, ones = (network(x, torch.full((2,), d)) for d in (0, 1))
        assert not torch.allclose(zeros, ones)
        mixed = network(x, torch.tensor([1, 0]))
        assert torch.allclose(mixed, torch.stack([ones[0], zeros[1]]))
    gradient = torch.autograd.grad(heads(image, torch.tensor([1, 1])).sum(), heads.heads.weight)[0]
    assert not gradient[:3].any()
    assert gradient[3:].any()
    assert not mapping.own[0](mapping.shared(latent)).equal(mapping.own[1](mapping.shared(latent)))


def test_a_style_is_read_from_all_positions():
    network, image = DomainHeads(3, 24, 2), torch.randn(2, 1, 24, 24)
    read = torch.stack([network.trunk(image)[:, :, y, x] for y in range(3) for x in range(3)]).mean(dim=0)
    wanted = read @ network.heads.weight[3:].T + network.heads.bias[3:]
    assert torch.allclose(network(image, torch.tensor([1, 1])), wanted, atol=1e-6)


def test_fresh_weights_are_those_of_he_and_the_smoothed_ones_the_same():
    trainer = make("networks.width=16")
    for name in (*MOVING, "discriminator"):
        for module in trainer.networks[name].modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                if module.weight.numel() > 5000:
                    spread = (2 / module.weight[0].numel()) ** 0.5
                    assert module.weight.std().item() == pytest.approx(spread, rel=0.1)
                assert module.bias is None or not module.bias.any()
    for name in MOVING:
        fresh, smoothed = weights(trainer, name), weights(trainer, f"smoothed_{name}")
        assert all(torch.equal(a, b) for a, b in zip(fresh, smoothed, strict=True))
        assert not any(p.requires_grad for p in trainer.networks[f"smoothed_{name}"].parameters())


def test_r1_of_a_known_discriminator():
    a, images = torch.tensor(3.0, requires_grad=True), torch.randn(4, 1, 5, 5, requires_grad=True)
    squares = images.detach().square().sum(dim=(1, 2, 3))
    penalty = r1_penalty(a * images.square().sum(dim=(1, 2, 3)) / 2, images)
    assert penalty.item() == pytest.approx(0.5 * 9 * squares.mean().item())
    assert torch.autograd.grad(penalty, a)[0].item() == pytest.approx(3 * squares.mean().item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["latent", "exemplar"])
def test_losses_are_those_of_slow_references(kind):
    trainer = make("method.style=2", "method.diversity=3", "method.cycle=5", "method.r1=7")
    task = task_of(trainer)
    trainer.iteration = trainer.plans.total_iterations // 4
    net = trainer.networks
    with torch.no_grad():
        if kind == "latent":
            styles = [net["mapping"](z, task.target) for z in task.latents]
        else:
            styles = [net["style_encoder"](x, task.target) for x in task.exemplars]
        fake, other = (net["generator"](task.image, s) for s in styles)
        again = net["style_encoder"](fake, task.target)
        cycle = net["generator"](fake, net["style_encoder"](task.image, task.source))
        logits = net["discriminator"](fake, task.target).double().numpy().ravel()
        real = net["discriminator"](task.image, task.source).double().numpy().ravel()
    found = {name: loss.item() for name, loss in trainer.objective(task, kind).items()}
    assert found == {
        "adversarial": pytest.approx(np.log1p(np.exp(-logits)).mean(), rel=1e-5),
        "style": pytest.approx(2 * (again - styles[0]).abs().mean().item(), rel=1e-5),
        "diversity": pytest.approx(-3 * 0.75 * (fake - other).abs().mean().item(), rel=1e-5),
        "cycle": pytest.approx(5 * (cycle - task.image).abs().mean().item(), rel=1e-5),
    }
    critic = {name: loss.item() for name, loss in trainer.critic(task, kind).items()}
    assert critic == {
        f"{kind}_real": pytest.approx(np.log1p(np.exp(-real)).mean(), rel=1e-5),
        f"{kind}_fake": pytest.approx(np.log1p(np.exp(logits)).mean(), rel=1e-5),
        f"{kind}_r1": pytest.approx(7 * 0.5 * slope_of(net["discriminator"], task), rel=1e-4),
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
    style, second = (trainer.style(task, "latent", number).detach() for number in (0, 1))
    constant = trainer.generate(task.image, second).detach()
    wanted = torch.autograd.grad(-(trainer.generate(task.image, style) - constant).abs().mean(), parameters)
    found = torch.autograd.grad(trainer.objective(task, "latent")["diversity"], parameters)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(("until", "after", "share"), [(1.0, 0.5, 0.5), (0.5, 0.25, 0.5), (0.5, 0.5, 0), (0.5, 0.8, 0)])
def test_the_diversity_weight_falls_to_0(until, after, share):
    trainer = make(f"method.diversity_until={until}", "method.diversity=2")
    assert trainer.diversity(0) == 2
    assert trainer.diversity(round(after * trainer.plans.total_iterations)) == pytest.approx(2 * share)


def test_losses_of_weight_0_are_not_computed():
    trainer = make("method.style=0", "method.diversity=0", "method.cycle=0", "method.r1=0")
    task = task_of(trainer)
    assert set(trainer.objective(task, "latent")) == {"adversarial"}
    assert set(trainer.critic(task, "latent")) == {"latent_real", "latent_fake"}


def test_exemplars_show_the_target_domain_and_are_others_while_there_are_others():
    numbered = torch.arange(6.0).view(2, 3, 1, 1, 1).expand(-1, -1, 1, 4, 4)
    rng, seen, first_of = torch.Generator().manual_seed(0), set(), set()
    for _ in range(50):
        task = draw_task(numbered, rng)
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
        task = draw_task(numbered[:, :1], rng)
        assert torch.equal(task.exemplars[0][:, 0, 0, 0], 3.0 * task.target)
        assert torch.equal(*task.exemplars)


def test_always_swap_leaves_no_image_in_its_own_contrast():
    trainer = make("method.always_swap=true")
    for seed in range(5):
        task = task_of(trainer, seed)
        assert torch.equal(task.target, 1 - task.source)
    assert any((t.target == t.source).any() for t in (task_of(make(), seed) for seed in range(5)))


@pytest.mark.parametrize("swap", [True, False])
def test_each_update_has_its_kind_of_style(swap):
    trainer = make(f"method.always_swap={str(swap).lower()}")
    trainer.generator.manual_seed(0)
    found = [{name: loss.item() for name, loss in losses.items()} for _, losses in trainer.updates(small_batch())]
    task = task_of(trainer)
    assert (task.target != task.source).all() == swap
    wanted = [part(task, kind) for part in (trainer.critic, trainer.objective) for kind in ("latent", "exemplar")]
    assert found == [{name: pytest.approx(loss.item()) for name, loss in losses.items()} for losses in wanted]
    assert found[2] != found[3]


def test_d_moves_twice_then_all_else_then_g_alone():
    trainer = make()
    groups = [group for group, _ in trainer.updates(small_batch())]
    assert groups == ["discriminator", "discriminator", "generator", "generator_alone"]
    for group, losses in trainer.updates(small_batch()):
        trainer.networks.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        with_gradient = {
            n for n in trainer.networks if any(p.grad is not None for p in trainer.networks[n].parameters())
        }
        assert set(trainer.groups()[group]) <= with_gradient
        assert not any(name.startswith("smoothed") for name in with_gradient)
        if group == "discriminator":
            assert with_gradient == {"discriminator"}


def test_g_keeps_its_moments_and_f_its_lower_rate():
    trainer = make()
    optimizers = trainer.optimizers()
    assert trainer.learning_rates()["generator"] == trainer.learning_rates()["generator_alone"] == 1e-3
    set_rates(optimizers, dict.fromkeys(trainer.groups(), 5e-4))
    before = {name: weights(trainer, name) for name in (*MOVING, "discriminator")}
    take_step(trainer, optimizers, small_batch(), seed=0)
    largest = {
        name: max(
            (a - b).detach().abs().max().item() for a, b in zip(old, trainer.networks[name].parameters(), strict=True)
        )
        for name, old in before.items()
    }
    # Adam without momentum moves a parameter by the rate in its first step.
    assert largest["style_encoder"] == pytest.approx(5e-4, rel=0.01)
    assert largest["mapping"] == pytest.approx(5e-6, rel=0.05)
    assert 5e-4 < largest["generator"] < 1.5e-3
    assert 5e-4 < largest["discriminator"] < 1.5e-3
    for name, updates in (("generator", 2), ("style_encoder", 1), ("mapping", 1)):
        state = [optimizers["generator"].state[p] for p in trainer.networks[name].parameters()]
        assert {int(s["step"]) for s in state} == {updates}
    assert {g["weight_decay"] for o in optimizers.values() for g in o.param_groups} == {1e-4}
    assert {g["betas"] for o in optimizers.values() for g in o.param_groups} == {(0.0, 0.99)}


def test_gradients_in_mixed_precision_point_where_those_in_full_precision_do():
    gradients = []
    for enabled in (False, True):
        trainer = make()
        task = task_of(trainer)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            critic = trainer.critic(task, "exemplar")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            objective = trainer.objective(task, "latent")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            alone = trainer.objective(task, "exemplar")
        found = []
        for group, losses in (("discriminator", critic), ("generator", objective), ("generator_alone", alone)):
            for name in trainer.groups()[group]:
                parameters = list(trainer.networks[name].parameters())
                loss = torch.stack([x.float() for x in losses.values()]).sum()
                got = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
                found.append(torch.cat([torch.zeros(1) if g is None else g.flatten() for g in got]))
        gradients.append((found, critic["exemplar_r1"].item()))
    assert gradients[0][1] == gradients[1][1]
    for full, mixed in zip(gradients[0][0], gradients[1][0], strict=True):
        assert f.cosine_similarity(full, mixed, dim=0) > 0.9


def test_smoothed_weights_follow_and_forget_the_start():
    trainer = make("method.ema=0.9")
    optimizers = trainer.optimizers()
    for iteration, kept in ((0, 0.1), (1, 2 / 11), (500, 0.9)):
        before = {name: weights(trainer, f"smoothed_{name}") for name in MOVING}
        take_step(trainer, optimizers, small_batch(iteration=iteration), seed=0)
        for name in MOVING:
            ways = zip(before[name], weights(trainer, name), weights(trainer, f"smoothed_{name}"), strict=True)
            assert all(torch.allclose(kept * a + (1 - kept) * b, c, atol=1e-7) for a, b, c in ways)


def test_prediction_reads_smoothed_weights_and_the_mean_style_of_the_target():
    trainer, batch = make(), small_batch()
    take_step(trainer, trainer.optimizers(), batch, seed=0)
    code, smoothed = trainer.networks["code"], trainer.networks["smoothed_generator"]
    with torch.no_grad():
        for number, m in enumerate(PAIR):
            read = trainer.networks["smoothed_style_encoder"](batch.images[m], torch.full((2,), number))
            assert torch.allclose(code(m), read.mean(dim=0), atol=1e-6)
        assert not torch.allclose(code("T1"), code("T2"), atol=1e-3)
        for source, target in (PAIR, PAIR[::-1]):
            wanted = smoothed(batch.images[source], code(target).expand(2, -1))
            assert wanted.abs().max() > 1
            assert torch.equal(trainer.translate(batch.images[source], source, target), wanted.clamp(-1, 1))


def test_sides_that_cannot_be_halved_are_padded():
    trainer = make("networks.width=2", side=132)
    assert trainer.side == 136
    image = small_batch(132).images["T1"]
    with torch.no_grad():
        made = trainer.translate(image, "T1", "T2")
        whole = trainer.networks["smoothed_generator"](f.pad(image, (2, 2, 2, 2), value=-1.0), torch.zeros(2, 64))
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
    code = trainer.networks["code"]
    assert curves["style_contrast"] == pytest.approx(float((code("T1") - code("T2")).abs().mean()))
    code.mean.add_(1000)
    assert trainer.diagnostics()["style_gap_T2"] == pytest.approx(1000, rel=0.01)


def test_overfit_the_cycle_closes():
    logged = overfit(NAME, 40, "method.diversity=0")
    assert fall(logged, "generator/cycle") > 2
