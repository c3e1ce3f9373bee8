"""Every command of the page on the paper's tables parses."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "documentation/how_to/reproduce_the_paper.md"
COMMANDS = re.findall(r"`(hifisyn_\w+ [^`]+)`|^ {4}(hifisyn_\w+ .*)$", PAGE.read_text(), re.MULTILINE)


def test_every_table_and_figure_with_numbers_has_a_row():
    for number in range(1, 7):
        assert re.search(rf"^\| Table .*{number} \|" if number > 2 else r"^\| Table 1, 2 \|", PAGE.read_text(), re.M)


@pytest.mark.parametrize("command", [either or other for either, other in COMMANDS])
def test_every_command_parses(command):
    program, *words = shlex.split(command)
    import_module(f"hifisyn.cli.{program.removeprefix('hifisyn_')}").parser().parse_args(words)
