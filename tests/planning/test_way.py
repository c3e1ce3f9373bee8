import pytest

from hifisyn.cohort.plan_steps import training_subjects
from hifisyn.cohort.summary import essentials
from hifisyn.dataset import Case, Dataset
from hifisyn.planning import planner
from hifisyn.planning.planner import SET_BY_HAND
from hifisyn.planning.splits import Fold, Splits
from hifisyn.planning.way import made_from, way
from hifisyn.training.registry import trainer_class
from tests.planning.test_planner import GPU, fingerprint, plan

SOURCES, TARGETS = ("T1", "T1ce", "T2", "PD", "FLAIR"), ("T1", "T2", "FLAIR")


@pytest.mark.parametrize(
    ("subjects", "chosen", "why"),
    [
        ({"T1": 0, "T2": 9}, "base", "0 training subjects with T1, under 4"),
        ({"T1": 90, "T2": 1}, "base", "1 training subject with T2, under 4"),
        ({"T1": 3, "T2": 3}, "base", "too few to train on"),
        ({"T1": 4, "T2": 4}, "base first", "4 training subjects with T1, under 20"),
        ({"T1": 300, "FLAIR": 19}, "base first", "19 training subjects with FLAIR"),
        ({"T1": 20, "T2": 25}, "train", "20 training subjects with T1, 20 or more"),
        ({"T1": 500, "T2": 500}, "train", "enough to train on"),
        ({"T1": 2}, "base", "T1 alone"),
        ({"PD": 2, "T1": 3}, "base", "the base model does not make PD"),
        ({"T1ce": 2, "PD": 2}, "train", "the base model makes none of T1ce, PD from another"),
        ({"T1": 2, "ADC": 2}, "train", "makes none of T1, ADC"),
        ({"ADC": 2}, "train", "makes none of ADC"),
    ],
)
def test_the_way_goes_by_the_rarer_contrast_and_what_the_base_model_makes(subjects, chosen, why):
    found = way(subjects, SOURCES, TARGETS)
    assert found.value == chosen
    assert why in found.reason


def test_no_base_model_no_other_way():
    assert way({"T1": 2, "T2": 2}, (), ()).value == "train"


def test_what_it_makes_comes_from_another_contrast():
    assert made_from(("T1", "ADC"), SOURCES, TARGETS) == []
    assert made_from(("ADC", "T1", "T2"), SOURCES, TARGETS) == ["T1", "T2"]
    assert made_from(("FLAIR",), SOURCES, TARGETS) == ["T1", "T2"]


def test_subjects_of_the_folds_are_counted_not_visits_nor_held_out_ones():
    has = {"a": "T1 T2", "a2": "T1", "b": "T1", "c": "T2", "held": "T1 T2"}
    owner = {"a2": "a"}
    cases = {name: Case(name, owner.get(name, name), dict.fromkeys(text.split(), "")) for name, text in has.items()}  # type: ignore[arg-type]
    dataset = Dataset("IXI", ("T1", "T2"), {"background": 0}, cases, {})
    splits = Splits(("held",), (Fold(("a", "a2", "b"), ("c",)),))
    assert training_subjects(dataset, splits, ("T1", "T2")) == {"T1": 2, "T2": 2}


def test_plans_say_the_way_and_why():
    chosen = way({"T1": 12, "T2": 12}, SOURCES, TARGETS)
    plans = plan(fingerprint(), GPU, way=chosen)
    assert (plans.way, plans.reasons["way"]) == ("base first", chosen.reason)
    line = next(line for line in essentials(plans) if line.startswith("  way "))
    assert "the base model first, HiFiSyn where it beats it (12 training subjects with T1" in line
    by_hand = plan(fingerprint(), GPU, way=chosen, assignments=["way=train"])
    assert (by_hand.way, by_hand.reasons["way"]) == ("train", SET_BY_HAND)
    other = planner.for_method(plans, trainer_class("CycleGAN"), "CycleGAN", fingerprint(), GPU)
    assert (other.way, other.reasons["way"]) == ("base first", chosen.reason)


def test_plans_without_a_way_say_nothing_of_it():
    plans = plan(fingerprint(), GPU)
    assert plans.way == "train"
    assert not any("way" in line for line in essentials(plans))
