"""The settings of a base model's training; written beside the run."""

from typing import Literal

from pydantic import Field

from hifisyn.settings import Settings


class SimulationSettings(Settings):
    """The heads that are simulated.

    Attributes:
        heads: how many, the maps in turn; some are kept to look at.
        kept: heads that are not trained on.
        size: pixels along each side of a slice.
        lesions: whether heads may have lesions.
        physics: whether tissues and sequences vary as measured ones do; else each tissue's brightness by chance.
    """

    heads: int = Field(60, ge=2)
    kept: int = Field(3, ge=1)
    size: int = Field(112, ge=16)
    lesions: bool = True
    physics: bool = True


class InputSettings(Settings):
    """What the network is given in training.

    Attributes:
        several: share of slices with a second contrast; of those, as many have a third.
        unnamed: share of slices one of whose contrasts comes without its name.
        strange: share of the unnamed ones whose contrast is none that a scanner makes.
        lesioned: share of slices that are drawn by how much of them is lesion.
        alone: share of slices that come without their neighbours: the slice itself stands for them.
        untold: share of slices without the look of the targets.
        told: share of the targets whose look is told, where any is.
        clustered: share of the looks whose tissues are clusters of brightness, as those of unlabelled scans are.
        look_noise: standard deviation added to a look: that of a cohort is not that of its patient.
        gamma: standard deviation of the logarithm of the exponent.
        gain: standard deviation of the logarithm of the factor.
        noise: standard deviation.
        given: weight of a target that is among the inputs; of the others 1.
    """

    several: float = Field(0.45, ge=0, le=1)
    unnamed: float = Field(0.3, ge=0, le=1)
    strange: float = Field(0.5, ge=0, le=1)
    lesioned: float = Field(0.5, ge=0, le=1)
    alone: float = Field(0.15, ge=0, le=1)
    untold: float = Field(0.3, ge=0, le=1)
    told: float = Field(0.8, ge=0, le=1)
    clustered: float = Field(0.5, ge=0, le=1)
    look_noise: float = Field(0.05, ge=0)
    gamma: float = Field(0.35, ge=0)
    gain: float = Field(0.1, ge=0)
    noise: float = Field(0.02, ge=0)
    given: float = Field(0.2, ge=0)


class RunSettings(Settings):
    """A training on simulated heads.

    Attributes:
        steps: of the optimizer.
        width: channels at full size, doubled with each halving.
        lr: highest learning rate of the cycle.
        warm_up: share of the steps in which the rate rises.
        weight_decay: of AdamW.
        average_decay: of the moving average of the weights.
        precision: of the convolutions in training; bfloat16 is faster where the processor computes with it.
        every: steps a line of the logbook.
    """

    steps: int = Field(2400, ge=1)
    width: int = Field(16, ge=1, le=1024)
    lr: float = Field(2e-3, gt=0)
    warm_up: float = Field(0.3, gt=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    average_decay: float = Field(0.995, ge=0, lt=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    every: int = Field(100, ge=1)


class BaseSettings(RunSettings):
    """A training of the base model.

    Attributes:
        batch_size: slices a step.
        likelihood: share of the Laplace likelihood in the loss; the rest is L1.
        simulation: the heads.
        inputs: what the network is given.
    """

    batch_size: int = Field(8, ge=1)
    likelihood: float = Field(0.2, ge=0, le=1)
    simulation: SimulationSettings = SimulationSettings()
    inputs: InputSettings = InputSettings()
