"""Pages and code say the same: every key of the plans and every link is held to the code."""

import re
from pathlib import Path

import pytest

from hifisyn.plans import Plans
from hifisyn.settings import Settings, flat
from hifisyn.training import registry

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("documentation/**/*.md")])


def rows(text):
    return dict(re.findall(r"^\| `(\w+)` \|(.*)$", text, flags=re.MULTILINE))


def documents(rows, fields):
    assert set(rows) == set(fields)
    for name, field in fields.items():
        default = field.get_default(call_default_factory=True)
        if not field.is_required() and not isinstance(default, Settings):
            assert f"`{default}`" in rows[name], name


@pytest.mark.parametrize("part", ["slices", "preprocessing", "optimisation", "batches", "length"])
def test_every_key_of_the_plans_is_documented_with_its_default(part):
    page = (ROOT / "documentation/reference/plans.md").read_text()
    section = page.split(f"## {part}\n")[1].split("\n## ")[0]
    kind = Plans.model_fields[part].annotation
    assert kind is not None
    documents(rows(section), kind.model_fields)


def test_every_part_of_the_plans_is_documented():
    page = (ROOT / "documentation/reference/plans.md").read_text()
    documents(rows(page.split("\n## ")[0]), Plans.model_fields)
    parts = {name for name, field in Plans.model_fields.items() if isinstance(field.default, Settings)}
    assert {part for part in parts | {"settings"} if f"\n## {part}\n" in page} == parts | {"settings"}


@pytest.mark.parametrize("method", registry.names())
def test_every_method_has_a_page_with_its_settings(method):
    trainer = registry.trainer_class(method)
    page = (ROOT / "documentation/methods" / f"{trainer.__module__.split('.')[-2]}.md").read_text()
    settings = flat(trainer.SETTINGS().model_dump())
    if not settings:
        return
    section = page.split("## Settings\n")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `([\w.]+)` \| `([^`]*)` \|", section, flags=re.MULTILINE))
    assert documented == {name: str(default) for name, default in settings.items()}
    assert f"-tr {method}" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
