"""Which slices a reader looks for lesions on, and in which order: with and without lesion, real and synthetic.

Every slice is shown once by every candidate, the real scan among them. The study is read in blocks: a block shows each
slice once, and the candidates in it evenly, by Latin squares. Slices of the first half of a block are in the first half
of each, so that a slice comes again after half as many images as there are slices, or more.
"""

from collections.abc import Sequence

import numpy as np

from hifisyn.errors import UserError
from hifisyn.reader_study.design import Trial, View, latin_rows


def draw_both_kinds(
    brain: np.ndarray, lesion: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Draw slices of a case with a lesion, and slices without.

    Args:
        brain: (S,) pixels of brain.
        lesion: (S,) pixels of lesion.
        count: slices of each kind, where the case has as many.
        rng: where chance comes from.

    Returns:
        Slice numbers in rising order, of slices with at least half as much brain as the fullest. Those with a lesion
        hold at least half as much of it as the one with most; those without have none on either side either.
    """
    much = (brain >= brain.max() / 2) & (brain > 0)
    most = lesion[much].max(initial=0)
    within = np.flatnonzero(much & (lesion > 0) & (lesion >= most / 2))
    near = np.convolve(lesion > 0, np.ones(3), mode="same") > 0
    without = np.flatnonzero(much & ~near)
    return _draw(within, count, rng), _draw(without, count, rng)


def _draw(usable: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    return sorted(int(index) for index in rng.choice(usable, min(count, len(usable)), replace=False))


def arrange_looks(views: Sequence[View], candidates: Sequence[str], rng: np.random.Generator) -> list[Trial]:
    """Return every view by every candidate, one a trial, in the order of reading.

    Raises:
        UserError: there are fewer than two candidates.
    """
    if len(candidates) < 2:
        raise UserError("a study must compare at least 2 candidates", got=len(candidates), hint="evaluate a model")
    rows = latin_rows(len(views), len(candidates), rng)
    order = rng.permutation(len(views))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    looks = []
    for block in range(len(candidates)):
        for half in halves:
            looks += [Trial(views[n], (candidates[rows[n][block]],)) for n in rng.permutation(half)]
    return looks
