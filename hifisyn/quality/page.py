"""The page of a cohort as HTML: one file that needs no network, no other file and no script."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from hifisyn import __version__
from hifisyn.quality.measures import CohortMeasures, Measure
from hifisyn.quality.outliers import FEWEST, THRESHOLD, Ranking, figure, outliers, reasons
from hifisyn.quality.strip import strip
from hifisyn.quality.style import SCRIPT, STYLE

PICTURES = "pictures"
MOST_ROWS, MOST_PICTURES, MOST_STEPS = 500, 40, 30
THUMBNAIL_PIXELS, JPEG_QUALITY = 640, 72


def page(folder: Path, name: str, cohort: CohortMeasures, ranking: Ranking, failures: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        folder: of the preprocessed data set, where the page will lie; its pictures are looked for there.
        name: of the data set.
        cohort: the numbers of the aligned cases.
        ranking: of those cases.
        failures: case that was left out to its reason.
    """
    parts = [
        _head(name, cohort, ranking, failures),
        _left_out(failures),
        _how_judged(cohort, ranking),
        _pictures(folder, cohort, ranking),
        _numbers(cohort, ranking),
        _cases(folder, cohort, ranking),
        _steps(cohort),
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: quality of {len(cohort.cases)} cases</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{''.join(parts)}<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _head(name: str, cohort: CohortMeasures, ranking: Ranking, failures: Mapping[str, str]) -> str:
    facts = [(len(cohort.cases), "aligned"), (len(failures), "left out"), (ranking.outstanding, "stand out")]
    items = "".join(f"<li><b>{count:,}</b>{words}</li>" for count, words in facts)
    return (
        f'<header>\n<h1>{escape(name)}</h1>\n<p class="soft">Quality of the preprocessed cases. All numbers of all '
        f'cases are in <a href="qc.tsv">qc.tsv</a>. hifisyn {escape(__version__)}.</p>\n'
        f'<ul class="facts">{items}</ul>\n</header>\n'
    )


def _left_out(failures: Mapping[str, str]) -> str:
    if not failures:
        return ""
    shown = list(failures.items())[:MOST_ROWS]
    rest = f" The first {len(shown)}; qc.tsv names all." if len(shown) < len(failures) else ""
    rows = "".join(f'<tr><th scope="row">{escape(case)}</th><td>{escape(reason)}</td></tr>\n' for case, reason in shown)
    return (
        f"<section>\n<h2>Left out: {len(failures):,}</h2>\n<table>\n"
        f"<caption>Cases that could not be prepared.{rest}</caption>\n"
        f'<thead><tr><th scope="col">case</th><th scope="col">reason</th></tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
    )


def _how_judged(cohort: CohortMeasures, ranking: Ranking) -> str:
    if not ranking.judged:
        text = (
            f"<p>With {len(cohort.cases)} cases outliers cannot be judged; it takes {FEWEST}. "
            "Look at every picture.</p>\n"
        )
    else:
        text = (
            f"<p>A case stands out by a number that lies more than {THRESHOLD:g} robust standard deviations from the "
            "median of the cohort: |x - median| / (1.4826 MAD), where MAD is the median absolute deviation (Iglewicz "
            "and Hoaglin 1993); where more than half of the cases agree exactly, 1.2533 times the mean absolute "
            "deviation. Some numbers count on one side only, and small differences never: the table of numbers says "
            "which. Of many sound cases some stand out too; to stand out is a reason to look, not to leave out. "
            "Sites and scanners are not told apart.</p>\n"
        )
    return f"<section>\n<h2>How cases are judged</h2>\n{text}</section>\n"


def _pictures(folder: Path, cohort: CohortMeasures, ranking: Ranking) -> str:
    cards = "".join(_card(folder, cohort, ranking, int(place)) for place in ranking.order[:MOST_PICTURES])
    what = "The cases that stand out most, the worst first." if ranking.outstanding else "No case stands out."
    legend = (
        "Left: axial slices with the border of the brain. Right: labels, and edges of the reference over each contrast "
        "that was moved to it, blue where they are met, orange where they are missed."
    )
    return (
        f'<section>\n<h2>Pictures</h2>\n<p>{what} <span class="soft">{legend}</span></p>\n'
        f'<div class="cards">\n{cards}</div>\n</section>\n'
    )


def _card(folder: Path, cohort: CohortMeasures, ranking: Ranking, place: int) -> str:
    case = cohort.cases[place]
    words = reasons(cohort, ranking, place)
    picture = folder / PICTURES / f"{case}.png"
    alt = f"Picture of {case}" + (f": {words[0]}" if words else "")
    image = '<p class="soft">no picture</p>'
    if content := _thumbnail(picture):
        image = (
            f'<a href="{_link(case)}"><img loading="lazy" alt="{escape(alt)}" '
            f'src="data:image/jpeg;base64,{content}"></a>'
        )
    items = "".join(f"<li>{escape(text)}</li>" for text in words)
    score = f" score {figure(ranking.score[place])}" if ranking.judged else ""
    mark = ' class="mark"' if ranking.score[place] > THRESHOLD else ""
    return f"<figure>{image}<figcaption><b{mark}>{escape(case)}</b>{score}<ul>{items}</ul></figcaption></figure>\n"


def _thumbnail(picture: Path) -> str:
    """Return a picture, made smaller, as JPEG in base64; "" where there is none that can be read."""
    from PIL import Image

    try:
        with Image.open(picture) as image:
            small = image.convert("RGB")
    except OSError:
        return ""
    small.thumbnail((THUMBNAIL_PIXELS, 4 * THUMBNAIL_PIXELS), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="jpeg", quality=JPEG_QUALITY, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _numbers(cohort: CohortMeasures, ranking: Ranking) -> str:
    rows = "".join(_number(cohort, ranking, measure) for measure in cohort.measures)
    heads = "".join(f'<th scope="col" class="number">{word}</th>' for word in ("cases", "median", "MAD", "stand out"))
    return (
        "<section>\n<h2>Numbers</h2>\n<table>\n<caption>Each number over the cohort. The line is the median, a mark is "
        "a case that stands out; what lies very far is drawn at the edge.</caption>\n"
        f'<thead><tr><th scope="col">number</th><th scope="col">distribution</th>{heads}'
        f'<th scope="col">judged</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n'
    )


def _number(cohort: CohortMeasures, ranking: Ranking, measure: Measure) -> str:
    values, spread = cohort.values[measure.key], ranking.spreads[measure.key]
    outside = [(cohort.cases[place], float(values[place])) for place in outliers(cohort, ranking, measure)]
    unit = f' <span class="soft">{escape(measure.unit)}</span>' if measure.unit else ""
    numbers = (f"{spread.count:,}", figure(spread.median), figure(spread.mad))
    cells = "".join(f'<td class="number">{text}</td>' for text in numbers)
    mark = "number mark" if outside else "number"
    return (
        f'<tr><th scope="row">{escape(measure.title)}{unit}</th>'
        f"<td>{strip(measure, values, spread, outside)}</td>{cells}"
        f'<td class="{mark}">{len(outside):,}</td><td>{escape(_rule(measure))}</td></tr>\n'
    )


def _rule(measure: Measure) -> str:
    if measure.side == "none":
        return "no"
    side = {"both": "low and high", "low": "low", "high": "high"}[measure.side]
    unit = f" {measure.unit}" if measure.unit else ""
    least = f"a factor of {1 + measure.least:g}" if measure.log else f"{measure.least:g}{unit}"
    return f"{side}, from {least} off the median"


def _cases(folder: Path, cohort: CohortMeasures, ranking: Ranking) -> str:
    shown = [int(place) for place in ranking.order[:MOST_ROWS]]
    drawn = {path.stem for path in (folder / PICTURES).glob("*.png")}
    heads = "".join(
        f'<th scope="col" class="number">{escape(m.title)}{f" ({escape(m.unit)})" if m.unit else ""}</th>'
        for m in cohort.measures
    )
    rows = "".join(_row(cohort, ranking, place, cohort.cases[place] in drawn) for place in shown)
    which = (
        "All cases" if len(shown) == len(cohort.cases) else f"The first {len(shown):,} of {len(cohort.cases):,} cases"
    )
    return (
        f'<section>\n<h2>Cases</h2>\n<p class="script"><label>Show only rows with <input id="filter" type="search">'
        f'</label></p>\n<div class="wide"><table id="cases">\n<caption>{which}, those that stand out most first. The '
        "score is the largest distance from the median in robust standard deviations.</caption>\n"
        f'<thead><tr><th scope="col">case</th><th scope="col" class="number">score</th><th scope="col">why</th>{heads}'
        f"</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )


def _row(cohort: CohortMeasures, ranking: Ranking, place: int, drawn: bool) -> str:
    case = escape(cohort.cases[place])
    named = f'<a href="{_link(cohort.cases[place])}">{case}</a>' if drawn else case
    cells = [_cell(cohort.values[m.key][place], ranking.z[m.key][place]) for m in cohort.measures]
    why = escape("; ".join(reasons(cohort, ranking, place)))
    score = _cell(ranking.score[place], ranking.score[place])
    return f'<tr><th scope="row">{named}</th>{score}<td class="words">{why}</td>{"".join(cells)}</tr>\n'


def _cell(value: float, z: float) -> str:
    mark = "number mark" if abs(z) > THRESHOLD else "number"
    data = f"{value:.6g}" if np.isfinite(value) else ""
    return f'<td class="{mark}" data-value="{data}">{figure(value) if data else ""}</td>'


def _steps(cohort: CohortMeasures) -> str:
    rows = []
    for step, words in cohort.steps.items():
        for text, count in Counter(words).most_common(MOST_STEPS):
            examples = _examples(cohort.cases, words, text) if count <= len(words) // 2 else ""
            rows.append(
                f'<tr><th scope="row">{escape(step)}</th><td>{escape(text) or "not done"}</td>'
                f'<td class="number">{count:,}</td><td>{escape(examples)}</td></tr>\n'
            )
    if not rows:
        return ""
    return (
        "<section>\n<h2>Steps</h2>\n<table>\n<caption>What was done, in how many cases.</caption>\n"
        '<thead><tr><th scope="col">step</th><th scope="col">how</th><th scope="col" class="number">cases</th>'
        f'<th scope="col">such as</th></tr></thead>\n<tbody>\n{"".join(rows)}</tbody>\n</table>\n</section>\n'
    )


def _examples(cases: Sequence[str], words: Sequence[str], text: str, most: int = 5) -> str:
    found = [case for case, word in zip(cases, words, strict=True) if word == text]
    return ", ".join(found[:most]) + (", ..." if len(found) > most else "")


def _link(case: str) -> str:
    """Return the relative address of the full picture, safe between quotation marks."""
    return f"{PICTURES}/{quote(f'{case}.png', safe='')}"
