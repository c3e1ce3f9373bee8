"""Rows whose method learns from pairs alone, where the training cases hold none."""

from collections.abc import Sequence
from dataclasses import replace

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.experiments.groups import Group, Groups
from hifisyn.experiments.row_requests import look_up_row, row_request
from hifisyn.experiments.rows import Row
from hifisyn.plans import Plans
from hifisyn.training.registry import trainer_class
from hifisyn.training.request import Request


def leave_out_without_pairs(groups: Groups, plans: Plans) -> Groups:
    """Return the groups without the rows that need pairs of contrasts that no training case has.

    Args:
        groups: of an experiment.
        plans: that all rows share.

    Raises:
        UserError: no row is left, or what `look_up_row` refuses.
    """
    kept, left_out = [], list(groups.left_out)
    for group in groups.groups:
        missing = [row for row in group.rows if _lacks_pairs(row, group.request, plans)]
        left_out += [Failure(row.name, _reason(group.request.domains)) for row in missing]
        if rows := tuple(row for row in group.rows if row not in missing):
            kept.append(Group(group.request, rows))
    if not kept:
        raise UserError(
            f"{left_out[-1].case} must have pairs to learn from",
            got=left_out[-1].reason,
            hint="take a method that needs none, such as HiFiSyn",
        )
    return replace(groups, groups=tuple(kept), left_out=tuple(left_out))


def _lacks_pairs(row: Row, request: Request, plans: Plans) -> bool:
    if not trainer_class(row.method).NEEDS.pairs:
        return False
    job, _ = look_up_row(row, row_request(row, request, plans))
    try:
        cohort = job.cohort()
    except UserError:  # of the data, not of pairs: every row meets it, and the row says so
        return False
    return cohort is not None and not cohort.has_pairs


def _reason(contrasts: Sequence[str]) -> str:
    return f"no training case has two of {', '.join(contrasts)} whose registration is trusted"
