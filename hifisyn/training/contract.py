"""What a translation method must define so that it can be planned, trained by the one loop, and translate."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hifisyn.directions import Direction, directions
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import MethodPlan, shared_plan
from hifisyn.plans import BatchKind, Plans, Preset, SlicePlan
from hifisyn.settings import Settings, checked
from hifisyn.slices import SliceStore
from hifisyn.training.batch import Batch
from hifisyn.training.rates import rate_factor
from hifisyn.training.sizes import check_crop
from hifisyn.training.training_cases import TrainingCases

GENERATOR, DISCRIMINATOR = "generator", "discriminator"

Updates = Iterator[tuple[str, dict[str, Tensor]]]


@dataclass(frozen=True)
class Needs:
    """What a method asks of its data.

    Attributes:
        batches: kinds of batches that it learns from.
        most_domains: contrasts that one training takes at most; none: any number from two on.
        contrasts: the contrasts that it takes; none: any.
        context: neighbours that it wants on each side of a slice.
    """

    batches: tuple[BatchKind, ...] = ("unpaired",)
    most_domains: int | None = 2
    context: int = 0
    contrasts: tuple[str, ...] | None = None

    @property
    def pairs(self) -> bool:
        """Whether it learns from nothing but pairs: what others reach without them is measured by it."""
        return self.batches == ("paired",)


@dataclass(frozen=True)
class BaseWeights:
    """The base model's weights, as a method can begin with them.

    Attributes:
        file: of the base model.
        width: of its network.
        weights: by name in the method's networks.
    """

    file: Path
    width: int
    weights: Mapping[str, Tensor]


class Trainer(ABC):
    """One translation method: how it is planned, which networks there are, and which losses move them.

    The loop does, for each pair that `updates` yields: zero_grad, `sum(losses).backward(inputs=the group's
    parameters)`, average over processes, clip, step, log. Since the generator pauses meanwhile, a translation for
    one group may be reused, detached, for the next, and a later update sees the weights of the earlier one.

    All state lives in `networks` (parameters and buffers): what is elsewhere does not survive a resume. All
    randomness comes from `generator`, which the loop seeds from (seed, iteration, rank) before each step.
    Over several processes the floating-point buffers are averaged after each step, but for those of a module with a
    true attribute `each_process_its_own`. Weights of one contrast bear its name in the state, never its place among
    the others, so that they can start a training on other contrasts.

    Attributes:
        TITLE: name in the registry, in tables and pages.
        YEAR: of publication.
        CITATION: of the paper, as a list of references prints it.
        SUMMARY: what it does, in a dozen words.
        NEEDS: what it asks of its data.
        SETTINGS: type of what the method alone has, with its published values.
        ADAPTS_BASE: whether it moves the base model: it starts from those weights unless others are named, they are
            the first that may be best, training ends where validation no longer rises, and its tests are not those of
            the other methods.
        PUBLISHED: its published values of the plans' `optimisation` and `batches`, where they are not the defaults.
        plans: of the training.
        settings: the method's own, from the plans.
        domains: the contrasts, sorted.
        networks: what `build_networks` returned.
        iteration: step of the run, from 0; set by the loop.
        first_total: steps of the run as it was first planned; set by the loop. What begins or ends after a share of the
            run goes by it, so that nothing begins again where a run becomes longer.
        generator: on `device`; the only source of randomness.
        device: where networks and batches are.
    """

    TITLE: ClassVar[str] = ""
    YEAR: ClassVar[int] = 0
    CITATION: ClassVar[str] = ""
    SUMMARY: ClassVar[str] = "a method from elsewhere"
    NEEDS: ClassVar[Needs] = Needs()
    ADAPTS_BASE: ClassVar[bool] = False
    SETTINGS: ClassVar[type[Settings]] = Settings
    PUBLISHED: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, plans: Plans, domains: tuple[str, ...]) -> None:
        if len(set(domains)) != len(domains) or len(domains) < 2 or not set(domains) <= set(plans.modalities):
            raise ValueError(f"domains must be two or more of {plans.modalities} (got {domains})")
        self.plans = plans
        self.settings = checked(self.SETTINGS, plans.settings, within="settings")
        self.domains = domains
        self.iteration = 0
        self.first_total = plans.length.total
        self.device = torch.device("cpu")
        self.generator = torch.Generator()
        self.networks = self.build_networks()

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Every direction between the contrasts."""
        return directions(self.domains)

    @property
    def period(self) -> int:
        """Steps after which the kinds of steps repeat; 1 where all are of one kind."""
        return 1

    @property
    def way(self) -> float:
        """Share of the way from the weights that a run starts from to what it learnt, at which its weights are used."""
        return 1.0

    @classmethod
    def plan(
        cls, fingerprint: Mapping[str, Any], slices: SlicePlan, device: Device, preset: Preset = "recommended"
    ) -> MethodPlan:
        """Return optimisation, batches, length and settings for this data, these slices and this device, and why.

        By default the rules that all methods share, with the published rates.
        """
        return shared_plan(cls.SETTINGS, cls.PUBLISHED, slices, device, preset)[0]

    @classmethod
    def check(cls, plans: Plans) -> None:
        """Refuse plans whose parts, each sound, do not go together; default a crop that the networks cannot halve.

        Raises:
            UserError: they do not.
        """
        n_down = plans.settings.get("networks", {}).get("n_down")
        if n_down is not None:
            check_crop(plans.slices.crop, n_down)

    @abstractmethod
    def build_networks(self) -> nn.Module:
        """Return one module that holds every network by name, freshly initialised; the loop seeds torch before."""

    @abstractmethod
    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return which networks each optimizer moves; networks without gradient, such as a bank, are in none."""

    @abstractmethod
    def updates(self, batch: Batch) -> Updates:
        """Yield, for each update of this step in order, the group and its losses, already weighted.

        Losses of different groups may bear one name; they are logged as group/name.
        """

    @abstractmethod
    def translator(self, source: str, target: str) -> nn.Module:
        """Return the module that translates `source` to `target`: what is averaged, compiled, exported.

        It maps (N, 1 + 2 * context, H, W) in [-1, 1] to (N, 1, H, W) in [-1, 1], or to (N, 2, H, W), whose second
        channel is the logarithm of the expected absolute error of the first. Deterministic and each image by itself.
        It shares its weights with `networks`.
        """

    def translate(self, image: Tensor, source: str, target: str) -> Tensor:
        """Return the translation of images; called in evaluation mode and without gradient."""
        translation: Tensor = self.translator(source, target)(image)
        return translation

    @classmethod
    def without_labels(cls, plans: Plans) -> str:
        """Return what the method loses where no training case has labels; "" where nothing is lost."""
        return ""

    @classmethod
    def base_weights(cls) -> BaseWeights | None:
        """Return the base model's weights where the networks are its own; default none."""
        return None

    def study(self, store: SliceStore, cohort: TrainingCases) -> None:  # noqa: B027
        """Look at the training cases once, before the first step of a run; default nothing.

        Raises:
            UserError: the method cannot learn from them.
        """

    def started(self) -> None:  # noqa: B027
        """Do what follows once the weights of another training were put in; default nothing."""

    def after_step(self) -> None:  # noqa: B027
        """Do what follows the last update of a step, such as the memory update; default nothing."""

    def diagnostics(self) -> dict[str, float]:
        """Return numbers worth a curve, once an epoch; default none."""
        return {}

    def averaged(self) -> tuple[nn.Module, ...]:
        """Return the networks that synthesise images, whose weights are averaged over steps; default the generators."""
        return self.groups().get(GENERATOR, ())

    def learning_rates(self) -> dict[str, float]:
        """Return the initial rate of each group: that of discriminators for the group of that name, else `lr`."""
        plan = self.plans.optimisation
        return {group: plan.lr_discriminator if group == DISCRIMINATOR else plan.lr for group in self.groups()}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return which share of its initial rate a group has in a step; default as `decay_from` says."""
        return rate_factor(iteration, self.plans.length.total, self.plans.optimisation.decay_from)

    def clips(self) -> dict[str, float]:
        """Return the largest gradient norm of the groups that are clipped; default none."""
        return {}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return a fresh optimizer for each group; default Adam as the plan says."""
        plan = self.plans.optimisation
        return {
            group: torch.optim.Adam(self.parameters(group), lr=rate, betas=plan.betas, weight_decay=plan.weight_decay)
            for group, rate in self.learning_rates().items()
        }

    def parameters(self, group: str) -> list[nn.Parameter]:
        """Return the parameters of a group, in the order of its networks."""
        return [p for network in self.groups()[group] for p in network.parameters() if p.requires_grad]

    def to(self, device: torch.device | str) -> "Trainer":
        """Move the networks and the source of randomness to `device`."""
        self.device = torch.device(device)
        self.networks.to(self.device)
        self.generator = torch.Generator(self.device)
        return self

    def train(self, mode: bool = True) -> "Trainer":
        """Set training (or evaluation) mode."""
        self.networks.train(mode)
        return self
