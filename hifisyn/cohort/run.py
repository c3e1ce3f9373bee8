"""A run over a data set: where it writes, what is requested, and what failed so far."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hifisyn import paths
from hifisyn.cohort.request import PrepareRequest
from hifisyn.dataset import Dataset
from hifisyn.engine import ledger as ledgers
from hifisyn.engine.jobs import Failure
from hifisyn.engine.ledger import Ledger
from hifisyn.engine.lock import alone
from hifisyn.engine.partial_files import remove_partial_files
from hifisyn.engine.processes import Processes
from hifisyn.engine.sweep import Engine
from hifisyn.errors import UserError
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.slices import SliceStore

FACTS, PICTURES, LEDGER = "fingerprint", "pictures", ledgers.FOLDER


@dataclass
class Run:
    """What the steps of a run share.

    Attributes:
        folder: of the preprocessed data set.
        request: what the user asks for.
        engine: does the work on the cases.
        failures: of all steps so far.
    """

    folder: Path
    request: PrepareRequest
    engine: Engine
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, request: PrepareRequest) -> Iterator["Run"]:
        """Hold the folder for this run, or for this shard of it, while the block runs.

        Raises:
            UserError: another run holds it.
        """
        writer = request.shard.name if request.shard else ledgers.WRITER
        with Ledger.opened(folder / LEDGER, writer) as ledger, Processes() as workers:
            engine = Engine(ledger, request.processes, request.cluster, request.retry_failed, workers, writer)
            run = cls(folder, request, engine)
            if alone(folder / LEDGER):
                alone(run.slices.folder)  # so that no lock of a dead run stays
                written = (LEDGER, paths.ALIGNED, FACTS, PICTURES)
                remove_partial_files([folder, run.slices.folder, *(folder / name for name in written)])
            yield run

    @property
    def aligned(self) -> AlignedStore:
        """The aligned scans."""
        return AlignedStore(self.folder / paths.ALIGNED)

    @property
    def slices(self) -> SliceStore:
        """The slices of the plans."""
        return SliceStore(paths.slices_folder(self.folder, self.request.plans_name))

    @property
    def plans_file(self) -> Path:
        """The plans."""
        return paths.plans_file(self.folder, self.request.plans_name)

    def part(self, dataset: Dataset) -> Dataset:
        """Return the subjects of this run's shard, or all."""
        return self.request.shard.part(dataset) if self.request.shard else dataset

    def without_failed(self, dataset: Dataset, failures: Sequence[Failure]) -> Dataset:
        """Note failures, and return the data set without their cases."""
        self.failures += failures
        names = {failure.case for failure in failures}
        return replace(
            dataset,
            cases={name: case for name, case in dataset.cases.items() if name not in names},
            test={name: case for name, case in dataset.test.items() if name not in names},
        )

    def require_cases(self, dataset: Dataset) -> None:
        """Raise UserError where a data set has no training cases left."""
        if not dataset.cases:
            hint = f"see {self.folder / paths.VERIFICATION_CSV}"
            raise UserError(f"data set {dataset.name} has no usable training cases", hint=hint)
