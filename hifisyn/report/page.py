"""The report as HTML: one file that needs no network, no other file, and no script to be read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import hifisyn
from hifisyn.report import results
from hifisyn.report.collect import Facts
from hifisyn.report.dataset import dataset
from hifisyn.report.html import missing, numbers_table, paragraph, section
from hifisyn.report.limits import limits
from hifisyn.report.methods import methods
from hifisyn.report.pictures import Picture, pictures
from hifisyn.report.results import Result
from hifisyn.report.runs import runs
from hifisyn.report.style import STYLE
from hifisyn.report.subjects import Shown
from hifisyn.report.viewer import viewer
from hifisyn.report.viewer_script import COPY, SCRIPT

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"


@dataclass(frozen=True)
class Kind:
    """A section of tables.

    Attributes:
        anchor: of the section.
        title: of the section.
        make: tables from facts.
        lacking: what to say where there are none.
        command: that makes what they need; {name} and {split} are filled in.
        told: before the tables.
    """

    anchor: str
    title: str
    make: Callable[[Facts], list[Result]]
    lacking: str
    command: str
    told: str = ""


_RIVALS = (
    "Beside the models stand answers that know nothing of anatomy and change intensities only. The look-up table is "
    "fitted on paired scans, which no model sees: it says what an intensity curve could reach, and is no fair rival."
)
_EVALUATE = "hifisyn_evaluate --model MODEL_FOLDER --split {split}"
_DOWNSTREAM = "hifisyn_downstream_eval -d {name} --task "
KINDS = (
    Kind("quality", "Image quality", results.image_quality, "No model was evaluated", _EVALUATE, _RIVALS),
    Kind("structures", "Image quality by structure", results.regions, "Nothing was compared by structure", _EVALUATE),
    Kind("tissue", "Tissue maps", results.tissue, "No tissue maps were compared", _DOWNSTREAM + "tissue"),
    Kind("lesion", "Lesions", results.lesion, "No lesions were segmented", _DOWNSTREAM + "lesion"),
    Kind("augment", "Training on synthetic scans", results.augment, "Nothing was augmented", _DOWNSTREAM + "augment"),
    Kind("ablation", "Ablation", results.ablations, "No ablation was run", "hifisyn_ablation -d {name}"),
)


def tables(facts: Facts) -> dict[str, list[Result]]:
    """Return the tables of each section, by its anchor."""
    return {kind.anchor: kind.make(facts) for kind in KINDS}


def page(
    facts: Facts,
    found: Mapping[str, Sequence[Result]],
    drawn: Sequence[Picture],
    shown: Sequence[Shown],
    *,
    figures: bool = True,
) -> str:
    """Return the page.

    Args:
        facts: of the data set.
        found: `tables` of them.
        drawn: figures.
        shown: cases of the viewer.
        figures: whether figures were to be drawn at all.
    """
    sections = [
        ("Runs", runs(facts)),
        ("Data and plan", dataset(facts)),
        *((kind.title, _tables(kind, facts, found.get(kind.anchor, ()))) for kind in KINDS),
        ("Subjects", viewer(facts, shown)),
        ("Figures", pictures(facts, drawn, wanted=figures)),
        ("Methods", methods(facts)),
        ("Limits", limits(facts)),
    ]
    body = "".join(html for _, html in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(facts.name)}: report</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{_head(facts, sections)}<main>\n{body}</main>\n<script>{SCRIPT}{COPY}</script>\n</body>\n</html>\n"
    )


def _head(facts: Facts, sections: Sequence[tuple[str, str]]) -> str:
    table = facts.evaluated
    cases = sorted(set(table["case"])) if not table.empty else []
    split = "test" if facts.split == "test" else "validation"
    counts = [
        (len(facts.trainings), "trained model"),
        (facts.data.subjects(cases), f"compared {split} subject"),
        (len(facts.downstream), "downstream result"),
    ]
    items = "".join(f"<li><b>{count:,}</b>{words}{'' if count == 1 else 's'}</li>" for count, words in counts)
    links = "".join(f'<a href="#{_anchor(html)}">{escape(title)}</a> ' for title, html in sections)
    reference = f" Tests are against {facts.reference}." if len(facts.labels) > 1 else ""
    told = (
        f"What was trained on this data set, and what it is worth.{reference} All tables also lie beside this page, as "
        f"CSV and Markdown. hifisyn {hifisyn.__version__}."
    )
    return (
        f"<header>\n<h1>{escape(facts.name)}: synthesis report</h1>\n{paragraph(told, 'soft')}"
        f'<ul class="facts">{items}</ul>\n<nav aria-label="sections">{links}</nav>\n</header>\n'
    )


def _anchor(html: str) -> str:
    return html.split('"', 2)[1]


def _tables(kind: Kind, facts: Facts, found: Sequence[Result]) -> str:
    if not found:
        command = kind.command.format(name=facts.name, split=facts.split)
        return section(kind.anchor, kind.title, missing(kind.lacking, command))
    told = paragraph(kind.told, "soft") if kind.told else ""
    return section(kind.anchor, kind.title, told, *(numbers_table(result.table) for result in found))
