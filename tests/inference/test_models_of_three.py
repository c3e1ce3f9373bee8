"""A model of three contrasts: validated, evaluated, reported and shown in every direction, beside models of two."""

import json

import numpy as np
import pytest

from hifisyn.baselines import BASELINE_NAMES
from hifisyn.directions import Direction, directions
from hifisyn.downstream import augment, lesion, tissue
from hifisyn.downstream.model_under_test import DownstreamSettings, ModelUnderTest
from hifisyn.downstream.nnunet_settings import NnUNetSettings
from hifisyn.errors import UserError
from hifisyn.evaluation import against_baselines, of_all_models, output_files, synthetic_slices
from hifisyn.evaluation.measures import score
from hifisyn.evaluation.model_label import label
from hifisyn.evaluation.model_list import evaluations, find
from hifisyn.evaluation.model_tables import comparable_groups, read_tables
from hifisyn.evaluation.model_task import look_up, out_of_date
from hifisyn.figures import style
from hifisyn.figures.draw import draw_all
from hifisyn.inference.choice import Candidates
from hifisyn.inference.models import Model, read_model
from hifisyn.paths import model_folder
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.reader_study.evaluated import find_evaluated, short_names
from hifisyn.report.collect import collect
from hifisyn.report.limits import limits
from hifisyn.report.results import image_quality
from hifisyn.report.runs import Runs, runs
from hifisyn.report.viewer import Viewer, viewer
from hifisyn.report.viewer_cases import read_cases
from hifisyn.training.chosen_by import ChosenBy
from hifisyn.training.validation import ValidationSet, measure, source_itself, write_sheets
from tests.support import downstream_clinic
from tests.support.three_contrasts import DOMAINS, HAS, Inverse, evaluated, three_roots, three_store

ALL = directions(DOMAINS)
WITH_BOTH = {
    frozenset(("FLAIR", "T1")): ["x", "z"],
    frozenset(("FLAIR", "T2")): ["x"],
    frozenset(("T1", "T2")): ["x", "y"],
}
OF_THREE = "HiFiSyn (FLAIR, T1, T2)"


@pytest.fixture(autouse=True)
def small_figures(monkeypatch):
    monkeypatch.setattr(style, "PRINT_DPI", 30)
    monkeypatch.setattr(output_files, "comparison_sheet", lambda *args, **kwargs: None)
    monkeypatch.setattr(output_files, "boxes", lambda *args, **kwargs: None)


@pytest.fixture
def roots(tmp_path):
    return three_roots(tmp_path)


@pytest.fixture
def beside(roots):
    """A model of three contrasts, and a worse one of T1 and T2."""
    evaluated(roots)
    evaluated(roots, ("T1", "T2"), bias=0.3)
    return roots


def test_a_model_folder_names_all_contrasts_sorted(roots):
    folder, _ = evaluated(roots)
    assert folder == roots.results / "TOY" / "FLAIR_T1_T2" / "HiFiSyn__plans__2d"
    assert model_folder(roots.results, "TOY", ("T2", "FLAIR", "T1"), "HiFiSyn") == folder
    model = read_model(folder)
    assert str(model) == "between FLAIR, T1 and T2 by HiFiSyn trained on TOY"
    assert model.contrasts == "FLAIR, T1 and T2"
    assert model.directions == ALL
    assert model.sources_of("T1") == ("FLAIR", "T2")
    assert model.sources_of("PD") == ()


def choose(models: list[Model], present: list[str], target: str) -> tuple[Model, str]:
    choice = Candidates.of(models).best(present, target)
    return choice.model, choice.source


@pytest.mark.slow
@pytest.mark.parametrize("domains", [["T1"], ["T1", "T1"], [], None, 3])
def test_fewer_than_two_contrasts_are_no_model(roots, domains):
    folder, _ = evaluated(roots)
    (folder / "config.json").write_text(json.dumps({"method": "HiFiSyn", "domains": domains}))
    with pytest.raises(UserError, match="must have a method and two or more domains"):
        read_model(folder)


@pytest.mark.slow
def test_a_model_of_several_sources_offers_each(roots):
    model = read_model(evaluated(roots)[0])
    assert model.reference == "T1"
    assert choose([model], ["FLAIR", "T1"], "T2") == (model, "T1")
    assert choose([model], ["T2", "FLAIR"], "T1") == (model, "T2")
    assert choose([model], ["FLAIR", "T2"], "T1") == (model, "FLAIR")
    assert not model.generates("T2", ["T2"])
    pair = read_model(evaluated(roots, ("T1", "T2"))[0])
    assert choose([model, pair], ["FLAIR"], "T2") == (model, "FLAIR")
    assert Candidates.of([model, pair]).best(["T1"], "T2").others[0].model == pair


@pytest.mark.slow
def test_each_direction_is_compared_on_the_cases_with_both_of_its_contrasts(roots):
    folder, done = evaluated(roots)
    task = look_up(folder, roots.preprocessed, split="test")
    for direction in ALL:
        rows = done.cases[done.cases["direction"] == str(direction)]
        expected = WITH_BOTH[frozenset(direction)]
        assert {method: list(own["case"]) for method, own in rows.groupby("method")} == dict.fromkeys(
            ["HiFiSyn", *BASELINE_NAMES], expected
        )
        assert synthetic_slices.cases(task.output, *direction) == expected
        for case in expected:
            source, truth, brain = (
                task.store.image(case, direction.source),
                task.store.image(case, direction.target),
                task.store.brain(case),
            )
            own = score(np.where(brain, -source, -1), truth, brain, min_pixels=1)
            found = rows[(rows["method"] == "HiFiSyn") & (rows["case"] == case)]
            assert found["psnr_brain"].item() == pytest.approx(own["psnr_brain"].mean(), abs=1e-4)
    assert (done.skipped, done.left_out, done.failures) == (("y", "z"), (), ())
    summary = json.loads((task.output / "summary.json").read_text())
    assert (summary["asked"]["domains"], summary["settings"]["skipped"]) == (list(DOMAINS), ["y", "z"])
    assert "left_out" not in summary["settings"]
    assert out_of_date(task) == ""


def test_a_direction_without_cases_is_left_out_and_logged(roots, caplog):
    store = three_store(roots.preprocessed / "TOY" / "plans_2d", HAS)
    (store.folder / "x.json").unlink()
    folder, done = evaluated(roots)
    assert done.left_out == (Direction("FLAIR", "T2"), Direction("T2", "FLAIR"))
    assert set(done.cases["direction"]) == {"FLAIR to T1", "T1 to FLAIR", "T1 to T2", "T2 to T1"}
    assert "left out, no case has both contrasts: FLAIR to T2" in caplog.messages
    summary = json.loads((folder / "fold_0" / "evaluation_test" / "summary.json").read_text())
    assert summary["settings"]["left_out"] == ["FLAIR to T2", "T2 to FLAIR"]
    assert "Not compared, since no case has both contrasts: FLAIR to T2, T2 to FLAIR." in limits(collect("TOY", roots))


def test_cases_of_one_contrast_each_allow_no_comparison(tmp_path):
    store = three_store(tmp_path, {"a": DOMAINS, "x": ("T1",), "y": ("FLAIR",)})
    with pytest.raises(UserError) as error:
        against_baselines.compare(Inverse(), "i", store, DOMAINS, ["a"], ["x", "y"])
    assert error.value.what.endswith("at least one case to compare on must have two of FLAIR, T1, T2")
    assert error.value.got == "x, y"


@pytest.mark.slow
def test_models_of_three_and_of_two_contrasts_stand_in_one_table(beside):
    tables = read_tables(beside.results, "TOY")
    groups = dict(comparable_groups(tables["subjects"]))
    assert set(groups) == {f"{direction}, test" for direction in ALL}
    for direction in ALL:
        both = set(direction) == {"T1", "T2"}
        rows = groups[f"{direction}, test"]
        assert set(rows["model"]) == {OF_THREE, *BASELINE_NAMES} | ({"HiFiSyn"} if both else set())
        assert not rows.duplicated(["model", "case"]).any()
        assert set(rows.loc[rows["model"] == OF_THREE, "domains"]) == {"FLAIR_T1_T2"}
    models = find(beside.results, ["TOY"])[0]
    assert [label(model, 0) for model in models] == [OF_THREE, "HiFiSyn"]
    found = {table.title: table for table in of_all_models.compared(list(evaluations(models)))}
    shown = [row[0].text for row in found["TOY, T1 to T2, test"].rows]
    assert [name for name in shown if name not in BASELINE_NAMES] == [OF_THREE, "HiFiSyn"]
    assert OF_THREE in [row[0].text for row in found["TOY, FLAIR to T2, test"].rows]


def test_a_pair_of_each_two_contrasts_keeps_its_name(roots):
    for pair in (("T1", "T2"), ("FLAIR", "T1")):
        evaluated(roots, pair)
    assert set(read_tables(roots.results, "TOY")["subjects"]["model"]) == {"HiFiSyn", *BASELINE_NAMES}


@pytest.mark.slow
def test_the_report_tells_every_direction(beside):
    facts = collect("TOY", beside)
    assert facts.labels == [OF_THREE, "HiFiSyn"]
    found = {result.file: result.table for result in image_quality(facts)}
    for direction in ALL:
        names = [row[0].text for row in found[f"image_quality_{direction.key}_test"].rows]
        expected = [OF_THREE, "HiFiSyn"] if set(direction) == {"T1", "T2"} else [OF_THREE]
        assert [name for name in names if name not in BASELINE_NAMES] == expected
    assert "Left out where a contrast is missing: y, z." in limits(facts)
    assert "Left out, since a contrast is missing: z." in limits(facts)
    recorded = runs(facts)
    assert isinstance(recorded, Runs)
    first = recorded.models[0]
    assert first.progress is not None
    assert first.title == f"{OF_THREE}: FLAIR, T1 and T2, fold 0"
    assert "T2 to FLAIR: brain PSNR" in first.progress.head
    assert facts.trainings[0].title == f"{OF_THREE} (fold 0)"
    assert facts.trainings[1].title == "HiFiSyn (T1 and T2, fold 0)"


@pytest.mark.slow
def test_the_viewer_is_told_source_and_target_apart(beside):
    facts = collect("TOY", beside)
    viewed = viewer(facts, read_cases(facts))
    assert isinstance(viewed, Viewer)
    data = [json.loads(json.dumps(case.for_script())) for case in viewed.cases.values()]
    (whole,) = (entry for entry in data if entry["case"] == "x")
    assert set(whole["real"]) == set(DOMAINS)
    assert {(words, of["source"], of["target"]) for words, of in whole["synthetic"].items()} == {
        (str(direction), *direction) for direction in ALL
    }
    assert set(whole["synthetic"]["T1 to T2"]["models"]) == {OF_THREE, "HiFiSyn"}
    assert set(whole["synthetic"]["FLAIR to T2"]["models"]) == {OF_THREE}
    (part,) = (entry for entry in data if entry["case"] == "y")
    assert set(part["synthetic"]) == {"T1 to T2", "T2 to T1"}


@pytest.mark.slow
def test_figures_compare_a_direction_over_all_models_that_have_it(beside, caplog):
    caplog.set_level("INFO", logger="hifisyn.figures")
    models = find(beside.results, ["TOY"])[0]
    drawn = draw_all(models, beside.preprocessed, beside.results / "figures", split="test")
    compared = {entry.path.name: entry.caption for entry in drawn if entry.group == "comparison"}
    for direction in ALL:
        makers = "each of 2 models" if set(direction) == {"T1", "T2"} else "one model"
        assert makers in compared[f"comparison_{direction.key}_slices.png"], caplog.text
    assert {entry.path.name for entry in drawn if entry.group == "curves"} == {
        "curves_FLAIR_T1_T2.png",
        "curves_T1_T2.png",
    }


@pytest.mark.slow
def test_readers_compare_models_of_three_and_of_two_contrasts(beside):
    found = find_evaluated(beside.results, "TOY")
    assert set(found.folders) == {Direction("T1", "T2"), Direction("T2", "T1")}
    assert list(short_names(found.names).values()) == [OF_THREE, "HiFiSyn"]
    assert {folder.parents[2].name for folder in found.folders[Direction("T1", "T2")].values()} == {
        "FLAIR_T1_T2",
        "T1_T2",
    }
    assert len(found.left_out) == 4
    alone = find_evaluated(beside.results, "TOY", direction=Direction("FLAIR", "T1"), least=1)
    assert list(alone.subjects) == [Direction("FLAIR", "T1")]
    assert list(alone.subjects[Direction("FLAIR", "T1")]) == ["x", "z"]


def test_cases_with_all_contrasts_validate_every_direction(tmp_path):
    store = three_store(tmp_path, {"a": DOMAINS, "b": ("T1", "T2"), "c": DOMAINS})
    chosen = ValidationSet.read(store, ["a", "b", "c"], DOMAINS, 16, count=4)
    assert chosen is not None
    assert tuple(chosen.samples) == ALL
    for direction, sample in chosen.samples.items():
        assert sample.paired
        assert sample.source.cases == sample.target.cases == ("a", "a", "c", "c")
        assert np.shares_memory(sample.source.images, chosen.samples[Direction(*direction[::-1])].target.images)
        assert np.array_equal(sample.source.images, chosen.samples[Direction(*direction[::-1])].target.images)
    numbers = source_itself(chosen)
    assert {name.split("/")[0] for name in numbers} == {direction.key for direction in ALL}
    assert numbers["T1_to_T2/correlation"] == pytest.approx(-1)
    perfect = measure(chosen, {direction: sample.target.images for direction, sample in chosen.samples.items()})
    assert ChosenBy.PAIRS.score(perfect) == pytest.approx(1)


def test_without_whole_cases_each_direction_has_its_own(tmp_path):
    store = three_store(tmp_path, {"a": ("FLAIR",), "b": ("T1", "T2"), "c": ("FLAIR", "T1")})
    chosen = ValidationSet.read(store, ["a", "b", "c"], DOMAINS, 16, count=4)
    assert chosen is not None
    cases = {str(one): (set(s.source.cases), set(s.target.cases), s.paired) for one, s in chosen.samples.items()}
    assert cases["T1 to T2"] == ({"b"}, {"b"}, True)
    assert cases["FLAIR to T1"] == ({"c"}, {"c"}, True)
    assert cases["FLAIR to T2"] == ({"a", "c"}, {"b"}, False)
    numbers = source_itself(chosen)
    assert {name for name in numbers if "FLAIR_to_T2" in name} == {"FLAIR_to_T2/distance"}
    known = [value for name, value in numbers.items() if name.endswith("/ssim_brain")]
    assert len(known) == 4
    assert ChosenBy.PAIRS.score(numbers) == pytest.approx(np.mean(known))


@pytest.mark.slow
def test_a_case_of_two_contrasts_has_pairs_of_their_directions_alone(tmp_path):
    store = three_store(tmp_path / "slices", {"a": ("T1", "T2"), "b": ("T1",)})
    chosen = ValidationSet.read(store, ["a"], DOMAINS, 16)
    assert chosen is not None
    assert set(chosen.paired) == {Direction("T1", "T2"), Direction("T2", "T1")}
    assert set(chosen.samples) == {*chosen.paired, Direction("T1", "FLAIR"), Direction("T2", "FLAIR")}
    alone = ValidationSet.read(store, ["b"], DOMAINS, 16)
    assert alone is not None
    assert set(alone.samples) == {Direction("T1", "T2"), Direction("T1", "FLAIR")}
    assert not alone.paired
    assert ValidationSet.read(store, [], DOMAINS, 16) is None
    made = {direction: sample.source.images for direction, sample in chosen.samples.items()}
    write_sheets(tmp_path / "sheets", "epoch_0001", chosen, made)
    assert {file.name for file in (tmp_path / "sheets").iterdir()} == {
        f"epoch_0001_{key}.png" for key in ("T1_to_T2", "T2_to_T1", "T1_to_FLAIR", "T2_to_FLAIR")
    }


@pytest.fixture
def model(tmp_path):
    """A model of three contrasts under test in a clinic that has all of them."""
    roots = downstream_clinic.clinic(tmp_path)
    store = AlignedStore(roots.preprocessed / "MS" / "aligned")
    for seed, case in enumerate((*downstream_clinic.TRAIN, *downstream_clinic.TEST)):
        downstream_clinic.write_case(store, case, seed, DOMAINS)
    folder = roots.results / "MS" / "T1_T2" / "Inverse__plans__2d"
    (folder / "config.json").write_text(json.dumps({"method": "HiFiSyn", "domains": DOMAINS}))
    return ModelUnderTest(read_model(folder), DownstreamSettings(NnUNetSettings(), device="cpu", processes=1), roots)


def test_downstream_tasks_have_a_folder_a_direction(model):
    assert model.directions == ALL
    assert [job.folder.name for job in tissue.jobs(model)] == ["FLAIR_to_T1", "T2_to_T1"]
    for task in (lesion, augment):
        assert [job.folder.name for job in task.jobs(model)] == [direction.key for direction in ALL]
