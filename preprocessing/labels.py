"""The label map of a case: as given, or tissues that are computed, with given lesions laid over them."""

import numpy as np

from hifisyn.dataset import TISSUES
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing import tissue
from hifisyn.preprocessing.steps import Status, Step
from hifisyn.volume import Volume

COMPUTED = ("CSF", "GM", "WM")


def lesion_map(given: Volume | None, labels: dict[str, int]) -> np.ndarray | None:
    """Return the given labels that are lesions, 0 elsewhere; none where there is no map.

    >>> given = Volume(np.arange(6).reshape(1, 2, 3), np.eye(4))
    >>> lesion_map(given, {**TISSUES, "oedema": 4})
    array([[[0, 0, 0],
            [0, 4, 0]]])
    """
    if given is None:
        return None
    values = [value for name, value in labels.items() if name not in TISSUES]
    return np.where(np.isin(given.data, values), given.data, 0)


def label_map(
    image: Volume,
    modality: str,
    brain: Volume,
    given: Volume | None,
    labels: dict[str, int],
    settings: PreprocessingPlan,
    *,
    manual: bool = False,
) -> tuple[Volume | None, Step]:
    """Return the label map of a case, uint8 on the grid of `image`, and how it came about.

    Args:
        image: the reference, bias-corrected.
        modality: its contrast.
        brain: mask on the same grid.
        given: label map on the same grid, or none.
        labels: structure to value. Tissues are computed only where CSF, GM and WM are among them.
        settings: which tool computes them.
        manual: `given` was corrected by hand and is complete.

    Raises:
        UserError: the tissues of the contrast cannot be separated.
    """
    if given is not None and manual:
        return brain.with_data(given.data.astype(np.uint8)), Step(Status.CORRECTED)
    has_tissues = all(name in labels for name in COMPUTED)
    if given is not None and (not has_tissues or all((given.data == labels[name]).any() for name in COMPUTED)):
        return brain.with_data(given.data.astype(np.uint8)), Step(Status.GIVEN)
    if not has_tissues:
        return None, Step(Status.SKIPPED, detail="dataset.json names no CSF, GM and WM")
    lesions = lesion_map(given, labels)
    tool = tissue.choose_tool(settings.tissue)
    found = tissue.segment(image, brain.data > 0, modality, tool=tool, lesion=None if lesions is None else lesions > 0)
    named = np.zeros_like(found)
    for name in COMPUTED:
        named[found == TISSUES[name]] = labels[name]
    if lesions is None:
        return brain.with_data(named), Step.ran(tool, f"on {modality}")
    return brain.with_data(tissue.overlay(named, lesions)), Step.ran(tool, f"on {modality}, lesions as given")
