"""Makes a study: draws it, writes the page for the readers, and the key apart from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.dataset import TISSUES
from hifisyn.errors import UserError
from hifisyn.files import write_text
from hifisyn.paths import READER_STUDY, Roots, plans_file, slices_folder
from hifisyn.plans import Plans
from hifisyn.reader_study.build_key import build_key
from hifisyn.reader_study.design import Trial, View, arrange, draw_cases, draw_slices
from hifisyn.reader_study.evaluated import EvaluatedModels, find_evaluated, short_names
from hifisyn.reader_study.images import REAL, Pictures, count_pixels, read_pictures
from hifisyn.reader_study.key import write_key
from hifisyn.reader_study.page import Shown, render_study, study_id
from hifisyn.reader_study.request import StudyRequest
from hifisyn.slices import SliceStore

STUDY_HTML = "study.html"
MOST_CASES, MOST_IMAGES = 18, 20


@dataclass(frozen=True)
class Study:
    """A study on the disk.

    Attributes:
        page: study.html.
        key: key.json.
        trials: what it shows, in order; in a study of detection with one image each.
        candidates: name to title.
        notes: sentences for the owner of the study.
    """

    page: Path
    key: Path
    trials: tuple[Trial, ...]
    candidates: dict[str, str]
    notes: tuple[str, ...]

    @property
    def size(self) -> str:
        """How much there is to read, in words."""
        views = {trial.view for trial in self.trials}
        images = sum(len(trial.candidates) for trial in self.trials if not trial.repeats)
        return (
            f"{len({view.case for view in views})} cases, {len(views)} views, {images} images of "
            f"{len(self.candidates)} candidates, {sum(trial.repeats for trial in self.trials)} views repeated"
        )


def make_study(request: StudyRequest, roots: Roots, folder: Path | None = None, *, overwrite: bool = False) -> Study:
    """Draw a study and write study.html and key/key.json.

    Args:
        request: what to make it of.
        roots: where the data set and the models are.
        folder: where the study goes; none: reader_study in the results of the data set.
        overwrite: replace an earlier study.

    Raises:
        UserError: there is nothing to compare, the request contradicts itself, or a study exists already.
    """
    if request.with_real and request.show_real:
        raise UserError("--with-real and --show-real exclude each other", hint="leave out one")
    folder = folder or roots.results / request.dataset / READER_STUDY
    refuse_existing(folder, overwrite=overwrite)
    evaluated = find_evaluated(
        roots.results,
        request.dataset,
        models=request.models,
        direction=request.direction,
        split=request.split,
        fold=request.fold,
        least=1 if request.with_real else 2,
    )
    titles = short_names(evaluated.names) | ({REAL: "real scan"} if request.with_real else {})
    if len(titles) > MOST_IMAGES:
        raise UserError(f"a case can have {MOST_IMAGES} images at most", got=len(titles), hint="choose with --model")
    plans, store = shared_slices(evaluated, roots.preprocessed_dataset(request.dataset))
    trials = _draw(request, evaluated, list(titles), plans, store)
    pictures = {
        view: read_pictures(view, store, evaluated.folders[view.direction], request.with_real)
        for view in {trial.view for trial in trials}
    }
    shown = [_shown(trial, pictures[trial.view], request.show_real) for trial in trials]
    write_text(folder / STUDY_HTML, render_study(shown))
    key = build_key(request, evaluated, titles, trials, study=study_id(shown), page=folder / STUDY_HTML)
    written = write_key(folder, key)
    return Study(folder / STUDY_HTML, written, tuple(trials), titles, _notes(evaluated, trials, len(titles)))


def refuse_existing(folder: Path, *, overwrite: bool) -> None:
    """Raise UserError where a folder holds a study that is not to be replaced."""
    if (folder / STUDY_HTML).exists() and not overwrite:
        what = f"{folder} already contains a study, whose answers do not fit a new one"
        raise UserError(what, hint="pass --overwrite, or another folder with -o")


def shared_slices(evaluated: EvaluatedModels, dataset: Path) -> tuple[Plans, SliceStore]:
    """Return the plans that all candidates share, and the slices extracted by them.

    Raises:
        UserError: the plans differ.
    """
    folders = {folder.parents[1] for named in evaluated.folders.values() for folder in named.values()}
    plans = [Plans.load(plans_file(folder)) for folder in sorted(folders)]
    names = sorted({plan.name for plan in plans})
    if len(names) > 1:
        what = "all models must have the same plans, so that their slices are the same"
        raise UserError(what, got=" and ".join(names), hint="choose with --model")
    return plans[0], SliceStore(slices_folder(dataset, names[0]))


def _draw(
    request: StudyRequest, evaluated: EvaluatedModels, candidates: list[str], plans: Plans, store: SliceStore
) -> list[Trial]:
    rng = np.random.default_rng(request.seed)
    lesions = [value for name, value in plans.labels.items() if name not in TISSUES]
    views = []
    for case, direction in draw_cases(evaluated.subjects, request.cases, MOST_CASES, rng):
        for index in draw_slices(*count_pixels(store, case, lesions), request.slices, rng):
            views.append(View(case, index, direction))
    return arrange(views, candidates, min(request.repeats, len(views)), rng)


def _shown(trial: Trial, pictures: Pictures, show_real: bool) -> Shown:
    source, target = trial.view.direction
    references = [(f"Source: {source}", pictures.source)]
    if show_real:
        references.append((f"Real {target}", pictures.target))
    images = tuple(pictures.candidates[name] for name in trial.candidates)
    return Shown(source, target, tuple(references), images)


def _notes(evaluated: EvaluatedModels, trials: list[Trial], images: int) -> tuple[str, ...]:
    notes = [f"left out: {one}, with {', '.join(names)} only" for one, names in evaluated.left_out.items()]
    cases = len({trial.view.case for trial in trials})
    if evaluated.split == "val":
        notes.append("the cases are validation cases, by which checkpoints were chosen: they are not independent")
    if cases < images:
        notes.append(
            f"{cases} cases are fewer than the {images} images of a case: places are only partly balanced over cases"
        )
    return tuple(notes)
