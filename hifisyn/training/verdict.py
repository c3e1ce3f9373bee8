"""Whether a model beats what needs no training: the verdict of its validation cases, by direction.

A baseline is beaten where the model's SSIM and its correlation in the brain are both higher, means over cases. They are
measured on the same slices; the weights were chosen on these cases, so that a verdict flatters.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from hifisyn.baselines import IN_WORDS, Baselines
from hifisyn.directions import Direction
from hifisyn.slices import SliceStore
from hifisyn.training.fit_baselines import fit_baselines
from hifisyn.training.numbers import by_direction
from hifisyn.training.unpaired_score import WEIGHTS, WORDS
from hifisyn.training.validation import ValidationSet, measure

JUDGED = ("ssim_brain", "correlation")
NOT_MEASURABLE = "not measurable without pairs"
MOST_FITTED = 20  # training cases; a mean and a histogram are not known better from more

# Direction, as in T1_to_T2, to baseline to whether it is beaten.
Verdict = Mapping[str, Mapping[str, bool]]


def fit_all(store: SliceStore, training: Sequence[str], directions: Sequence[Direction]) -> dict[Direction, Baselines]:
    """Fit the baselines of some directions on at most twenty training cases of each target, evenly spread."""
    fitted = {}
    for direction in directions:
        having = [case for case in training if direction.target in store.record(case)["modalities"]]
        places = sorted({round(place) for place in np.linspace(0, len(having) - 1, min(MOST_FITTED, len(having)))})
        if having:
            fitted[direction] = fit_baselines(store, [having[place] for place in places], *direction)
    return fitted


def answer(validation: ValidationSet, fitted: Mapping[Direction, Baselines]) -> dict[str, dict[str, float]]:
    """Return the numbers of every baseline on validation slices whose truth is known, named as in T1_to_T2/psnr."""
    numbers: dict[str, dict[str, float]] = {}
    samples = {one: sample for one, sample in validation.samples.items() if sample.paired and one in fitted}
    for direction, sample in samples.items():
        source = sample.source
        for name, slices in fitted[direction].answers(source.images, source.brains).items():
            numbers.setdefault(name, {}).update(measure(validation, {direction: slices}))
    return numbers


def judge(model: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, bool]]:
    """Return which baselines a model beats in each direction that both were measured in.

    Args:
        model: means over cases, named as in T1_to_T2/ssim_brain.
        baselines: the same of each.

    >>> judge({"T1_to_T2/ssim_brain": 0.6, "T1_to_T2/correlation": 0.5},
    ...       {"flat": {"T1_to_T2/ssim_brain": 0.4, "T1_to_T2/correlation": float("nan")}})
    {'T1_to_T2': {'flat': True}}
    """
    own = by_direction(model)
    verdict: dict[str, dict[str, bool]] = {}
    for name, numbers in baselines.items():
        for direction, theirs in by_direction(numbers).items():
            if direction in own and all(one in theirs and one in own[direction] for one in JUDGED):
                pairs = [(own[direction][one], theirs[one]) for one in JUDGED]
                beaten = all(mine > (other if np.isfinite(other) else 0) for mine, other in pairs)
                verdict.setdefault(direction.key, {})[name] = beaten
    return verdict


def together(verdicts: Sequence[Verdict]) -> dict[str, dict[str, bool]]:
    """Return the verdict of several folds: a baseline is beaten where it is in each."""
    found: dict[str, dict[str, bool]] = {}
    for verdict in verdicts:
        for key, baselines in verdict.items():
            own = found.setdefault(key, {})
            own.update({name: beaten and own.get(name, True) for name, beaten in baselines.items()})
    return found


def describe(verdict: Verdict) -> list[str]:
    """Return a line for each direction.

    >>> describe({"T1_to_T2": {"source itself": True, "look-up table": False}})
    ['T1 to T2: beats the source itself; does not beat look-up table']
    """
    return [f"{Direction.parse(key)}: {sentence(baselines)}" for key, baselines in verdict.items()]


def sentence(baselines: Mapping[str, bool]) -> str:
    """Return which baselines a direction beats and which not.

    >>> sentence({"source itself": True, "target's mean, constant": False})
    "beats the source itself; does not beat the target's mean"
    """
    parts = {"beats": True, "does not beat": False}
    named = {
        word: [IN_WORDS.get(name, name) for name, beaten in baselines.items() if beaten is is_so]
        for word, is_so in parts.items()
    }
    return "; ".join(f"{word} {', '.join(names)}" for word, names in named.items() if names)


def standing(baselines: Mapping[str, bool], parts: Mapping[str, float]) -> str:
    """Return how a direction stands against what needs no training, in words.

    Args:
        baselines: whether each is beaten; empty where no validation case has both contrasts.
        parts: of the unpaired score, which chose the weights then.

    >>> standing({}, {"tissue_statistics": 0.934, "cycle": 0.8})
    'not measurable without pairs; chosen by tissue statistics 0.93, cycle 0.80'
    """
    if baselines:
        return sentence(baselines)
    chosen = [f"{WORDS[name]} {value:.2f}" for name, value in parts.items() if name in WEIGHTS]
    return "; ".join([NOT_MEASURABLE, *([f"chosen by {', '.join(chosen)}"] if chosen else [])])
