"""Cases grouped by site or by their rarest label, and lists of names in which every group counts the same."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np

from hifisyn.errors import UserError
from hifisyn.paths import PARTICIPANTS_TSV
from hifisyn.volume import Volume

NO_RARE_LABEL = "none of these"


class Balance(StrEnum):
    """What every fold is balanced by."""

    SITE = "site"
    LABEL = "label"


def by_site(subjects: Mapping[str, str], sites: Mapping[str, str]) -> dict[str, str]:
    """Return case to site, of the cases whose site is known.

    Args:
        subjects: case to subject.
        sites: subject to site.

    Raises:
        UserError: there are fewer than two sites.
    """
    found = {case: sites[subject] for case, subject in subjects.items() if subject in sites}
    if len(set(found.values())) < 2:
        got = ", ".join(sorted(set(found.values()))) or "none"
        hint = f"add the column site to {PARTICIPANTS_TSV} beside dataset.json"
        raise UserError("--balance site needs labelled cases of at least 2 sites", got=got, hint=hint)
    return found


def by_label(held: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return case to the rarest label that it holds; labels that every case holds count for none.

    >>> by_label({"a": ["GM"], "b": ["GM", "core"], "c": ["GM", "core", "oedema"], "d": ["GM", "core"]})
    {'a': 'none of these', 'b': 'core', 'c': 'oedema', 'd': 'core'}

    Args:
        held: case to the labels that it holds.

    Raises:
        UserError: all cases would be in one group.
    """
    holders = Counter(name for names in held.values() for name in set(names))
    rare = {name: count for name, count in holders.items() if count < len(held)}
    found = {case: _rarest([name for name in names if name in rare], rare) for case, names in held.items()}
    if len(set(found.values())) < 2:
        raise UserError(
            "--balance label needs a label that some cases hold and others do not",
            got=", ".join(sorted(holders)) or "no labels",
            hint="leave it out",
        )
    return found


def held_labels(file: Path, labels: Mapping[str, int]) -> list[str]:
    """Return the names of the labels that a label map holds, background left out.

    Raises:
        FileError: it cannot be read.
    """
    values = set(np.unique(Volume.load_labels(file).data).tolist())
    return [name for name, value in labels.items() if value and value in values]


def balanced(names: Sequence[str], groups: Mapping[str, str]) -> list[str]:
    """Return names in which every group stands as often as in the largest: the others are repeated, evenly.

    nnU-Net draws its training images at random from this list, so a name that stands twice is drawn twice as often.

    Args:
        names: of images.
        groups: name to group; a name without one stands once.

    >>> balanced(["a", "b", "c", "d"], {"a": "HH", "b": "HH", "c": "HH", "d": "IOP"})
    ['a', 'b', 'c', 'd', 'd', 'd']
    """
    members: dict[str, list[str]] = {}
    for name in names:
        if name in groups:
            members.setdefault(groups[name], []).append(name)
    most = max(map(len, members.values()), default=0)
    times = Counter(name for name in names if name not in groups)
    for group in members.values():
        times.update(group[place * len(group) // most] for place in range(most))
    return [name for name in names for _ in range(times[name])]


def _rarest(names: Sequence[str], holders: Mapping[str, int]) -> str:
    return min(names, key=lambda name: (holders[name], name), default=NO_RARE_LABEL)
