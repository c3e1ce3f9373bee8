"""What each method costs: parameters, work, time and memory of a training step and of a translated slice.

Each method is measured in a process of its own, on noise with random labels. Runs from the root of the repository
without an install:

    python benchmarks/method_costs.py --published                        every method, 256x256, 64 channels, batch 1
    python benchmarks/method_costs.py --small --methods HiFiSyn CycleGAN
    python benchmarks/method_costs.py --plans hifisyn_preprocessed/IXI/plans.json --device cuda --steps 20
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hifisyn.experiments.row_requests import has_key
from hifisyn.json_files import read_json
from hifisyn.paths import FINGERPRINT_JSON
from hifisyn.planning.planner import complete
from hifisyn.plans import Plans
from hifisyn.training.batch import Batch
from hifisyn.training.contract import Trainer
from hifisyn.training.method_plans import plans_of_method
from hifisyn.training.registry import names, trainer_class
from hifisyn.training.step import resolve_device, resolve_precision, take_step

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
NOISE = {
    "dataset": "NOISE",
    "preset": "paper",
    "modalities": ["T1", "T2"],
    "labels": LABELS,
    "method": "none yet",
}
FINGERPRINT = {"labels": LABELS, "structures": {name: {"cases": 1, "median_ml": 100.0} for name in LABELS}}
SLOTS = ("memory.slots={'background': 2, 'CSF': 2, 'GM': 3, 'WM': 3}", "memory.global_slots=10")
# Side of a slice, and what is set of it that a method has.
PUBLISHED = (256, ("networks.width=64", "networks.n_down=2", *SLOTS, "optimisation.batch_size=1"))
SMALL = (
    96,
    (
        "networks.width=8",
        "networks.n_down=2",
        "networks.content_noise=0.2",
        "networks.init=he",
        *SLOTS,
        "memory.value_width=16",
        "content_discriminator.steps=1",
        "optimisation.batch_size=2",
    ),
)
HEAD = ("method", "parameters (M)", "GFLOP a step", "GFLOP a slice", "s a step", "CPU-s a step", "s a slice", "GiB")
BLOB = 32  # pixels along a block of one label, so that there are structures to find


class Work(TorchDispatchMode):
    """Counts FLOPs, backward passes included; unlike torch's own mode, also those of gradients of gradients."""

    flop = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        """Run one operation and add its work, if torch knows it."""
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        self.flop += formula(*args, **(kwargs or {}), out_val=out) if formula else 0
        return out


def noise(trainer: Trainer, iteration: int) -> Batch:
    """Return a batch of noise with blocks of random labels; its number makes every network move."""
    g = torch.Generator().manual_seed(iteration)
    plans, domains, channels = trainer.plans, trainer.domains, 1 + 2 * trainer.NEEDS.context
    size, side = plans.optimisation.batch_size, plans.slices.crop
    blocks = -(-side // BLOB)
    labels = {m: torch.randint(0, len(plans.labels), (size, blocks, blocks), generator=g) for m in domains}
    every = trainer.period
    middle = plans.length.total // 2 // every * every
    return Batch(
        {m: torch.rand(size, channels, side, side, generator=g) * 2 - 1 for m in domains},
        {m: t.repeat_interleave(BLOB, 1).repeat_interleave(BLOB, 2)[:, :side, :side] for m, t in labels.items()},
        {m: torch.arange(size) + size * k for k, m in enumerate(domains)},
        middle + every * (iteration + 1) - 1,
    )


def measure(method: str, plans: Plans, device: torch.device, precision: str, steps: int) -> dict[str, float]:
    """Return what a full step and a slice cost, by the mean over `steps` after one that counts FLOPs."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    trainer = trainer_class(method)(plans, (plans.modalities[0], plans.modalities[1])).to(device).train()
    optimizers = trainer.optimizers()
    resolved = resolve_precision(precision, device)

    def step(iteration: int) -> None:
        take_step(trainer, optimizers, noise(trainer, iteration), seed=0, precision=resolved)

    with Work() as work:
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
    seconds, cpu_seconds = (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else resident_gib()
    found = {
        HEAD[1]: sum(p.numel() for p in trainer.networks.parameters()) / 1e6,
        HEAD[2]: work.flop / 1e9,
        HEAD[4]: seconds,
        HEAD[5]: cpu_seconds,
        HEAD[7]: memory,
    }
    return found | translating(trainer, device)


def translating(trainer: Trainer, device: torch.device) -> dict[str, float]:
    """Return what one slice costs, in one direction."""
    source, target = trainer.directions[0]
    image = noise(trainer, 0).images[source][:1].to(device)
    trainer.train(False)
    with torch.no_grad():
        with Work() as work:
            trainer.translate(image, source, target)
        wait(device)
        begun = time.perf_counter()
        for _ in range(3):
            trainer.translate(image, source, target)
        wait(device)
    return {HEAD[3]: work.flop / 1e9, HEAD[6]: (time.perf_counter() - begun) / 3}


def resident_gib() -> float:
    """Return the most memory that this process ever held, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def plans_of(arguments: argparse.Namespace, method: str) -> Plans:
    """Return the plans as a method has them."""
    trainer = trainer_class(method)
    if arguments.plans:
        beside = arguments.plans.parent / FINGERPRINT_JSON
        plans = plans_of_method(Plans.load(arguments.plans), trainer, method, lambda: read_json(beside))
    else:
        side, sizes = PUBLISHED if arguments.published else SMALL
        base = Plans.checked(NOISE | {"slices": {"size": side, "crop": side}}, "sizes")
        plans = plans_of_method(base, trainer, method, lambda: FINGERPRINT)
        plans = plans.override([text for text in sizes if has_key(plans, text)])
    changes = [*arguments.set, *([f"optimisation.batch_size={arguments.batch}"] if arguments.batch else [])]
    return complete(plans.override(changes), trainer)


def number(value: float) -> str:
    """Return three digits, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--plans", type=Path, help="a plans.json")
    which.add_argument("--published", action="store_true", help="256x256, 64 channels, batch 1")
    which.add_argument("--small", action="store_true", help="96x96, 8 channels, batch 2")
    parser.add_argument("--methods", nargs="+", default=[], metavar="METHOD", help="default: all")
    parser.add_argument("--batch", type=int, help="images of each modality, instead of the plan's")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other values of the plan")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--steps", type=int, default=3, help="steps to time")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    if arguments.here:
        (method,) = arguments.methods
        plans = plans_of(arguments, method)
        print(json.dumps(measure(method, plans, device, arguments.precision, arguments.steps)))
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    plans = plans_of(arguments, "HiFiSyn")
    print(
        f"{name}, torch {torch.__version__}; crop {plans.slices.crop}, width {plans.settings['networks']['width']}, ",
        end="",
    )
    print(f"batch {plans.optimisation.batch_size}\n\n| {' | '.join(HEAD)} |\n|:--{'|--:' * (len(HEAD) - 1)}|")
    words = [word for word in sys.argv[1:] if word not in arguments.methods and word != "--methods"]
    for method in arguments.methods or names():
        command = [sys.executable, __file__, *words, "--here", "--methods", method]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
            print(f"| {method} | failed: {last} |", flush=True)
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"| {method} | {' | '.join(number(found[column]) for column in HEAD[1:])} |", flush=True)


if __name__ == "__main__":
    main()
