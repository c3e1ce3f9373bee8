"""The page of a cohort: one file that needs no network, no other file and no script."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from hifisyn import __version__
from hifisyn.pages.data_uri import picture_uri
from hifisyn.pages.environment import render
from hifisyn.preprocessing.registration_checks import FAILED, TRUSTED, Checks
from hifisyn.preprocessing.steps import Step
from hifisyn.quality.measures import CohortMeasures, Measure
from hifisyn.quality.outliers import FEWEST, THRESHOLD, Ranking, Reason, Spread, find_outliers, format_number, reasons
from hifisyn.quality.strip import Strip, lay_out_strip

PICTURES = "pictures"
MOST_ROWS, MOST_PICTURES, MOST_STEPS, MOST_EXAMPLES = 500, 40, 30, 5
THUMBNAIL_PIXELS, JPEG_QUALITY = 640, 72


@dataclass(frozen=True)
class Scored:
    """A number of a case, NaN where it has none, and whether the case is an outlier by it."""

    value: float
    outlying: bool

    @property
    def known(self) -> bool:
        """Whether the case has the number."""
        return bool(np.isfinite(self.value))


@dataclass(frozen=True)
class Card:
    """A case with its picture, a data URI; "" where there is none that can be read.

    `untrusted` holds the checks of its registrations that are not trusted, by modality.
    """

    case: str
    thumbnail: str
    link: str
    score: Scored
    reasons: list[Reason]
    untrusted: dict[str, Checks]


@dataclass(frozen=True)
class MeasureRow:
    """A measurement over the cohort."""

    measure: Measure
    spread: Spread
    strip: Strip
    outliers: int


@dataclass(frozen=True)
class CaseRow:
    """A case with its measurements; `link` leads to its picture and is "" where there is none."""

    case: str
    link: str
    score: Scored
    reasons: list[Reason]
    measured: list[Scored]


@dataclass(frozen=True)
class StepRow:
    """How a step was done in `count` cases; examples only where these are not most cases."""

    stage: str
    step: Step | None
    count: int
    examples: list[str]
    more_examples: bool


def render_cohort(
    folder: Path,
    name: str,
    cohort: CohortMeasures,
    ranking: Ranking,
    failures: Mapping[str, str],
    lesions: str = "",
) -> str:
    """Return the page as HTML.

    Args:
        folder: of the preprocessed data set, where the page will lie; its pictures are looked for there.
        name: of the data set.
        cohort: the numbers of the aligned cases.
        ranking: of those cases.
        failures: case that was left out to its reason.
        lesions: how lesions differ between contrasts; "" where they do not.
    """
    order = [int(place) for place in ranking.order]
    pictured = {path.stem for path in (folder / PICTURES).glob("*.png")}
    return render(
        "quality/page.html.jinja",
        name=name,
        version=__version__,
        cohort=cohort,
        ranking=ranking,
        failures=failures,
        lesions=lesions,
        cards=[_card(folder, cohort, ranking, place) for place in order[:MOST_PICTURES]],
        measured=[_measure_row(cohort, ranking, measure) for measure in cohort.measures],
        rows=[_case_row(cohort, ranking, place, cohort.cases[place] in pictured) for place in order[:MOST_ROWS]],
        steps=list(_step_rows(cohort)),
        number=format_number,
        threshold=THRESHOLD,
        trusted=TRUSTED,
        failed=FAILED,
        fewest=FEWEST,
        most_rows=MOST_ROWS,
    )


def _card(folder: Path, cohort: CohortMeasures, ranking: Ranking, place: int) -> Card:
    case = cohort.cases[place]
    picture = picture_uri(folder / PICTURES / f"{case}.png", width=THUMBNAIL_PIXELS, quality=JPEG_QUALITY)
    untrusted = cohort.untrusted.get(case, {})
    return Card(case, picture, _link(case), _score(ranking, place), reasons(cohort, ranking, place), untrusted)


def _score(ranking: Ranking, place: int) -> Scored:
    return Scored(ranking.score[place], ranking.score[place] > THRESHOLD)


def _measure_row(cohort: CohortMeasures, ranking: Ranking, measure: Measure) -> MeasureRow:
    values, spread = cohort.values[measure.key], ranking.spreads[measure.key]
    outliers = [(cohort.cases[place], float(values[place])) for place in find_outliers(ranking, measure)]
    return MeasureRow(measure, spread, lay_out_strip(measure, values, spread, outliers), len(outliers))


def _case_row(cohort: CohortMeasures, ranking: Ranking, place: int, pictured: bool) -> CaseRow:
    case = cohort.cases[place]
    measured = [
        Scored(cohort.values[measure.key][place], abs(ranking.z[measure.key][place]) > THRESHOLD)
        for measure in cohort.measures
    ]
    link = _link(case) if pictured else ""
    return CaseRow(case, link, _score(ranking, place), reasons(cohort, ranking, place), measured)


def _step_rows(cohort: CohortMeasures) -> Iterator[StepRow]:
    for stage, steps in cohort.steps.items():
        for step, count in Counter(steps).most_common(MOST_STEPS):
            same = _cases_with(cohort.cases, steps, step) if count <= len(steps) // 2 else []
            yield StepRow(stage, step, count, same[:MOST_EXAMPLES], len(same) > MOST_EXAMPLES)


def _cases_with(cases: Sequence[str], steps: Sequence[Step | None], step: Step | None) -> list[str]:
    return [case for case, own in zip(cases, steps, strict=True) if own == step]


def _link(case: str) -> str:
    """Return the relative address of the full picture, safe between quotation marks."""
    return f"{PICTURES}/{quote(f'{case}.png', safe='')}"
