"""hifisyn_predict: complete a cohort with the contrasts that its cases lack."""

import logging
import shlex
import sys
from pathlib import Path

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.parser import Parser
from hifisyn.dataset_conversion import bids_selection

EPILOG = """
examples:
  hifisyn_predict -i raw/ -o synth/                      what each case lacks, with the models that fit, else base
  hifisyn_predict -i raw/ -o synth/ --model base         T1, T2 and FLAIR without any training
  hifisyn_predict -i raw/ -o synth/ --target T2 --look other_T2.nii.gz    in the look and units of that scan
  hifisyn_predict -i raw/ -o synth/ --target T2          T2 of every case, even where there is one
  hifisyn_predict -i bids/ --bids-derivatives bids/derivatives/hifisyn
  hifisyn_predict -i raw/ -o synth/ --fold 0 1 2 3 4 --tta    the mean of five folds, eight views of each slice
  hifisyn_predict -i hifisyn_raw/MS -o Dataset501_MS --augment --target T2    real and synthetic T2 with their labels
  hifisyn_predict -i scan.nii.gz -o synth/ --source T1 --target T2 --model MODEL_FOLDER

A file's name ends with its modality: IXI012_T1.nii.gz; with --source any names will do. Each output is a
volume on the grid of its source, the brain mask, a picture, and a JSON file that records how it was generated.
"""
log = logging.getLogger(__name__)
NOTE_MODEL = "several: the first that fits; base: that of hifisyn; default: those below --results, then base"
NOTE_LOOK = "T2=FILE for each of several targets; default: as simulated heads look, from 0 to 1000"
STRIPPERS = ("auto", "hd-bet", "deepbet", "base", "mask", "bet", "synthstrip", "command")


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_predict",
        description="Synthesise the MR contrasts that the cases of a folder lack. For research only.",
        epilog=EPILOG,
    )
    flags.INPUT.add(parser, "NIfTI files, one file, or a BIDS data set", required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    flags.OUTPUT.add(where)
    where.add_argument(
        "--bids-derivatives", type=Path, metavar="FOLDER", help="the same, as derivatives of a BIDS data set"
    )
    what = parser.add_argument_group("contrasts")
    flags.SOURCE.add(what, "also names the contrast of files of any name; default: every contrast a case has")
    flags.TARGET.add(what, "default: what a case lacks", nargs="+", default=[])
    model = parser.add_argument_group("model")
    flags.MODEL.add(
        model,
        NOTE_MODEL,
        **flags.SEVERAL,
    )
    flags.RESULTS.add(model)
    flags.LOOK.add(model, NOTE_LOOK, nargs="+", default=[])
    flags.add_weights(model, fold="the lowest that exists", checkpoint="the first of them that exists")
    flags.DEVICE.add(parser)
    flags.PROCESSES.add(parser, default=1)
    _add_skulls(parser.add_argument_group("skulls; default: detected, and stripped as in training"))
    bids_selection.add_arguments(parser.add_argument_group("scans of a BIDS data set"))
    _add_augmentation(parser.add_argument_group("training set for nnU-Net, of a raw data set with labels"))
    again = parser.add_mutually_exclusive_group()
    flags.OVERWRITE.add(again)
    flags.RESUME.add(again, "keep finished outputs")
    return parser


def _add_augmentation(group: flags.Container) -> None:
    group.add_argument("--augment", action="store_true", help="write real scans and synthetic copies with their labels")
    group.add_argument(
        "--nnunet-channels",
        nargs="+",
        default=[],
        metavar="T1",
        help="contrast of each channel (default: those of --target)",
    )
    group.add_argument(
        "--balance",
        choices=("site", "label"),
        help="let sites, or the rarest labels of cases, count the same in a fold",
    )


def _add_skulls(group: flags.Container) -> None:
    skull = group.add_mutually_exclusive_group()
    skull.add_argument("--stripped", action="store_true", help="the scans have no skulls")
    skull.add_argument("--with-skull", action="store_true", help="the scans have skulls")
    flags.SKULL_STRIP.add(skull, f"the scans have skulls: {', '.join(STRIPPERS)}", choices=STRIPPERS)
    flags.STRIP_COMMAND.add(group)
    flags.MASKS.add(group, "CASE.nii.gz or CASE_brain.nii.gz")


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit code 1 where some cases failed, 2 where all did."""
    given = parser().parse_args(arguments)
    from hifisyn.api.predict import predict

    typed = sys.argv[1:] if arguments is None else arguments
    output = given.output or given.bids_derivatives
    summary = predict(
        given.input,
        output,
        source=given.source,
        target=given.target,
        model=given.model,
        results=given.results,
        fold=given.fold,
        checkpoint=given.checkpoint,
        tta=given.tta,
        look=given.look,
        device=given.device,
        processes=given.processes,
        stripped=True if given.stripped else False if given.with_skull else None,
        skull_strip=given.skull_strip,
        strip_command=given.strip_command or "",
        masks=given.masks,
        bids_derivatives=given.bids_derivatives is not None,
        selection=bids_selection.from_arguments(given),
        overwrite=given.overwrite,
        resume=given.resume,
        augment=given.augment,
        nnunet_channels=given.nnunet_channels,
        balance=given.balance,
        command=shlex.join(["hifisyn_predict", *typed]),
    )
    for failure in summary.failures:
        log.info(f"  {failure.case}  {failure.target}  {failure.problem}")
    for doubt in summary.doubts:
        log.warning(doubt)
    for gap in summary.gaps:
        log.info(str(gap))
    kept = f", {len(summary.kept)} kept" if summary.kept else ""
    what = "synthetic image" if given.augment else "volume"
    written = f"{len(summary.generated)} {what}{'' if len(summary.generated) == 1 else 's'} written"
    log.info(f"{written}{kept}, {len(summary.failures)} failed; see {output}")
    for verdict in summary.verdicts if summary.generated or summary.kept else ():
        log.info(f"verdict: {verdict}")
    return outcome(done=bool(summary.generated or summary.kept), failed=bool(summary.failures))


if __name__ == "__main__":
    sys.exit(main(None))
