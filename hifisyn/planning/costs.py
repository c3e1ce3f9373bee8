"""What a training step costs: work, seconds and memory, as models whose constants were measured or are estimates."""

import math
from dataclasses import dataclass

from hifisyn.planning.device import GIB, Device

PUBLISHED_CROP, PUBLISHED_WIDTH, PUBLISHED_DOWN = 216, 64, 2
PUBLISHED_CONTENT_WIDTH = PUBLISHED_WIDTH << PUBLISHED_DOWN

# GFLOP of a whole step at the published size and batch 1, as a polynomial in V / content width: fitted to counts at
# V = 64, 128 and 256 (1489, 1969, 3302). It goes with (crop * width) ** 2, whatever n_down is. The first and last
# convolutions go with crop ** 2 * width. Counted by torch at 7 sizes from 64x64, 8 channels up: 7 % off at most.
WORK = (1133.0, 1174.0, 995.0)
OUTER_WORK = 2.5e-5

CONTENT_STEP = 0.035  # of the work of a step, in one that moves D^c alone; counted by torch at 216 pixels, 8 channels

# Measured on one core at 7 sizes from 64x64, 8 channels to 160x160, 24 channels; 10 % too fast to a third too slow.
CPU_GFLOP_PER_SECOND = 110.0
CPU_SECONDS_PER_VALUE = 3.5e-6  # moving a feature map through memory, by batch * crop ** 2 * width
CPU_OVERHEAD_SECONDS = 0.04
CORES_EXPONENT = 0.82  # two cores do 1.76 times the work of one
MOST_CORES = 16
GPU_GFLOP_PER_SECOND = 8000.0  # assumed, not measured: float32 convolutions on a data centre GPU

# Estimated, and on the safe side: peaks on a CPU, at 216 pixels, were 0.6 to 0.75 of what this says of feature maps.
PARAMETERS = 94.4e6  # at the published size
BYTES_PER_PARAMETER = 16  # value, gradient, two moments of Adam
ENCODER_PASSES, GENERATOR_PASSES = 4, 6  # of a step, for one image of each modality
SMALL_NETWORKS = 1.15  # attribute encoder and discriminators on top of these
ATTRIBUTE_CODE = 8
MEMORY_OVERHEAD_GB = 1.5  # libraries, convolution workspaces


@dataclass(frozen=True)
class Sizes:
    """The numbers that decide what a step costs.

    Attributes:
        crop: side of what the networks see, in pixels.
        width: channels of the first convolution.
        batch: images of each modality.
        n_down: stride-2 convolutions of the content encoder.
        value_width: V, entries of a value of the memory bank.
    """

    crop: int
    width: int
    batch: int
    n_down: int
    value_width: int

    @property
    def content_width(self) -> int:
        """Channels of the content map."""
        return self.width << self.n_down


def step_gflop(sizes: Sizes) -> float:
    """Return the work of one training step, forward and backward, in GFLOP.

    >>> round(step_gflop(Sizes(crop=216, width=64, batch=1, n_down=2, value_width=128)))
    2043
    """
    share = sizes.value_width / sizes.content_width
    scale = (sizes.crop * sizes.width / (PUBLISHED_CROP * PUBLISHED_WIDTH)) ** 2
    inner = scale * (WORK[0] + WORK[1] * share + WORK[2] * share**2)
    return sizes.batch * (inner + OUTER_WORK * sizes.crop**2 * sizes.width)


def work_share(period: int) -> float:
    """Return the mean work of a step, as a share of one that moves all networks, where one in so many does.

    >>> work_share(1), round(work_share(3), 3)
    (1.0, 0.357)
    """
    return (1 + (period - 1) * CONTENT_STEP) / period


def step_seconds(sizes: Sizes, device: Device) -> float:
    """Return the expected wall time of one training step in seconds."""
    if device.kind == "cuda":
        return step_gflop(sizes) / GPU_GFLOP_PER_SECOND
    moving = CPU_SECONDS_PER_VALUE * sizes.batch * sizes.crop**2 * sizes.width
    one_core = CPU_OVERHEAD_SECONDS + moving + step_gflop(sizes) / CPU_GFLOP_PER_SECOND
    return one_core / math.pow(min(device.cores, MOST_CORES), CORES_EXPONENT)


def step_memory_gb(sizes: Sizes) -> float:
    """Return the estimated memory of one training step in GiB: feature maps kept for backward, weights, overhead."""
    maps = ENCODER_PASSES * _encoder_values(sizes) + GENERATOR_PASSES * _generator_values(sizes)
    activations = 4 * sizes.batch * SMALL_NETWORKS * maps
    weights = BYTES_PER_PARAMETER * PARAMETERS * (sizes.content_width / PUBLISHED_CONTENT_WIDTH) ** 2
    return (activations + weights) / GIB + MEMORY_OVERHEAD_GB


def _encoder_values(sizes: Sizes) -> float:
    """Values that one pass of E^c keeps: 3 maps a convolution (input, norm, activation), 4 residual blocks."""
    pixels = sizes.crop**2
    levels = sum(3 * (sizes.width << d) * pixels / (1 << 2 * d) for d in range(sizes.n_down + 1))
    return levels + 4 * 6 * sizes.content_width * pixels / (1 << 2 * sizes.n_down)


def _generator_values(sizes: Sizes) -> float:
    """Values that one pass of G keeps; the modulation (V and the code) is concatenated at every resolution."""
    extra = sizes.value_width + ATTRIBUTE_CODE
    pixels = sizes.crop**2 / (1 << 2 * sizes.n_down)
    channels = sizes.content_width + extra
    values = 6 * sizes.content_width * pixels + 3 * 6 * channels * pixels
    for _ in range(sizes.n_down):
        pixels *= 4
        values += (channels + extra) * pixels
        channels = (channels + extra) // 2
        values += 5 * channels * pixels
    return values + (channels + extra) * pixels
