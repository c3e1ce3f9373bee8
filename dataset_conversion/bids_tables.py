"""What the values of a BIDS segmentation mean: its look-up table, or the one that the specification gives to all."""

import re
from pathlib import Path

from hifisyn.dataset_conversion.bids_names import BidsName, parse
from hifisyn.dataset_conversion.contrasts import simplified
from hifisyn.dataset_conversion.label_names import WORDS
from hifisyn.table_files import read_table

# "Common image-derived labels" of the specification.
STANDARD = {0: "BG", 1: "GM", 2: "WM", 3: "CSF", 7: "L", 8: "CGM", 9: "SGM", 10: "BS", 11: "CBM"}
# The brain stem is nearly all white matter, and the cerebellum mostly grey.
TISSUE_WORDS = WORDS | {
    **dict.fromkeys(("cgm", "sgm", "scgm", "dgm", "cbm", "cerebellum"), "GM"),
    **dict.fromkeys(("corticalgraymatter", "subcorticalgraymatter", "corticalgreymatter", "deepgraymatter"), "GM"),
    **dict.fromkeys(("bs", "brainstem"), "WM"),
}
LESION_WORDS = {
    **dict.fromkeys(("l", "lesion", "lesions", "ms", "stroke"), "lesion"),
    **dict.fromkeys(("tumor", "tumour"), "tumour"),
    **dict.fromkeys(("wmh", "wmhs"), "WMH"),
}
INDEX = re.compile(r"\s*[0-9]{1,9}\s*")
NAME_COLUMNS = ("abbreviation", "name", "label")


def tissue(word: str) -> str:
    """Return the tissue that a word means, or ""; background is none.

    >>> tissue("Gray Matter"), tissue("SGM"), tissue("BG"), tissue("Bone")
    ('GM', 'GM', '', '')
    """
    found = TISSUE_WORDS.get(simplified(word), "")
    return "" if found == "background" else found


def lesion(name: BidsName) -> str:
    """Return the lesion that a file name speaks of, or "".

    >>> lesion(parse("sub-01_label-L_mask.nii.gz")), lesion(parse("sub-01_desc-brain_mask.nii.gz"))
    ('lesion', '')
    """
    words = (name.entities.get(key, "").lower() for key in ("label", "desc", "seg"))
    return next((LESION_WORDS[word] for word in words if word in LESION_WORDS), "")


def is_brain(name: BidsName) -> bool:
    """Return whether a file name speaks of a brain mask.

    >>> is_brain(parse("sub-01_desc-brain_mask.nii.gz")), is_brain(parse("sub-01_label-L_mask.nii.gz"))
    (True, False)
    """
    return name.suffix == "mask" and "brain" in (name.entities.get("desc"), name.entities.get("label"))


def structure(word: str) -> str:
    """Return what a value stands for as our label maps name it: a tissue, a lesion, the word itself; "" for none.

    >>> structure("White Matter"), structure("L"), structure("oedema"), structure("Background")
    ('WM', 'lesion', 'oedema', '')
    """
    plain = simplified(word)
    found = TISSUE_WORDS.get(plain) or LESION_WORDS.get(plain) or word
    return "" if found == "background" else found


def look_up(path: Path, root: Path) -> dict[int, str]:
    """Return the names of the values of a segmentation; empty where no table is there.

    A table lies beside the file or above it in the data set; its name says nothing that the file's does not.
    """
    name = parse(path.name)
    assert name is not None
    folder = path.parent
    while folder.is_relative_to(root):
        tables = [file for file in sorted(folder.glob(f"*{name.suffix}.tsv")) if _applies(file.name, name)]
        if tables:
            return _read(max(tables, key=lambda file: file.name.count("_")))
        folder = folder.parent
    return {}


def _applies(table: str, name: BidsName) -> bool:
    *words, suffix = table.removesuffix(".tsv").split("_")
    there = {f"{key}-{value}" for key, value in name.entities.items()}
    return suffix == name.suffix and there.issuperset(words)


def _read(table: Path) -> dict[int, str]:
    rows = read_table(table, "\t")
    return {int(row["index"]): _name(row) for row in rows if INDEX.fullmatch(row.get("index", ""))}


def _name(row: dict[str, str]) -> str:
    mapping = (row.get("mapping") or "").strip()
    if INDEX.fullmatch(mapping) and int(mapping) in STANDARD:
        return STANDARD[int(mapping)]
    words = [row[column].strip() for column in NAME_COLUMNS if row.get(column)]
    return next((word for word in words if tissue(word)), words[-1] if words else "")
