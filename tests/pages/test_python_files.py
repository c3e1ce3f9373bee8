"""Pages are written by templates: no Python string of the package holds markup, styles or scripts."""

import ast
import re

import pytest

from tests.test_import_floors import ROOT, modules

NAMES = (
    "a|b|body|button|caption|circle|code|div|em|figcaption|figure|form|g|h[1-6]|head|header|html|i|img|input|label|li|"
    "line|link|main|meta|nav|ol|option|p|path|pre|rect|script|section|select|small|span|strong|style|summary|svg|table|"
    "tbody|td|text|textarea|tfoot|th|thead|title|tr|ul"
)
FOREIGN = {
    "markup": re.compile(rf"</?(?:{NAMES})(?=[\s>/]|$)|<!doctype", re.IGNORECASE),
    "style": re.compile(r"\{\s*[a-z-]+\s*:\s*[^{};]+;"),
    "script": re.compile(r"=>\s*\{|\bdocument\.\w|addEventListener|\bfunction\s*\w*\(|\bconst \w+ =|\"use strict\""),
}
TEMPLATING = "environment.py"


def strings(tree):
    """Yield the string constants of a module that are no docstrings, the parts of f-strings too."""
    expressions = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in expressions:
            yield node


def foreign(text):
    return [kind for kind, pattern in FOREIGN.items() if pattern.search(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('<td class="', "markup"),
        ("</table>", "markup"),
        ("<!doctype html>", "markup"),
        (".a { color: red; }", "style"),
        ("rows.map(row => { draw(row); })", "script"),
        ('"use strict";', "script"),
    ],
)
def test_what_belongs_into_files_of_their_own_is_recognised(text, kind):
    assert foreign(text) == [kind]


@pytest.mark.parametrize(
    "text", ["p < 0.001", "T1 <-> T2", "x < b", "{name: of the case}", "a -> b", "<NAME>", "{a}: {b};"]
)
def test_plain_texts_are_left_alone(text):
    assert foreign(text) == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_python_holds_no_markup_style_or_script(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in strings(tree):
        assert not foreign(node.value), f"line {node.lineno}: {node.value[:80]!r}; put it into a template"
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert path.name == TEMPLATING or not called & {"escape", "Markup"}, "templates escape what they are given"
