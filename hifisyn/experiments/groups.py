"""Which contrasts the rows of an experiment are trained on: pairs by themselves, or several in one training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.experiments.row_requests import dataset_plans
from hifisyn.experiments.rows import Row, missing_method
from hifisyn.paths import Roots, plans_file
from hifisyn.plans import Plans
from hifisyn.training.registry import trainer_class
from hifisyn.training.request import Request

PAIRWISE = "pairwise"


@dataclass(frozen=True)
class Group:
    """Rows that are trained on the same contrasts.

    Attributes:
        request: what they share.
        rows: in the order of the tables.
    """

    request: Request
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Groups:
    """The rows of an experiment.

    Attributes:
        groups: each of other contrasts.
        names: of the groups, as the name of the experiment's folder has them.
        left_out: rows that are not trained, and why.
    """

    groups: tuple[Group, ...]
    names: tuple[str, ...]
    left_out: tuple[Failure, ...] = ()


def only_pair(roots: Roots, dataset: str, plans: str) -> tuple[str, str]:
    """Return the contrasts of a data set that has two.

    Raises:
        UserError: it has more or fewer.
    """
    modalities = Plans.load(plans_file(roots.preprocessed_dataset(dataset), plans)).modalities
    if len(modalities) != 2:
        raise UserError(
            f"{dataset} must have two contrasts", got=", ".join(modalities), hint="name --source and --target"
        )
    return modalities[0], modalities[1]


def by_pair(requests: Sequence[Request], rows: Sequence[Row]) -> Groups:
    """Return a group a pair of contrasts, each with the whole budget.

    Raises:
        UserError: two requests are for the same pair, or no row has its method here.
    """
    names = [_name(request) for request in requests]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError("--target must name every contrast once", got=f"{twice} twice")
    here = tuple(row for row in rows if not missing_method(row))
    missing = tuple(Failure(row.name, f"needs the method {row.method}") for row in rows if missing_method(row))
    if not here:
        methods = ", ".join(dict.fromkeys(row.method for row in rows))
        raise UserError(f"all rows need methods that are not here: {methods}", hint="choose other --rows")
    return Groups(tuple(Group(request, here) for request in requests), tuple(names), missing)


def together(request: Request, rows: Sequence[Row], *, pairwise: bool = False) -> Groups:
    """Return one group for all contrasts of the request; methods that do not take so many are left out.

    Args:
        request: for three contrasts or more.
        rows: the methods.
        pairwise: train the same methods on each pair too, as rows of their own that divide the budget.

    Raises:
        UserError: no method takes so many.
    """
    count = len(request.domains)
    limits = {row: trainer_class(row.method).NEEDS.most_domains for row in rows}
    fitting = tuple(row for row, most in limits.items() if most is None or most >= count)
    if not fitting:
        raise UserError(
            f"--together needs a method that takes {count} contrasts in a training",
            got=", ".join(row.name for row in rows),
            hint="name another, such as HiFiSyn",
        )
    groups, names = [Group(request, fitting)], [_name(request)]
    if pairwise:
        pairs = list(combinations(request.domains, 2))
        own = tuple(_pairwise(row, len(pairs)) for row in fitting)
        groups += [Group(replace(request, domains=pair), own) for pair in pairs]
        names.append(PAIRWISE)
    others = {row: most for row, most in limits.items() if row not in fitting}
    left_out = tuple(Failure(row.name, f"takes at most {most} contrasts in a training") for row, most in others.items())
    return Groups(tuple(groups), tuple(names), left_out)


def _pairwise(row: Row, pairs: int) -> Row:
    summary = f"{row.summary}; {pairs} trainings, one a pair, that divide the budget"
    return replace(row, key=f"{row.key}_{PAIRWISE}", name=f"{row.name}, {PAIRWISE}", summary=summary, share=pairs)


def _name(request: Request) -> str:
    """Return contrasts as the folder of a model has them, whatever their case on the command line."""
    known = {contrast.lower(): contrast for contrast in dataset_plans(request).modalities}
    return "_".join(sorted(known.get(contrast.lower(), contrast) for contrast in request.domains))
