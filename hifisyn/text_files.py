"""The one way in for a text that a user brings: its size, its encoding, and one line where it is none."""

from pathlib import Path

from hifisyn import archives
from hifisyn.errors import FileError

LARGEST = 2**28  # bytes; a dataset.json of 100,000 cases takes a tenth
# The longer mark first: that of UTF-32 begins as that of UTF-16 does.
MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def read_text(path: Path | str, *, most: int = LARGEST, unicode: bool = True) -> str:
    """Read a text file, on the disk or in an archive: UTF-8, or UTF-16 or 32 with a byte order mark.

    Args:
        path: the file.
        most: bytes that it may have.
        unicode: refuse other encodings; else what is no UTF-8 is read as Windows and Excel write it (CP1252).

    Raises:
        FileError: it is missing, a folder, too large, or no text.
        PermissionError: it may not be read.
    """
    content = _read(Path(path), most)
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if unicode or encoding != "utf-8":
            raise FileError(path, "must be text in UTF-8", got=error.reason, hint="save it as UTF-8") from None
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise FileError(path, "must be text in UTF-8", got="zero bytes", hint="save it as UTF-8")
    return text


def _read(path: Path, most: int) -> bytes:
    try:
        with archives.open_binary(path) as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise FileError(path, "does not exist") from None
    except (IsADirectoryError, NotADirectoryError):
        raise FileError(path, "must be a file", got="a folder") from None
    if len(content) > most:
        raise FileError(path, f"must have at most {most / 2**20:g} MiB", got="more", hint="look at what it holds")
    return content
