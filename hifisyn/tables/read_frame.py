"""Tables of results that this program wrote, read back; people open and save them again in between."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from hifisyn.errors import FileError


def read_frame(file: Path, text: Collection[str] = (), *, columns: Collection[str] | None = None) -> pd.DataFrame:
    """Read a CSV table.

    Args:
        file: the table.
        text: columns that stay as they are written, since cases may be called 001, or NA.
        columns: those to read; none: all.

    Raises:
        FileError: it is missing, empty, or no such table.
    """
    types = dict.fromkeys(text, str)
    try:
        return pd.read_csv(file, dtype=types, usecols=columns, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise FileError(file, "does not exist") from None
    except pd.errors.EmptyDataError:
        raise FileError(file, "must be a CSV table", got="an empty file", hint="remove it and run again") from None
    except (pd.errors.ParserError, ValueError, IsADirectoryError) as error:
        got = " ".join(str(error).split())
        raise FileError(file, "must be a CSV table", got=got, hint="remove it and run again") from None
