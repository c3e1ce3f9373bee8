"""What a method has of its own beside the plans, typed, and the plans as a method has them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hifisyn.errors import UserError
from hifisyn.plans import Plans, TrainingPlan, explain

if TYPE_CHECKING:
    from hifisyn.training.contract import Trainer

HIFISYN_RATES = {"lr": 1e-4, "lr_discriminator": 1e-4, "lr_content_discriminator": 4e-5}


class Settings(BaseModel):
    """Base of a method's own settings: every field has its published value as default; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Settings)


def checked(kind: type[S], values: Mapping[str, Any]) -> S:
    """Build the settings of a method from the `method` part of the plans.

    Raises:
        UserError: a setting is unknown, of the wrong type or cannot work.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        found = error.errors()[0]
        raise UserError(explain(found | {"loc": ("method", *found["loc"])}, list(kind.model_fields))) from None


def adapted(plans: Plans, trainer: "type[Trainer]") -> Plans:
    """Return the plans as a method has them.

    Its published values replace those of the `training` part, which are HiFi-Syn's. Published learning rates are
    those of full-sized networks: each is multiplied by what the planner multiplied HiFi-Syn's with. The `method` part
    is filled with the method's settings.

    Raises:
        UserError: the plans hold a setting that the method lacks, or one that cannot work.
    """
    own = plans.training.model_dump()
    scale = {key: own[key] / rate for key, rate in HIFISYN_RATES.items()}
    published = {key: value * scale[key] if key in scale else value for key, value in trainer.PUBLISHED.items()}
    training = TrainingPlan.model_validate(own | published)
    return with_settings(plans.model_copy(update={"training": training}), trainer)


def with_settings(plans: Plans, trainer: "type[Trainer]") -> Plans:
    """Return the plans with every setting of the method written out and checked.

    Raises:
        UserError: as `checked`.
    """
    return plans.model_copy(update={"method": checked(trainer.SETTINGS, plans.method).model_dump(mode="json")})
