"""MUNIT: published sizes, norms and losses against float64 loops, styles, the label map option."""

# mypy: no-check-untyped-defs
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad

from hifisyn.methods.munit.decoder import MunitDecoder, MunitLayerNorm
from hifisyn.methods.munit.encoders import MunitContentEncoder, MunitStyleEncoder
from hifisyn.methods.munit.faint_noise import with_faint_noise
from hifisyn.methods.munit.settings import MUNITSettings
from hifisyn.methods.munit.trainer import MUNIT
from hifisyn.networks.blocks import LReLUConv
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.planning.device import Device
from hifisyn.plans import SlicePlan
from hifisyn.training.batch import Batch
from hifisyn.training.method_plans import plans_of_method
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans
from tests.support.training_toys import FINGERPRINT, toy_plans

TARGET = {"T1": "T2", "T2": "T1"}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments):
    torch.manual_seed(0)
    return MUNIT(small_plans("MUNIT", *assignments), PAIR).train()


def doubled(trainer):
    """Return a batch in double precision and what the networks, in the same, make of it."""
    trainer.networks.double()
    batch = small_batch()
    batch = Batch({m: x.double() for m, x in batch.images.items()}, batch.labels, batch.subjects, 0)
    trainer.draw_styles = lambda b: {
        m: torch.randn(2, 8, generator=rng(n), dtype=torch.float64) for n, m in enumerate(PAIR)
    }
    return batch, trainer.render_batch(batch)


def step(trainer, batch, **options):
    return take_step(trainer, trainer.optimizers(), batch, seed=0, **options)


def with_labels(labels):
    batch = small_batch()
    return Batch(batch.images, labels, batch.subjects, 0)


def l1(a, b):
    return np.abs(a.detach().numpy() - b.detach().numpy()).mean()


def test_parameters_are_those_published():
    with torch.device("meta"):
        decoder = MunitDecoder()
        assert count(MunitContentEncoder()) == 5_379_584
        assert count(MunitStyleEncoder()) == 2_758_664
        assert count(decoder.statistics) == 1_120_768
        assert count(decoder) - count(decoder.statistics) == 5_748_353
        assert count(ImageDiscriminator(PAIR, 256, 64, "multiscale", 0.2).branches["T1"]) == 8_265_027
        whole = small_plans("MUNIT", "settings.networks.width=64", side=256)
        assert count(MUNIT(whole, PAIR).networks) == 46_544_792


@pytest.mark.parametrize(("n_down", "side"), [(1, 16), (2, 32), (2, 36), (3, 64)])
def test_shapes_follow_the_number_of_halvings(n_down, side):
    x = torch.rand(2, 1, side, side, generator=rng()) * 2 - 1
    content = MunitContentEncoder(4, n_down, 1)(x)
    assert content.shape == (2, 4 * 2**n_down, side // 2**n_down, side // 2**n_down)
    style = MunitStyleEncoder(side, 4, 5)(x)
    assert style.shape == (2, 5)
    image = MunitDecoder(4, n_down, 1, 5)(content, style)
    assert image.shape == x.shape
    assert 0 < image.abs().max() < 1


@pytest.mark.parametrize(("side", "left"), [(16, 4), (32, 4), (64, 4), (216, 13), (256, 16)])
def test_the_style_encoder_halves_four_times_while_there_are_pixels(side, left):
    network, seen = MunitStyleEncoder(side, 2), []
    pool = next(m for m in network.modules() if isinstance(m, torch.nn.AdaptiveAvgPool2d))
    pool.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[-1]))
    network(torch.zeros(1, 1, side, side))
    assert seen == [left]


def test_styles_are_not_normalised_and_contents_are():
    trainer, image = make(), small_batch().images["T1"] + 1
    style = trainer.encode_style(image, "T1")
    assert style.abs().max() > 1e-3
    torch.testing.assert_close(trainer.encode_style(3 * image, "T1"), 3 * style, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(trainer.encode(3 * image, "T1"), trainer.encode(image, "T1"), rtol=0.02, atol=0.02)


def test_layer_norm_by_hand():
    norm, x = MunitLayerNorm(3).double(), torch.randn(2, 3, 5, 4, generator=rng(), dtype=torch.float64) * 2 + 1
    assert 0 <= norm.gain.min() < norm.gain.max() <= 1
    assert torch.equal(norm.shift, torch.zeros_like(norm.shift))
    torch.nn.init.uniform_(norm.shift, generator=rng(1))
    x[1] *= 1e-5  # as small as the number that is added to the deviation
    for image, found in zip(x.numpy(), norm(x).detach().numpy(), strict=True):
        normed = (image - image.mean()) / (image.std(ddof=1) + 1e-5)
        gain, shift = (p.detach().numpy()[:, None, None] for p in (norm.gain, norm.shift))
        np.testing.assert_allclose(found, normed * gain + shift, rtol=1e-5)


def test_layer_norm_of_a_constant_has_a_finite_gradient():
    x = torch.full((1, 2, 4, 4), 0.3, requires_grad=True)
    norm = MunitLayerNorm(2)
    (norm(x) * torch.randn(1, 2, 4, 4, generator=rng())).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    torch.testing.assert_close(norm(x), torch.zeros_like(x))


def test_layer_norm_is_precise_in_bf16():
    norm = MunitLayerNorm(2)
    x = (torch.randn(1, 2, 8, 8, generator=rng()) + 8).bfloat16()
    torch.testing.assert_close(norm(x), norm(x.float()))


def test_the_style_sets_mean_then_deviation_of_every_layer_in_order():
    decoder = MunitDecoder(2, 1, 2, 3).double()
    decoder.image = torch.nn.Identity()
    x, style = torch.randn(2, 4, 6, 6, generator=rng()).double(), torch.randn(2, 3, generator=rng(1)).double()
    numbers = iter(decoder.statistics(style).split(4, dim=1))
    expected = x
    for block in decoder.blocks:
        inner = expected
        for convolution, last in ((block.first, False), (block.second, True)):
            y = conv2d(pad(inner, (1, 1, 1, 1), mode="reflect"), convolution.weight, convolution.bias)
            normed = (y - y.mean((2, 3), keepdim=True)) / (y.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
            mean, deviation = next(numbers), next(numbers)
            inner = normed * deviation[..., None, None] + mean[..., None, None]
            inner = inner if last else inner.clamp_min(0)
        expected = expected + inner
    assert next(numbers, None) is None
    torch.testing.assert_close(decoder(x, style), expected)


def test_slopes_of_leaky_layers():
    layer = LReLUConv(1, 1, 1, slope=0.2)
    torch.nn.init.ones_(layer[0].weight)
    torch.nn.init.zeros_(layer[0].bias)
    torch.testing.assert_close(layer(torch.tensor([[[[-2.0, 3.0]]]])), torch.tensor([[[[-0.4, 3.0]]]]))

    def slopes(network):
        return {m.negative_slope for m in network.modules() if isinstance(m, torch.nn.LeakyReLU)}

    assert slopes(make().networks.discriminator) == {0.2}
    assert slopes(ImageDiscriminator(PAIR, 32, 2, "multiscale")) == {0.01}


@pytest.mark.parametrize(("init", "deviation"), [("normal", 0.02 * math.sqrt(8)), ("he", math.sqrt(2 / 1.04 / 512))])
def test_fresh_weights(init, deviation):
    networks = make(f"settings.networks.init={init}").networks
    layers = [m for m in networks.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert all(not layer.bias.any() for layer in layers)
    (critic,) = [
        m
        for m in networks.discriminator.branches["T1"].scales[0].modules()
        if isinstance(m, torch.nn.Conv2d) and m.in_channels == 32
    ]
    assert critic.weight.std().item() == pytest.approx(deviation, rel=0.05)
    block = networks.decoder["T2"].blocks[0].first
    assert block.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 32)), rel=0.05)


def test_losses_are_those_of_slow_loops():
    weights = {"adversarial": 0.5, "reconstruction": 3, "style": 2, "content": 4, "cycle": 5}
    trainer = make(*(f"settings.{name}={value}" for name, value in weights.items()))
    batch, made = doubled(trainer)
    expected = dict.fromkeys(weights, 0.0)
    nets = trainer.networks
    for source, target in TARGET.items():
        image, drawn = batch.images[source], made.random_style[source]
        content = nets.content_encoder[source](image)
        style = nets.style_encoder[source](image)
        fake = nets.decoder[target](content, drawn)
        again = nets.content_encoder[target](fake)
        for logits in nets.discriminator.branches[target](fake):
            expected["adversarial"] += ((logits.detach().numpy() - 1) ** 2).mean()
        expected["reconstruction"] += l1(nets.decoder[source](content, style), image)
        expected["style"] += l1(nets.style_encoder[target](fake), drawn)
        expected["content"] += l1(again, content)
        expected["cycle"] += l1(nets.decoder[source](again, style), image)
    found = {name: loss.item() for name, loss in trainer.objective(batch, made).items()}
    assert found == pytest.approx({name: weights[name] * value for name, value in expected.items()})
    critic = 0.0
    for source, target in TARGET.items():
        real, fake = (nets.discriminator.branches[target](x) for x in (batch.images[target], made.fake[source]))
        assert len(real) == 3
        critic += sum(((x.detach().numpy() - 1) ** 2).mean() for x in real)
        critic += sum((x.detach().numpy() ** 2).mean() for x in fake)
    assert trainer.discriminator_losses(batch, made.fake)["adversarial"].item() == pytest.approx(0.5 * critic)


def test_gradient_reaches_both_sides_of_the_content_loss():
    trainer = make()
    batch, made = doubled(trainer)
    leaves = [{m: x.detach().requires_grad_() for m, x in side.items()} for side in (made.content, made.reencoded)]
    loss = trainer.objective(batch, replace(made, content=leaves[0], reencoded=leaves[1]))["content"]
    for gradient in torch.autograd.grad(loss, [leaf for side in leaves for leaf in side.values()]):
        assert gradient.abs().max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reconstruction", "style", "content", "cycle"])
def test_a_weight_of_0_costs_nothing(name):
    logged = step(make(f"settings.{name}=0"), small_batch())
    assert "generator/adversarial" in logged
    assert f"generator/{name}" not in logged
    assert f"generator/{name}" in step(make(), small_batch())


def test_without_adversarial_loss_the_discriminators_rest():
    assert {group for group, _ in make("settings.adversarial=0").updates(small_batch())} == {"generator"}


def test_discriminators_move_first_and_see_other_styles_without_gradient():
    trainer, batch, judged = make(), small_batch(), []
    judge = trainer.logits
    trainer.logits = lambda image, modality: judged.append((image, modality)) or judge(image, modality)
    updates = trainer.updates(batch)
    group, losses = next(updates)
    assert group == "discriminator"
    assert not any(image.requires_grad for image, _ in judged)
    torch.stack(list(losses.values())).sum().backward(inputs=trainer.parameters(group))
    first = [image for image, _ in judged if not any(torch.equal(image, real) for real in batch.images.values())]
    judged.clear()
    group, losses = next(updates)
    assert group == "generator"
    assert all(image.requires_grad for image, _ in judged)
    seen = [image for image, _ in judged]
    assert len(first) == len(seen) == 2
    assert not any(torch.allclose(a, b, atol=1e-4) for a in first for b in seen)
    assert next(updates, None) is None


def test_drawn_styles_are_normal_and_fresh():
    trainer, batch = make(), small_batch()
    drawn = torch.stack([trainer.draw_styles(batch)[m] for _ in range(500) for m in PAIR])
    assert drawn.shape == (1000, 2, 8)
    assert drawn.mean().item() == pytest.approx(0, abs=0.03)
    assert drawn.std().item() == pytest.approx(1, abs=0.03)
    assert len(drawn.flatten().unique()) > 15_900


def test_a_content_is_rendered_by_the_decoder_of_the_other_contrast_in_the_mean_style():
    trainer, batch = make(), small_batch()
    with torch.no_grad():
        styles = {m: trainer.encode_style(batch.images[m], m).mean(dim=0) for m in PAIR}
    step(trainer, batch)
    nets = trainer.train(False).networks
    with torch.no_grad():
        for source, target in TARGET.items():
            image = batch.images[source]
            content = nets.content_encoder[source](image)
            expected = nets.decoder[target](content, styles[target].expand(2, -1))
            torch.testing.assert_close(trainer.translate(image, source, target), expected)


def test_the_prior_style_is_zero():
    mean, prior = make(), make("settings.test_style=prior")
    image = small_batch().images["T1"]
    for trainer in (mean, prior):
        trainer.networks.mean_style.update({m: torch.ones(2, 8) for m in PAIR})
    with torch.no_grad():
        made = prior.translate(image, "T1", "T2")
        torch.testing.assert_close(made, prior.decode(prior.encode(image, "T1"), torch.zeros(2, 8), "T2"))
        assert (made - mean.translate(image, "T1", "T2")).abs().max() > 0.01


def test_rates_are_halved_every_tenth_of_the_run():
    trainer = make()
    assert trainer.plans.length.total == 400
    for group in ("discriminator", "generator"):
        shares = [trainer.rate_share(group, i) for i in (0, 39, 40, 79, 80, 399)]
        assert shares == [1, 1, 0.5, 0.5, 0.25, 0.5**9]
    assert [make("settings.halve_every=0.5").rate_share("generator", i) for i in (199, 200, 399)] == [1, 0.5, 0.5]
    assert make("settings.halve_every=1").rate_share("generator", 399) == 1
    published = make("length.epochs=1000", "length.iterations=1000")
    assert [published.rate_share("generator", i) for i in (99_999, 100_000, 999_999)] == [1, 0.5, 0.5**9]


def test_optimizers_are_those_published():
    others = {"lr": 1e-3, "betas": (0.9, 0.9), "weight_decay": 0.5, "decay_from": 0.5}
    other = toy_plans("HiFiSyn", *(f"optimisation.{key}={value}" for key, value in others.items()))
    own = plans_of_method(other, MUNIT, "MUNIT", lambda: FINGERPRINT)
    for optimizer in MUNIT(own, PAIR).optimizers().values():
        (group,) = optimizer.param_groups
        assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_constant_slices_make_no_nan(value, precision):
    trainer, batch = make("settings.label_map=True"), small_batch()
    images = {"T1": torch.full_like(batch.images["T1"], value), "T2": batch.images["T2"]}
    constant = Batch(images, batch.labels, batch.subjects, 0)
    optimizers = trainer.optimizers()
    for _ in range(2):
        losses = take_step(trainer, optimizers, constant, seed=0, precision=precision)
        assert all(bool(loss.isfinite()) for loss in losses.values()), losses
    for optimizer in optimizers.values():
        assert all(0 <= state["exp_avg_sq"].max() < 1e6 for state in optimizer.state.values())
    assert all(bool(x.isfinite().all()) for x in trainer.networks.state_dict().values())


def test_constant_slices_alone_get_noise():
    image = small_batch().images["T1"]
    image[1] = -1
    noisy = with_faint_noise(image, rng())
    assert torch.equal(noisy[0], image[0])
    assert (noisy[1] - image[1]).std().item() == pytest.approx(0.01, rel=0.1)


@pytest.mark.slow
def test_the_label_map_is_absent_unless_wanted_and_weighted():
    on = "settings.label_map=True"
    assert "generator/pgd" not in step(make(), small_batch())
    assert "generator/pgd" not in step(make(on, "settings.granularity.pgd=0"), small_batch())
    assert "generator/pgd" not in step(make(on, "settings.granularity.ramp_start=0.0125"), small_batch())
    assert step(make(on), small_batch())["generator/pgd"] > 0.1


def test_the_label_map_changes_the_step():
    def moved(*assignments):
        trainer = make(*assignments)
        step(trainer, small_batch())
        return torch.cat([p.detach().flatten() for p in trainer.networks.content_encoder.parameters()])

    assert torch.equal(moved(), moved("settings.granularity.tau_1=0.2"))
    on = moved("settings.label_map=True")
    assert not torch.equal(moved(), on)
    assert not torch.equal(on, moved("settings.label_map=True", "settings.granularity.tau_1=0.2"))


def test_the_label_map_is_weighed_and_ramped_by_the_plans():
    def loss(*assignments):
        return step(make("settings.label_map=True", *assignments), small_batch())["generator/pgd"].item()

    whole = loss("settings.granularity.pgd=1")
    assert loss("settings.granularity.pgd=0.25") == pytest.approx(0.25 * whole)
    assert loss("settings.granularity.pgd=1", "settings.granularity.ramp=0.025") == pytest.approx(0.1 * whole)


def test_the_label_map_is_planned_as_hifisyn_weighs_it():
    def planned_for(device, preset="recommended"):
        plan = MUNIT.plan(FINGERPRINT, SlicePlan(size=72, crop=72), device, preset)
        return MUNITSettings.model_validate(plan.settings).granularity

    laptop, gpu = Device("cpu", 8, 2, minutes=4), Device("cuda", 80.0, 16)
    late = planned_for(laptop)
    assert (late.pgd, late.anchors, late.ramp_start, late.ramp, late.tau_1) == (0.1, 64, 0.5, 0.25, 0.07)
    for published in (planned_for(gpu), planned_for(laptop, "paper"), planned_for(gpu, "literal")):
        assert (published.pgd, published.anchors, published.ramp_start, published.ramp) == (1.0, 256, 0.0, 0.0)


@pytest.mark.slow
def test_pixels_of_one_label_are_no_negatives():
    def loss(labels, *assignments):
        trainer = make("settings.label_map=True", *assignments)
        return step(trainer, with_labels(labels))["generator/pgd"].item()

    one = {m: torch.ones(2, 32, 32, dtype=torch.int64) for m in PAIR}
    several, none = small_batch().labels, dict.fromkeys(PAIR)
    assert loss(one) == pytest.approx(0, abs=1e-5)
    assert 0.1 < loss(several) < loss(none) - 0.1
    assert loss(several, "settings.granularity.use_labels=False") == pytest.approx(loss(none))
    half = loss({"T1": None, "T2": several["T2"]})
    assert loss(several) < half < loss(none)


def test_the_label_map_loss_is_that_of_slow_loops():
    trainer = make(
        "settings.label_map=True",
        "settings.granularity.anchors=64",
        "settings.granularity.pgd=1",
        "settings.granularity.tau_1=0.2",
    )
    batch, made = doubled(trainer)
    nets, original, translated, labels = trainer.networks, [], [], []
    for source, target in TARGET.items():
        fake = nets.decoder[target](nets.content_encoder[source](batch.images[source]), made.random_style[source])
        contents = (
            nets.content_encoder[source](batch.images[source]),
            nets.content_encoder[target](fake),
        )
        for kept, content in zip((original, translated), contents, strict=True):
            flat = content.detach().flatten(2).numpy()
            kept.append(flat / np.linalg.norm(flat, axis=1, keepdims=True))
        labels.append(batch.labels[source][:, ::4, ::4].flatten(1).numpy())
    original, translated, labels = (np.concatenate(x) for x in (original, translated, labels))
    total = 0.0
    for queries, keys in ((original, translated), (translated, original)):
        for image in range(4):
            for pixel in range(64):
                cosine = np.einsum("c,icp->ip", queries[image, :, pixel], keys) / 0.2
                counted = labels != labels[image, pixel]
                counted[image, pixel] = True
                total += np.log(np.exp(cosine[counted]).sum()) - cosine[image, pixel]
    expected = total / 2 / 64 / 2  # both roles, anchors, images a modality
    assert trainer.objective(batch, made)["pgd"].item() == pytest.approx(expected)


@pytest.mark.slow
def test_overfit_the_images_come_back():
    logged = overfit("MUNIT", 50)
    assert fall(logged, "generator/reconstruction") > 3
    assert fall(logged, "generator/cycle") > 2.5
