"""The data card as a page to read: data_card.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import heads
from hifisyn.tables.markdown import markdown

HOW = """\
Every image is the brain alone, on the grid of its case's label map, and 0 outside. Label maps were not resampled: a
copy has the label map of its case, voxel by voxel. Real scans keep their values inside the brain; those on another grid
were registered and interpolated. `cases/CASE.json` tells what was done to a case, and the JSON file beside each
synthetic channel how it was generated. Segment scans prepared in the same way: the brain alone.
"""
FOLDS = """\
`splits_final.json` keeps all images of a subject on one side and validates on real images alone. Copy it into the data
set's folder of `nnUNet_preprocessed` before training: nnU-Net's own folds would put copies of a validation subject
among the training images, and its fold `all` heeds no list.
"""
LIMITS = """\
- For research. A synthetic image can lack what the label map outlines, or show something that it does not: then the
  label is wrong for it. Wrong sign, above, counts the cases in which a label is darker than the rest of the brain where
  it is brighter in the real scan, or the other way round.
- Copies add the look of a contrast, not anatomy: there are as many people as before.
- Whether they help is not known until it is measured, on real images of other people: train with them and without.
  With a trained model `hifisyn_downstream_eval --task augment` does so.
- A model that learnt from scans of these people, or of a test set, may flatter what is measured on them.
- The correlations above tell how alike the images are, not how good a segmentation will be.
"""


def page(facts: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        facts: of `data_card.facts`.
    """
    data = facts["data_set"]
    about = [f"- {key}: {' '.join(str(value).split())}" for key, value in data.items() if key != "name"]
    parts = [
        f"# Data card: {data['name']} with synthetic {', '.join(facts['synthetic_channels'])}\n",
        f"{facts['real_images']} real and {facts['synthetic_images']} synthetic images of "
        f"{facts['subjects']} subjects, "
        f"by hifisyn {facts['hifisyn']}:\n\n    {facts['command']}\n",
        "## From whom\n",
        "\n".join([f"Training cases with a label map of the data set {data['name']}.", "", *about]).rstrip() + "\n",
        _left_out(facts),
        "## How\n",
        _channels(facts),
        HOW,
        "## By which model\n",
        _models(facts["models"]),
        "## Measures\n",
        _measures(facts),
        "## Folds\n",
        FOLDS,
        _groups(facts),
        "## Limits\n",
        LIMITS,
    ]
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return markdown("", "", heads(*head), [[Cell(str(value)) for value in row] for row in rows])


def _left_out(facts: Mapping[str, Any]) -> str:
    lines = [f"- {case}: {why}" for case, why in facts["left_out"].items()]
    for case, channels in facts["channels_left_out"].items():
        lines += [f"- {contrast} of {case}: {why}" for contrast, why in channels.items()]
    return "\n".join(["Left out:", "", *lines, ""]) if lines else ""


def _channels(facts: Mapping[str, Any]) -> str:
    named = ", ".join(f"{number} is {contrast}" for number, contrast in enumerate(facts["channels"]))
    return f"Channel {named}. Synthetic in copies: {', '.join(facts['synthetic_channels'])}.\n"


def _models(models: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [one["target"], _given(one["from"]), one["model"], one["method"], one["trained_on"], one["sha256"]]
        for one in models
    ]
    return _table(("contrast", "from (cases)", "model", "method", "learnt from", "SHA-256 of the weights"), rows)


def _given(cases: Mapping[str, int]) -> str:
    return "; ".join(f"{given} ({count})" for given, count in cases.items())


def _measures(facts: Mapping[str, Any]) -> str:
    lines = []
    for target, found in facts["agreement"].items():
        spread = found["correlation"]
        if spread is None:
            lines.append(f"No case has a real {target} to compare the synthetic one with.\n")
            continue
        lines.append(
            f"Correlation of synthetic and real {target} in the brain, {found['cases']} cases: mean {spread['mean']}, "
            f"from {spread['lowest']} to {spread['highest']}. Contrast of each label, its mean minus that of the rest "
            "of the brain, in standard deviations, median over the cases:\n"
        )
        rows = [
            [name, one["cases"], one["real"], one["synthetic"], one["wrong_sign"]]
            for name, one in found["contrast"].items()
        ]
        lines.append(_table(("label", "cases", "real", "synthetic", "wrong sign"), rows))
    most = f"{facts['labels_outside_brain']:.1%}"
    return "\n".join(
        [*lines, f"Of the labelled voxels of a case at most {most} lie outside the brain that was found.\n"]
    )


def _groups(facts: Mapping[str, Any]) -> str:
    if not facts["balance"]:
        return ""
    rows = [[name, *counts.values()] for name, counts in facts["groups"].items()]
    table = _table((facts["balance"], "real", "synthetic", "drawn from in fold 0"), rows)
    return (
        f"Balanced by {facts['balance']}: in each fold's list of training images every group stands equally often; "
        f"images of smaller groups stand there up to {facts['most_repeated']} times.\n\n{table}"
    )
