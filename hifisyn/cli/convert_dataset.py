"""hifisyn_convert_dataset: scans as they lie on disk, or a simulation, become a raw data set."""

import logging
import sys
from pathlib import Path

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser
from hifisyn.dataset_conversion.converter import Conversion
from hifisyn.dataset_conversion.registry import CONVERTERS
from hifisyn.errors import UserError
from hifisyn.paths import Roots

log = logging.getLogger(__name__)
DESCRIPTION = "Convert scans as they lie on disk, or a simulation, to a raw data set."
EXAMPLES = """examples:
  hifisyn_convert_dataset phantom --subjects-number 8          simulated heads, to try everything out
  hifisyn_convert_dataset open_ms /data/ms/raw --name MS       a published data set that has a converter
  hifisyn_convert_dataset folder /data/scans                   your own files, named SUBJECT_T1.nii.gz and so on
  hifisyn_convert_dataset folder /data/scans --pattern '{subject}/{session}/{modality}.nii.gz'

Each kind has options of its own: hifisyn_convert_dataset folder -h
"""


@command
def main(arguments: list[str] | None = None) -> int:
    """Convert a data set; exit 0 when all of it was converted, 1 when some files were left out."""
    parsed = parser().parse_args(arguments)
    if Path(parsed.name).name != parsed.name:
        raise UserError("--name must be without slashes", got=parsed.name, hint="name the folder with --raw")
    folder = Roots.resolve(raw=parsed.raw).raw / parsed.name
    conversion = CONVERTERS[parsed.converter].convert(folder, parsed)
    _report(conversion, folder)
    raw = f" --raw {parsed.raw}" if parsed.raw else ""
    log.info(f"next:\n  hifisyn_plan_and_preprocess -d {parsed.name}{raw}")
    return 1 if conversion.left_out else 0


def parser() -> Parser:
    """Return the command line: a subcommand for each converter."""
    parser = Parser("hifisyn_convert_dataset", description=DESCRIPTION, epilog=EXAMPLES)
    kinds = parser.add_subparsers(dest="converter", required=True, metavar="KIND")
    for converter in CONVERTERS.values():
        own = kinds.add_parser(
            converter.name, help=converter.summary, description=converter.summary, epilog=converter.examples
        )
        converter.add_arguments(own)
        if converter.simulated:
            for flag in (flags.SUBJECTS_NUMBER, flags.TEST_NUMBER, flags.SEED, flags.PROCESSES):
                flag.add(own)
        own.add_argument("--name", default=converter.dataset_name, metavar="NAME", help="name of the data set")
        flags.RAW.add(own)
        flags.OVERWRITE.add(own)
    return parser


def _report(conversion: Conversion, folder: Path) -> None:
    dataset = conversion.dataset
    subjects = len({case.subject for case in dataset.all_cases.values()})
    images = sum(len(case.images) for case in dataset.all_cases.values())
    for warning in conversion.warnings:
        log.warning(f"warning: {warning}")
    if conversion.left_out:
        log.warning(f"left out {len(conversion.left_out)} files:")
        width = max(len(item.case) for item in conversion.left_out)
        for item in conversion.left_out:
            log.warning(f"  {item.case:<{width}}  {item.file.name}  {item.reason}")
    if licence := dataset.about.get("licence"):
        log.info(f"licence: {licence}")
    log.info(
        f"wrote {images} images ({', '.join(dataset.modalities)}) of {subjects} subjects to {folder}: "
        f"{len(dataset.cases)} training cases, {len(dataset.test)} held-out cases"
    )


if __name__ == "__main__":
    sys.exit(main(None))
