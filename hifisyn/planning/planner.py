"""From a fingerprint and a device to a plan, rule by rule, every reason kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.planning import lengths, size_rules
from hifisyn.planning.choice import Choice
from hifisyn.planning.costs import PUBLISHED_WIDTH, Sizes, step_gflop, step_memory_gb, step_seconds, work_share
from hifisyn.planning.device import Device
from hifisyn.planning.lengths import LengthOf
from hifisyn.planning.method_plan import MethodPlan, PlansItself, basis
from hifisyn.plans import LengthPlan, Plans, Preset, SlicePlan, Way
from hifisyn.settings import checked, whole_key

SET_BY_HAND = "set by hand"


def plan(
    fingerprint: Mapping[str, Any],
    device: Device,
    method: type[PlansItself],
    *,
    method_name: str = "HiFiSyn",
    name: str = "plans",
    preset: Preset = "recommended",
    assignments: Sequence[str] = (),
    preprocessing_reason: str = "",
    way: Choice[Way] | None = None,
    lesions: str = "",
    length_of: LengthOf | None = None,
) -> Plans:
    """Plan a training: slices are the same for all methods, the rest is the method's own.

    Args:
        fingerprint: what `fingerprint.extract` returned.
        device: what the training may use.
        method: that will be trained.
        method_name: of it, as the registry knows it.
        name: of the plans file, without ending.
        preset: "recommended" takes what measurements say and the device allows; "paper" the published size and settings
            and a sensible reading of the equations, on any device, and stays as it is while what is recommended
            improves; "literal" the print of HiFi-Syn's paper wherever that can be followed, on any device.
        length_of: the work whose length to take instead; none: as the preset says.
        assignments: `key=value` texts that replace values in the end.
        preprocessing_reason: why the scans were prepared as the fingerprint says.
        way: that is recommended for the cohort; none: nothing is said of it.
        lesions: how lesions differ between contrasts, see `hifisyn.planning.prevalence`; "": not so that it matters.

    Raises:
        UserError: an assignment names no key of the plans, a value that cannot work, or another method; or the length
            of another work is asked for where the device limits it.
    """
    slices, reasons = _slices(fingerprint, basis(device, preset))
    if preprocessing_reason:
        reasons["preprocessing"] = preprocessing_reason
    if way:
        reasons["way"] = way.reason
    if lesions:
        reasons["lesions"] = lesions
    content = {
        "name": name,
        "dataset": fingerprint["dataset"],
        "fingerprint": fingerprint["digest"],
        "preset": preset,
        "way": way.value if way else "train",
        "modalities": fingerprint["modalities"],
        "labels": fingerprint["labels"],
        "intensity_scale": {m: entry["span"]["median"] for m, entry in fingerprint["intensities"].items()},
        "slices": slices.model_dump(mode="json"),
        "preprocessing": fingerprint["settings"],
        "reasons": reasons,
    }
    shared = Plans.checked(content, origin="the planner")
    plans = for_method(shared, method, method_name, fingerprint, device)
    if length_of:
        plans = _as_long_as(plans, length_of, fingerprint, device)
    return _set_by_hand(plans, assignments, method)


def for_method(
    plans: Plans, method: type[PlansItself], name: str, fingerprint: Mapping[str, Any], device: Device
) -> Plans:
    """Return plans with the optimisation, batches, length and settings that another method plans for itself."""
    own = method.plan(fingerprint, plans.slices, device, plans.preset)
    shared = {key: reason for key, reason in plans.reasons.items() if not _is_own(key)}
    whole = plans.model_copy(
        update={
            "method": name,
            "optimisation": own.optimisation,
            "batches": own.batches,
            "length": own.length,
            "settings": own.settings,
            "device": _device(device, plans.slices.crop, own),
            "reasons": shared | own.reasons,
        }
    )
    return complete(whole, method)


def _as_long_as(plans: Plans, work: LengthOf, fingerprint: Mapping[str, Any], device: Device) -> Plans:
    """Return plans of the length of another work; averages and ramps, which follow the length, are those of long runs.

    Raises:
        UserError: the plan is for a device whose time is limited.
    """
    if size_rules.is_limited(basis(device, plans.preset)):
        raise UserError(
            f"--length {work} must stand beside a plan without a time limit",
            got=str(device),
            hint="pass --preset paper or --preset literal, or leave out --length",
        )
    cases = [entry["cases"] for entry in fingerprint["intensities"].values() if "cases" in entry]
    slices = max(cases, default=fingerprint["subjects"]) * plans.slices.per_case
    period = _period(plans)
    chosen = lengths.named(work, slices=slices, batch=plans.optimisation.batch_size, period=period)
    changed = plans.model_copy(
        update={"length": chosen.value, "reasons": plans.reasons | {"length.epochs": chosen.reason}}
    )
    return changed.model_copy(update={"device": _device(device, plans.slices.crop, changed)})


def complete(plans: Plans, method: type[PlansItself], origin: str = "") -> Plans:
    """Return plans with every setting of their method written out.

    Args:
        plans: of the method.
        method: that types their settings.
        origin: where the plans stand, in front of the message, such as a file.

    Raises:
        UserError: a setting is unknown, of the wrong type or cannot work, or parts of the plans do not go together.
    """
    try:
        settings = checked(method.SETTINGS, plans.settings, within="settings").model_dump(mode="json")
        whole = plans.model_copy(update={"settings": settings})
        method.check(whole)
    except UserError as error:
        raise (error.at(origin) if origin else error) from None
    return whole


def planned_for(plans: Plans) -> Device:
    """Return the device that plans are for; one without a limit where they do not say."""
    known = plans.device
    if not {"kind", "memory_gb", "cores"} <= set(known):
        return size_rules.FULL_SIZE_DEVICE
    return Device(known["kind"], known["memory_gb"], known["cores"], known.get("minutes"))


def refuse_other_dataset(plans: Plans, dataset: Dataset, origin: str) -> None:
    """Refuse plans of other data.

    Raises:
        UserError: data set, modalities or labels differ.
    """
    for what, planned, there in (
        ("dataset", plans.dataset, dataset.name),
        ("modalities", plans.modalities, dataset.modalities),
        ("labels", plans.labels, dataset.labels),
    ):
        if planned != there:
            raise UserError(
                f"{origin}: {what} must be {_text(there)}, as in dataset.json",
                got=_text(planned),
                hint="plan again with hifisyn_plan_and_preprocess --overwrite, or beside it with -p NAME",
            )


def warnings(plans: Plans, fingerprint: Mapping[str, Any]) -> list[str]:
    """Return what does not fit between plans, possibly edited, and the data: one line each."""
    lines = []
    extent = max(fingerprint["geometry"]["brain_box_mm"]["max"][:2])
    window = plans.slices.crop * plans.slices.pixel_mm
    if extent > window:
        lines.append(
            f"the largest training brain is {extent:.0f} mm in-plane, slices.crop * slices.pixel_mm only "
            f"{window:.0f} mm: brain will be cut off; enlarge one of them"
        )
    if plans.fingerprint and plans.fingerprint != fingerprint["digest"]:
        lines.append("the data or their preparation changed since they were planned for; --overwrite plans again")
    slots = plans.settings.get("memory", {}).get("slots", {})
    empty = [name for name, entry in fingerprint["structures"].items() if not entry["cases"] and slots.get(name)]
    if empty:
        lines.append(f"settings.memory.slots holds slots for {', '.join(empty)}, which no training case has")
    if plans.optimisation.batch_size == 1 and "pgd" in plans.settings.get("losses", {}):
        lines.append("batch_size 1: contrastive negatives of other subjects come from the other contrast only")
    return lines


def _set_by_hand(plans: Plans, assignments: Sequence[str], method: type[PlansItself]) -> Plans:
    """Return plans with assigned values, of whose keys the reasons say so."""
    content = plans.model_dump(mode="json")
    keys = [whole_key(text.partition("=")[0], content) for text in assignments]
    changed = plans.override(assignments)
    if changed.method != plans.method:
        raise UserError(
            f"--set method must be {plans.method}", got=changed.method, hint=f"plan with -tr {changed.method}"
        )
    return complete(changed.model_copy(update={"reasons": plans.reasons | dict.fromkeys(keys, SET_BY_HAND)}), method)


def _slices(fingerprint: Mapping[str, Any], device: Device) -> tuple[SlicePlan, dict[str, str]]:
    crop = size_rules.crop(device)
    size = size_rules.stored_size(device, crop)
    pixel = size_rules.pixel_mm(fingerprint["geometry"], fingerprint["subjects"], crop)
    plan = SlicePlan(size=size.value, crop=crop, pixel_mm=pixel.value, per_case=size_rules.PUBLISHED_SLICES)
    return plan, {"slices.size": size.reason, "slices.pixel_mm": pixel.reason}


def _is_own(key: str) -> bool:
    """Return whether a reason is of a part that each method plans for itself."""
    return key.partition(".")[0] in ("optimisation", "batches", "length", "settings")


def _device(device: Device, crop: int, own: MethodPlan | Plans) -> dict[str, Any]:
    return {
        "kind": device.kind,
        "memory_gb": round(device.memory_gb, 1),
        "cores": device.cores,
        "minutes": device.minutes,
        "estimated": _estimated(_sizes(crop, own), own.length, device, _period(own)),
    }


def _period(own: MethodPlan | Plans) -> int:
    """Return the steps of a method to one that moves all its networks."""
    steps: int = own.settings.get("content_discriminator", {}).get("steps", 1)
    return steps


def _sizes(crop: int, own: MethodPlan | Plans) -> Sizes:
    networks, memory = own.settings.get("networks", {}), own.settings.get("memory", {})
    width = networks.get("width", PUBLISHED_WIDTH)
    down = networks.get("n_down", size_rules.n_down(crop).value)
    values = memory.get("value_width", width * 2**down // 2)
    return Sizes(crop, width, own.optimisation.batch_size, down, values)


def _estimated(sizes: Sizes, length: LengthPlan, device: Device, period: int) -> dict[str, float]:
    """Return what HiFi-Syn of these sizes costs; other methods cost between a third and twice as much.

    The step is one that moves all networks.
    """
    seconds = step_seconds(sizes, device)
    whole = length.total * work_share(period) * seconds
    return {
        "step_gflop": round(step_gflop(sizes), 1),
        "step_seconds": round(seconds, 3),
        "step_memory_gb": round(step_memory_gb(sizes), 1),
        "training_minutes": round(whole / size_rules.TIME_FOR_STEPS / 60, 1),
    }


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return value if isinstance(value, str) else ", ".join(str(v) for v in value)
