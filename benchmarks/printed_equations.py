"""What some steps of the paper's printed equations do, each alone and all together, from the same start.

Two plans of one size and one set of slices are compared: the sensible reading, with one printed form at a time, and the
print as a whole. Rates are those of short runs unless a row says otherwise. Runs from the root of the repository:

    S="slices.size=48 slices.crop=48 networks.width=8 networks.n_down=1 memory.value_width=8 networks.init='he'"
    S="$S networks.content_noise=0.2 content_discriminator.steps=1"
    hifisyn_convert_dataset phantom --name PHANTOM --modalities T1 T2 --subjects-number 10 --test-number 3
    hifisyn_plan_and_preprocess -d PHANTOM -p small --preset paper --set $S
    hifisyn_plan_and_preprocess -d PHANTOM -p print --preset literal \
        --set $S memory.value_width=16 networks.content_noise=0 losses.anchors=576 losses.other_pixels=1728
    python benchmarks/printed_equations.py PHANTOM --steps 300
"""

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.request import Request, look_up
from hifisyn.training.step import take_step
from hifisyn.training.validation import measure, translate_all

SHORT = ("optimisation.lr=2e-3", "lr_discriminator=5e-4", "content_discriminator.lr=8e-4")
ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "the print": ("print", SHORT),
    "the reading": ("small", SHORT),
    "eq. 4, 6": ("small", (*SHORT, "update_pixels=all", "update_sums=raw", "tau_u=1")),
    "eq. 7 summed": ("small", (*SHORT, "losses.pgd=576")),
    "eq. 4, 5: rho 0.01": ("small", (*SHORT, "memory.rho=0.01", "warm_up=false")),
    "eq. 7: others alone": (
        "small",
        (*SHORT, "pixel_negatives=others", "use_labels=false", "anchors=576", "other_pixels=1728"),
    ),
    "eq. 8": ("small", (*SHORT, "losses.region=map")),
    "eq. 11": ("small", (*SHORT, "weight_inside=true")),
    "eq. 9": ("small", (*SHORT, "losses.difference=sum")),
    "eq. 1: no temperature": ("small", (*SHORT, "tau_r=1")),
    "eq. 3: stored": ("small", (*SHORT, "translation_read=stored")),
    "the print at 1e-4": ("print", ()),
    "the reading at 1e-4": ("small", ()),
}
LOSSES = ("cycle", "reconstruction", "pgd", "sgd", "ggd")
CURVES = ("key_cosine", "value_cosine", "own_class_share")
MEASURES = ("psnr_brain", "correlation")
LAST = 25  # steps over which losses are averaged


def row(name: str, dataset: str, steps: int) -> list[str]:
    """Train one row and return its cells."""
    plans, assignments = ROWS[name]
    length = (f"length.iterations={steps}", "length.epochs=1")
    job, _ = look_up(Request(dataset, ("T1", "T2"), 0, plans=plans, assignments=(*assignments, *length)))
    torch.manual_seed(0)
    trainer = job.new_trainer(torch.device("cpu")).train()
    optimizers, logged, begun = trainer.optimizers(), [], time.monotonic()
    with Batches(BatchLoader(job.source())) as batches:
        for _ in range(steps):
            logged.append(take_step(trainer, optimizers, next(batches), seed=0))
    seconds = (time.monotonic() - begun) / steps
    means = [torch.stack([x[f"generator/{loss}"] for x in logged[-LAST:]]).mean() for loss in LOSSES]
    curves = trainer.diagnostics()
    validation = job.validation(job.val)
    assert validation is not None, "the phantom has pairs"
    numbers = measure(validation, translate_all(trainer, validation))
    found = [numbers[f"{d}/{m}"] for d in ("T1_to_T2", "T2_to_T1") for m in MEASURES]
    return [name, *(f"{float(x):.3g}" for x in [*means, *(curves[c] for c in CURVES), *found, seconds])]


def main() -> None:
    """Print a line a row, as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=tuple(ROWS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = [f"{d} {m}" for d in ("T1-T2", "T2-T1") for m in ("dB", "r")]
    print("| " + " | ".join(["row", *LOSSES, *CURVES, *found, "s a step"]) + " |", flush=True)
    for name in given.rows:
        print("| " + " | ".join(row(name, given.dataset, given.steps)) + " |", flush=True)


if __name__ == "__main__":
    main()
