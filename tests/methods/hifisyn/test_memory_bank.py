# mypy: no-check-untyped-defs
import math

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.nn.functional import normalize

from hifisyn.losses.contents import UNKNOWN
from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank, unit_pixels
from hifisyn.methods.hifisyn.memory_update import GLOBAL, assign
from hifisyn.networks.ranks import from_first_rank, sum_over_ranks

PAIR = ("T1", "T2")
SLOTS = {0: 1, 1: 2, 2: 3}
C, V, SIDE = 6, 5, 4


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def make_bank(known=True, slots=SLOTS, global_slots=2, seed=0, **settings):
    torch.manual_seed(seed)
    bank = BrainMemoryBank(PAIR, slots, global_slots, C, V, **settings).double()
    bank.keys.copy_(normalize(bank.keys, dim=1))
    for table in bank.tables.each():
        table.known.fill_(known)
        table.values.copy_(normalize(table.values, dim=1))
    return bank


def batch(seed, count=2):
    g = rng(seed)
    content = torch.randn(count, C, SIDE, SIDE, generator=g, dtype=torch.float64)
    dense = torch.randn(count, V, SIDE, SIDE, generator=g, dtype=torch.float64)
    return content, dense, torch.randint(0, 3, (count, SIDE * SIDE), generator=g)


def cosine(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True)) / float(a.norm() * b.norm())


def pixels(features):
    """(N, C, h, w) to a list of images, each a list of vectors."""
    return [list(image.flatten(1).t()) for image in features]


def slow_weights(bank, query, label, known, tau):
    """Eq. 1 for one pixel, by its words."""
    allowed = [t for t in range(len(bank.keys)) if known[t] and bank.slot_class[t] in (label, GLOBAL)]
    exponentials = {t: math.exp(cosine(query, bank.keys[t]) / tau) for t in allowed}
    return [exponentials.get(t, 0.0) / sum(exponentials.values()) for t in range(len(bank.keys))]


def slow_sums(bank, content, dense, labels, tau):
    """Eq. 4 to 6 before normalisation: for each slot its pixels, dk and dv, by loops."""
    members = {t: [] for t in range(len(bank.keys))}
    for queries, attributes, label in zip(pixels(content), pixels(dense), labels, strict=True):
        for q, a, c in zip(queries, attributes, label, strict=True):
            for group in (int(c), GLOBAL):
                slots = [t for t in members if bank.slot_class[t] == group and (group != GLOBAL or t >= 6)]
                if slots and not (group == UNKNOWN and slots[0] < 6):
                    members[max(slots, key=lambda t: cosine(q, bank.keys[t]))].append((q, a))
    found = {}
    for t, assigned in members.items():
        if assigned:
            exponentials = [math.exp(cosine(q, bank.keys[t]) / tau) for q, _ in assigned]
            u = [e / sum(exponentials) for e in exponentials]
            dk = sum(w * q / q.norm() for w, (q, _) in zip(u, assigned, strict=True))
            dv = sum(w * a / a.norm() for w, (_, a) in zip(u, assigned, strict=True))
            found[t] = dk / dk.norm(), dv / dv.norm()
    return found


def test_read_weights_by_loops():
    bank = make_bank(tau_r=0.3)
    bank.tables["T2"].known[2] = False
    content, _, labels = batch(0)
    weights = bank.weights(content, bank.known[1], labels)
    for n, image in enumerate(pixels(content)):
        for p, query in enumerate(image):
            expected = slow_weights(bank, query, labels[n, p], bank.known[1], 0.3)
            assert weights[n, :, p].tolist() == pytest.approx(expected, abs=1e-12)


def test_retrieved_map_by_loops():
    bank = make_bank(tau_r=0.3)
    content, _, labels = batch(0)
    table = bank.table("T2")
    retrieved = bank.retrieve(content, table, labels)
    assert retrieved.shape == (2, V, SIDE, SIDE)
    for n, image in enumerate(pixels(content)):
        for p, query in enumerate(image):
            weights = slow_weights(bank, query, labels[n, p], table.known, 0.3)
            expected = math.sqrt(V) * sum(w * b for w, b in zip(weights, bank.values[1], strict=True))
            torch.testing.assert_close(retrieved.flatten(2)[n, :, p], expected)


def test_without_labels_all_slots_are_read():
    bank = make_bank()
    content, _, labels = batch(0)
    free = bank.weights(content, bank.known[0], None)
    assert (free > 0).all()
    torch.testing.assert_close(free.sum(1), torch.ones_like(free[:, 0]))
    assert torch.equal(free, bank.weights(content, bank.known[0], torch.full_like(labels, UNKNOWN)))


def test_an_image_without_labels_beside_one_with_labels():
    bank = make_bank()
    content, _, labels = batch(0)
    labels[1] = UNKNOWN
    weights = bank.weights(content, bank.known[0], labels)
    assert (weights[1] > 0).all()
    assert (weights[0] == 0).any()


def test_reading_global_slots_alone():
    bank = make_bank(test_read="global")
    weights = bank.weights(batch(0)[0], bank.known[0], None)
    assert (weights[:, :6] == 0).all()
    assert (weights[:, 6:] > 0).all()


def test_a_pixel_whose_class_has_no_slot_reads_what_is_known():
    bank = make_bank(global_slots=0)
    bank.tables["T1"].known[5] = False
    weights = bank.weights(batch(0)[0], bank.known[0], torch.full((2, 16), 7))
    assert torch.isfinite(weights).all()
    assert (weights[:, :5] > 0).all()
    assert (weights[:, 5] == 0).all()


def test_a_bank_that_knows_nothing_can_still_be_read():
    bank = make_bank(known=False)
    assert torch.isfinite(bank.retrieve(batch(0)[0], bank.table("T1"), None)).all()


def test_a_low_temperature_sharpens_the_read():
    content = batch(0)[0]
    sharp, literal = (make_bank(tau_r=tau).weights(content, torch.ones(8, dtype=torch.bool), None) for tau in (0.1, 1))
    assert sharp.amax(1).mean() > 0.5
    assert literal.amax(1).mean() < 0.3


def test_each_labelled_pixel_chooses_one_slot_of_its_class_and_one_global():
    bank = make_bank()
    content, _, labels = batch(3)
    labels[0, 0] = UNKNOWN
    chosen = assign(bank.similarity(content), labels, bank.slot_class)
    structural, everywhere = chosen[:, :6], chosen[:, 6:]
    assert (everywhere.sum(1) == 1).all()
    assert torch.equal(structural.sum(1), (labels != UNKNOWN).double())
    right = bank.slot_class[:6][None, :, None] == labels[:, None, :]
    assert (structural <= right).all()


@pytest.mark.parametrize("warm_up", [False, True])
def test_update_by_loops(warm_up):
    bank = make_bank(rho=0.7, tau_u=0.3, warm_up=warm_up)
    for step in range(3):
        batches = {m: batch(10 * step + i) for i, m in enumerate(PAIR)}
        if step == 1:
            batches["T2"][2].fill_(1)
        kept = min(0.7, step / (step + 1)) if warm_up else 0.7
        expected_keys, expected_values = bank.keys.clone(), bank.values.clone()
        found = {m: slow_sums(bank, *batches[m], 0.3) for m in PAIR}
        for t in range(8):
            directions = [found[m][t][0] for m in PAIR if t in found[m]]
            if directions:
                dk = normalize(sum(directions), dim=0)
                expected_keys[t] = normalize(kept * bank.keys[t] + (1 - kept) * dk, dim=0)
            for i, m in enumerate(PAIR):
                if t in found[m]:
                    updates = int(bank.tables[m].updates[t])
                    kept_value = min(0.7, updates / (updates + 1)) if warm_up else 0.7
                    mixed = kept_value * bank.values[i, t] + (1 - kept_value) * found[m][t][1]
                    expected_values[i, t] = normalize(mixed, dim=0)
        bank.update({m: bank.sums(*batches[m]) for m in PAIR})
        torch.testing.assert_close(bank.keys, expected_keys)
        torch.testing.assert_close(bank.values, expected_values)
        torch.testing.assert_close(bank.keys.norm(dim=1), torch.ones(8, dtype=torch.float64))
        assert step != 1 or set(found["T2"]) <= {1, 2, 6, 7}
    assert max(table.updates.max() for table in bank.tables.each()) == 3


def test_slots_without_pixels_stay_as_they_are():
    bank = make_bank()
    keys, values = bank.keys.clone(), bank.values
    content, dense, labels = batch(0)
    bank.update({m: bank.sums(content, dense, torch.full_like(labels, 1)) for m in PAIR})
    others = [0, 3, 4, 5]
    assert torch.equal(bank.keys[others], keys[others])
    assert torch.equal(bank.values[:, others], values[:, others])
    assert not torch.equal(bank.keys[1:3], keys[1:3])


def test_unlabelled_images_move_global_slots_alone():
    bank = make_bank()
    keys = bank.keys.clone()
    content, dense, labels = batch(0)
    bank.update({m: bank.sums(content, dense, torch.full_like(labels, UNKNOWN)) for m in PAIR})
    assert torch.equal(bank.keys[:6], keys[:6])
    assert not torch.equal(bank.keys[6:], keys[6:])


def test_swapping_the_modalities_swaps_values_only():
    one, other = make_bank(rho=0.5), make_bank(rho=0.5)
    other.tables["T1"].values.copy_(one.tables["T2"].values)
    other.tables["T2"].values.copy_(one.tables["T1"].values)
    first, second = batch(1), batch(2)
    one.update({"T1": one.sums(*first), "T2": one.sums(*second)})
    other.update({"T1": other.sums(*second), "T2": other.sums(*first)})
    torch.testing.assert_close(one.keys, other.keys)
    torch.testing.assert_close(one.values, other.values.flip(0))


def test_rho_of_one_leaves_the_bank():
    bank = make_bank(rho=1.0, warm_up=False)
    keys, values = bank.keys.clone(), bank.values
    bank.update({m: bank.sums(*batch(0)) for m in PAIR})
    torch.testing.assert_close(bank.keys, keys)
    torch.testing.assert_close(bank.values, values)


def test_warm_up_averages_the_first_batches():
    bank = make_bank(slots={}, global_slots=1, rho=0.99)
    shared = torch.randn(1, V, 1, 1, generator=rng(99), dtype=torch.float64)
    directions = []
    for step in range(5):
        content, dense, labels = batch(step)
        sums = {m: bank.sums(content, dense / 4 + shared, labels) for m in PAIR}
        directions.append(normalize(sums["T1"].value[0], dim=0))
        bank.update(sums)
    # Each step normalises anew, so the mean is met only to second order in the angles.
    assert cosine(bank.values[0, 0], sum(directions)) > 0.9999
    assert cosine(bank.values[0, 0], directions[0]) < 0.999


def test_prototypes_carry_gradient_to_attributes_alone():
    bank = make_bank(rho=0.5, warm_up=False)
    content, dense, labels = batch(0)
    content.requires_grad_()
    dense.requires_grad_()
    sums = bank.sums(content, dense, torch.full_like(labels, 1))
    own = bank.prototypes(sums, "T1")
    assert torch.equal(own.values[3], bank.values[0, 3])
    (own.values * torch.arange(V)).sum().backward(retain_graph=True)
    assert content.grad is None
    assert (dense.grad.abs().sum((1,)) > 0).all()
    own_gradient = dense.grad.clone()
    dense.grad = None
    blended = bank.blended(sums, "T1")
    (blended.values * torch.arange(V)).sum().backward()
    assert 0 < dense.grad.norm() < own_gradient.norm()
    bank.update(dict.fromkeys(PAIR, sums))
    torch.testing.assert_close(bank.values[0], blended.values)
    assert not bank.values.requires_grad


def test_the_read_moves_content():
    bank = make_bank()
    content = batch(0)[0].requires_grad_()
    bank.retrieve(content, bank.table("T1"), None).square().sum().backward()
    assert content.grad.abs().sum() > 0


def test_a_slot_begins_as_a_query_of_its_class_and_is_unread_until_then():
    bank = make_bank(known=False)
    batches = {m: batch(i) for i, m in enumerate(PAIR)}
    for _, _, labels in batches.values():
        labels[labels == 2] = 1
    foreground = [torch.zeros(2, 16, dtype=torch.bool) for _ in PAIR]
    foreground[0][:, 3] = True
    before = bank.keys.clone()
    bank.seed([b[0] for b in batches.values()], [b[2] for b in batches.values()], foreground, rng())
    queries = [q for b in batches.values() for image in unit_pixels(b[0]) for q in image.t()]
    labels = torch.cat([b[2].flatten() for b in batches.values()])
    for t in range(8):
        matches = [n for n, q in enumerate(queries) if torch.allclose(q, bank.keys[t])]
        wanted = bank.slot_class[t]
        if wanted == 2:
            assert torch.equal(bank.keys[t], before[t])
        elif wanted == GLOBAL:
            assert matches[0] in (3, 19)
        else:
            assert labels[matches[0]] == wanted
    bank.update({m: bank.sums(*b) for m, b in batches.items()})
    assert not bank.known[:, 3:6].any()
    assert bank.known[:, 0].all()
    assert (bank.weights(batch(0)[0], bank.known[0], None)[:, 3:6] == 0).all()


def test_values_begin_as_the_first_prototype_in_spite_of_rho():
    bank = make_bank(known=False, rho=0.99, warm_up=False)
    sums = bank.sums(*batch(0))
    blended = bank.blended(sums, "T1")
    torch.testing.assert_close(blended.values[sums.present], bank.prototypes(sums, "T1").values[sums.present])


def test_a_slot_passed_over_begins_anew_but_a_rare_class_is_not_forgotten():
    bank = make_bank(reseed_after=3)
    bank.keys[1] = bank.keys[2]  # a tie: the first of the two gets every pixel
    content, dense, labels = batch(0)
    labels[labels == 0] = 1
    keys = bank.keys.clone()
    everywhere = torch.ones_like(labels, dtype=torch.bool)
    for step in range(4):
        bank.seed([content] * 2, [labels] * 2, [everywhere] * 2, rng(step))
        if step == 2:
            assert torch.equal(bank.keys[2], keys[2])
            assert bank.age[2] == 2
        assert bank.known[:, 2].all() == (step < 3)
        sums = {m: bank.sums(content, dense, labels) for m in PAIR}
        if step < 3:
            sums["T1"].mass[2] = sums["T2"].mass[2] = 0.0
        bank.update(sums)
    assert not torch.equal(bank.keys[2], keys[2])
    assert torch.equal(bank.keys[0], keys[0])
    assert bank.age[0] == 0
    assert bank.key_updates[2] <= 1 < bank.key_updates[1]


def test_reduced_precision_reaches_the_bank_as_single():
    torch.manual_seed(0)
    bank = BrainMemoryBank(PAIR, SLOTS, 2, C, V)
    for table in bank.tables.each():
        table.known.fill_(True)
    content, dense, labels = batch(0)
    with torch.autocast("cpu", torch.bfloat16):
        sums = bank.sums(content.bfloat16(), dense.bfloat16(), labels)
        retrieved = bank.retrieve(content.bfloat16(), bank.table("T1"), labels)
    assert {t.dtype for t in (sums.key, sums.value, sums.mass, retrieved)} == {torch.float32}
    double = BrainMemoryBank(PAIR, SLOTS, 2, C, V).double()
    double.load_state_dict(bank.state_dict())
    expected = double.sums(content.bfloat16().double(), dense.bfloat16().double(), labels)
    torch.testing.assert_close(sums.value.double(), expected.value, atol=1e-5, rtol=1e-5)


def test_the_state_holds_everything():
    one, other = make_bank(seed=0), make_bank(seed=1)
    one.update({m: one.sums(*batch(0)) for m in PAIR})
    other.load_state_dict(one.state_dict())
    for bank in (one, other):
        bank.update({m: bank.sums(*batch(1)) for m in PAIR})
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    assert not list(one.parameters())


def _share(rank, port, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    bank = make_bank(rho=0.7)
    share = {m: tuple(t[2 * rank : 2 * rank + 2] for t in batch(i, count=4)) for i, m in enumerate(PAIR)}
    share["T1"][1].requires_grad_()
    sums = {m: bank.sums(*b) for m, b in share.items()}
    loss = (1 + rank) * (bank.prototypes(sums["T1"], "T1").values * torch.arange(V)).sum()
    loss.backward()
    bank.update(sums)
    row = torch.full((3, 2), float(rank))
    first = from_first_rank(row, torch.tensor([rank == 1, True, False]))
    results[rank] = bank.state_dict(), share["T1"][1].grad, first, sum_over_ranks(row)
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one_with_the_joint_batch():
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        port = 29500 + torch.randint(0, 2000, (1,)).item()
        multiprocessing.spawn(_share, (port, results), nprocs=2)
        found = [results[0], results[1]]
    bank = make_bank(rho=0.7)
    joint = {m: batch(i, count=4) for i, m in enumerate(PAIR)}
    joint["T1"][1].requires_grad_()
    sums = {m: bank.sums(*b) for m, b in joint.items()}
    (3 * (bank.prototypes(sums["T1"], "T1").values * torch.arange(V)).sum()).backward()
    bank.update(sums)
    for state, _, first, total in found:
        for name, tensor in bank.state_dict().items():
            torch.testing.assert_close(state[name], tensor, msg=name)
        assert first[0][:2].tolist() == [[1, 1], [0, 0]]
        assert first[1].tolist() == [True, True, False]
        assert (total == 1).all()
    gradients = torch.cat([gradient for _, gradient, _, _ in found])
    torch.testing.assert_close(gradients, joint["T1"][1].grad)
