"""Whatever a page is given is escaped; scripts and styles of ours are not."""

import pytest
from jinja2 import UndefinedError

from hifisyn.pages.environment import environment, part, render, source


def test_values_are_escaped_and_parts_are_not():
    template = environment().from_string("<p>{{ name }}</p>{{ inner }}")
    inner = part("pages/base.html.jinja", title="<b>")
    assert template.render(name="<i>", inner=inner).startswith("<p>&lt;i&gt;</p><!doctype html>")
    assert "<title>&lt;b&gt;</title>" in inner


def test_a_value_that_is_lacking_is_no_empty_text():
    with pytest.raises(UndefinedError, match="title"):
        render("pages/base.html.jinja")


def test_styles_go_in_as_they_are():
    style = source("pages/style.css")
    assert style in render("pages/base.html.jinja", title="")
    assert '"' in style
