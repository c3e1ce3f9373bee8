"""Which scans of a BIDS data set are taken: by participant, by session, and one a contrast where there are several."""

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hifisyn.dataset import MODALITIES
from hifisyn.dataset_conversion.bids_names import ENDINGS, SUFFIXES, BidsName
from hifisyn.errors import FileError, UserError
from hifisyn.json_files import read_object

ANY = "*"
# Values that a key may have; none: the key must be absent.
Query = Mapping[str, tuple[str | None, ...]]

# Parts of a scan, and what was computed from one.
WHOLE: Query = {"part": (None, "mag"), **dict.fromkeys(("inv", "mod", "chunk", "space", "desc"), (None,))}
RULES: dict[str, Query] = {modality: {**WHOLE, "suffix": (SUFFIXES[modality],)} for modality in MODALITIES}
RULES["T1"] = {**RULES["T1"], "ce": (None,)}
RULES["T1ce"] = {**RULES["T1ce"], "ce": (ANY,)}

NUMBERED = ("run", "echo", "inv", "flip")
LONG_NAMES = {
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "ceagent": "ce",
    "reconstruction": "rec",
    "direction": "dir",
    "inversion": "inv",
    "description": "desc",
    "processing": "proc",
    "resolution": "res",
}
# Of a filter file: what every query says and what is no part of a name.
UNUSED = ("datatype", "extension", "scope", "return_type")
OF_PYBIDS: dict[str, tuple[str | None, ...]] = {
    "None": (None,),
    "Query.NONE": (None,),
    "Query.ANY": (ANY,),
    "Query.OPTIONAL": (None, ANY),
}


@dataclass(frozen=True)
class Selection:
    """What to take.

    Attributes:
        participants: labels of subjects without `sub-`; empty: all.
        sessions: labels of sessions without `ses-`; empty: all.
        filters: modality to what the names of its scans must say, beside or instead of the usual rules.
    """

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    filters: Mapping[str, Query] = field(default_factory=dict)

    def choose(self, names: Iterable[BidsName]) -> dict[str, BidsName]:
        """Return the scan of each contrast among the images of one session.

        Where several fit, those without `ce`, `acq`, `rec` and `echo` come first, in this order, then the lowest
        run and echo, then the alphabet. A scan serves one contrast, T1ce before T1.
        """
        left = [name for name in names if name.ending in ENDINGS]
        chosen: dict[str, BidsName] = {}
        for modality in ("T1ce", *(m for m in MODALITIES if m != "T1ce")):
            fitting = [name for name in left if _fits(name, self._query(modality))]
            if fitting:
                chosen[modality] = min(fitting, key=_rank)
                left.remove(chosen[modality])
        return {modality: chosen[modality] for modality in MODALITIES if modality in chosen}

    def _query(self, modality: str) -> Query:
        own = self.filters.get(modality, {})
        # People mark contrast agent by acq too; who says so need not say ce.
        rules = {key: values for key, values in RULES[modality].items() if key != "ce" or not own or modality != "T1ce"}
        return {**rules, **own}


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Declare the options."""
    parser.add_argument(
        "--participant-label", nargs="+", metavar="LABEL", help="participants to take, with or without sub-"
    )
    parser.add_argument("--session-label", nargs="+", metavar="LABEL", help="sessions to take, with or without ses-")
    parser.add_argument(
        "--filter", action="append", default=[], metavar="T1=acq-mprage,run-1", help="scans of a contrast to take"
    )
    parser.add_argument("--bids-filter-file", type=Path, metavar="FILE", help="the same as JSON, as fMRIPrep reads it")


def from_arguments(arguments: argparse.Namespace) -> Selection:
    """Return the selection that the user requests.

    Raises:
        UserError: a filter cannot be understood.
    """
    filters = read_filter_file(arguments.bids_filter_file) if arguments.bids_filter_file else {}
    for text in arguments.filter:
        modality, query = parse_filter(text)
        filters[modality] = {**filters.get(modality, {}), **query}
    return Selection(
        tuple(label.removeprefix("sub-") for label in arguments.participant_label or ()),
        tuple(label.removeprefix("ses-") for label in arguments.session_label or ()),
        filters,
    )


def parse_filter(text: str) -> tuple[str, Query]:
    """Read a filter as users type it.

    >>> parse_filter("T1=acq-mprage,run-1")
    ('T1', {'acq': ('mprage',), 'run': ('1',)})

    Raises:
        UserError: it is none.
    """
    word, _, conditions = text.partition("=")
    modality = _modality(word)
    pairs = [condition.partition("-") for condition in conditions.split(",")]
    if modality is None or not all(key.isalpha() and value for key, _, value in pairs):
        raise UserError(
            f"--filter must be a contrast of {', '.join(MODALITIES)} and entities, as in T1=acq-mprage,run-1",
            got=repr(text),
        )
    return modality, {LONG_NAMES.get(key, key): (value,) for key, _, value in pairs}


def read_filter_file(path: Path) -> dict[str, Query]:
    """Read a filter file: {"t1w": {"acquisition": "mprage", "run": [1, 2], "reconstruction": null}}.

    Queries that are not of a contrast, such as `bold`, do not count. `t1ce` is ours.

    Raises:
        UserError: it is no such file.
    """
    content = read_object(path)
    if not all(isinstance(query, dict) for query in content.values()):
        raise FileError(path, 'must hold queries such as {"t1w": {"acquisition": "mprage"}}')
    filters: dict[str, Query] = {}
    for word, query in content.items():
        modality = _modality(word)
        if modality is not None:
            used = {key: value for key, value in query.items() if key not in UNUSED}
            filters[modality] = {LONG_NAMES.get(key, key): _values(value, path) for key, value in used.items()}
    return filters


def _modality(word: str) -> str | None:
    known = {name.lower(): modality for modality in reversed(MODALITIES) for name in (modality, SUFFIXES[modality])}
    return known.get(word.lower())


def _values(value: Any, path: Path) -> tuple[str | None, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(item is None or isinstance(item, (str, int)) for item in values):
        raise FileError(path, "must query text, numbers or null", got=json.dumps(value), hint="fix the query")
    meant = (OF_PYBIDS.get(str(item), (str(item).removeprefix("sub-").removeprefix("ses-"),)) for item in values)
    return tuple(item for items in meant for item in items)


def _fits(name: BidsName, query: Query) -> bool:
    there = {**name.entities, "suffix": name.suffix}
    return all(any(_equal(key, there.get(key), value) for value in values) for key, values in query.items())


def _equal(key: str, there: str | None, wanted: str | None) -> bool:
    if there is None or wanted is None:
        return there is wanted
    if key in NUMBERED:
        there, wanted = there.lstrip("0"), wanted.lstrip("0")
    return wanted in (ANY, there)


def _rank(name: BidsName) -> tuple[list[bool], int, int, str]:
    numbers = [name.entities.get(key, "0") for key in ("run", "echo")]
    run, echo = (int(number) if number.isdecimal() else 0 for number in numbers)
    return [key in name.entities for key in ("ce", "acq", "rec", "echo")], run, echo, str(name)
