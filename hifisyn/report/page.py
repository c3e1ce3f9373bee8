"""The report as HTML: one file that needs no network, no other file, and no script to be read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import hifisyn
from hifisyn.columns import CASE
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.pages.environment import render
from hifisyn.report import by_site, results
from hifisyn.report.collect import Facts
from hifisyn.report.dataset import dataset
from hifisyn.report.limits import limits
from hifisyn.report.methods import methods
from hifisyn.report.pictures import Picture, pictures
from hifisyn.report.results import ResultTable
from hifisyn.report.runs import runs
from hifisyn.report.section import Missing, Section
from hifisyn.report.verdicts import verdicts
from hifisyn.report.viewer import viewer
from hifisyn.report.viewer_cases import ViewerCase
from hifisyn.report.words import plural


@dataclass(frozen=True)
class TableSection:
    """A section of result tables.

    Attributes:
        anchor: of the section.
        title: of the section.
        make: tables from facts.
        missing: what to write where there are none.
        command: that makes what they need; {name} and {split} are filled in.
        note: before the tables.
        optional: whether the section is left out where there are no tables.
    """

    anchor: str
    title: str
    make: Callable[[Facts], list[ResultTable]]
    missing: str
    command: str
    note: str = ""
    optional: bool = False


_BASELINES = (
    "The baselines know nothing of anatomy and change intensities only. The look-up table is fitted on paired scans, "
    "which no model sees: it shows the best that an intensity curve can reach and is no fair comparison."
)
_EVALUATE = "hifisyn_evaluate --model MODEL_FOLDER --split {split}"


def _downstream(
    task: DownstreamTask, title: str, make: Callable[[Facts], list[ResultTable]], missing: str
) -> TableSection:
    """Return the section of a downstream task, named as its command and files name it."""
    return TableSection(task, title, make, missing, f"hifisyn_downstream_eval -d {{name}} --task {task}")


TABLE_SECTIONS = (
    TableSection(
        "quality", "Image quality", results.image_quality, "No model was evaluated", _EVALUATE, note=_BASELINES
    ),
    TableSection("details", "Structure, lesions, confidence", results.details, "", _EVALUATE, optional=True),
    TableSection(
        "structures", "Image quality by structure", results.regions, "Nothing was compared by structure", _EVALUATE
    ),
    TableSection("sites", "Image quality by site", by_site.sites, "", _EVALUATE, optional=True),
    _downstream(DownstreamTask.TISSUE, "Tissue maps", results.tissue, "No tissue maps were compared"),
    _downstream(DownstreamTask.LESION, "Lesions", results.lesion, "No lesions were segmented"),
    _downstream(DownstreamTask.AUGMENT, "Training on synthetic scans", results.augment, "Nothing was augmented"),
    TableSection("ablation", "Ablation", results.ablations, "No ablation was run", "hifisyn_ablation -d {name}"),
)


def tables(facts: Facts) -> dict[str, list[ResultTable]]:
    """Return the tables of each section, by its anchor."""
    return {section.anchor: section.make(facts) for section in TABLE_SECTIONS}


def page(
    facts: Facts,
    result_tables: Mapping[str, Sequence[ResultTable]],
    shown_pictures: Sequence[Picture],
    shown_cases: Sequence[ViewerCase],
    *,
    figures: bool = True,
) -> str:
    """Return the page.

    Args:
        facts: of the data set.
        result_tables: `tables` of them.
        shown_pictures: figures and overlays.
        shown_cases: cases of the viewer.
        figures: whether figures were to be drawn at all.
    """
    sections = [
        Section("runs", "Runs", "What was run", "runs", runs(facts)),
        Section("verdicts", "Verdicts", "Does it beat what needs no training", "dataset", verdicts(facts)),
        Section("data", "Data and plan", "Data set and plan", "dataset", dataset(facts)),
        *(
            _results(section, facts, result_tables.get(section.anchor, ()))
            for section in TABLE_SECTIONS
            if result_tables.get(section.anchor) or not section.optional
        ),
        Section("subjects", "Subjects", "Subject by subject", "viewer", viewer(facts, shown_cases)),
        Section("figures", "Figures", "Figures", "pictures", pictures(facts, shown_pictures, drawn=figures)),
        Section("methods", "Methods", "Methods, to paste into a paper", "methods", methods(facts)),
        Section("limits", "Limits", "Limits", "limits", limits(facts)),
    ]
    return render(
        "report/page.html.jinja",
        title=f"{facts.name}: report",
        name=facts.name,
        tested_against=facts.reference if len(facts.labels) > 1 else None,
        version=hifisyn.__version__,
        counts=_counts(facts),
        sections=sections,
    )


def _counts(facts: Facts) -> list[tuple[int, str]]:
    table = facts.evaluated
    subjects = facts.data.subjects(set(table[CASE])) if not table.empty else 0
    split = "test" if facts.split == "test" else "validation"
    counts = [
        (len(facts.trainings), "trained model"),
        (subjects, f"compared {split} subject"),
        (len(facts.downstream), "downstream result"),
    ]
    return [(count, plural(count, noun)) for count, noun in counts]


def _results(section: TableSection, facts: Facts, tables: Sequence[ResultTable]) -> Section:
    command = section.command.format(name=facts.name, split=facts.split)
    content = tables or Missing(section.missing, command)
    return Section(section.anchor, section.title, section.title, "results", content, section.note)
