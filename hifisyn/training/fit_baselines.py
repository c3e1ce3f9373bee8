"""The baselines of a direction, fitted on training cases."""

from collections.abc import Sequence

from hifisyn import baselines
from hifisyn.errors import UserError
from hifisyn.paths import SPLITS_JSON
from hifisyn.slices import SliceStore


def fit_baselines(store: SliceStore, training: Sequence[str], source: str, target: str) -> baselines.Baselines:
    """Fit the baselines of one direction on training cases; those with both contrasts serve the look-up table.

    Raises:
        UserError: no training case has the target.
    """
    has = {case: store.paired(case) for case in training}
    having = [case for case in training if target in has[case]]
    if not having:
        raise UserError(f"{store.folder} has no training case with {target}", hint=f"check {SPLITS_JSON}")
    both = [case for case in having if source in has[case]]
    return baselines.fit(
        ((store.image(case, target), store.brain(case)) for case in having),
        ((store.image(case, source), store.image(case, target), store.brain(case)) for case in both),
    )
