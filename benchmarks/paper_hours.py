"""How many hours of a GPU the paper's tables take: an estimate from counted work, not from a run on one.

The work of a step of each method is that of documentation/how_to/choose_a_method.md, which benchmarks/method_costs.py
counted; the speed is assumed. Runs from the root of the repository without an install:

    python benchmarks/paper_hours.py                    at the 8000 GFLOP a second that the planner assumes
    python benchmarks/paper_hours.py --gflop 30000      at the speed of another card
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hifisyn.experiments.rows import LOSSES_ALONE, TABLE_5, TABLE_6
from hifisyn.planning.costs import CONTENT_STEP, GPU_GFLOP_PER_SECOND
from hifisyn.planning.lengths import MOST_UPDATES
from hifisyn.planning.size_rules import PUBLISHED_BATCH
from hifisyn.report.published import METHODS

PAGE = Path(__file__).resolve().parents[1] / "documentation/how_to/choose_a_method.md"
CONTENT_STEPS = {"HiFiSyn": 2, "DRIT++": 2, "MGUIT": 2}  # of D^c alone, to one update of all networks
PERIOD = 3
HEAD = "| of the paper | trainings | hours, 500,000 updates each | hours, 1,500,000 steps each | of them HiFi-Syn's |"


def work() -> dict[str, float]:
    """Return the GFLOP of a step of each method that moves all networks, one image of each contrast."""
    rows = re.findall(r"^\| (\S+) \| [\d.]+ \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {method: float(gflop) for method, gflop in rows}


def hours(method: str, gflop: float, speed: float, *, steps: int | None = None) -> float:
    """Return the hours of a training of 500,000 updates of all networks, or of so many steps of any kind."""
    more = CONTENT_STEPS.get(method, 0)
    updates = MOST_UPDATES if steps is None else steps / (1 + more)
    return updates * (1 + more * CONTENT_STEP) * gflop * PUBLISHED_BATCH / speed / 3600


def line(name: str, trained: Sequence[str], speed: float) -> str:
    """Return a row of the table: what a table of the paper trains, and what that takes."""
    gflop = work()
    own = [hours(method, gflop[method], speed) for method in trained]
    equal = [hours(method, gflop[method], speed, steps=PERIOD * MOST_UPDATES) for method in trained]
    of_ours = sum(hour for method, hour in zip(trained, own, strict=True) if method == "HiFiSyn")
    return f"| {name} | {len(trained)} | {sum(own):,.0f} | {sum(equal):,.0f} | {of_ours:,.0f} |"


def lines(speed: float) -> list[str]:
    """Return the table as Markdown."""
    everyone = list(METHODS)
    return [
        HEAD,
        "|:--|--:|--:|--:|--:|",
        line("Table 1, IXI, and Table 3", everyone, speed),
        line("Table 1, UK Biobank", everyone, speed),
        line("Table 1 and 2, BraTS, three pairs", everyone * 3, speed),
        line("Table 5", [row.method for row in (*TABLE_5, *LOSSES_ALONE)], speed),
        line("Table 6", [row.method for row in TABLE_6], speed),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gflop", type=float, default=GPU_GFLOP_PER_SECOND, help="a second, of the GPU")
    print("\n".join(lines(parser.parse_args().gflop)))


if __name__ == "__main__":
    main()
