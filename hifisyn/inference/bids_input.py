"""The scans of a BIDS data set as cases to start from."""

from pathlib import Path

from hifisyn.dataset_conversion.bids import find_case
from hifisyn.dataset_conversion.bids_dataset import BidsDataset
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.dataset_conversion.subjects import require_known
from hifisyn.errors import UserError
from hifisyn.inference.cases import Inputs


def find_bids_cases(root: Path, selection: Selection) -> Inputs:
    """Return the chosen scans of a BIDS data set, a case for each session that has any.

    Raises:
        UserError: it is no BIDS data set, a participant is missing, or no scan fits.
    """
    dataset = BidsDataset.open(root)
    require_known(selection.participants, dataset.subjects)
    cases: dict[str, dict[str, Path]] = {}
    left_out: dict[Path, str] = {}
    for session in dataset.sessions(selection.participants, selection.sessions):
        case, problems = find_case(dataset, session, selection)
        left_out |= {item.file: item.reason for item in problems}
        if case.images:
            cases[case.name] = case.images
    if not cases:
        what = f"{root} has no scan such as sub-01/anat/sub-01_T1w.nii.gz that fits labels and filters"
        raise UserError(what, hint="change the labels or the filters")
    return Inputs(cases, left_out)
