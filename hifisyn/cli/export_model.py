"""hifisyn_export_model: write a copy of a model that is fit to be given away."""

import logging
import sys
from pathlib import Path

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser

log = logging.getLogger(__name__)
EPILOG = """
example:
  hifisyn_export_model hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d -o to_share/HiFiSyn_IXI
  hifisyn_predict -i scans/ -o synth/ --model to_share/HiFiSyn_IXI

The copy predicts the same. It holds no slices, names or numbers of single cases, no commands and paths, and no
optimiser. The weights are learnt from the scans all the same: ask who gave them to you before you publish them.
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_export_model",
        description="Write a copy of a model to give away: weights, plans and verdict, nothing of single patients.",
        epilog=EPILOG,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder")
    flags.OUTPUT.add(parser, "created where it does not exist", required=True)
    flags.OVERWRITE.add(parser, "an earlier copy")
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    from hifisyn.inference.shared_copy import share

    written = share(given.model, given.output, overwrite=given.overwrite)
    log.info(f"{len(written)} files, {sum(file.stat().st_size for file in written) / 1e6:.1f} MB; see {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(None))
