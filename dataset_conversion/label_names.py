"""What the values of label maps mean in a source, and how they become ours: CSF 1, GM 2, WM 3, all others after."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import TISSUES, Case
from hifisyn.dataset_conversion.contrasts import simplified
from hifisyn.errors import FileError, UserError

SPELLINGS = {
    "background": ("background", "bg", "bkg"),
    "CSF": ("csf", "cerebrospinalfluid"),
    "GM": ("gm", "graymatter", "greymatter"),
    "WM": ("wm", "whitematter"),
}
WORDS = {word: name for name, words in SPELLINGS.items() for word in words}


@dataclass(frozen=True)
class Renumbering:
    """How label values change.

    Attributes:
        labels: structure to value as it will be: the tissues, then all others without a gap.
        values: value in the source to value as it will be.
    """

    labels: dict[str, int]
    values: dict[int, int]

    @property
    def writer(self) -> Callable[[Case, Path], None] | None:
        """What writes a label map with the new values; none where no value changes."""
        if all(old == new for old, new in self.values.items()):
            return None
        return self.write

    def write(self, case: Case, target: Path) -> None:
        """Write the label map of a case with the new values, uint8 on its own grid.

        Raises:
            UserError: the map cannot be read, or holds a value without a name.
        """
        import numpy as np

        from hifisyn.volume import Volume

        assert case.label is not None
        given = Volume.load_labels(case.label)
        odd = sorted(set(np.unique(given.data).tolist()) - set(self.values))
        if odd:
            known = ", ".join(map(str, sorted(self.values)))
            raise FileError(case.label, f"must hold the label values {known}", got=f"{odd[0]} too", hint="name it")
        written = np.zeros(given.shape, np.uint8)
        for old, new in self.values.items():
            written[given.data == old] = new
        given.with_data(written).save(target, overwrite=True)


def renumber(named: Mapping[str, int]) -> Renumbering:
    """Return how the values of named structures become ours; names of tissues are understood in any spelling.

    >>> renumber({"background": 0, "lesion": 1, "Gray Matter": 7}).labels
    {'background': 0, 'CSF': 1, 'GM': 2, 'WM': 3, 'lesion': 4}
    >>> renumber({"background": 0, "lesion": 1, "Gray Matter": 7}).values
    {0: 0, 1: 4, 7: 2}

    Raises:
        UserError: the background is not 0, or two names share a value.
    """
    labels, values = dict(TISSUES), {0: 0}
    for name, value in sorted(named.items(), key=lambda item: item[1]):
        tissue = WORDS.get(simplified(name))
        if (tissue == "background") != (value == 0):
            raise UserError("the background, and it alone, must have the label value 0", got=f"{name}={value}")
        if value in values and value:
            raise UserError("each label value must have one name", got=f"{name}={value} beside another")
        values[value] = labels.setdefault(tissue or name, len(labels))
    return Renumbering(labels, values)


def parse_label_names(words: Iterable[str]) -> dict[str, int]:
    """Read names of label values as users type them; the background may be left out.

    >>> parse_label_names(["CSF=1", "lesion=4"])
    {'CSF': 1, 'lesion': 4}

    Raises:
        UserError: one is no NAME=VALUE, or a name comes twice.
    """
    named: dict[str, int] = {}
    for word in words:
        name, _, value = word.rpartition("=")
        if not name or not value.isdecimal() or name in named:
            raise UserError("label values must be named as in lesion=4, each name once", got=repr(word))
        named[name] = int(value)
    return named
