"""The drawings of HiFi-Syn: every number in them is the plan's, nothing leaves the page, and the pages' are current."""

# mypy: no-check-untyped-defs
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from hifisyn.errors import UserError
from hifisyn.figures.framework_drawing import NetworkSizes
from hifisyn.figures.method_drawings import DRAWINGS, drawings, main, published
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from tests.support.deviations import planned
from tests.support.training_toys import toy_plans

IMAGES = Path(__file__).parents[2] / "documentation/images"
FRAMEWORK, SLOTS = DRAWINGS
SVG = "{http://www.w3.org/2000/svg}"
CHANGES = (
    "networks.width=8",
    "networks.attribute_code=5",
    "memory.slots={'background': 1, 'CSF': 4, 'GM': 6, 'WM': 2}",
    "memory.global_slots=7",
    "memory.value_width=24",
    "memory.rho=0.75",
    "memory.tau_r=0.3",
    "memory.p_unlabelled=0.2",
    "memory.reseed_after=77",
    "losses.sgd=3.5",
    "losses.ggd=0",
)


def words(text):
    return [element.text or "" for element in ElementTree.fromstring(text).iter(f"{SVG}text")]


def boxes(text):
    """Left, top, right and lower edges, and fill, of all boxes but the page."""
    found = list(ElementTree.fromstring(text).iter(f"{SVG}rect"))[1:]
    edges = [[float(one.get(key)) for key in ("x", "y", "width", "height")] for one in found]
    return [(x, y, x + w, y + h, one.get("fill")) for (x, y, w, h), one in zip(edges, found, strict=True)]


@pytest.fixture(scope="module")
def changed():
    plans = published().override(list(CHANGES))
    return plans, drawings(plans)


def test_the_framework_has_the_sizes_of_the_plan(changed):
    plans, made = changed
    text = words(made[FRAMEWORK])
    assert text.count("32 x 54 x 54") == 2
    assert text.count("24 x 54 x 54") == 1
    assert "20 slots, 7 of them global" in text
    assert "keys of 32, values of 24" in text
    assert "5 numbers" in text
    assert "PGD, SGD" in text
    assert text[-1] == "1 x PGD, pixels + 3.5 x SGD, structures"
    with torch.device("meta"):
        networks = HiFiSyn(plans, ("T1", "T2")).networks
    for name in NetworkSizes.__dataclass_fields__:
        count = sum(p.numel() for p in getattr(networks, name).parameters())
        assert f"{count / 1e6:.1f} M" in text, name


def test_the_published_sizes_are_those_of_the_specification():
    sizes = NetworkSizes.of(published())
    assert (sizes.content_encoder, sizes.attribute_encoder, sizes.generator) == (9_005_568, 2_712_976, 21_733_090)
    assert (sizes.image_discriminator, sizes.content_discriminator) == (2 * 25_146_881, 10_683_649)


def test_the_slots_are_those_of_the_plan(changed):
    _, made = changed
    text, drawn = words(made[SLOTS]), boxes(made[SLOTS])
    slots = [box for box in drawn if box[4] != "#ffffff"]
    assert len(slots) == 20 * 3  # keys, and values of two contrasts
    per_class = {fill: sum(box[4] == fill for box in slots) // 3 for fill in dict.fromkeys(box[4] for box in slots)}
    assert list(per_class.values()) == [1, 4, 6, 2, 7]
    assert text[0] == "Brain Memory Bank: 20 slots"
    assert "80% of the steps" in text
    assert any("cos(query, key) / 0.3" in line for line in text)
    assert any("0.75 x item + 0.25 x mean" in line for line in text)
    assert any("in 77 steps" in line for line in text)


def test_a_pixel_reads_its_class_and_the_global_slots(changed):
    _, made = changed
    drawn = boxes(made[SLOTS])
    reads = [box[:3:2] for box in drawn if box[4] == "#ffffff"]
    slots = [box for box in drawn if box[4] != "#ffffff"]
    classes = list(dict.fromkeys(box[4] for box in slots))
    spans = {
        place: (min(b[0] for b in slots if b[4] == fill) - 1, max(b[2] for b in slots if b[4] == fill) + 1)
        for place, fill in enumerate(classes)
    }
    assert reads[:2] == [pytest.approx(spans[place], abs=1e-3) for place in (2, 4)]
    assert reads[2:] == [pytest.approx(span, abs=1e-3) for span in spans.values()]


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_documentations_drawings_are_current_light_and_inside_the_page(name):
    text = drawings(planned("paper"))[name]
    assert (IMAGES / name).read_text() == text, "python -m hifisyn.figures.method_drawings draws them again"
    assert len(text) < 20_000
    page = ElementTree.fromstring(text)
    wide, tall = float(page.get("width")), float(page.get("height"))
    assert all(0 <= x < right <= wide and 0 <= y < low <= tall for x, y, right, low, _ in boxes(text))
    assert all(float(line.get("y")) <= tall for line in page.iter(f"{SVG}text"))
    assert float(page.get("font-size")) * 700 / wide >= 12


def test_the_command_draws_a_plan_of_ones_own(tmp_path):
    plans = published().override(["memory.global_slots=3"])
    plans.save(tmp_path / "plans.json")
    assert main(["--plans", str(tmp_path / "plans.json"), "-o", str(tmp_path)]) == 0
    assert re.search("13 slots, 3 of them global", (tmp_path / FRAMEWORK).read_text())


def test_a_plan_without_a_bank_has_no_drawing():
    with pytest.raises(UserError, match="memory bank"):
        drawings(toy_plans("HiFiSyn", "memory.slots={}", "memory.global_slots=0"))
