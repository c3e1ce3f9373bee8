"""Memories of three contrasts, of which a step shows two: those move as they would alone, and the third stays."""

# mypy: no-check-untyped-defs
import torch
from torch.nn.functional import normalize

from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank
from hifisyn.methods.mguit.class_memory import ClassMemory, Pixels
from hifisyn.networks.running_code import RunningCode

THREE, SHOWN, ABSENT = ("FLAIR", "T1", "T2"), ("FLAIR", "T2"), "T1"


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair_of(memory, build):
    """The same memory without the third contrast."""
    pair = build(SHOWN)
    pair.load_state_dict({key: memory.state_dict()[key].clone() for key in pair.state_dict()})
    return pair


def build_bank(domains, **settings):
    torch.manual_seed(0)
    bank = BrainMemoryBank(domains, {0: 1, 1: 2}, 1, 6, 5, **settings).double()
    for table in bank.tables.each():
        table.known.fill_(True)
    return bank


def build_memory(domains):
    torch.manual_seed(0)
    return ClassMemory(domains, {0: 2, 2: 2}, 6, 5).double()


def images(seed):
    labels = torch.randint(0, 2, (2, 16), generator=torch.Generator().manual_seed(seed))
    return drawn(seed, 2, 6, 4, 4), drawn(seed + 1, 2, 5, 4, 4), labels


def pixels(seed):
    label = torch.tensor([0, 2])[torch.randint(0, 2, (30,), generator=torch.Generator().manual_seed(seed))]
    return Pixels(normalize(drawn(seed, 30, 6), dim=1), drawn(seed + 1, 30, 5), label)


def assert_same(memory, pair):
    for key, tensor in pair.state_dict().items():
        assert torch.equal(memory.state_dict()[key], tensor), key


def third(memory):
    return {key: tensor.clone() for key, tensor in memory.state_dict().items() if ABSENT in key.split(".")}


def test_a_bank_moves_the_two_contrasts_of_a_step_alone():
    bank = build_bank(THREE, rho=0.7)
    pair, before = pair_of(bank, build_bank), third(bank)
    pair.rho = 0.7
    for step in range(3):
        for each in (bank, pair):
            sums = {m: each.sums(*images(10 * step + i)) for i, m in enumerate(SHOWN)}
            assert torch.equal(each.blended(sums["T2"], "T2").values, pair.blended(sums["T2"], "T2").values)
            assert torch.equal(each.prototypes(sums["T2"], "T2").values, pair.prototypes(sums["T2"], "T2").values)
            each.update(sums)
    assert_same(bank, pair)
    assert len(before) == 3
    assert all(torch.equal(bank.state_dict()[key], tensor) for key, tensor in before.items())
    assert (bank.key_updates > 0).any()


def test_values_warm_up_by_their_own_updates():
    bank = build_bank(THREE)
    bank.update({m: bank.sums(*images(i)) for i, m in enumerate(SHOWN)})
    sums = bank.sums(*images(7))
    bank.update({ABSENT: sums, "T2": bank.sums(*images(8))})
    # The first batch of a contrast replaces its values, however often the keys have moved.
    assert torch.allclose(bank.table(ABSENT).values[sums.present], normalize(sums.value, dim=1)[sums.present])
    assert bank.tables["T2"].updates.max() == 2


def test_only_values_that_have_moved_are_counted():
    bank = build_bank(THREE)
    content, dense, labels = images(0)
    shown = {m: bank.sums(content, dense, torch.full_like(labels, number)) for number, m in enumerate(SHOWN)}
    bank.update(shown)
    assert bank.tables["FLAIR"].updates.tolist() == [1, 0, 0, 1]
    assert bank.tables["T2"].updates[0] == 0
    assert bank.tables["T2"].updates[1:3].any()
    assert bank.tables["T1"].updates.tolist() == [0, 0, 0, 0]


def test_a_slot_that_begins_again_is_forgotten_by_every_contrast():
    bank = build_bank(THREE, reseed_after=1)
    bank.age[2] = 1
    content, _, labels = images(0)
    labels[:] = 1
    everywhere = torch.ones_like(labels, dtype=torch.bool)
    keys = bank.keys.clone()
    bank.seed([content] * 2, [labels] * 2, [everywhere] * 2, torch.Generator().manual_seed(0))
    assert not torch.equal(bank.keys[2], keys[2])
    assert not bank.known[:, 2].any()
    assert bank.known[:, [0, 1, 3]].all()


def test_a_bank_of_three_reads_each_contrast_by_its_own_table():
    bank = build_bank(THREE)
    content = images(0)[0]
    weights = bank.weights(content, bank.table("T1").known, None)
    for number, m in enumerate(THREE):
        wanted = torch.einsum("tv,ntp->nvp", bank.values[number], weights) * 5**0.5
        assert torch.allclose(bank.retrieve(content, bank.table(m), None).flatten(2), wanted)


def test_a_class_memory_moves_the_two_contrasts_of_a_step_alone():
    memory = build_memory(THREE)
    pair, before = pair_of(memory, build_memory), third(memory)
    for step in range(3):
        seen = {m: pixels(10 * step + i) for i, m in enumerate(SHOWN)}
        memory.update(dict(reversed(seen.items())))
        pair.update(seen)
    assert_same(memory, pair)
    assert len(before) == 2
    assert all(torch.equal(memory.state_dict()[key], tensor) for key, tensor in before.items())
    assert memory.known[[0, 2]].any(dim=1).all()
    assert not memory.known[1].any()


def test_a_mean_code_follows_its_own_contrast():
    running, codes = RunningCode(THREE, 2, decay=0.75), [drawn(seed, 4, 2).float() for seed in range(3)]
    running.update({"T1": codes[0], "T2": codes[1]})
    running.update({"T1": codes[2]})
    assert torch.allclose(running("T2"), codes[1].mean(dim=0))
    assert torch.allclose(running("T1"), (codes[0].mean(dim=0) + codes[2].mean(dim=0)) / 2)
    assert running("FLAIR").tolist() == [0, 0]
    assert [running.codes[m].steps.item() for m in THREE] == [0, 2, 1]
