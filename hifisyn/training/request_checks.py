"""What a training is refused for before anything is read or written: its contrasts, slices and batches."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.settings import flat
from hifisyn.slices import EXTRACTED_BY, SliceStore
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import method_name

METHOD = "method"
CROP = "slices.crop"  # a window of the stored slices, which may be chosen at any time


def chosen_method(named: str | None, assignments: Sequence[str], planned: str) -> str:
    """Return which method is trained: the one that -tr names, else that of `--set method=NAME`, else the plans'.

    >>> chosen_method(None, ["lr=1e-3"], "MUNIT"), chosen_method(None, ["method=DRIT"], "MUNIT")
    ('MUNIT', 'DRIT')

    Raises:
        UserError: -tr and --set name different ones.
    """
    override_method = dict(_key_and_value(text) for text in assignments).get(METHOD)
    if named and override_method and named != override_method:
        raise UserError(f"--set method must be that of -tr, {named}", got=override_method, hint="leave one of them out")
    return named or override_method or planned


def chosen_domains(contrasts: Sequence[str], plans: Plans, trainer: type[Trainer]) -> tuple[str, ...]:
    """Return contrasts as the data set spells them, sorted.

    Raises:
        UserError: one is not there or is named twice, there are fewer than two, or others than the method takes.
    """
    known = {m.lower(): m for m in plans.modalities}
    domains = [known[m.lower()] for m in contrasts if m.lower() in known]
    if len(domains) < max(2, len(contrasts)) or len(set(domains)) < len(domains):
        raise UserError(
            f"contrasts must be two or more different ones of {plans.dataset} ({', '.join(plans.modalities)})",
            got=", ".join(contrasts),
        )
    most = trainer.NEEDS.most_domains
    if most is not None and len(domains) > most:
        raise UserError(
            f"contrasts of {method_name(plans.method)} must be {most} in a training",
            got=len(domains),
            hint="train each pair by itself, or a method that takes several, such as HiFiSyn",
        )
    if others := contrasts_not_taken(domains, trainer):
        raise UserError(
            f"contrasts of {method_name(plans.method)} must be among {', '.join(trainer.NEEDS.contrasts or ())}",
            got=", ".join(others),
            hint="choose another method, such as HiFiSyn",
        )
    return tuple(sorted(domains))


def contrasts_not_taken(domains: Sequence[str], trainer: type[Trainer]) -> list[str]:
    """Return the contrasts that a method cannot be trained on."""
    taken = trainer.NEEDS.contrasts
    return [] if taken is None else [contrast for contrast in domains if contrast not in taken]


def refuse_other_slices(base: Plans, plans: Plans) -> None:
    """Refuse --set of what slices were extracted by: prediction would prepare scans otherwise than training saw them.

    Raises:
        UserError: something of it is set.
    """
    for key, before, after in _changes(_slices_and_preprocessing(base), plans):
        raise UserError(
            f"--set {key} must be {before}, by which the slices were extracted",
            got=after,
            hint="extract other slices with "
            f"hifisyn_plan_and_preprocess -d {plans.dataset} --set {key}={after} -p NAME",
        )


def refuse_stale_slices(store: SliceStore, cases: Sequence[str], plans: Plans, command: str) -> None:
    """Refuse slices that were extracted by plans which were edited since.

    Args:
        store: the slices, whose records say by what they were extracted.
        cases: those to look at.
        plans: as they are now.
        command: that extracts the slices again.

    Raises:
        UserError: a value of the plans is another one.
    """
    for case in cases:
        for key, before, after in _changes(store.record(case).get(EXTRACTED_BY, {}), plans):
            raise UserError(
                f"{key} must be {before}, by which the slices of {case} were extracted",
                got=after,
                hint=f"put the value back, or extract the slices again with {command}",
            )


def preprocess_command(dataset: str, plans: str) -> str:
    """Return the command that extracts the slices of a data set by the plans of a name.

    >>> preprocess_command("IXI", "plans"), preprocess_command("IXI", "wide")
    ('hifisyn_plan_and_preprocess -d IXI', 'hifisyn_plan_and_preprocess -d IXI -p wide')
    """
    return f"hifisyn_plan_and_preprocess -d {dataset}" + (f" -p {plans}" if plans != "plans" else "")


def refuse_shares(plans: Plans, trainer: type[Trainer]) -> None:
    """Refuse shares of batches that a method does not learn from.

    Raises:
        UserError: there is such a share.
    """
    others = [kind for kind, share in plans.batches.shares.items() if share > 0 and kind not in trainer.NEEDS.batches]
    if others:
        raise UserError(
            f"batches.shares must name batches that {method_name(plans.method)} learns from "
            f"({', '.join(trainer.NEEDS.batches)})",
            got=", ".join(others),
            hint="edit the value",
        )


def _slices_and_preprocessing(plans: Plans) -> Mapping[str, Any]:
    return plans.model_dump(mode="json", include={"slices", "preprocessing"})


def _changes(before: Mapping[str, Any], plans: Plans) -> Iterator[tuple[str, Any, Any]]:
    """Yield key, earlier and present value of what plans now have otherwise; the crop may change at any time."""
    now = flat(_slices_and_preprocessing(plans))
    for key, value in flat(before).items():
        if key != CROP and now.get(key) != value:
            yield key, value, now.get(key)


def _key_and_value(assignment: str) -> tuple[str, str]:
    key, _, value = assignment.partition("=")
    return key.strip(), value.strip().strip("\"'")
