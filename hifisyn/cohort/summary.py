"""The essentials of a plan in a few lines."""

from hifisyn.engine.progress import duration
from hifisyn.plans import Plans, Way

WAYS: dict[Way, str] = {
    "base": "the base model, without training",
    "base first": "the base model first, {method} where it beats it",
    "train": "train {method}",
}


def essentials(plans: Plans) -> list[str]:
    """Return what a user needs to know before training: sizes, slots, length, and why; plans.json has the rest."""
    slices, length, own = plans.slices, plans.length, plans.settings
    lines = {
        "slices": (f"{slices.crop} x {slices.crop} pixels of {slices.pixel_mm:g} mm", "slices.pixel_mm"),
        "networks": (
            f"{own.get('networks', {}).get('width', '?')} channels, batch {plans.optimisation.batch_size}",
            "settings.networks.width",
        ),
        "training": (f"{length.epochs} epochs of {length.iterations} steps{_estimate(plans)}", "length.epochs"),
    }
    if memory := own.get("memory"):
        slots = ", ".join(f"{name} {count}" for name, count in memory["slots"].items()) or "no structure"
        total = sum(memory["slots"].values()) + memory["global_slots"]
        lines["memory"] = (f"{total} slots: {slots}, global {memory['global_slots']}", "")
    shown = [
        f"plan {plans.name} of {plans.dataset} ({', '.join(plans.modalities)}), preset {plans.preset}, "
        f"method {plans.method}"
    ]
    if "way" in plans.reasons:
        lines["way"] = (WAYS[plans.way].format(method=plans.method), "way")
    for name, (text, key) in lines.items():
        reason = plans.reasons.get(key, "")
        shown.append(f"  {name:<9} {text}" + (f" ({reason})" if reason else ""))
    return shown


def _estimate(plans: Plans) -> str:
    """Return how long the training will take on the device that it is planned for, before anything is measured."""
    minutes = plans.device.get("estimated", {}).get("training_minutes")
    if minutes is None:
        return ""
    where = "the GPU" if plans.device["kind"] == "cuda" else f"{plans.device['cores']} CPU cores"
    return f", by an estimate {duration(60 * minutes)} on {where}"
