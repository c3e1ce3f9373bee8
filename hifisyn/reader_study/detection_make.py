"""Makes a study of detection: one image at a time, real or synthetic; is there a lesion, and where."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hifisyn import __version__
from hifisyn.dataset import TISSUES
from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.files import sha256, write_text
from hifisyn.paths import READER_STUDY, Roots
from hifisyn.plans import Plans
from hifisyn.reader_study.build_key import candidate_of
from hifisyn.reader_study.design import Trial, View, draw_cases
from hifisyn.reader_study.detection_design import arrange_looks, draw_both_kinds
from hifisyn.reader_study.detection_key import DetectionKey, DetectionTrial, runs_of
from hifisyn.reader_study.detection_page import render_detection, study_id_of
from hifisyn.reader_study.evaluated import EvaluatedModels, find_evaluated, short_names
from hifisyn.reader_study.images import REAL, bounding_square, count_pixels, crop_mask, read_pictures
from hifisyn.reader_study.key import write_key
from hifisyn.reader_study.make import MOST_CASES, STUDY_HTML, Study, refuse_existing, shared_slices
from hifisyn.reader_study.page import trial_id
from hifisyn.reader_study.request import StudyRequest
from hifisyn.slices import SliceStore

NO_LESION = "a study of detection needs label maps with lesions"


def make_detection(
    request: StudyRequest, roots: Roots, folder: Path | None = None, *, overwrite: bool = False
) -> Study:
    """Draw a study and write study.html and key/key.json; the arguments are those of `make_study`.

    Raises:
        UserError: no case has a lesion, or one of the reasons of `make_study`.
    """
    if request.with_real or request.show_real or request.repeats:
        raise UserError(
            "a study of detection has the real scan among its images, and no repeats",
            hint="leave out --with-real, --show-real and --repeats",
        )
    folder = folder or roots.results / request.dataset / READER_STUDY
    refuse_existing(folder, overwrite=overwrite)
    evaluated = find_evaluated(
        roots.results,
        request.dataset,
        models=request.models,
        direction=request.direction,
        split=request.split,
        fold=request.fold,
        least=1,
    )
    titles = short_names(evaluated.names) | {REAL: "real scan"}
    plans, store = shared_slices(evaluated, roots.preprocessed_dataset(request.dataset))
    values = [value for name, value in plans.labels.items() if name not in TISSUES]
    rng = np.random.default_rng(request.seed)
    views, unlabelled = _draw_views(request, evaluated, store, values, rng)
    looks = arrange_looks(views, list(titles), rng)
    pictures = {view: read_pictures(view, store, evaluated.folders[view.direction], with_real=True) for view in views}
    shown = [(look.view.direction.target, pictures[look.view].candidates[look.candidates[0]]) for look in looks]
    write_text(folder / STUDY_HTML, render_detection(shown))
    truth = {view: _lesion(store, view, values) for view in views}
    key = DetectionKey(
        study=study_id_of(shown),
        page_sha256=sha256(folder / STUDY_HTML),
        settings=asdict(request)
        | {
            "models": ", ".join(request.models),
            "direction": str(request.direction) if request.direction else None,
            "split": evaluated.split,
        },
        versions={"hifisyn": __version__, "numpy": np.__version__},
        pixel_mm=plans.slices.pixel_mm,
        candidates={name: candidate_of(name, title, evaluated) for name, title in titles.items()},
        trials={
            trial_id(number): _trial(look, truth[look.view], evaluated.subjects) for number, look in enumerate(looks, 1)
        },
    )
    written = write_key(folder, key)
    return Study(folder / STUDY_HTML, written, tuple(looks), titles, _notes(evaluated, views, truth, unlabelled, plans))


def _draw_views(
    request: StudyRequest,
    evaluated: EvaluatedModels,
    store: SliceStore,
    lesions: list[int],
    rng: np.random.Generator,
) -> tuple[list[View], int]:
    """Return the slices to show, and how many cases without a label map were left out.

    Raises:
        UserError: slices of one kind are missing.
    """
    everyone = {case for cases in evaluated.subjects.values() for case in cases}
    labelled = {case for case in everyone if store.record(case).get("labelled")}
    subjects = {
        one: {case: owner for case, owner in cases.items() if case in labelled}
        for one, cases in evaluated.subjects.items()
    }
    if not labelled or not lesions:
        raise UserError(NO_LESION, got=f"{len(labelled)} labelled cases, {len(lesions)} labels of lesions")
    views, ill = [], 0
    for case, direction in draw_cases(subjects, request.cases, MOST_CASES, rng):
        brain, lesion = count_pixels(store, case, lesions)
        assert lesion is not None, "the case has labels"
        within, without = draw_both_kinds(brain, lesion, request.slices, rng)
        views += [View(case, index, direction) for index in (*within, *without)]
        ill += len(within)
    if not 0 < ill < len(views):
        kind = "with" if not ill else "without"
        raise UserError(f"{NO_LESION}, and slices of both kinds", got=f"no slice {kind} a lesion")
    return views, len(everyone - labelled)


def _lesion(store: SliceStore, view: View, lesions: list[int]) -> np.ndarray:
    """Return where the lesion lies in the picture of a view: (side, side), bool."""
    window = bounding_square(store.brain(view.case, view.slice))
    return crop_mask(np.isin(store.label(view.case)[view.slice], lesions), window)


def _trial(look: Trial, lesion: np.ndarray, subjects: Mapping[Direction, Mapping[str, str]]) -> DetectionTrial:
    view = look.view
    return DetectionTrial(
        case=view.case,
        subject=subjects[view.direction][view.case],
        slice=view.slice,
        source=view.direction.source,
        target=view.direction.target,
        candidate=look.candidates[0],
        side=len(lesion),
        lesion=runs_of(lesion),
    )


def _notes(
    evaluated: EvaluatedModels,
    views: list[View],
    truth: Mapping[View, np.ndarray],
    unlabelled: int,
    plans: Plans,
) -> tuple[str, ...]:
    ill = sum(bool(truth[view].any()) for view in views)
    notes = [f"{ill} slices with a lesion and {len(views) - ill} without, each shown by every candidate"]
    if unlabelled:
        notes.append(f"{unlabelled} cases without a label map are left out: whether they have a lesion is not known")
    if evaluated.split == "val":
        notes.append("the cases are validation cases, by which checkpoints were chosen: they are not independent")
    counted = ", ".join(name for name in plans.labels if name not in TISSUES)
    notes.append(f"as a lesion counts: {counted}")
    return tuple(notes)
