"""A methods paragraph to paste into a paper; it describes only what was done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hifisyn
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.engine.progress import duration
from hifisyn.evaluation.ceilings import is_ceiling
from hifisyn.plans import Plans
from hifisyn.preprocessing.steps import Stage, Status, Step
from hifisyn.report.collect import Facts, TrainedFold
from hifisyn.report.methods_of_evaluation import details, downstream, evaluation, tests
from hifisyn.report.references import REFERENCES, Citations, citation
from hifisyn.report.words import counted, listed
from hifisyn.training.chosen_by import ChosenBy

Part = Callable[[Facts, Citations], list[str]]
DONE = {
    Stage.SKULL_STRIP: "Brains were extracted with",
    Stage.REGISTRATION: "Contrasts were registered with",
    Stage.BIAS: "Strong bias fields were divided out with",
    Stage.LABELS: "Structures were labelled with",
}
GIVEN = {Stage.SKULL_STRIP: "Brain masks were", Stage.LABELS: "Labels were"}


@dataclass(frozen=True)
class MethodsText:
    """Paragraphs and their numbered references; nothing in either where nothing was run."""

    paragraphs: list[str]
    references: list[str]


def methods(facts: Facts) -> MethodsText:
    """Return the text; only tools that were used are named."""
    cite = Citations()
    parts: tuple[Part, ...] = (_data, _preprocessing, _training, evaluation, details, tests, downstream, _not_done)
    paragraphs = [" ".join(sentences) for part in parts if (sentences := part(facts, cite))]
    return MethodsText(paragraphs, cite.lines())


def _data(facts: Facts, cite: Citations) -> list[str]:
    data = facts.data
    if data.dataset is None:
        return []
    everyone = list(data.dataset.all_cases)
    words = [
        f"The data set {data.dataset.name} holds {counted(data.subjects(everyone), 'subject')} "
        f"({counted(len(everyone), 'session')}) with {listed(list(data.dataset.modalities))} scans."
    ]
    for training in _folds(facts):
        if data.splits is None:
            break
        fold = data.splits.fold(training.fold)
        test = f"{counted(data.subjects(data.splits.test), 'subject')} were held out for the test"
        words.append(
            f"It was split by subject: fold {training.fold} trains on {data.subjects(fold.train)} and validates on "
            f"{data.subjects(fold.val)} subjects; {test if data.splits.test else 'none were held out for a test'}."
        )
    return words


def _folds(facts: Facts) -> list[TrainedFold]:
    """Return one training for each fold."""
    return list({training.fold: training for training in facts.trainings}.values())


def _preprocessing(facts: Facts, cite: Citations) -> list[str]:
    data = facts.data
    words = [sentence for stage, steps in data.steps.items() if (sentence := _step(stage, _main(steps), cite))]
    if data.dataset and data.dataset.registered:
        words.append("The contrasts of a session were already registered.")
    for plans in _plans(facts):
        s = plans.slices
        words.append(
            f"Axial slices were resampled to {s.size} x {s.size} pixels of {s.pixel_mm:g} mm, at most {s.per_case} a "
            f"session, where brain covered at least {s.min_brain:.0%}. Intensities were mapped linearly, 0 to -1 and "
            f"the {plans.preprocessing.upper_percentile:g}th percentile of the brain to +1, and clipped; what lies "
            "outside the brain is -1."
        )
    return words


def _main(steps: list[tuple[Step, int]]) -> Step:
    """Return the most frequent step that did something; else the most frequent one."""
    return next((step for step, _ in steps if not step.skipped), steps[0][0])


def _step(stage: Stage, step: Step, cite: Citations) -> str:
    """Return the sentence on a step; empty where nothing was done."""
    if step.skipped:
        return ""
    if step.tool is None:
        return f"{GIVEN[stage]} {'corrected by hand' if step.status is Status.CORRECTED else 'given'}."
    source = f" {cite(step.tool)}" if step.tool in REFERENCES else ""
    detail = f" ({step.detail})" if step.detail and stage is not Stage.BIAS else ""  # which scans need it differs
    return f"{DONE[stage]} {step.software}{source}{detail}."


def _plans(facts: Facts) -> list[Plans]:
    return list({training.plans.name: training.plans for training in facts.trainings}.values())


def _training(facts: Facts, cite: Citations) -> list[str]:
    if not facts.trainings:
        return []
    methods = list(dict.fromkeys(training.model.method for training in facts.trainings))
    ours = "HiFiSyn" in methods
    paired = [method for method in methods if is_ceiling(method)]
    how = "" if paired else "unpaired "
    words = [
        f"Models were trained {how}with hifisyn {hifisyn.__version__} {cite('hifisyn')} and PyTorch {cite('pytorch')}."
    ]
    if ours:
        words.append(
            f"HiFi-Syn {cite('HiFiSyn')} was used as implemented there, independently of its authors, on DRIT++ "
            f"{cite('DRIT++')} and a memory bank after MGUIT {cite('MGUIT')}."
        )
    others = [method for method in methods if method != "HiFiSyn"]
    cited = listed([f"{m} {cite(m)}" if citation(m) else m for m in others])
    words += [f"{'It was compared with' if ours else 'The methods were'} {cited}."] if others else []
    words += [_one_training(training) for training in facts.trainings]
    but = f", but for {listed(paired)}, trained on registered pairs" if paired else ""
    words.append(f"No step combined slices of one subject{but}; {_choice(facts.trainings)}.")
    return words


def _choice(trainings: Sequence[TrainedFold]) -> str:
    """Return how the checkpoints were chosen."""
    if all(training.chosen_by == ChosenBy.UNPAIRED for training in trainings):
        return (
            "the checkpoint was chosen on the validation subjects without pairs, by tissue statistics, cycle "
            "consistency, agreement with the base model and segmentation"
        )
    return "the checkpoint was chosen on the validation subjects"


def _one_training(training: TrainedFold) -> str:
    plans, memory = training.plans, training.plans.settings.get("memory")
    bank = f", {_slots(memory)} memory slots ({memory['global_slots']} global)" if memory else ""
    device = f" on {training.config['device']}" if training.config.get("device") else ""
    time = f" in {duration(training.seconds)}" if training.seconds else ""
    seed = f", seed {training.config['seed']}" if "seed" in training.config else ""
    each = plans.length.iterations
    steps = f"{training.epochs * each:,} steps ({counted(training.epochs, 'epoch')} of {each})"
    return (
        f"{training.title}: {steps} of "
        f"{counted(plans.optimisation.batch_size, 'image')} of each contrast{time}{device}, Adam at "
        f"{plans.optimisation.lr:g}{bank}{seed}."
    )


def _slots(memory: dict[str, Any]) -> int:
    return int(sum(memory["slots"].values()) + memory["global_slots"])


def _not_done(facts: Facts, cite: Citations) -> list[str]:
    """Name what a reader may expect and was not done."""
    if not facts.trainings:
        return []
    tasks = [task for task in DownstreamTask if not facts.downstream_of(task)]
    left = [f"downstream {'tasks' if len(tasks) > 1 else 'task'} {listed(tasks)}"] if tasks else []
    left += ["an ablation"] if not facts.ablations else []
    left += ["a test on held-out subjects"] if facts.evaluated.empty or facts.split != "test" else []
    left += ["repeated training with other seeds"] if len({t.config.get("seed") for t in facts.trainings}) < 2 else []
    return [f"Not done: {'; '.join(left)}."] if left else []
