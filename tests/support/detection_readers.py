"""Readers who find lesions with a known probability, for the tests of studies of detection."""

import json

import numpy as np

from hifisyn.reader_study.detection_key import mask_of, read_detection_key


def answers_of(study, path, name, seed, *, sees, clears, places=1.0, leave_out=()):
    """Write what a reader would export.

    sees, clears: candidate to the probability to call a lesion that is there, and none where there is none; places:
    the probability that the cross is on the lesion.
    """
    key = read_detection_key(study / "key" / "key.json")
    rng = np.random.default_rng(seed)
    trials = {}
    for trial, shown in key.trials.items():
        called = rng.random() < (sees[shown.candidate] if shown.lesion else 1 - clears[shown.candidate])
        at = None
        if called:
            at = [0.01, 0.01]
            if shown.lesion and rng.random() < places:
                rows, columns = np.nonzero(mask_of(shown.lesion, shown.side))
                pick = rng.integers(len(rows))
                at = [(columns[pick] + 0.5) / shown.side, (rows[pick] + 0.5) / shown.side]
        if trial not in leave_out:
            trials[trial] = {"comment": "", "seconds": 9.0, "lesion": bool(called), "at": at}
    content = {"format": 1, "study": key.study, "reader": {"name": name, "years": 4}, "trials": trials}
    path.write_text(json.dumps(content))
    return path
