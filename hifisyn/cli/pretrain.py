"""hifisyn_pretrain: train the base model, which translates without a model of one's own, on simulated heads."""

import logging
import shlex
import sys
from pathlib import Path

from hifisyn.cli import flags
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser

log = logging.getLogger(__name__)
EPILOG = """
examples:
  hifisyn_pretrain -o base                          heads of the package's own anatomy
  hifisyn_pretrain --heads label_maps -o base       heads from FreeSurfer's or SynthSeg's label maps
  hifisyn_pretrain --heads label_maps -o base --continue
  hifisyn_pretrain -o quick --steps 200 --set width=8 heads=10

No scan is needed. Simulated heads are kept in OUT/heads, or in the folder that --simulated names.
"""


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser(
        "hifisyn_pretrain",
        description="Train the base model on simulated heads: any contrasts in; T1, T2 and FLAIR out.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "--heads", type=Path, metavar="FOLDER", help="folder of label maps of whole heads (default: the phantom's own)"
    )
    flags.OUTPUT.add(parser, "required", required=True)
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
    from hifisyn.base.pretrain import Request, clear, pretrain
    from hifisyn.base.settings import BaseSettings
    from hifisyn.settings import checked, override

    words = ["hifisyn_pretrain", *(sys.argv[1:] if arguments is None else arguments)]
    steps = [] if given.steps is None else [f"steps={given.steps}"]
    settings = checked(BaseSettings, override(BaseSettings().model_dump(mode="json"), [*given.set, *steps]), "--set")
    request = Request(
        given.output,
        maps=given.heads,
        settings=settings,
        seed=given.seed,
        heads=given.simulated,
        device=given.device,
        processes=given.processes,
        resume=given.resume,
        command=shlex.join(words),
    )
    if given.overwrite:
        clear(request.folder)
    signal = pretrain(request)
    if signal:
        others = [word for word in words if word not in (*flags.RESUME.names, *flags.OVERWRITE.names)]
        log.info(f"stopped and saved; continue with\n  {shlex.join([*others, '--continue'])}")
    return 128 + signal if signal else 0


if __name__ == "__main__":
    sys.exit(main(None))
