"""The paper's equations as they are printed, each a switch, against loops and hand-made cases."""

# mypy: no-check-untyped-defs
import math

import pytest
import torch
from torch.nn.functional import normalize

from hifisyn.losses.contents import UNKNOWN, Contents
from hifisyn.losses.pgd import draw_anchors, pixel_loss
from hifisyn.methods.hifisyn.memory_bank import unit_pixels
from hifisyn.methods.hifisyn.sgd import rank_weight, region_vectors, structure_difference, structure_loss
from tests.methods.hifisyn.test_granularity_losses import STRUCTURES, C, M, P, contents, cosine, nce, rng
from tests.methods.hifisyn.test_memory_bank import PAIR, V, batch, make_bank


def all_pixels(bank, content, dense, slot, tau):
    """Eq. 6 as printed, by loops: every pixel of the batch has a weight, whatever its label."""
    queries = list(unit_pixels(content).transpose(1, 2).flatten(0, 1))
    attributes = list(unit_pixels(dense).transpose(1, 2).flatten(0, 1))
    exponentials = [math.exp(cosine(q, bank.keys[slot]) / tau) for q in queries]
    u = [e / sum(exponentials) for e in exponentials]
    return sum(w * q for w, q in zip(u, queries, strict=True)), sum(w * a for w, a in zip(u, attributes, strict=True))


def test_equations_4_to_6_by_loops():
    bank = make_bank(rho=0.3, tau_u=1.0, warm_up=False, update_pixels="all", update_sums="raw")
    batches = {m: batch(i) for i, m in enumerate(PAIR)}
    batches["T1"][2].fill_(UNKNOWN)
    keys, values = bank.keys.clone(), bank.values
    for t in range(8):
        found = [all_pixels(bank, *batches[m][:2], t, 1.0) for m in PAIR]
        keys[t] = normalize(0.3 * keys[t] + 0.7 * (found[0][0] + found[1][0]), dim=0)
        for i in range(2):
            values[i, t] = normalize(0.3 * values[i, t] + 0.7 * found[i][1], dim=0)
    bank.update({m: bank.sums(*batches[m]) for m in PAIR})
    torch.testing.assert_close(bank.keys, keys)
    torch.testing.assert_close(bank.values, values)


def test_the_sum_of_both_contrasts_weighs_more_against_the_old_key_than_their_mean():
    moved = {}
    for form in ("unit", "raw"):
        bank = make_bank(slots={}, global_slots=1, rho=0.5, warm_up=False, update_sums=form)
        one = torch.zeros(1, 6, 1, 1, dtype=torch.float64)
        one[0, 0] = 1
        bank.keys.copy_(torch.eye(6, dtype=torch.float64)[1:2])
        sums = bank.sums(one, torch.ones(1, V, 1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.int64))
        bank.update(dict.fromkeys(PAIR, sums))
        moved[form] = bank.keys[0, :2]
    torch.testing.assert_close(moved["unit"], normalize(torch.tensor([1.0, 1.0]).double(), dim=0))
    torch.testing.assert_close(moved["raw"], normalize(torch.tensor([2.0, 1.0]).double(), dim=0))


def test_a_softmax_over_all_pixels_makes_all_slots_one_vector():
    cosines = {}
    for pixels in ("assigned", "all"):
        bank = make_bank(rho=0.01, tau_u=1.0, warm_up=False, update_pixels=pixels)
        for step in range(20):
            bank.update({m: bank.sums(*batch(2 * step + i)) for i, m in enumerate(PAIR)})
        pairs = (bank.keys @ bank.keys.t())[~torch.eye(8, dtype=torch.bool)]
        cosines[pixels] = float(pairs.mean())
    assert cosines["all"] > 0.99
    assert cosines["assigned"] < 0.5


def test_equation_3_as_printed_has_no_factor():
    content, _, labels = batch(0)
    scaled, plain = (make_bank(scaled_read=on) for on in (True, False))
    torch.testing.assert_close(
        scaled.retrieve(content, scaled.table("T2"), labels),
        math.sqrt(V) * plain.retrieve(content, plain.table("T2"), labels),
    )


def test_equation_7_as_printed_by_loops():
    c = contents(subjects=(0, 1, 2, 0))
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), P, rng())

    def one(m, query_of, key_of):
        losses = []
        for n in range(P):
            others = [(o, p) for o in range(M) if c.subjects[o] != c.subjects[m] for p in range(P)]
            negatives = [cosine(query_of[m, :, n], key_of[o, :, p]) for o, p in others]
            losses.append(nce(cosine(query_of[m, :, n], key_of[m, :, n]), negatives, 0.2))
        return sum(losses) / P

    expected = [(one(m, c.original, c.translated) + one(m, c.translated, c.original)) / 2 for m in range(M)]
    loss = pixel_loss(c, anchors, 0.2, False, negatives="others", other_pixels=(M - 1) * P)
    assert loss.tolist() == pytest.approx(expected)


def test_equation_7_as_printed_does_not_ask_for_the_place():
    flat = torch.ones(M, C, P)
    alone = Contents(flat, flat, torch.full((M, P), UNKNOWN), torch.zeros(M, dtype=torch.int64))
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), 8, rng())
    assert pixel_loss(alone, anchors, negatives="others").tolist() == pytest.approx([0] * M, abs=1e-6)
    assert pixel_loss(alone, anchors).tolist() == pytest.approx([math.log(P)] * M)


def test_equation_8_as_printed_keeps_the_map_and_structures_of_an_image_are_orthogonal():
    c = contents()
    masks = (c.labels[:, None, :] == STRUCTURES[None, :, None]).double()
    maps = region_vectors(c.original, masks, "map")
    assert maps.shape == (M, 4, C * P)
    for m in range(M):
        for s in range(4):
            by_hand = torch.where(c.labels[m] == s, c.original[m], 0.0).flatten()
            torch.testing.assert_close(maps[m, s], by_hand / by_hand.norm())
        torch.testing.assert_close(maps[m] @ maps[m].t(), torch.eye(4, dtype=torch.float64))
    loss = structure_loss(c, STRUCTURES, region="map")
    assert (loss != structure_loss(c, STRUCTURES)).all()


def test_equation_9_as_printed_ranks_the_largest_structure_first():
    original, translated = torch.zeros(1, 2, 20), torch.zeros(1, 2, 20)
    translated[:, :, :16] = 0.1
    translated[:, :, 16:] = 0.2
    c = Contents(original, translated, torch.tensor([[0] * 16 + [1] * 4]), torch.tensor([0]))
    masks = (c.labels[:, None, :] == torch.tensor([0, 1])[None, :, None]).float()
    total = structure_difference(c, masks, "sum")
    torch.testing.assert_close(total, torch.tensor([[2 * 16 * 0.1, 2 * 4 * 0.2]]))
    valid = torch.ones(1, 2, dtype=torch.bool)
    assert rank_weight(total, valid)[0].argmax() == 0
    assert rank_weight(structure_difference(c, masks), valid)[0].argmax() == 1


def test_alpha_s_says_how_fast_the_weight_falls():
    difference, valid = torch.tensor([[3.0, 2.0, 1.0]]), torch.ones(1, 3, dtype=torch.bool)
    for alpha in (0.0, 0.5, 2.0):
        expected = [1.0, math.exp(-alpha), math.exp(-2 * alpha)]
        assert rank_weight(difference, valid, alpha)[0].tolist() == pytest.approx(expected)
    c = contents()
    assert structure_loss(c, STRUCTURES, alpha_s=0.0).sum() > structure_loss(c, STRUCTURES, alpha_s=2.0).sum()
