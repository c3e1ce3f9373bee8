"""Which contrasts the methods of a benchmark are trained on: pairs by themselves, or several in one training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from hifisyn.errors import UserError
from hifisyn.experiments.rows import Row
from hifisyn.experiments.shared import made_plans
from hifisyn.training.registry import trainer_class
from hifisyn.training.request import Request

PAIRWISE = "pairwise"


@dataclass(frozen=True)
class Group:
    """Rows that are trained on the same contrasts.

    Attributes:
        request: what they share.
        rows: the methods.
        share: how many trainings divide the budget of a row.
    """

    request: Request
    rows: tuple[Row, ...]
    share: int = 1


@dataclass(frozen=True)
class Groups:
    """All of a benchmark.

    Attributes:
        groups: of which no two train the same row on the same contrasts.
        names: of the groups, as the name of a folder has them.
        left_out: methods that do not take so many contrasts.
    """

    groups: tuple[Group, ...]
    names: tuple[str, ...]
    left_out: tuple[Row, ...] = ()


def by_pair(requests: Sequence[Request], rows: Sequence[Row]) -> Groups:
    """Return a group a pair of contrasts, each with the whole budget.

    Raises:
        UserError: two requests are for the same pair.
    """
    names = [_name(request) for request in requests]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"--target: wanted every contrast once, found {twice} twice; name it once")
    return Groups(tuple(Group(request, tuple(rows)) for request in requests), tuple(names))


def together(request: Request, rows: Sequence[Row], *, pairwise: bool = False) -> Groups:
    """Return one group for all contrasts of the request; methods that do not take so many are left out.

    Args:
        request: for three contrasts or more.
        rows: the methods.
        pairwise: train the same methods on each pair too, as rows of their own that divide the budget.

    Raises:
        UserError: no method takes so many.
    """
    most = {row: trainer_class(row.method).NEEDS.most_domains for row in rows}
    fitting = tuple(row for row, count in most.items() if count is None or count >= len(request.domains))
    if not fitting:
        raise UserError(
            f"--together: wanted a method that takes {len(request.domains)} contrasts in a training, found "
            f"{', '.join(row.name for row in rows)}; name another, such as HiFiSyn"
        )
    groups, names = [Group(request, fitting)], [_name(request)]
    if pairwise:
        pairs = list(combinations(request.domains, 2))
        own = tuple(_pairwise(row, len(pairs)) for row in fitting)
        groups += [Group(replace(request, domains=pair), own, len(pairs)) for pair in pairs]
        names.append(PAIRWISE)
    return Groups(tuple(groups), tuple(names), tuple(row for row in rows if row not in fitting))


def _pairwise(row: Row, pairs: int) -> Row:
    words = f"{row.words}; {pairs} trainings, one a pair, that divide the budget"
    return replace(row, key=f"{row.key}_{PAIRWISE}", name=f"{row.name}, {PAIRWISE}", words=words)


def _name(request: Request) -> str:
    """Return contrasts as the folder of a model has them, whatever their case on the command line."""
    known = {contrast.lower(): contrast for contrast in made_plans(request).modalities}
    return "_".join(sorted(known.get(contrast.lower(), contrast) for contrast in request.domains))
