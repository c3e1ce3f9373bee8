"""What a training step costs: work, seconds and memory, as models whose constants were measured or are estimates."""

from dataclasses import dataclass

from hifisyn.planning.device import GIB, Device

PUBLISHED_CROP, PUBLISHED_WIDTH, PUBLISHED_DOWN = 216, 64, 2

# GFLOP of a whole step at the published size and batch 1, as a polynomial in V / content width: fitted to the
# counts at V = 64, 128 and 256 (1489, 1969 and 3302). Work goes with (crop * width) ** 2, whatever n_down is.
WORK = (1133.0, 1174.0, 995.0)

# A prototype with 8 channels at 72x72, batch 2, took 0.3 s a step on one thread, a third of it apart from arithmetic.
CPU_GFLOP_PER_SECOND = 34.0
CPU_OVERHEAD_SECONDS = 0.1
CORES_EXPONENT = 0.82  # two cores do 1.76 times the work of one
MOST_CORES = 16
GPU_GFLOP_PER_SECOND = 8000.0  # assumed, not measured: float32 convolutions on a data centre GPU

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
        return self.width * 2**self.n_down


def step_gflop(sizes: Sizes) -> float:
    """Return the work of one training step, forward and backward, in GFLOP.

    >>> round(step_gflop(Sizes(crop=216, width=64, batch=1, n_down=2, value_width=128)))
    1969
    """
    share = sizes.value_width / sizes.content_width
    scale = (sizes.crop * sizes.width / (PUBLISHED_CROP * PUBLISHED_WIDTH)) ** 2
    return sizes.batch * scale * (WORK[0] + WORK[1] * share + WORK[2] * share**2)


def step_seconds(sizes: Sizes, device: Device) -> float:
    """Return the expected wall time of one training step in seconds."""
    if device.kind == "cuda":
        return step_gflop(sizes) / GPU_GFLOP_PER_SECOND
    speed = CPU_GFLOP_PER_SECOND * min(device.cores, MOST_CORES) ** CORES_EXPONENT
    return CPU_OVERHEAD_SECONDS + step_gflop(sizes) / speed


def step_memory_gb(sizes: Sizes) -> float:
    """Return the estimated memory of one training step in GiB: feature maps kept for backward, weights, overhead."""
    maps = ENCODER_PASSES * _encoder_values(sizes) + GENERATOR_PASSES * _generator_values(sizes)
    activations = 4 * sizes.batch * SMALL_NETWORKS * maps
    weights = BYTES_PER_PARAMETER * PARAMETERS * (sizes.content_width / (PUBLISHED_WIDTH * 2**PUBLISHED_DOWN)) ** 2
    return (activations + weights) / GIB + MEMORY_OVERHEAD_GB


def _encoder_values(sizes: Sizes) -> float:
    """Values that one pass of E^c keeps: 3 maps a convolution (input, norm, activation), 4 residual blocks."""
    pixels = sizes.crop**2
    levels = sum(3 * sizes.width * 2**d * pixels / 4**d for d in range(sizes.n_down + 1))
    return levels + 4 * 6 * sizes.content_width * pixels / 4**sizes.n_down


def _generator_values(sizes: Sizes) -> float:
    """Values that one pass of G keeps; the modulation (V and the code) is concatenated at every resolution."""
    extra = sizes.value_width + ATTRIBUTE_CODE
    pixels = sizes.crop**2 / 4**sizes.n_down
    channels = sizes.content_width + extra
    values = 6 * sizes.content_width * pixels + 3 * 6 * channels * pixels
    for _ in range(sizes.n_down):
        pixels *= 4
        values += (channels + extra) * pixels
        channels = (channels + extra) // 2
        values += 5 * channels * pixels
    return values + (channels + extra) * pixels
