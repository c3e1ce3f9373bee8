"""The tables of a reader study: mean ranks, pairs of models, and how far readers agree."""

import numpy as np
import pandas as pd

from hifisyn.columns import MODEL
from hifisyn.reader_study.answers import Readings
from hifisyn.reader_study.findings import Findings
from hifisyn.reader_study.questions import QUESTIONS
from hifisyn.statistics.friedman import Friedman
from hifisyn.statistics.verdict import count, p_text
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head, heads
from hifisyn.tables.table import Table

NOTHING = "–"


def study_tables(findings: Findings, readings: Readings) -> dict[str, Table]:
    """Return the tables by the names of their files."""
    titles = {question.key: question.title for question in QUESTIONS if question.key in findings.tests}
    return {
        "mean_ranks": _mean_ranks(findings, titles),
        "posthoc": _posthoc(findings, titles),
        "readers": _readers(findings, readings, titles),
        "agreement": _agreement(findings, titles),
    }


def _mean_ranks(findings: Findings, titles: dict[str, str]) -> Table:
    means = findings.means
    order = means.groupby(MODEL)["mean_rank"].mean().sort_values(kind="stable").index
    head, columns = [Head(MODEL)], []
    for key, title in titles.items():
        rows = means[means["question"] == key].set_index(MODEL).reindex(order)
        best = f"{rows['mean_rank'].min():.2f}"
        head += [Head("mean rank", title), Head("tested rank", title)]
        texts = [f"{value:.2f}" for value in rows["mean_rank"]]
        spread = [_range(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)]
        shown = [f"{text} ({more})" if more else text for text, more in zip(texts, spread, strict=True)]
        columns.append([Cell(more, best=text == best) for text, more in zip(texts, shown, strict=True)])
        columns.append([Cell(_number(value)) for value in rows["tested_rank"]])
    first = means.iloc[0]
    tests = " ".join(_sentence(titles[key], test) for key, test in findings.tests.items())
    note = (
        f"Mean rank over {count(first['cases'], 'case')} and {count(first['readers'], 'reader')}, 1 is best, ties "
        "share the mean of the ranks they take; in brackets the 95 % bootstrap interval over cases. Tested rank: the "
        "ranks of a case are averaged over readers, and models are ranked by that average; Friedman's test takes one "
        f"such row a case. {tests}"
    )
    rows = [(Cell(str(model)), *cells) for model, *cells in zip(order, *columns, strict=True)]
    return Table("Mean ranks of the reader study", note, tuple(head), tuple(rows), means)


def _sentence(title: str, test: Friedman) -> str:
    tested, difference = np.isfinite(test.p), test.critical_difference
    numbers = f" (chi-square {test.statistic:.2f}, {p_text(test.p)})" if tested else ""
    apart = f"; critical difference {difference:.2f}" if tested and np.isfinite(difference) else ""
    return f"{title}: {test.verdict}{numbers}{apart}."


def _posthoc(findings: Findings, titles: dict[str, str]) -> Table:
    wide = _by_question(findings.posthoc, ["a", "b"], "p")
    rows = [
        (Cell(f"{a} and {b}"), *(Cell(p_text(row[key]) if np.isfinite(row[key]) else NOTHING) for key in titles))
        for (a, b), row in wide.iterrows()
    ]
    two = any(test.k == 2 for test in findings.tests.values())
    words = "Wilcoxon's signed-rank test" if two else "Nemenyi's test, corrected for all pairs"
    note = f"p of each pair of models by {words}; one value a case, averaged over readers."
    return Table("Pairs of models", note, heads("pair", *titles.values()), tuple(rows), findings.posthoc)


def _readers(findings: Findings, readings: Readings, titles: dict[str, str]) -> Table:
    head = [*heads("reader", "years", "rankings", "left out", "median seconds")]
    head += [Head(word, title) for title in titles.values() for word in ("own correlation", "same order")]
    numbers = readings.readers
    for key in titles:
        part = findings.repeats[findings.repeats["question"] == key].drop(columns="question")
        numbers = numbers.merge(
            part.rename(columns=lambda name, key=key: name if name == "reader" else f"{key}_{name}")
        )
    rows = []
    for row in numbers.to_dict("records"):
        own = [_number(row[f"{key}_{name}"]) for key in titles for name in ("correlation", "same_order")]
        texts = [f"{row['years']:g}", str(row["finished"]), str(row["unfinished"]), _number(row["seconds"], 0), *own]
        rows.append((Cell(row["reader"]), *map(Cell, texts)))
    twice = int(findings.repeats["trials"].max())
    note = (
        f"Own correlation: Spearman's correlation of a reader's ranks at the first and the second showing of "
        f"{count(twice, 'repeated view')}; same order: share of pairs of images that were in the same order, or "
        "tied, both times. Median seconds: a case on the screen, both questions."
    )
    return Table("Readers", note, tuple(head), tuple(rows), numbers)


def _agreement(findings: Findings, titles: dict[str, str]) -> Table:
    whole = findings.concordance.set_index("question")
    rows = [
        (Cell("all, Kendall's W"), *(Cell(_number(whole.loc[key, "kendall_w"])) for key in titles)),
        (
            Cell("least and largest W of a view"),
            *(Cell(_range(whole.loc[key, "least"], whole.loc[key, "most"]) or NOTHING) for key in titles),
        ),
    ]
    if len(findings.pairs):
        wide = _by_question(findings.pairs, ["reader", "other"], "correlation")
        rows += [
            (Cell(f"{a} and {b}"), *(Cell(_number(row.get(key, np.nan))) for key in titles))
            for (a, b), row in wide.iterrows()
        ]
    readers = int(whole["readers"].max())
    note = (
        "Kendall's W with correction for ties: how similarly all readers rank the images of a view (one slice of a "
        f"case), mean over views; 1 is full agreement, chance gives about {1 / readers:.2f} with "
        f"{count(readers, 'reader')}. Pairs: Spearman's correlation of two readers' ranks within views, pooled over "
        "views."
    )
    numbers = pd.concat([findings.concordance, findings.pairs], ignore_index=True)
    return Table("Agreement between readers", note, heads("readers", *titles.values()), tuple(rows), numbers)


def _by_question(table: pd.DataFrame, pair: list[str], value: str) -> pd.DataFrame:
    """Return one row a pair and one column a question."""
    return table.set_index([*pair, "question"])[value].unstack("question", sort=False)


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else NOTHING


def _range(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}" if np.isfinite(low) and np.isfinite(high) else ""
