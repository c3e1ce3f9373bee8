"""What an augmented set shall hold, checked before anything is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hifisyn.augmentation.copies import MARK
from hifisyn.augmentation.groups import Balance, by_label, by_site, held_labels
from hifisyn.dataset import Case, Dataset
from hifisyn.errors import UserError
from hifisyn.paths import DATASET_JSON
from hifisyn.synthetic_mark import is_synthetic


@dataclass(frozen=True)
class Request:
    """What an augmented set shall hold.

    Attributes:
        folder: of the raw data set.
        dataset: that it holds.
        channels: contrast of each of nnU-Net's channels.
        targets: those of them that copies have synthetic.
        cases: labelled training cases.
        left_out: other training cases, and why.
        balance: by what folds are balanced, or none.
        groups: case to group, where they are.
    """

    folder: Path
    dataset: Dataset
    channels: tuple[str, ...]
    targets: tuple[str, ...]
    cases: Mapping[str, Case]
    left_out: Mapping[str, str]
    balance: Balance | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, folder: Path, targets: Sequence[str], channels: Sequence[str] = (), balance: Balance | str | None = None
    ) -> "Request":
        """Read a raw data set and check what is asked of it.

        Args:
            folder: of the data set.
            targets: contrasts to synthesise, as models spell them.
            channels: contrasts of the channels; none: the targets.
            balance: "site", "label" or none.

        Raises:
            UserError: it is no data set with labels, or cannot give what is asked.
        """
        if not (folder / DATASET_JSON).is_file():
            what = f"--augment needs a raw data set: {folder} must hold {DATASET_JSON}"
            raise UserError(what, hint="make one with hifisyn_convert_dataset")
        dataset = Dataset.load(folder)
        _check_labels(dataset)
        chosen = _channels(dataset, targets, channels)
        cases, left_out = _usable(dataset)
        if not any(set(chosen) <= set(case.images) for case in cases.values()):
            what = f"a labelled training case must have {' and '.join(chosen)}, since folds validate on real images"
            raise UserError(what, got=f"none of {len(cases)}", hint="choose other --nnunet-channels or --target")
        plain = cls(folder, dataset, chosen, tuple(dict.fromkeys(targets)), cases, left_out)
        return replace(plain, balance=Balance(balance), groups=_groups(plain, Balance(balance))) if balance else plain


def _check_labels(dataset: Dataset) -> None:
    values = sorted(dataset.labels.values())
    if values != list(range(len(values))) or len(values) < 2:
        raise UserError(
            "nnU-Net needs the labels 0, 1, 2, ... without a gap, and one beside the background",
            got=", ".join(f"{name} {value}" for name, value in dataset.labels.items()),
            hint="convert the data set again with hifisyn_convert_dataset nnunet",
        )


def _channels(dataset: Dataset, targets: Sequence[str], channels: Sequence[str]) -> tuple[str, ...]:
    if not targets:
        hint = f"add --target, of {', '.join(dataset.modalities)}"
        raise UserError("--augment needs the contrast that copies have synthetic", hint=hint)
    known = {contrast.lower(): contrast for contrast in (*dataset.modalities, *targets)}
    if strange := [channel for channel in channels if channel.lower() not in known]:
        hint = f"choose of {', '.join(dataset.modalities)}"
        raise UserError("--nnunet-channels must be contrasts of the data set", got=", ".join(strange), hint=hint)
    chosen = tuple(dict.fromkeys(known[channel.lower()] for channel in channels or targets))
    if missing := [target for target in targets if target not in chosen]:
        got = f"{', '.join(chosen)} without {', '.join(missing)}"
        raise UserError(
            "--nnunet-channels must hold every --target", got=got, hint="add it, or leave --nnunet-channels out"
        )
    return chosen


def _usable(dataset: Dataset) -> tuple[dict[str, Case], dict[str, str]]:
    """Return the labelled training cases, without scans that are synthetic themselves, and why others are left out."""
    cases: dict[str, Case] = {}
    left_out: dict[str, str] = {}
    for name, case in dataset.cases.items():
        scans = {contrast: file for contrast, file in case.images.items() if not is_synthetic(file)}
        if case.label is None:
            left_out[name] = "no label map"
        elif MARK in name or not scans:
            left_out[name] = "synthetic"
        else:
            cases[name] = replace(case, images=scans)
    if not cases:
        raise UserError(f"data set {dataset.name} must have a labelled training case", got="none", hint="add labelsTr")
    return cases, left_out


def _groups(request: Request, balance: Balance) -> dict[str, str]:
    if balance is Balance.SITE:
        return by_site({name: case.subject for name, case in request.cases.items()}, request.dataset.sites)
    maps = {name: case.label for name, case in request.cases.items() if case.label is not None}
    return by_label({name: held_labels(file, request.dataset.labels) for name, file in maps.items()})
