"""The essentials of a plan in a few lines."""

from hifisyn.plans import Plans


def essentials(plans: Plans) -> list[str]:
    """Return what a user wants to know before training: sizes, slots, length, and why; plans.json says the rest."""
    s, m, n, t = plans.slices, plans.memory, plans.networks, plans.training
    slots = ", ".join(f"{name} {count}" for name, count in m.slots.items()) or "no structure"
    lines = {
        "slices": (f"{s.crop} x {s.crop} pixels of {s.pixel_mm:g} mm", "slices.pixel_mm"),
        "networks": (f"{n.width} channels, batch {t.batch_size}", "networks.width"),
        "memory": (f"{m.total} slots: {slots}, global {m.global_slots}", ""),
        "training": (f"{t.epochs} epochs of {t.iterations} steps", "training.epochs"),
    }
    shown = [f"plan {plans.name} of {plans.dataset} ({', '.join(plans.modalities)}), preset {plans.preset}"]
    for name, (text, key) in lines.items():
        reason = plans.reasons.get(key, "")
        shown.append(f"  {name:<9} {text}" + (f" ({reason})" if reason else ""))
    return shown
