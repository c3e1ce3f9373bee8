"""What the rows of an experiment cost: parameters, steps and time, to stand beside their quality."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import pandas as pd
import torch

from hifisyn.columns import METHOD
from hifisyn.experiments.tables import ROW
from hifisyn.experiments.trainings import Training
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head, heads
from hifisyn.tables.table import Table


def cost(trainings: Sequence[Training], head: str = METHOD) -> Table:
    """Return what each row took: parameters in training, steps, seconds a step, minutes; mean over its trainings.

    Args:
        trainings: of all rows.
        head: of the column of rows.
    """
    parameters, rows, numbers = _parameters(trainings), [], []
    for row in dict.fromkeys(training.row for training in trainings):
        own = [training for training in trainings if training.row == row]
        steps, seconds = fmean(t.steps for t in own), fmean(t.seconds() for t in own)
        numbers.append({ROW: row.name, "parameters": parameters[row.name], "steps": steps, "seconds": seconds})
        millions = f"{parameters[row.name] / 1e6:.2f}"
        texts = (row.name, millions, f"{steps:.0f}", f"{seconds / steps:.2f}", f"{seconds / 60:.1f}")
        rows.append(tuple(map(Cell, texts)))
    shown = heads(head, "parameters (M)", "steps", "seconds a step", "minutes")
    note = (
        "Numbers are of one training: parameters of all networks that it holds, for all its directions. Time is what "
        f"went by, validation and sample sheets included, also beside other work of the machine.{_pairs(trainings)}"
    )
    return Table("Cost", note, shown, tuple(rows), pd.DataFrame(numbers))


def seconds_a_step(trainings: Sequence[Training]) -> dict[str, float]:
    """Return the seconds of a step by row, mean over its trainings, validation and sample sheets included."""
    rows = dict.fromkeys(training.row.name for training in trainings)
    own = {row: [t for t in trainings if t.row.name == row] for row in rows}
    return {row: fmean(t.seconds() for t in ts) / fmean(t.steps for t in ts) for row, ts in own.items()}


def beside_quality(table: Table, seconds: Mapping[str, float]) -> Table:
    """Return a table of quality with the seconds of a step in a last column.

    Args:
        table: whose first cells name the rows.
        seconds: by row; a row without has an empty cell.
    """
    if not seconds:
        return table
    texts = [f"{seconds[row[0].text]:.2f}" if row[0].text in seconds else "" for row in table.rows]
    rows = tuple((*row, Cell(text)) for row, text in zip(table.rows, texts, strict=True))
    return replace(table, head=(*table.head, Head("seconds a step", "cost")), rows=rows).noted(
        "Seconds a step: those of the whole training, validation included, over its steps."
    )


def _pairs(trainings: Sequence[Training]) -> str:
    """Return how many trainings a row has, where not all have the same number."""
    sets: dict[str, set[tuple[str, ...]]] = {}
    for training in trainings:
        sets.setdefault(training.row.name, set()).add(training.job.domains)
    counts = {row: len(own) for row, own in sets.items()}
    if len(set(counts.values())) <= 1:
        return ""
    return f" Trainings of a row: {', '.join(f'{row} {count}' for row, count in counts.items())}."


def _parameters(trainings: Sequence[Training]) -> dict[str, int]:
    """Return how many parameters the networks of each row have, all that a training holds."""
    first = {training.row.name: training.job for training in reversed(trainings)}
    return {
        row: sum(p.numel() for p in job.new_trainer(torch.device("cpu")).networks.parameters())
        for row, job in first.items()
    }
