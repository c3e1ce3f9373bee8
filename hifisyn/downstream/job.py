"""A downstream job: known beforehand, done once, done again for other weights or settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from hifisyn.columns import CASE, SUBJECT
from hifisyn.downstream.measures import means
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.engine.held import held
from hifisyn.engine.jobs import Failure
from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.tables.read_frame import read_frame

SUBJECTS_CSV = "subjects.csv"


@dataclass(frozen=True)
class DownstreamResult:
    """The result of a job.

    Attributes:
        cases: one row a comparison and case: `COMPARISON`, `CASE`, `SUBJECT`, then measures, shares from 0 to 1.
        failures: the cases that failed.
        settings: what tables and figures need of it, such as the tool.
    """

    cases: pd.DataFrame
    failures: Sequence[Failure] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DownstreamJob:
    """One task of one model and direction, or the reason why it cannot be done.

    Attributes:
        task: which of the downstream tasks.
        title: name of the job for people.
        model: name of the model in tables.
        folder: where its results go.
        asked: plain data that changes when the result would.
        seconds: about how long it takes.
        do: does it; None where it cannot be done.
        missing: why it cannot be done; empty where it can.
    """

    task: DownstreamTask
    title: str
    model: str
    folder: Path
    asked: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    do: Callable[[], DownstreamResult] | None = None
    missing: str = ""

    @property
    def once(self) -> Once:
        """The job as work that is done once."""
        return Once(self.folder, self.asked, SUMMARY_JSON)

    @property
    def done(self) -> bool:
        """Whether the very same was done before; cases that failed then would fail again."""
        return self.once.holds

    def read(self) -> DownstreamResult:
        """Return the result of the job when it was done before."""
        content = self.once.read()
        failures = [Failure(case, reason) for case, reason in content["failures"].items()]
        cases = read_frame(self.folder / SUBJECTS_CSV, (CASE, SUBJECT))
        return DownstreamResult(cases, failures, content["settings"])

    def run(self) -> DownstreamResult:
        """Do the job and write subjects.csv, and last summary.json.

        Raises:
            UserError: there is no result of any case, or another process does the job.
        """
        assert self.do is not None, "a job that cannot be done is never run"
        with held(self.folder):
            return self._run(self.do)

    def _run(self, do: Callable[[], DownstreamResult]) -> DownstreamResult:
        self.once.begin()
        result = do()
        if result.cases.empty:
            reason = result.failures[0].reason if result.failures else "there is none"
            raise UserError(f"every case failed; the first: {reason}")
        output_files.write_table(self.folder / SUBJECTS_CSV, result.cases)
        content = {"settings": {"task": self.task} | dict(result.settings), "mean": means(result.cases)}
        self.once.finish(output_files.summary(content, result.failures))
        return result
