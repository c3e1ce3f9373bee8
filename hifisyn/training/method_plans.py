"""The plans as a method trains by them."""

from collections.abc import Callable, Mapping
from typing import Any

from hifisyn.planning.planner import complete, for_method, planned_for
from hifisyn.plans import Plans
from hifisyn.training.contract import Trainer


def plans_of_method(
    plans: Plans, trainer: type[Trainer], name: str, fingerprint: Callable[[], Mapping[str, Any]], origin: str = ""
) -> Plans:
    """Return plans for a method: as they are where they are its own, else as it plans itself on the same slices.

    Args:
        plans: of any method.
        trainer: the method.
        name: of it, as the registry knows it.
        fingerprint: reads that of the data set; called where the method has to plan.
        origin: where the plans stand, in front of an error, such as a file.

    Raises:
        UserError: the plans hold a setting that the method lacks, or one that cannot work.
    """
    if plans.method == name:
        return complete(plans, trainer, origin)
    return for_method(plans, trainer, name, fingerprint(), planned_for(plans))
