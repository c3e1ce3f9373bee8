"""The methods text of a report: it claims and cites what was done and nothing else."""

import re

import pandas as pd
import pytest

from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.report.methods import methods
from hifisyn.report.references import REFERENCES
from hifisyn.training.registry import trainers
from tests.support.report_facts import facts, task, training


def words(whole):
    text = methods(whole)
    return " ".join(text.paragraphs), "\n".join(text.references)


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


MEASURED = {
    "nmi": ("normalised mutual information", "Studholme C"),
    "blur": ("the blur effect", "Crete F"),
    "lesion_sign": ("white matter 3 to 8 mm around them.", None),
    "bright_ml": ("above mean + 3 standard deviations of white matter.", None),
    "reliability_error": ("ten bins of expected error", "Levi D"),
    "ause": ("the area under the sparsification error curve", "Ilg E"),
}


@pytest.mark.parametrize("column", MEASURED)
def test_measures_of_structure_lesions_and_confidence_are_named_with_their_source_where_they_have_numbers(
    tmp_path, column
):
    phrase, source = MEASURED[column]
    old = facts(tmp_path)
    empty = {"subjects": old.evaluated.assign(**dict.fromkeys(MEASURED, float("nan")))}
    for without in (old, facts(tmp_path, tables=empty)):
        shown, cited = words(without)
        assert phrase not in shown
        assert "These measures were not tested." not in shown
        assert source is None or source not in cited
    shown, cited = words(facts(tmp_path, tables={"subjects": empty["subjects"].assign(**{column: 1.0})}))
    assert phrase in shown
    assert "These measures were not tested." in shown
    assert source is None or source in cited


def test_hd95_is_cited_where_borders_were_compared(tmp_path):
    settings = {"tool": "FSL FAST", "program": "fast"}
    shown, cited = words(facts(tmp_path, downstream=(task(DownstreamTask.TISSUE, tmp_path, **settings),)))
    assert "HD95" not in shown
    assert "Huttenlocher" not in cited
    rows = pd.DataFrame({"comparison": "synthetic vs real", "case": ["c0"], "subject": ["c0"], "dice_GM": 0.9})
    rows["hd95_GM"] = 3.0
    shown, cited = words(facts(tmp_path, downstream=(task(DownstreamTask.TISSUE, tmp_path, rows, **settings),)))
    assert "the 95th percentile of the distances of their borders (HD95) [" in shown
    assert "Huttenlocher" in cited
