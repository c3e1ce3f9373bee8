"""MGUIT's memory: update and read against a slow loop over pixels, and who may move what."""

# mypy: no-check-untyped-defs
import math

import numpy as np
import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.nn.functional import normalize

from hifisyn.methods.mguit.class_memory import ClassMemory, Pixels, flat, standardised
from hifisyn.methods.mguit.feature_contrast import code_contrast, item_contrast
from hifisyn.training.distributed import average_buffers

PAIR = ("T1", "T2")
ITEMS = {0: 3, 2: 2, 5: 1}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def memory(items=None, **settings):
    torch.manual_seed(0)
    return ClassMemory(PAIR, items or ITEMS, 6, 4, **settings).double()


def pixels(labels, seed=0):
    label = torch.tensor(labels)
    content = torch.randn(len(labels), 6, generator=rng(seed), dtype=torch.float64)
    style = torch.randn(len(labels), 4, generator=rng(seed + 1), dtype=torch.float64)
    return Pixels(normalize(content, dim=1), style, label)


def some_pixels():
    drawn = torch.randint(0, 3, (2, 40), generator=rng(9))
    labels = torch.tensor([0, 2, 5])[drawn]
    return {"T1": pixels(labels[0].tolist(), 1), "T2": pixels(labels[1].tolist(), 3)}


def slow_update(before, seen, keep):
    """Do the update class by class, item by item, pixel by pixel; return keys, values and which have one."""
    keys, values, known = (getattr(before, n).clone().numpy() for n in ("keys", "values", "known"))
    classes = before.item_class.tolist()
    for k in sorted(set(classes)):
        items = [t for t, of in enumerate(classes) if of == k]
        if not all((seen[m].label == k).any() for m in PAIR):
            continue
        dk = np.zeros((2, len(keys), keys.shape[1]))
        dv = np.zeros((2, len(keys), values.shape[2]))
        chosen = np.zeros((2, len(keys)), dtype=bool)
        for x, m in enumerate(PAIR):
            own = [p for p in range(len(seen[m].label)) if seen[m].label[p] == k]
            c, s = seen[m].content.numpy(), seen[m].style.numpy()
            cosine = {(p, n): float(c[p] @ keys[n]) for p in own for n in items}
            for p in own:
                n = max(items, key=lambda n, p=p: cosine[p, n])
                beta = math.exp(cosine[p, n]) / sum(math.exp(cosine[q, n]) for q in own)
                dk[x, n] += beta * c[p]
                dv[x, n] += beta * s[p]
                chosen[x, n] = True
        for n in items:
            new = keep * keys[n]
            for x in range(2):
                if chosen[x, n]:
                    new = new + (1 - keep) / 2 * dk[x, n] / np.linalg.norm(dk[x, n])
                    unit = (dv[x, n] - dv[x, n].mean()) / np.sqrt(dv[x, n].var() + 1e-5)
                    values[x, n] = keep * values[x, n] + (1 - keep) * unit
                    known[x, n] = True
            keys[n] = new / np.linalg.norm(new)
    return keys, values, known


def slow_read(bank, content, labels, modality, tau):
    """Read pixel by pixel; (N, C, h, w) and (N, h * w), or none."""
    out = np.zeros((len(content), 4, *content.shape[2:]))
    known = bank.known[PAIR.index(modality)].tolist()
    classes = bank.item_class.tolist()
    for n in range(len(content)):
        for y in range(content.shape[2]):
            for x in range(content.shape[3]):
                label = None if labels is None else labels[n, y * content.shape[3] + x]
                items = [t for t in range(len(known)) if known[t] and label in (None, classes[t])]
                c = content[n, :, y, x].numpy()
                weight = np.array([math.exp(float(c @ bank.keys[t].numpy()) / tau) for t in items])
                value = bank.table(modality)[items].numpy()
                out[n, :, y, x] = (weight[:, None] * value).sum(axis=0) / weight.sum()
    return out


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_an_update_is_that_of_a_slow_loop(keep):
    bank, seen = memory(keep=keep), some_pixels()
    for _ in range(2):
        expected = slow_update(bank, seen, keep)
        bank.update(seen)
        for found, wanted in zip((bank.keys, bank.values, bank.known), expected, strict=True):
            assert np.allclose(found.numpy(), wanted, atol=1e-12)
    assert torch.allclose(bank.keys.norm(dim=1), torch.ones(6).double())


@pytest.mark.parametrize("tau", [1.0, 0.1])
@pytest.mark.parametrize("modality", PAIR)
def test_a_read_is_that_of_a_slow_loop(tau, modality):
    bank = memory(tau=tau)
    bank.update(some_pixels())
    content = normalize(torch.randn(2, 6, 2, 3, generator=rng(4), dtype=torch.float64), dim=1)
    labels = torch.tensor([0, 2, 5])[torch.randint(0, 3, (2, 6), generator=rng(5))]
    for given in (labels, None):
        found = bank.read(content, modality, given).numpy()
        assert np.allclose(found, slow_read(bank, content, given, modality, tau), atol=1e-12)
    table = torch.randn(6, 4, generator=rng(6), dtype=torch.float64)
    drawn = bank.read(content, modality, labels, table)
    bank.tables[modality].values.copy_(table)
    assert torch.equal(drawn, bank.read(content, modality, labels))


def test_a_class_that_one_modality_lacks_is_read_alone():
    bank = memory()
    keys, values = bank.keys.clone(), bank.values
    bank.update({"T1": pixels([0, 0, 2, 2]), "T2": pixels([0, 0, 0, 5])})
    others = bank.item_class != 0
    assert torch.equal(bank.keys[others], keys[others])
    assert torch.equal(bank.values[:, others], values[:, others])
    assert not bank.known[:, others].any()
    assert not torch.equal(bank.keys[~others], keys[~others])


def test_values_that_no_pixel_chose_stay():
    bank, seen = memory({0: 8}), {"T1": pixels([0, 0], 1), "T2": pixels([0, 0, 0], 3)}
    before = bank.values.clone()
    bank.update(seen)
    for x in range(2):
        idle = ~bank.known[x]
        assert idle.any()
        assert torch.equal(bank.values[x, idle], before[x, idle])
        assert not (bank.values[x, ~idle] == before[x, ~idle]).all(dim=1).any()


def test_items_without_a_value_are_not_read():
    bank = memory({0: 8})
    content = normalize(torch.randn(1, 6, 2, 2, generator=rng(), dtype=torch.float64), dim=1)
    labels = torch.zeros(1, 4, dtype=torch.int64)
    bank.update({"T1": pixels([0, 0], 1), "T2": pixels([0, 0, 0], 3)})
    before = bank.read(content, "T1", labels)
    table = bank.tables["T1"]
    table.values[~table.known] = 100.0
    assert torch.equal(bank.read(content, "T1", labels), before)
    assert torch.equal(bank.read(content, "T1", None), before)


def test_a_pixel_whose_class_has_no_value_reads_as_in_testing():
    bank = memory()
    bank.update({"T1": pixels([0, 0]), "T2": pixels([0, 0])})
    content = normalize(torch.randn(1, 6, 1, 2, generator=rng(), dtype=torch.float64), dim=1)
    assert torch.equal(bank.read(content, "T1", torch.tensor([[5, 5]])), bank.read(content, "T1", None))
    fresh = memory()
    assert torch.equal(fresh.read(content, "T1", None), fresh.read(content, "T1", None))
    assert fresh.readable("T1").all()


def test_the_memory_is_no_parameter_and_sends_no_gradient():
    bank, seen = memory(), some_pixels()
    assert not list(bank.parameters())
    stored = {f"tables.{m}.{part}" for m in PAIR for part in ("values", "known")}
    assert set(bank.state_dict()) == {"keys", "item_class"} | stored
    content = flat(torch.ones(1, 6, 1, 2, dtype=torch.float64)).requires_grad_()
    bank.update({m: Pixels(each.content.requires_grad_(), each.style, each.label) for m, each in seen.items()})
    assert not bank.keys.requires_grad
    assert not bank.read(content.view(1, 2, 1, 6).permute(0, 3, 2, 1), "T1", None).requires_grad
    assert bank.cosines(content, "T1", None).requires_grad


def test_classes_without_items_are_background():
    assert memory().served(torch.tensor([[0, 1, 2], [5, 7, 2]])).tolist() == [[0, 0, 2], [5, 0, 2]]


def test_standardised_rows_have_mean_0_and_variance_1():
    rows = standardised(torch.tensor([[1.0, 2, 3, 6], [5, 5, 5, 5]]).double())
    assert rows.mean(dim=1).tolist() == pytest.approx([0, 0])
    assert rows.var(dim=1, correction=0).tolist() == pytest.approx([1, 0], abs=1e-4)


def test_flat_lists_pixels_row_by_row():
    x = torch.arange(24).view(2, 2, 2, 3)
    assert flat(x)[4].tolist() == x[0, :, 1, 1].tolist()
    assert flat(x)[6].tolist() == x[1, :, 0, 0].tolist()


def test_item_contrast_is_that_of_a_loop():
    similarity = torch.rand(5, 3, generator=rng(), dtype=torch.float64) * 2 - 1
    chosen = torch.tensor([0, 2, 1, 1, 0])
    slow = 0.0
    for row, t in zip(similarity.tolist(), chosen.tolist(), strict=True):
        slow -= math.log(math.exp(row[t] / 0.07) / sum(math.exp(x / 0.07) for x in row)) / 5
    assert item_contrast(similarity, chosen, 0.07).item() == pytest.approx(slow)
    similarity[:, 0] = -torch.inf
    assert item_contrast(similarity, chosen.clamp_min(1), 0.07).isfinite()


def test_code_contrast_is_that_of_a_loop():
    similarity = torch.randn(5, 3, generator=rng(), dtype=torch.float64)
    rows, slow = similarity.tolist(), 0.0
    for row in rows:
        t = max(range(3), key=lambda t, row=row: row[t])
        slow += math.exp(row[t]) / sum(math.exp(other[t]) for other in rows) / 5
    assert code_contrast(similarity).item() == pytest.approx(math.exp(-slow))
    assert code_contrast(torch.randn(5000, 3, generator=rng()) * 0.1).item() == pytest.approx(1, abs=1e-3)


def _half(rank, port, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    whole, bank = some_pixels(), memory()
    part = slice(0, 15) if rank == 0 else slice(15, 40)
    bank.update({m: Pixels(p.content[part], p.style[part], p.label[part]) for m, p in whole.items()})
    average_buffers(bank)
    results[rank] = {name: tensor.clone() for name, tensor in bank.state_dict().items()}
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_keep_the_memory_of_one_with_all_their_pixels():
    alone = memory()
    alone.update(some_pixels())
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(_half, (33500 + int(torch.randint(0, 2000, (1,))), results), nprocs=2)
        found = [results[0], results[1]]
    for name, tensor in alone.state_dict().items():
        for one in found:
            torch.testing.assert_close(one[name], tensor)
    torch.testing.assert_close(found[0]["keys"].norm(dim=1), torch.ones(6, dtype=torch.float64))
