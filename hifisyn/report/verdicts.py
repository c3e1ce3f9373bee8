"""Which baselines each model beats on its own validation cases, in the report: a table of all directions."""

from dataclasses import dataclass

from hifisyn.inference.track_record import standing
from hifisyn.pages.plain_table import PlainTable
from hifisyn.report.collect import Facts
from hifisyn.report.section import Missing

CAPTION = (
    "Beaten is a baseline whose SSIM and correlation in the brain are both lower, means over validation cases. These "
    "also chose the weights, so the verdict flatters; the tables below are what counts."
)


@dataclass(frozen=True)
class Verdicts:
    """What the section shows.

    Attributes:
        tables: one, a row a model and direction.
        lines: none.
    """

    tables: tuple[PlainTable, ...]
    lines: tuple[str, ...] = ()


def verdicts(facts: Facts) -> Verdicts | Missing:
    """Return the verdict of every model and direction."""
    rows = [
        (training.title, str(direction), standing(training.model, (training.fold,), direction))
        for training in facts.trainings
        for direction in training.model.directions
    ]
    if not rows:
        return Missing("No model was trained", f"hifisyn_train {facts.name} T1 T2 fold0")
    return Verdicts((PlainTable(CAPTION, ("model", "direction", "against what needs no training"), rows),))
