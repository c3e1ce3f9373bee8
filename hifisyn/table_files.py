"""The one way in for a table of text, .csv or .tsv, by whatever program it was saved."""

import csv
from pathlib import Path

from hifisyn.errors import FileError
from hifisyn.text_files import read_text

DELIMITERS = ",;\t"


def read_rows(path: Path | str, delimiter: str = "") -> list[list[str]]:
    """Return the cells of each line that is not empty.

    Args:
        path: the file, on the disk or in an archive: UTF-8, UTF-16, or as Windows writes it.
        delimiter: between cells; "": that of , ; and tab which the first line has most of.

    Raises:
        FileError: the file is missing, no text, a cell is larger than 128 KiB, or a quotation does not end.
    """
    text = read_text(path, unicode=False)
    delimiter = delimiter or max(DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        return [row for row in reader if row]
    except csv.Error as error:
        got = f"line {reader.line_num}: {error}"
        raise FileError(path, "must be a table", got=got, hint="save it again as .csv or .tsv") from None


def read_table(path: Path | str, delimiter: str = "") -> list[dict[str, str]]:
    """Return the rows below the header, column to cell; a cell that lacks is "", cells beyond the header are left out.

    Raises:
        FileError: as `read_rows`.
    """
    header, *rows = read_rows(path, delimiter) or [[]]
    columns = [name.strip() for name in header]
    empty = [""] * len(columns)
    return [dict(zip(columns, [*row, *empty[len(row) :]], strict=False)) for row in rows]
