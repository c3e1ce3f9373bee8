"""The parser of every command: no abbreviations, defaults in the help, a mistake in one line."""

import argparse
from typing import Any, NoReturn

from hifisyn.errors import UserError


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the lines of examples and adds a default where there is one and the text names none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        plain = default is None or isinstance(default, bool) or default == argparse.SUPPRESS or default in ("", [], ())
        if action.help is None or plain or "default:" in action.help:
            return action.help
        shown = " ".join(map(str, default)) if isinstance(default, list | tuple) else str(default)
        more = f"default: {shown}".replace("%", "%%")
        head, bracket, note = action.help.partition(" (")
        return f"{head} ({note.removesuffix(')')}; {more})" if bracket else f"{head} ({more})"


class Parser(argparse.ArgumentParser):
    """A parser that takes every flag only as it is spelled, so that a typo is never another flag.

    >>> Parser("demo").parse_args(["--fold"])
    Traceback (most recent call last):
        ...
    hifisyn.errors.UserError: unrecognized arguments: --fold; see demo -h
    """

    def __init__(self, prog: str, *, formatter_class: Any = Help, **options: Any) -> None:
        super().__init__(prog=prog, formatter_class=formatter_class, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise the mistake, for `entry.command` to show."""
        raise UserError(message, hint=f"see {self.prog} -h")

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        return []  # allow_abbrev lets `-ch` pass for -chk, and reads `-fold 0` as -f old
