"""Every command of the page on the paper's tables parses."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import paper_hours
from hifisyn.planning.costs import GPU_GFLOP_PER_SECOND
from hifisyn.planning.counted_split import COHORTS
from hifisyn.report.published import METHODS

PAGE = Path(__file__).parents[2] / "documentation/how_to/reproduce_the_paper.md"
COMMANDS = re.findall(r"`(hifisyn_\w+ [^`]+)`|^ {4}(hifisyn_\w+ .*)$", PAGE.read_text(), re.MULTILINE)


def test_every_table_and_figure_with_numbers_has_a_row():
    for number in range(1, 7):
        assert re.search(rf"^\| Table .*{number} \|" if number > 2 else r"^\| Table 1, 2 \|", PAGE.read_text(), re.M)


@pytest.mark.parametrize("command", [either or other for either, other in COMMANDS])
def test_every_command_parses(command):
    program, *words = shlex.split(command)
    import_module(f"hifisyn.cli.{program.removeprefix('hifisyn_')}").parser().parse_args(words)


def test_the_hours_are_those_of_the_counted_work():
    assert "\n".join(paper_hours.lines(GPU_GFLOP_PER_SECOND)) in PAGE.read_text()
    gflop = paper_hours.work()
    assert set(METHODS) <= set(gflop)
    # 500,000 updates of CycleGAN: 1852 GFLOP an image of each contrast, two of them, at 8000 GFLOP a second
    assert paper_hours.hours("CycleGAN", gflop["CycleGAN"], 8000) == pytest.approx(5e5 * 2 * 1852 / 8000 / 3600)
    of_ours = [paper_hours.hours("HiFiSyn", 100.0, 8000, steps=steps) for steps in (None, 1_500_000)]
    assert of_ours[0] == pytest.approx(of_ours[1])


def test_every_cohort_of_the_paper_has_its_recipe():
    text = PAGE.read_text()
    for begins, count in COHORTS.items():
        for target in count.contrasts[1:]:
            assert re.search(rf"hifisyn_benchmark -d {begins}\w* .*--source T1 --target {target} ", text, re.IGNORECASE)
