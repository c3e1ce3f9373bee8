"""`hifisyn.train`: what hifisyn_train does."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.base.for_choice import with_base
from hifisyn.directions import Direction
from hifisyn.paths import Roots, parse_fold
from hifisyn.plans import Plans
from hifisyn.training.distributed import Ranks
from hifisyn.training.job import Options
from hifisyn.training.loop import train as run_loop
from hifisyn.training.model_folder import continues
from hifisyn.training.request import Request, look_up, write_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """A training that ended, by itself or by a signal.

    Attributes:
        model: model folder, which `Predictor.from_folder` and `predict` take.
        fold: folder of the fold in it: checkpoints, metrics and pictures.
        contrasts: those that the model translates between, sorted.
        plans: by which it was trained.
        signal: 0, or the number of the signal that stopped it; `resume` continues.
    """

    model: Path
    fold: Path
    contrasts: tuple[str, ...]
    plans: Plans
    signal: int = 0

    @property
    def direction(self) -> Direction:
        """The direction to try first: from the reference contrast of the data set where the model has it."""
        reference = self.plans.preprocessing.reference
        source = reference if reference in self.contrasts else self.contrasts[0]
        return Direction(source, next(contrast for contrast in self.contrasts if contrast != source))


def train(
    dataset: str,
    contrasts: Sequence[str],
    fold: int | str = 0,
    *,
    method: str | None = None,
    plans_name: str = "plans",
    settings: Sequence[str] = (),
    epochs: int | None = None,
    iterations: int | None = None,
    pretrained: Path | str | None = None,
    heads: Path | str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    workers: int | None = None,
    force_long: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    raw: Path | str | None = None,
    preprocessed: Path | str | None = None,
    results: Path | str | None = None,
    command: str = "",
) -> TrainingResult:
    """Train a model on two contrasts or more of a preprocessed data set, for every direction between them.

    Under torchrun every process calls this; the first writes.

    Args:
        dataset: name of the data set.
        contrasts: two or more, in any order, such as ["T1", "T2"].
        fold: number, or "all" for a training on all cases.
        method: name of the method, or package.module:Class; none: the method of the plans.
        plans_name: name of the plans.
        settings: changes of the plans, as in ["lr=2e-4", "memory.rho=0.5"].
        epochs: number of epochs; none: by the plans.
        iterations: steps per epoch; none: by the plans.
        pretrained: model folder or checkpoint to start from, or "base".
        heads: folder of label maps of whole heads that simulated batches are of; none: the package's own anatomy.
        seed: of all random numbers, 0 or more.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        precision: "auto" (bf16 on CUDA, else fp32), "fp32" or "bf16".
        workers: data loading processes; none: 0 on a CPU, else up to 3.
        force_long: train even if it will take days.
        resume: continue from the last checkpoint of this fold.
        overwrite: train this fold from scratch although it has checkpoints.
        raw: folder of raw data sets; none: $hifisyn_raw, else below $hifisyn_home.
        preprocessed: folder of preprocessed data sets; none: likewise.
        results: folder of trained models; none: likewise.
        command: the line that was typed, kept in config.json.

    Returns:
        Where the model is, and whether a signal (SIGINT, SIGTERM) stopped the training; its state is saved then.

    Raises:
        UserError: something that the training needs does not exist or does not fit, or the fold has checkpoints.

    >>> trained = train("IXI", ["T1", "T2"], 1, epochs=1, iterations=2, device="cpu")
    >>> sorted(file.name for file in trained.fold.glob("*.pt"))
    ['checkpoint_best.pt', 'checkpoint_final.pt', 'checkpoint_latest.pt']
    >>> trained.direction
    Direction(source='T1', target='T2')
    """
    request = Request(
        dataset=dataset,
        domains=tuple(contrasts),
        fold=parse_fold(str(fold)),
        method=method,
        plans=plans_name,
        assignments=(*settings, *([] if iterations is None else [f"length.iterations={iterations}"])),
        epochs=epochs,
        pretrained=None if pretrained is None else Path(pretrained),
        heads=None if heads is None else Path(heads),
        seed=seed,
        roots=Roots.resolve(raw, preprocessed, results),
        resume=resume,
        overwrite=overwrite,
        command=command,
    )
    job, remarks = look_up(request)
    if not overwrite and continues(job.folder, job.plans):
        request = replace(request, resume=True)
    options = Options(device, precision, workers, resume=request.resume, force_long=force_long)
    if Ranks.from_environment().main:
        write_folder(request, job, options)
        for line in (*remarks, f"model folder {job.folder}"):
            log.info(line)
    signal = run_loop(with_base(job), options)
    return TrainingResult(job.folder.parent, job.folder, job.domains, job.plans, signal)
