"""What a user asks of the preparation of a data set, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hifisyn.engine.jobs import Executor, Failure
from hifisyn.engine.shard import Shard
from hifisyn.planning.device import Device
from hifisyn.planning.method_plan import PlansItself
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans, Preset


@dataclass(frozen=True)
class PrepareRequest:
    """What the user asks for.

    Attributes:
        device: what the training may use.
        method: that plans itself on the slices.
        method_name: by which it is found again.
        plans_name: name of the plans file; several plans may stand side by side.
        preset: see `planner.plan`.
        assignments: `key=value` texts that replace values of the plans.
        preprocessing: fields of PreprocessingPlan; what is none is chosen by rule.
        processes: subjects at a time; none: as many as fit.
        seed: of the splits.
        overwrite: plan again although there are plans.
        slices: cut slices and draw pictures; without, only align, split and plan.
        shard: do the subjects of this part of the cohort only, and plan nothing.
        retry_failed: try again what failed before with the same files and settings.
        cluster: does the subjects' work elsewhere; none: on this machine.
    """

    device: Device
    method: type[PlansItself]
    method_name: str
    plans_name: str = "plans"
    preset: Preset = "recommended"
    assignments: Sequence[str] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    processes: int | None = None
    seed: int = 0
    overwrite: bool = False
    slices: bool = True
    shard: Shard | None = None
    retry_failed: bool = False
    cluster: Executor | None = None


@dataclass(frozen=True)
class PreparedDataset:
    """What came of it.

    Attributes:
        folder: of the preprocessed data set.
        plans: those that hold now; none after a shard where none are made yet.
        splits: those that hold now; none after a shard.
        first_fold: what to train first.
        failures: what went wrong, step by step; a case is left out, but for pictures.
    """

    folder: Path
    plans: Plans | None
    splits: Splits | None
    first_fold: str
    failures: list[Failure]
