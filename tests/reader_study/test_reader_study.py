"""From evaluated models to a study and, with readers of a known opinion, to its analysis."""

import base64
import io
import json
import re
import stat
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hifisyn.cli.reader_study import main
from hifisyn.evaluation import synthetic_slices
from hifisyn.reader_study import key as keys
from hifisyn.reader_study.page import Shown, render_study
from hifisyn.slices import SliceStore
from tests.support.reader_study_toys import LESION, MODELS, TITLES, answer_file, evaluation, study_roots


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return study_roots(tmp_path_factory.mktemp("study"))


def make(roots, folder, *options):
    places = ["--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
    return main(["make", "-d", "TOY", "-o", str(folder), *places, *options])


def content_of(folder):
    page = (folder / "study.html").read_text()
    (content,) = re.findall(r'id="study">(.*?)</script>', page)
    return json.loads(content)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))


def chunks(png):
    """Return the names of the chunks of a PNG file."""
    data, at, names = base64.b64decode(png), 8, []
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return names


def test_the_key_records_where_each_image_came_from(roots, tmp_path):
    assert make(roots, tmp_path) == 0
    key = keys.read_key(tmp_path / "key" / "key.json")
    store = SliceStore(roots.preprocessed / "TOY" / "plans_2d")
    shown = content_of(tmp_path)
    assert shown["id"] == key.study
    assert [trial["id"] for trial in shown["trials"]] == list(key.trials)
    for trial in shown["trials"]:
        about = key.trials[trial["id"]]
        assert [image["id"] for image in trial["images"]] == list(about.images)
        assert sorted(about.images.values()) == sorted(MODELS)
        assert about.slice in LESION
        rows, columns = (np.flatnonzero(store.brain(about.case, about.slice).any(axis=axis)) for axis in (1, 0))
        inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        for image in trial["images"]:
            folder = evaluation(roots.results / "TOY" / "FLAIR_T1" / about.images[image["id"]])
            generated = synthetic_slices.read(folder, about.case, about.source, about.target)[about.slice][inside]
            assert holds(pixels(image["png"]), np.rint((generated + 1) * 127.5))
        source = store.image(about.case, about.source, about.slice)[inside]
        assert holds(pixels(trial["references"][0]["png"]), np.rint((source + 1) * 127.5))
    assert Counter(str(about.direction) for about in key.trials.values() if not about.repeats) == {
        "T1 to FLAIR": 4,
        "FLAIR to T1": 4,
    }
    assert sum(about.repeats for about in key.trials.values()) == 2
    assert key.candidates[MODELS[1]].weights["T1 to FLAIR"] == f"weights of {MODELS[1]}"


def holds(picture, part):
    """Return whether `picture` shows `part` in the middle and black around it."""
    top, left = ((a - b) // 2 for a, b in zip(picture.shape, part.shape, strict=True))
    middle = np.s_[top : top + part.shape[0], left : left + part.shape[1]]
    rest = picture.astype(int).copy()
    rest[middle] = 0
    return np.array_equal(picture[middle], part) and not rest.any()


def test_the_page_does_not_reveal_the_models(roots, tmp_path, capsys):
    make(roots, tmp_path, "--with-real")
    page = (tmp_path / "study.html").read_text()
    shown = content_of(tmp_path)
    pngs = [p["png"] for trial in shown["trials"] for p in (*trial["images"], *trial["references"])]
    words = page
    for png in pngs:
        words = words.replace(png, "")
    revealing = ["CycleGAN", "HiFiSyn", "sgd", "plans", "fold_", "evaluation", "patient", "weights", str(roots.results)]
    assert [word for word in revealing if word.lower() in words.lower()] == []
    assert {tuple(chunks(png)) for png in pngs} == {("IHDR", "IDAT", "IEND")}
    assert len({pixels(png).ndim for png in pngs}) == 1
    images = [image["id"] for trial in shown["trials"] for image in trial["images"]]
    assert len(images) == len(set(images)) == 10 * 4
    key = keys.read_key(tmp_path / "key" / "key.json")
    places = Counter((image[-1], model) for t in key.trials.values() for image, model in t.images.items())
    assert set(places.values()) <= {2, 3}
    assert len(places) == 16
    assert stat.S_IMODE((tmp_path / "key" / "key.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o700
    assert "Do not hand this folder out" in (tmp_path / "key" / "README.txt").read_text()
    assert "not for the readers" in capsys.readouterr().out


def test_what_a_study_holds_cannot_end_the_script_that_holds_it():
    odd = "</script><script>alert(1)</script> & '\"<!--"
    page = render_study([Shown(odd, odd, ((odd, b"png"),), (b"a", b"b"))])
    assert page.count("<script") == page.count("</script") == 2
    (content,) = re.findall(r'id="study">(.*?)</script>', page)
    assert json.loads(content)["trials"][0]["references"][0]["label"] == odd


def test_the_real_scan_is_hidden_or_shown(roots, tmp_path):
    make(roots, tmp_path / "hidden", "--with-real", "--source", "T1", "--target", "FLAIR")
    key = keys.read_key(tmp_path / "hidden" / "key" / "key.json")
    store = SliceStore(roots.preprocessed / "TOY" / "plans_2d")
    for trial in content_of(tmp_path / "hidden")["trials"]:
        about = key.trials[trial["id"]]
        assert [reference["label"] for reference in trial["references"]] == ["Source: T1"]
        real = next(image for image in trial["images"] if about.images[image["id"]] == "real")
        truth = store.image(about.case, "FLAIR", about.slice)
        assert pixels(real["png"]).max() == np.rint((truth.max() + 1) * 127.5)
    make(roots, tmp_path / "shown", "--show-real", "--source", "T1", "--target", "FLAIR")
    trial = content_of(tmp_path / "shown")["trials"][0]
    assert [reference["label"] for reference in trial["references"]] == ["Source: T1", "Real FLAIR"]
    assert len(trial["images"]) == 3


def test_the_seed_decides_and_nothing_is_overwritten_silently(roots, tmp_path, capsys):
    make(roots, tmp_path / "a", "--seed", "4")
    make(roots, tmp_path / "b", "--seed", "4")
    make(roots, tmp_path / "c", "--seed", "5")
    first, second, third = ((tmp_path / name / "study.html").read_bytes() for name in "abc")
    assert first == second
    assert first != third
    assert make(roots, tmp_path / "a", "--seed", "5") == 2
    assert "already contains a study" in capsys.readouterr().err
    assert make(roots, tmp_path / "a", "--seed", "5", "--overwrite") == 0
    assert (tmp_path / "a" / "study.html").read_bytes() == third


def test_cases_of_one_subject_come_once(tmp_path):
    roots = study_roots(tmp_path, subject_of={"patient00": "one", "patient01": "one"}, cases=4)
    make(roots, tmp_path / "study", "--repeats", "0")
    cases = [trial.case for trial in keys.read_key(tmp_path / "study" / "key" / "key.json").trials.values()]
    assert len(cases) == 3
    assert len({"patient00", "patient01"} & set(cases)) == 1


def test_several_slices_and_chosen_models(roots, tmp_path):
    folder = roots.results / "TOY" / "FLAIR_T1" / MODELS[2]
    assert make(roots, tmp_path, "--model", MODELS[0], str(folder), "--slices", "2", "--cases-number", "5") == 0
    key = keys.read_key(tmp_path / "key" / "key.json")
    assert set(key.candidates) == {MODELS[0], MODELS[2]}
    assert len(key.trials) == 5 * 2 + 2
    assert len({trial.view for trial in key.trials.values()}) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "T1"], "--source and --target must come together"),
        (["--source", "T1", "--target", "T2"], "a direction must have at least 2 evaluated models"),
        (["--model", "Pix2Pix"], "must contain the trained model Pix2Pix (got CycleGAN__plans__2d"),
        (["--model", MODELS[0]], "a direction must have at least 2 evaluated models"),
        (
            ["--cases-number", "9"],
            "--cases-number must be at most 8, the subjects that all models were evaluated on (got 9)",
        ),
        (["--split", "val"], "a direction must have at least 2 evaluated models"),
        (["--repeats", "-1"], "--repeats must be between 0 and 8 (got -1)"),
    ],
)
def test_mistakes_in_the_request(roots, tmp_path, capsys, options, message):
    assert make(roots, tmp_path, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study.html").exists()


def test_directions_with_other_models_are_not_mixed(tmp_path, capsys):
    roots = study_roots(tmp_path, models=MODELS[:2], cases=3)
    study_roots(tmp_path, models=MODELS[1:], cases=3, pair=("T1", "T2"))
    assert make(roots, tmp_path / "study") == 2
    assert "all directions must have the same models (got" in capsys.readouterr().err
    assert make(roots, tmp_path / "study", "--source", "T1", "--target", "T2") == 0


# The analysis.

ORDER = {model: place for place, model in enumerate((MODELS[1], MODELS[2], MODELS[0]), 1)}


def analyse(study, *options):
    return main(["analyse", str(study), *map(str, options)])


def test_readers_of_one_opinion_agree_fully(roots, tmp_path, capsys):
    make(roots, tmp_path)
    answers = tmp_path / "answers"
    answers.mkdir()
    for name in ("AB", "CD", "EF"):
        answer_file(answers / f"{name}.json", tmp_path, name, lambda q, t, i, model: ORDER[model])
    assert analyse(tmp_path, answers) == 0
    means = pd.read_csv(tmp_path / "analysis" / "mean_ranks.csv")
    titles = dict(zip(MODELS, TITLES, strict=True))
    for question in ("structure", "diagnostic"):
        found = means[means["question"] == question].set_index("model")
        assert found["mean_rank"].to_dict() == {titles[model]: rank for model, rank in ORDER.items()}
        assert found["tested_rank"].to_dict() == found["mean_rank"].to_dict()
    summary = json.loads((tmp_path / "analysis" / "summary.json").read_text())
    # All eight cases agree: chi-square = n (k - 1) = 16 with two degrees of freedom, p = exp(-8).
    assert summary["tests"]["structure"]["statistic"] == pytest.approx(16)
    assert summary["tests"]["structure"]["p"] == pytest.approx(np.exp(-8))
    assert summary["tests"]["structure"]["n"] == 8
    assert [row["kendall_w"] for row in summary["agreement"]["all"]] == [pytest.approx(1)] * 2
    assert [row["correlation"] for row in summary["agreement"]["pairs"]] == pytest.approx([1] * 6)
    assert {row["same_order"] for row in summary["agreement"]["repeats"]} == {1}
    assert summary["agreement"]["repeats"][0]["trials"] == 2
    markdown = (tmp_path / "analysis" / "mean_ranks.md").read_text()
    assert "**1.00" in markdown
    assert "8 cases and 3 readers" in markdown
    assert Image.open(tmp_path / "analysis" / "ranks.png").size[0] > 800
    out, err = capsys.readouterr()
    assert "HiFiSyn without SGD" in out
    assert "8 cases are few" in err
    assert analyse(tmp_path, answers) == 2
    assert "pass --overwrite" in capsys.readouterr().err


def test_noisy_readers_recover_the_true_order(roots, tmp_path):
    make(roots, tmp_path)
    rng = np.random.default_rng(0)
    quality = {model: float(rank) for model, rank in ORDER.items()}
    files = []
    for name in ("A", "B", "C", "D"):

        def rank(question, trial, image, model):
            return int(np.clip(round(quality[model] + rng.normal(scale=0.7)), 1, 3))

        files.append(answer_file(tmp_path / f"{name}.json", tmp_path, name, rank))
    assert analyse(tmp_path, *files, "-o", tmp_path / "out") == 0
    ranks = pd.read_csv(tmp_path / "out" / "ranks.csv")
    means = pd.read_csv(tmp_path / "out" / "mean_ranks.csv")
    found = means[means["question"] == "structure"].set_index("model")["mean_rank"]
    assert found.sort_values().index.tolist() == ["HiFiSyn", "HiFiSyn without SGD", "CycleGAN"]
    # Every ranking of three images sums to six, ties or not.
    assert set(ranks.groupby(["reader", "question", "trial"])["rank"].sum()) == {6}
    once = ranks[(ranks["question"] == "structure") & ~ranks["repeats"]]
    assert found.to_dict() == pytest.approx(once.groupby("model")["rank"].mean().to_dict())
    agreement = json.loads((tmp_path / "out" / "summary.json").read_text())["agreement"]["all"][0]
    assert 0.25 < agreement["kendall_w"] < 1


def test_what_is_not_finished_is_named_and_left_out(roots, tmp_path, capsys):
    make(roots, tmp_path)
    trials = list(keys.read_key(tmp_path / "key" / "key.json").trials)
    whole = answer_file(tmp_path / "a.json", tmp_path, "AB", lambda q, t, i, model: ORDER[model])
    part = answer_file(tmp_path / "b.json", tmp_path, "CD", lambda q, t, i, model: ORDER[model], leave_out=trials[4:])
    content = json.loads(part.read_text())
    del content["trials"][trials[0]]["ranks"]["diagnostic"][f"{trials[0]}A"]
    content["trials"][trials[1]]["comment"] = "B has ghosts"
    part.write_text(json.dumps(content))
    assert analyse(tmp_path, whole, part) == 1
    err = capsys.readouterr().err
    assert f"CD, trial {trials[0]}, diagnostic value" in err
    assert f"CD, trial {trials[0]}, structural preservation" not in err
    assert f"CD, trial {trials[4]}, structural preservation" in err
    readers = pd.read_csv(tmp_path / "analysis" / "readers.csv").set_index("reader")
    assert readers.loc["CD", "finished"] == 7
    assert readers.loc["CD", "unfinished"] == 2 * len(trials) - 7
    assert "B has ghosts" in (tmp_path / "analysis" / "comments.csv").read_text()


def test_mistakes_in_the_files_are_found(roots, tmp_path, capsys):
    make(roots, tmp_path)
    good = answer_file(tmp_path / "a.json", tmp_path, "AB", lambda q, t, i, model: ORDER[model])

    def fails(message, *files):
        assert analyse(tmp_path, *files) == 2
        assert message in capsys.readouterr().err

    def changed(name, change):
        content = json.loads(good.read_text())
        change(content)
        (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / name

    fails(
        "each reader must have one file (got ab also in",
        good,
        changed("twice.json", lambda c: c["reader"].update(name=" ab ")),
    )
    fails("(got study 0123)", changed("other.json", lambda c: c.update(study="0123")))
    first = next(iter(json.loads(good.read_text())["trials"]))
    fails("001A 4", changed("rank.json", lambda c: c["trials"][first]["ranks"]["structure"].update({"001A": 4})))
    fails("009Z 1", changed("image.json", lambda c: c["trials"][first]["ranks"]["structure"].update({"009Z": 1})))
    fails(
        "must be a file of answers",
        changed("half.json", lambda c: c["trials"][first]["ranks"]["structure"].update({"001A": 1.5})),
    )
    fails("page of a reader study (got study", changed("none.json", lambda c: c.pop("study")))
    fails("no ranking is finished in", changed("empty.json", lambda c: c.update(trials={})))
    fails("nowhere.json does not exist", tmp_path / "nowhere.json")
    fails("must be a file of answers", tmp_path / "key" / "key.json")
    assert not (tmp_path / "analysis").exists()


def test_a_page_that_was_changed_is_noticed(roots, tmp_path, capsys):
    make(roots, tmp_path)
    file = answer_file(tmp_path / "a.json", tmp_path, "AB", lambda q, t, i, model: ORDER[model])
    with (tmp_path / "study.html").open("a") as page:
        page.write(" ")
    (tmp_path / "key" / "key.json").rename(tmp_path / "elsewhere.json")
    assert analyse(tmp_path, file, "--key", tmp_path / "elsewhere.json") == 0
    err = capsys.readouterr().err
    assert "is not the page that the key belongs to" in err
    assert "One reader" in err


def test_two_models_are_compared_by_wilcoxon_s_test(roots, tmp_path, capsys):
    make(roots, tmp_path, "--model", *MODELS[:2])
    file = answer_file(tmp_path / "a.json", tmp_path, "AB", lambda q, t, i, model: 1 + (model == MODELS[0]))
    assert analyse(tmp_path, file) == 0
    assert pd.read_csv(tmp_path / "analysis" / "posthoc.csv")["p"].tolist() == pytest.approx([2 / 2**8] * 2)
    assert "Wilcoxon" in capsys.readouterr().err
