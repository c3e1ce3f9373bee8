"""Where nobody holds the truth: what translations are held against, and that no truth is looked at."""

import numpy as np
import pytest
import torch

from hifisyn.directions import Direction
from hifisyn.training import unpaired_score
from hifisyn.training.unpaired_score import BASE, CYCLE, SCORE, SEGMENTATION, TISSUES
from hifisyn.training.validation import ValidationSet, translate_all
from hifisyn.training.without_pairs import RealScans, measure_without_pairs
from tests.support.predict_toys import Doubtful
from tests.support.training_toys import Toy, toy_plans, toy_store
from tests.support.untrusted import doubt

PAIR = ("T1", "T2")
THERE = Direction("T1", "T2")
TRAIN = ("c0", "c1", "c2")


def rewritten(store, case, labelled=True, **images):
    """Write a case again with other images, or without its labels."""
    has = {m: images.get(m, store.image(case, m)) for m in PAIR}
    store.write(case, has, store.brain(case), store.label(case) if labelled else None, {"subject": case})


def numbers_of(store, base=None, trainer=None, cases=("c6", "c7")):
    validation = ValidationSet.read(store, cases, PAIR, 16)
    assert validation is not None
    expected = RealScans(store, TRAIN, 16, base).expected(validation)
    trainer = trainer or Toy(toy_plans(Toy), PAIR)
    torch.manual_seed(0)
    for parameter in trainer.networks.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    return expected, measure_without_pairs(trainer, validation, expected, translate_all(trainer, validation))


def test_every_direction_has_its_parts_and_their_score(tmp_path):
    _, numbers = numbers_of(toy_store(tmp_path), base=lambda direction, slices: -slices[:, 1])
    parts = {TISSUES, CYCLE, SEGMENTATION, BASE}
    for direction in ("T1_to_T2", "T2_to_T1"):
        own = {name: numbers[f"{direction}/{name}"] for name in parts}
        assert numbers[f"{direction}/{SCORE}"] == pytest.approx(unpaired_score.unpaired_score(own))
    assert len(numbers) == 2 * (len(parts) + 1)


class Moves(Toy):
    """A method that begins with the base model."""

    ADAPTS_BASE = True


def test_a_base_model_that_was_moved_is_not_asked_whether_it_stayed(tmp_path):
    """What is highest before the first step chooses nothing: only far from the base model agreement counts."""
    store, scores = toy_store(tmp_path), []
    moving, validation = Moves(toy_plans(Toy), PAIR), ValidationSet.read(store, ("c6",), PAIR, 16)
    assert validation is not None
    made = translate_all(moving, validation)
    for sign in (1, 0.99, -1):
        noise = 0.1 * made[THERE].std() * np.random.default_rng(0).normal(size=made[THERE].shape)
        near = {d: sign * images + (noise if sign == 0.99 else 0) for d, images in made.items()}
        found = RealScans(store, TRAIN, 16, lambda d, slices: near[d]).expected(validation)  # noqa: B023
        numbers = measure_without_pairs(moving, validation, found, made)
        scores.append(numbers[f"T1_to_T2/{SCORE}"])
    assert scores[0] == scores[1] > scores[2]
    before = {TISSUES: 0.8, CYCLE: 0.6, SEGMENTATION: 0.5, BASE: 1.0}
    better = {TISSUES: 0.81, CYCLE: 0.61, SEGMENTATION: 0.48, BASE: 0.98}
    assert unpaired_score.moved_score(better) > unpaired_score.moved_score(before)
    assert unpaired_score.unpaired_score(better) < unpaired_score.unpaired_score(before)


def test_the_truth_of_validation_cases_is_never_looked_at(tmp_path):
    store = toy_store(tmp_path)
    _, before = numbers_of(store)
    there = {name: value for name, value in before.items() if name.startswith("T1_to_T2")}
    for case in ("c6", "c7"):
        rewritten(store, case, T2=np.zeros_like(store.image(case, "T2")))
    _, after = numbers_of(store)
    assert there == {name: value for name, value in after.items() if name.startswith("T1_to_T2")}
    rewritten(store, "c0", T2=np.zeros_like(store.image("c0", "T2")))
    assert numbers_of(store)[1][f"T1_to_T2/{TISSUES}"] != before[f"T1_to_T2/{TISSUES}"]


def test_real_tissues_are_those_of_training_scans_of_the_target(tmp_path):
    store = toy_store(tmp_path)
    expected, _ = numbers_of(store)
    values = np.concatenate([store.image(c, "T2")[:, 4:20, 4:20][store.label(c)[:, 4:20, 4:20] == 2] for c in TRAIN])
    assert expected[THERE].tissues[2].mean() == pytest.approx(values.mean(), abs=0.01)
    assert set(np.unique(expected[THERE].labels)) == {0, 1, 2, 3}


def test_without_labels_the_brain_is_one_tissue_and_nothing_is_segmented(tmp_path):
    store = toy_store(tmp_path)
    for case in TRAIN:
        rewritten(store, case, labelled=False)
    expected, numbers = numbers_of(store)
    assert set(expected[THERE].tissues) == {1}
    brain = store.brain("c6", 0)[4:20, 4:20]  # the same in all slices
    assert all(np.array_equal(label > 0, brain) for label in expected[THERE].labels)
    assert f"T1_to_T2/{TISSUES}" in numbers
    assert f"T1_to_T2/{SEGMENTATION}" not in numbers


def test_labels_of_a_doubtful_scan_do_not_count(tmp_path):
    store = toy_store(tmp_path)
    doubt(store.folder / "c6.json", "T2")
    doubt(store.folder / "c7.json", "T2")
    expected, numbers = numbers_of(store)
    assert not expected[Direction("T2", "T1")].labels.any()
    assert f"T2_to_T1/{TISSUES}" not in numbers
    assert f"T2_to_T1/{CYCLE}" in numbers
    assert expected[THERE].labels.any()


def test_the_base_model_sees_the_slices_amid_their_neighbours(tmp_path):
    store, seen = toy_store(tmp_path), {}

    def base(direction, slices):
        seen[direction] = slices
        return slices[:, 1] if direction == THERE else None

    expected, numbers = numbers_of(store, base, cases=("c6",))
    validation = ValidationSet.read(store, ["c6"], PAIR, 16)
    assert validation is not None
    case, number = validation.samples[THERE].source.places[-1]
    assert np.array_equal(seen[THERE][-1], store.neighbours(case, "T1", number, 1)[:, 4:20, 4:20])
    assert seen[THERE].shape[1:] == (3, 16, 16)
    assert expected[Direction("T2", "T1")].base is None
    assert f"T2_to_T1/{BASE}" not in numbers


def test_a_method_that_wants_neighbours_is_measured_too(tmp_path):
    store = toy_store(tmp_path)
    validation = ValidationSet.read(store, ["c6"], PAIR, 16, context=1)
    assert validation is not None
    trainer = Doubtful(toy_plans(Toy), PAIR)
    expected = RealScans(store, TRAIN, 16).expected(validation)
    numbers = measure_without_pairs(trainer, validation, expected, translate_all(trainer, validation))
    assert np.isfinite(numbers[f"T1_to_T2/{CYCLE}"])
