"""The page of a study: one file with images, script and style in it; nothing on it tells which model made what."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from hifisyn.reader_study.questions import QUESTIONS
from hifisyn.reader_study.script_answers import SCRIPT_ANSWERS
from hifisyn.reader_study.script_images import SCRIPT_IMAGES
from hifisyn.reader_study.script_reading import SCRIPT_READING
from hifisyn.reader_study.script_screens import SCRIPT_SCREENS
from hifisyn.reader_study.style import STYLE

ID_DIGITS = 12
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

HELP = (
    ("1 2 3 …", "give the chosen image a rank, 1 is best; equal numbers are ties"),
    ("← → Tab", "choose an image; a click does too"),
    ("Backspace", "take its rank away"),
    ("Enter", "next, once all images have a rank"),
    ("N P", "next without ranking, previous"),
    ("+ − wheel", "zoom, all images together"),
    ("Shift+arrows", "move the zoomed images; or drag with the left button"),
    ("W L", "window narrower, level lower; with Shift wider, higher; or drag with the right button"),
    ("R", "window, level, zoom as at the start"),
    ("S", "hold: the source in place of every image"),
    ("C Escape", "write a comment, leave it"),
    ("E ?", "export, this help"),
)


@dataclass(frozen=True)
class Shown:
    """A trial as the page holds it; `images` in the order of their places, the source first among `references`.

    Attributes:
        source: contrast that the images were made from.
        target: contrast that they show.
        references: name and PNG of each reference.
        images: PNG of each candidate.
    """

    source: str
    target: str
    references: tuple[tuple[str, bytes], ...]
    images: tuple[bytes, ...]


def trial_id(number: int) -> str:
    """Return the name of the trial that is read as the `number`th, from 1."""
    return f"{number:03d}"


def image_id(number: int, place: int) -> str:
    """Return the name of an image, by trial and place alone, so that it tells nothing of the model.

    >>> image_id(7, 1)
    '007B'
    """
    return f"{trial_id(number)}{chr(ord('A') + place)}"


def study_id(shown: Sequence[Shown]) -> str:
    """Return the study's name: a digest of what readers see, so that it tells nothing else."""
    digest = hashlib.sha256(json.dumps([q.key for q in QUESTIONS]).encode())
    for trial in shown:
        for png in (*(png for _, png in trial.references), *trial.images):
            digest.update(hashlib.sha256(png).digest())
    return digest.hexdigest()[:ID_DIGITS]


def page(shown: Sequence[Shown]) -> str:
    """Return the page as HTML."""
    content = json.dumps(_content(shown)).replace("<", "\\u003c")
    script = SCRIPT_ANSWERS + SCRIPT_IMAGES + SCRIPT_READING + SCRIPT_SCREENS
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Reader study</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{WINDOW}"
        f"{_start(len(shown), max(len(trial.images) for trial in shown))}{READING}{END}{_dialogs()}"
        f'<script type="application/json" id="study">{content}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )


def _content(shown: Sequence[Shown]) -> dict[str, Any]:
    trials = [
        {
            "id": trial_id(number),
            "source": trial.source,
            "target": trial.target,
            "references": [{"label": label, "png": _text(png)} for label, png in trial.references],
            "images": [{"id": image_id(number, place), "png": _text(png)} for place, png in enumerate(trial.images)],
        }
        for number, trial in enumerate(shown, 1)
    ]
    questions = [{"key": q.key, "title": q.title, "help": q.help} for q in QUESTIONS]
    return {"id": study_id(shown), "questions": questions, "trials": trials}


def _text(png: bytes) -> str:
    return base64.b64encode(png).decode("ascii")


def _start(trials: int, images: int) -> str:
    asked = "".join(f"<dt>{escape(q.title)}</dt><dd>{escape(q.help)}</dd>" for q in QUESTIONS)
    return (
        '<main id="start">\n<h1>Reader study</h1>\n'
        f"<p>{trials} cases of {images} images each. The images of a case show the same slice, made by different "
        "methods; you are not told which. Rank them for each question, 1 for the best. Give equal numbers to images "
        f"between which you see no difference.</p>\n<dl>{asked}</dl>\n"
        '<p class="soft">What you do is kept in this browser after every change, so that you can close the page and '
        "go on later. At the end you export a file and send it back. Nothing is sent by the page itself.</p>\n"
        '<div id="before"><h2>Go on</h2><ul class="plain" id="known"></ul></div>\n'
        '<h2>Begin</h2>\n<form id="who">\n<label for="name">Name or initials</label>'
        '<input type="text" id="name" required maxlength="60" autocomplete="off">\n'
        '<label for="years">Years of experience</label>'
        '<input type="number" id="years" required min="0" max="80" step="0.5">\n'
        '<button class="main">Begin</button>\n</form>\n'
        '<h2>Take up an exported file</h2>\n<p><input type="file" id="file" accept=".json,application/json" '
        'aria-label="A file that this study exported"></p>\n<p class="said" role="status"></p>\n</main>\n'
    )


def _dialogs() -> str:
    keys = "".join(
        f"<dt>{' '.join(f'<kbd>{escape(key)}</kbd>' for key in names.split(' '))}</dt><dd>{escape(words)}</dd>"
        for names, words in HELP
    )
    return (
        '<dialog id="ask"><form method="dialog"><h2 id="ask-title"></h2><p id="ask-text"></p><div class="row">'
        '<button id="ask-yes" value="yes"></button><button id="ask-no" value="no" class="main">Go back</button></div>'
        f'</form></dialog>\n<dialog id="help"><form method="dialog"><h2>Keys and mouse</h2><dl>{keys}</dl>'
        "<p>Drag an image to a rank below, by its bar when zoomed, or choose it and click the rank.</p>"
        '<div class="row"><button class="main">Close</button></div></form></dialog>\n'
        '<div id="ghost" hidden></div>\n'
    )


WINDOW = (
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><filter id="window" x="0" y="0" width="1" '
    'height="1" color-interpolation-filters="sRGB"><feComponentTransfer><feFuncR type="linear"/>'
    '<feFuncG type="linear"/><feFuncB type="linear"/></feComponentTransfer></filter></svg>\n'
)

READING = """<main id="reading" hidden>
<header>
<div class="asked"><h1 id="question"></h1><p id="what" class="soft"></p></div>
<div class="far"><p id="where"></p><progress id="progress" value="0" max="1" aria-label="Progress"></progress>
<p id="done" class="soft"></p></div>
<div><button type="button" id="back">Back</button> <button type="button" id="next">Next</button></div>
</header>
<div id="grid"></div>
<footer>
<div id="lanes" role="group" aria-label="Ranks"></div>
<div class="tools">
<label>Window <input type="range" id="slider-window" min="2" max="200"><output id="value-window"></output></label>
<label>Level <input type="range" id="slider-level" min="0" max="100"><output id="value-level"></output></label>
<span>Zoom <output id="value-zoom"></output></span>
<button type="button" id="reset">Reset</button>
<label class="grow">Comment <textarea id="comment" maxlength="2000"></textarea></label>
<button type="button" id="keys">Keys</button>
<button type="button" class="export">Export</button>
<button type="button" class="leave">Leave</button>
</div>
<p class="said" role="status"></p>
</footer>
</main>
"""

END = """<main id="end" hidden>
<h1 id="thanks"></h1>
<p>Export your answers and send the file back to whom you had the study from.</p>
<p id="open-text"></p>
<ul class="plain many" id="open"></ul>
<div class="row"><button type="button" class="export main" id="end-export">Export answers</button>
<button type="button" id="end-back">Back to the last case</button>
<button type="button" class="leave">Leave</button></div>
<p class="said" role="status"></p>
</main>
"""
