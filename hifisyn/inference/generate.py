"""Generating the volumes of many cases, one after the other or in several processes."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.engine.jobs import one_line
from hifisyn.engine.processes import Processes
from hifisyn.engine.resources import allowed_cpus
from hifisyn.inference.attempt import Attempt
from hifisyn.inference.models import Model
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.translations import Wanted
from hifisyn.inference.worker import Worker, load_predictors
from hifisyn.troubles import is_disk_full

Cases = Sequence[Sequence[Wanted]]


@dataclass(frozen=True)
class WorkerSpec:
    """What a process needs to become a worker: small, and equal for all cases of a run.

    Attributes:
        models: whose weights it loads.
        output: where it writes.
        settings: of the predictions.
    """

    models: tuple[Model, ...]
    output: OutputFolder
    settings: PredictionSettings

    def worker(self) -> Worker:
        """Load the weights."""
        return Worker(load_predictors(self.models, self.settings), self.output, self.settings)


def generate_all(
    cases: Cases, predictors: Mapping[Path, Predictor], output: OutputFolder, settings: PredictionSettings
) -> Generator[Attempt, None, None]:
    """Generate the volumes of all cases, and yield an attempt at each as its case ends.

    Args:
        cases: the translations of each case.
        predictors: by model folder; processes load their own.
        output: where to write.
        settings: of the predictions.

    Raises:
        OSError: there is no room left on the disk.
    """
    processes = min(settings.processes, len(cases))
    if processes > 1:
        models = tuple(predictor.model for predictor in predictors.values())
        yield from _in_processes(cases, WorkerSpec(models, output, settings), processes)
        return
    worker = Worker(predictors, output, settings)
    for translations in cases:
        yield from worker.generate_case(translations)


def _in_processes(cases: Cases, spec: WorkerSpec, processes: int) -> Generator[Attempt, None, None]:
    by_name = {translations[0].case: translations for translations in cases}
    jobs = ((case, (spec, translations)) for case, translations in by_name.items())
    with Processes(threads=max(1, allowed_cpus() // processes)) as workers:
        for case, attempts, error in workers.run(_generate_case, jobs, processes=processes):
            if error is None:
                yield from attempts
            elif is_disk_full(error):
                raise error
            else:
                yield from (Attempt(translation, problem=one_line(error)) for translation in by_name[case])


_loaded: tuple[WorkerSpec, Worker] | None = None


def _generate_case(spec: WorkerSpec, translations: Sequence[Wanted]) -> list[Attempt]:
    """Generate a case in a process of its own, which loads the weights with its first case."""
    global _loaded
    if _loaded is None or _loaded[0] != spec:
        _loaded = spec, spec.worker()
    return _loaded[1].generate_case(translations)
