"""The parts of a report: facts that lack something, odd names, pictures and private texts."""

import base64
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hifisyn.baselines import SOURCE
from hifisyn.directions import Direction
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.errors import UserError
from hifisyn.evaluation.measures import MEASURES
from hifisyn.files import write_json
from hifisyn.paths import Roots
from hifisyn.report.collect import collect
from hifisyn.report.collect_tasks import Ablation
from hifisyn.report.page import page, tables
from hifisyn.report.strips import grey, mosaic, png
from hifisyn.report.verdicts import Verdicts, verdicts
from hifisyn.report.viewer_cases import ViewerCase, choose_cases
from hifisyn.report.words import without_paths
from tests.inference.test_predict import make_model
from tests.quality.test_qc import Page
from tests.support.report_facts import CASES, evaluated, facts, task
from tests.support.report_toys import write_dataset
from tests.support.training_toys import toy_dataset

ODD = "<img onerror=alert(\"x\")> & 'ä'"


def test_sections_without_results_name_the_command(tmp_path):
    shown = " ".join(Page(page(facts(tmp_path, ()), {}, [], [], figures=False)).words)
    for command in (
        "hifisyn_train IXI T1 T2 fold0",
        "hifisyn_evaluate",
        "hifisyn_downstream_eval -d IXI --task lesion",
        "hifisyn_ablation -d IXI",
        "hifisyn_report -d IXI --overwrite",
    ):
        assert command in shown


def test_odd_names_are_shown_and_run_nothing(tmp_path):
    odd = facts(tmp_path, (ODD, "A", "B"), (ODD, *CASES))
    rows = {"row": [ODD], "seed": 0, "direction": ODD, "case": ODD, "subject": ODD} | dict.fromkeys(MEASURES, 1.0)
    ablation = Ablation(ODD, pd.DataFrame(rows), {"compared": {"split": ODD}}, tmp_path)
    odd = replace(odd, ablations=(ablation,), downstream=(task(DownstreamTask.TISSUE, tmp_path, tool=ODD),))
    shown = ViewerCase(ODD, ODD, (0,), (2, 2), 1, {ODD: "iVBO"}, {Direction("T1", "T2"): {ODD: "iVBO"}}, 0.5)
    result = Page(page(odd, tables(odd), [], [shown]))
    scripts = result.all("script")
    assert [attributes.get("type") for attributes in scripts] == ["application/json"] * 2 + [None]
    assert " ".join(result.words).count(ODD) > 10
    for tag, attributes in result.elements:
        assert not [name for name in attributes if name.startswith("on")], tag


def test_facts_of_a_data_set_without_models_and_of_nothing(tmp_path):
    roots = Roots(tmp_path / "raw", tmp_path / "pre", tmp_path / "res")
    with pytest.raises(UserError) as error:
        collect("IXI", roots)
    assert error.value.what == f"data set IXI exists neither in {roots.preprocessed} nor in {roots.results}"
    (roots.preprocessed / "IXI").mkdir(parents=True)
    found = collect("IXI", roots)
    assert (found.trainings, found.split, found.reference, found.evaluated.empty) == ((), "test", None, True)
    assert found.data.private
    with pytest.raises(UserError) as error:
        collect("IXI", roots, reference="A")
    assert (error.value.what, error.value.got) == ("--reference must be a trained model", "A")
    assert "hifisyn_train" in error.value.hint


def test_the_viewer_takes_subjects_from_the_worst_to_the_best(tmp_path):
    shuffled = evaluated(("HiFiSyn",)).sample(frac=1, random_state=0)
    assert choose_cases(facts(tmp_path, tables={"subjects": shuffled}), 3) == ["c0", "c4", "c7"]
    assert choose_cases(facts(tmp_path), 20) == list(CASES)
    assert choose_cases(facts(tmp_path, ()), 3) == []


def test_pictures_keep_intensities_to_half_a_grey_and_are_laid_out_in_order():
    rng = np.random.default_rng(0)
    stack = rng.uniform(-1, 1, (7, 5, 4))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(png(mosaic(grey(stack), 3))))))
    assert picture.shape == (15, 12)
    for place in range(7):
        row, column = divmod(place, 3)
        back = picture[5 * row : 5 * row + 5, 4 * column : 4 * column + 4] / 255 * 2 - 1
        assert np.abs(back - stack[place]).max() <= 1 / 255 + 1e-12
    assert (
        np.abs((grey(stack[:1]) - grey(stack[1:2]).astype(int)) / 255 * 2 - (stack[:1] - stack[1:2])).max() <= 2 / 255
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("hifisyn_train A T1 T2 0 --raw /data/sub 7/x", "hifisyn_train A T1 T2 0 --raw PATH PATH"),
        (r"C:\data\77\t1.nii: must be NIfTI", "PATH: must be NIfTI"),
        ("--set lr=1e-3 '/a/b c'", "--set lr=1e-3 'PATH c'"),
    ],
)
def test_paths_are_masked_in_private_texts(text, masked):
    assert without_paths(text, private=True) == masked
    assert without_paths(text, private=False) == text


def test_commands_for_what_is_missing_name_a_split_that_there_is(tmp_path):
    roots = toy_dataset(tmp_path / "none_held_out")
    (roots.preprocessed / "TOY" / "dataset.json").write_bytes((roots.raw / "TOY" / "dataset.json").read_bytes())
    found = collect("TOY", roots)
    assert found.split == "val"
    assert "--split val" in page(found, tables(found), [], [])
    assert collect("TOY", write_dataset(tmp_path / "held_out")).split == "test"


def test_the_verdict_of_each_direction_has_a_row(tmp_path):
    roots = toy_dataset(tmp_path)
    (roots.preprocessed / "TOY" / "dataset.json").write_bytes((roots.raw / "TOY" / "dataset.json").read_bytes())
    model = make_model(roots.results, "T1", "T2", dataset="TOY")
    summary = {"mean": {"T2_to_T1/cycle": 0.5}, "verdict": {"T1_to_T2": {SOURCE: False}}}
    write_json(model / "fold_0" / "validation" / "summary.json", summary)
    section = verdicts(collect("TOY", roots))
    assert isinstance(section, Verdicts)
    (table,) = section.tables
    told = {row[1]: row[2] for row in table.rows}
    assert told == {
        "T1 to T2": "does not beat the source itself",
        "T2 to T1": "not measurable without pairs; chosen by cycle 0.50",
    }
