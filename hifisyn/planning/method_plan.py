"""How a method plans itself: what it returns, and the plan that the shared rules make for any method."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from hifisyn.planning import rules, size_rules
from hifisyn.planning.choice import Choice
from hifisyn.planning.costs import Sizes
from hifisyn.planning.device import Device
from hifisyn.plans import BatchPlan, LengthPlan, OptimisationPlan, Plans, Preset, SlicePlan
from hifisyn.settings import Settings

RATES = {"lr": 0, "lr_discriminator": 1}  # which of `rules.rate_factors` goes with which rate
CONTENT_STEPS = "content_discriminator.steps"
DIGITS = 12


@dataclass(frozen=True)
class MethodPlan:
    """What a method planned for itself.

    Attributes:
        optimisation, batches, length: its values of what all methods have.
        settings: what it alone has, as plain data.
        reasons: key of the plans to why.
    """

    optimisation: OptimisationPlan
    batches: BatchPlan
    length: LengthPlan
    settings: dict[str, Any]
    reasons: dict[str, str]

    def with_settings(self, **parts: Mapping[str, Any]) -> "MethodPlan":
        """Return the plan with values of some groups of its settings replaced."""
        settings = {name: {**self.settings.get(name, {}), **values} for name, values in parts.items()}
        return replace(self, settings=self.settings | settings)

    def because(self, **reasons: str) -> "MethodPlan":
        """Return the plan with more reasons; __ stands for the dot in a key."""
        return replace(self, reasons=self.reasons | {key.replace("__", "."): text for key, text in reasons.items()})


class PlansItself(Protocol):
    """A method, as planning sees it: `hifisyn.training.contract.Trainer`."""

    SETTINGS: ClassVar[Any]  # a type of Settings; declared so, a narrower one would be refused

    @classmethod
    def check(cls, plans: Plans) -> None:
        """Refuse plans whose parts do not go together."""
        ...

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return what the method takes for this data, these slices and this device."""
        ...


def basis(device: Device, preset: Preset) -> Device:
    """Return the device that sizes and length are chosen for: the paper's plans are full-sized on any.

    >>> basis(Device("cpu", 8, 2, minutes=4), "paper").kind
    'cuda'
    """
    return device if preset == "recommended" else size_rules.FULL_SIZE_DEVICE


def shared_plan(
    kind: type[Settings], published: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset
) -> tuple[MethodPlan, Sizes]:
    """Plan a method by the rules that all share.

    Args:
        kind: of its settings; a rule is asked for each setting that it has.
        published: its published values of optimisation and batches.
        slices: what was cut.
        device: that it will train on.
        preset: see `hifisyn.planning.planner.plan`.

    Returns:
        The plan, and the sizes that it rests on.
    """
    device = basis(device, preset)
    sizes = size_rules.sizes(device, slices.crop)
    steps = rules.content_steps(device)
    period = steps.value if _field(kind, CONTENT_STEPS) else 1
    length = size_rules.length(sizes.value, device, preset, period)
    rates = rules.rate_factors(sizes.value.width, length.value.total)
    average = rules.average(preset)
    values = {name: field.default for name, field in OptimisationPlan.model_fields.items()} | dict(published)
    scaled = {name: scale_rate(values[name], rates.value[which]) for name, which in RATES.items()}
    optimisation = _own(OptimisationPlan, published) | scaled
    optimisation |= {"batch_size": sizes.value.batch, "average": average.value}
    settings, reasons = _settings(kind, sizes, length.value, device, rates.value[0])
    reasons |= {
        "length.epochs": length.reason,
        "optimisation.lr": rates.reason,
        "optimisation.average": average.reason,
    }
    plan = MethodPlan(
        OptimisationPlan.model_validate(optimisation),
        BatchPlan.model_validate(_own(BatchPlan, published)),
        length.value,
        settings,
        reasons,
    )
    return plan, sizes.value


def scale_rate(published: float, factor: float) -> float:
    """Return a published rate times a factor, without the noise of binary fractions.

    >>> scale_rate(4e-5, 20.0)
    0.0008
    """
    return float(f"{published * factor:.{DIGITS}g}")


def _own(kind: type[Settings], published: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in published.items() if key in kind.model_fields}


def _settings(
    kind: type[Settings], sizes: Choice[Sizes], length: LengthPlan, device: Device, factor: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings for which there is a rule, as far as the method has them, and why."""
    noise, init = rules.content_noise(sizes.value.width), rules.initialisation(sizes.value.width)
    steps, ema = rules.content_steps(device), rules.attribute_ema(length.total)
    down = size_rules.n_down(sizes.value.crop)
    candidates: dict[str, tuple[Any, str]] = {
        "networks.width": (sizes.value.width, sizes.reason),
        "networks.n_down": (down.value, down.reason),
        "networks.content_noise": (noise.value, noise.reason),
        "networks.init": (init.value, init.reason),
        CONTENT_STEPS: (steps.value, steps.reason),
        "attribute_ema": (ema.value, ema.reason),
    }
    if rate := _field(kind, "content_discriminator.lr"):
        candidates["content_discriminator.lr"] = (scale_rate(rate.default, factor), "")
    settings: dict[str, Any] = {}
    reasons = {}
    for key, (value, reason) in candidates.items():
        if _field(kind, key) is None:
            continue
        group, _, name = key.rpartition(".")
        (settings.setdefault(group, {}) if group else settings)[name] = value
        if reason:
            reasons[f"settings.{key}"] = reason
    return settings, reasons


def _field(kind: type[Settings], key: str) -> Any:
    """Return the field at a dotted key of nested settings; none where there is none."""
    *groups, name = key.split(".")
    inner: Any = kind
    for group in groups:
        field = inner.model_fields.get(group)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Settings)):
            return None
    return inner.model_fields.get(name)
