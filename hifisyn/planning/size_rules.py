"""The rules of sizes and length: how large slices and networks are, and how long a training is, on which device.

The full size is published (HiFi-Syn, DRIT++). How few steps a small network needs was found by trying a prototype.
"""

import math
from collections.abc import Mapping
from typing import Any

from hifisyn.planning import lengths
from hifisyn.planning.choice import Choice
from hifisyn.planning.costs import (
    PUBLISHED_CROP,
    PUBLISHED_WIDTH,
    Sizes,
    step_gflop,
    step_memory_gb,
    step_seconds,
)
from hifisyn.planning.device import Device
from hifisyn.plans import LengthPlan, Preset

# The full-size plan.
PUBLISHED_SIZE, PUBLISHED_BATCH = 256, 2
PUBLISHED_PIXEL_MM = 1.0
PUBLISHED_SLICES = 100
FULL_SIZE_DEVICE = Device("cuda", 80.0, 16)  # on which every full-size plan fits
NARROWER_WIDTHS = (64, 48, 32, 24, 16)
MEMORY_SHARE = 0.9  # of the device's memory that a plan may use

# The plan for a CPU and some minutes.
CPU_MINUTES = 480.0  # where no limit is given: one night
TIME_FOR_STEPS = 0.8  # of the minutes; the rest starts up, validates and draws
CPU_RUNGS = ((64, 8), (72, 8), (80, 8), (96, 8), (96, 12), (128, 16), (160, 24), (192, 32), (216, 32), (216, 64))
LEAST_STEPS, LEAST_STEPS_AT = 700, (72, 8)  # steps in which a network of crop 72 and width 8 learnt the anatomy

# Every plan.
LEAST_CONTENT = 36  # side of the content map; 20 lost the anatomy
MARGIN, MARGIN_FEW, FEW_SUBJECTS = 0.04, 0.08, 10
PIXEL_STEP_MM = 0.05
FINEST = 0.75  # finest pixel in native in-plane voxels
EPOCHS_AT_LEAST = 12
EPOCH_LENGTHS = (10, 20, 25, 50, 100, lengths.UPDATES)


def n_down(crop: int) -> Choice[int]:
    """Two stride-2 convolutions as published, one where they would leave too small a content map."""
    if crop // 4 >= LEAST_CONTENT:
        return Choice(2, f"as published; content of {crop // 4} pixels a side")
    return Choice(1, f"two would leave {crop // 4} pixels a side of content, too few to hold anatomy")


def crop(device: Device) -> int:
    """Return the side of what the networks see: that of the network that suits the device best."""
    return sizes(device).value.crop


def sizes(device: Device, crop: int | None = None) -> Choice[Sizes]:
    """Width, batch and depth of the networks.

    Args:
        device: that they are to suit.
        crop: side of what they see, in pixels, where that is given.
    """
    choose = gpu_sizes if device.kind == "cuda" else cpu_sizes
    return choose(device, crop)


def sizes_of(crop: int, width: int, batch: int = PUBLISHED_BATCH) -> Sizes:
    """Return the sizes that follow; V is half the content width as in MGUIT."""
    down = n_down(crop).value
    content_width = width * 2**down
    return Sizes(crop, width, batch, down, content_width // 2)


def gpu_sizes(device: Device, crop: int | None = None) -> Choice[Sizes]:
    """The published size where memory allows, else narrower; batch 1 last, since PGD then meets few subjects."""
    side = crop or PUBLISHED_CROP
    ladder = [sizes_of(side, width) for width in NARROWER_WIDTHS]
    ladder.append(sizes_of(side, NARROWER_WIDTHS[-1], 1))
    fitting = [sizes for sizes in ladder if _fits(sizes, device)]
    chosen = fitting[0] if fitting else ladder[-1]
    reason = f"about {step_memory_gb(chosen):.1f} GB of {device.memory_gb:.1f} GB, estimated from the feature maps"
    if not fitting:
        return Choice(chosen, f"the smallest size, which may still be too large: {reason}")
    if chosen.width == PUBLISHED_WIDTH:
        return Choice(chosen, f"the published size: {reason}")
    return Choice(chosen, f"narrower than published, so that a step fits: {reason}")


def cpu_sizes(device: Device, crop: int | None = None) -> Choice[Sizes]:
    """The largest network that gets enough steps in the time; enough grows with the root of its work."""
    seconds = seconds_for_steps(device)
    base = step_gflop(sizes_of(*LEAST_STEPS_AT))
    ladder = [sizes_of(side, width) for side, width in _rungs(crop)]
    steps = {sizes: round(LEAST_STEPS * math.sqrt(step_gflop(sizes) / base)) for sizes in ladder}
    fitting = [s for s in ladder if steps[s] * step_seconds(s, device) <= seconds and _fits(s, device)]
    if not fitting:
        few = int(seconds / step_seconds(ladder[0], device))
        return Choice(ladder[0], f"the smallest network; about {few} steps in {seconds:.0f} s are few, allow more time")
    chosen = fitting[-1]
    cores = f"{device.cores} core{'s' if device.cores > 1 else ''}"
    return Choice(chosen, f"the largest network that gets its {steps[chosen]} steps in {seconds:.0f} s on {cores}")


def _rungs(crop: int | None) -> list[tuple[int, int]]:
    """Return crop and width of the networks to choose from; at a crop of its own, the widths of the rungs below."""
    if crop is None:
        return list(CPU_RUNGS)
    below = max((side for side, _ in CPU_RUNGS if side <= crop), default=CPU_RUNGS[0][0])
    return [(crop, width) for side, width in CPU_RUNGS if side == below]


def is_limited(device: Device) -> bool:
    """Return whether the time is limited: on a CPU always, on a GPU where minutes are given."""
    return device.kind == "cpu" or device.minutes is not None


def seconds_for_steps(device: Device) -> float:
    """Return the part of the device's time that goes to training steps, in seconds."""
    return 60 * TIME_FOR_STEPS * (CPU_MINUTES if device.minutes is None else device.minutes)


def length(sizes: Sizes, device: Device, preset: Preset = "recommended", period: int = 1) -> Choice[LengthPlan]:
    """As many steps as the time allows, at most the full length; an epoch is a round number of them.

    Args:
        sizes: of the networks.
        device: whose time is limited or not.
        preset: whose full length counts. HiFi-Syn's paper gives none: "paper" and "literal" take MGUIT's, which on the
            cohorts of the paper is that of DRIT++'s code too.
        period: steps of the method to one that moves all its networks.
    """
    if preset != "recommended":
        return lengths.mguit(period)
    if not is_limited(device):
        return lengths.nnunet(period)
    full = lengths.nnunet(period).value.total
    seconds = step_seconds(sizes, device)
    steps = max(1, min(full, int(seconds_for_steps(device) / seconds)))
    each = max((n for n in EPOCH_LENGTHS if steps // n >= EPOCHS_AT_LEAST), default=max(1, steps // EPOCHS_AT_LEAST))
    chosen = LengthPlan(epochs=max(1, round(steps / each)), iterations=each)
    return Choice(
        chosen, f"{chosen.total} steps at about {seconds:.2f} s (estimated); an epoch and a validation every {each}"
    )


def pixel_mm(geometry: Mapping[str, Any], subjects: int, crop: int) -> Choice[float]:
    """1 mm as published, coarser where a brain would not fit into the crop or the scans are coarser.

    The largest brain of the training cases and a margin must fit; the margin is wider where few subjects were
    seen. A pixel is never finer than 0.75 native voxels: finer ones hold no more anatomy.
    """
    extent = max(geometry["brain_box_mm"]["max"][:2])
    margin = MARGIN_FEW if subjects < FEW_SUBJECTS else MARGIN
    to_fit = _round_up(extent * (1 + margin) / crop)
    native = _round_up(FINEST * max(geometry["spacing_mm"]["median"][:2]))
    chosen = max(PUBLISHED_PIXEL_MM, to_fit, native)
    brain = f"the largest training brain ({extent:.0f} mm in-plane) and {margin:.0%} margin"
    if chosen == PUBLISHED_PIXEL_MM:
        return Choice(chosen, f"as published; {brain} fit into {crop} pixels")
    if chosen == to_fit:
        return Choice(chosen, f"so that {brain} fit into {crop} pixels")
    return Choice(chosen, f"{FINEST:g} of the native in-plane voxel, which is coarser than published")


def stored_size(device: Device, crop: int) -> Choice[int]:
    """256 stored around a crop of 216 as published; a CPU plan stores what the networks see and no more."""
    if device.kind == "cuda" or crop == PUBLISHED_CROP:
        return Choice(PUBLISHED_SIZE, f"as published; the networks see the centre {crop}, in training and after")
    return Choice(crop, "the networks see the whole stored slice, in training and after")


def _fits(sizes: Sizes, device: Device) -> bool:
    return step_memory_gb(sizes) <= MEMORY_SHARE * device.memory_gb


def _round_up(mm: float) -> float:
    return round(math.ceil(mm / PIXEL_STEP_MM - 1e-6) * PIXEL_STEP_MM, 4)
