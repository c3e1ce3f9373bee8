"""Templates, scripts and styles of all pages: they parse, fit together, and fetch, run and repeat nothing."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import hifisyn
from hifisyn.pages.environment import environment

ROOT = Path(hifisyn.__file__).parent
TEMPLATES, SCRIPTS, STYLES = (sorted(ROOT.glob(f"*/*.{kind}")) for kind in ("jinja", "js", "css"))
ALL = [*TEMPLATES, *SCRIPTS, *STYLES]
COMMENT = re.compile(r"/\*.*?\*/|\{#.*?#\}", re.DOTALL)
NODE = shutil.which("node")


def text_of(*files):
    return "\n".join(COMMENT.sub("", file.read_text(encoding="utf-8")) for file in files)


def short(file):
    return f"{file.parent.name}/{file.name}"


def per_file(*kinds):
    return pytest.mark.parametrize("file", [file for kind in kinds for file in kind], ids=short)


def words_in(text):
    """Return the words that markup and scripts name things by; a hyphen is part of a word."""
    return set(re.findall(r"[A-Za-z][\w-]*", text))


@per_file(SCRIPTS)
@pytest.mark.skipif(NODE is None, reason="needs node to parse JavaScript")
def test_scripts_parse(file):
    assert NODE is not None
    done = subprocess.run([NODE, "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@per_file(SCRIPTS, STYLES)
def test_brackets_are_balanced(file):
    text = text_of(file)
    for opening, closing in ("{}", "()", "[]"):
        assert text.count(opening) == text.count(closing), f"{opening} and {closing}"


@per_file(STYLES)
def test_styles_hold_declarations_alone(file):
    rest = text_of(file)
    while rest != (rest := re.sub(r"\{[^{}]*\}", ";", rest)):
        pass
    assert "{" not in rest
    for block in re.findall(r"\{([^{}]*)\}", text_of(file)):
        for line in filter(None, (part.strip() for part in block.split(";"))):
            assert re.fullmatch(r"(--)?[a-z][a-z-]*\s*:\s*\S.*", line, re.DOTALL), line


@per_file(TEMPLATES)
def test_scripts_of_a_page_are_strict_and_lie_in_files(file):
    for block in re.findall(r"<script>(.*?)</script>", text_of(file), re.DOTALL):
        assert not re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", block).strip()
        text = COMMENT.sub("", environment().from_string(block).render()).strip()
        functions = re.findall(r"^\(\(\) => \{\s*(.*)", text, re.MULTILINE)
        assert text.startswith('"use strict";') or functions
        assert all(first == '"use strict";' for first in functions)


@per_file(ALL)
def test_nothing_is_fetched_or_run_from_a_text(file):
    text = text_of(file)
    assert not re.search(r"(?<![\w-])on[a-z]+\s*=\s*[\"']", text), "no handlers in attributes"
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "javascript:",
    ):
        assert word not in text
    for word in ("http:", "https:", "@import", "<link", "<iframe", "fetch(", "XMLHttpRequest", "|safe", "| safe"):
        assert word not in text


def test_every_class_of_a_style_is_used():
    used = words_in(text_of(*TEMPLATES, *SCRIPTS))
    selectors = re.sub(r"\{[^{}]*\}", " ", re.sub(r"@media[^{]*\{", "", text_of(*STYLES)))
    assert not set(re.findall(r"\.([A-Za-z][\w-]*)", selectors)) - used


def test_every_class_in_use_has_a_style_or_a_script():
    known = words_in(text_of(*STYLES)) | words_in(text_of(*SCRIPTS))
    for file in TEMPLATES:
        for value in re.findall(r'(?<![\w-])class="((?:\{\{.*?\}\}|[^"{])*)"', text_of(file)):
            plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", value).split()
            assert not set(plain) - known, short(file)
    for file in SCRIPTS:
        for value in re.findall(r"(?:className = |classList\.\w+\()\"([\w -]+)\"", text_of(file)):
            assert not set(value.split()) - words_in(text_of(*STYLES)), short(file)


@per_file(SCRIPTS)
def test_scripts_look_for_what_the_templates_of_their_room_hold(file):
    templates = text_of(*file.parent.glob("*.jinja"), *(ROOT / "pages").glob("*.jinja"))
    held = set(re.findall(r'\bid="([\w-]+)"', templates)) | set(re.findall(r'parts\.data\("([\w-]+)"', templates))
    parts = set(re.findall(r'data-part="([\w-]+)"', templates))
    script = text_of(file)
    assert not set(re.findall(r'(?:getElementById|byId|json)\("([\w-]+)"\)', script)) - held
    assert not set(re.findall(r'\bpart\("([\w-]+)"\)', script)) - parts
