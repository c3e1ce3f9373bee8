"""nnU-Net's side of a workspace: its Python interface, called in a process whose environment is ours.

    python -m hifisyn.downstream.nnunet_process train|predict JOB.json

nnU-Net reads its folders from the environment, some at import, and prints much; so it runs apart, and what it prints
goes into nnunet.log. Its trainer class stays its own: a subclass would be looked for by name when predicting.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from hifisyn.downstream.nnunet_settings import LOADERS, PREPROCESSED, PROCESSES, RESULTS
from hifisyn.engine.progress import duration

DATASET = 1
PLANS = "nnUNetPlans"
SMALL_FEATURES, SMALL_MOST_FEATURES, SMALL_BATCH = 4, 64, 8
VALIDATION_STEPS = 5


def main(arguments: list[str]) -> None:
    """Do a job; progress goes to the stderr that this process was given."""
    step, job = arguments[0], json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    say = _redirect(Path(job["log"]))
    import numpy as np
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    np.random.seed(job["seed"])
    torch.manual_seed(job["seed"])
    if step == "train":
        _plan(job)
        for fold in job["folds"]:
            _train(job, fold, say)
    else:
        _predict(job, say)


def _redirect(log: Path) -> Any:
    """Send stdout and stderr to the log, and return a function that writes a line to the old stderr."""
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)

    def say(line: str) -> None:
        print(line, file=terminal, flush=True)

    return say


def _plan(job: dict[str, Any]) -> None:
    """Extract the fingerprint, plan, and preprocess; what is there is kept."""
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprint_dataset,
        plan_experiment_dataset,
        preprocess_dataset,
    )

    class SmallPlanner(ExperimentPlanner):  # type: ignore[misc]  # nnunetv2 has no types
        """nnU-Net's rules with an eighth of the channels."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.UNet_base_num_features = SMALL_FEATURES
            self.UNet_max_features_2d = self.UNet_max_features_3d = SMALL_MOST_FEATURES

    folder = _preprocessed(job)
    done = folder / "preprocessed"
    if done.exists():
        return
    processes, small = int(os.environ[PROCESSES]), job["size"] == "small"
    extract_fingerprint_dataset(DATASET, num_processes=processes, verbose=False)
    plan_experiment_dataset(DATASET, SmallPlanner if small else ExperimentPlanner)
    if small:
        _limit_batches(folder / f"{PLANS}.json")
    preprocess_dataset(DATASET, PLANS, (job["configuration"],), (processes,))
    (folder / "splits_final.json").write_text(json.dumps(job["splits"]), encoding="utf-8")
    done.touch()


def _limit_batches(file: Path) -> None:
    plans = json.loads(file.read_text(encoding="utf-8"))
    for configuration in plans["configurations"].values():
        if "batch_size" in configuration:
            configuration["batch_size"] = min(configuration["batch_size"], SMALL_BATCH)
    file.write_text(json.dumps(plans, indent=2), encoding="utf-8")


def _train(job: dict[str, Any], fold: int | str, say: Any) -> None:
    """Train one fold; a killed training goes on from its last checkpoint."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    output = _results(job) / f"fold_{fold}"
    if (output / "checkpoint_final.pth").exists():
        return
    if job["device"] == "cpu":
        os.environ[LOADERS] = "0"  # read when the loaders start; the planner refuses 0
    latest = output / "checkpoint_latest.pth"
    plans = json.loads((_preprocessed(job) / f"{PLANS}.json").read_text(encoding="utf-8"))
    dataset = json.loads((_preprocessed(job) / "dataset.json").read_text(encoding="utf-8"))
    plans["continue_training"] = latest.exists()
    trainer = nnUNetTrainer(
        plans, job["configuration"], fold, dataset, device=torch.device(job["device"].split(":")[0])
    )
    trainer.num_epochs, trainer.num_iterations_per_epoch = job["epochs"], job["iterations"]
    trainer.num_val_iterations_per_epoch = min(trainer.num_val_iterations_per_epoch, VALIDATION_STEPS)
    trainer.save_every = max(1, min(trainer.save_every, job["epochs"] // 10))
    if latest.exists():
        trainer.load_checkpoint(str(latest))
    _watch(trainer, f"{job['title']}, fold {fold}", say)
    trainer.run_training()


def _watch(trainer: Any, title: str, say: Any) -> None:
    """Let the trainer report after some of its epochs the time left."""
    begun, first, end_epoch = time.monotonic(), trainer.current_epoch, trainer.on_epoch_end
    said = [begun]

    def end() -> None:
        end_epoch()
        now, done = time.monotonic(), trainer.current_epoch
        if now - said[0] > 10 or done == trainer.num_epochs:
            left = duration((now - begun) / (done - first) * (trainer.num_epochs - done))
            say(f"{title}: epoch {done}/{trainer.num_epochs}, {left} left")
            said[0] = now

    trainer.on_epoch_end = end


def _predict(job: dict[str, Any], say: Any) -> None:
    """Segment the scans of `job["scans"]`, a file each, into the files beside them."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(
        use_mirroring=job["size"] == "full",
        perform_everything_on_device=job["device"] != "cpu",
        device=torch.device(job["device"].split(":")[0]),
        allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(str(_results(job)), tuple(job["folds"]))
    for number, (scan, segmentation) in enumerate(job["scans"], 1):
        truncated = str(segmentation).removesuffix(".nii.gz")
        predictor.predict_from_files_sequential([[scan]], [truncated], overwrite=True)
        say(f"{job['title']}: segmented {number}/{len(job['scans'])}")


def _preprocessed(job: dict[str, Any]) -> Path:
    return Path(os.environ[PREPROCESSED], job["dataset"])


def _results(job: dict[str, Any]) -> Path:
    return Path(os.environ[RESULTS], job["dataset"]) / f"nnUNetTrainer__{PLANS}__{job['configuration']}"


if __name__ == "__main__":
    main(sys.argv[1:])
