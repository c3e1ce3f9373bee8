import pytest

from hifisyn.methods.memory_layout import MOST_STRUCTURAL, layout

IXI = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
BRATS = IXI | {"oedema": 4, "necrosis": 5, "enhancing": 6}


def test_ixi_has_the_twenty_slots_of_the_paper():
    found = layout(IXI, {"background": 5000, "CSF": 300, "GM": 700, "WM": 500})
    assert found.slots == {"background": 2, "CSF": 2, "GM": 3, "WM": 3}
    assert found.global_slots == 10
    assert found.total == 20


@pytest.mark.parametrize("volumes", [None, dict.fromkeys(BRATS, 20.0)])
def test_brats_has_the_thirty_eight_slots_of_the_paper(volumes):
    found = layout(BRATS, volumes)
    assert list(found.slots.values()) == [2, 2, 3, 3, 3, 3, 3]
    assert (found.global_slots, found.total) == (19, 38)


def test_a_structure_that_no_case_holds_gets_no_slot_and_is_named():
    found = layout(BRATS, dict.fromkeys(BRATS, 20.0) | {"necrosis": 0.0})
    assert "necrosis" not in found.slots
    assert "necrosis none" in found.reason
    assert found.global_slots == 16


def test_a_tiny_lesion_gets_two():
    found = layout(IXI | {"lesion": 4}, {"background": 5000, "CSF": 300, "GM": 700, "WM": 500, "lesion": 0.1})
    assert found.slots["lesion"] == 2


def test_tissue_keeps_its_slots_however_small():
    assert layout(IXI, dict.fromkeys(IXI, 0.1)).slots == {"background": 2, "CSF": 2, "GM": 3, "WM": 3}


@pytest.mark.parametrize("number", [20, 45, 100])
def test_many_labels_are_capped_from_three_to_one_and_the_smallest_go_first(number):
    labels = {"background": 0} | {f"part{i}": i for i in range(1, number)}
    found = layout(labels, {name: 1.0 + value for name, value in labels.items()})
    assert sum(found.slots.values()) <= MOST_STRUCTURAL
    assert found.global_slots == sum(found.slots.values())
    assert "many labels" in found.reason
    assert f"part{number - 1}" in found.slots
    assert "background" in found.slots
    assert set(found.slots.values()) == {2 if number == 20 else 1}
    if number == 100:
        assert "part1" not in found.slots


def test_without_label_maps_there_are_global_slots_alone():
    found = layout(IXI, {})
    assert (found.slots, found.global_slots) == ({}, 10)
