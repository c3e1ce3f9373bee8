"""The files of an evaluation: CSV tables, a summary and pictures; and the table that is printed."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation.measures import MEASURES, TITLES
from hifisyn.files import atomic, write_json
from hifisyn.intensities import OUTSIDE
from hifisyn.metrics.image import DATA_RANGE
from hifisyn.pictures import brain_window, evenly, new_figure, save_figure, sheet

SUMMARY_JSON = "summary.json"
METRICS_PNG = "metrics.png"
BOXES_IN_A_ROW = 4
SSIM = "Wang et al. 2004, Gaussian window 11x11, sigma 1.5, on intensities shifted to begin at 0"
TERMS = {
    "data_range": DATA_RANGE,
    "ssim": SSIM,
    "ms_ssim": "Wang et al. 2003, five scales or as many as fit, on intensities shifted to begin at 0",
    "nmse": "sum of squared errors / sum of squares of the truth, intensities shifted to begin at 0",
}
PACKAGES = ("hifisyn", "numpy", "pandas", "scikit-image", "nibabel")


def claim(folder: Path, overwrite: bool) -> None:
    """Check that results may go into `folder`.

    Raises:
        UserError: an earlier evaluation lies there and `overwrite` is false.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} must be a folder", got="a file", hint="choose another name for -o")
    if (folder / SUMMARY_JSON).exists() and not overwrite:
        hint = "pass --overwrite or choose another folder with -o"
        raise UserError(f"{folder} already holds an evaluation", hint=hint)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, atomically, six digits after the point."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f")


def write_summary(path: Path, content: dict[str, Any], failures: Sequence[Failure]) -> None:
    """Write `summary` to a file."""
    write_json(path, summary(content, failures))


def summary(content: dict[str, Any], failures: Sequence[Failure]) -> dict[str, Any]:
    """Return content with the failures and the versions of the packages behind it, as data that JSON knows."""
    failed = {failure.case: failure.reason for failure in failures}
    versions = {name: version(name) for name in PACKAGES}
    return {key: _plain(value) for key, value in (content | {"failures": failed, "versions": versions}).items()}


def _plain(value: Any) -> Any:
    """Return data that JSON knows: NaN becomes null, infinity its name, tables lists of rows."""
    if isinstance(value, pd.DataFrame):
        return _plain(value.to_dict(orient="records"))
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return value


def mean_and_spread(
    table: pd.DataFrame, keys: Sequence[str], measures: Sequence[str] = MEASURES, titles: dict[str, str] = TITLES
) -> str:
    """Return the table of a data set as text: `mean ± standard deviation` of each measure."""
    shown = table[list(keys)].copy()
    for measure in measures:
        digits = 2 if "psnr" in measure else 3
        columns = zip(table[measure], table[f"{measure}_std"], strict=True)
        shown[titles.get(measure, measure)] = [_with_spread(mean, std, digits) for mean, std in columns]
    text: str = shown.to_string(index=False)
    return text


def failure_lines(failures: Sequence[Failure]) -> str:
    """Return one line a failure."""
    width = max((len(failure.case) for failure in failures), default=0)
    return "\n".join(f"{failure.case:<{width}}  {failure.reason}" for failure in failures)


def boxes(path: Path, cases: pd.DataFrame, by: str, measures: Sequence[str], titles: dict[str, str] = TITLES) -> None:
    """Draw one panel a measure and one box a value of `by`, over cases, each case a dot; infinite values left out.

    At most four panels stand in a row.

    Args:
        path: the PNG file.
        cases: one row a case.
        by: column whose values each get a box.
        measures: columns to draw.
        titles: name of each measure.
    """
    groups = list(dict.fromkeys(cases[by]))
    across, down = min(len(measures), BOXES_IN_A_ROW), -(-len(measures) // BOXES_IN_A_ROW)
    figure = new_figure((0.9 + 0.4 * len(groups)) * across, 3.6 * down, layout="constrained")
    for place, measure in enumerate(measures, 1):
        axis = figure.add_subplot(down, across, place)
        values = [cases.loc[cases[by] == group, measure].to_numpy(dtype=float) for group in groups]
        values = [entry[np.isfinite(entry)] for entry in values]
        axis.boxplot(values, widths=0.6, showfliers=False, medianprops={"color": "black"})
        for column, entry in enumerate(values, 1):
            axis.plot(np.full(len(entry), column), entry, "o", ms=3, alpha=0.5)
        axis.set_title(titles.get(measure, measure), fontsize=8)
        axis.set_xticks(range(1, len(groups) + 1), [str(group) for group in groups], rotation=40, ha="right")
        axis.tick_params(labelsize=7)
    save_figure(figure, path)


def comparison_sheet(path: Path, columns: dict[str, np.ndarray], counted: Sequence[int], title: str) -> None:
    """Draw up to six of the `counted` slices of all columns, and the difference of the last two."""
    synthetic, truth = list(columns)[-2:]
    difference = f"{synthetic} - {truth}"
    window = _square(columns[truth] > OUTSIDE)
    shown = {
        name: stack[window] for name, stack in (columns | {difference: columns[synthetic] - columns[truth]}).items()
    }
    sheet(path, shown, title=title, error=[difference], slices=_choose(counted))


def outline_sheet(
    path: Path, columns: dict[str, np.ndarray], outline: dict[str, np.ndarray], counted: Sequence[int], title: str
) -> None:
    """Draw up to six of the `counted` slices of all columns, each with the borders of its label map."""
    window = _square(np.any([stack > OUTSIDE for stack in columns.values()], axis=0))
    plain = {name: stack[window] for name, stack in columns.items()}
    outlined = {f"{name}, outlined": stack for name, stack in plain.items()}
    borders = {f"{name}, outlined": labels[window] for name, labels in outline.items()}
    sheet(path, plain | outlined, title=title, slices=_choose(counted), outline=borders)


def _square(brain: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the whole stack, and the rows and columns of the square around the brain, as far as the slices reach."""
    window = brain_window(brain)
    side = max(span.stop - span.start for span in window)
    spans = []
    for span, size in zip(window, brain.shape[1:], strict=True):
        first = max(0, min((span.start + span.stop - side) // 2, size - side))
        spans.append(slice(first, min(first + side, size)))
    return slice(None), spans[0], spans[1]


def _choose(counted: Sequence[int]) -> list[int]:
    """Return up to six of the slices, evenly spread."""
    return [int(counted[index]) for index in evenly(len(counted), 6)]


def _with_spread(mean: float, std: float, digits: int) -> str:
    return f"{mean:.{digits}f}" + (f" ± {std:.{digits}f}" if np.isfinite(std) else "")
