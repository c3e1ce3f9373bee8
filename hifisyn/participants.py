"""participants.tsv, the table of subjects beside a dataset.json: of its columns, the site where one was scanned."""

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path

from hifisyn.columns import SITE
from hifisyn.paths import PARTICIPANTS_TSV
from hifisyn.table_files import read_table

IDENTIFIER = "participant_id"
NAMES_OF_SITE = (SITE, "site_id", "centre", "center")
UNKNOWN = ("", "n/a", "na", "nan")


def read_sites(folder: Path) -> dict[str, str]:
    """Return subject to site from the table in a folder; empty where there is none or it names no sites.

    Left out is who has no site, and who has several of the sites of others ("A,B"), as where releases were mixed.

    Raises:
        FileError: the table cannot be read.
    """
    path = folder / PARTICIPANTS_TSV
    if not path.is_file():
        return {}
    rows = read_table(path, "\t")
    columns = {name.lower(): name for name in (rows[0] if rows else ())}
    column = next((columns[name] for name in NAMES_OF_SITE if name in columns), None)
    if column is None or IDENTIFIER not in columns:
        return {}
    sites = {row[columns[IDENTIFIER]].strip(): row[column].strip() for row in rows}
    return one_each({subject: site for subject, site in sites.items() if subject and site.lower() not in UNKNOWN})


def one_each(sites: Mapping[str, str]) -> dict[str, str]:
    """Return the subjects that were scanned at one site.

    >>> one_each({"a": "HH", "b": "IOP", "c": "HH,IOP", "d": "Ulm, Germany"})
    {'a': 'HH', 'b': 'IOP', 'd': 'Ulm, Germany'}
    """
    known = set(sites.values())
    return {subject: site for subject, site in sites.items() if not _several(site, known)}


def as_table(sites: Mapping[str, str]) -> str:
    """Return participants.tsv with the sites alone: all that the preprocessed data set keeps of its subjects."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows([(IDENTIFIER, SITE), *sorted(sites.items())])
    return text.getvalue()


def _several(site: str, known: Collection[str]) -> bool:
    parts = site.split(",")
    return len(parts) > 1 and any(part in known for part in parts)
