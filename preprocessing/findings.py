"""What verification finds: one finding for each thing that is wrong or odd in a raw data set."""

from dataclasses import dataclass
from enum import StrEnum

from hifisyn.errors import UserError


class Severity(StrEnum):
    """What follows from a finding: a case with an error is left out, a warning is for the user to check."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or odd; `what`, `got` and `hint` as in `UserError`.

    Attributes:
        case: name, or "" for the data set.
        file: name of the file as users may see it, or "".
        severity: what follows.
        what: what must be; names the file.
        got: what is there instead; "" where `what` says it.
        hint: what to do.

    >>> print(Finding("a", "a.nii", Severity.ERROR, "a.nii must hold 0 and 1", got="7", hint="save it as a mask"))
    a.nii must hold 0 and 1 (got 7); save it as a mask
    """

    case: str
    file: str
    severity: Severity
    what: str
    got: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return str(UserError(self.what, got=self.got, hint=self.hint))

    @property
    def problem(self) -> str:
        """The finding without the hint."""
        return str(UserError(self.what, got=self.got))
