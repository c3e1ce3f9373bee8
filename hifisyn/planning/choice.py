"""What a rule of planning returns."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """What a rule chose, and why."""

    value: T
    reason: str
