"""hifisyn_predict: complete a cohort with the contrasts that its cases lack."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from hifisyn.cli.entry import command, outcome
from hifisyn.dataset_conversion import bids_selection
from hifisyn.errors import UserError

EPILOG = """
examples:
  hifisyn_predict -i raw/ -o synth/                      make what each case lacks, with the models that fit
  hifisyn_predict -i raw/ -o synth/ --target T2          make T2 of every case, even where there is one
  hifisyn_predict -i bids/ --bids-derivatives bids/derivatives/hifisyn
  hifisyn_predict -i raw/ -o synth/ --fold 0 1 2 3 4 --tta    the mean of five folds, each seen at eight places
  hifisyn_predict -i scan.nii.gz -o synth/ --source T1 --target T2 --model MODEL_FOLDER

A file's name ends with its modality: IXI012_T1.nii.gz; with --source any names will do. Each output is a
volume on the grid of its source, the brain mask, a picture, and a JSON file that says what made it.
"""


STRIPPERS = ("auto", "hd-bet", "deepbet", "mask", "bet", "synthstrip", "command")


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="hifisyn_predict",
        description="Make the MR contrasts that the cases of a folder lack. For research only.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-i", "--input", type=Path, required=True, help="folder of NIfTI files, one file, or a BIDS data set"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, help="folder to write to")
    where.add_argument(
        "--bids-derivatives", type=Path, metavar="FOLDER", help="the same, as derivatives of a BIDS data set"
    )
    which = parser.add_argument_group("what to make")
    which.add_argument("--source", metavar="T1", help="start from this modality only; also names files of any name")
    which.add_argument("--target", metavar="T2", nargs="+", default=[], help="make these; default: what a case lacks")
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", type=Path, metavar="FOLDER", nargs="+", default=[], help="model folders to choose from"
    )
    model.add_argument(
        "--results", type=Path, metavar="ROOT", help="where models are looked for; default: hifisyn_results"
    )
    model.add_argument(
        "--fold",
        nargs="+",
        metavar="FOLD",
        help="fold0, 0 or all; several: their mean; default: the lowest that exists",
    )
    model.add_argument(
        "--checkpoint",
        nargs="+",
        choices=("best", "final", "latest"),
        help="several: their mean; default: the first that exists",
    )
    model.add_argument(
        "--tta", action="store_true", help="mean over shifts and mirror images of each slice: finer, 8 times as long"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps; default: auto")
    parser.add_argument("-np", type=int, default=1, metavar="N", help="cases at a time; default: 1")
    brain = parser.add_argument_group("skulls; default: found out, and stripped as in training")
    skull = brain.add_mutually_exclusive_group()
    skull.add_argument("--stripped", action="store_true", help="they are removed already")
    skull.add_argument("--with-skull", action="store_true", help="they are there")
    skull.add_argument("--skull-strip", choices=STRIPPERS, help="they are there, and this tool removes them")
    brain.add_argument(
        "--strip-command", metavar="TEMPLATE", help="the tool is a program, as in 'ben --input {input} --output {mask}'"
    )
    brain.add_argument("--masks", type=Path, metavar="FOLDER", help="brain masks: CASE.nii.gz or CASE_brain.nii.gz")
    bids_selection.add_arguments(parser.add_argument_group("scans of a BIDS data set"))
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    again.add_argument("--continue", dest="keep", action="store_true", help="keep finished outputs, make the rest")
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 1 where some cases failed, 2 where all did."""
    given = parser().parse_args(arguments)
    if given.np < 1:
        raise UserError(f"-np: wanted at least 1, found {given.np}")
    from hifisyn.inference.predict import Existing, predict_folder
    from hifisyn.inference.worker import PredictionSettings
    from hifisyn.paths import parse_fold

    typed = sys.argv[1:] if arguments is None else arguments
    settings = PredictionSettings(
        fold=None if given.fold is None else [parse_fold(fold) for fold in given.fold],
        checkpoint=given.checkpoint,
        tta=given.tta,
        device=given.device,
        **_skulls(given),
        processes=given.np,
        command=shlex.join(["hifisyn_predict", *typed]),
    )
    existing: Existing = "overwrite" if given.overwrite else "keep" if given.keep else "refuse"
    output = given.output or given.bids_derivatives
    summary = predict_folder(
        given.input,
        output,
        models=given.model,
        results=given.results,
        source=given.source,
        targets=given.target,
        settings=settings,
        existing=existing,
        bids_derivatives=given.bids_derivatives is not None,
        selection=bids_selection.from_arguments(given),
    )
    kept = f", {len(summary.kept)} kept" if summary.kept else ""
    print(f"{len(summary.made)} made{kept}, {len(summary.failures)} failed; see {output}")
    for failure in summary.failures:
        print(f"  {failure.case}  {failure.target}  {failure.problem}")
    for gap in summary.gaps:
        print(gap)
    return outcome(done=bool(summary.made or summary.kept), failed=bool(summary.failures))


def _skulls(given: argparse.Namespace) -> dict[str, Any]:
    """Return the settings on skulls: only a command that is typed here is ever run.

    Raises:
        UserError: what is typed does not go together, or there are no masks.
    """
    tool = given.skull_strip or ("command" if given.strip_command else None)
    if tool == "command":
        from hifisyn.preprocessing.brain_programs import parsed

        parsed(given.strip_command or "")
    elif given.strip_command:
        raise UserError(f"--strip-command: wanted --skull-strip command beside it, found {tool}; drop one")
    if given.strip_command and given.stripped:
        raise UserError("--strip-command: wanted scans with skulls, found --stripped; drop one")
    if given.masks is not None and not given.masks.is_dir():
        raise UserError(f"--masks: wanted a folder of brain masks, found none at {given.masks}; change the path")
    if tool == "mask" and given.masks is None:
        raise UserError("--skull-strip mask: wanted a folder of brain masks, found none; add --masks FOLDER")
    return {
        "stripped": True if given.stripped else False if given.with_skull else None,
        "skull_strip": tool,
        "strip_command": given.strip_command or "",
        "masks": given.masks,
    }
