"""Evaluated models that were never trained, and readers that never read, for the tests of reader studies."""

import json

import numpy as np
from scipy.ndimage import gaussian_filter

from hifisyn.evaluation import synthetic_slices
from hifisyn.files import write_json, write_text
from hifisyn.paths import Roots
from hifisyn.plans import Plans
from hifisyn.reader_study import key as keys
from hifisyn.slices import SliceStore

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "tumour": 4}
MODELS = ("CycleGAN__plans__2d", "HiFiSyn__plans__2d", "HiFiSyn__plans__2d__sgd=0")
TITLES = ("CycleGAN", "HiFiSyn", "HiFiSyn without SGD")
SIZE, SLICES, LESION = 64, 8, (3, 4)


def study_roots(home, cases=8, models=MODELS, pair=("T1", "FLAIR"), subject_of=None) -> Roots:
    """Write slices of `cases` cases with a tumour on slices 3 and 4, and what each model generated from them."""
    roots = Roots(home / "raw", home / "pre", home / "res")
    content = {
        "dataset": "TOY",
        "modalities": list(pair),
        "labels": LABELS,
        "slices": {"size": SIZE, "crop": SIZE},
    }
    plans = Plans.checked(content, "toy")
    plans.save(roots.preprocessed / "TOY" / "plans.json")
    store = SliceStore(roots.preprocessed / "TOY" / "plans_2d")
    folders = [roots.results / "TOY" / "_".join(sorted(pair)) / name for name in models]
    names = [f"patient{number:02d}" for number in range(cases)]
    for number, case in enumerate(names):
        _case(store, case, np.random.default_rng(number), pair, folders)
    for folder in folders:
        plans.save(folder / "plans.json")
        write_json(folder / "config.json", {"method": folder.name.split("__")[0], "domains": list(pair)})
        write_text(folder / "fold_0" / "checkpoint_best.pt", "")
        rows = [f"{case},{(subject_of or {}).get(case, case)}" for case in names]
        write_text(evaluation(folder) / "subjects.csv", "\n".join(["case,subject", *rows, ""]))
        write_json(evaluation(folder) / "summary.json", {"asked": {"weights": f"weights of {folder.name}"}})
    return roots


def evaluation(folder):
    return folder / "fold_0" / "evaluation_test"


def _case(store, case, rng, pair, folders):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    radius = SIZE * np.array([0.15, 0.3, 0.4, 0.42, 0.42, 0.4, 0.33, 0.2])
    brain = np.stack([np.hypot(y / 1.1, x) < r for r in radius])
    tumour = np.zeros_like(brain)
    tumour[LESION, 20:30, 34:46] = True
    anatomy = gaussian_filter(rng.normal(size=brain.shape), (1, 3, 3))
    anatomy = np.clip(0.25 * anatomy / anatomy.std(), -0.9, 0.9)
    first = np.where(brain, anatomy, -1)
    second = np.where(brain, np.where(tumour, 0.9, -0.6 * anatomy), -1)
    store.write(case, dict(zip(pair, (first, second), strict=True)), brain, np.where(tumour, 4, 3 * brain), {})
    for source, target, truth in ((*pair, second), (*pair[::-1], first)):
        for worse, folder in enumerate(folders):
            synthetic = gaussian_filter(truth, (0, 0.8 * worse, 0.8 * worse)) + rng.normal(scale=0.05, size=truth.shape)
            synthetic = np.where(brain, np.clip(synthetic, -1, 1), -1)
            synthetic_slices.write(evaluation(folder), case, source, target, synthetic)


def answer_file(path, study, name, rank, *, leave_out=(), years=5.0):
    """Write what a reader would export: `rank(question, trial, image, candidate)` gives each rank."""
    key = keys.read_key(study / "key" / "key.json")
    trials = {}
    for trial, shown in key.trials.items():
        if trial in leave_out:
            continue
        ranks = {
            question: {image: rank(question, trial, image, model) for image, model in shown.images.items()}
            for question in ("structure", "diagnostic")
        }
        trials[trial] = {"comment": "", "seconds": {"structure": 20.0, "diagnostic": 10.0}, "ranks": ranks}
    content = {"format": 1, "study": key.study, "reader": {"name": name, "years": years}, "trials": trials}
    path.write_text(json.dumps(content))
    return path
