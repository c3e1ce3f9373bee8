"""Sizes that most methods' networks have; the published ones are the defaults."""

from pydantic import Field

from hifisyn.errors import UserError
from hifisyn.settings import Settings

LEAST_CONTENT = 8


class WidthSettings(Settings):
    """Networks that only have a width."""

    width: int = Field(64, ge=2, description="channels of the first convolution")


class NetworkSettings(WidthSettings):
    """Networks that halve the image before they work on it."""

    n_down: int = Field(2, ge=1, le=4, description="stride-2 convolutions between image and content")

    @property
    def content_width(self) -> int:
        """Channels of the content map: 256 at the published size."""
        return self.width << self.n_down

    @property
    def stride(self) -> int:
        """Image pixels along each side of a content pixel."""
        return 1 << self.n_down


def check_crop(crop: int, n_down: int) -> None:
    """Refuse a crop that cannot be halved so often, or leaves a content map of less than 8x8.

    Raises:
        UserError: it is such a crop.
    """
    stride = 2**n_down
    if crop % stride:
        raise UserError(
            f"slices.crop must be a multiple of {stride} (2 ** settings.networks.n_down)",
            got=crop,
            hint="edit the value",
        )
    if crop // stride < LEAST_CONTENT:
        raise UserError(
            f"slices.crop must leave a content map of at least {LEAST_CONTENT}x{LEAST_CONTENT}",
            got=f"{crop} pixels, which leave {crop // stride}x{crop // stride}",
            hint="enlarge it or lower settings.networks.n_down",
        )
