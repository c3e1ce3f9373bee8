"""What the trainings of one table share, whatever each method plans for itself: slices, splits, length and batch.

Length and batch are those of the plans of the data set, with what the user changed.
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


def made_plans(request: Request) -> Plans:
    """Return the plans as they lie in the folder of the data set.

    Raises:
        UserError: there are none.
    """
    return Plans.load(plans_file(request.roots.preprocessed_dataset(request.dataset), request.plans))


def shared_plans(made: Plans, assignments: Sequence[str]) -> Plans:
    """Return the plans with the user's changes, but for settings that their method lacks: those are of single methods.

    Raises:
        UserError: a value cannot work.
    """
    return made.override([text for text in assignments if has(made, text)])


def has(plans: Plans, assignment: str) -> bool:
    """Tell whether plans have the key of a `key=value` text, and no second one like it."""
    try:
        settings.override(plans.model_dump(mode="json"), [assignment])
    except UserError:
        return False
    return True


def equal(plans: Plans) -> tuple[str, ...]:
    """Return the assignments that give the plans of any method this length and batch."""
    length = plans.length
    return (
        f"length.epochs={length.epochs}",
        f"length.iterations={length.iterations}",
        f"optimisation.batch_size={plans.optimisation.batch_size}",
    )


def request_of(row: Row, request: Request, plans: Plans, length: Sequence[str] = ()) -> Request:
    """Return what hifisyn_train would be asked for a row.

    Args:
        row: of the table.
        request: what all rows share.
        plans: whose length and batch it gets.
        length: assignments of a length of its own.
    """
    assignments = (*request.assignments, *equal(plans), *length, *row.assignments)
    return replace(request, method=row.method, assignments=assignments)


def looked_up(row: Row, request: Request) -> tuple[Job, list[str]]:
    """Do `hifisyn.training.request.look_up`; what is wrong is told of the row.

    Raises:
        UserError: what `look_up` refuses.
    """
    try:
        return look_up(request)
    except UserError as error:
        made = made_plans(request).model_copy(update={"settings": {}})
        of_methods = [text for text in request.assignments if text not in row.assignments and not has(made, text)]
        hint = "; a settings.NAME of --set must be a setting of every method" if of_methods else ""
        raise UserError(f"{row.name}: {error}{hint}") from None
