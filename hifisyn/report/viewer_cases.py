"""The cases and slices that the viewer shows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, MODEL, SLICE
from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.paths import slices_folder
from hifisyn.pictures import brain_window
from hifisyn.report.collect import Facts, TrainedFold
from hifisyn.report.strips import strip
from hifisyn.slices import SliceStore

SUBJECTS, SLICES, FEWEST_SLICES = 6, 24, 6
BUDGET = 10 * 2**20  # characters of all pictures of the viewer, so that the page stays below some 15 MB


@dataclass(frozen=True)
class ViewerCase:
    """One case in the viewer.

    Attributes:
        case: its name.
        subject: whose it is.
        places: numbers of the slices among the case's stored slices.
        size: (height, width) of a slice, cropped to the brain.
        columns: slices in a row of a strip.
        real: contrast to its strip, see `hifisyn.report.strips`.
        synthetic: direction to model to strip.
        largest: 99th percentile of |synthetic - real| over what is shown, in units of [-1, 1].
    """

    case: str
    subject: str
    places: tuple[int, ...]
    size: tuple[int, int]
    columns: int
    real: dict[str, str]
    synthetic: dict[Direction, dict[str, str]]
    largest: float

    @property
    def characters(self) -> int:
        """Length of all its strips."""
        strips = [*self.real.values(), *(s for models in self.synthetic.values() for s in models.values())]
        return sum(map(len, strips))

    def for_script(self) -> dict[str, Any]:
        """Return what the script of the viewer reads, as JSON holds it."""
        height, width = self.size
        shape = {"width": width, "height": height, "columns": self.columns}
        synthetic = {str(one): one._asdict() | {"models": models} for one, models in self.synthetic.items()}
        return {"case": self.case, "places": self.places, **shape, "real": self.real, "synthetic": synthetic}


def choose_cases(facts: Facts, most: int = SUBJECTS) -> list[str]:
    """Return at most `most` cases, spread evenly from the worst to the best by brain PSNR of the reference model.

    One case a subject; the worst and the best are among them, so that nobody picks the good ones.
    """
    table = facts.evaluated
    if table.empty:
        return []
    evaluated = [label for label in facts.labels if label in set(table[MODEL])]
    own = table[table[MODEL] == evaluated[0]] if evaluated else table
    scores = own.groupby(CASE)["psnr_brain"].mean().sort_values(kind="stable")
    scores = scores[~pd.Series([facts.data.subject_of.get(c, c) for c in scores.index], scores.index).duplicated()]
    chosen = np.linspace(0, len(scores) - 1, min(most, len(scores))).round().astype(int)
    return [str(case) for case in scores.index[sorted(set(chosen.tolist()))]]


def read_cases(facts: Facts, *, subjects: int | None = None, slices: int | None = None) -> list[ViewerCase]:
    """Read the slices of the chosen cases.

    Args:
        facts: of the report.
        subjects: at most so many; none: 6.
        slices: at most so many a case; none: 24, or fewer where the page would become too large.

    Returns:
        The cases, worst first; those whose slices no longer exist are left out.
    """
    cases = choose_cases(facts, SUBJECTS if subjects is None else subjects)
    if not cases:
        return []
    most = slices or SLICES
    if slices is None:
        probes = [probe for case in cases[:2] if (probe := read_case(facts, case, 2))]
        each = max((probe.characters / len(probe.places) for probe in probes), default=0)
        most = int(np.clip(BUDGET / max(each * len(cases), 1), FEWEST_SLICES, SLICES))
    return [read for case in cases if (read := read_case(facts, case, most))]


def read_case(facts: Facts, case: str, most: int) -> ViewerCase | None:
    """Read one case: `most` slices of those that were evaluated, evenly spread; none where its slices are gone."""
    stacks = _read_stacks(facts, case)
    if not stacks.synthetic:
        return None
    places = _places(facts, case, stacks.brain, most)
    box = brain_window(stacks.brain[places])
    real = {modality: stack[places][:, *box] for modality, stack in stacks.real.items()}
    synthetic = {
        direction: {label: stack[places][:, *box] for label, stack in models.items()}
        for direction, models in stacks.synthetic.items()
    }
    errors = [np.abs(stack - real[d.target]) for d, models in synthetic.items() for stack in models.values()]
    columns = int(np.ceil(np.sqrt(len(places))))
    return ViewerCase(
        case,
        facts.data.subject_of.get(case, case),
        tuple(int(place) for place in places),
        (box[0].stop - box[0].start, box[1].stop - box[1].start),
        columns,
        {modality: strip(stack, columns) for modality, stack in real.items()},
        {d: {label: strip(stack, columns) for label, stack in models.items()} for d, models in synthetic.items()},
        max(float(np.percentile(error, 99)) for error in errors),
    )


@dataclass
class _Stacks:
    """All stored slices (S, H, W) of a case: its brain, its scans, and synthetic scans by direction and model."""

    brain: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    real: dict[str, np.ndarray] = field(default_factory=dict)
    synthetic: dict[Direction, dict[str, np.ndarray]] = field(default_factory=dict)


def _read_stacks(facts: Facts, case: str) -> _Stacks:
    """Read what the models share: those whose plans give slices of another size than the first are left out."""
    from hifisyn.evaluation import synthetic_slices

    stacks = _Stacks()
    for training in facts.trainings:
        store = SliceStore(slices_folder(facts.roots.preprocessed / facts.name, training.plans.name))
        for direction in training.model.directions:
            try:
                synthetic = synthetic_slices.read(_evaluation(training, facts.split), case, *direction)
                images = {modality: store.image(case, modality) for modality in direction}
                brain = store.brain(case)
            except UserError:
                continue
            if stacks.brain.size and brain.shape != stacks.brain.shape:
                continue
            stacks.brain = brain
            stacks.real |= images
            stacks.synthetic.setdefault(direction, {})[training.label] = synthetic
    return stacks


def _evaluation(training: TrainedFold, split: str) -> Path:
    return training.folder / f"evaluation_{split}"


def _places(facts: Facts, case: str, brain: np.ndarray, most: int) -> np.ndarray:
    """Return the slices to show: evenly spread over those that were compared."""
    table = facts.tables.get("slices", pd.DataFrame())
    compared = sorted(set(table.loc[table[CASE] == case, SLICE])) if not table.empty else []
    slices = np.array([int(s) for s in compared if s < len(brain)] or np.flatnonzero(brain.any(axis=(1, 2))))
    chosen = np.linspace(0, len(slices) - 1, min(most, len(slices))).round().astype(int)
    return np.asarray(slices[chosen])
