"""A study of detection: what is drawn, what the key knows and the page does not, and readers of known sensitivity."""

# mypy: no-check-untyped-defs
import base64
import io
import json
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hifisyn.cli.reader_study import main
from hifisyn.directions import Direction
from hifisyn.reader_study.design import View
from hifisyn.reader_study.detection_answers import distance_mm
from hifisyn.reader_study.detection_design import arrange_looks, draw_both_kinds
from hifisyn.reader_study.detection_key import mask_of, read_detection_key, runs_of
from hifisyn.reader_study.images import bounding_square
from hifisyn.slices import SliceStore
from hifisyn.statistics.rates import wilson
from tests.support.detection_readers import answers_of
from tests.support.reader_study_toys import LESION, MODELS, study_roots

DIRECTION = ["--source", "T1", "--target", "FLAIR"]


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return study_roots(tmp_path_factory.mktemp("study"), cases=12)


def make(roots, folder, *options):
    places = ["--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
    return main(["make", "-d", "TOY", "--design", "detection", "-o", str(folder), *places, *options])


def content_of(folder):
    (content,) = re.findall(r'id="study">(.*?)</script>', (folder / "study.html").read_text())
    return json.loads(content)


def test_slices_of_both_kinds_have_much_brain_and_those_without_lesion_keep_off():
    brain = np.array([5, 60, 100, 90, 80, 70, 60, 50, 0])
    lesion = np.array([0, 0, 0, 4, 9, 2, 0, 0, 0])
    for seed in range(20):
        within, without = draw_both_kinds(brain, lesion, 5, np.random.default_rng(seed))
        assert within == [4]  # 4 pixels are under half of 9
        assert without == [1, 7]  # 2 and 6 are beside a lesion, 0 and 8 have little brain
    assert draw_both_kinds(brain, 0 * lesion, 2, np.random.default_rng(0))[0] == []


@pytest.mark.parametrize(("views", "candidates"), [(6, 2), (13, 4), (30, 5)])
def test_every_slice_comes_by_every_candidate_with_many_between(views, candidates):
    shown = [View(f"c{n}", 0, Direction("T1", "FLAIR")) for n in range(views)]
    names = [f"m{n}" for n in range(candidates)]
    looks = arrange_looks(shown, names, np.random.default_rng(3))
    assert Counter((look.view, look.candidates) for look in looks) == Counter(
        (view, (name,)) for view in shown for name in names
    )
    for start in range(0, len(looks), views):
        block = looks[start : start + views]
        assert {look.view for look in block} == set(shown)
        times = Counter(look.candidates for look in block)
        assert max(times.values()) - min(times.values()) <= 1
    at = {view: [n for n, look in enumerate(looks) if look.view == view] for view in shown}
    assert min(b - a for places in at.values() for a, b in pairwise(places)) > views // 2 - 1


def test_the_key_knows_where_lesions_lie_and_the_page_does_not(roots, tmp_path, capsys):
    assert make(roots, tmp_path, *DIRECTION) == 0
    key, page = read_detection_key(tmp_path / "key" / "key.json"), content_of(tmp_path)
    store = SliceStore(roots.preprocessed / "TOY" / "plans_2d")
    assert [trial["id"] for trial in page["trials"]] == list(key.trials)
    assert {frozenset(trial) for trial in page["trials"]} == {frozenset({"id", "target", "png"})}
    text = (tmp_path / "study.html").read_text()
    for trial in page["trials"]:
        text = text.replace(trial["png"], "")
    words = ("CycleGAN", "HiFiSyn", "sgd", "patient", "tumour", "fold_", str(roots.results))
    assert [word for word in words if word.lower() in text.lower()] == []
    assert set(key.candidates) == {*MODELS, "real"}
    kinds = Counter(bool(trial.lesion) for trial in key.trials.values())
    assert kinds == {True: 12 * 4, False: 12 * 4}
    for name, trial in key.trials.items():
        assert (trial.slice in LESION) == bool(trial.lesion)
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(page["trials"][int(name) - 1]["png"]))))
        assert picture.shape == (trial.side, trial.side)
        # the truth lies on the pixels of the picture: in FLAIR the toy's lesion is brighter than all else
        if trial.candidate == "real" and trial.lesion:
            assert np.array_equal(picture > 0.92 * 255, mask_of(trial.lesion, trial.side))
        row, column, side = bounding_square(store.brain(trial.case, trial.slice))
        label = store.label(trial.case)[trial.slice] == 4
        inside = label[max(row, 0) : row + side, max(column, 0) : column + side]
        assert mask_of(trial.lesion, trial.side).sum() == inside.sum()
    said = capsys.readouterr()
    assert "12 slices with a lesion and 12 without" in said.err
    assert "as a lesion counts: tumour" in said.err


def test_runs_say_a_mask_and_a_place_its_distance(roots, tmp_path):
    mask = np.random.default_rng(0).random((23, 23)) < 0.3
    assert np.array_equal(mask_of(runs_of(mask), 23), mask)
    make(roots, tmp_path, *DIRECTION)
    trial = next(t for t in read_detection_key(tmp_path / "key" / "key.json").trials.values() if t.lesion)
    lone = trial.model_copy(update={"side": 40, "lesion": ((20, 10, 12),)})
    assert distance_mm(lone, (11.5 / 40, 20.5 / 40), 2.0) == 0
    assert distance_mm(lone, (15.5 / 40, 24.5 / 40), 2.0) == pytest.approx(2 * 5)  # 3 across, 4 down
    assert distance_mm(lone, (1.0, 1.0), 2.0) > 0
    assert np.isnan(distance_mm(lone.model_copy(update={"lesion": ()}), (0.5, 0.5), 2.0))


def test_a_reader_of_known_answers_gets_their_rates(roots, tmp_path, capsys):
    make(roots, tmp_path, *DIRECTION, "--model", MODELS[1])
    always, never = {"real": 1.0, MODELS[1]: 1.0}, {"real": 1.0, MODELS[1]: 0.0}
    file = answers_of(tmp_path, tmp_path / "a.json", "AB", 0, sees=never, clears=always)
    assert main(["analyse", str(tmp_path), str(file)]) == 0
    rates = pd.read_csv(tmp_path / "analysis" / "detection.csv").set_index(["model", "measure"])
    assert rates.loc[("real", "sensitivity"), "rate"] == 1
    assert rates.loc[("real", "located"), "rate"] == 1
    assert rates.loc[(MODELS[1], "sensitivity"), "rate"] == 0
    assert (MODELS[1], "localisation") not in rates.index
    assert rates.loc[(MODELS[1], "specificity"), "rate"] == 1
    assert tuple(rates.loc[("real", "sensitivity"), ["low", "high"]]) == pytest.approx(wilson(1, 12))
    found = pd.read_csv(tmp_path / "analysis" / "differences.csv").set_index("measure")
    assert found.loc["sensitivity", "difference"] == -1
    assert found.loc["sensitivity", "p"] == pytest.approx(2 / 2**12)  # McNemar: 12 subjects, all one way
    assert found.loc["specificity", "p"] == 1
    out, err = capsys.readouterr()
    assert "Detection of lesions" in out
    assert "One reader" in err
    assert "a test can show a difference of 50%, where 6 subjects change" in " ".join(err.split())


@pytest.mark.slow
def test_readers_of_known_sensitivity_are_measured_and_the_intervals_hold_it(roots, tmp_path):
    make(roots, tmp_path, *DIRECTION, "--slices", "2")
    sees = {"real": 0.9, MODELS[0]: 0.4, MODELS[1]: 0.85, MODELS[2]: 0.6}
    clears = dict.fromkeys(sees, 0.8)
    held, found = Counter(), []
    for seed in range(15):
        files = [
            answers_of(tmp_path, tmp_path / f"{n}.json", n, 100 * seed + i, sees=sees, clears=clears, places=0.7)
            for i, n in enumerate(("A", "B", "C"))
        ]
        assert main(["analyse", str(tmp_path), *map(str, files), "-o", str(tmp_path / "out"), "--overwrite"]) == 0
        rates = pd.read_csv(tmp_path / "out" / "detection.csv").set_index(["model", "measure"])
        for model, truth in sees.items():
            row = rates.loc[(model, "sensitivity")]
            held["sensitivity"] += row["low"] <= truth <= row["high"]
            row = rates.loc[(model, "specificity")]
            held["specificity"] += row["low"] <= 0.8 <= row["high"]
            row = rates.loc[(model, "located")]
            held["located"] += row["low"] <= 0.7 * truth <= row["high"]
        found.append(rates["rate"])
    mean = pd.concat(found, axis=1).mean(axis=1)
    for model, truth in sees.items():
        assert mean[(model, "sensitivity")] == pytest.approx(truth, abs=0.05)
        assert mean[(model, "localisation")] == pytest.approx(0.7, abs=0.06)
    assert all(count >= 0.85 * 60 for count in held.values()), held
    differences = pd.read_csv(tmp_path / "out" / "differences.csv").set_index(["measure", "model"])
    assert differences.loc[("sensitivity", MODELS[0]), "p_holm"] < 0.05
    assert differences.loc[("specificity", MODELS[0]), "p_holm"] > 0.05


def test_what_is_not_answered_is_left_out_and_mistakes_are_named(roots, tmp_path, capsys):
    make(roots, tmp_path, *DIRECTION, "--model", MODELS[0])
    rates = {"real": 0.7, MODELS[0]: 0.7}
    whole = answers_of(tmp_path, tmp_path / "a.json", "AB", 0, sees=rates, clears=rates)
    part = answers_of(tmp_path, tmp_path / "b.json", "CD", 1, sees=rates, clears=rates, leave_out=("001", "002"))
    content = json.loads(part.read_text())
    content["trials"]["003"] = {"comment": "motion", "seconds": 3, "lesion": True, "at": None}
    part.write_text(json.dumps(content))
    assert main(["analyse", str(tmp_path), str(whole), str(part)]) == 1
    err = capsys.readouterr().err
    assert "CD, image 003" in err
    assert len(pd.read_csv(tmp_path / "analysis" / "looks.csv")) == 2 * 48 - 3
    assert "motion" in (tmp_path / "analysis" / "comments.csv").read_text()

    def fails(message, change):
        changed = json.loads(whole.read_text())
        change(changed)
        (tmp_path / "c.json").write_text(json.dumps(changed))
        assert main(["analyse", str(tmp_path), str(tmp_path / "c.json"), "-o", str(tmp_path / "x")]) == 2
        assert message in capsys.readouterr().err

    fails("got study 0123", lambda c: c.update(study="0123"))
    fails("must answer images of the study (got 999)", lambda c: c["trials"].update({"999": c["trials"]["001"]}))
    fails("must be a file of answers", lambda c: c["trials"]["001"].update(lesion=True, at=[1.5, 0]))
    fails("no image is answered", lambda c: c.update(trials={}))
    assert main(["analyse", str(tmp_path), str(whole), "--tolerance-mm", "-1", "-o", str(tmp_path / "y")]) == 2


@pytest.mark.parametrize("option", [["--with-real"], ["--show-real"], ["--repeats", "2"]])
def test_options_of_ranking_are_refused(roots, tmp_path, capsys, option):
    assert make(roots, tmp_path, *option) == 2
    assert "has the real scan among its images, and no repeats" in capsys.readouterr().err
