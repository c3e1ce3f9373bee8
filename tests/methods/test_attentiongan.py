"""AttentionGAN: published sizes, what masks do to a translation, the curve that tells a copying generator."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.methods.attentiongan.generator import MASKS, AttentionGenerator, Mixture
from hifisyn.methods.attentiongan.trainer import AttentionGAN
from hifisyn.training.step import autocast, take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

CPU = torch.device("cpu")


def make(*assignments):
    torch.manual_seed(0)
    return AttentionGAN(small_plans("AttentionGAN", *assignments), PAIR).train()


def generator(*, geo=False):
    torch.manual_seed(0)
    return AttentionGenerator(4, 1, 2, geo=geo)


def force(network, mask):
    """Make one mask 1 everywhere."""
    network.attention[-1].layer.bias.data[mask] = 1e4


def test_parameters_are_those_published():
    with torch.device("meta"):
        for geo, expected in ((False, 11_760_211), (True, 11_763_348)):
            assert sum(p.numel() for p in AttentionGenerator(geo=geo).parameters()) == expected


@pytest.mark.parametrize("geo", [False, True])
@torch.no_grad()
def test_a_translation_is_what_slow_loops_mix(geo):
    network, image = generator(geo=geo).double(), small_batch().images["T1"].double()
    features = network.encoder(image)
    made = np.tanh(network.content(features).numpy())
    logits = network.attention(features).numpy()
    masks = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    mixed = np.zeros(image[:, 0].shape)
    for layer in range(MASKS):
        source = image[:, 0].numpy() if layer == MASKS - 1 and not geo else made[:, layer]
        mixed += source * masks[:, layer]
    assert made.shape[1] == (MASKS if geo else MASKS - 1)
    np.testing.assert_allclose(network(image)[:, 0].numpy(), mixed, atol=1e-5)


@torch.no_grad()
def test_the_last_mask_keeps_the_source_and_the_others_do_not():
    image, network = small_batch().images["T1"], generator()
    force(network, MASKS - 1)
    assert torch.equal(network(image), image)
    for layer in range(MASKS - 1):
        network = generator()
        force(network, layer)
        made = network.content(network.encoder(image)).tanh()[:, layer : layer + 1]
        assert torch.allclose(network(image), made, atol=1e-6)
        assert not torch.allclose(made, image, atol=0.1)


@torch.no_grad()
def test_without_a_background_mask_the_source_is_not_kept():
    image, network = small_batch().images["T1"], generator(geo=True)
    force(network, MASKS - 1)
    assert not torch.allclose(network(image), image, atol=0.1)


def test_layers_that_all_equal_the_source_give_the_source():
    image = small_batch().images["T1"]
    masks = torch.randn(2, MASKS, 32, 32, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    assert torch.allclose(Mixture(image.expand(-1, MASKS, -1, -1), masks).image(), image, atol=1e-6)


@torch.no_grad()
def test_masks_sum_to_one_in_mixed_precision_too():
    with autocast(CPU, "bf16"):
        mixture = generator().mixture(small_batch().images["T1"])
        assert mixture.image().dtype == torch.float32
    assert mixture.masks.min() > 0
    assert (mixture.masks.double().sum(dim=1) - 1).abs().max() < 1e-6


@torch.no_grad()
def test_a_translation_leaves_the_range_by_no_rounding():
    trainer = make()
    network = trainer.networks.generator["T2"]
    network.content[-1].layer.bias.fill_(-1e4)
    network.attention[-1].layer.weight.mul_(20)
    black = small_batch().images["T1"].clamp(max=-0.99999994)
    assert trainer.generate(black, "T2").min() < -1
    assert trainer.translate(black, "T1", "T2").min() == -1


def test_a_step_has_the_losses_of_cyclegan():
    trainer, batch = make(), small_batch()
    losses = take_step(trainer, trainer.optimizers(), batch, seed=0)
    generators = {f"generator/{name}" for name in ("adversarial", "cycle", "identity")}
    assert set(losses) == generators | {"discriminator/adversarial"}


def test_geo_builds_the_other_generator():
    assert not make().networks.generator["T1"].geo
    assert make("settings.geo=true").networks.generator["T1"].geo


class Painted(nn.Module):
    """Masks that copy the source within the head of an image, and nowhere else."""

    def __init__(self, image):
        super().__init__()
        self.logits = torch.zeros(len(image), MASKS, *image.shape[-2:])
        self.logits[:, -1:] = torch.where(image > -1, 20.0, -20.0)

    def forward(self, _):
        return self.logits


def test_the_curve_is_the_background_mask_within_the_head():
    trainer, batch = make(), small_batch()
    assert trainer.diagnostics() == {}
    take_step(trainer, trainer.optimizers(), batch, seed=0)
    branches = trainer.networks.generator
    branches["T2"].attention = Painted(batch.images["T1"])
    branches["T1"].attention = Painted(-1.5 - batch.images["T2"])  # beside the head, and some of it
    curves = trainer.diagnostics()
    assert set(curves) == {"background_mask_to_T1", "background_mask_to_T2"}
    assert curves["background_mask_to_T2"] == pytest.approx(1, abs=1e-3)
    t2 = batch.images["T2"]
    expected = ((t2 < -0.5) & (t2 > -1)).sum() / (t2 > -1).sum()
    assert curves["background_mask_to_T1"] == pytest.approx(float(expected), abs=1e-3)


def test_there_is_no_curve_without_a_background_mask():
    trainer = make("settings.geo=true")
    take_step(trainer, trainer.optimizers(), small_batch(), seed=0)
    assert trainer.diagnostics() == {}


@pytest.mark.slow
def test_overfit_the_cycle_closes():
    logged = overfit("AttentionGAN", 100)
    assert fall(logged, "generator/cycle") > 4
