"""How much SSIM it costs to choose the best weights without pairs: trains, then reads both scores of every epoch.

usage: measure.py DATASET CONTRAST CONTRAST [--methods HiFiSyn CycleGAN] [--folds 0] [--epochs 16] [--iterations 12]

The data set is preprocessed and its validation cases hold pairs (roots as for `hifisyn_train`). SSIM is that in the
brain on the validation slices, mean over both directions; what the pairs choose is its highest, so that no choice can
win. A training that is there is read, not repeated.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import hifisyn
from hifisyn.training import checkpoint
from hifisyn.training.chosen_by import SSIM
from hifisyn.training.numbers import by_direction
from hifisyn.training.request import Request, look_up
from hifisyn.training.unpaired_score import SCORE, WEIGHTS, unpaired_score


def scores(folder: Path) -> pd.DataFrame:
    """Return SSIM, the unpaired score and its parts by epoch, mean over directions; the score is that of today."""
    rows = pd.read_csv(folder / "metrics.csv")
    names = (SSIM, *WEIGHTS)
    found = pd.DataFrame({name: rows.filter(regex=f"^[^/]*_to_[^/]*/{name}$").mean(axis=1) for name in names})
    parts = [by_direction(row) for row in rows.to_dict("records")]
    known = [[{p: own[p] for p in WEIGHTS if p in own} for own in directions.values()] for directions in parts]
    return found.assign(**{SCORE: [float(np.mean([unpaired_score(own) for own in epoch])) for epoch in known]})


def compare(found: pd.DataFrame) -> dict[str, float]:
    """Return what pairs choose, what is chosen without them, and what that costs; beside it other ways to choose."""
    ssim = found[SSIM].to_numpy()
    chosen = int(found[SCORE].argmax())
    lost = {
        "lost": ssim.max() - ssim[chosen],
        "newest lost": ssim.max() - ssim[-1],
        "mean epoch lost": ssim.max() - ssim.mean(),
    }
    parts = {f"{part} lost": ssim.max() - ssim[int(found[part].argmax())] for part in WEIGHTS if part in found}
    rank = float(found[SSIM].corr(found[SCORE], method="spearman"))
    at = {"epochs": len(ssim), "pairs": ssim.max(), "its epoch": int(ssim.argmax()) + 1}
    return at | {"unpaired": ssim[chosen], "at epoch": chosen + 1} | lost | parts | {"rank correlation": rank}


def main() -> int:
    """Train and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("contrasts", nargs=2)
    parser.add_argument("--methods", nargs="+", default=["HiFiSyn", "CycleGAN"])
    parser.add_argument("--folds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=12)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    rows = {}
    for method in given.methods:
        for fold in given.folds:
            folder = trained(given, method, fold)
            rows[f"{given.dataset} {method} fold {fold}"] = compare(scores(folder))
            print(pd.DataFrame(rows).T.round(4).to_string(), flush=True)
    print("mean lost", round(float(np.mean([row["lost"] for row in rows.values()])), 4))
    return 0


def trained(given: argparse.Namespace, method: str, fold: int) -> Path:
    """Return the folder of a training of one fold; it is done if it is not there."""
    length = (f"length.iterations={given.iterations}",)
    request = Request(given.dataset, tuple(given.contrasts), fold, method, assignments=length, epochs=given.epochs)
    folder = look_up(request)[0].folder
    if not (folder / checkpoint.FINAL).exists():
        arguments = {"epochs": given.epochs, "iterations": given.iterations, "device": "cpu", "force_long": True}
        resume = (folder / checkpoint.LATEST).exists()
        hifisyn.train(given.dataset, given.contrasts, fold, method=method, resume=resume, **arguments)
    return folder


if __name__ == "__main__":
    sys.exit(main())
