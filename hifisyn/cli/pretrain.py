"""hifisyn_pretrain: train on simulated heads: base model, brain network, and what HiFi-Syn's trainings start from."""

import argparse
import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser
from hifisyn.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hifisyn.base.run import Request
    from hifisyn.base.settings import RunSettings

log = logging.getLogger(__name__)
METHOD = "HiFiSyn"
SettingsT = TypeVar("SettingsT", bound="RunSettings")
EPILOG = """
examples:
  hifisyn_pretrain -o base                          heads of the package's own anatomy
  hifisyn_pretrain --heads label_maps -o base       heads from FreeSurfer's or SynthSeg's label maps
  hifisyn_pretrain --heads label_maps -o base --continue
  hifisyn_pretrain -o quick --steps 200 --set width=8 heads=10
  hifisyn_pretrain -tr HiFiSyn --heads label_maps -o start    then: hifisyn_train ... --pretrained start
  hifisyn_pretrain --what mask --heads label_maps -o brain    the network that finds the brain

No scan is needed. Simulated heads are kept in OUT/heads, or in the folder that --simulated names; those of --what mask
are made as they are needed, and not kept.
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_pretrain",
        description="Train the base model on simulated heads: any contrasts in; T1, T2 and FLAIR out. "
        "Or the network that finds the brain, or the networks of HiFi-Syn.",
        epilog=EPILOG,
    )
    flags.HEADS.add(parser, "default: the phantom's own anatomy")
    flags.OUTPUT.add(parser, "required", required=True)
    parser.add_argument(
        "--what", choices=("base", "mask"), default="base", help="base model, or brain mask of a head (default: base)"
    )
    flags.METHOD.add(parser, f"{METHOD} alone: its networks are trained, for hifisyn_train --pretrained")
    what = parser.add_argument_group("training")
    what.add_argument("--steps", type=flags.at_least_one, metavar="N", help="steps (default: by the settings)")
    flags.SET.add(what)
    flags.SEED.add(what)
    machine = parser.add_argument_group("machine")
    flags.DEVICE.add(machine)
    flags.PROCESSES.add(machine)
    machine.add_argument(
        "--simulated", type=Path, metavar="FOLDER", help="simulated heads, shared by several trainings"
    )
    again = parser.add_mutually_exclusive_group()
    flags.RESUME.add(again)
    flags.OVERWRITE.add(again)
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; after Ctrl-C or SIGTERM, save and return 130 or 143."""
    given = parser().parse_args(arguments)
    words = ["hifisyn_pretrain", *(sys.argv[1:] if arguments is None else arguments)]
    signal = _choose(given)(given, shlex.join(words))
    if signal:
        others = [word for word in words if word not in (*flags.RESUME.names, *flags.OVERWRITE.names)]
        log.info(f"stopped and saved; continue with\n  {shlex.join([*others, '--continue'])}")
    return 128 + signal if signal else 0


def _choose(given: argparse.Namespace) -> "Callable[[argparse.Namespace, str], int]":
    """Return what trains what was asked for.

    Raises:
        UserError: a method that cannot be pre-trained, or one beside the brain network.
    """
    if given.method is None:
        return _train_base if given.what == "base" else _train_mask
    if given.method != METHOD:
        raise UserError(f"-tr must be {METHOD}, whose networks can be pre-trained", got=given.method)
    if given.what == "mask":
        raise UserError("--what mask must be without -tr", got=f"-tr {given.method}", hint="leave one of them out")
    return _train_method


def _train_method(given: argparse.Namespace, line: str) -> int:
    from hifisyn.base.run import clear
    from hifisyn.methods.hifisyn.pretraining.pretrain import pretrain
    from hifisyn.methods.hifisyn.pretraining.settings import PretrainSettings
    from hifisyn.training.networks_file import NETWORKS

    request = _request(given, PretrainSettings, line)
    if given.overwrite:
        clear(request.folder, NETWORKS)
    return pretrain(request)


def _train_base(given: argparse.Namespace, line: str) -> int:
    from hifisyn.base.pretrain import pretrain
    from hifisyn.base.run import clear
    from hifisyn.base.settings import BaseSettings
    from hifisyn.base.weights import WEIGHTS

    request = _request(given, BaseSettings, line)
    if given.overwrite:
        clear(request.folder, WEIGHTS)
    return pretrain(request)


def _train_mask(given: argparse.Namespace, line: str) -> int:
    from hifisyn.base.run import clear
    from hifisyn.brain_network.weights import WEIGHTS
    from hifisyn.brain_training.pretrain import pretrain
    from hifisyn.brain_training.settings import BrainSettings

    request = _request(given, BrainSettings, line)
    if given.overwrite:
        clear(request.folder, WEIGHTS)
    return pretrain(request)


def _request(given: argparse.Namespace, kind: type[SettingsT], line: str) -> "Request[SettingsT]":
    from hifisyn.base.run import Request
    from hifisyn.settings import checked, override

    steps = [] if given.steps is None else [f"steps={given.steps}"]
    return Request(
        given.output,
        settings=checked(kind, override(kind().model_dump(mode="json"), [*given.set, *steps]), "--set"),
        maps=given.heads,
        seed=given.seed,
        heads=given.simulated,
        device=given.device,
        processes=given.processes,
        resume=given.resume,
        command=line,
    )


if __name__ == "__main__":
    sys.exit(main(None))
