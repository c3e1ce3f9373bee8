"""HiFi-Syn of three contrasts: a step shows two of them; keys are shared, values, codes and branches each one's own."""

# mypy: no-check-untyped-defs
import copy
import math

import pytest
import torch

from hifisyn.directions import directions
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.networks.running_code import RunningCode
from hifisyn.training import checkpoint
from hifisyn.training.batch import Batch
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.step import take_step
from tests.support.training_toys import toy_job, toy_plans, toy_store

DOMAINS = ("FLAIR", "T1", "T2")
PAIRS = [("FLAIR", "T1"), ("FLAIR", "T2"), ("T1", "T2")]
GREY = {"FLAIR": (-1.0, 0.6, -0.2, 0.3), "T1": (-1.0, -0.5, 0.1, 0.7), "T2": (-1.0, 0.8, 0.2, -0.3)}
SIDE = 16
SHARED = (
    "content_encoder.shared.",
    "generator.shared.",
    "content_discriminator.layers.",
    "memory_bank.keys",
    "memory_bank.key_updates",
)


def make(*assignments, domains=DOMAINS, seed=0):
    torch.manual_seed(seed)
    whole = ("content_discriminator.steps=1", "memory.p_unlabelled=0", *assignments)
    return HiFiSyn(toy_plans(HiFiSyn, *whole, domains=domains), domains).train()


def make_batch(pair, iteration=0):
    """Discs of three structures whose order of intensity differs between the contrasts."""
    g = torch.Generator().manual_seed(iteration)
    y, x = torch.meshgrid(torch.arange(SIDE) - SIDE / 2, torch.arange(SIDE) - SIDE / 2, indexing="ij")
    images, labels = {}, {}
    for m in pair:
        shift = torch.rand(2, 2, generator=g) * 4 - 2
        radius = ((y - shift[:, :1, None]) ** 2 + (x - shift[:, 1:, None]) ** 2).sqrt()
        labels[m] = (radius < 6).long() + (radius < 5).long() + (radius < 3).long()
        images[m] = (torch.tensor(GREY[m])[labels[m]] + 0.05 * torch.randn(radius.shape, generator=g))[:, None]
        images[m] = images[m].clamp(-1, 1)
    subjects = {m: torch.tensor([2 * place, 2 * place + 1]) for place, m in enumerate(pair)}
    return Batch(images, labels, subjects, iteration)


def state(trainer):
    return {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}


def moved(trainer, before):
    return {name for name, tensor in trainer.networks.state_dict().items() if not torch.equal(tensor, before[name])}


def bears(name, contrast):
    return contrast in name.split(".")


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_a_step_moves_what_is_shared_and_the_two_contrasts_of_its_batch(pair):
    trainer = make()
    optimizers = trainer.optimizers()
    for iteration, other in enumerate(PAIRS):
        take_step(trainer, optimizers, make_batch(other, iteration), seed=0)
    (absent,) = set(DOMAINS) - set(pair)
    before = state(trainer)
    losses = take_step(trainer, optimizers, make_batch(pair, 7), seed=0)
    assert all(loss.isfinite() for loss in losses.values())
    found = moved(trainer, before)
    head = "content_discriminator.last"  # a softmax moves the logit of every class
    assert {name for name in found if bears(name, absent)} == {f"{head}.{absent}.weight", f"{head}.{absent}.bias"}
    expected = {n for n in before if n.startswith(SHARED) or any(bears(n, m) for m in pair)}
    known = {f"memory_bank.tables.{m}.known" for m in pair}  # true from the first steps on
    assert expected - found <= known
    assert found - expected - {f"{head}.{absent}.weight", f"{head}.{absent}.bias"} <= {"memory_bank.age"}


@pytest.mark.slow
def test_every_contrast_moves_over_some_steps_of_a_training(tmp_path):
    job = toy_job(tmp_path, trainer=HiFiSyn, store=three_store(tmp_path), domains=DOMAINS, content_steps=1)
    trainer = job.new_trainer(torch.device("cpu")).train()
    optimizers, batches, seen = trainer.optimizers(), Batches(BatchLoader(job.source())), set()
    before = state(trainer)
    for _ in range(8):
        batch = next(batches)
        assert len(batch.domains) == 2
        seen |= set(batch.directions)
        take_step(trainer, optimizers, batch, seed=0)
    assert seen == set(directions(DOMAINS))
    still = set(before) - moved(trainer, before)
    assert still <= {"memory_bank.slot_class", "memory_bank.age"}


def test_keys_are_shared_and_values_a_table_each():
    trainer = make()
    bank = trainer.networks.memory_bank
    assert bank.keys.shape == (6, trainer.settings.networks.content_width)
    assert bank.values.shape == (3, 6, 4)
    assert [name for name, _ in bank.tables.named_children()] == list(DOMAINS)
    optimizers = trainer.optimizers()
    for iteration, pair in enumerate(PAIRS):
        take_step(trainer, optimizers, make_batch(pair, iteration), seed=0)
    tables = [bank.table(m).values for m in DOMAINS]
    assert bank.key_updates.max() == 3
    assert all(table.updates.max() == 2 for table in bank.tables.each())
    for i, one in enumerate(tables):
        assert all(not torch.allclose(one, other, atol=1e-3) for other in tables[:i])


def test_the_mean_codes_follow_their_own_images():
    trainer = make()
    codes = {m: [] for m in DOMAINS}
    optimizers = trainer.optimizers()
    for iteration, pair in enumerate(PAIRS):
        batch = make_batch(pair, iteration)
        with torch.no_grad():
            for m in pair:
                codes[m].append(trainer.networks.attribute_encoder(batch.images[m], m)[1].mean(dim=0))
        take_step(trainer, optimizers, batch, seed=0)
    running = trainer.networks.running_code
    assert isinstance(running, RunningCode)
    for m in DOMAINS:
        torch.testing.assert_close(running(m), sum(codes[m]) / 2)


def content_losses_in_double(trainer, batch):
    """The losses of D^c and of E^c on it, pixel by pixel in double precision."""
    net = copy.deepcopy(trainer.networks).double()
    told = undecided = 0.0
    for m in batch.domains:
        with torch.no_grad():
            logits = net.content_discriminator(net.content_encoder(batch.images[m].double(), m))
        assert logits.shape[1] == 3
        pixels = logits.permute(0, 2, 3, 1).reshape(-1, 3).tolist()
        logs = [[x - math.log(sum(math.exp(y) for y in row)) for x in row] for row in pixels]
        told -= sum(row[DOMAINS.index(m)] for row in logs) / len(logs)
        undecided -= sum(sum(row) / 3 for row in logs) / len(logs)
    return told, undecided


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_the_content_losses_of_two_of_three_contrasts(pair):
    trainer = make("networks.content_noise=0", "losses.content=2")
    optimizers = trainer.optimizers()
    for iteration, other in enumerate(PAIRS):
        take_step(trainer, optimizers, make_batch(other, iteration), seed=0)
    batch = make_batch(pair, 5)
    told, undecided = content_losses_in_double(trainer, batch)
    trainer.generator.manual_seed(0)
    found = {
        f"{group}/{name}": loss.item() for group, losses in trainer.updates(batch) for name, loss in losses.items()
    }
    assert found["content_discriminator/content"] == pytest.approx(told, rel=1e-5)
    assert found["generator/content"] == pytest.approx(2 * undecided, rel=1e-5)
    # Less than the entropy of the uniform target is not possible, for each of the two contrasts.
    assert undecided >= 2 * math.log(3)


def test_every_direction_translates_with_the_target_s_own_parts():
    trainer = make()
    optimizers = trainer.optimizers()
    for iteration in range(6):
        take_step(trainer, optimizers, make_batch(PAIRS[iteration % 3], iteration), seed=0)
    trainer.train(False)
    net, made = trainer.networks, {}
    with torch.no_grad():
        for source, target in directions(DOMAINS):
            image = make_batch((source, target), 9).images[source]
            content = net.content_encoder(image, source)
            table = net.memory_bank.table(target)
            assert table.values.data_ptr() == net.memory_bank.tables[target].values.data_ptr()
            read = net.memory_bank.retrieve(content, table, None)
            expected = net.generator(content, read, net.running_code(target).expand(2, -1), target)
            made[source, target] = trainer.translate(image, source, target)
            torch.testing.assert_close(made[source, target], expected)
    assert len(made) == 6
    for m in DOMAINS:
        one, other = (image for (_, target), image in made.items() if target == m)
        assert not torch.allclose(one, other, atol=1e-3)


def three_store(folder):
    return toy_store(folder / "slices", {f"c{i}": DOMAINS for i in range(8)})


@pytest.mark.slow
@pytest.mark.parametrize("at", [3, 4])
def test_a_resumed_training_is_the_same_to_the_last_bit(tmp_path, at):
    job = toy_job(tmp_path, trainer=HiFiSyn, store=three_store(tmp_path), domains=DOMAINS, content_steps=2)
    whole = job.new_trainer(torch.device("cpu")).train()
    optimizers, batches = whole.optimizers(), Batches(BatchLoader(job.source()))
    for _ in range(at):
        take_step(whole, optimizers, next(batches), seed=job.seed)
    checkpoint.save(tmp_path / "c.pt", whole, optimizers=optimizers)
    for _ in range(4):
        take_step(whole, optimizers, next(batches), seed=job.seed)
    torch.manual_seed(77)
    resumed = job.new_trainer(torch.device("cpu")).train()
    resumed_optimizers = resumed.optimizers()
    checkpoint.restore(checkpoint.load(tmp_path / "c.pt"), resumed, resumed_optimizers)
    batches = Batches(BatchLoader(job.source(), start=at))
    for _ in range(4):
        take_step(resumed, resumed_optimizers, next(batches), seed=job.seed)
    assert not moved(resumed, state(whole))
    assert whole.diagnostics() == resumed.diagnostics()


def test_a_training_of_three_begins_with_what_one_of_two_learnt():
    pair, three = make(domains=("T1", "T2"), seed=1), make()
    of_pair, of_three = pair.networks.state_dict(), three.networks.state_dict()
    assert {name: of_three[name].shape for name in of_pair} == {name: t.shape for name, t in of_pair.items()}
    assert all(
        bears(name, "FLAIR") or name == "content_discriminator.last.T1.weight" or name.endswith("last.T1.bias")
        for name in set(of_three) - set(of_pair)
    )
