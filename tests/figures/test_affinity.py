"""Mean weights by structure against a loop over pixels and slots in double precision."""

import math

import numpy as np
import pytest
import torch

from hifisyn.figures.affinity import affinity, draw_affinity, even_share, own_share, query_weights
from hifisyn.figures.queries import Queries, label_slices, sample
from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank
from tests.support.training_toys import LABELS, toy_store

PAIR = ("T1", "T2")


THREE = ("FLAIR", "T1", "T2")


def bank(slots=None, global_slots=2, unknown=(), domains=PAIR, **kwargs):
    torch.manual_seed(0)
    bank = BrainMemoryBank(domains, {3: 2, 1: 1, 2: 1} if slots is None else slots, global_slots, 5, 4, **kwargs)
    tables = list(bank.tables.each())
    for table in tables:
        table.known.fill_(True)
    for table, slot in unknown:
        tables[table].known[slot] = False
    return bank


def queries(count=40, seed=0, domains=PAIR):
    rng = np.random.default_rng(seed)
    return Queries(
        rng.normal(size=(count, 5)).astype(np.float32) * 3,
        rng.integers(0, 4, count),
        np.array(domains)[rng.integers(0, len(domains), count)],
        np.array([f"c{i % 3}" for i in range(count)]),
    )


def slow(q, b, with_labels, domains=PAIR):
    """Return structure to slot number of the bank to mean weight."""
    keys, classes, known = b.keys.double().numpy(), b.slot_class.tolist(), b.known.tolist()
    rows: dict[int, list[list[float]]] = {}
    for n in range(len(q.structure)):
        z, own = q.content[n].astype(float), int(q.structure[n])
        each = []
        for table in (i for i, m in enumerate(domains) if m != q.modality[n]):
            exponentials = []
            for t, key in enumerate(keys):
                cosine = sum(float(a) * float(c) for a, c in zip(z, key, strict=True)) / math.sqrt(
                    sum(float(a) ** 2 for a in z)
                )
                allowed = known[table][t] and (not with_labels or classes[t] in (own, -1))
                exponentials.append(math.exp(cosine / b.tau_r) if allowed else 0.0)
            each.append([e / sum(exponentials) for e in exponentials])
        rows.setdefault(own, []).append(np.mean(each, axis=0))
    return {own: np.mean(each, axis=0) for own, each in rows.items()}


@pytest.mark.parametrize("with_labels", [False, True])
@pytest.mark.parametrize("unknown", [(), ((1, 0), (0, 4))])
@pytest.mark.parametrize("domains", [PAIR, THREE])
def test_affinity_equals_a_loop_over_pixels_and_slots(with_labels, unknown, domains):
    q, b = queries(domains=domains), bank(unknown=unknown, domains=domains)
    table = affinity(q, b, domains, LABELS, with_labels=with_labels)
    expected = slow(q, b, with_labels, domains)
    assert list(table.index) == ["background", "CSF", "GM", "WM"]
    assert list(table.columns) == [("CSF", 1), ("GM", 1), ("WM", 1), ("WM", 2), ("global", 1), ("global", 2)]
    place = [2, 3, 0, 1, 4, 5]  # of the columns among the slots, which the bank has as WM WM CSF GM global global
    for name, value in LABELS.items():
        np.testing.assert_allclose(table.loc[name], expected[value][place], atol=2e-6)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-6)


def test_with_labels_only_the_own_class_and_global_slots_are_read():
    table = affinity(queries(), bank(), PAIR, LABELS, with_labels=True)
    for name in table.index:
        others = [column for column in table.columns if column[0] not in (name, "global")]
        assert (table.loc[name, others] == 0).all()
    assert own_share(table)["background"] == 0
    assert even_share(table)["WM"] == pytest.approx(2 / 4)


def test_own_share_is_one_where_each_structure_has_a_key_of_its_own():
    b = bank({1: 1, 2: 1, 3: 1}, 0, tau_r=0.01)
    b.keys.copy_(torch.eye(5)[:3])
    structure = np.array([1, 2, 3, 3])
    q = Queries(np.eye(5, dtype=np.float32)[structure - 1] * 7, structure, np.array(["T1"] * 4), np.array(["c"] * 4))
    table = affinity(q, b, PAIR, LABELS, with_labels=False)
    np.testing.assert_allclose(own_share(table), 1, atol=1e-6)
    np.testing.assert_allclose(even_share(table), 1 / 3)


def test_a_heat_map_for_each_read_with_one_colour_scale(tmp_path, monkeypatch):
    from hifisyn.figures import style

    kept = []
    monkeypatch.setattr(style, "finish", lambda figure, path: kept.append(figure))
    tables = {name: affinity(queries(), bank(), PAIR, LABELS, with_labels=name == "b") for name in "ab"}
    draw_affinity(tmp_path / "a.png", tables)
    maps = [axis.images[0] for axis in kept[0].axes if axis.images]
    assert len(maps) == 2
    assert len({image.get_clim() for image in maps}) == 1
    assert maps[0].get_clim()[1] == pytest.approx(max(table.to_numpy().max() for table in tables.values()))


def test_pixels_are_balanced_seeded_and_encoded_where_they_lie(tmp_path):
    store = toy_store(tmp_path)

    def where(slices, modality):  # a content that tells its own place and grey value
        n, h, w = slices.shape
        y, x = np.mgrid[: h // 2, : w // 2]
        return np.stack(
            [slices[:, ::2, ::2], np.broadcast_to(y, (n, h // 2, w // 2)), np.broadcast_to(x, (n, h // 2, w // 2))], 1
        )

    def draw(seed):
        return sample(where, store, ["c0", "c1"], PAIR, (0, 1, 2, 3), crop=16, stride=2, per_structure=20, seed=seed)

    q = draw(0)
    assert {tuple(np.unique(q.structure[q.modality == m], return_counts=True)[1]) for m in PAIR} == {(20, 20, 20, 20)}
    assert q.cases == 2
    for content, structure, modality, case in zip(q.content, q.structure, q.modality, q.case, strict=True):
        y, x = 4 + 2 * int(content[1]), 4 + 2 * int(content[2])
        here = np.isclose(store.image(case, modality)[:, y, x], content[0]) & (store.label(case)[:, y, x] == structure)
        assert here.any()
    np.testing.assert_array_equal(q.content, draw(0).content)
    assert not np.array_equal(q.content, draw(1).content)
    assert set(q.brain().structure) == {1, 2, 3}


def test_slices_that_tell_most_hold_a_small_lesion():
    label = np.ones((50, 6, 6), int)
    label[17, 2, 2] = 4
    assert 17 in label_slices(label, (0, 1, 4))
    assert label_slices(np.zeros((5, 4, 4), int), (0, 1)) == []


def test_the_mean_over_single_queries_is_that_of_their_structure():
    q = queries()
    single, mean = (make(q, bank(), PAIR, LABELS, with_labels=False) for make in (query_weights, affinity))
    for name, value in LABELS.items():
        np.testing.assert_allclose(single[q.structure == value].mean(), mean.loc[name], atol=1e-12)
    assert len(own_share(single)) == len(q.structure)


def test_few_queries_are_two_of_each_structure_from_two_cases_in_one_contrast():
    q = queries(200)
    few = q.few([0, 1, 2, 3, 9])
    assert few.structure.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(few.modality) == {q.modality[0]}
    for place in range(0, 8, 2):
        assert few.case[place] != few.case[place + 1]
    one_case = Queries(q.content, q.structure, q.modality, np.full(len(q.case), "c"))
    assert one_case.few([3]).structure.tolist() == [3, 3]
