"""The parts of a report: facts that lack something, odd names, and a methods text that claims nothing else was done."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hifisyn.dataset import Case, Dataset
from hifisyn.directions import Direction
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.errors import UserError
from hifisyn.evaluation.measures import MEASURES
from hifisyn.inference.models import Model
from hifisyn.paths import Roots
from hifisyn.planning.splits import Fold, Splits
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool
from hifisyn.report.collect import Facts, TrainedFold, collect
from hifisyn.report.collect_data import Data
from hifisyn.report.collect_tasks import Ablation, Downstream
from hifisyn.report.limits import limits
from hifisyn.report.methods import methods
from hifisyn.report.page import page, tables
from hifisyn.report.references import REFERENCES
from hifisyn.report.results import image_quality, lesion
from hifisyn.report.strips import grey, mosaic, png
from hifisyn.report.viewer_cases import ViewerCase, choose_cases
from hifisyn.report.words import without_paths
from hifisyn.training.registry import trainers
from tests.quality.test_qc import Page
from tests.support.training_toys import LABELS, toy_plans

ODD = "<img onerror=alert(\"x\")> & 'ä'"
CASES = tuple(f"c{i}" for i in range(8))


def training(tmp_path, label, method="HiFiSyn", **config):
    model = Model(tmp_path / label, method, "IXI", ("T1", "T2"), ("T1", "T2"), "T1", ())
    rows = pd.DataFrame({"epoch": [1, 2], "seconds": [2.0, 3.0], "T1_to_T2/psnr_brain": [10.0, 12.0]})
    return TrainedFold(label, model, 0, {"seed": 0, "device": "cpu"} | config, toy_plans(), rows, {"settings": {}})


def evaluated(labels, cases=CASES):
    """Numbers of every model: case number plus place of the model, in both directions."""
    rows = [
        {
            "model": label,
            "domains": "T1_T2",
            "fold": 0,
            "split": "test",
            "folder": "",
            "direction": direction,
            "method": "HiFiSyn",
        }
        | {"case": case, "subject": case, "slices": 3}
        | dict.fromkeys(MEASURES, 10.0 + number + 0.1 * place)
        for place, label in enumerate(labels)
        for direction in ("T1 to T2", "T2 to T1")
        for number, case in enumerate(cases)
    ]
    return pd.DataFrame(rows)


def facts(tmp_path, labels=("HiFiSyn",), cases=CASES, **changes):
    people = {case: Case(case, case, {}) for case in cases}
    data = Data(
        Dataset("IXI", ("T1", "T2"), LABELS, {}, people),
        Splits(tuple(cases), (Fold(("a", "b"), ("c",)),)),
        steps={
            Stage.SKULL_STRIP: [(Step(Status.RAN, Tool.HD_BET, "1.1"), 8)],
            Stage.REGISTRATION: [(Step(Status.SKIPPED, detail="one contrast"), 8)],
        },
    )
    whole = Facts(
        name="IXI",
        split="test",
        data=data,
        trainings=tuple(training(tmp_path, label) for label in labels),
        tables={"subjects": evaluated(labels, cases)} if labels else {},
        downstream=(),
        ablations=(),
        reference=labels[0] if labels else None,
        roots=Roots(tmp_path, tmp_path, tmp_path),
    )
    return replace(whole, **changes)


def task(kind, tmp_path, **settings):
    rows = pd.DataFrame({"comparison": ["synthetic vs real"], "case": ["c0"], "subject": ["c0"], "dice_GM": [0.9]})
    return Downstream("HiFiSyn", kind, Direction("T2", "T1"), "test", tmp_path, {"settings": settings}, rows, ())


def words(whole):
    text = methods(whole)
    return " ".join(text.paragraphs), "\n".join(text.references)


def test_details_stand_in_a_section_where_they_were_measured(tmp_path):
    old = facts(tmp_path, ("HiFiSyn", "A"))
    assert tables(old)["details"] == []
    assert "Structure, lesions, confidence" not in page(old, tables(old), [], [])
    measured = old.tables["subjects"].assign(nmi=1.25, blur=0.4, blur_true=0.3, lesion_sign=1.0)
    new = replace(old, tables={"subjects": measured})
    found = {one.file: one.table for one in tables(new)["details"]}
    assert list(found) == [f"{kind}_T1_to_T2_test" for kind in ("structure", "lesions")] + [
        f"{kind}_T2_to_T1_test" for kind in ("structure", "lesions")
    ]
    rows = {row[0].text: row[2].text for row in found["structure_T1_to_T2_test"].rows}
    assert {name: text.split(" ")[0] for name, text in rows.items()} == {
        "HiFiSyn": "0.400",
        "A": "0.400",
        "true scan": "0.300",
    }
    assert "Structure, lesions, confidence" in page(new, tables(new), [], [])
    quality = [[one.table.markdown() for one in tables(whole)["quality"]] for whole in (old, new)]
    assert quality[0] == quality[1]


def test_only_what_was_used_is_claimed_and_cited(tmp_path):
    shown, cited = words(facts(tmp_path))
    assert "hd-bet 1.1" in shown
    for absent in ("N4", "ANTs", "FAST", "Atropos", "nnU-Net", "Friedman", "Wilcoxon", "deepbet", "registered"):
        assert absent not in shown + cited.replace("non-parametric", ""), absent
    assert "Not done: downstream tasks tissue, lesion and augment; an ablation" in shown
    shown, cited = words(
        facts(
            tmp_path,
            ("HiFiSyn", "A"),
            downstream=(task(DownstreamTask.TISSUE, tmp_path, tool="FSL FAST", program="fast"),),
        )
    )
    assert "Zhang Y, Brady M" in cited
    assert "Atropos" not in shown
    assert "Avants" not in cited
    assert "Wilcoxon" in shown
    assert "Friedman" not in shown
    shown, cited = words(facts(tmp_path, ("HiFiSyn", "A", "B"), downstream=(task(DownstreamTask.LESION, tmp_path),)))
    assert "nnU-Net [" in shown
    assert "Friedman" in shown
    assert "Zhang Y, Brady M" not in cited
    _, cited = words(facts(tmp_path, downstream=(task(DownstreamTask.TISSUE, tmp_path, tool="FAST or Atropos"),)))
    assert "Zhang Y, Brady M" not in cited
    assert "Avants" not in cited


def test_networks_are_named_with_their_training(tmp_path):
    settings = {"network": "nnU-Net 2d", "training": "2 epochs of 3 steps, folds all"}
    shown, _ = words(facts(tmp_path, downstream=(task(DownstreamTask.AUGMENT, tmp_path, **settings),)))
    assert "nnU-Net 2d (2 epochs of 3 steps, folds all) [" in shown


def test_papers_of_the_methods_trained_are_cited_and_no_others(tmp_path):
    trained = [
        ("HiFiSyn", "HiFiSyn"),
        ("B", "StarGAN-v2"),
        ("C", "tests.support.training_toys:Toy"),
        ("D", "gone.away:Class"),
    ]
    whole = facts(tmp_path, trainings=tuple(training(tmp_path, label, method) for label, method in trained))
    shown, cited = words(whole)
    numbers = {text: number for number, text in re.findall(r"^\[(\d+)\] (.*)$", cited, re.MULTILINE)}
    number = {name: numbers.get(trainer.CITATION) for name, trainer in trainers().items()}
    assert {name for name, found in number.items() if found} == {"HiFiSyn", "DRIT++", "MGUIT", "StarGAN-v2"}
    assert f"HiFi-Syn [{number['HiFiSyn']}] was used" in shown
    assert f"on DRIT++ [{number['DRIT++']}] and a memory bank after MGUIT [{number['MGUIT']}]." in shown
    others = f"StarGAN-v2 [{number['StarGAN-v2']}], tests.support.training_toys:Toy and gone.away:Class."
    assert f"It was compared with {others}" in shown


def test_references_are_numbered_as_they_are_cited(tmp_path):
    shown, cited = words(
        facts(
            tmp_path,
            ("HiFiSyn", "A", "B"),
            downstream=(task(DownstreamTask.TISSUE, tmp_path, tool="ANTs Atropos", program="atropos"),),
        )
    )
    first = list(dict.fromkeys(int(n) for group in re.findall(r"\[([\d, ]+)\]", shown) for n in group.split(",")))
    numbers = [int(n) for n in re.findall(r"^\[(\d+)\]", cited, re.MULTILINE)]
    assert sorted(first) == numbers == list(range(1, len(numbers) + 1))
    known = [*REFERENCES.values(), *(trainer.CITATION for trainer in trainers().values())]
    assert all(any(line.endswith(whole) for whole in known) for line in cited.splitlines())


def test_an_nnunet_that_finds_nothing_is_named_beside_its_table(tmp_path):
    rows = pd.DataFrame({"comparison": ["real", "synthetic"], "case": ["c0"] * 2, "subject": ["c0"] * 2, "dice_x": 0.0})
    settings = {"tool": "nnU-Net", "remark": "it finds nothing"}
    blind = Downstream(
        "HiFiSyn",
        DownstreamTask.LESION,
        Direction("T1", "T2"),
        "test",
        tmp_path,
        {"settings": settings},
        rows,
        (),
    )
    whole = facts(tmp_path, downstream=(blind,))
    assert lesion(whole)[0].table.note.startswith("T1 to T2: it finds nothing.")
    assert any("it finds nothing" in line for line in limits(whole))


def test_tests_by_slice_are_labelled_as_such(tmp_path):
    labels = ("HiFiSyn", "A")
    slices = pd.concat([evaluated(labels).assign(slice=s, brain_pixels=9) for s in range(3)]).drop(columns="slices")
    whole = facts(tmp_path, labels, unit="slice", tables={"subjects": evaluated(labels), "slices": slices})
    shown, _ = words(whole)
    assert "paired by slice" in shown
    assert "Slices of a subject are not independent" in shown
    table = image_quality(whole)[0].table
    assert "Slice-level, as the paper" in table.note
    assert set(table.numbers["n"]) == {3 * len(CASES)}


def test_few_subjects_are_reported(tmp_path):
    few = facts(tmp_path, ("HiFiSyn", "A", "B"), CASES[:6])
    assert "With 6 subjects and 2 tests p is at least 0.062" in words(few)[0]
    assert "There are 6 subjects only" in " ".join(limits(few))
    many = facts(tmp_path, ("HiFiSyn", "A", "B"), tuple(f"c{i}" for i in range(20)))
    assert "p is at least" not in words(many)[0]
    assert "subjects only" not in " ".join(limits(many))
    validation = " ".join(limits(replace(few, split="val")))
    assert "validation subjects" in validation


def test_the_base_model_is_told_apart_from_models_and_baselines(tmp_path):
    """It is ranked with no model, counts as no test of their family, and one line says what it learnt from."""
    labels, beside = ("HiFiSyn", "A", "B"), ("source itself", "base@1", "base@1, told tissue means")
    few = CASES[:6]
    plain = facts(tmp_path, labels, few, tables={"subjects": evaluated((*labels, beside[0]), few)})
    whole = facts(tmp_path, labels, few, tables={"subjects": evaluated((*labels, *beside), few)})
    shown, _ = words(whole)
    assert "Baselines that change intensities only: source itself." in shown
    assert "Not trained here: base@1: comes with hifisyn, learnt from simulated heads only, saw no scan" in shown
    assert "With 6 subjects and 3 tests p is at least" in shown
    assert "With 6 subjects and 3 tests p is at least" in words(plain)[0]
    assert "base@1" not in words(plain)[0]
    before, after = ({r.file: r.table for r in image_quality(one)} for one in (plain, whole))
    assert before["ranks_T1_to_T2_test"].numbers.equals(after["ranks_T1_to_T2_test"].numbers)
    own = after["image_quality"].numbers
    own = own[~own["model"].str.startswith("base@1")].reset_index(drop=True)
    columns = ["direction", "measure", "model", "n", "mean", "p", "p_holm"]
    assert own[columns].equals(before["image_quality"].numbers[columns])
    assert [row[0].text for row in after["image_quality"].rows] == [*labels, *beside[1:], beside[0]]
    assert "saw no scan of this cohort" in after["image_quality"].note


def test_three_models_are_ranked_as_their_numbers_say(tmp_path):
    found = {result.file: result.table for result in tables(facts(tmp_path, ("HiFiSyn", "A", "B")))["quality"]}
    ranks = found["ranks_T1_to_T2_test"].numbers.set_index("model")["psnr"]
    assert ranks.to_dict() == {"HiFiSyn": 3, "A": 2, "B": 1}
    assert "Nemenyi" in found["ranks_T1_to_T2_test"].note
    assert not [name for name in tables(facts(tmp_path, ("HiFiSyn", "A")))["quality"] if name.file.startswith("ranks")]


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


def test_sites_are_shown_and_tested_where_there_are_several(tmp_path):
    whole = facts(tmp_path)
    assert "Image quality by site" not in page(whole, tables(whole), [], [], figures=False)
    assert whole.data.dataset is not None
    sites = {case: "HH" if number < 4 else "IOP" for number, case in enumerate(CASES)}
    data = replace(whole.data, dataset=replace(whole.data.dataset, sites=sites))
    result = tables(replace(whole, data=data))["sites"]
    assert [one.file for one in result] == ["sites_T1_to_T2", "sites_T2_to_T1", "sites_tests"]
    found = result[0].table.numbers.set_index(["site", "measure"])["mean"]
    assert found["HH (n 4)", "ssim_brain"] == pytest.approx(11.5)  # cases score 10, 11, 12 and so on
    assert found["IOP (n 4)", "ssim_brain"] == pytest.approx(15.5)
    assert list(result[2].table.numbers["p"]) == pytest.approx([2 / 70] * 2)  # ranks 1 to 4 and 5 to 8
    assert "Image quality by site" in page(replace(whole, data=data), {"sites": result}, [], [], figures=False)
