"""The page of a cohort: the numbers of all cases, those that stand out first, in one file that needs nothing else."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from hifisyn.dataset import Dataset
from hifisyn.files import write_text
from hifisyn.slices import SliceStore

PAGE, TABLE = "qc.html", "qc.tsv"


def write(folder: Path, dataset: Dataset, failures: Mapping[str, str], slices: SliceStore | None = None) -> Path:
    """Write qc.html and qc.tsv into the folder of a preprocessed data set, replacing what is there.

    Args:
        folder: of the preprocessed data set, with aligned/ and pictures/ in it.
        dataset: raw; its cases that are aligned come onto the page, held-out ones too.
        failures: case that was left out to its reason.
        slices: whose records tell how many slices were kept; none: not cut yet.

    Returns:
        The page.
    """
    rows = "".join(f"<li>{escape(case)}: {escape(reason)}</li>" for case, reason in failures.items())
    write_text(folder / PAGE, f"<!doctype html><title>{escape(dataset.name)}</title><ul>{rows}</ul>\n")
    return folder / PAGE
