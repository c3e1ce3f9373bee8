"""A small data set with two trained models, an evaluation of each, and what downstream tasks and an ablation leave."""

from dataclasses import asdict

import numpy as np
import pandas as pd
from PIL import Image

from hifisyn.cli.train import main as train
from hifisyn.evaluation import of_model
from hifisyn.evaluation.measures import MEASURES
from hifisyn.files import write_json
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool
from hifisyn.training import logbook, loop, summary
from tests.support.training_toys import LABELS, toy_dataset

TOY = ["-tr", "tests.support.training_toys:Toy", "--epochs", "2", "--iterations", "4", "--device", "cpu"]
MODELS = ("Toy iterations=4", "Toy iterations=4 seed=1")
TEST = ("c0", "c1", "c2")


def without_pictures(monkeypatch):
    """Draw nothing in training, which would take longer than the training."""
    monkeypatch.setattr(loop, "write_sheets", lambda *args: None)
    monkeypatch.setattr(summary, "write_sheets", lambda *args: None)
    monkeypatch.setattr(logbook, "draw", lambda *args: None)


def write_dataset(home, private=False):
    """Write the preprocessed data set TOY with three held-out subjects; return the roots."""
    roots = toy_dataset(home)
    folder = roots.preprocessed / "TOY"
    cases = [f"c{i}" for i in range(8)]
    folds = [{"train": cases[3:6], "val": cases[6:]}]
    write_json(folder / "splits_final.json", {"test": list(TEST), "folds": folds})
    raw = {
        "name": "TOY",
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": LABELS,
        "subjects": {case: f"S{case[1:]}" for case in cases},
        "private": private,
        "dataset": {case: {"images": [f"/secret/{case}_T1.nii.gz", f"/secret/{case}_T2.nii.gz"]} for case in cases[3:]},
        "test": {case: {"images": [f"/secret/{case}_T1.nii.gz", f"/secret/{case}_T2.nii.gz"]} for case in cases[:3]},
    }
    for place in (folder, roots.raw / "TOY"):
        write_json(place / "dataset.json", raw)
    steps = {
        Stage.SKULL_STRIP: asdict(Step(Status.RAN, Tool.DEEPBET, "1.0.2")),
        Stage.BIAS: asdict(Step(Status.RAN, Tool.N4, "2.5", "on T1")),
        Stage.LABELS: asdict(Step(Status.RAN, Tool.ATROPOS, "0.6", "on T1")),
    }
    for case in cases:
        record = folder / "plans_2d" / f"{case}.json"
        write_json(record, pd.read_json(record, typ="series").to_dict() | {"steps": steps})
    return roots


def train_and_evaluate(roots, seeds=(0, 1)):
    """Train one toy a seed and evaluate it on the test subjects."""
    for seed in seeds:
        where = ["--raw", str(roots.raw), "--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
        assert train(["TOY", "T1", "T2", "fold0", *TOY, "--seed", str(seed), *where]) == 0
    for folder in sorted((roots.results / "TOY" / "T1_T2").iterdir()):
        of_model.evaluate_model(folder, roots.preprocessed, split="test", device="cpu")


def fold_folder(roots, seed=0):
    """Return the folder of the fold of one toy."""
    suffix = "" if seed == 0 else f"__seed={seed}"
    return roots.results / "TOY" / "T1_T2" / f"Toy__plans__2d__iterations=4{suffix}" / "fold_0"


def write_tasks(roots, tool="ANTs Atropos (antspyx 0.6)"):
    """Write what the three downstream tasks of the first model and an ablation leave."""
    rng = np.random.default_rng(0)
    base = fold_folder(roots) / "downstream_test"
    tissue = [f"{kind}_{name}" for kind in ("dice", "vs") for name in ("CSF", "GM", "WM")]
    for task, direction, comparisons, measures in (
        ("tissue", "T2_to_T1", ["synthetic vs real"], tissue),
        ("lesion", "T1_to_T2", ["real", "synthetic", "source"], ["dice", "dice_tumour"]),
        ("augment", "T2_to_T1", ["real", "real + synthetic"], ["dice", "dice_CSF"]),
    ):
        folder = base / task / direction
        folder.mkdir(parents=True)
        rows = [
            {"comparison": c, "case": case, "subject": f"S{case[1:]}"}
            | dict(zip(measures, rng.uniform(0.5, 1, len(measures)), strict=True))
            for c in comparisons
            for case in TEST
        ]
        pd.DataFrame(rows).to_csv(folder / "subjects.csv", index=False)
        of_tissue = {"program": "atropos", "tool": tool}
        settings = of_tissue if task == "tissue" else {"network": "nnU-Net 2.6", "tool": "nnU-Net 2.6"}
        settings = {"task": task, "split": "test"} | settings
        write_json(folder / "summary.json", {"settings": settings, "failures": {}, "versions": {"hifisyn": "0.1.0"}})
        Image.linear_gradient("L").save(folder / "c0.png")
    ablation = roots.results / "TOY" / "ablation_T1_T2_fold_0"
    ablation.mkdir()
    rows = [
        {"row": row, "seed": 0, "direction": direction, "case": case, "subject": f"S{case[1:]}"}
        | dict.fromkeys(MEASURES, 20.0 + shift + int(case[1:]))
        for shift, row in enumerate(("none", "all three"))
        for direction in ("T1 to T2", "T2 to T1")
        for case in TEST
    ]
    pd.DataFrame(rows).to_csv(ablation / "subjects.csv", index=False)
    write_json(ablation / "ablation.json", {"compared": {"split": "test", "checkpoint": "best"}})
