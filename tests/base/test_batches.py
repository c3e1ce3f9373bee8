from copy import copy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from hifisyn.base.batches import Batches, altered, choose, draw_look
from hifisyn.base.condition import cluster, tissue_means
from hifisyn.base.contrasts import NAMED, SLOTS, STACK, TARGETS
from hifisyn.base.heads import STRANGE
from hifisyn.base.settings import InputSettings
from tests.support.base_toys import VALUES, toy_head, toy_heads

PLAIN = InputSettings(unnamed=0, alone=0, gamma=0, gain=0, noise=0, look_noise=0, untold=0, told=1)


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return toy_heads(tmp_path_factory.mktemp("heads"), side=20)


def fields(batch):
    return [getattr(batch, name) for name in ("slices", "condition", "targets", "brain", "weights")]


def test_a_batch_is_a_function_of_seed_and_step(heads):
    one, again = (Batches(heads, InputSettings(), 3, 4) for _ in range(2))
    again.read(0)
    for a, b in zip(fields(one.read(5)), fields(again.read(5)), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.read(5).slices, one.read(6).slices)
    assert not torch.equal(one.read(5).slices, Batches(heads, InputSettings(), 4, 4).read(5).slices)


def test_sides_are_multiples_of_eight_and_the_rest_is_outside(heads):
    batch = Batches(heads, InputSettings(), 0, 4).read(0)
    assert batch.slices.shape == (4, len(SLOTS) * STACK, 24, 24)
    assert batch.targets.shape == (4, 3, 24, 24)
    outside = (batch.brain == 0).expand_as(batch.targets)
    assert (batch.targets[outside] == -1).all()
    middle = batch.slices.reshape(4, len(SLOTS), STACK, 24, 24)[:, :, 1]
    assert (middle[(batch.brain == 0).expand_as(middle)] == -1).all()


def test_no_name_is_ever_wrong(heads):
    """The value of each tissue tells the contrast: what stands in a slot is what the slot is called."""
    batches = Batches(heads, PLAIN, 0, 8)
    for step in range(6):
        batch = batches.read(step)
        stacks = batch.slices.reshape(8, len(SLOTS), STACK, 24, 24)
        for n, (slot, name) in product(range(8), enumerate(NAMED)):
            there = bool(batch.condition[n, slot])
            assert there == bool((stacks[n, slot] > -1).any())
            white = (batch.targets[n, 0] - VALUES["T1"][2]).abs() < 0.01
            if there and white.any():
                assert stacks[n, slot, 1][white].mean() == pytest.approx(VALUES[name][2], abs=0.03)


def test_shares_of_what_is_drawn():
    rng, settings = np.random.default_rng(0), InputSettings()
    drawn = [choose(rng, settings) for _ in range(4000)]
    unnamed = [choice.slots["unnamed"] for choice in drawn if "unnamed" in choice.slots]
    assert len(unnamed) / 4000 == pytest.approx(settings.unnamed, abs=0.03)
    assert unnamed.count(STRANGE) / len(unnamed) == pytest.approx(settings.strange, abs=0.05)
    assert {len(choice.slots) for choice in drawn} == {1, 2, 3}
    for choice in drawn:
        assert all(slot in (name, "unnamed") for slot, name in choice.slots.items())
        given = set(choice.slots.values())
        assert choice.weights == tuple(settings.given if target in given else 1.0 for target in TARGETS)


def test_the_look_is_that_of_the_clean_targets(heads):
    head = heads.heads[0]
    look = draw_look(head, np.random.default_rng(0), PLAIN)
    whole = toy_head(0, side=20)
    for target in TARGETS:
        assert look[target][:3] == pytest.approx(tissue_means(whole.targets[target], whole.labels)[:3], abs=1e-3)
        assert look[target][3] is None
    rng = np.random.default_rng(0)
    untold = [not draw_look(head, rng, InputSettings(told=1)) for _ in range(2000)]
    assert np.mean(untold) == pytest.approx(0.3, abs=0.03)


def test_alteration_keeps_order_and_background():
    image = np.array([[-1.0, -0.5, 0.0, 0.9]], dtype=np.float32)
    for seed in range(20):
        changed = altered(image, np.random.default_rng(seed), InputSettings(noise=0))
        assert changed[0, 0] == -1
        assert np.all(np.diff(changed[0]) >= 0)
        assert np.abs(changed).max() <= 1
    np.testing.assert_allclose(altered(image, np.random.default_rng(0), PLAIN), image, atol=1e-6)


def test_clusters_find_tissues_by_brightness_and_leave_lesions():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 3, 4], [500, 300, 800, 900, 60]).astype(np.uint8)
    means = np.array([-1, -0.6, 0.1, 0.6, 0.1])
    t1 = np.where(labels > 0, np.clip(means[labels] + 0.05 * rng.standard_normal(labels.shape), -0.99, 1), -1)
    found = cluster(t1, np.where(labels == 4, labels, 0).astype(np.uint8))
    np.testing.assert_array_equal(found, labels)


def test_clusters_of_nothing_are_nothing():
    assert not cluster(np.full((2, 3), -1.0), np.zeros((2, 3), np.uint8)).any()


def test_a_look_may_be_that_of_clusters(heads):
    head = replace(heads.heads[0], clustered={target: [0.9, 0.8, 0.7, None] for target in TARGETS})
    for share, expected in ((0.0, head.look), (1.0, head.clustered)):
        settings = PLAIN.model_copy(update={"clustered": share})
        look = draw_look(head, np.random.default_rng(0), settings)
        assert look == {t: [None if m is None else pytest.approx(m) for m in expected[t]] for t in TARGETS}


def test_slices_are_sought_by_how_much_of_them_is_lesion(heads):
    toys = copy(heads)
    toys.heads = (replace(heads.heads[0], places=(0, 1, 2, 3), lesion=(0.0, 0.0, 0.1, 0.3)),)
    for share, expected in ((0.0, [0.25] * 4), (1.0, [0, 0, 0.25, 0.75])):
        batches = Batches(toys, PLAIN.model_copy(update={"lesioned": share}), 0, 1)
        rng = np.random.default_rng(0)
        places = [batches.places.draw(rng)[1] for _ in range(2000)]
        np.testing.assert_allclose(np.bincount(places, minlength=4) / 2000, expected, atol=0.04)
