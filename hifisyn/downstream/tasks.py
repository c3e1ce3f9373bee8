"""What synthesis is for: the downstream tasks, by the names that commands and files have for them."""

from enum import StrEnum


class DownstreamTask(StrEnum):
    """A use of synthetic scans whose result is compared with that of real ones."""

    TISSUE = "tissue"
    LESION = "lesion"
    AUGMENT = "augment"
