"""Rows whose method cannot learn from a cohort: contrasts that it does not take, or pairs where there are none."""

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
from hifisyn.training.request_checks import contrasts_not_taken


def leave_out_unfit(groups: Groups, plans: Plans) -> Groups:
    """Return the groups without the rows that cannot learn from their contrasts.

    Args:
        groups: of an experiment.
        plans: that all rows share.

    Raises:
        UserError: no row is left, or what `look_up_row` refuses.
    """
    kept, left_out = [], list(groups.left_out)
    for group in groups.groups:
        reasons = {row: reason for row in group.rows if (reason := why_unfit(row, group.request, plans))}
        left_out += [Failure(row.name, reason) for row, reason in reasons.items()]
        if rows := tuple(row for row in group.rows if row not in reasons):
            kept.append(Group(group.request, rows))
    if not kept:
        raise UserError(
            f"{left_out[-1].case} must be able to learn from these contrasts",
            got=left_out[-1].reason,
            hint="take another method, such as HiFiSyn",
        )
    return replace(groups, groups=tuple(kept), left_out=tuple(left_out))


def why_unfit(row: Row, request: Request, plans: Plans) -> str:
    """Return why a row cannot learn from the contrasts of a request; "" where it can."""
    trainer = trainer_class(row.method)
    if contrasts_not_taken(_spelt(request.domains, plans), trainer):
        return f"takes {', '.join(trainer.NEEDS.contrasts or ())} alone"
    if trainer.NEEDS.pairs and not _has_pairs(row, request, plans):
        return f"no training case has two of {', '.join(request.domains)} whose registration is trusted"
    return ""


def _has_pairs(row: Row, request: Request, plans: Plans) -> bool:
    job, _ = look_up_row(row, row_request(row, request, plans))
    try:
        cohort = job.cohort()
    except UserError:  # of the data, not of pairs: every row meets it, and the row says so
        return True
    return cohort is None or cohort.has_pairs


def _spelt(contrasts: Sequence[str], plans: Plans) -> list[str]:
    known = {contrast.lower(): contrast for contrast in plans.modalities}
    return [known.get(contrast.lower(), contrast) for contrast in contrasts]
