"""hifisyn_reader_study: a blinded study on one page, of ranks or of detection, and its analysis."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.cli import flags
from hifisyn.cli.entry import command, outcome
from hifisyn.cli.parser import Parser
from hifisyn.dataset import MODALITIES
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from hifisyn.reader_study.make import Study

log = logging.getLogger(__name__)
EPILOG = """examples:
  hifisyn_reader_study make -d LGG                               all evaluated models and directions, 18 cases
  hifisyn_reader_study make -d LGG --source T1 --target FLAIR    one direction
  hifisyn_reader_study make -d LGG --with-real                   the real scan is hidden among the images
  hifisyn_reader_study make -d LGG --design detection            is there a lesion, where: real and synthetic images
  hifisyn_reader_study analyse study/ answers/                   tables and a figure of the readers' files

make writes study.html for the readers, and key/, which is not for them. analyse leaves out unfinished cases and
names them. Exit code 1: some were left out.
"""
LONG = "posthoc"  # a line for every pair of models: in its file alone
READ_EPILOG = "Files of several readers go in together; a folder stands for the .json files in it."


def parser() -> Parser:
    """Return the command line."""
    p = Parser(
        "hifisyn_reader_study",
        description="Let readers rank images of several models, or find lesions on them, blind to which is which.",
        epilog=EPILOG,
    )
    jobs = p.add_subparsers(dest="job", required=True)
    _make_options(jobs.add_parser("make", help="write a study for readers", description="Write a study for readers."))
    words = "Analyse the files that readers sent back."
    _analyse_options(jobs.add_parser("analyse", help="analyse readers' files", description=words, epilog=READ_EPILOG))
    return p


def _make_options(p: argparse.ArgumentParser) -> None:
    flags.DATASET.add(p, required=True)
    p.add_argument(
        "--design",
        choices=("ranking", "detection"),
        default="ranking",
        help="detection: one image at a time, real or synthetic; is there a lesion, and where (default: ranking)",
    )
    flags.SOURCE.add(p, "default: all that were evaluated", choices=MODALITIES)
    flags.TARGET.add(p, "with --source", choices=MODALITIES)
    flags.MODEL.add(p, "or its name in the results; default: all that were evaluated", nargs="+", default=[])
    p.add_argument(
        "--cases-number",
        type=flags.at_least_one,
        metavar="N",
        help="number of cases, one a subject (default: all, at most 18)",
    )
    flags.SLICES.add(p, default=1)
    p.add_argument(
        "--repeats",
        type=int,
        metavar="N",
        help="views shown twice, for the agreement of readers with themselves (default: 2; none for detection)",
    )
    flags.SEED.add(p, "the same seed draws the same study")
    real = p.add_mutually_exclusive_group()
    real.add_argument("--with-real", action="store_true", help="hide the real target among the images")
    real.add_argument("--show-real", action="store_true", help="show the real target beside the source")
    flags.SPLIT.add(p, "default: test, or val where there is none")
    flags.FOLD.add(p, "default: the first that was evaluated")
    flags.OUTPUT.add(p, "default: reader_study in the results")
    flags.OVERWRITE.add(p)
    flags.PREPROCESSED.add(p)
    flags.RESULTS.add(p)


def _analyse_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("study", type=Path, help="folder of the study")
    p.add_argument("answers", type=Path, nargs="+", help="readers' files, or folders of them")
    flags.OUTPUT.add(p, "default: analysis in the study")
    p.add_argument(
        "--tolerance-mm",
        type=float,
        default=5.0,
        metavar="MM",
        help="of detection: how far from a lesion a place still counts as on it (default: 5)",
    )
    p.add_argument("--key", type=Path, metavar="FILE", help="key of the study (default: key/key.json in the study)")
    flags.OVERWRITE.add(p)


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0: done, 1: done, but unfinished cases were left out, 2: a mistake."""
    options = parser().parse_args(arguments)
    return _make(options) if options.job == "make" else _analyse(options)


def _make(options: argparse.Namespace) -> int:
    if (options.source is None) != (options.target is None):
        raise UserError("--source and --target must come together", hint="pass both or none")
    from hifisyn.directions import Direction
    from hifisyn.paths import Roots
    from hifisyn.reader_study.detection_make import make_detection
    from hifisyn.reader_study.make import make_study
    from hifisyn.reader_study.request import StudyRequest

    ranking = options.design == "ranking"
    request = StudyRequest(
        dataset=options.dataset,
        models=tuple(map(str, options.model)),
        direction=None if options.source is None else Direction(options.source, options.target),
        split=options.split,
        fold=options.fold,
        cases=options.cases_number,
        slices=options.slices,
        repeats=(2 if ranking else 0) if options.repeats is None else options.repeats,
        seed=options.seed,
        with_real=options.with_real,
        show_real=options.show_real,
    )
    roots = Roots.resolve(preprocessed=options.preprocessed, results=options.results)
    make = make_study if ranking else make_detection
    _log_study(make(request, roots, options.output, overwrite=options.overwrite))
    return 0


def _log_study(study: "Study") -> None:
    log.info(study.size)
    log.info(f"candidates: {', '.join(study.candidates.values())}")
    for note in study.notes:
        log.warning(note)
    log.info(f"for the readers: {study.page}")
    log.info(f"not for the readers: {study.key}, which names the model of each image")
    log.info(
        f"next, with the files that the readers send back:\n  hifisyn_reader_study analyse {study.page.parent} ANSWERS"
    )


def _analyse(options: argparse.Namespace) -> int:
    from hifisyn.reader_study import key as keys
    from hifisyn.reader_study.analyse import Analysis, analyse_study
    from hifisyn.reader_study.detection_analyse import DetectionAnalysis, analyse_detection
    from hifisyn.reader_study.detection_key import is_detection

    where = (options.study, options.answers, options.output)
    given = {"key": options.key, "overwrite": options.overwrite}
    done: Analysis | DetectionAnalysis
    if is_detection(options.key or options.study / keys.FOLDER / keys.KEY_JSON):
        done = analyse_detection(*where, **given, tolerance_mm=options.tolerance_mm)
    else:
        done = analyse_study(*where, **given)
    log.info("\n".join(table.text() for name, table in done.tables.items() if name != LONG))
    for note in done.notes:
        log.warning(note)
    if done.readings.unfinished:
        lines = "\n".join(map(str, done.readings.unfinished))
        log.warning(f"not finished, left out ({len(done.readings.unfinished)}):\n{lines}")
    log.info(f"all files: {done.folder}")
    return outcome(done=True, failed=bool(done.readings.unfinished))


if __name__ == "__main__":
    sys.exit(main(None))
