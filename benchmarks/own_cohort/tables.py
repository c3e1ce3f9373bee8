"""What was found, as tables and as a curve over the number of training subjects."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

KINDS = ("folds", "ms", "curve")
NUMBERS = ("psnr", "ssim", "correlation", "lesion_error")


def frame(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row a patient and direction; visits of a patient are averaged."""
    rows = [
        {key: one[key] for key in ("split", "way", "training", "seconds", "epoch", "steps")} | row
        for one in found
        for row in one["rows"]
    ]
    table = pd.DataFrame(rows)
    table["direction"] = table.source + " to " + table.target
    keys = ["split", "way", "training", "direction", "patient"]
    return table.groupby(keys, sort=False, as_index=False)[[*NUMBERS, "seconds", "epoch", "steps"]].mean()


def cells(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return PSNR / SSIM / correlation | error in lesions by some columns and way, directions beside each other."""
    means = table.groupby([*by, "way", "direction"], sort=False)[list(NUMBERS)].mean()
    text = means.apply(lambda r: f"{r.psnr:.1f} / {r.ssim:.3f} / {r.correlation:.3f} | {r.lesion_error:.3f}", axis=1)
    return text.unstack("direction")


def written(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the tables."""
    for kind, rows in found.items():
        if not rows:
            continue
        table = frame(rows)
        table["part"] = ["val" if "_val_" in patient else "train" for patient in table.patient]
        yield f"## {kind}: PSNR / SSIM / correlation in the brain | mean absolute error in lesions"
        if kind == "curve":
            yield cells(table, ["training"]).to_string()
        else:
            if kind == "folds":
                yield cells(table, ["split"]).to_string()
                yield cells(table, ["part"]).to_string()
            yield cells(table, []).to_string()
        cost = table.groupby(["way", "split"], sort=False)[["seconds", "epoch", "steps"]].first()
        yield cost.groupby("way", sort=False).agg(["min", "max"]).to_string()


def draw(found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw SSIM and correlation over the number of training subjects, the base model as a line."""
    if not found:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    table = frame(found)
    directions = list(dict.fromkeys(table.direction))
    figure, axes = pyplot.subplots(2, len(directions), figsize=(7.0, 5.2), sharex=True, squeeze=False)
    for column, direction in enumerate(directions):
        for row, measure in enumerate(("ssim", "correlation")):
            axis = axes[row][column]
            own = table[table.direction == direction].groupby(["way", "training"], sort=False)[measure].mean()
            for way in dict.fromkeys(own.index.get_level_values("way")):
                points = own[way].sort_index()
                base = way.startswith("base")
                style = {"color": "black", "linestyle": "--"} if base else {"marker": "o", "markersize": 4}
                axis.plot(points.index, points.to_numpy(), label=way, linewidth=1.5, **style)
            axis.set_xscale("log")
            axis.set_xticks([2, 3, 5, 10, 22], ["2", "3", "5", "10", "22"], minor=False)
            axis.minorticks_off()
            axis.grid(alpha=0.25)
            axis.set_title(direction if row == 0 else "")
            axis.set_ylabel({"ssim": "SSIM"}.get(measure, measure) if column == 0 else "")
            axis.set_xlabel("training subjects" if row == 1 else "")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path, dpi=130)
