"""What a HiFi-Syn training step costs: FLOPs, time, memory, and on a GPU the share of what its matrix units can do.

Needs torch, numpy, pydantic and blosc2 only; runs from the root of the repository without an install:

    python benchmarks/training_step.py --published --batch 1
    python benchmarks/training_step.py --plans hifisyn_preprocessed/IXI/plans.json --device cuda --steps 20
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hifisyn.methods.hifisyn import HiFiSyn
from hifisyn.plans import Plans
from hifisyn.training.contract import Batch
from hifisyn.training.step import resolve_device, resolve_precision, take_step

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
SLOTS = {"slots": {"background": 2, "CSF": 2, "GM": 3, "WM": 3}, "global_slots": 10}
CEILING_SIDE, CEILING_REPEATS = 8192, 20


def published() -> Plans:
    """Return the sizes of the paper: crop 216, content 54x54x256, V = 128."""
    return Plans.checked(
        {"dataset": "NOISE", "modalities": ["T1", "T2"], "labels": LABELS, "memory": SLOTS}, "--published"
    )


def small() -> Plans:
    """Return sizes that train on a CPU in minutes: crop 72, one halving, 8 channels."""
    return Plans.checked(
        {
            "dataset": "NOISE",
            "modalities": ["T1", "T2"],
            "labels": LABELS,
            "slices": {"size": 72, "crop": 72},
            "memory": SLOTS | {"value_width": 8},
            "networks": {"width": 8, "n_down": 1, "content_noise": 0.2, "init": "he"},
        },
        "--small",
    )


def noise(plans: Plans, pair: tuple[str, str], iteration: int) -> Batch:
    """Return a batch of noise with random labels, whose step is a full one."""
    g = torch.Generator().manual_seed(iteration)
    size, side = plans.training.batch_size, plans.slices.crop
    every = plans.training.content_steps
    return Batch(
        {m: torch.rand(size, 1, side, side, generator=g) * 2 - 1 for m in pair},
        {m: torch.randint(0, len(plans.labels), (size, side, side), generator=g) for m in pair},
        {m: torch.arange(size) + size * k for k, m in enumerate(pair)},
        every * (iteration + 1) - 1,
    )


def bf16_ceiling(device: torch.device) -> float:
    """Return the measured TFLOP/s of one large bfloat16 matrix product."""
    a = torch.randn(CEILING_SIDE, CEILING_SIDE, device=device, dtype=torch.bfloat16)
    for repeat in range(CEILING_REPEATS + 5):
        if repeat == 5:
            torch.cuda.synchronize(device)
            begun = time.perf_counter()
        a @ a
    torch.cuda.synchronize(device)
    return 2 * CEILING_SIDE**3 * CEILING_REPEATS / (time.perf_counter() - begun) / 1e12


def measure(plans: Plans, device: torch.device, precision: str, steps: int) -> dict[str, float]:
    """Return what a full step costs, by the mean over `steps` after one that warms up and counts FLOPs."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    pair = (plans.modalities[0], plans.modalities[1])
    trainer = HiFiSyn(plans, pair)
    trainer.to(device).train()
    optimizers = trainer.optimizers()
    resolved = resolve_precision(precision, device)

    def step(iteration: int) -> None:
        take_step(trainer, optimizers, noise(plans, pair, iteration), seed=0, precision=resolved)

    with FlopCounterMode(display=False) as counter:
        step(0)
    wait(device)
    if device.type == "cuda":
        step(1)
        torch.cuda.reset_peak_memory_stats(device)
        wait(device)
    wall, cpu = time.perf_counter(), time.process_time()
    for iteration in range(2, 2 + steps):
        step(iteration)
    wait(device)
    seconds = (time.perf_counter() - wall) / steps
    found = {
        "parameters (M)": sum(p.numel() for p in trainer.networks.parameters()) / 1e6,
        "GFLOP a step": counter.get_total_flops() / 1e9,
        "seconds a step": seconds,
        "CPU-seconds a step": (time.process_time() - cpu) / steps,
        "peak memory of the process (GiB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    if device.type == "cuda":
        ceiling = bf16_ceiling(device)
        rate = found["GFLOP a step"] / 1e3 / seconds
        found["peak memory of the GPU (GiB)"] = torch.cuda.max_memory_allocated(device) / 2**30
        found["TFLOP/s"] = rate
        found["TFLOP/s of a bf16 matrix product"] = ceiling
        found["share of that"] = rate / ceiling
    return found


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--plans", type=Path, help="a plans.json")
    which.add_argument("--published", action="store_true", help="the paper's sizes")
    which.add_argument("--small", action="store_true", help="sizes for a CPU")
    parser.add_argument("--batch", type=int, help="images of each modality, instead of the plan's")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other values of the plan")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--steps", type=int, default=3, help="steps to time")
    arguments = parser.parse_args()
    plans = published() if arguments.published else small() if arguments.small else Plans.load(arguments.plans)
    changes = list(arguments.set)
    if arguments.batch:
        changes.append(f"training.batch_size={arguments.batch}")
    plans = plans.override(changes)
    device = resolve_device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}; crop {plans.slices.crop}, width {plans.networks.width}, batch {plans.training.batch_size}")
    for quantity, value in measure(plans, device, arguments.precision, arguments.steps).items():
        print(f"{quantity:34}{value:12.3f}")


if __name__ == "__main__":
    main()
