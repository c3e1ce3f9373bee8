"""Which slices a step sees. Choosing is apart from reading, so that a draw can be repeated, recorded and tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore

_BATCHES, _METHOD = 0, 1


@dataclass(frozen=True)
class Draw:
    """One training image: a window of a slice of a case, perhaps mirrored."""

    case: str
    subject: str
    index: int
    row: int
    column: int
    mirrored: bool


@dataclass(frozen=True)
class Cohort:
    """The training cases of a pair of modalities.

    Attributes:
        cases: modality to subject to the cases of that subject that have the modality.
        slices: case to its number of slices.
        labelled: the cases with a label map.
    """

    cases: dict[str, dict[str, tuple[str, ...]]]
    slices: dict[str, int]
    labelled: frozenset[str]

    @classmethod
    def read(
        cls, store: SliceStore, cases: Sequence[str], subjects: Mapping[str, str], pair: Sequence[str]
    ) -> "Cohort":
        """Look up what the store has of `cases`; `subjects` says whose they are, by default each its own.

        Raises:
            UserError: a modality of the pair is in no case, or all images are of one subject.
        """
        records = {case: store.record(case) for case in cases}
        by_modality: dict[str, dict[str, tuple[str, ...]]] = {m: {} for m in pair}
        for case in sorted(records):
            for modality in set(pair) & set(records[case]["modalities"]):
                subject = subjects.get(case, case)
                by_modality[modality][subject] = (*by_modality[modality].get(subject, ()), case)
        for modality, found in by_modality.items():
            if not found:
                there = sorted({m for record in records.values() for m in record["modalities"]})
                raise UserError(
                    f"wanted training cases with {modality}, found none among {len(records)}; "
                    f"they have {', '.join(there) or 'no modality'}; choose another pair or fold"
                )
        if len({subject for found in by_modality.values() for subject in found}) < 2:
            raise UserError(
                f"wanted at least two training subjects, one for {pair[0]} and another for {pair[1]}, found one; "
                "unpaired training never shows both contrasts of one subject in a step; add a subject or train fold all"
            )
        return cls(
            by_modality,
            {case: int(record["slices"]) for case, record in records.items()},
            frozenset(case for case, record in records.items() if record["labelled"]),
        )

    @property
    def subject_numbers(self) -> dict[str, int]:
        """Subject to a number, the same in every process."""
        everyone = sorted({subject for found in self.cases.values() for subject in found})
        return {subject: number for number, subject in enumerate(everyone)}


def step_seed(seed: int, iteration: int, rank: int) -> int:
    """Return the 63-bit seed of a method's random numbers in a step; independent of the draws' seed."""
    return int(np.random.SeedSequence([seed, iteration, rank, _METHOD]).generate_state(1, np.uint64)[0] >> 1)


def draw_step(cohort: Cohort, plans: Plans, seed: int, iteration: int, rank: int = 0) -> dict[str, list[Draw]]:
    """Choose the images of a step, `training.batch_size` of each modality.

    A pure function of its arguments. No subject is drawn for both modalities, nor twice while there are others.
    With `training.pairing` position the k-th images of both are of like height, and cut and mirrored alike.
    """
    rng = np.random.default_rng([seed, iteration, rank, _BATCHES])
    first, second = cohort.cases
    count = plans.training.batch_size
    pools = disjoint_pools(sorted(cohort.cases[first]), sorted(cohort.cases[second]), count, rng)
    drawn = {
        modality: [_draw(cohort, plans, modality, subject, rng) for subject in np.resize(rng.permutation(pool), count)]
        for modality, pool in zip((first, second), pools, strict=True)
    }
    if plans.training.pairing == "position":
        slack = plans.training.position_slack
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


def _draw(cohort: Cohort, plans: Plans, modality: str, subject: str, rng: np.random.Generator) -> Draw:
    cases = cohort.cases[modality][subject]
    case = cases[int(rng.integers(len(cases)))]
    room = plans.slices.size - plans.slices.crop + 1
    index, row, column = (int(rng.integers(n)) for n in (cohort.slices[case], room, room))
    mirrored = bool(rng.integers(2)) and plans.training.flip
    return Draw(case, str(subject), index, row, column, mirrored)


def _like(draw: Draw, other: Draw, slices: Mapping[str, int], slack: int, rng: np.random.Generator) -> Draw:
    """Return the image of `other` at the height of `draw`, give or take `slack` slices, in the same window.

    Slices are evenly spread over the brain, so that equal shares of their number are like heights.
    """
    last = slices[other.case] - 1
    share = draw.index / max(slices[draw.case] - 1, 1)
    index = round(share * last) + int(rng.integers(-slack, slack + 1))
    return replace(draw, case=other.case, subject=other.subject, index=min(max(index, 0), last))
