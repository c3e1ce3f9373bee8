"""PatchNCE against slow loops, what it compares, and where positions are drawn."""

# mypy: no-check-untyped-defs
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from hifisyn.methods.instaformer.nce_heads import NCEHeads
from hifisyn.methods.instaformer.patch_nce import at, draw_positions, patch_nce


def unit(seed, *shape):
    return normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("tau", [0.07, 0.5])
def test_the_loss_is_that_of_slow_loops(tau):
    query, key = unit(0, 2, 5, 8), unit(1, 2, 5, 8)
    terms = []
    for q, k in zip(query.double().numpy(), key.double().numpy(), strict=True):
        for i in range(5):
            # As published: a column for the positive, and -10 in its place among the negatives.
            others = [-10 if j == i else q[i] @ k[j] for j in range(5)]
            scores = np.exp(np.array([q[i] @ k[i], *others]) / tau)
            terms.append(-math.log(scores[0] / scores.sum()))
    assert patch_nce(query, key, tau).item() == pytest.approx(np.mean(terms), rel=1e-5)


def test_equal_orthogonal_vectors_have_the_least_loss():
    same = torch.eye(6)[None]
    assert patch_nce(same, same, 0.5).item() == pytest.approx(math.log(1 + 5 * math.exp(-2)), rel=1e-5)
    assert patch_nce(same, same.roll(1, dims=1), 0.5) > patch_nce(same, same, 0.5)


def test_other_images_are_no_negatives():
    query, key = unit(0, 2, 5, 8), unit(1, 2, 5, 8)
    alone = [patch_nce(query[n : n + 1], key[n : n + 1]) for n in range(2)]
    assert torch.allclose(patch_nce(query, key), torch.stack(alone).mean())


def test_the_gradient_flows_into_the_query_only():
    query, key = unit(0, 1, 5, 8).requires_grad_(), unit(1, 1, 5, 8).requires_grad_()
    patch_nce(query, key).backward()
    assert query.grad is not None
    assert key.grad is None


def test_mixed_precision_does_not_reach_the_loss():
    query, key = unit(0, 2, 50, 8), unit(1, 2, 50, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(patch_nce(query, key), patch_nce(query.clone(), key))
        mixed = patch_nce(query, key)
    assert torch.equal(mixed, patch_nce(query, key))


def test_positions_are_drawn_without_replacement_among_those_allowed():
    allowed = torch.zeros(2, 40, dtype=torch.bool)
    allowed[0, 10:30], allowed[1, :4] = True, True
    drawn = draw_positions(allowed, 12, torch.Generator().manual_seed(0))
    assert drawn.shape == (2, 12)
    assert all(len(set(row.tolist())) == 12 for row in drawn)
    assert allowed[0][drawn[0]].all()
    assert set(range(4)) < set(drawn[1].tolist())
    assert draw_positions(allowed, 100, torch.Generator()).sort(dim=1).values.tolist() == [list(range(40))] * 2


def test_positions_are_all_alike():
    generator = torch.Generator().manual_seed(0)
    allowed = torch.ones(400, 20, dtype=torch.bool)
    counts = draw_positions(allowed, 5, generator).flatten().bincount(minlength=20)
    assert counts.min() > 60
    assert counts.max() < 140


def test_features_are_those_at_the_positions():
    features = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    taken = at(features, torch.tensor([[7, 0], [19, 6]]))
    assert torch.equal(taken[0, 0], features[0, :, 1, 2])
    assert torch.equal(taken[1, 0], features[1, :, 3, 4])
    assert torch.equal(taken[1, 1], features[1, :, 1, 1])


def test_heads_are_those_published():
    torch.manual_seed(0)
    heads = NCEHeads([1, 128, 256], 256)
    assert [tuple(layer[0].weight.shape) for layer in heads.heads] == [(256, 1), (256, 128), (256, 256)]
    weight = heads.heads[2][2].weight
    assert weight.std().item() == pytest.approx(0.02 * math.sqrt(2 / 512), rel=0.02)
    assert all(not layer.bias.any() for head in heads.heads for layer in (head[0], head[2]))
    samples = torch.randn(2, 7, 128)
    made = heads(samples, 1)
    first, _, last = heads.heads[1]
    expected = (samples @ first.weight.T).clamp_min(0) @ last.weight.T
    assert torch.allclose(made, expected / expected.norm(dim=2, keepdim=True), atol=1e-5)


def test_a_vector_of_zeros_has_a_finite_gradient():
    heads = NCEHeads([3], 4)
    patch_nce(heads(torch.zeros(1, 5, 3), 0), unit(0, 1, 5, 4)).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in heads.parameters())
