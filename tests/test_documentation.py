"""Pages and code say the same: every key of the plans and every link is held to the code."""

import re
from pathlib import Path

import pytest

from hifisyn.plans import Plans
from hifisyn.settings import flat
from hifisyn.training import registry

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("documentation/**/*.md")])


@pytest.mark.parametrize("part", ["slices", "preprocessing", "memory", "networks", "losses", "training"])
def test_every_key_of_the_plans_is_documented_with_its_default(part):
    page = (ROOT / "documentation/reference/plans.md").read_text()
    section = page.split(f"## {part}\n")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \|(.*)$", section, flags=re.MULTILINE))
    kind = Plans.model_fields[part].annotation
    assert kind is not None
    fields = kind.model_fields
    assert set(documented) == set(fields)
    for name, field in fields.items():
        if not field.is_required():
            assert f"`{field.default}`" in documented[name]


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
