"""The section with the viewer: its menus, its four panels, the numbers beside it, and the pictures as data."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.evaluation.measures import MEASURES, TITLES
from hifisyn.report.collect import Facts
from hifisyn.report.html import counted, missing, paragraph, section
from hifisyn.report.results import DIRECTION, METHOD, models_first
from hifisyn.report.subjects import Shown

PANELS = ("source", "synthetic", "target", "error")
# Dark to light with even steps of lightness, black where nothing differs (after "inferno" of matplotlib, seven of it).
ERROR_STOPS = ("000004", "320a5e", "781c6d", "bc3754", "ed6925", "fbb61a", "fcffa4")
KEYS = (
    "Arrow keys, mouse wheel or slider: slices. Page up and down: five at a time. Plus, minus, double click or wheel "
    "with Ctrl: zoom. Shift with arrows, or drag: move the view. 0: all as it was. Point at a place to read its values."
)


def viewer(facts: Facts, shown: Sequence[Shown]) -> str:
    """Return the section; one line where no synthetic slices were kept."""
    if not shown:
        command = (
            f"hifisyn_evaluate --model {facts.trainings[0].model.folder}" if facts.trainings else "hifisyn_evaluate"
        )
        if facts.data.private:
            command = "hifisyn_evaluate --model MODEL_FOLDER"
        return section("subjects", "Subject by subject", missing("No synthetic slices were kept", command))
    intro = (
        f"{counted(len(shown), 'subject')}, spread evenly from the worst to the best by brain PSNR of "
        f"{facts.reference}, and up to {counted(max(len(s.places) for s in shown), 'slice')} of each, spread evenly "
        "over those that were compared and cut to the brain. Greys hold [-1, 1] in 256 steps without further loss, so "
        "that errors are exact to 1/255 of that range. All panels show the same place; the error is |synthetic - "
        "target| on one scale for all subjects and models. The patient's right is on the left."
    )
    return section(
        "subjects",
        "Subject by subject",
        paragraph(intro),
        "<noscript><p>The viewer needs JavaScript; the sheets under Figures show the same subjects.</p></noscript>\n",
        f'<div id="viewer" hidden>\n{_controls(shown)}{_stage()}{_legend(largest(shown))}',
        f'<p class="soft">{KEYS}</p>\n</div>\n{_numbers(facts, shown)}',
        _data(shown),
    )


def largest(shown: Sequence[Shown]) -> float:
    """Return the error at the light end of the scale: what few pixels exceed, rounded up to a tenth, 2 at most."""
    return float(np.clip(np.ceil(10 * max(entry.largest for entry in shown)) / 10, 0.1, 2.0))


def colours() -> np.ndarray:
    """Return the (256, 3) uint8 colours of errors from 0 to the largest."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (0, 2, 4)] for stop in ERROR_STOPS])
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(np.linspace(0, 1, 256), places, stops[:, i]).round() for i in range(3)], 1).astype(
        np.uint8
    )


def _controls(shown: Sequence[Shown]) -> str:
    cases = "".join(f'<option value="case-{i}">{escape(entry.case)}</option>' for i, entry in enumerate(shown))
    menus = (
        f'<label>Subject <select data-part="case">{cases}</select></label>\n'
        '<label>Direction <select data-part="direction"></select></label>\n'
        '<label>Model <select data-part="model"></select></label>\n'
    )
    sliders = (
        '<label>Slice <input type="range" data-part="slice" min="0" max="0" value="0"></label>\n'
        '<label>Level <input type="range" data-part="level" min="-1" max="1" step="0.02" value="0"></label>\n'
        '<label>Window <input type="range" data-part="window" min="0.1" max="2" step="0.02" value="2"></label>\n'
    )
    buttons = (
        '<button type="button" data-part="farther" aria-label="zoom out">−</button>'
        '<button type="button" data-part="nearer" aria-label="zoom in">+</button>'
        '<button type="button" data-part="reset">Reset</button>'
    )
    status = '<output data-part="status" aria-live="polite"></output>'
    return f'<div class="controls">{menus}</div>\n<div class="controls">{sliders}{buttons}{status}</div>\n'


def _stage() -> str:
    panels = "".join(
        f'<figure class="panel" data-kind="{kind}"><figcaption class="title">{kind}</figcaption>'
        f'<canvas role="img" aria-label="{kind}"></canvas><output class="value">&nbsp;</output></figure>\n'
        for kind in PANELS
    )
    return f'<div class="stage" data-part="stage" tabindex="0" role="group" aria-label="slices">\n{panels}</div>\n'


def _legend(most: float) -> str:
    bar = ", ".join(f"#{stop}" for stop in ERROR_STOPS)
    return (
        f'<p class="legend"><span>error 0</span><span class="bar" style="background: linear-gradient(to right, {bar})">'
        f"</span><span>{most:g} and more, of a range of 2</span></p>\n"
    )


def _numbers(facts: Facts, shown: Sequence[Shown]) -> str:
    """Return the numbers of all shown cases; the script leaves those of the chosen one."""
    cases = models_first(facts, facts.evaluated)
    measures = [measure for measure in MEASURES if measure in cases]
    places = {entry.case: f"case-{i}" for i, entry in enumerate(shown)}
    rows = "".join(_row(row, places, measures) for row in cases.to_dict("records") if row["case"] in places)
    heads = "".join(f'<th scope="col" class="number">{escape(TITLES.get(m, m))}</th>' for m in measures)
    return (
        '<div class="wide"><table class="numbers">\n<caption>Numbers of the subject, mean over its slices.</caption>\n'
        f'<thead><tr><th scope="col">method</th><th scope="col">subject</th><th scope="col">direction</th>{heads}</tr>'
        f"</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def _row(row: Mapping[str, Any], places: dict[str, str], measures: Sequence[str]) -> str:
    case, direction = str(row["case"]), str(row[DIRECTION])
    cells = "".join(f'<td class="number">{_figure(m, row[m])}</td>' for m in measures)
    name = escape(str(row[METHOD]))
    return (
        f'<tr data-case="{places[case]}" data-direction="{escape(direction)}"><th scope="row">{name}</th>'
        f"<td>{escape(case)}</td><td>{escape(direction)}</td>{cells}</tr>\n"
    )


def _figure(measure: str, value: float) -> str:
    return f"{value:.2f}" if "psnr" in measure else "" if pd.isna(value) else f"{value:.3f}"


def _data(shown: Sequence[Shown]) -> str:
    look = {"largest": largest(shown), "colours": colours().tobytes().hex()}
    return _block("viewer-settings", look) + "".join(_block(f"case-{i}", _case(s)) for i, s in enumerate(shown))


def _case(entry: Shown) -> dict[str, Any]:
    height, width = entry.size
    size = {"width": width, "height": height, "columns": entry.columns}
    synthetic = {str(one): one._asdict() | {"models": models} for one, models in entry.synthetic.items()}
    return {"case": entry.case, "places": entry.places, **size, "real": entry.real, "synthetic": synthetic}


def _block(anchor: str, content: Mapping[str, Any]) -> str:
    """Return data that the script reads and no browser runs: ASCII, no tag can begin in it."""
    text = json.dumps(content).replace("<", "\\u003c")
    return f'<script type="application/json" id="{anchor}">{text}</script>\n'
