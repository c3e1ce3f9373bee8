"""Who UK Biobank's participants are stays secret: their numbers become names that only a key leads back to.

A name is `ukb` and 12 hexadecimal digits of HMAC-SHA256(key, number). The key is drawn once and stays in the raw
folder, so that a participant keeps the name when more scans come, or fewer.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from hifisyn.errors import FileError, UserError
from hifisyn.json_files import read_object
from hifisyn.table_files import read_rows

NUMBER = re.compile(r"(?<!\d)\d{7}(?!\d)")
DIGITS = 12  # among 100,000 participants two share a name with one key of 50,000
NAME = re.compile(rf"ukb[0-9a-f]{{{DIGITS}}}")


class Pseudonyms:
    """The names of participants.

    >>> names = Pseudonyms("key")
    >>> names("1234567")
    'ukb64014c75df0c'
    """

    def __init__(self, key: str) -> None:
        self.key = key

    @classmethod
    def of_folder(cls, folder: Path) -> "Pseudonyms":
        """Return those of the key in a raw folder, else of a new key, which the conversion writes there."""
        from hifisyn.dataset_conversion.raw_folder import PARTICIPANTS_KEY

        path = folder / PARTICIPANTS_KEY
        if not path.exists():
            return cls(secrets.token_hex(32))
        content = read_object(path)
        if not (isinstance(content.get("key"), str) and content["key"]):
            raise FileError(path, 'must hold {"key": ...}', hint="bring back the file as it was")
        return cls(content["key"])

    def __call__(self, number: str) -> str:
        """Return the name of the participant with this number."""
        return "ukb" + hmac.new(self.key.encode(), number.encode(), hashlib.sha256).hexdigest()[:DIGITS]

    def of_words(self, word: str) -> str:
        """Return the name of the participant that a user means by a number, a file name with one, or the name."""
        if name := NAME.match(word.strip()):
            return name[0]
        number = NUMBER.search(word)
        return self(number[0]) if number else word.strip()

    def require_unique(self, numbers: Iterable[str]) -> None:
        """Make sure that no two participants share a name.

        Raises:
            UserError: they do.
        """
        numbers = set(numbers)
        if len({self(number) for number in numbers}) < len(numbers):
            raise UserError("each participant must have a name of their own", hint="remove participants_key.json")


def hidden(text: str) -> str:
    """Return a text with the numbers of participants blotted out.

    >>> hidden("/bulk/1234567_20252_2_0.zip")
    '/bulk/XXXXXXX_20252_2_0.zip'
    """
    return NUMBER.sub("X" * 7, text)


def read_withdrawn(file: Path) -> set[str]:
    """Read the numbers of those who withdrew: one a line, or a .csv with the numbers first or in a column eid.

    Raises:
        UserError: the file is missing or empty, or a line holds no number; only its place is shown.
    """
    try:
        rows = [[cell.strip() for cell in row] for row in read_rows(file, ",")]
    except FileError:
        raise FileError(hidden(str(file)), "must be a list of those who withdrew") from None
    lines = {line: row for line, row in enumerate(rows, start=1) if any(row)}
    first = next(iter(lines), 0)
    column = 0
    if lines and not any(NUMBER.fullmatch(cell) for cell in lines[first]):
        header = [cell.lower() for cell in lines.pop(first)]
        column = header.index("eid") if "eid" in header else 0
    numbers = set()
    for line, row in lines.items():
        cell = row[column] if column < len(row) else ""
        if not NUMBER.fullmatch(cell):
            raise FileError(hidden(str(file)), f"must have a participant's 7 digits in line {line}")
        numbers.add(cell)
    if not numbers:
        raise FileError(hidden(str(file)), "must list those who withdrew, one per line", got="an empty list")
    return numbers
