"""The table of the people of IXI (IXI.xls): age, sex, height and weight by subject.

The table has neither one row a subject nor a row for each, so that rows are found by IXI_ID and never by their place.
A height or weight of 0 means unknown.
"""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hifisyn.errors import FileError
from hifisyn.table_files import read_rows

ID = "IXI_ID"
COLUMNS = {"AGE": "age", "SEX_ID (1=m, 2=f)": "sex", "HEIGHT": "height", "WEIGHT": "weight"}
SEXES = {1.0: "M", 2.0: "F"}
UNKNOWN = "n/a"


def read(file: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return age in years, sex (M or F), height in cm and weight in kg by subject, and a line on each oddity.

    What a subject's rows do not agree on is unknown.

    Raises:
        FileError: the file is missing or is no such table, or the package that reads it is.
    """
    rows: dict[str, list[dict[str, str]]] = {}
    for row in _table(file):
        if subject := _subject(row[ID]):
            rows.setdefault(subject, []).append(
                {name: _value(row.get(column), name) for column, name in COLUMNS.items()}
            )
    people = {subject: _merged(several) for subject, several in rows.items()}
    odd = [
        f"{file.name}: {len(rows[subject])} rows of {subject} do not agree on {', '.join(disputed)}: taken as unknown"
        for subject, (_, disputed) in people.items()
        if disputed
    ]
    return {subject: merged for subject, (merged, _) in people.items()}, odd


def _table(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of the sheet that has the column of the subjects."""
    if not file.exists():
        raise FileError(file, "does not exist", hint="look at the path of the table of subjects")
    sheets = _worksheets(file) if file.suffix.lower() == ".xls" else [read_rows(file)]
    for rows in sheets:
        columns = [" ".join(str(cell).split()) for cell in rows[0]] if rows else []
        if ID in columns and set(COLUMNS) & set(columns):
            yield from (dict(zip(columns, row, strict=False)) for row in rows[1:])
            return
    columns_needed = ", ".join((ID, *COLUMNS))
    raise FileError(file, f"must have the columns {columns_needed}", hint="name IXI.xls or a .csv with its columns")


def _worksheets(file: Path) -> list[list[list[Any]]]:
    try:
        import xlrd
    except ImportError:
        raise FileError(file, "needs the package xlrd to be read", hint="pip install xlrd") from None
    try:
        with open(os.devnull, "w") as nowhere:
            book = xlrd.open_workbook(file, logfile=nowhere)
        return [[sheet.row_values(i) for i in range(sheet.nrows)] for sheet in book.sheets()]
    except Exception as error:  # xlrd raises whatever a damaged file leads it to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileError(file, "must be an Excel file", got=reason, hint="copy it again") from None


def _subject(cell: Any) -> str | None:
    """Return IXI012 for 12, 12.0, "012" or "IXI012"; none for an empty cell."""
    text = str(cell).strip().upper().removeprefix("IXI")
    try:
        number = float(text)
    except ValueError:
        return None
    return f"IXI{int(number):03d}" if math.isfinite(number) else None


def _value(cell: Any, name: str) -> str:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return UNKNOWN
    if name == "sex":
        return SEXES.get(number, UNKNOWN)
    return f"{round(number, 2):g}" if number > 0 else UNKNOWN


def _merged(rows: Sequence[dict[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Return what the rows agree on, and the names of what they do not."""
    merged, disputed = {}, []
    for name in COLUMNS.values():
        values = {row[name] for row in rows} - {UNKNOWN}
        merged[name] = values.pop() if len(values) == 1 else UNKNOWN
        if values:
            disputed.append(name)
    return merged, disputed
