"""InstaFormer: losses against slow loops, what meets what in a step, its switches, and that it learns."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.methods.instaformer.patch_nce import at, draw_positions, patch_nce
from hifisyn.methods.instaformer.roi import roi_align
from hifisyn.methods.instaformer.settings import InstaFormerSettings
from hifisyn.methods.instaformer.trainer import InstaFormer
from hifisyn.training.batch import Batch
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

FEW = ("settings.layers=2",)


def make(*assignments):
    torch.manual_seed(0)
    return InstaFormer(small_plans("InstaFormer", *FEW, *assignments), PAIR).train()


def step_of(trainer, batch=None, target="T2"):
    """Return images, the other contrast and what the model into `target` makes, as the step has them."""
    batch = batch or small_batch()
    source = "T1" if target == "T2" else "T2"
    boxes = {m: trainer.boxes(batch.labels[m]) for m in PAIR}
    trainer.generator.manual_seed(5)
    return batch.images, source, boxes, trainer.render_batch(batch.images, boxes, source, target)


def l1(a, b):
    return np.abs(a.detach().numpy().astype(float) - b.detach().numpy()).mean()


@pytest.mark.parametrize("target", PAIR)
def test_losses_are_those_of_slow_loops(target):
    trainer = make(
        "settings.reconstruction=3", "settings.style=5", "settings.nce=7", "settings.box_nce=11", "settings.tau=0.2"
    )
    images, _, boxes, made = step_of(trainer, target=target)
    model, judge = trainer.networks.generator[target], trainer.networks.discriminator[target]
    heads, box_heads = (getattr(trainer.networks, name)[target] for name in ("heads", "box_heads"))
    trainer.generator.manual_seed(9)
    found = trainer.objective(images[target], made, target)
    assert set(found) == {"adversarial", "reconstruction", "style", "nce", "box_nce"}
    logits = judge(made.fake).detach().numpy()
    assert found["adversarial"].item() == pytest.approx(((logits - 1) ** 2).mean(), rel=1e-4)
    assert found["reconstruction"].item() == pytest.approx(3 * l1(made.reconstruction, images[target]), rel=1e-4)
    codes = model.code(made.reconstruction), model.code(images[target])
    assert found["style"].item() == pytest.approx(5 * l1(*codes), rel=1e-4)
    content, features = model.encode(made.fake)
    generator = torch.Generator().manual_seed(9)
    terms = []
    for layer, (query, key) in enumerate(zip(features, made.features, strict=True)):
        positions = draw_positions(torch.ones(2, query[0, 0].numel()), 256, generator)
        terms.append(patch_nce(heads(at(query, positions), layer), heads(at(key, positions), layer), 0.2).item())
    assert len(terms) == 3
    assert found["nce"].item() == pytest.approx(7 * np.mean(terms), rel=1e-4)
    terms = []
    own = boxes[{"T1": "T2", "T2": "T1"}[target]]
    there = own.there
    query, key = (roi_align(x, own, 2).flatten(3).transpose(2, 3) for x in (content, made.content))
    for n, b in there.nonzero().tolist():
        terms.append(patch_nce(box_heads(query[n, b][None], 0), box_heads(key[n, b][None], 0), 0.2).item())
    assert len(terms) >= 2
    assert found["box_nce"].item() == pytest.approx(11 * np.mean(terms), rel=1e-4)


def test_the_critic_is_half_of_both_squares():
    trainer, batch = make(), small_batch()
    real, fake = batch.images["T1"], batch.images["T2"]
    found = trainer.discriminator_losses(real, fake, "T1")["adversarial"].item()
    judge = trainer.networks.discriminator["T1"]
    on_real, on_fake = judge(real).detach().numpy(), judge(fake).detach().numpy()
    assert found == pytest.approx(0.5 * (((on_real - 1) ** 2).mean() + (on_fake**2).mean()), rel=1e-4)


@pytest.mark.parametrize("target", PAIR)
def test_the_model_into_a_contrast_makes_it(target):
    trainer = make()
    images, source, boxes, made = step_of(trainer, target=target)
    model = trainer.networks.generator[target]
    trainer.generator.manual_seed(5)
    noise = torch.randn(2, 8, generator=trainer.generator)
    assert torch.equal(made.fake, model(model.encode(images[source])[0], noise, boxes[source]))
    code = model.code(images[target])
    assert torch.equal(made.code, code)
    assert torch.equal(made.reconstruction, model(model.encode(images[target])[0], code, boxes[target]))


def test_styles_of_translations_are_random():
    trainer = make()
    batch = small_batch()
    same = {m: image[:1].expand(2, -1, -1, -1) for m, image in batch.images.items()}
    made = trainer.render_batch(same, dict.fromkeys(PAIR), "T1", "T2")
    assert not torch.allclose(made.fake[0], made.fake[1], atol=1e-4)
    assert torch.allclose(made.reconstruction[0], made.reconstruction[1], atol=1e-4)


def test_a_step_moves_the_discriminators_first_and_each_group_alone():
    trainer, order = make(), []
    for group, losses in trainer.updates(small_batch()):
        order.append(group)
        others = [part for other, parts in trainer.groups().items() if other != group for part in parts]
        total = torch.stack(list(losses.values())).sum()
        if group == "discriminator":
            inputs = [p for part in others for p in part.parameters()]
            assert all(g is None for g in torch.autograd.grad(total, inputs, allow_unused=True, retain_graph=True))
        total.backward(inputs=trainer.parameters(group))
        assert all(p.grad is not None and p.grad.any() for p in trainer.parameters(group) if p.numel() > 1)
        trainer.networks.zero_grad()
    assert order == ["discriminator", "generator"]


def test_keys_pass_no_gradient():
    trainer = make()
    _, _, boxes, made = step_of(trainer)
    original = [f.detach().requires_grad_() for f in made.features]
    translated = [f.detach().requires_grad_() for f in made.features]
    content, other = made.content.detach().requires_grad_(), (1 + made.content.detach()).requires_grad_()
    loss = trainer.position_loss(translated, original, "T2") + trainer.box_loss(other, content, boxes["T1"], "T2")
    loss.backward()
    assert all(f.grad is None for f in (*original, content))
    assert all(f.grad is not None for f in (*translated, other))


def test_prediction_takes_the_mean_style_of_the_target_and_no_boxes():
    trainer, batch = make(), small_batch()
    model = trainer.networks.generator["T2"]
    with torch.no_grad():
        codes = model.code(batch.images["T2"])
    take_step(trainer, trainer.optimizers(), batch, seed=0)
    mean = trainer.networks.mean_style("T2")
    assert torch.allclose(mean, codes.mean(dim=0), atol=1e-6)
    trainer.train(False)
    with torch.no_grad():
        image = batch.images["T1"]
        expected = model(model.encode(image)[0], mean.expand(2, -1))
        assert torch.equal(trainer.translate(image, "T1", "T2"), expected)


def test_images_are_padded_to_whole_patches_and_cropped_back():
    torch.manual_seed(0)
    trainer = InstaFormer(small_plans("InstaFormer", *FEW, side=36), PAIR).train()
    assert trainer.side == 40
    take_step(trainer, trainer.optimizers(), small_batch(36), seed=0)
    image = small_batch(36).images["T1"]
    with torch.no_grad():
        assert trainer.translate(image, "T1", "T2").shape == image.shape


def test_heads_have_the_betas_of_adam_itself():
    trainer = make()
    generator, heads = trainer.optimizers()["generator"].param_groups
    assert generator["betas"] == (0.5, 0.999)
    assert heads["betas"] == (0.9, 0.999)
    assert {p for part in (generator, heads) for p in part["params"]} == set(trainer.parameters("generator"))
    names = "heads", "box_heads"
    assert set(heads["params"]) == {p for name in names for p in getattr(trainer.networks, name).parameters()}
    assert generator["lr"] == heads["lr"] == trainer.plans.optimisation.lr
    assert generator["weight_decay"] == heads["weight_decay"] == 0
    assert trainer.rate_share("generator", trainer.plans.length.total - 1) == 1


def test_only_the_generators_weights_are_averaged():
    trainer = make()
    assert trainer.averaged() == (trainer.networks.generator,)


def losses_of(*assignments, labels=True):
    trainer, batch = make(*assignments), small_batch()
    if not labels:
        batch = Batch(batch.images, dict.fromkeys(PAIR), batch.subjects, 0)
    return trainer, take_step(trainer, trainer.optimizers(), batch, seed=0)


@pytest.mark.parametrize("name", ["style", "nce", "box_nce"])
def test_a_weight_of_0_costs_nothing(name):
    trainer, losses = losses_of(f"settings.{name}=0")
    assert set(losses) == {
        "discriminator/adversarial",
        *(f"generator/{n}" for n in ("adversarial", "reconstruction", "style", "nce", "box_nce") if n != name),
    }
    heads = {"nce": "heads", "box_nce": "box_heads"}
    assert name not in heads or getattr(trainer.networks, heads[name]) is None


def test_all_contrast_off():
    trainer, losses = losses_of("settings.nce=0", "settings.boxes=0")
    ours = {f"generator/{name}" for name in ("adversarial", "reconstruction", "style")}
    assert set(losses) == {"discriminator/adversarial", *ours}
    assert len(trainer.optimizers()["generator"].param_groups) == 1
    assert trainer.networks.generator["T1"].aggregator.box_embed is None


def test_reconstruction_cannot_be_switched_off():
    with pytest.raises(UserError, match="reconstruction"):
        make("settings.reconstruction=0")


def test_without_labels_there_are_no_boxes():
    trainer, losses = losses_of(labels=False)
    assert "generator/box_nce" not in losses
    assert "generator/nce" in losses
    with torch.no_grad():
        made = step_of(trainer)[3]
        assert made.boxes is not None


def test_empty_slices_do_no_harm():
    trainer, batch = make(), small_batch()
    images = {m: torch.cat([image[:1], torch.full_like(image[1:], -1)]) for m, image in batch.images.items()}
    losses = take_step(trainer, trainer.optimizers(), Batch(images, batch.labels, batch.subjects, 0), seed=0)
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.isfinite().all() for p in trainer.networks.parameters())
    trainer.train(False)
    assert trainer.translate(images["T1"], "T1", "T2").isfinite().all()


def test_boxes_tell_in_training():
    trainer = make()
    trainer.networks.generator.requires_grad_(False)
    with_boxes = step_of(trainer)[3]
    batch = small_batch()
    without = step_of(trainer, Batch(batch.images, dict.fromkeys(PAIR), batch.subjects, 0))[3]
    assert not torch.allclose(with_boxes.fake, without.fake, atol=1e-5)
    assert not torch.allclose(with_boxes.reconstruction, without.reconstruction, atol=1e-5)


def test_at_most_so_many_boxes():
    labels = small_batch().labels["T1"]
    assert make("settings.boxes=1").boxes(labels).there.shape == (2, 1)
    assert make().boxes(labels).there.shape[1] > 1


def test_fewer_positions_make_the_choice_easier():
    few, many = (losses_of(f"settings.positions={n}")[1]["generator/nce"] for n in (4, 200))
    assert few < many


@pytest.mark.parametrize("foreground", [True, False])
def test_positions_in_the_foreground_see_no_background(foreground):
    trainer = make(f"settings.foreground={foreground}", "settings.positions=40")
    image = small_batch().images["T1"]
    original = [f.detach() for f in trainer.model("T2").encode(image)[1]]
    brain = [original[0] > -1, image > -1, image[..., ::2, ::2] > -1]
    assert all(f.shape[2:] == b.shape[2:] for f, b in zip(original, brain, strict=True))
    losses = []
    for value in (5.0, -3.0):
        translated = [torch.where(b, f, value * torch.randn(f.shape)) for f, b in zip(original, brain, strict=True)]
        trainer.generator.manual_seed(1)
        losses.append(trainer.position_loss(translated, original, "T2").item())
    assert (losses[0] == losses[1]) == foreground


def test_the_discriminators_norm_is_a_setting():
    kinds = {type(m) for m in make("settings.norm=instance").networks.discriminator.modules()}
    assert torch.nn.InstanceNorm2d in kinds
    assert torch.nn.BatchNorm2d not in kinds
    assert InstaFormerSettings().norm == "batch"


@pytest.mark.slow
def test_overfit_an_image_comes_back_and_positions_are_recognised():
    logged = overfit("InstaFormer", 60, "settings.layers=1")
    assert fall(logged, "generator/reconstruction") > 4
    assert fall(logged, "generator/nce") > 1.7
    assert fall(logged, "generator/box_nce") > 2
