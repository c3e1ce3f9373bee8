"""Renders pages from templates, which lie beside the code that uses them; all values are escaped."""

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

ROOMS = ("figures", "pages", "quality", "report", "reader_study", "tables")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"


@functools.cache
def environment() -> Environment:
    """Return the environment: a template is named by its room and file, such as "quality/page.html.jinja".

    `include_raw("quality/page.js")` puts a script or a style of the package into a page as it is.
    """
    result = Environment(
        loader=PrefixLoader({room: PackageLoader(f"hifisyn.{room}", "") for room in ROOMS}),
        autoescape=select_autoescape(enabled_extensions=("html", "html.jinja", "svg.jinja"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    result.globals |= {"include_raw": source, "policy": POLICY}
    result.policies["json.dumps_kwargs"] = {}  # keys keep their order, which menus follow
    return result


def render(template: str, **values: Any) -> str:
    """Return a whole page, or a part of one, as HTML."""
    return environment().get_template(template).render(**values)


def part(template: str, **values: Any) -> Markup:
    """Return a part of a page; templates insert it without escaping it again."""
    return Markup(render(template, **values))


def source(name: str) -> Markup:
    """Return the text of a style or script of the package, by its room and file."""
    loader = environment().loader
    assert loader is not None, "the environment has a loader"
    text, _, _ = loader.get_source(environment(), name)
    return Markup(text)
