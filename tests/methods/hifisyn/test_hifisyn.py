# mypy: no-check-untyped-defs
import copy

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.nn.functional import binary_cross_entropy_with_logits

from hifisyn.losses.contents import UNKNOWN, Contents
from hifisyn.methods.content_discriminator_trainer import CONTENT_DISCRIMINATOR
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.hifisyn.curves import own_class_share
from hifisyn.methods.hifisyn.ggd import global_loss
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.sgd import structure_loss
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.networks.running_code import RunningCode
from hifisyn.planning.planner import complete, for_method, planned_for
from hifisyn.plans import Plans
from hifisyn.training.batch import Batch
from hifisyn.training.contract import DISCRIMINATOR, GENERATOR
from hifisyn.training.registry import trainer_class
from hifisyn.training.step import take_step
from tests.support.training_toys import FINGERPRINT, LABELS

PAIR = ("T1", "T2")
SIDE = 16


SMALL = {
    "memory": {"slots": {"background": 1, "CSF": 2, "GM": 2, "WM": 2}, "global_slots": 3, "value_width": 4},
    "networks": {"width": 4, "n_down": 1, "content_blocks": 1, "content_noise": 0.2, "init": "he"},
    "losses": {"anchors": 16},
    "content_discriminator": {"steps": 1},
    "additions": {},
}


def shared_plans(**changes) -> Plans:
    content = {
        "dataset": "TOY",
        "modalities": PAIR,
        "labels": LABELS,
        "slices": {"size": SIDE, "crop": SIDE},
        "optimisation": {"lr": 1e-3},
    }
    return Plans.checked(content | changes, "toy")


def make_plans(plans=None, **parts) -> Plans:
    """Return small plans; `parts` replace values of a part of the settings."""
    settings = {name: values | parts.get(name, {}) for name, values in SMALL.items()}
    return complete((plans or shared_plans()).model_copy(update={"settings": settings}), HiFiSyn)


def make(plans=None, seed=0) -> HiFiSyn:
    torch.manual_seed(seed)
    return HiFiSyn(plans or make_plans(), PAIR)


def make_batch(iteration=0, labelled=PAIR, seed=None) -> Batch:
    """Discs of three structures whose order of intensity differs between the modalities."""
    g = torch.Generator().manual_seed(iteration if seed is None else seed)
    grey = {"T1": torch.tensor([-1.0, -0.5, 0.1, 0.7]), "T2": torch.tensor([-1.0, 0.8, 0.2, -0.3])}
    y, x = torch.meshgrid(torch.arange(SIDE) - SIDE / 2, torch.arange(SIDE) - SIDE / 2, indexing="ij")
    images, labels = {}, {}
    for m in PAIR:
        shift = torch.rand(2, 2, generator=g) * 4 - 2
        radius = ((y - shift[:, :1, None]) ** 2 + (x - shift[:, 1:, None]) ** 2).sqrt()
        label = (radius < 6).long() + (radius < 5).long() + (radius < 3).long()
        noise = 0.05 * torch.randn(label.shape, generator=g) * (label > 0)
        images[m] = (grey[m][label] + noise)[:, None]
        labels[m] = label if m in labelled else None
    return Batch(images, labels, {"T1": torch.tensor([0, 1]), "T2": torch.tensor([2, 3])}, iteration)


def train(trainer, optimizers, steps, seed=0, **settings):
    return [take_step(trainer, optimizers, make_batch(i), seed=seed, **settings) for i in steps]


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}


def test_the_method_is_registered():
    assert trainer_class("HiFiSyn") is HiFiSyn


@pytest.mark.parametrize(
    "networks",
    [{}, {"attribute_encoder": "mguit"}, {"discriminator": "multiscale"}, {"init": "normal", "content_blocks": 2}],
)
def test_a_step_moves_every_parameter_and_the_state(networks):
    trainer = make(make_plans(networks=networks))
    before = weights(trainer)
    losses = train(trainer, trainer.optimizers(), range(1))[0]
    still = [name for name, tensor in weights(trainer).items() if torch.equal(tensor, before[name])]
    assert set(still) <= {"memory_bank.slot_class", "memory_bank.age"}
    assert {name.split("/")[0] for name in losses} == set(trainer.groups())
    assert all(torch.isfinite(value) for value in losses.values())


def test_groups_hold_each_trained_network_once():
    trainer = make()
    grouped = [id(network) for networks in trainer.groups().values() for network in networks]
    trained = [id(network) for network in trainer.networks.children() if list(network.parameters())]
    assert sorted(grouped) == sorted(trained)


def test_all_but_the_last_of_the_content_steps_move_the_content_discriminator_alone():
    trainer = make(make_plans(content_discriminator={"steps": 3}))
    optimizers = trainer.optimizers()
    for iteration in range(6):
        before = weights(trainer)
        train(trainer, optimizers, [iteration])
        moved = {n.split(".")[0] for n, tensor in weights(trainer).items() if not torch.equal(tensor, before[n])}
        if iteration % 3 < 2:
            assert moved == {"content_discriminator"}
        else:
            assert moved == set(dict(trainer.networks.named_children()))


def test_updates_come_in_order_and_each_leaves_the_other_networks_alone():
    trainer = make()
    trainer.generator.manual_seed(0)
    order = []
    for group, losses in trainer.updates(make_batch()):
        order.append(group)
        trainer.networks.zero_grad()
        torch.stack(list(losses.values())).sum().backward(inputs=trainer.parameters(group))
        for network in trainer.networks.children():
            has_gradient = any(p.grad is not None for p in network.parameters())
            assert has_gradient == any(network is each for each in trainer.groups()[group])
    assert order == [DISCRIMINATOR, CONTENT_DISCRIMINATOR, GENERATOR]


def test_every_loss_alone_reaches_the_networks_it_should():
    trainer = make()
    trainer.generator.manual_seed(0)
    _, _, (_, losses) = trainer.updates(make_batch())
    everything = {"content_encoder", "attribute_encoder", "generator"}
    reached = {}
    for name, loss in losses.items():
        trainer.networks.zero_grad()
        loss.backward(retain_graph=True, inputs=trainer.parameters(GENERATOR))
        reached[name] = {
            n for n in everything if any(p.grad is not None for p in getattr(trainer.networks, n).parameters())
        }
    assert reached.pop("content") == {"content_encoder"}
    assert set(reached) == {"domain", "cycle", "reconstruction", "pgd", "sgd", "ggd"}
    assert all(networks == everything for networks in reached.values())


def plain_step(net, b, plan):
    """One step for T1 and T2 in the order of the equations, without noise, labels read; losses by name."""
    e_c, e_a, g, d, d_c, bank = (
        getattr(net, n)
        for n in (
            "content_encoder",
            "attribute_encoder",
            "generator",
            "image_discriminator",
            "content_discriminator",
            "memory_bank",
        )
    )
    m1, m2 = b.images["T1"], b.images["T2"]
    g1, g2 = (b.labels[m][:, ::2, ::2].flatten(1) for m in PAIR)
    z1, z2 = e_c(m1, "T1"), e_c(m2, "T2")
    (a1, code1), (a2, code2) = e_a(m1, "T1"), e_a(m2, "T2")
    sums1, sums2 = bank.sums(z1, a1, g1), bank.sums(z2, a2, g2)
    p1, p2 = bank.prototypes(sums1, "T1"), bank.prototypes(sums2, "T2")
    b1, b2 = bank.blended(sums1, "T1"), bank.blended(sums2, "T2")
    rec1 = g(z1, bank.retrieve(z1, p1, g1), code1, "T1")
    rec2 = g(z2, bank.retrieve(z2, p2, g2), code2, "T2")
    m12 = g(z1, bank.retrieve(z1, b2, g1), code2, "T2")
    m21 = g(z2, bank.retrieve(z2, b1, g2), code1, "T1")
    z12, z21 = e_c(m12, "T2"), e_c(m21, "T1")
    code12, code21 = e_a.code(m12, "T2"), e_a.code(m21, "T1")
    back1 = g(z12, bank.retrieve(z12, p1, g1), code21, "T1")
    back2 = g(z21, bank.retrieve(z21, p2, g2), code12, "T2")

    def bce(logits, target):
        return sum(binary_cross_entropy_with_logits(x, torch.full_like(x, target)) for x in logits)

    contents = Contents(
        torch.cat([z1, z2]).flatten(2), torch.cat([z12, z21]).flatten(2), torch.cat([g1, g2]), torch.arange(4)
    )
    structures = torch.arange(4)
    return {
        "discriminator/domain": bce(d(m1, "T1"), 1) + bce(d(m21, "T1"), 0) + bce(d(m2, "T2"), 1) + bce(d(m12, "T2"), 0),
        "content_discriminator/content": bce([d_c(z1)], 0) + bce([d_c(z2)], 1),
        "generator/content": plan.content * (bce([d_c(z1)], 0.5) + bce([d_c(z2)], 0.5)),
        "generator/domain": plan.domain * (bce(d(m21, "T1"), 1) + bce(d(m12, "T2"), 1)),
        "generator/cycle": plan.cycle * ((back1 - m1).abs().mean() + (back2 - m2).abs().mean()),
        "generator/reconstruction": plan.reconstruction * ((rec1 - m1).abs().mean() + (rec2 - m2).abs().mean()),
        "generator/sgd": plan.sgd * structure_loss(contents, structures, plan.tau_2).mean() * 2,
        "generator/ggd": plan.ggd * global_loss(contents, plan.tau_3).mean() * 2,
    }


@pytest.mark.parametrize("networks", [{}, {"discriminator": "multiscale", "attribute_encoder": "mguit"}])
def test_a_step_follows_the_equations(networks):
    plans = make_plans(
        networks=networks | {"content_noise": 0.0},
        memory={"p_unlabelled": 0},
        losses={"content": 2, "domain": 3, "cycle": 7, "reconstruction": 11, "sgd": 0.5, "ggd": 0.3},
    )
    trainer = make(plans)
    train(trainer, trainer.optimizers(), range(2))
    trainer.generator.manual_seed(0)
    batch = make_batch(5)
    found = {f"{group}/{name}": loss for group, losses in trainer.updates(batch) for name, loss in losses.items()}
    expected = plain_step(trainer.networks, batch, trainer.settings.losses)
    assert set(found) == set(expected) | {"generator/pgd"}
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss, msg=name)


def test_translation_by_its_parts():
    trainer = make()
    train(trainer, trainer.optimizers(), range(2))
    net, source = trainer.networks, make_batch(5).images["T1"]
    content = net.content_encoder(source, "T1")
    retrieved = net.memory_bank.retrieve(content, net.memory_bank.table("T2"), None)
    code = net.running_code.codes["T2"].mean.expand(2, -1)
    expected = net.generator(content, retrieved, code, "T2")
    torch.testing.assert_close(trainer.translate(source, "T1", "T2"), expected)


def test_losses_are_weighted_and_a_weight_of_zero_switches_one_off():
    def objective(**losses):
        trainer = make(make_plans(losses={"anchors": 16} | losses))
        trainer.generator.manual_seed(0)
        return dict(list(trainer.updates(make_batch()))[-1][1])

    one, other = objective(), objective(cycle=5, sgd=0.5, pgd=0)
    assert other["cycle"].item() == pytest.approx(one["cycle"].item() / 2)
    assert other["sgd"].item() == pytest.approx(one["sgd"].item() / 4)
    assert "pgd" not in other
    bare = objective(content=0, domain=0, pgd=0, sgd=0, ggd=0)
    assert set(bare) == {"cycle", "reconstruction"}


def test_without_adversaries_their_groups_rest():
    trainer = make(make_plans(losses={"content": 0, "domain": 0}, content_discriminator={"steps": 3}))
    trainer.generator.manual_seed(0)
    assert [group for group, _ in trainer.updates(make_batch())] == [GENERATOR]


def test_the_contrastive_losses_ramp_in():
    plans = shared_plans(length={"epochs": 4, "iterations": 25})
    trainer = make(make_plans(plans, losses={"ramp": 0.1, "ramp_start": 0.05}))
    losses = trainer.settings.losses
    assert [losses.share(i, 100) for i in (0, 4, 5, 9, 14, 99)] == pytest.approx([0, 0, 0.1, 0.5, 1, 1])
    assert losses.first_step(100) == 5
    assert make().settings.losses.share(0, 100) == 1
    trainer.generator.manual_seed(0)
    assert "pgd" not in list(trainer.updates(make_batch(4)))[-1][1]


def test_labels_come_to_content_without_offset():
    batch = make_batch()
    masks = content_masks(batch, 4, torch.tensor(False))
    assert torch.equal(masks.labels["T1"].view(2, 4, 4), batch.labels["T1"][:, ::4, ::4])
    assert torch.equal(masks.foreground["T1"], masks.labels["T1"] > 0)
    assert torch.equal(masks.read_labels["T1"], masks.labels["T1"])
    hidden = content_masks(batch, 4, torch.tensor(True))
    assert (hidden.read_labels["T1"] == UNKNOWN).all()
    assert torch.equal(hidden.labels["T1"], masks.labels["T1"])


def test_the_share_of_unlabelled_steps_is_that_of_the_plan():
    def rendered(p, labelled):
        trainer = make(make_plans(memory={"p_unlabelled": p, "slots": {"GM": 3}, "global_slots": 1}))
        for table in trainer.networks.memory_bank.tables.each():
            table.known.fill_(True)
        trainer.generator.manual_seed(0)
        batch = make_batch(labelled=labelled)
        unlabelled = torch.rand((), generator=trainer.generator) < p
        masks = content_masks(batch, 2, unlabelled)
        encoded = trainer.passes.encode(batch.images, trainer.generator)
        tables = trainer.passes.bank_tables(content_masks(make_batch(), 2, unlabelled), encoded, trainer.generator)
        return trainer.passes.render(batch.directions, masks, encoded, tables, trainer.generator).fake["T1"]

    assert torch.equal(rendered(1, PAIR), rendered(1, ()))
    assert not torch.equal(rendered(0, PAIR), rendered(0, ()))


def test_reconstruction_does_not_depend_on_the_other_modality():
    trainer = make()
    batch, other = make_batch(), make_batch(seed=9)
    mixed = Batch({"T1": batch.images["T1"], "T2": other.images["T2"]}, batch.labels, batch.subjects, 0)
    made = []
    trainer.passes.content_noise = 0.0
    train(trainer, trainer.optimizers(), range(2))
    for b in (batch, mixed):
        rng = torch.Generator().manual_seed(0)
        masks = content_masks(b, 2, torch.tensor(False))
        encoded = trainer.passes.encode(b.images, rng)
        tables = trainer.passes.bank_tables(masks, encoded, rng)
        made.append(trainer.passes.render(b.directions, masks, encoded, tables, rng))
    assert torch.equal(made[0].reconstruction["T1"], made[1].reconstruction["T1"])
    assert not torch.equal(made[0].reconstruction["T2"], made[1].reconstruction["T2"])
    assert not torch.equal(made[0].fake["T1"], made[1].fake["T1"])


def test_the_bank_is_moved_by_what_the_encoders_said_before_their_update():
    trainer = make()
    bank = trainer.networks.memory_bank
    trainer.generator.manual_seed(3)
    list(trainer.updates(make_batch()))
    reference = copy.deepcopy(bank)
    _, tables = trainer._update_after_step
    reference.update(tables.sums)
    for parameter in trainer.networks.parameters():
        parameter.data.zero_()
    trainer.after_step()
    for name, tensor in bank.state_dict().items():
        assert torch.equal(tensor, reference.state_dict()[name])
    assert bank.known.all()


def test_translation_is_deterministic_free_of_labels_and_each_image_by_itself():
    trainer = make()
    train(trainer, trainer.optimizers(), range(3))
    source = make_batch(7).images["T1"]
    with torch.no_grad():
        first = trainer.train().translate(source, "T1", "T2")
        trainer.generator.manual_seed(99)
        again = trainer.train(False).translate(source, "T1", "T2")
        alone = trainer.translate(source[1:], "T1", "T2")
    assert first.shape == source.shape
    assert first.abs().max() <= 1
    assert torch.equal(first, again)
    torch.testing.assert_close(alone, first[1:], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(first, trainer.translate(source, "T1", "T1"), atol=1e-3)


def test_an_untrained_method_translates_too():
    assert torch.isfinite(make().translate(make_batch().images["T1"], "T1", "T2")).all()


def test_a_resumed_training_is_the_same_to_the_last_bit():
    whole = make()
    optimizers = whole.optimizers()
    train(whole, optimizers, range(2))
    state = copy.deepcopy((whole.networks.state_dict(), {n: o.state_dict() for n, o in optimizers.items()}))
    train(whole, optimizers, range(2, 4))
    resumed = make(seed=5)
    resumed_optimizers = resumed.optimizers()
    resumed.networks.load_state_dict(state[0])
    for name, optimizer in resumed_optimizers.items():
        optimizer.load_state_dict(state[1][name])
    train(resumed, resumed_optimizers, range(2, 4))
    for name, tensor in whole.networks.state_dict().items():
        assert torch.equal(tensor, resumed.networks.state_dict()[name]), name
    assert whole.diagnostics() == resumed.diagnostics()


def test_a_step_in_bfloat16_is_finite():
    trainer = make()
    losses = train(trainer, trainer.optimizers(), range(3), precision="bf16")
    assert all(torch.isfinite(value) for step in losses for value in step.values())
    assert all(torch.isfinite(t).all() for t in trainer.networks.state_dict().values())
    assert {b.dtype for b in trainer.networks.buffers() if b.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize("labelled", [(), ("T1",)])
def test_training_without_labels(labelled):
    trainer = make()
    optimizers = trainer.optimizers()
    for iteration in range(2):
        losses = take_step(trainer, optimizers, make_batch(iteration, labelled), seed=0)
    bank = trainer.networks.memory_bank
    assert all(torch.isfinite(value) for value in losses.values())
    assert (losses["generator/sgd"] == 0) == (not labelled)
    assert bank.known[:, 7:].any(dim=1).all()
    assert bank.known[0, :7].any() == bool(labelled)
    assert not bank.known[1, :7].any()
    assert all(abs(value) < 100 for value in trainer.diagnostics().values())


def test_black_slices_and_absent_classes_are_survived():
    trainer = make()
    batch = make_batch()
    images = {m: torch.full_like(t, -1.0) for m, t in batch.images.items()}
    labels = {m: torch.zeros_like(t) for m, t in batch.labels.items()}
    losses = take_step(trainer, trainer.optimizers(), Batch(images, labels, batch.subjects, 0), seed=0)
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(t).all() for t in trainer.networks.state_dict().values())


def test_batches_of_one():
    trainer = make()
    batch = make_batch()
    one = Batch(*({m: t[:1] for m, t in d.items()} for d in (batch.images, batch.labels, batch.subjects)), 0)
    assert all(torch.isfinite(v) for v in take_step(trainer, trainer.optimizers(), one, seed=0).values())


def test_without_slots_it_is_the_backbone():
    trainer = make(make_plans(memory={"slots": {}, "global_slots": 0}))
    assert trainer.networks.memory_bank is None
    generator, encoder = trainer.networks.generator, trainer.networks.attribute_encoder
    assert generator.branches["T1"].last.in_channels == generator.branches["T1"].ups[-1][0].out_channels + 8
    assert encoder.branches["T1"].tap is None
    before = weights(trainer)
    train(trainer, trainer.optimizers(), range(1))
    assert all(not torch.equal(tensor, before[name]) for name, tensor in weights(trainer).items())
    source = make_batch().images["T1"]
    assert not torch.equal(trainer.translate(source, "T1", "T2"), trainer.translate(source, "T1", "T1"))
    assert set(trainer.diagnostics()) == {"d_real", "d_fake"}


def test_global_slots_alone():
    trainer = make(make_plans(memory={"slots": {}, "global_slots": 4}))
    train(trainer, trainer.optimizers(), range(2))
    assert trainer.networks.memory_bank.keys.shape == (4, 8)
    assert trainer.diagnostics()["own_class_share"] == 0


def test_the_literal_preset_trains_and_forgets():
    shared = shared_plans(preset="literal")
    plans = for_method(shared, HiFiSyn, "HiFiSyn", FINGERPRINT, planned_for(shared))
    full = HiFiSynSettings.model_validate(plans.settings)
    assert full.memory.value_width == full.networks.content_width
    plans = plans.override(["width=4", "n_down=1", "content_blocks=1", "value_width=8"])
    trainer = make(plans)
    bank = trainer.networks.memory_bank
    assert bank.values.shape[2] == trainer.settings.networks.content_width
    assert (bank.tau_r, bank.tau_u, bank.rho, bank.warm_up) == (1, 1, 0.01, False)
    optimizers = trainer.optimizers()
    for iteration in range(3):
        losses = train(trainer, optimizers, [iteration])[0]
    assert all(torch.isfinite(value) for value in losses.values())
    kept = bank.values.clone()
    trainer.generator.manual_seed(0)
    list(trainer.updates(make_batch(11)))
    sums = trainer._update_after_step[1].sums["T1"]
    prototypes = bank.prototypes(sums, "T1").values
    shared = trainer._update_after_step[1].shared["T1"].values.clone()
    assert torch.equal(shared, kept[0]), "translations read what is stored"
    trainer.after_step()
    assert ((bank.values[0] - prototypes).norm(dim=1) <= 0.03).all()
    assert not torch.allclose(bank.values[0], kept[0])


def test_the_mean_code_forgets_its_start_and_then_decays():
    running = RunningCode(PAIR, code=2, decay=0.75)
    codes = [torch.tensor([[float(k), 0.0], [float(k), 2.0]]) for k in range(1, 7)]
    expected = 0.0
    for k, code in enumerate(codes):
        running.update({"T1": code, "T2": -code})
        kept = min(0.75, k / (k + 1))
        expected = kept * expected + (1 - kept) * (k + 1)
    torch.testing.assert_close(running("T1"), torch.tensor([expected, 1.0]))
    torch.testing.assert_close(running("T2"), -running("T1"))


def test_own_class_share_by_loops():
    trainer = make()
    train(trainer, trainer.optimizers(), range(2))
    bank = trainer.networks.memory_bank
    masks, contents = trainer._last_contents
    total = own = 0
    for m in PAIR:
        w = bank.weights(contents[m], bank.known.any(0), None)
        for n in range(2):
            for p in range(w.shape[2]):
                if masks.foreground[m][n, p]:
                    total += 1
                    own += sum(float(w[n, t, p]) for t in range(10) if bank.slot_class[t] == masks.labels[m][n, p])
    assert own_class_share(bank, masks, contents).item() == pytest.approx(own / total, rel=1e-4)


def test_curves_tell_a_dead_bank_and_chance():
    trainer = make()
    train(trainer, trainer.optimizers(), range(2))
    alive = trainer.diagnostics()
    bank = trainer.networks.memory_bank
    bank.keys.copy_(bank.keys[:1].expand_as(bank.keys).clone())
    for table in bank.tables.each():
        table.known[2] = False
    dead = trainer.diagnostics()
    assert dead["key_cosine"] == pytest.approx(1, abs=1e-5)
    assert alive["key_cosine"] < 0.95
    assert (alive["empty_slots"], dead["empty_slots"]) == (0, 1)
    assert 0 < alive["d_real"] < 1


@pytest.mark.slow
def test_training_learns_to_reconstruct():
    trainer = make(make_plans(shared_plans(optimisation={"lr": 3e-3})))
    losses = train(trainer, trainer.optimizers(), range(40))
    for name in ("generator/cycle", "generator/reconstruction", "generator/pgd"):
        first, last = (sum(float(s[name]) for s in part) for part in (losses[:5], losses[-5:]))
        assert last < 0.75 * first, name


def _rank(rank, port, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    trainer = make()
    optimizers = trainer.optimizers()
    for iteration in range(3):
        batch = make_batch(iteration, PAIR if rank == 0 else ("T2",), seed=10 * rank + iteration)
        take_step(trainer, optimizers, batch, seed=0, rank=rank)
    results[rank] = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_stay_one_training():
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(_rank, (31500 + torch.randint(0, 2000, (1,)).item(), results), nprocs=2)
        one, other = results[0], results[1]
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    assert all(one[f"memory_bank.tables.{m}.known"].all() for m in PAIR)
