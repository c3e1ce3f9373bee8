"""hifisyn_labels: export label maps for correction, and import the corrected ones."""

import argparse
import logging
import shlex
import sys
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.parser import Parser

if TYPE_CHECKING:
    from hifisyn.preprocessing.manual_labels import Correction

log = logging.getLogger(__name__)
EPILOG = """
examples:
  hifisyn_labels export -d IXI -o to_correct --cases IXI012 IXI044    scan, labels and their colours for ITK-SNAP
  hifisyn_labels import -d IXI -i to_correct                          the corrected maps become the labels to train on
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_labels",
        description="Export the label maps of a preprocessed data set for correction, and import the corrected ones.",
        epilog=EPILOG,
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="export|import")
    out = tasks.add_parser("export", help="write scans, label maps and their description for ITK-SNAP")
    flags.OUTPUT.add(out, "created where it does not exist", required=True)
    out.add_argument("--cases", **flags.SEVERAL, metavar="CASE", help="cases to export (default: all)")
    back = tasks.add_parser("import", help="import the label maps that were changed")
    flags.INPUT.add(back, "the folder of the export", required=True)
    for task, replaced in ((out, "of an earlier export"), (back, "earlier corrections")):
        flags.DATASET.add(task, required=True)
        flags.OVERWRITE.add(task, replaced)
        flags.PROCESSES.add(task, "default: as many as fit")
        flags.PREPROCESSED.add(task)
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 1 where a case was refused, 2 where all were."""
    given = parser().parse_args(arguments)
    return _export(given) if given.task == "export" else _import(given)


def _export(given: argparse.Namespace) -> int:
    from hifisyn.dataset import Dataset
    from hifisyn.files import write_text
    from hifisyn.paths import ALIGNED, Roots
    from hifisyn.preprocessing.aligned import AlignedStore
    from hifisyn.preprocessing.manual_labels import export

    folder = Roots.resolve(preprocessed=given.preprocessed).preprocessed_dataset(given.dataset)
    dataset = Dataset.load(folder)
    failures = export(
        folder, given.output, dataset.labels, given.cases, overwrite=given.overwrite, processes=given.processes
    )
    cases = given.cases or AlignedStore(folder / ALIGNED).cases()
    done = len(set(cases)) - len(failures)
    lines = _next_commands(given, dataset.reference)
    write_text(given.output / "README.txt", "\n".join(lines) + "\n")
    _log_failures({failure.case: failure.reason for failure in failures}, "not exported")
    log.info("\n  ".join([f"exported {done} cases to {given.output}; next:", *lines]))
    return outcome(done=done > 0, failed=bool(failures))


def _import(given: argparse.Namespace) -> int:
    from hifisyn.dataset import Dataset
    from hifisyn.paths import Roots
    from hifisyn.preprocessing.manual_labels import MANUAL, import_folder

    folder = Roots.resolve(preprocessed=given.preprocessed).preprocessed_dataset(given.dataset)
    labels = Dataset.load(folder).labels
    imported = import_folder(folder, given.input, labels, overwrite=given.overwrite, processes=given.processes)
    changed = {case: correction for case, correction in imported.corrections.items() if correction.voxels}
    for line in _changes(changed):
        log.info(line)
    _log_failures(imported.refused, "refused")
    unchanged = len(imported.corrections) - len(changed)
    log.info(f"imported {len(changed)} corrected label maps into {folder / MANUAL}; {unchanged} were not changed")
    if changed:
        log.info(f"next:\n  {shlex.join(_command('hifisyn_plan_and_preprocess', given))}")
    return outcome(done=bool(imported.corrections), failed=bool(imported.refused))


def _changes(changed: "dict[str, Correction]") -> list[str]:
    width = max(map(len, changed), default=0)
    return [f"  {case:<{width}}  {c.voxels} voxels changed, {c.millilitres:.3g} ml" for case, c in changed.items()]


def _next_commands(given: argparse.Namespace, reference: str) -> list[str]:
    back = _command("hifisyn_labels import", given)
    return [
        f"itksnap -g CASE_{reference}.nii.gz -s CASE_labels.nii.gz -l labels.txt",
        f"{back[0]} {shlex.join([*back[1:], '-i', str(given.output)])}",
    ]


def _command(name: str, given: argparse.Namespace) -> list[str]:
    root = ["--preprocessed", str(given.preprocessed)] if given.preprocessed else []
    return [name, "-d", given.dataset, *root]


def _log_failures(reasons: dict[str, str], title: str) -> None:
    if reasons:
        log.warning(f"{title}: {len(reasons)}")
        width = max(map(len, reasons))
        for case, reason in reasons.items():
            log.warning(f"  {case:<{width}}  {reason}")


if __name__ == "__main__":
    sys.exit(main(None))
