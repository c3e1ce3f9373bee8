"""Which slices a step sees. Choosing is apart from reading, so that a draw can be repeated, recorded and tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hifisyn.plans import Plans
from hifisyn.training.source import BATCHES, contrasts_of_step
from hifisyn.training.training_cases import TrainingCases


@dataclass(frozen=True)
class Draw:
    """One training image: a window of a slice of a case, perhaps mirrored."""

    case: str
    subject: str
    index: int
    row: int
    column: int
    mirrored: bool


def draw_step(cohort: TrainingCases, plans: Plans, seed: int, iteration: int, rank: int = 0) -> dict[str, list[Draw]]:
    """Choose the images of a step, `optimisation.batch_size` of each of its two contrasts.

    A pure function of its arguments. No subject is drawn for both contrasts, nor twice while there are others.
    With `batches.pairing` position the k-th images of both are of like height, and cut and mirrored alike.
    """
    rng = np.random.default_rng([seed, iteration, rank, BATCHES])
    first, second = contrasts_of_step(cohort.domains, seed, iteration)
    count = plans.optimisation.batch_size
    pools = disjoint_pools(sorted(cohort.cases[first]), sorted(cohort.cases[second]), count, rng)
    drawn = {
        contrast: [
            _draw(cohort.cases[contrast][str(subject)], str(subject), cohort, plans, rng)
            for subject in np.resize(rng.permutation(pool), count)
        ]
        for contrast, pool in zip((first, second), pools, strict=True)
    }
    if plans.batches.pairing == "position":
        slack = plans.batches.position_slack
        partners = zip(drawn[first], drawn[second], strict=True)
        drawn[second] = [_like(draw, other, cohort.slices, slack, rng) for draw, other in partners]
    return drawn


def disjoint_pools(
    first: Sequence[str], second: Sequence[str], count: int, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Part the subjects so that none is in both pools, and both hold `count` if there are enough.

    Subjects with one modality stay where they are. Those with both are dealt out at random, half to each pool,
    shifted where a pool would be short.
    """
    both = sorted(set(first) & set(second))
    only_first, only_second = sorted(set(first) - set(both)), sorted(set(second) - set(both))
    least, most = count - len(only_first), len(both) - (count - len(only_second))
    share = (len(both) + int(rng.integers(2))) // 2
    if least <= most:
        share = min(max(share, least), most)
    else:
        share = (len(both) + len(only_second) - len(only_first) + int(rng.integers(2))) // 2
    share = min(max(share, 0), len(both))
    dealt = [str(subject) for subject in rng.permutation(both)]
    return only_first + dealt[:share], only_second + dealt[share:]


def draw_paired(cohort: TrainingCases, plans: Plans, seed: int, iteration: int, rank: int = 0) -> dict[str, list[Draw]]:
    """Choose the images of a step as `draw_step` does, but each of a case that has both contrasts, at the same place.

    The contrasts of a step are two of which some case has both.
    """
    rng = np.random.default_rng([seed, iteration, rank, BATCHES])
    contrasts = contrasts_of_step(cohort.domains, seed, iteration)
    while not (both := cohort.both(*contrasts)):
        iteration += 1
        contrasts = contrasts_of_step(cohort.domains, seed, iteration)
    chosen = np.resize(rng.permutation(sorted(both)), plans.optimisation.batch_size)
    drawn = [_draw(both[str(subject)], str(subject), cohort, plans, rng) for subject in chosen]
    return dict.fromkeys(contrasts, drawn)


def _draw(cases: Sequence[str], subject: str, cohort: TrainingCases, plans: Plans, rng: np.random.Generator) -> Draw:
    case = cases[int(rng.integers(len(cases)))]
    room = plans.slices.size - plans.slices.crop + 1
    index, row, column = (int(rng.integers(n)) for n in (cohort.slices[case], room, room))
    mirrored = bool(rng.integers(2)) and plans.batches.flip
    return Draw(case, subject, index, row, column, mirrored)


def _like(draw: Draw, other: Draw, slices: Mapping[str, int], slack: int, rng: np.random.Generator) -> Draw:
    """Return the image of `other` at the height of `draw`, give or take `slack` slices, in the same window.

    Slices are evenly spread over the brain, so that equal shares of their number are like heights.
    """
    last = slices[other.case] - 1
    share = draw.index / max(slices[draw.case] - 1, 1)
    index = round(share * last) + int(rng.integers(-slack, slack + 1))
    return replace(draw, case=other.case, subject=other.subject, index=min(max(index, 0), last))
