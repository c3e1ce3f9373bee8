"""The cohorts of HiFi-Syn's paper from files as they lie on disks: who is drawn, and the commands of its tables."""

# mypy: no-check-untyped-defs
import pytest

from hifisyn.cli.ablation import main as ablation
from hifisyn.cli.benchmark import main as benchmark
from hifisyn.cli.convert_dataset import main as convert
from hifisyn.cli.plan_and_preprocess import main as plan
from hifisyn.dataset import Dataset
from hifisyn.json_files import read_json
from hifisyn.planning.counted_split import CountedSplit, drawing_order
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from tests.support.paper_cohorts import TREES

CONTRASTS = {"IXI": ("T1", "T2"), "UKB": ("T1", "FLAIR"), "BraTS2018": ("T1", "T1ce")}
NUMBERS = {"IXI": (60, 20), "UKB": (70, 30), "BraTS2018": (70, 30)}
DONE = ("--skull-strip", "none", "--registration", "none", "--bias", "never")
SMALL = ("--set", "slices.size=32", "slices.crop=32", "slices.per_case=3", "slices.pixel_mm=16")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("hifisyn_home", str(tmp_path))
    for variable in ("hifisyn_raw", "hifisyn_preprocessed", "hifisyn_results"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def converted(home, name, subjects):
    assert convert(TREES[name](home / "source", subjects)) == 0
    return Dataset.load(home / "hifisyn_raw" / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_a_cohort_of_full_number_is_drawn_from_its_own_files(home, name):
    train, test = NUMBERS[name]
    dataset = converted(home, name, train + test + 3)
    assert len({case.subject for case in dataset.cases.values()}) == train + test + 4
    count = CountedSplit.parse("paper", dataset)
    order = drawing_order(dataset.cases, count.contrasts, seed=0)
    splits = count.splits(order)
    assert len(order) == train + test + 3  # all but the one that lacks a contrast
    assert (len(splits.training_cases), len(splits.test)) == (train, test)


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_the_recipe_prepares_those_who_are_drawn_and_its_commands_go_on(home, name, capsys, monkeypatch):
    converted(home, name, subjects=8)
    words = ("-d", name, "-p", "paper", "--preset", "paper", *DONE, *SMALL, "-np", "1")
    assert plan([*words, "--draw", "paper"]) == 2
    total = sum(NUMBERS[name])
    assert f"must find {total} subjects with" in capsys.readouterr().err
    assert plan([*words, "--draw", "4/2", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert "fold0: train 4 cases of 4 subjects, validation none" in out
    assert "the newest weights will count as best" in err
    assert "align 6/6" in out + err
    folder = home / "hifisyn_preprocessed" / name
    splits = read_json(folder / "splits_final.json")
    ((fold,), test) = splits["folds"], splits["test"]
    assert (len(fold["train"]), fold["val"], len(test)) == (4, [], 2)
    assert SliceStore(folder / "paper_2d").cases() == sorted([*fold["train"], *test])
    assert sorted(read_json(folder / "dataset_fingerprint.json")["cases"]) == fold["train"]
    assert Plans.load(folder / "paper.json").length.total == 1_500_000

    before = (folder / "splits_final.json").read_bytes()
    assert plan([*words, "--no-slices"]) == 0
    assert plan([*words, "--no-slices", "--draw", "4/2"]) == 0
    assert (folder / "splits_final.json").read_bytes() == before
    assert "align" not in capsys.readouterr().err.replace("aligned", "")
    assert plan([*words, "--draw", "5/2"]) == 2
    assert "must be split 5/2 (got split 4/2 of its cases)" in capsys.readouterr().err
    assert plan([*words, "--split-by", "subject"]) == 2

    source, target = CONTRASTS[name]
    small = ("--set", "networks.width=4", "--force-long", "--device", "cpu", "--dry-run")
    asked = ("-d", name, "-p", "paper", "--source", source, "--target", target)
    assert benchmark([*asked, "--methods", "CycleGAN", "HiFiSyn", *small]) == 0
    out = capsys.readouterr().out
    assert "2000 epochs of 750 steps, batch 2" in out
    assert "test" in out
    if name == "IXI":
        assert ablation([*asked, "--rows", "table5", *small]) == 0
        assert "all three" in capsys.readouterr().out


@pytest.mark.slow
def test_who_cannot_be_prepared_is_replaced_by_the_next_drawn(home, capsys):
    dataset = converted(home, "UKB", subjects=9)
    order = drawing_order(dataset.cases, ("T1", "FLAIR"), seed=0)
    broken = order[1]
    words = ["-d", "UKB", "-p", "paper", "--preset", "paper", "--draw", "4/2", "--no-slices", "-np", "1"]
    (archive,) = {str(path).partition(".zip")[0] for path in [broken.images["FLAIR"]]}
    with open(f"{archive}.zip", "r+b") as file:
        file.truncate(200)
    assert plan(words) == 1
    assert f"the next subjects drawn replace {broken.name}" in capsys.readouterr().err
    splits = read_json(home / "hifisyn_preprocessed" / "UKB" / "splits_final.json")
    sound = [case.name for case in order if case != broken]
    assert splits["folds"][0]["train"] == sorted(sound[:4])
    assert splits["test"] == sorted(sound[4:6])
