"""The releases of BraTS: what their label values mean, and how each is recognised.

A value alone says nothing: 4 is enhancing tumour up to 2021 and the resection cavity after treatment in 2024, and 1 is
necrosis in all but the paediatric release of 2024.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import TISSUES
from hifisyn.dataset_conversion.brats_names import Name
from hifisyn.errors import UserError

# One numbering for all releases, so that a model of one year can be trained on or evaluated with another. Necrosis is
# the whole core that does not enhance (NCR, NET, NETC, NC); oedema is ED and SNFH. Labels that no case holds cost
# nothing: the planner gives them no slots.
CANONICAL = {
    **TISSUES,
    "necrosis": 4,
    "oedema": 5,
    "enhancing": 6,
    "resection_cavity": 7,
    "cyst": 8,
    "gross_tumour": 9,
}

UP_TO_2021 = {1: "necrosis", 2: "oedema", 4: "enhancing"}
SINCE_2023 = {1: "necrosis", 2: "oedema", 3: "enhancing"}
AFTER_TREATMENT = {**SINCE_2023, 4: "resection_cavity"}
PAEDIATRIC_2024 = {1: "enhancing", 2: "necrosis", 3: "cyst", 4: "oedema"}
TARGET_VOLUME = {1: "gross_tumour"}

AFTER = 100  # visits from this number on are after treatment
SRI24, MNI152 = (240, 240, 155), (182, 218, 182)


@dataclass(frozen=True, eq=False)
class Release:
    """One release; there is one object of each.

    Attributes:
        year: of the challenge.
        family: of the names of its cases, see `brats_names.Name`.
        labels: value to structure.
        stripped: whether skulls are removed.
        visits: numbers of the visits that it holds.
        shape: of its grid, where another release of the family has another; or none.
    """

    year: int
    family: str
    labels: Mapping[int, str]
    stripped: bool = True
    visits: Collection[int] = range(1000)
    shape: tuple[int, int, int] | None = None

    @property
    def name(self) -> str:
        """As users name it: 2018, 2023-GLI."""
        return self.family if self.family == str(self.year) else f"{self.year}-{self.family}"


RELEASES = (
    # CBICA's pages of tasks and data: "1 for NCR & NET, 2 for ED, 4 for ET".
    Release(2018, "2018", UP_TO_2021),
    Release(2019, "2019", UP_TO_2021),
    Release(2020, "2020", UP_TO_2021),
    # Synapse syn25829067 wiki 610873: "ET - label 4, ED - label 2, NCR - label 1".
    Release(2021, "2021", UP_TO_2021),
    # MONAI's loader and public training code: NCR 1, ED 2, ET 3. BraSyn and inpainting show the same scans by name.
    Release(2023, "GLI", SINCE_2023, visits=range(AFTER), shape=SRI24),
    # The challenge's text as public readmes quote it: "ET - label 3, SNFH - label 2, NETC - label 1, RC - label 4".
    # Visits -000 before and -100 after treatment, MNI152 space: documentation of BrainLesion/BraTS.
    Release(2024, "GLI", AFTER_TREATMENT, visits=range(AFTER, 1000), shape=MNI152),
    # Tables of the challenge's evaluation in public code; those of 2024 are taken to be those of 2023.
    Release(2023, "MEN", SINCE_2023),
    Release(2023, "MET", SINCE_2023),
    Release(2024, "MET", SINCE_2023),
    Release(2023, "SSA", SINCE_2023),
    Release(2024, "SSA", SINCE_2023),
    # Paediatric scans are defaced, not stripped: BrainLesion/BraTS, issue 110 and glossary. Of 2023 it is not known.
    Release(2023, "PED", SINCE_2023, stripped=False),
    Release(2024, "PED", PAEDIATRIC_2024, stripped=False),
    # The evaluation of the challenge scores WT = 1 + 2 + 3, TC = 1 + 3, ET = 3 whatever the cohort.
    Release(2024, "GoAT", SINCE_2023),
    # arXiv:2405.18383 and MedPerf's readme: one post-contrast T1, native space, defaced, one target volume.
    Release(2024, "MEN-RT", TARGET_VOLUME, stripped=False),
)
BY_NAME = {release.name: release for release in RELEASES}


def recognise(name: Name, folder: Path, wanted: Iterable[Release] = ()) -> Release:
    """Return the release of a case, by its name and by the official names of the folders that it lies in.

    Args:
        name: of the case.
        folder: where it lies.
        wanted: releases that the user names; they come first for their families.

    Raises:
        UserError: the release is not known, or several come into question whose labels differ.
    """
    for release in wanted:
        if release.family == name.family:
            return release
    family = [release for release in RELEASES if release.family == name.family]
    year = year_in_path(folder, name.family)
    fitting = [r for r in family if name.visit in r.visits and year in (None, r.year)]
    if not fitting or any(release.labels != fitting[0].labels for release in fitting):
        got = f"{name.text} among cases of {year}" if year else f"{name.text}, whose folders do not name it"
        raise UserError(f"{folder}: the release of a case must be known", got=got, hint=advice(name.family))
    return max(fitting, key=lambda release: release.year)


def advice(family: str) -> str:
    """Return what to do where the release of a family is not clear."""
    own = [release.name for release in RELEASES if release.family == family]
    return f"pass --release {' or '.join(own)}" if own else f"known are {', '.join(BY_NAME)}"


def year_in_path(folder: Path, family: str) -> int | None:
    """Return the year that the official name of a folder says, the innermost first; none where none does.

    Only names such as BraTS2023-PED and BraTS-PEDs2024 count, since people call their own folders anything.

    >>> year_in_path(Path("ASNR-MICCAI-BraTS2023-PED-Challenge-TrainingData/BraTS-PED-00001-000"), "PED")
    2023
    >>> year_in_path(Path("my_brats2023/BraTS-PED-00001-000"), "PED")
    """
    word = rf"{family}s?(?![a-z])"
    official = re.compile(
        rf"brats(20\d\d)-(?:.+-)?{word}|brats-{family}s?-?(20\d\d)(?!\d)|(?:miccai|isbi)(20\d\d)-brats-{word}",
        re.IGNORECASE,
    )
    for part in reversed(folder.absolute().parts):
        match = official.search(part)
        if match:
            return int(next(year for year in match.groups() if year))
    return None
