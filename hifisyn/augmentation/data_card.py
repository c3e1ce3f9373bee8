"""The data card of an augmented set: how it was made, from whom, by which model, with which measures and limits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from hifisyn.augmentation.copies import Copy
from hifisyn.dataset import Dataset

NO_GROUP = "not known"


@dataclass(frozen=True)
class Made:
    """A set that was made.

    Attributes:
        dataset: that it is of.
        channels, targets: contrasts.
        images: all, in their order.
        records: of the cases, as in cases/CASE.json.
        folds: as in splits_final.json.
        groups: case to group; none: not balanced.
        balance: what the groups are.
        left_out: case to why it is not in the set.
        command: as typed.
    """

    dataset: Dataset
    channels: tuple[str, ...]
    targets: tuple[str, ...]
    images: Sequence[Copy]
    records: Mapping[str, Mapping[str, Any]]
    folds: Sequence[Mapping[str, Sequence[str]]]
    groups: Mapping[str, str]
    balance: str | None
    left_out: Mapping[str, str]
    command: str


def facts(made: Made) -> dict[str, Any]:
    """Return the content of data_card.json: plain data."""
    return {
        "hifisyn": version("hifisyn"),
        "command": made.command,
        "data_set": {"name": made.dataset.name, **made.dataset.about},
        "subjects": len({image.subject for image in made.images}),
        "channels": list(made.channels),
        "synthetic_channels": list(made.targets),
        "labels": made.dataset.labels,
        "real_images": sum(not image.synthetic for image in made.images),
        "synthetic_images": sum(image.synthetic for image in made.images),
        "balance": made.balance,
        "groups": _groups(made),
        "most_repeated": max((max(Counter(fold["train"]).values(), default=0) for fold in made.folds), default=0),
        "folds": [{"train": len(fold["train"]), "val": len(fold["val"])} for fold in made.folds],
        "models": _models(made),
        "agreement": {target: _agreement(target, made) for target in made.targets},
        "labels_outside_brain": max((record["labels_outside_brain"] for record in made.records.values()), default=0),
        "channels_left_out": {case: r["left_out"] for case, r in made.records.items() if r["left_out"]},
        "left_out": dict(made.left_out),
    }


def _groups(made: Made) -> dict[str, dict[str, int]]:
    """Return group to images in the set, and to entries of the first fold's list of training images."""
    if not made.balance:
        return {}
    group = {image.name: made.groups.get(image.case, NO_GROUP) for image in made.images}
    listed = Counter(group[name] for name in (made.folds[0]["train"] if made.folds else ()))
    found = {}
    for name in sorted(set(group.values())):
        here = [image for image in made.images if group[image.name] == name]
        real = sum(not image.synthetic for image in here)
        found[name] = {"real": real, "synthetic": len(here) - real, "drawn_from_in_fold_0": listed[name]}
    return found


def _models(made: Made) -> list[dict[str, Any]]:
    """Return each model with the contrasts that it made, how often and from what."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for record in made.records.values():
        for target, model in record["models"].items():
            key = (target, *(str(model.get(part, "")) for part in ("Model", "Method", "TrainedOn", "CheckpointSHA256")))
            given = model.get("GivenModalities") or [model["SourceModality"]]
            found.setdefault(key, Counter())[", ".join(given)] += 1
    names = ("target", "model", "method", "trained_on", "sha256")
    return [dict(zip(names, key, strict=True)) | {"from": dict(given)} for key, given in sorted(found.items())]


def _agreement(target: str, made: Made) -> dict[str, Any]:
    """Return the measures of a synthetic contrast over the cases that have it really."""
    here = [record["agreement"][target] for record in made.records.values() if target in record["agreement"]]
    correlations = [one["correlation"] for one in here if one["correlation"] is not None]
    labels = dict.fromkeys(name for one in here for name in one["contrast"])
    return {
        "cases": len(correlations),
        "correlation": _spread(correlations),
        "contrast": {
            name: _contrast([one["contrast"][name] for one in here if name in one["contrast"]]) for name in labels
        },
    }


def _contrast(pairs: Sequence[Sequence[float]]) -> dict[str, float | int]:
    real, synthetic = np.array(pairs).T
    return {
        "cases": len(pairs),
        "real": round(float(np.median(real)), 3),
        "synthetic": round(float(np.median(synthetic)), 3),
        "wrong_sign": int((real * synthetic < 0).sum()),
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"mean": round(float(np.mean(values)), 3), "lowest": round(min(values), 3), "highest": round(max(values), 3)}
