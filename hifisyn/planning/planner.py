"""From a fingerprint and a device to a plan, rule by rule, every reason kept."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.planning import rules
from hifisyn.planning.costs import Sizes, step_gflop, step_memory_gb, step_seconds
from hifisyn.planning.device import Device
from hifisyn.planning.memory_layout import layout
from hifisyn.plans import Plans, paper_literal

Preset = Literal["recommended", "paper", "paper_literal"]
SET_BY_HAND = "set by hand"


class _Reasons(dict[str, str]):
    """Collects the reasons of the choices that are taken."""

    def take(self, key: str, choice: rules.Choice[Any]) -> Any:
        self[key] = choice.reason
        return choice.value


def plan(
    fingerprint: Mapping[str, Any],
    device: Device,
    *,
    name: str = "plans",
    preset: Preset = "recommended",
    assignments: Sequence[str] = (),
    preprocessing_reason: str = "",
) -> Plans:
    """Plan a training.

    Args:
        fingerprint: what `fingerprint.extract` returned.
        device: what the training may use.
        name: of the plans file, without ending.
        preset: "paper" takes the published size and settings on any device, and stays as it is while what is
            recommended improves; "paper_literal" takes the paper's ambiguous equations as they are printed.
        assignments: `key=value` texts that replace values in the end.
        preprocessing_reason: why the scans were prepared as the fingerprint says.

    Raises:
        UserError: an assignment names no key of the plans, or a value that cannot work.
    """
    reasons = _Reasons()
    if preprocessing_reason:
        reasons["preprocessing"] = preprocessing_reason
    basis = rules.FULL_SIZE_DEVICE if preset == "paper" else device
    choose = rules.gpu_sizes if basis.kind == "cuda" else rules.cpu_sizes
    sizes: Sizes = reasons.take("networks.width", choose(basis, literal=preset == "paper_literal"))
    length: rules.Length = reasons.take("training.epochs", rules.length(sizes, basis))
    content = {
        "name": name,
        "dataset": fingerprint["dataset"],
        "fingerprint": fingerprint["digest"],
        "modalities": fingerprint["modalities"],
        "labels": fingerprint["labels"],
        "intensity_scale": {m: entry["high"]["median"] for m, entry in fingerprint["intensities"].items()},
        "slices": _slices(fingerprint, sizes, basis, reasons),
        "preprocessing": fingerprint["settings"],
        "memory": _memory(fingerprint, sizes, reasons),
        "networks": _networks(sizes, reasons),
        "losses": reasons.take("losses.pgd", rules.contrast(length.total)),
        "training": _training(sizes, length, basis, reasons),
        "device": _device(device, sizes, length),
    }
    plans = Plans.checked(content, origin="the planner")
    plans = plans.model_copy(update={"preset": preset})
    if preset == "paper_literal":
        plans = paper_literal(plans)
        reasons["losses.pgd"] = reasons["memory.tau_r"] = "preset paper_literal: as the equations are printed"
    plans = plans.override(list(assignments))
    for text in assignments:
        reasons[text.partition("=")[0].strip()] = SET_BY_HAND
    return plans.model_copy(update={"reasons": dict(reasons)})


def check(plans: Plans, dataset: Dataset, origin: str) -> None:
    """Refuse plans that were made for other data.

    Raises:
        UserError: data set, modalities or labels differ.
    """
    for what, planned, there in (
        ("data set", plans.dataset, dataset.name),
        ("modalities", plans.modalities, dataset.modalities),
        ("labels", plans.labels, dataset.labels),
    ):
        if planned != there:
            raise UserError(
                f"{origin}: wanted the {what} {_text(there)} of dataset.json, found {_text(planned)}; "
                "plan anew with --overwrite, or under another name with --plans-name"
            )


def warnings(plans: Plans, fingerprint: Mapping[str, Any]) -> list[str]:
    """Return what does not fit between plans, possibly edited, and the data: one line each."""
    found = []
    extent = max(fingerprint["geometry"]["brain_box_mm"]["max"][:2])
    window = plans.slices.crop * plans.slices.pixel_mm
    if extent > window:
        found.append(
            f"the largest training brain is {extent:.0f} mm in-plane, slices.crop * slices.pixel_mm only "
            f"{window:.0f} mm: brain will be cut off; enlarge one of them"
        )
    if plans.fingerprint and plans.fingerprint != fingerprint["digest"]:
        found.append("the data or their preparation changed since the plans were made; --overwrite plans anew")
    empty = [n for n, entry in fingerprint["structures"].items() if not entry["cases"] and plans.memory.slots.get(n)]
    if empty:
        found.append(f"memory.slots holds slots for {', '.join(empty)}, which no training case has")
    if plans.training.batch_size == 1:
        found.append("batch_size 1: contrastive negatives of other subjects come from the other modality only")
    return found


def _slices(fingerprint: Mapping[str, Any], sizes: Sizes, device: Device, reasons: _Reasons) -> dict[str, Any]:
    pixel = rules.pixel_mm(fingerprint["geometry"], fingerprint["subjects"], sizes.crop)
    return {
        "size": reasons.take("slices.size", rules.stored_size(device, sizes.crop)),
        "crop": sizes.crop,
        "pixel_mm": reasons.take("slices.pixel_mm", pixel),
        "per_case": rules.PUBLISHED_SLICES,
    }


def _memory(fingerprint: Mapping[str, Any], sizes: Sizes, reasons: _Reasons) -> dict[str, Any]:
    volumes = {name: entry["median_ml"] for name, entry in fingerprint["structures"].items()}
    slots = layout(fingerprint["labels"], volumes)
    reasons["memory.slots"] = slots.reason
    return {"slots": slots.slots, "global_slots": slots.global_slots, "value_width": sizes.value_width}


def _networks(sizes: Sizes, reasons: _Reasons) -> dict[str, Any]:
    return {
        "width": sizes.width,
        "n_down": reasons.take("networks.n_down", rules.n_down(sizes.crop)),
        "content_noise": reasons.take("networks.content_noise", rules.content_noise(sizes.width)),
        "init": reasons.take("networks.init", rules.initialisation(sizes.width)),
    }


def _training(sizes: Sizes, length: rules.Length, device: Device, reasons: _Reasons) -> dict[str, Any]:
    lr, lr_d, lr_content = reasons.take("training.lr", rules.learning_rates(sizes.width, length.total))
    return {
        "epochs": length.epochs,
        "iterations": length.iterations,
        "batch_size": sizes.batch,
        "lr": lr,
        "lr_discriminator": lr_d,
        "lr_content_discriminator": lr_content,
        "content_steps": reasons.take("training.content_steps", rules.content_steps(device)),
        "attribute_ema": reasons.take("training.attribute_ema", rules.attribute_ema(length.total)),
    }


def _device(device: Device, sizes: Sizes, length: rules.Length) -> dict[str, Any]:
    seconds = step_seconds(sizes, device)
    return {
        "kind": device.kind,
        "memory_gb": round(device.memory_gb, 1),
        "cores": device.cores,
        "minutes": device.minutes,
        "estimated": {
            "step_gflop": round(step_gflop(sizes), 1),
            "step_seconds": round(seconds, 3),
            "step_memory_gb": round(step_memory_gb(sizes), 1),
            "training_minutes": round(length.total * seconds / rules.TIME_FOR_STEPS / 60, 1),
        },
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(str(v) for v in value)
