"""What a user asks of the preparation of a data set, and its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hifisyn.engine.jobs import Executor, Failure
from hifisyn.engine.shard import Shard
from hifisyn.planning.device import Device
from hifisyn.planning.lengths import LengthOf
from hifisyn.planning.method_plan import PlansItself
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans, Preset

SplitBy = Literal["subject", "site"]


@dataclass(frozen=True)
class PrepareRequest:
    """What the user asks for.

    Attributes:
        device: what the training may use.
        method: that is planned for.
        method_name: its name in the registry.
        plans_name: name of the plans file; a data set may have several.
        preset, length_of: see `planner.plan`.
        assignments: `key=value` texts that replace values of the plans.
        base_sources: contrasts that the base model takes.
        base_targets: contrasts that it makes.
        preprocessing: fields of PreprocessingPlan; those that are None are chosen by rule.
        processes: subjects at a time; None: as many as fit.
        seed: of the splits.
        split_by: "site": a fold leaves a site out; None: as splits that exist, new ones by subject alone.
        draw: "paper", or numbers such as "60/20": see `hifisyn.planning.counted_split`; None: as `split_by` says.
        overwrite: plan again although there are plans.
        slices: extract slices and draw pictures; without, only align, split and plan.
        shard: do the subjects of this part of the cohort only, and plan nothing.
        retry_failed: try again what failed before with the same files and settings.
        cluster: runs the subjects elsewhere; None: on this machine.
    """

    device: Device
    method: type[PlansItself]
    method_name: str
    plans_name: str = "plans"
    preset: Preset = "recommended"
    length_of: LengthOf | None = None
    assignments: Sequence[str] = ()
    base_sources: Sequence[str] = ()
    base_targets: Sequence[str] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    processes: int | None = None
    seed: int = 0
    split_by: SplitBy | None = None
    draw: str | None = None
    overwrite: bool = False
    slices: bool = True
    shard: Shard | None = None
    retry_failed: bool = False
    cluster: Executor | None = None


@dataclass(frozen=True)
class PreparedDataset:
    """A data set after its preparation.

    Attributes:
        folder: of the preprocessed data set.
        plans: those that hold now; None after a shard where there are none yet.
        splits: those that hold now; None after a shard.
        first_fold: what to train first.
        failures: of all steps; these cases are left out, unless only their picture failed.
    """

    folder: Path
    plans: Plans | None
    splits: Splits | None
    first_fold: str
    failures: list[Failure]
