"""RegGAN: published sizes, the warp, losses against float64 references, what each mode trains and what it shows D."""

# mypy: no-check-untyped-defs
import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from hifisyn.errors import UserError
from hifisyn.methods.reggan.registration import RegistrationNet, levels_of
from hifisyn.methods.reggan.smoothness import smoothness
from hifisyn.methods.reggan.trainer import RegGAN
from hifisyn.methods.reggan.warp import folded_share, warp
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.networks.resnet import ResnetGenerator
from hifisyn.planning import size_rules
from hifisyn.plans import SlicePlan
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans
from tests.support.training_toys import toy_job

MODES = {
    "nc_r": {"adversarial", "registration", "smoothness"},
    "c_r": {"adversarial", "registration", "smoothness", "cycle"},
    "c": {"adversarial", "cycle"},
    "nc": {"adversarial"},
}
DIRECTIONS = (("T1", "T2"), ("T2", "T1"))


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments):
    torch.manual_seed(0)
    return RegGAN(small_plans("RegGAN", "settings.blocks=2", *assignments), PAIR).train()


def in_double(trainer):
    """Return a batch in float64 for the trainer, whose networks become so, with fields of some pixels."""
    batch = small_batch()
    trainer.networks.double()
    for name, network in trainer.networks.registration.named_modules() if trainer.settings.registers else ():
        if name.endswith("output"):
            torch.nn.init.normal_(network.weight, 0, 0.1, generator=torch.Generator().manual_seed(len(name)))
    return type(batch)({m: x.double() for m, x in batch.images.items()}, batch.labels, batch.subjects, 0)


def sampled(image, field):
    """The published warp: normalised positions, corners aligned, values of the border beyond it."""
    height, width = image.shape[-2:]
    i, j = torch.meshgrid(torch.arange(height).to(field), torch.arange(width).to(field), indexing="ij")
    x, y = 2 * (j + field[:, 1]) / (width - 1) - 1, 2 * (i + field[:, 0]) / (height - 1) - 1
    return grid_sample(image, torch.stack([x, y], dim=-1), align_corners=True, padding_mode="border")


def test_parameters_are_those_published():
    network = RegistrationNet(256, 64)
    assert count(network) == 2_058_018
    assert [count(down) for down in network.down] == [19_104, 92_352] + [110_784] * 5
    assert [count(up) for up in network.up] == [73_792] * 6 + [27_680]
    assert count(network.bottom) == 8_320 + 885_504 + 8_256
    assert (count(network.refine), count(network.output)) == (19_552, 578)
    assert count(ResnetGenerator(64)) == 11_365_633
    assert count(PatchGAN(256, 64)) == 2_762_689


def test_published_training_is_the_default():
    plan = RegGAN.plan({}, SlicePlan(), size_rules.FULL_SIZE_DEVICE)
    assert (plan.optimisation.lr, plan.optimisation.lr_discriminator) == pytest.approx((1e-4, 1e-4))
    assert (plan.optimisation.weight_decay, plan.optimisation.decay_from) == (0, 1)
    assert (plan.batches.pairing, plan.batches.position_slack) == ("position", 2)
    weights = make().settings
    assert (weights.registration, weights.smoothness, weights.adversarial, weights.cycle) == (20, 10, 1, 10)


@pytest.mark.parametrize(("side", "levels"), [(16, 3), (31, 3), (32, 4), (128, 6), (216, 6), (256, 7), (512, 7)])
def test_levels_leave_two_pixels(side, levels):
    assert levels_of(side) == levels


@pytest.mark.parametrize(("side", "batch"), [(16, 3), (27, 1), (54, 1)])
def test_a_fresh_field_is_almost_nothing_at_any_side(side, batch):
    torch.manual_seed(side)
    field = RegistrationNet(side, 8)(torch.rand(batch, 2, side, side) * 2 - 1)
    assert field.shape == (batch, 2, side, side)
    assert 0 < field.abs().max() < 1e-2


def test_weights_are_drawn_for_the_activation_that_follows():
    torch.manual_seed(0)
    network = RegistrationNet(256, 64)
    blocks = {m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.padding_mode == "reflect"}
    others = {m for m in network.modules() if isinstance(m, torch.nn.Conv2d)} - blocks - {network.output}
    for layers, slope in ((blocks, 0), (others, 0.2)):
        drawn = torch.cat([(m.weight * m.weight[0].numel() ** 0.5).flatten() for m in layers])
        assert drawn.var().item() == pytest.approx(2 / (1 + slope**2), rel=0.01)
    assert network.output.weight.std().item() == pytest.approx(1e-5, rel=0.1)
    assert all((m.bias == 0).all() for m in (*blocks, *others, network.output))


def test_a_warp_by_whole_pixels_moves_them():
    image = torch.randn(2, 3, 6, 5)
    still = torch.zeros(2, 2, 6, 5)
    assert torch.equal(warp(image, still), image)
    right, down = still.clone(), still.clone()
    right[:, 1], down[:, 0] = 1, 1
    assert torch.equal(warp(image, right), torch.cat([image[..., 1:], image[..., -1:]], dim=-1))
    assert torch.equal(warp(image, down), torch.cat([image[..., 1:, :], image[..., -1:, :]], dim=-2))
    assert torch.equal(warp(image, still - 100), image[..., :1, :1].expand_as(image))


def test_a_warp_and_its_gradients_are_those_of_bilinear_sampling():
    torch.manual_seed(0)
    image = torch.randn(2, 2, 7, 9, dtype=torch.float64, requires_grad=True)
    field = (3 * torch.randn(2, 2, 7, 9, dtype=torch.float64)).requires_grad_()
    found, wanted = warp(image, field), sampled(image, field)
    assert torch.allclose(found, wanted)
    weight = torch.randn_like(found)
    gradients = [torch.autograd.grad((x * weight).sum(), (image, field)) for x in (found, wanted)]
    assert all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True))


def test_a_field_that_is_not_a_number_does_not_break_the_warp():
    field = torch.zeros(1, 2, 4, 4)
    field[0, 1, 2, 3] = torch.nan
    made = warp(torch.ones(1, 1, 4, 4), field)
    assert made.isnan().sum() == 1
    assert made[0, 0, 2, 3].isnan()


def test_smoothness():
    i = torch.arange(6.0)[:, None].expand(6, 6)
    zero = torch.zeros(6, 6)
    assert smoothness(torch.full((2, 2, 6, 6), 3.0)) == 0
    assert smoothness(torch.stack([i, zero])[None]) == 0.5
    assert smoothness(torch.stack([zero, i.t()])[None]) == 0.5
    field = np.random.default_rng(0).normal(size=(2, 2, 5, 7))
    wanted = (np.diff(field, axis=2) ** 2).mean() + (np.diff(field, axis=3) ** 2).mean()
    assert smoothness(torch.from_numpy(field)).item() == pytest.approx(wanted)


def test_folding_is_seen_and_turning_is_not():
    i = torch.arange(8.0)[:, None].expand(8, 8)
    j, zero = i.t(), torch.zeros(8, 8)
    mirrored, swapped, turned, sheared = (zero, -2 * j), (j - i, i - j), (-2 * i, -2 * j), (3 * j, zero)
    shares = [float(folded_share(torch.stack(f)[None])) for f in (mirrored, swapped, turned, sheared, (zero, zero))]
    assert shares == [1, 1, 0, 0, 0]
    assert folded_share(torch.stack([zero, -2 * j * (i < 3)])[None, :, :, :]) > 0.3
    half = torch.cat([torch.stack([zero, -2 * j])[None], torch.zeros(1, 2, 8, 8)])
    assert folded_share(half) == 0.5


@pytest.mark.parametrize("mode", MODES)
def test_losses_are_those_of_references(mode):
    trainer = make(f"settings.mode={mode}", "settings.registration=3", "settings.smoothness=5", "settings.cycle=4")
    batch, networks = in_double(trainer), trainer.networks
    images = batch.images
    fake = {s: networks.generator[t](images[s]) for s, t in DIRECTIONS}
    found = trainer.objective(batch, fake)
    wanted = dict.fromkeys(MODES[mode], torch.zeros(()))
    for source, target in DIRECTIONS:
        for logits in networks.discriminator[target](fake[source]):
            wanted["adversarial"] = wanted["adversarial"] + (logits.mean() - 1) ** 2 / len(images[source])
        if trainer.settings.cycles:
            back = networks.generator[source](fake[source])
            wanted["cycle"] = wanted["cycle"] + 4 * (back - images[source]).abs().mean()
        if trainer.settings.registers:
            field = networks.registration[target](torch.cat([fake[source], images[target]], 1))
            assert field.abs().max() > 0.5
            apart = (sampled(fake[source], field) - images[target]).abs().mean()
            wanted["registration"] = wanted["registration"] + 3 * apart
            wanted["smoothness"] = wanted["smoothness"] + 5 * smoothness(field)
    assert {n: x.item() for n, x in found.items()} == pytest.approx({n: x.item() for n, x in wanted.items()})
    moved = trainer.parameters("generator")
    gradients = [torch.autograd.grad(sum(losses.values()), moved, retain_graph=True) for losses in (found, wanted)]
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(*gradients, strict=True))


def test_a_discriminator_says_one_number_an_image_and_its_loss_has_no_half():
    trainer = make("settings.adversarial=2")
    batch = in_double(trainer)
    real, fake = batch.images["T1"], batch.images["T2"]
    logits = [trainer.networks.discriminator["T1"](x).flatten(1).mean(dim=1) for x in (real, fake)]
    assert torch.allclose(trainer.logits(real, "T1"), logits[0])
    assert trainer.logits(real, "T1").shape == (2,)
    wanted = ((logits[0] - 1) ** 2).mean() + (logits[1] ** 2).mean()
    assert trainer.discriminator_loss(real, fake, "T1").item() == pytest.approx(2 * wanted.item())


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_has_the_networks_and_losses_that_it_needs(mode):
    trainer, batch = make(f"settings.mode={mode}"), small_batch()
    group, losses = next(trainer.updates(batch))
    assert (group, set(losses)) == ("generator", MODES[mode])
    assert (trainer.networks.registration is not None) == ("r" in mode.split("_"))
    assert (trainer.networks.pool is not None) == mode.startswith("c")
    assert set(trainer.diagnostics()) == ({"largest_shift", "folded_share"} if "registration" in losses else set())
    moved = {network for group in trainer.groups().values() for network in group}
    assert moved == set(trainer.networks.children()) - {trainer.networks.pool}


@pytest.mark.parametrize("mode", MODES)
def test_discriminators_see_new_translations_or_with_a_cycle_those_of_the_step(mode):
    trainer, batch = make(f"settings.mode={mode}"), small_batch()
    updates = trainer.updates(batch)
    next(updates)
    fakes = [{s: trainer.generate(batch.images[s], t).detach() for s, t in DIRECTIONS}]
    with torch.no_grad():
        for parameter in trainer.networks.generator.parameters():
            parameter.add_(0.05)
    fakes.append({s: trainer.generate(batch.images[s], t).detach() for s, t in DIRECTIONS})
    group, losses = next(updates)
    before, after = (
        sum(trainer.discriminator_loss(batch.images[t], f[s], t).item() for s, t in DIRECTIONS) for f in fakes
    )
    assert group == "discriminator"
    assert before != pytest.approx(after)
    assert losses["adversarial"].item() == pytest.approx(before if trainer.settings.cycles else after)
    assert next(updates, None) is None


@pytest.mark.parametrize("mode", MODES)
def test_gradients_reach_those_who_move_and_nobody_else(mode):
    trainer = make(f"settings.mode={mode}")
    for group, losses in trainer.updates(small_batch()):
        torch.stack(list(losses.values())).sum().backward()
        reached = {n for n in trainer.networks.children() if any(p.grad is not None for p in n.parameters())}
        assert reached >= set(trainer.groups()[group])
        if group == "discriminator":
            assert reached == {trainer.networks.discriminator}
        trainer.networks.zero_grad(set_to_none=True)


def test_smoothness_weight_0_costs_nothing_and_other_weights_cannot_be_0():
    assert "smoothness" not in next(make("settings.smoothness=0").updates(small_batch()))[1]
    for name in ("registration", "adversarial", "cycle"):
        with pytest.raises(UserError, match=rf"settings\.{name}"):
            make(f"settings.{name}=0")
    with pytest.raises(UserError, match=r"settings\.mode"):
        make("settings.mode=r")


def test_a_translation_is_the_generators_alone():
    trainer, image = make(), small_batch().images["T1"]
    for parameter in trainer.networks.registration.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    with torch.no_grad():
        made = trainer.translate(image, "T1", "T2")
        assert torch.equal(made, trainer.networks.generator["T2"](image))


def test_the_average_is_of_generators_alone():
    trainer = make()
    assert trainer.averaged() == (trainer.networks.generator,)


def test_curves_tell_the_longest_shift_and_folds_of_the_last_step():
    trainer, batch = make(), small_batch()
    assert trainer.diagnostics() == {}
    for target, shift in (("T1", -3.0), ("T2", 2.0)):
        output = trainer.networks.registration[target].output
        torch.nn.init.zeros_(output.weight)
        torch.nn.init.constant_(output.bias, shift)
    next(trainer.updates(batch))
    assert trainer.diagnostics() == {"largest_shift": 3.0, "folded_share": 0.0}


def test_registration_is_computed_in_float32():
    trainer, kinds = make(), set()
    for module in trainer.networks.registration.modules():
        module.register_forward_hook(lambda _m, _i, made: kinds.add(made.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        next(trainer.updates(small_batch()))
    assert kinds == {torch.float32}


def test_randomly_paired_slices_train_too(tmp_path):
    job = toy_job(tmp_path, trainer=RegGAN)
    assert job.plans.batches.pairing == "position"
    job = dataclasses.replace(job, plans=job.plans.override(["batches.pairing=random"]))
    trainer = RegGAN(job.plans, PAIR).train()
    optimizers = trainer.optimizers()
    batches = Batches(BatchLoader(job.source()))
    for _ in range(2):
        losses = take_step(trainer, optimizers, next(batches), seed=0)
        assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.slow
def test_registration_finds_a_shift():
    torch.manual_seed(0)
    network = RegistrationNet(32, 16)
    fixed = small_batch().images["T1"]
    moving = fixed.roll(-2, dims=-1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(60):
        field = network(torch.cat([moving, fixed], dim=1))
        loss = (warp(moving, field) - fixed).abs().mean() + 0.5 * smoothness(field)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5 * (moving - fixed).abs().mean()
    middle = field.detach()[:, :, 8:24, 8:24].mean(dim=(0, 2, 3))
    assert middle.tolist() == pytest.approx([0, -2], abs=0.5)


@pytest.mark.slow
def test_overfit_translations_come_to_their_targets():
    logged = overfit("RegGAN", 40, "settings.blocks=3")
    assert fall(logged, "generator/registration") > 4
