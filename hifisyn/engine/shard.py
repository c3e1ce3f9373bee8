"""A part of a cohort for an array job: the same subjects go to the same shard on every machine."""

import hashlib
import re
from dataclasses import dataclass, replace

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError


@dataclass(frozen=True)
class Shard:
    """Shard `number` (from 1) of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def name(self) -> str:
        """Name of its ledger.

        >>> Shard(3, 8).name
        'shard_3_of_8'
        """
        return f"shard_{self.number}_of_{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "3/8".

        Raises:
            UserError: it is no such text.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        number, count = (int(digits) for digits in match.groups()) if match else (0, 0)
        if not 1 <= number <= count:
            raise UserError("--shard must be a number and a count such as 1/8", got=text, hint="count from 1")
        return cls(number, count)

    def holds(self, subject: str) -> bool:
        """Return whether a subject belongs to this shard."""
        return int(hashlib.sha256(subject.encode()).hexdigest(), 16) % self.count == self.number - 1

    def part(self, dataset: Dataset) -> Dataset:
        """Return the data set with the cases of the subjects of this shard."""
        return replace(
            dataset,
            cases={name: case for name, case in dataset.cases.items() if self.holds(case.subject)},
            test={name: case for name, case in dataset.test.items() if self.holds(case.subject)},
        )
