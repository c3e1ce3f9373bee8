"""hifisyn: one name for all commands; `hifisyn predict ...` is `hifisyn_predict ...`."""

import difflib
import logging
import sys
from collections.abc import Callable
from importlib import import_module

from hifisyn import __version__
from hifisyn.cli.entry import command
from hifisyn.errors import UserError

log = logging.getLogger(__name__)

COMMANDS = {
    "predict": "synthesise missing contrasts of raw scans, with or without a trained model",
    "convert_dataset": "put scans of any layout into a raw data set",
    "plan_and_preprocess": "check, strip, register, label, measure, plan, extract slices",
    "train": "train a method on one fold",
    "evaluate": "measure models or folders of volumes against real scans",
    "downstream_eval": "tissue volumes, lesions, training with synthetic copies",
    "benchmark": "thirteen methods with one budget",
    "ablation": "which part of HiFi-Syn helps",
    "report": "everything on one page",
    "reader_study": "a blinded page for readers, and its analysis",
    "export_model": "a copy of a model to give away, without anything of patients",
    "labels": "export, correct and import label maps",
    "pretrain": "train the base model or the brain network on simulated heads",
    "demo": "from nothing to a report on simulated heads",
}
HERE = {
    "doctor": "what is installed, where folders are, and whether it works",
    "info": "what this version can do; --json for programs",
}
WIDTH = 21


@command
def main(arguments: list[str] | None = None) -> int | None:
    """Run the command that the first word names; without one, list them."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        log.info(_help())
        return 0
    if words[0] in ("-V", "--version"):
        log.info(f"hifisyn {__version__}")
        return 0
    name = words[0].replace("-", "_")
    _check(name, words[0])
    run: Callable[[list[str]], int | None] = import_module(f"hifisyn.cli.{name}").main
    return run(words[1:])


def _check(name: str, typed: str) -> None:
    if name in COMMANDS or name in HERE:
        return
    close = difflib.get_close_matches(name, [*COMMANDS, *HERE], n=2)
    hint = f"did you mean hifisyn {' or '.join(close)}?" if close else "see hifisyn -h"
    raise UserError("the first word must be a command of hifisyn", got=typed, hint=hint)


def _help() -> str:
    """Return the list of commands."""
    lines = [f"  {name.ljust(WIDTH)}{what}" for name, what in (COMMANDS | HERE).items()]
    return "\n".join(
        [
            "usage: hifisyn COMMAND ...",
            "",
            "Synthesise a missing MR contrast from the ones you have, and keep the anatomy.",
            "",
            *lines,
            "",
            "hifisyn COMMAND -h explains one; hifisyn --version. At once, without training:",
            "  hifisyn predict -i scan.nii.gz -o synth/",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(None))
