"""What was run: a table a model, from versions and commands to the hash of the weights."""

from dataclasses import dataclass
from typing import Any

from hifisyn.columns import CASE
from hifisyn.engine.progress import duration
from hifisyn.pages.plain_table import PlainTable, facts_table
from hifisyn.report.collect import Facts, TrainedFold
from hifisyn.report.section import Missing
from hifisyn.report.words import without_paths
from hifisyn.training import unpaired_score
from hifisyn.training.chosen_by import ChosenBy
from hifisyn.training.numbers import parse_column

PAIRED = {"psnr_brain": "brain PSNR", "ssim_brain": "brain SSIM", "correlation": "brain correlation"}
UNPAIRED = unpaired_score.WORDS


@dataclass(frozen=True)
class ModelRun:
    """What the runs of one fold recorded."""

    title: str
    facts: PlainTable
    progress: PlainTable | None


@dataclass(frozen=True)
class Runs:
    """All runs: an overview, a table a model, and the downstream tasks."""

    overview: PlainTable
    models: tuple[ModelRun, ...]
    downstream: PlainTable | None


def runs(facts: Facts) -> Runs | Missing:
    """Return what was run."""
    if not facts.trainings:
        return Missing("No model was trained", f"hifisyn_train {facts.name} T1 T2 fold0")
    overview = PlainTable(
        "All models of this data set. Time is that of all epochs, validation included.",
        ("model", "contrasts", "fold", "epochs", "steps", "time", "device", "evaluated"),
        [_line(training, facts.split) for training in facts.trainings],
        numbers=(3, 4),
    )
    models = [
        ModelRun(f"{t.label}: {t.model.contrasts}, fold {t.fold}", _facts(t, facts.data.private), _progress(t))
        for t in facts.trainings
    ]
    return Runs(overview, tuple(models), _downstream(facts))


def _line(training: TrainedFold, split: str) -> tuple[object, ...]:
    planned = training.plans.length.epochs
    epochs = f"{training.epochs:,}" if training.epochs >= planned else f"{training.epochs:,} of {planned:,}"
    steps = training.epochs * training.plans.length.iterations
    time = duration(training.seconds) if training.seconds else "unknown"
    done = f"{training.settings.get('split', split)}, {training.settings.get('checkpoint', '')}".strip(", ")
    evaluated = done if training.evaluation else "no"
    device = training.config.get("device", "")
    return training.label, training.model.contrasts, training.fold, epochs, f"{steps:,}", time, device, evaluated


def _facts(training: TrainedFold, private: bool) -> PlainTable:
    config, settings = training.config, training.settings
    changed = config.get("changed") or {}
    return facts_table(
        "as written by the training and the evaluation",
        [
            ("folder", f"{training.model.folder.parent.name}/{training.model.folder.name}/fold_{training.fold}"),
            ("method", training.model.method),
            ("command", without_paths(str(config.get("command", "")), private)),
            *(
                ("resumed by", without_paths(str(again.get("command", "")), private))
                for again in config.get("resumed", [])
            ),
            ("changed in the plans", ", ".join(f"{key} = {value}" for key, value in changed.items()) or "nothing"),
            ("best weights chosen by", training.chosen_by),
            ("seed", config.get("seed", "")),
            ("device, precision", ", ".join(str(config[k]) for k in ("device", "precision") if k in config)),
            ("processes", config.get("processes", "")),
            ("commit", config.get("commit") or ""),
            ("versions in training", _versions(config.get("versions"))),
            ("versions in evaluation", _versions(training.evaluation.get("versions"))),
            ("checkpoint", settings.get("checkpoint", "")),
            ("weights, SHA-256", settings.get("weights", "")),
            ("system", config.get("system", "")),
            ("not compared", _failures(training.evaluation, private)),
        ],
    )


def _progress(training: TrainedFold) -> PlainTable | None:
    """Return the validation at the first, the middle and the last epoch, in every direction."""
    rows = training.rows
    unpaired = training.chosen_by == ChosenBy.UNPAIRED
    words = UNPAIRED if unpaired else PAIRED
    columns = {key: parsed for key in rows.columns if (parsed := parse_column(key)) and parsed[1] in words}
    if rows.empty or not columns:
        return None
    chosen = sorted({0, (len(rows) - 1) // 2, len(rows) - 1})
    head = [f"{direction}: {words[name]}" for direction, name in columns.values()]
    body = [(f"{int(rows.iloc[i]['epoch'])}", *(f"{rows.iloc[i][key]:.3g}" for key in columns)) for i in chosen]
    return PlainTable(
        f"validation during training{' without pairs' if unpaired else ''}; it chose the best checkpoint",
        ("epoch", *head),
        body,
        numbers=range(1, len(head) + 1),
    )


def _downstream(facts: Facts) -> PlainTable | None:
    if not facts.downstream:
        return None
    rows = [
        (
            f"{entry.task}, {entry.direction}",
            entry.label,
            entry.settings.get("tool", ""),
            len(entry.cases[CASE].unique()) if CASE in entry.cases else len(entry.cases),
            _versions(entry.summary.get("versions")),
            _failures(entry.summary, facts.data.private) or "none",
        )
        for entry in facts.downstream
    ]
    head = ("task", "model", "tool", "cases", "versions", "failed")
    return PlainTable("as written by the tasks", head, rows, numbers=(3,))


def _versions(versions: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in (versions or {}).items())


def _failures(summary: dict[str, Any], private: bool) -> str:
    failures = summary.get("failures") or {}
    return "; ".join(f"{case}: {without_paths(str(reason), private)}" for case, reason in failures.items())
