"""The layout of a memory of brain tissue: slots of each label and as many global ones (HiFi-Syn section 3.2.1)."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from hifisyn.errors import UserError
from hifisyn.methods.memory_layout import layout
from hifisyn.planning.costs import Sizes
from hifisyn.planning.method_plan import MethodPlan
from hifisyn.plans import Plans
from hifisyn.settings import Settings

NO_PIXEL = -2  # and below: values that no label map has, nor a pixel without a label


class MemorySlots(Settings):
    """How many slots there are, and how wide what they hold."""

    slots: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="slots of each structure, by label name; empty: no structural slots"
    )
    global_slots: int = Field(0, ge=0, description="slots that every pixel may read")
    value_width: int = Field(128, ge=1, le=1000, description="V: entries of a value")
    foreign: tuple[str, ...] = Field(
        (), description="structures with slots that only the weights know which a training started from"
    )

    @model_validator(mode="before")
    @classmethod
    def _both_are_counted(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "slots" in values and "global_slots" not in values:
            raise ValueError("global_slots must stand beside slots")
        return values

    @property
    def total(self) -> int:
        """T: structural and global slots together."""
        return sum(self.slots.values()) + self.global_slots

    def by_value(self, labels: Mapping[str, int]) -> dict[int, int]:
        """Return the slots of each structure by its value in the label maps; foreign ones have values of no pixel.

        >>> MemorySlots(slots={"GM": 3, "lesion": 2}, global_slots=5, foreign=("lesion",)).by_value({"GM": 7})
        {7: 3, -2: 2}
        """
        values = {name: NO_PIXEL - number for number, name in enumerate(self.foreign)} | dict(labels)
        return {values[name]: count for name, count in self.slots.items()}


def with_slots(plan: MethodPlan, fingerprint: Mapping[str, Any], sizes: Sizes) -> MethodPlan:
    """Return a plan with the slots that the labels of a data set ask for."""
    volumes = {name: entry["median_ml"] for name, entry in fingerprint["structures"].items()}
    chosen = layout(fingerprint["labels"], volumes)
    memory = {"slots": chosen.slots, "global_slots": chosen.global_slots, "value_width": sizes.value_width}
    return plan.with_settings(memory=memory).because(settings__memory__slots=chosen.reason)


def check_slots(plans: Plans) -> None:
    """Refuse slots of structures that the data set does not label.

    Raises:
        UserError: there are such slots.
    """
    memory = plans.settings["memory"]
    unknown = sorted(set(memory["slots"]) - set(plans.labels) - set(memory["foreign"]))
    if unknown:
        raise UserError(
            f"settings.memory.slots must name labels ({', '.join(plans.labels)})",
            got=", ".join(unknown),
            hint="edit the value",
        )
