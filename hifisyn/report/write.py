"""Writes the report of a data set: reads the facts, draws the figures, writes tables and page."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hifisyn.columns import SUBJECT
from hifisyn.errors import UserError
from hifisyn.evaluation.model_tables import comparable_groups
from hifisyn.files import write_text
from hifisyn.paths import Roots
from hifisyn.report.collect import Facts, collect
from hifisyn.report.page import page, tables
from hifisyn.report.pictures import Picture, overlays
from hifisyn.report.results import ResultTable
from hifisyn.report.side_by_side import draw_side_by_side
from hifisyn.report.viewer_cases import read_cases

log = logging.getLogger(__name__)

PAGE, TABLES, FIGURES = "report.html", "tables", "figures"


def write(
    name: str,
    roots: Roots,
    output: Path | None = None,
    *,
    reference: str | None = None,
    split: str | None = None,
    unit: str = SUBJECT,
    subjects: int | None = None,
    slices: int | None = None,
    figures: bool = True,
    background: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write the report of a data set.

    Args:
        name: of the data set.
        roots: where the preprocessed data sets and the results are.
        output: the HTML file X.html, beside which go X_tables/ and X_figures/. None: report.html, tables/ and figures/
            in results/NAME/report.
        reference: label of the model that the others are tested against; see `collect`.
        split: test or val; none: test where anything was evaluated on it.
        unit: of the tests of image quality; see `collect`.
        subjects: in the viewer, at most; none: 6.
        slices: of each, at most; none: 24, fewer where the page would become too large.
        figures: whether to draw figures.
        background: whether maps of content queries show background too.
        overwrite: replace an earlier report.

    Returns:
        The page.

    Raises:
        UserError: there is no such data set, the report already exists, or a file is broken.
    """
    prefix = f"{output.stem}_" if output else ""
    output = output or roots.results / name / "report" / PAGE
    tables_folder, figures_folder = (output.parent / f"{prefix}{kind}" for kind in (TABLES, FIGURES))
    if output.is_dir() or output.suffix not in (".html", ".htm"):
        raise UserError("-o must be an HTML file", got=output, hint="choose a name such as report.html")
    if output.exists() and not overwrite:
        raise UserError(f"{output} already exists", hint="pass --overwrite or choose another file with -o")
    for count, flag in ((subjects, "--subjects-number"), (slices, "--slices")):
        if count is not None and count < 1:
            raise UserError(f"{flag} must be at least 1", got=count)
    facts = collect(name, roots, split=split, reference=reference, unit=unit)
    private = facts.data.private
    results = tables(facts)
    _write_tables(tables_folder, [result for section in results.values() for result in section], private)
    if any(results.values()):
        log.info(f"tables: {tables_folder}")
    drawn = _draw(facts, figures_folder, background) if figures else []
    cases = read_cases(facts, subjects=subjects, slices=slices)
    text = page(facts, results, [*drawn, *overlays(facts)], cases, figures=figures)
    write_text(output, text, private=private)
    return output


def _clear(folder: Path, *endings: str) -> None:
    """Remove the files of an earlier report, so that none stays that is no longer true."""
    for ending in endings:
        for file in folder.glob(f"*.{ending}"):
            file.unlink()


def _write_tables(folder: Path, results: Sequence[ResultTable], private: bool) -> None:
    _clear(folder, "csv", "md")
    for result in results:
        write_text(folder / f"{result.file}.csv", result.table.csv(), private=private)
        write_text(folder / f"{result.file}.md", result.table.markdown(), private=private)


def _draw(facts: Facts, folder: Path, background: bool) -> list[Picture]:
    from hifisyn.figures.draw import draw_all

    _clear(folder, "png")
    models = list({training.model.folder: training.model for training in facts.trainings}.values())
    evaluated = {} if facts.evaluated.empty else dict(comparable_groups(facts.evaluated))
    drawn = draw_all(
        models, facts.roots.preprocessed, folder, split=facts.split, evaluated=evaluated, background=background
    )
    drawn += draw_side_by_side(facts, folder)
    return [
        Picture(figure.path, figure.title, figure.caption, figure.group, f"{folder.name}/{figure.path.name}")
        for figure in drawn
    ]
