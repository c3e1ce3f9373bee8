"""What a training is refused for before anything is read or written: its contrasts, slices and batches."""

from collections.abc import Sequence

from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.settings import flat
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import method_name

CROP = "slices.crop"  # a window of the stored slices, which may be chosen at any time


def chosen_domains(wanted: Sequence[str], plans: Plans, trainer: type[Trainer]) -> tuple[str, ...]:
    """Return contrasts as the data set spells them, sorted.

    Raises:
        UserError: one is not there or is named twice, there are fewer than two, or more than the method takes.
    """
    known = {m.lower(): m for m in plans.modalities}
    found = [known.get(m.lower()) for m in wanted]
    if None in found or len(found) < 2 or len(set(found)) != len(found):
        raise UserError(
            f"wanted two or more different modalities of {plans.dataset} ({', '.join(plans.modalities)}), "
            f"found {', '.join(wanted)}"
        )
    most = trainer.NEEDS.most_domains
    if most is not None and len(found) > most:
        raise UserError(
            f"{method_name(plans.method)}: wanted {most} contrasts in a training, found {len(found)}; train each "
            "pair by itself, or a method that takes several, such as HiFiSyn"
        )
    return tuple(sorted(m for m in found if m))


def refuse_other_slices(base: Plans, plans: Plans) -> None:
    """See that slices are as they were cut: else prediction would prepare scans in another way than training saw them.

    Raises:
        UserError: they are not.
    """
    before, after = (flat(p.model_dump(mode="json", include={"slices", "preprocessing"})) for p in (base, plans))
    different = [key for key in before if key != CROP and before[key] != after[key]]
    if different:
        key = different[0]
        raise UserError(
            f"--set: wanted {key} {before[key]}, by which the slices were cut, found {after[key]}; make other slices "
            f"with hifisyn_plan_and_preprocess -d {plans.dataset} --set {key}={after[key]} --plans-name NAME"
        )


def refuse_shares(plans: Plans, trainer: type[Trainer]) -> None:
    """See that a method learns from every kind of batch that has a share.

    Raises:
        UserError: it does not.
    """
    others = [kind for kind, share in plans.batches.shares.items() if share > 0 and kind not in trainer.NEEDS.batches]
    if others:
        raise UserError(
            f"batches.shares: wanted batches that {method_name(plans.method)} learns from "
            f"({', '.join(trainer.NEEDS.batches)}), found {', '.join(others)}; edit the value"
        )
