"""Any BIDS data set: anatomical scans by session, and what its derivatives say of brain, tissues and lesions.

Gorgolewski et al., Scientific Data 3, 2016; the specification at https://bids-specification.readthedocs.io. A
participant is a subject and a session is a case: sub-01_ses-02 of sub-01.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hifisyn.dataset import Case
from hifisyn.dataset_conversion import bids_selection
from hifisyn.dataset_conversion.bids_dataset import DESCRIPTION, BidsDataset, Session
from hifisyn.dataset_conversion.bids_derivatives import derivatives_of
from hifisyn.dataset_conversion.bids_labels import Labels
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.dataset_conversion.subjects import require_known
from hifisyn.errors import UserError


def find(
    sources: Sequence[Path], selection: Selection | None = None, derivatives: Sequence[Path] | None = None
) -> Found:
    """Find the scans of BIDS data sets, and their brain masks and label maps.

    Args:
        sources: roots of the data sets.
        selection: which scans; none: all participants, by the usual rules.
        derivatives: folders of derivatives; none: those in `derivatives` of each source.

    Raises:
        UserError: there is no scan, a participant is not there, or two data sets share one.
    """
    selection = selection or Selection()
    datasets = [BidsDataset.open(source) for source in sources]
    _distinct(datasets)
    require_known(selection.participants, [s for dataset in datasets for s in dataset.subjects])
    labels = Labels()
    cases: list[Case] = []
    left_out: list[LeftOut] = []
    for dataset in datasets:
        given = [BidsDataset.open(path) for path in derivatives or ()]
        folders = [dataset, *(derivatives_of(dataset) if derivatives is None else given)]
        for session in dataset.sessions(selection.participants, selection.sessions):
            case, problems = find_case(dataset, session, selection)
            left_out += problems
            if case.images:
                case, problems = labels.attach(case, session, folders)
                left_out += problems
                cases.append(case)
    if not cases:
        raise _nothing(sources, left_out)
    return Found(
        cases,
        tuple(left_out),
        labels=labels.values,
        participants=[row for dataset in datasets for row in dataset.participants()],
        write_label=labels.write,
        subject_of=lambda word: "sub-" + word.removeprefix("sub-"),
        about=_about(datasets[0]),
        warnings=tuple(_warning(dataset.root) for dataset in datasets if not dataset.description),
    )


def find_case(dataset: BidsDataset, session: Session, selection: Selection) -> tuple[Case, list[LeftOut]]:
    """Return the chosen scans of a visit as a case, which may hold none, and what should be some and is not."""
    images, left_out = dataset.images(session)
    chosen = selection.choose(images.values())
    paths = {modality: next(p for p, n in images.items() if n is name) for modality, name in chosen.items()}
    return Case(session.case, session.participant, paths), left_out


def _distinct(datasets: Sequence[BidsDataset]) -> None:
    seen: dict[str, Path] = {}
    for dataset in datasets:
        for subject in dataset.subjects:
            if subject in seen:
                raise UserError(
                    "data sets must have different participants",
                    got=f"sub-{subject} in {seen[subject]} and in {dataset.root}",
                    hint="convert one at a time, each with its --name",
                )
            seen[subject] = dataset.root


def _nothing(sources: Sequence[Path], left_out: Sequence[LeftOut]) -> UserError:
    return UserError(
        f"{', '.join(map(str, sources))} must hold scans such as sub-01/anat/sub-01_T1w.nii.gz",
        got=f"{left_out[0].file.name}: {left_out[0].reason}" if left_out else "none that fits",
        hint="look at the labels and the filters",
    )


def _warning(root: Path) -> str:
    return f"{root / DESCRIPTION} does not exist; {root} is read as a BIDS data set all the same"


def _about(dataset: BidsDataset) -> dict[str, str]:
    keys = {"description": "Name", "licence": "License", "reference": "DatasetDOI"}
    return {ours: str(dataset.description[key]) for ours, key in keys.items() if dataset.description.get(key)}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    bids_selection.add_arguments(parser)
    parser.add_argument(
        "--derivatives", nargs="*", type=Path, metavar="FOLDER", help="default: those in SOURCE/derivatives"
    )


CONVERTER = source_converter(
    "bids",
    "any BIDS data set",
    "BIDS",
    lambda sources, folder, arguments: find(sources, bids_selection.from_arguments(arguments), arguments.derivatives),
    source="root of a BIDS data set, the folder that holds sub-01, ...",
    add_arguments=_add_arguments,
)
