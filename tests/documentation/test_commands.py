"""Every command that a page shows is one that the command line takes."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("documentation/**/*.md")])
REMARK = re.compile(r" {2,}.*| # .*")  # behind a command, as pages explain it


def commands(page):
    text = re.sub(r" *\\\n *", " ", page.read_text())
    lines = re.findall(r"^(?: {4})?(hifisyn_[a-z_]+ .*)$", text, flags=re.MULTILINE)
    return [REMARK.sub("", line) for line in lines]


@pytest.mark.parametrize(
    ("page", "line"), [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in commands(page)]
)
def test_a_command_parses(page, line):
    name, *words = shlex.split(line)
    parser = import_module(f"hifisyn.cli.{name.removeprefix('hifisyn_')}").parser()
    parser.parse_args(words)
