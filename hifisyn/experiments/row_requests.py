"""What each row asks of hifisyn_train, so that all rows have equal slices, splits, length and batch.

Length and batch are those of the plans of the data set with the user's changes, whatever a method plans for itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from hifisyn import settings
from hifisyn.errors import UserError
from hifisyn.experiments.rows import Row
from hifisyn.paths import plans_file
from hifisyn.plans import Plans
from hifisyn.training.job import Job
from hifisyn.training.request import Request, look_up


def dataset_plans(request: Request) -> Plans:
    """Return the plans as they lie in the folder of the data set.

    Raises:
        UserError: there are none.
    """
    return Plans.load(plans_file(request.roots.preprocessed_dataset(request.dataset), request.plans))


def shared_plans(plans: Plans, assignments: Sequence[str]) -> Plans:
    """Return plans with the user's changes, but for settings that their method lacks: those are of single methods.

    Raises:
        UserError: a value cannot work.
    """
    return plans.override([text for text in assignments if has_key(plans, text)])


def has_key(plans: Plans, assignment: str) -> bool:
    """Return whether plans have the key of a `key=value` text, and no second one like it."""
    try:
        settings.override(plans.model_dump(mode="json"), [assignment])
    except UserError:
        return False
    return True


def row_request(row: Row, request: Request, plans: Plans, length: Sequence[str] = ()) -> Request:
    """Return what hifisyn_train would be asked for a row.

    Args:
        row: of the experiment.
        request: what all rows share.
        plans: whose length and batch it gets.
        length: assignments of a length of its own.
    """
    equal = (
        f"length.epochs={plans.length.epochs}",
        f"length.iterations={plans.length.iterations}",
        f"optimisation.batch_size={plans.optimisation.batch_size}",
    )
    return replace(request, method=row.method, assignments=(*request.assignments, *equal, *length, *row.assignments))


def look_up_row(row: Row, request: Request) -> tuple[Job, list[str]]:
    """Do `hifisyn.training.request.look_up` for a row.

    Raises:
        UserError: what `look_up` refuses, with the name of the row.
    """
    try:
        return look_up(request)
    except UserError as error:
        plain = dataset_plans(request).model_copy(update={"settings": {}})
        of_methods = any(t not in row.assignments and not has_key(plain, t) for t in request.assignments)
        hints = (error.hint, "settings.NAME of --set must be a setting of every method" if of_methods else "")
        raise UserError(f"{row.name}: {error.what}", got=error.got, hint="; ".join(filter(None, hints))) from None
