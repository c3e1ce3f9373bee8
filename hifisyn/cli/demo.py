"""hifisyn_demo: a picture without training, then every step on a simulated cohort, in minutes on two CPU cores."""

import argparse
import logging
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from hifisyn import paths
from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser
from hifisyn.errors import UserError

log = logging.getLogger(__name__)
NAME = "PHANTOM"
FIRST = "FIRST"
PAIR = ("T1", "T2")
FLATTERED = (
    "The base model learnt from simulated heads, so this simulated head flatters it. See it on your own scans:\n"
    "  hifisyn_predict -i SCANS -o synth\n"
    "Now HiFi-Syn is planned and trained for a cohort, and measured."
)
DESCRIPTION = "Run every step on simulated heads, from raw scans to numbers, in minutes on two CPU cores."


def parser() -> Parser:
    """Return the command line."""
    p = Parser("hifisyn_demo", description=DESCRIPTION)
    p.add_argument(
        "--home", type=Path, default=Path("hifisyn_demo"), metavar="FOLDER", help="folder to write everything to"
    )
    flags.SUBJECTS_NUMBER.add(p, "to train and validate on", default=10)
    flags.TEST_NUMBER.add(p, default=3)
    flags.MINUTES.add(p, default=4)
    flags.CORES.add(p, default=min(2, os.cpu_count() or 1))
    flags.SEED.add(p)
    flags.OVERWRITE.add(p, "remove an earlier demo")
    return p


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    options = parser().parse_args(arguments)
    _clear(options.home, options.overwrite)
    os.environ[paths.HOME] = str(options.home)
    for root in (paths.RAW, paths.PREPROCESSED, paths.RESULTS):
        os.environ.pop(root, None)
    begun = time.monotonic()
    log.info(f"$ export {paths.HOME}={options.home}")
    for name, words in first_steps(options):
        _run(name, words)
    _show_first(options.home, time.monotonic() - begun)
    for name, words in steps(options):
        _run(name, words)
    _close(options.home, time.monotonic() - begun)
    return 0


def first_steps(options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the commands that lead to the first picture: one head, and the base model."""
    raw = options.home / paths.RAW / FIRST / "imagesTr"
    one = ["--subjects-number", "1", "--test-number", "0", "--seed", str(options.seed)]
    return [
        ("convert_dataset", ["phantom", "--name", FIRST, "--modalities", PAIR[0], *one]),
        ("predict", ["-i", str(raw), "-o", str(options.home / "first"), "--model", "base", "--device", "cpu"]),
    ]


def steps(options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the commands of the demo in order: name and arguments."""
    home, (source, target) = options.home, PAIR
    raw = home / paths.RAW / NAME
    synth = home / "synth"
    cohort = [
        "--subjects-number",
        options.subjects_number,
        "--test-number",
        options.test_number,
        "--seed",
        options.seed,
    ]
    budget = ["--device", "cpu", "--cores", options.cores, "--minutes", options.minutes]
    listed = [
        ("convert_dataset", ["phantom", "--name", NAME, "--modalities", *PAIR, *cohort]),
        ("plan_and_preprocess", ["-d", NAME, *budget, "-np", options.cores, "--skull-strip", "base"]),
        ("train", [NAME, source, target, "fold0", "--seed", options.seed, "--device", "cpu"]),
    ]
    for source, target in (PAIR, PAIR[::-1]):
        out = synth / f"{source}_to_{target}"
        job = ["-i", raw / "imagesTs", "-o", out, "--source", source, "--target", target, "-np", options.cores]
        listed.append(("predict", [*job, "--device", "cpu"]))
        listed.append(("evaluate", [out, raw / "truth" / f"on_{source}", "-o", home / "evaluation" / out.name]))
    listed.append(
        ("downstream_eval", [synth / "T2_to_T1", raw / "truth" / "on_T2", "-o", home / "evaluation" / "tissue"])
    )
    listed.append(("evaluate", ["--device", "cpu"]))
    listed.append(("report", ["-d", NAME]))
    return [(name, [str(word) for word in words]) for name, words in listed]


def _run(name: str, words: list[str]) -> None:
    log.info(f"\n$ hifisyn_{name} {shlex.join(words)}")
    step: Callable[[list[str]], int] = import_module(f"hifisyn.cli.{name}").main
    if code := step(words):
        raise UserError(f"hifisyn_{name} failed", got=f"exit code {code}", hint="see the lines above")


def _show_first(home: Path, seconds: float) -> None:
    picture = min((home / "first").glob("*_T2.png"))
    log.info(f"\nThe first picture, after {seconds:.0f} s, without any training: {picture}\n{FLATTERED}")


def _clear(home: Path, overwrite: bool) -> None:
    if not home.exists():
        return
    if not overwrite:
        raise UserError(f"{home} already exists", hint="pass --overwrite or name another folder with --home")
    if not (home / paths.RAW).is_dir() and any(home.iterdir()):
        raise UserError(f"{home} must be the folder of an earlier demo", hint="name another folder with --home")
    shutil.rmtree(home)


def _close(home: Path, seconds: float) -> None:
    pictures: dict[Path, list[Path]] = {}
    for picture in sorted(home.rglob("*.png")):
        pictures.setdefault(picture.parent, []).append(picture)
    log.info("\nPictures:")
    for files in pictures.values():
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        log.info(f"  {files[-1]}{more}")
    log.info(f"The demo took {seconds / 60:.1f} minutes. Look at the page of the cohort and at that of the model:")
    log.info(f"  {home / paths.PREPROCESSED / NAME / paths.QC_HTML}")
    log.info(f"  {home / paths.RESULTS / NAME / 'report' / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main(None))
