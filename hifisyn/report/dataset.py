"""The data set and the plans, in sentences and tables."""

from collections.abc import Iterator
from dataclasses import dataclass

from hifisyn.dataset import TISSUES
from hifisyn.pages.plain_table import PlainTable, facts_table
from hifisyn.plans import Plans
from hifisyn.preprocessing.steps import Stage
from hifisyn.report.collect import Facts
from hifisyn.report.collect_data import Data
from hifisyn.report.section import Missing
from hifisyn.report.words import counted, listed, without_paths
from hifisyn.settings import flat

STAGES = {
    Stage.SKULL_STRIP: "skull strip",
    Stage.REGISTRATION: "registration",
    Stage.BIAS: "bias field",
    Stage.LABELS: "labels",
}
MOST_STEPS = 4


@dataclass(frozen=True)
class DatasetSummary:
    """What is known of the data set and of the plans: sentences, then tables."""

    lines: tuple[str, ...]
    tables: tuple[PlainTable, ...]


def dataset(facts: Facts) -> DatasetSummary | Missing:
    """Return people, contrasts, labels, what was done to the scans, and the plans with their reasons."""
    data = facts.data
    if data.dataset is None and not data.plans:
        return Missing("The data set was not preprocessed here", f"hifisyn_plan_and_preprocess -d {facts.name}")
    plans = dict(data.plans) or {training.plans.name: training.plans for training in facts.trainings}
    tables = [_splits(facts), _geometry(data), _structures(data), _steps(data), *map(_plan, plans.values())]
    return DatasetSummary(tuple(_about(data)), tuple(table for table in tables if table is not None))


def _about(data: Data) -> Iterator[str]:
    if data.dataset is None:
        return
    raw = data.dataset
    everyone = list(raw.all_cases)
    lesions = f", lesions: {listed(list(raw.lesions))}" if raw.lesions else ""
    healthy = listed([name for name in raw.labels if name in TISSUES and name != "background"])
    yield (
        f"{counted(len(everyone), 'case')} of {counted(data.subjects(everyone), 'subject')}; contrasts "
        f"{listed(list(raw.modalities))}; structures: {healthy or 'none'}{lesions}."
    )
    if done := [step.replace("_", " ") for step in ("skull_stripped", "registered") if getattr(raw, step)]:
        yield f"The scans came {listed(done)}."
    for key, text in raw.about.items():
        yield without_paths(f"{key.capitalize()}: {text}", raw.private)
    if raw.private:
        yield "The data set is private: no paths are shown."


def _splits(facts: Facts) -> PlainTable | None:
    data, folds = facts.data, sorted({training.fold for training in facts.trainings}, key=str)
    modalities = list(data.dataset.modalities) if data.dataset else []
    rows = [
        (part.name, part.subjects, part.cases, *(part.contrasts.get(m, 0) for m in modalities))
        for part in data.parts(folds)
    ]
    if not rows:
        return None
    head = ("part", "subjects", "cases", *(f"with {m}" for m in modalities))
    others = len(data.splits.folds) - len(folds) if data.splits and folds else 0
    unused = f" No model was trained on {counted(others, 'further fold')}." if others > 0 else ""
    caption = (
        f"Split by subject: cases of one subject stay together. Held-out cases enter neither plan nor training.{unused}"
    )
    return PlainTable(caption, head, rows, numbers=range(1, len(head)))


def _geometry(data: Data) -> PlainTable | None:
    geometry = data.fingerprint.get("geometry")
    if not geometry:
        return None
    spacing, box, slices = geometry["spacing_mm"], geometry["brain_box_mm"], geometry["brain_slices"]
    counts = sorted(data.slices.values())
    per_case = f"{counts[len(counts) // 2]} a case ({counts[0]} to {counts[-1]})" if counts else ""
    return facts_table(
        f"fingerprint: medians over {counted(len(data.fingerprint.get('cases', [])), 'training case')}",
        [
            ("voxels of the reference scan", f"{_by(spacing['median'])} mm (largest {_by(spacing['max'])} mm)"),
            ("brain, right to left, back to front, bottom to top", f"{_by(box['median'], 0)} mm"),
            ("slices that hold brain", f"{slices['median']:g} (fewest {slices['min']})"),
            ("slices to train on", per_case),
            *(
                (f"scanner units at +1, {modality}", f"{entry['high']['median']:.4g}")
                for modality, entry in data.fingerprint.get("intensities", {}).items()
            ),
        ],
    )


def _structures(data: Data) -> PlainTable | None:
    structures = data.fingerprint.get("structures") or {}
    rows = [
        (name, entry["cases"], f"{entry['median_ml']:.1f}", f"{entry['min_ml']:.1f} to {entry['max_ml']:.1f}")
        for name, entry in structures.items()
        if name != "background"
    ]
    caption = "Structures of the training cases, among the cases that hold each."
    return (
        PlainTable(caption, ("structure", "cases", "median ml", "range ml"), rows, numbers=(1, 2, 3)) if rows else None
    )


def _steps(data: Data) -> PlainTable | None:
    rows = [
        (STAGES[stage], without_paths(str(step), data.private), cases)
        for stage, steps in data.steps.items()
        for step, cases in steps[:MOST_STEPS]
    ]
    if not rows:
        return None
    caption = f"Steps of preprocessing, and in how many cases; the {MOST_STEPS} most frequent of each stage."
    return PlainTable(caption, ("stage", "how", "cases"), rows, numbers=(2,))


def _plan(plan: Plans) -> PlainTable:
    rows = [(what, value, plan.reasons.get(key, "")) for what, value, key in _choices(plan)]
    named = {key for _, _, key in _choices(plan)}
    values = flat(plan.model_dump(mode="json"))
    rows += [(key, str(values.get(key, "")), reason) for key, reason in plan.reasons.items() if key not in named]
    caption = f"The plan “{plan.name}”, preset {plan.preset}. Why: the reasons that the planner recorded."
    return PlainTable(caption, ("choice", "value", "why"), rows)


def _choices(plan: Plans) -> Iterator[tuple[str, str, str]]:
    s, length = plan.slices, plan.length
    yield "slices", f"{s.size} x {s.size} pixels of {s.pixel_mm:g} mm", "slices.pixel_mm"
    yield "seen by the networks", f"{s.crop} x {s.crop} pixels", "slices.size"
    yield "slices a case", f"up to {s.per_case}, brain on at least {s.min_brain:.0%}", ""
    yield "method", plan.method, ""
    if memory := plan.settings.get("memory"):
        slots = ", ".join(f"{name} {count}" for name, count in memory["slots"].items()) or "no structure"
        total = sum(memory["slots"].values()) + memory["global_slots"]
        words = f"{total}: {slots}, global {memory['global_slots']}; value width {memory['value_width']}"
        yield "memory slots", words, "settings.memory.slots"
    if plan.width is not None:
        yield "networks", f"{plan.width} channels", "settings.networks.width"
    steps = f"{length.epochs} epochs of {length.iterations} steps, batch {plan.optimisation.batch_size}"
    yield "training", steps, "length.epochs"
    yield "learning rate", f"{plan.optimisation.lr:g}", "optimisation.lr"


def _by(numbers: list[float], digits: int = 2) -> str:
    return " x ".join(f"{round(number, digits):g}" for number in numbers)
