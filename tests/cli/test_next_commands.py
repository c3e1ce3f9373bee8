import pytest

from hifisyn.cli import predict, train
from hifisyn.cli.next_commands import next_commands
from tests.support.training_toys import toy_plans


def lines(tmp_path, way, *modalities, **changes):
    plans = toy_plans().model_copy(update={"way": way, "modalities": modalities or ("T1", "T2")})
    return next_commands(plans, "IXI", tmp_path, "fold0", **changes)


def test_a_large_cohort_is_trained_on(tmp_path):
    flags = ["-tr", "MUNIT", "-p", "small"]
    assert lines(tmp_path, "train", flags_of_plan=flags) == [
        "next:",
        "  hifisyn_train IXI T1 T2 fold0 -tr MUNIT -p small",
    ]


def test_a_tiny_cohort_takes_the_base_model(tmp_path):
    command = "  hifisyn_predict -i SCANS -o synth/ --source T1 --target T2 --model base"
    assert lines(tmp_path, "base") == ["next:", command]
    (tmp_path / "imagesTs").mkdir()
    assert f"-i {tmp_path / 'imagesTs'} " in lines(tmp_path, "base")[1]


def test_a_small_cohort_takes_both(tmp_path):
    assert lines(tmp_path, "base first") == [
        "next:",
        "  hifisyn_predict -i SCANS -o synth/ --source T1 --target T2 --model base",
        "then both side by side:",
        "  hifisyn_train IXI T1 T2 fold0",
        "  hifisyn_evaluate -d IXI",
    ]


@pytest.mark.parametrize(
    ("modalities", "direction"),
    [
        (("T1", "PD"), "--source PD --target T1"),
        (("T1ce", "FLAIR"), "--source T1ce --target FLAIR"),
        (("T2", "T1ce"), "--source T1ce --target T2"),
        (("T1",), "--source T1 --target FLAIR"),
    ],
)
def test_the_base_model_is_asked_for_what_it_makes(tmp_path, modalities, direction):
    assert direction in lines(tmp_path, "base", *modalities)[1]


def test_one_strange_contrast_cannot_be_translated(tmp_path):
    assert lines(tmp_path, "train", "ADC") == ["ADC alone cannot be translated; add another contrast"]


def test_the_commands_are_commands(tmp_path):
    """What is printed is read by the parsers of the commands."""
    both = lines(tmp_path, "base first")
    predict.parser().parse_args(both[1].split()[1:])
    assert train.parser().parse_intermixed_args(both[3].split()[1:]).method is None


@pytest.mark.parametrize(
    ("cases", "trained"),
    [
        ([], "T1 T2"),
        ([("T1", "T2", "FLAIR")] * 3, "T1 T2"),
        ([("T1", "T2", "FLAIR"), ("T1", "T2")], "T1 FLAIR"),
        ([("T1", "T2", "FLAIR"), ("T2", "FLAIR"), ("FLAIR", "T2")], "T1 T2"),
        ([("T1",), ("T2",), ("T2", "FLAIR"), ("T2",)], "T1 T2"),
    ],
)
def test_the_contrast_that_most_cases_lack_is_trained_first(tmp_path, cases, trained):
    assert lines(tmp_path, "train", "T1", "T2", "FLAIR", cases=cases)[1] == f"  hifisyn_train IXI {trained} fold0"
