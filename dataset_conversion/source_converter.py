"""The options that all converters of scans share, and the converter that follows from a `find` function."""

import argparse
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hifisyn.dataset_conversion.converter import Conversion, Converter
from hifisyn.dataset_conversion.source import Found

log = logging.getLogger(__name__)
Find = Callable[[Sequence[Path], Path, argparse.Namespace], Found]


def source_converter(
    name: str,
    summary: str,
    dataset_name: str,
    find: Find,
    *,
    source: str,
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None,
    place: str = "copy",
    examples: str = "",
) -> Converter:
    """Return the converter of a kind of source.

    Args:
        name: subcommand.
        summary: one line of help.
        dataset_name: where the user gives none.
        find: (sources, raw folder of the data set, parsed arguments) -> what is there; it writes no image.
        source: help on what SOURCE is.
        add_arguments: declares the options that only this kind has.
        place: the default of --place.
        examples: what to type, shown below the help.
    """

    def declare(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("source", nargs="+", type=Path, metavar="SOURCE", help=source)
        parser.add_argument("--subjects", type=Path, metavar="FILE", help="subjects to take, one a line; else all")
        parser.add_argument("--limit", type=int, metavar="N", help="take at most N subjects, in alphabetical order")
        parser.add_argument("--test", default="", metavar="IDS", help="subjects to hold out, as in a,b,c, or a file")
        parser.add_argument(
            "--place", choices=("copy", "refer"), default=place, help="copy the scans, or use them where they lie"
        )
        if add_arguments:
            add_arguments(parser)

    def convert(folder: Path, arguments: argparse.Namespace) -> Conversion:
        from hifisyn.dataset_conversion import raw_folder
        from hifisyn.dataset_conversion.subjects import read_ids

        found = find(arguments.source, folder, arguments)
        for line in found.notes:
            log.warning(line)
        return raw_folder.write(
            found,
            folder,
            name=arguments.name,
            subjects=read_ids(arguments.subjects) if arguments.subjects else None,
            limit=arguments.limit,
            test=_ids(arguments.test),
            place=arguments.place,
            overwrite=arguments.overwrite,
        )

    return Converter(name, summary, dataset_name, declare, convert, examples)


def _ids(text: str) -> list[str]:
    """Return the identifiers of a list such as a,b or of a file that holds one a line."""
    from hifisyn.dataset_conversion.subjects import read_ids

    if os.path.isfile(text):  # no Path: it raises, and shows, a list too long for a file name
        return read_ids(Path(text))
    return [word.strip() for word in text.split(",") if word.strip()]
