"""BIDS file names taken apart and put together: sub-01_ses-02_run-1_T1w.nii.gz."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

ENDINGS = (".nii.gz", ".nii")
SUFFIXES = {"T1": "T1w", "T2": "T2w", "FLAIR": "FLAIR", "T1ce": "T1w", "PD": "PDw"}
# As the specification orders them; others come before `space`.
FIRST = ("sub", "ses", "task", "acq", "ce", "trc", "rec", "dir", "run", "mod", "echo", "flip", "inv", "mt", "part")
LAST = ("space", "split", "recording", "chunk", "seg", "scale", "res", "den", "label", "desc")
OF_THE_SCAN = ("sub", "ses", "acq", "rec", "run")
ENTITY = re.compile(r"([a-z]+)-([0-9a-zA-Z+]+)")


@dataclass(frozen=True)
class BidsName:
    """A file name.

    Attributes:
        entities: key to value: {"sub": "01", "run": "1"}; always holds `sub`.
        suffix: what the file is, such as T1w or mask.
        ending: with its dots, such as .nii.gz.
    """

    entities: Mapping[str, str]
    suffix: str
    ending: str = ".nii.gz"

    def __str__(self) -> str:
        keys = sorted(self.entities, key=_place)
        return "_".join([*(f"{key}-{self.entities[key]}" for key in keys), self.suffix]) + self.ending

    @property
    def session(self) -> tuple[str, str]:
        """Labels of the subject and of the session, which may be empty."""
        return self.entities["sub"], self.entities.get("ses", "")

    @property
    def folder(self) -> str:
        """Where its subject and session lie in a data set: sub-01/ses-02."""
        return "/".join(f"{key}-{self.entities[key]}" for key in ("sub", "ses") if key in self.entities)

    def having(self, suffix: str | None = None, ending: str | None = None, **entities: str) -> "BidsName":
        """Return the name with other entities; an empty value takes one away."""
        merged = {key: value for key, value in {**self.entities, **entities}.items() if value}
        return BidsName(merged, suffix or self.suffix, ending or self.ending)


def parse(name: str) -> BidsName | None:
    """Take a file name apart; none where it is no BIDS name of a subject's file.

    >>> parse("sub-01_ce-gadolinium_T1w.nii.gz")
    BidsName(entities={'sub': '01', 'ce': 'gadolinium'}, suffix='T1w', ending='.nii.gz')
    >>> parse("T1w.json") is None
    True
    """
    stem, dot, ending = name.partition(".")
    *words, suffix = stem.split("_")
    matches = [match for word in words if (match := ENTITY.fullmatch(word))]
    entities = {match[1]: match[2] for match in matches}
    if len(entities) < len(words) or not name.startswith("sub-") or not suffix.isalnum() or not entities:
        return None
    return BidsName(entities, suffix, dot + ending)


def case_name(subject: str, session: str) -> str:
    """Return what a case is called.

    >>> case_name("01", "02"), case_name("01", "")
    ('sub-01_ses-02', 'sub-01')
    """
    return f"sub-{subject}_ses-{session}" if session else f"sub-{subject}"


def synthetic_name(scan: BidsName, modality: str) -> BidsName:
    """Return the name of what derives from a scan, on its grid.

    The contrast agent of the scan does not show in what derives from it.

    >>> str(synthetic_name(parse("sub-01_acq-mprage_T1w.nii"), "T2"))
    'sub-01_acq-mprage_space-orig_desc-synth_T2w.nii.gz'
    >>> str(synthetic_name(parse("sub-01_FLAIR.nii.gz"), "T1ce"))
    'sub-01_ce-gadolinium_space-orig_desc-synth_T1w.nii.gz'
    """
    agent = "gadolinium" if modality == "T1ce" else ""
    kept = {key: value for key, value in scan.entities.items() if key in OF_THE_SCAN}
    return BidsName(kept, SUFFIXES.get(modality, modality)).having(ce=agent, space="orig", desc="synth")


def mask_name(scan: BidsName) -> BidsName:
    """Return the name of the brain mask of a scan, one for each scan of a session.

    >>> str(mask_name(parse("sub-01_T1w.nii.gz"))), str(mask_name(parse("sub-01_FLAIR.nii.gz")))
    ('sub-01_space-orig_desc-brain_mask.nii.gz', 'sub-01_space-orig_desc-brainFLAIR_mask.nii.gz')
    """
    kept = {key: value for key, value in scan.entities.items() if key in (*OF_THE_SCAN, "ce")}
    whose = "" if scan.suffix == "T1w" else scan.suffix
    return BidsName(kept, "mask").having(space="orig", desc=f"brain{whose}")


def _place(key: str) -> int:
    if key in FIRST:
        return FIRST.index(key)
    return len(FIRST) + 1 + LAST.index(key) if key in LAST else len(FIRST)
