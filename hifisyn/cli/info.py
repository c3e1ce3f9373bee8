"""hifisyn info: what this version can do, without reading any weights."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence

from hifisyn import __version__
from hifisyn.cli.entry import command
from hifisyn.cli.parser import Parser

log = logging.getLogger(__name__)

TITLES = {
    "version": "version",
    "contrasts_in": "base model takes",
    "contrasts_out": "base model makes",
    "base_model": "base model",
    "methods": "methods to train",
    "converters": "data sets read",
    "skull_stripping": "skull stripping",
}


def parser() -> Parser:
    """Return the command line."""
    p = Parser("hifisyn info", description="Tell what this version can do; no weights are read.")
    p.add_argument("--json", action="store_true", help="as JSON")
    return p


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    given = parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    found = abilities()
    log.info(json.dumps(found, indent=2) if given.json else _lines(found))
    return 0


def abilities() -> dict[str, str | list[str]]:
    """Return the version, the base model's name and contrasts, and the methods, converters and tools by name."""
    from hifisyn.base.contrasts import NAMED, TARGETS
    from hifisyn.base.shipped import NAME
    from hifisyn.dataset_conversion.registry import CONVERTERS
    from hifisyn.preprocessing.steps import Tool
    from hifisyn.training.registry import names

    strippers = (Tool.BASE, Tool.DEEPBET, Tool.HD_BET, Tool.SYNTHSTRIP, Tool.BET, Tool.COMMAND)
    return {
        "version": __version__,
        "base_model": NAME,
        "contrasts_in": [*NAMED],
        "contrasts_out": [*TARGETS],
        "methods": names(),
        "converters": sorted(CONVERTERS),
        "skull_stripping": [tool.value for tool in strippers],
    }


def _lines(found: Mapping[str, str | Sequence[str]]) -> str:
    width = max(map(len, TITLES.values())) + 2
    shown = {key: value if isinstance(value, str) else ", ".join(value) for key, value in found.items()}
    return "\n".join(f"{TITLES[key].ljust(width)}{value}" for key, value in shown.items())


if __name__ == "__main__":
    sys.exit(main(None))
