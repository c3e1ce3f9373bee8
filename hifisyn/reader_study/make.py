"""Making a study: draw it, write the page for the readers, and the key apart from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hifisyn import __version__
from hifisyn.dataset import TISSUES
from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.files import read_json, sha256, write_text
from hifisyn.paths import READER_STUDY, Roots, plans_file, slices_folder
from hifisyn.plans import Plans
from hifisyn.reader_study import key as keys
from hifisyn.reader_study.design import Trial, View, arrange, draw_cases, draw_slices
from hifisyn.reader_study.evaluated import Evaluated, find, short_names
from hifisyn.reader_study.images import REAL, Pictures, counts, pictures
from hifisyn.reader_study.page import Shown, image_id, render_study, study_id, trial_id
from hifisyn.slices import SliceStore

STUDY_HTML = "study.html"
MOST_CASES, MOST_IMAGES = 18, 20


@dataclass(frozen=True)
class Wishes:
    """What a study shall be.

    Attributes:
        dataset: name of the data set.
        models: names or paths of model folders; empty: all that were evaluated.
        direction: source and target; none: all that were evaluated, shared evenly among the cases.
        split: see `hifisyn.reader_study.evaluated.find`.
        fold: see there.
        cases: how many; none: one of every subject, 18 at the most, as the paper has.
        slices: of each case.
        repeats: views to show twice.
        seed: the same seed draws the same study.
        with_real: hide the real target among the images.
        show_real: show the real target beside the source.
    """

    dataset: str
    models: tuple[str, ...] = ()
    direction: Direction | None = None
    split: str | None = None
    fold: int | str | None = None
    cases: int | None = None
    slices: int = 1
    repeats: int = 2
    seed: int = 0
    with_real: bool = False
    show_real: bool = False


@dataclass(frozen=True)
class Study:
    """A study that was made.

    Attributes:
        page: study.html.
        key: key.json.
        trials: what it shows, in order.
        candidates: name to name for people.
        notes: lines for who made it.
    """

    page: Path
    key: Path
    trials: tuple[Trial, ...]
    candidates: dict[str, str]
    notes: tuple[str, ...]


def make(wishes: Wishes, roots: Roots, folder: Path | None = None, *, overwrite: bool = False) -> Study:
    """Draw a study and write study.html and key/key.json.

    Args:
        wishes: what it shall be.
        roots: where the data set and the models are.
        folder: where the study goes; none: reader_study in the results of the data set.
        overwrite: replace an earlier study.

    Raises:
        UserError: there is nothing to compare, wishes contradict each other, or a study is there already.
    """
    if wishes.with_real and wishes.show_real:
        raise UserError("wanted the real target hidden or shown, found both; leave out --with-real or --show-real")
    folder = folder or roots.results / wishes.dataset / READER_STUDY
    if (folder / STUDY_HTML).exists() and not overwrite:
        raise UserError(f"{folder}: holds a study already, whose answers a new one cannot read; pass --overwrite or -o")
    evaluated = find(
        roots.results,
        wishes.dataset,
        models=wishes.models,
        direction=wishes.direction,
        split=wishes.split,
        fold=wishes.fold,
        least=1 if wishes.with_real else 2,
    )
    titles = short_names(evaluated.names) | ({REAL: "real scan"} if wishes.with_real else {})
    if len(titles) > MOST_IMAGES:
        raise UserError(f"wanted at most {MOST_IMAGES} images a case, found {len(titles)}; choose with --model")
    plans, store = _slices(evaluated, roots.preprocessed_dataset(wishes.dataset))
    trials = _draw(wishes, evaluated, list(titles), plans, store)
    seen = {trial.view for trial in trials}
    shots = {
        view: pictures(view, store, evaluated.folders[Direction(view.source, view.target)], wishes.with_real)
        for view in seen
    }
    shown = [_shown(trial, shots[trial.view], wishes.show_real) for trial in trials]
    write_text(folder / STUDY_HTML, render_study(shown))
    written = keys.write(folder, _key(wishes, evaluated, titles, trials, study_id(shown), folder / STUDY_HTML))
    return Study(folder / STUDY_HTML, written, tuple(trials), titles, _notes(evaluated, trials, len(titles)))


def _slices(evaluated: Evaluated, dataset: Path) -> tuple[Plans, SliceStore]:
    """Return the plans that all candidates share, and the slices made by them."""
    folders = {folder.parents[1] for named in evaluated.folders.values() for folder in named.values()}
    plans = [Plans.load(plans_file(folder)) for folder in sorted(folders)]
    names = sorted({plan.name for plan in plans})
    if len(names) > 1:
        raise UserError(
            f"wanted models of one plan, which have the same slices, found {' and '.join(names)}; choose with --model"
        )
    return plans[0], SliceStore(slices_folder(dataset, names[0]))


def _draw(wishes: Wishes, evaluated: Evaluated, candidates: list[str], plans: Plans, store: SliceStore) -> list[Trial]:
    rng = np.random.default_rng(wishes.seed)
    lesions = [value for name, value in plans.labels.items() if name not in TISSUES]
    views = []
    for case, (source, target) in draw_cases(evaluated.subjects, wishes.cases, MOST_CASES, rng):
        for index in draw_slices(*counts(store, case, lesions), wishes.slices, rng):
            views.append(View(case, index, source, target))
    return arrange(views, candidates, min(wishes.repeats, len(views)), rng)


def _shown(trial: Trial, shot: Pictures, show_real: bool) -> Shown:
    view = trial.view
    references = [(f"Source: {view.source}", shot.source)]
    if show_real:
        references.append((f"Real {view.target}", shot.target))
    images = tuple(shot.candidates[name] for name in trial.candidates)
    return Shown(view.source, view.target, tuple(references), images)


def _key(
    wishes: Wishes, evaluated: Evaluated, titles: dict[str, str], trials: list[Trial], study: str, page_file: Path
) -> keys.Key:
    settings: dict[str, Any] = {name: getattr(wishes, name) for name in wishes.__dataclass_fields__}
    settings |= {"models": ", ".join(wishes.models), "direction": str(wishes.direction) if wishes.direction else None}
    return keys.Key(
        study=study,
        page_sha256=sha256(page_file),
        settings=settings | {"split": evaluated.split},
        versions={"hifisyn": __version__, "numpy": np.__version__},
        candidates={name: _candidate(name, title, evaluated) for name, title in titles.items()},
        trials={
            trial_id(number): keys.KeyTrial(
                case=trial.view.case,
                slice=trial.view.slice,
                source=trial.view.source,
                target=trial.view.target,
                repeats=trial.repeats,
                images={image_id(number, place): name for place, name in enumerate(trial.candidates)},
            )
            for number, trial in enumerate(trials, 1)
        },
    )


def _candidate(name: str, title: str, evaluated: Evaluated) -> keys.Candidate:
    folders = {str(one): named[name] for one, named in evaluated.folders.items() if name in named}
    weights = {one: _weights(folder) for one, folder in folders.items()}
    return keys.Candidate(
        title=title,
        evaluations={one: str(folder) for one, folder in folders.items()},
        weights={one: digest for one, digest in weights.items() if digest},
    )


def _weights(folder: Path) -> str:
    summary = folder / "summary.json"
    settings = read_json(summary).get("settings", {}) if summary.is_file() else {}
    return str(settings.get("weights") or "")


def _notes(evaluated: Evaluated, trials: list[Trial], images: int) -> tuple[str, ...]:
    notes = [f"left out, too few models: {line}" for line in evaluated.left_out]
    cases = len({trial.view.case for trial in trials})
    if evaluated.split == "val":
        notes.append("the cases are validation cases, by which checkpoints were chosen: not independent")
    if cases < images:
        notes.append(
            f"{cases} cases are fewer than {images} images a case: places are balanced over cases only in part"
        )
    return tuple(notes)
