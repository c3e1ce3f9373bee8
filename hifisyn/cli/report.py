"""hifisyn_report: all that was done with a data set, and what it is worth, on one page."""

import argparse
import sys
from pathlib import Path

from hifisyn.cli.entry import command

EPILOG = """examples:
  hifisyn_report -d IXI                                 results/IXI/report/report.html, with tables/ and figures/
  hifisyn_report -d IXI --split val --subjects 3        of the validation subjects, three of them to look at
  hifisyn_report -d IXI --reference HiFiSyn -o ixi.html

The page shows what lies on disk; run hifisyn_evaluate, hifisyn_downstream_eval and hifisyn_ablation first. What was not
run is named with the command that runs it.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    p = argparse.ArgumentParser(
        "hifisyn_report",
        description="Write one HTML page on a data set: runs, data, plan, tables with tests, figures, a slice viewer.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("-d", "--dataset", required=True, metavar="NAME", help="name of the data set")
    p.add_argument("-o", "--output", type=Path, metavar="FILE", help="page X.html, with X_tables/ and X_figures/")
    p.add_argument("--reference", metavar="MODEL", help="model that others are tested against (default: HiFiSyn)")
    p.add_argument("--split", choices=("test", "val"), help="default: test where there is any, else val")
    p.add_argument("--unit", choices=("subject", "slice"), default="subject", help="of tests; slice: as in the paper")
    p.add_argument("--subjects", type=int, metavar="N", help="subjects in the viewer, at most (default: 6)")
    p.add_argument("--slices", type=int, metavar="N", help="of each (default: 24, fewer where the page grows large)")
    p.add_argument("--no-figures", action="store_true", help="draw none, which is much quicker")
    p.add_argument("--overwrite", action="store_true", help="replace an earlier report")
    p.add_argument("--preprocessed", type=Path, metavar="ROOT", help="preprocessed data sets")
    p.add_argument("--results", type=Path, metavar="ROOT", help="models and their evaluations")
    return p


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parser().parse_args(arguments)
    from hifisyn.paths import Roots
    from hifisyn.report.write import write

    page = write(
        options.dataset,
        Roots.resolve(preprocessed=options.preprocessed, results=options.results),
        options.output,
        reference=options.reference,
        split=options.split,
        unit=options.unit,
        subjects=options.subjects,
        slices=options.slices,
        figures=not options.no_figures,
        overwrite=options.overwrite,
    )
    print(f"report: {page} ({page.stat().st_size / 2**20:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main(None))
