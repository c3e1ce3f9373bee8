"""DRIT++: published sizes, losses against float64 loops, who is judged by whom, what random codes may move."""

# mypy: no-check-untyped-defs
import math

import numpy as np
import pytest
import torch

from hifisyn.methods.drit.kl import kl_to_standard_normal
from hifisyn.methods.drit.mode_seeking import mode_seeking
from hifisyn.methods.drit.trainer import DRIT, roles
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.training.batch import Batch
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, fall, overfit, small_batch, small_plans

WAYS = (("T1", "T2"), ("T2", "T1"))
WEIGHTS = {
    "domain": 2.0,
    "content": 3.0,
    "cycle": 4.0,
    "reconstruction": 5.0,
    "kl": 0.5,
    "content_l2": 0.25,
    "latent": 6.0,
    "mode_seeking": 0.75,
}


def count(network):
    return sum(p.numel() for p in network.parameters())


def make(*assignments):
    torch.manual_seed(0)
    return DRIT(small_plans("DRIT++", *assignments), PAIR).train()


def double(trainer, batch):
    trainer.networks.double()
    return Batch({m: x.double() for m, x in batch.images.items()}, batch.labels, batch.subjects, batch.iteration)


def passed(trainer, batch):
    """Return the roles of the images, what was encoded and what was rendered."""
    images, others = roles(batch.images)
    encoded = trainer.passes.encode(images, trainer.generator)
    codes = 2 if trainer.settings.mode_seeking > 0 else 1
    return images, others, encoded, trainer.passes.render(encoded, codes, trainer.generator)


def bce(logits, target):
    """Return the binary cross-entropy of each scale after a sigmoid, summed over the scales."""
    total = 0.0
    for scale in logits:
        p = 1 / (1 + np.exp(-scale.detach().numpy().ravel()))
        total += float(np.mean([-(target * math.log(x) + (1 - target) * math.log(1 - x)) for x in p]))
    return total


def test_parameters_are_those_published():
    plans = small_plans(
        "DRIT++", "slices.size=256", "slices.crop=216", "settings.networks.width=64", "settings.networks.init='normal'"
    )
    with torch.device("meta"):
        networks = DRIT(plans, PAIR).networks
    counts = {name: count(network) for name, network in networks.named_children()}
    assert counts == {
        "content_encoder": 9_005_568,
        "attribute_encoder": 2_684_064,
        "generator": 9_564_386,
        "image_discriminator": 2 * 8_265_027,
        "random_discriminator": 2 * 8_265_027,
        "content_discriminator": 10_683_649,
        "running_code": 0,
    }
    assert sum(counts.values()) == 64_997_775


def test_losses_begin_at_chance():
    trainer = make("settings.networks.init='normal'")
    losses = {f"{group}/{k}": x for group, terms in trainer.updates(small_batch()) for k, x in terms.items()}
    chance = 2 * 3 * 2 * math.log(2)  # modalities, scales, real and fake
    assert losses["discriminator/domain"].item() == pytest.approx(chance, rel=0.05)
    assert losses["discriminator/domain_random"].item() == pytest.approx(2 * chance, rel=0.05)
    assert losses["generator/content"].item() == pytest.approx(2 * math.log(2), rel=0.01)


def test_kl_is_that_of_a_loop():
    mean, log_variance = torch.randn(3, 4).double(), torch.randn(3, 4).double()
    slow = 0.0
    for mu, s in zip(mean.tolist(), log_variance.tolist(), strict=True):
        slow += sum(-0.5 * (1 + b - a**2 - math.exp(b)) for a, b in zip(mu, s, strict=True)) / 3
    assert kl_to_standard_normal(mean, log_variance).item() == pytest.approx(slow)
    assert kl_to_standard_normal(torch.zeros(2, 8), torch.zeros(2, 8)).item() == 0
    assert kl_to_standard_normal(torch.ones(1, 8), torch.zeros(1, 8)).item() == pytest.approx(4)


def test_mode_seeking_wants_images_as_far_apart_as_codes():
    images = torch.zeros(2, 1, 4, 4), torch.full((2, 1, 4, 4), 0.5)
    codes = torch.zeros(2, 8), torch.ones(2, 8)
    assert mode_seeking(images, codes).item() == pytest.approx(1 / (0.5 + 1e-5))
    assert mode_seeking(images, (codes[0], 2 * codes[1])).item() == pytest.approx(1 / (0.25 + 1e-5))
    assert mode_seeking((images[0], images[0]), codes).item() == pytest.approx(1e5)


@pytest.mark.parametrize(("size", "encoded", "others"), [(1, [0], [0]), (2, [0], [1]), (3, [0, 1], [2])])
def test_a_batch_is_split_into_two_roles(size, encoded, others):
    found = roles({"T1": torch.arange(size), "T2": torch.arange(size)})
    assert all(each.tolist() == encoded for each in found[0].values())
    assert all(each.tolist() == others for each in found[1].values())


def test_losses_are_those_of_slow_loops():
    trainer = make(*(f"settings.{name}={value}" for name, value in WEIGHTS.items()))
    batch = double(trainer, small_batch())
    images, others, encoded, rendered = passed(trainer, batch)
    found = {name: loss.item() for name, loss in trainer.objective(images, encoded, rendered).items()}
    nets = trainer.networks
    slow = dict.fromkeys([*WEIGHTS, "domain_random"], 0.0)
    critic = {"domain": 0.0, "domain_random": 0.0}
    for source, target in WAYS:
        image = images[source].numpy()
        slow["cycle"] += np.abs(rendered.cycle[source].detach().numpy() - image).mean()
        slow["reconstruction"] += np.abs(rendered.reconstruction[source].detach().numpy() - image).mean()
        slow["content"] += bce([nets.content_discriminator(encoded[source].content)], 0.5)
        slow["content_l2"] += (encoded[source].content.detach().numpy() ** 2).mean()
        slow["kl"] += kl_to_standard_normal(encoded[source].mean, encoded[source].log_variance).item()
        judge, judge_random = (
            lambda x, name=name, target=target: getattr(nets, name)(x, target)
            for name in ("image_discriminator", "random_discriminator")
        )
        slow["domain"] += bce(judge(rendered.fake[source]), 1)
        critic["domain"] += bce(judge(images[target]), 1) + bce(judge(rendered.fake[source]), 0)
        for made in rendered.random:
            slow["domain_random"] += bce(judge_random(made[source]), 1)
            critic["domain_random"] += bce(judge_random(others[target]), 1) + bce(judge_random(made[source]), 0)
        mean = nets.attribute_encoder.code(rendered.random[0][source], target)
        slow["latent"] += np.abs((mean - rendered.codes[0]).detach().numpy()).mean()
        one, other = (made[source].detach().numpy() for made in rendered.random)
        apart = np.abs(rendered.codes[0].numpy() - rendered.codes[1].numpy()).mean()
        slow["mode_seeking"] += 1 / (np.abs(one - other).mean() / apart + 1e-5)
    weights = WEIGHTS | {"domain_random": WEIGHTS["domain"]}
    assert found == pytest.approx({name: weights[name] * value for name, value in slow.items()}, rel=1e-5)
    judged = trainer.image_discriminator_losses(images, others, rendered)
    assert {k: v.item() for k, v in judged.items()} == pytest.approx({k: 2 * v for k, v in critic.items()}, rel=1e-5)
    logits = {m: nets.content_discriminator(encoded[m].content) for m in PAIR}
    told = trainer.content_discriminator_losses({m: encoded[m].content for m in PAIR})["content"].item()
    assert told == pytest.approx(3 * (bce([logits["T1"]], 0) + bce([logits["T2"]], 1)), rel=1e-5)


def test_images_are_rendered_with_the_codes_of_their_modality():
    trainer = make("settings.networks.content_noise=0")
    nets = trainer.networks
    encoder, codes, generator = nets.content_encoder, nets.attribute_encoder, nets.generator
    for branch in codes.branches.values():
        torch.nn.init.constant_(branch.variance.bias, -100)
    images, _, encoded, rendered = passed(trainer, small_batch())
    for source, target in WAYS:
        content = encoder(images[source], source)
        expected = {
            "fake": generator(content, None, encoded[target].code, target),
            "reconstruction": generator(content, None, encoded[source].code, source),
        }
        for name, image in expected.items():
            assert torch.allclose(getattr(rendered, name)[source], image, atol=1e-6), name
        for made, code in zip(rendered.random, rendered.codes, strict=True):
            assert torch.allclose(made[source], generator(content, None, code, target), atol=1e-6)
        again = encoder(rendered.fake[source], target)
        carried = codes.code(rendered.fake[target], source)
        assert torch.allclose(rendered.cycle[source], generator(again, None, carried, source), atol=1e-5)


def test_a_code_is_drawn_from_the_encoded_distribution():
    trainer = make()
    images = {m: x[:1].expand(1000, -1, -1, -1)[:, :, ::2, ::2] for m, x in small_batch().images.items()}
    with torch.no_grad():
        encoded = trainer.passes.encode(images, trainer.generator)["T1"]
    assert torch.allclose(encoded.code.mean(dim=0), encoded.mean[0], atol=0.2)
    assert torch.allclose(encoded.code.std(dim=0), (encoded.log_variance[0] / 2).exp(), rtol=0.1)


def test_random_codes_do_not_move_the_attribute_encoder():
    others = [name for name in WEIGHTS if name not in ("latent", "mode_seeking")]
    trainer = make(*(f"settings.{name}=0" for name in others))
    losses = dict(next(iter(trainer.updates(small_batch())))[1])
    assert set(losses) == {"latent", "mode_seeking"}
    losses["latent"].backward(retain_graph=True)
    losses["mode_seeking"].backward()
    assert all(p.grad is None for p in trainer.networks.attribute_encoder.parameters())
    moved = trainer.networks.content_encoder, trainer.networks.generator
    assert all(p.grad is not None for network in moved for p in network.parameters())


def test_without_mode_seeking_there_is_one_random_code():
    trainer = make("settings.mode_seeking=0")
    images, _, encoded, rendered = passed(trainer, small_batch())
    assert len(rendered.random) == len(rendered.codes) == 1
    assert "mode_seeking" not in trainer.objective(images, encoded, rendered)
    assert len(passed(make(), small_batch())[3].random) == 2


def test_all_steps_but_the_last_of_a_period_move_the_content_discriminator_alone():
    trainer = make("settings.content_discriminator.steps=3")
    groups = [[group for group, _ in trainer.updates(small_batch(iteration=k))] for k in range(3)]
    assert groups[:2] == [["content_discriminator"]] * 2
    assert groups[2] == ["discriminator", "content_discriminator", "generator"]
    assert trainer.clips() == {"content_discriminator": 5.0}
    assert (trainer.period, make("settings.content=0").period) == (3, 1)


def test_rates_are_those_of_the_plans_and_the_content_discriminators_is_its_own():
    trainer = make("optimisation.lr=0.5", "optimisation.lr_discriminator=0.25", "settings.content_discriminator.lr=0.1")
    expected = {"discriminator": 0.25, "content_discriminator": 0.1, "generator": 0.5}
    assert {name: o.param_groups[0]["lr"] for name, o in trainer.optimizers().items()} == expected


def test_critics_send_no_gradient_to_the_generators():
    trainer = make()
    for group, losses in trainer.updates(small_batch()):
        if group != "generator":
            torch.stack(list(losses.values())).sum().backward()
            assert all(p.grad is None for p in trainer.parameters("generator"))
            assert any(p.grad is not None for p in trainer.parameters(group))


def test_content_is_noisy_in_training_alone():
    trainer, batch = make("settings.networks.content_noise=0.5"), small_batch()
    clean = trainer.networks.content_encoder(batch.images["T1"], "T1")
    noise = trainer.passes.content(batch.images["T1"], "T1", trainer.generator) - clean
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    code = trainer.networks.running_code("T2").expand(2, -1)
    expected = trainer.networks.generator(clean, None, code, "T2")
    assert torch.equal(trainer.translate(batch.images["T1"], "T1", "T2"), expected)


def test_the_code_of_a_test_image_is_the_mean_code_of_its_target():
    trainer = make()
    with torch.no_grad():
        means = {m: trainer.networks.attribute_encoder.code(small_batch().images[m][:1], m)[0] for m in PAIR}
    take_step(trainer, trainer.optimizers(), small_batch(), seed=0)
    for m in PAIR:
        assert torch.allclose(trainer.networks.running_code(m), means[m], atol=1e-6)


def test_only_an_encoder_with_two_heads_has_a_distribution():
    image = torch.zeros(1, 1, 32, 32)
    with pytest.raises(ValueError, match="heads=2"):
        AttributeEncoder(PAIR, 4).distribution(image, "T1")
    encoder = AttributeEncoder(PAIR, 4, value_width=0, heads=2)
    mean, log_variance = encoder.distribution(image, "T1")
    assert torch.equal(mean, encoder.code(image, "T1"))
    assert not torch.equal(mean, log_variance)


def test_a_single_image_a_modality_trains():
    trainer, batch = make(), small_batch()
    one = Batch(*({m: x[:1] for m, x in part.items()} for part in (batch.images, batch.labels, batch.subjects)), 0)
    losses = take_step(trainer, trainer.optimizers(), one, seed=0)
    assert all(bool(loss.isfinite()) for loss in losses.values())


@pytest.mark.slow
def test_overfit_images_come_back():
    logged = overfit("DRIT++", 100)
    assert fall(logged, "generator/reconstruction") > 2
    assert fall(logged, "generator/cycle") > 2
