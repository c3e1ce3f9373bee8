"""hifisyn_report: everything about the models of a data set on one page."""

import logging
import sys

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser

log = logging.getLogger(__name__)
EPILOG = """examples:
  hifisyn_report -d IXI                                 results/IXI/report/report.html, with tables/ and figures/
  hifisyn_report -d IXI --split val --subjects-number 3   of the validation subjects, three of them to look at
  hifisyn_report -d IXI --reference HiFiSyn -o ixi.html

The page shows what is there: run hifisyn_evaluate, hifisyn_downstream_eval and hifisyn_ablation first. For what was
not run, it names the command.
"""


def parser() -> Parser:
    """Return the command line."""
    p = Parser(
        "hifisyn_report",
        description="Write one HTML page on a data set: runs, data, plan, tables with tests, figures, a slice viewer.",
        epilog=EPILOG,
    )
    flags.DATASET.add(p, required=True)
    flags.OUTPUT.add(p, "page X.html, beside it X_tables/ and X_figures/")
    flags.REFERENCE.add(p, "default: HiFiSyn")
    flags.SPLIT.add(p, "default: test, or val where there is none")
    flags.UNIT.add(p)
    flags.SUBJECTS_NUMBER.add(p, "in the viewer, at most; default: 6")
    flags.SLICES.add(p, "in the viewer; default: 24, fewer where the page grows large")
    p.add_argument("--no-figures", action="store_true", help="draw no figures, which is much quicker")
    p.add_argument("--background", action="store_true", help="maps of content queries show background too")
    flags.OVERWRITE.add(p)
    flags.add_roots(p, flags.PREPROCESSED, flags.RESULTS)
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
        subjects=options.subjects_number,
        slices=options.slices,
        background=options.background,
        figures=not options.no_figures,
        overwrite=options.overwrite,
    )
    log.info(f"report: {page} ({page.stat().st_size / 2**20:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main(None))
