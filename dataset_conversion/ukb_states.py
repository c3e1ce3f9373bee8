"""Which files of a visit go together: both contrasts in one state, the most finished that both have.

UK Biobank ships each scan in several states. Mixing them would teach a network the difference between a head and a
brain, or between two bias fields, as if it were contrast. So both contrasts are taken from one row of STATES, the first
that the visit has in full; what lacks there is left to our own steps. A row of whole heads with a brain mask stands
before the row without it: the mask is T1's, and serves FLAIR too, which lies on T1's grid or is registered to it.
A visit with one contrast takes the first row that has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

STRIPPED, REGISTERED, CORRECTED = "skull_stripped", "registered", "bias_corrected"
MASKS = ("T1_brain_mask", "T2_FLAIR_brain_mask")  # the same mask twice


@dataclass(frozen=True)
class State:
    """How far scans are processed.

    Attributes:
        names: file by modality.
        masked: heads with their skulls, for which there must be a brain mask.
        done: what was done to both contrasts; FLAIR is registered where it lies on T1's grid.
    """

    names: Mapping[str, str]
    masked: bool = False
    done: tuple[str, ...] = ()


STATES = (
    State({"T1": "T1_unbiased_brain", "FLAIR": "T2_FLAIR_unbiased_brain"}, False, (STRIPPED, REGISTERED, CORRECTED)),
    State({"T1": "T1_unbiased", "FLAIR": "T2_FLAIR_unbiased"}, True, (REGISTERED, CORRECTED)),
    State({"T1": "T1_brain", "FLAIR": "T2_FLAIR_brain"}, False, (STRIPPED, REGISTERED)),
    State({"T1": "T1", "FLAIR": "T2_FLAIR"}, True, (REGISTERED,)),
    State({"T1": "T1_unbiased", "FLAIR": "T2_FLAIR_unbiased"}, False, (REGISTERED, CORRECTED)),
    State({"T1": "T1", "FLAIR": "T2_FLAIR"}, False, (REGISTERED,)),
    State({"T1": "T1", "FLAIR": "T2_FLAIR_orig_defaced"}, True),
    State({"T1": "T1", "FLAIR": "T2_FLAIR_orig_defaced"}),
    State({"T1": "T1_orig_defaced", "FLAIR": "T2_FLAIR_orig_defaced"}),
)


@dataclass(frozen=True)
class Chosen:
    """Files of a visit that go together; see `hifisyn.dataset.Case`."""

    images: dict[str, Path]
    brain: Path | None
    done: tuple[str, ...]


def choose(files: Mapping[str, Path], modalities: Iterable[str]) -> Chosen | None:
    """Return the files of the first state that has all these modalities; none where no state has.

    >>> files = {name: Path(name) for name in ("T1", "T1_unbiased_brain", "T2_FLAIR")}
    >>> choose(files, ["T1"]).images
    {'T1': PosixPath('T1_unbiased_brain')}
    >>> choose(files, ["T1", "FLAIR"]).images
    {'T1': PosixPath('T1'), 'FLAIR': PosixPath('T2_FLAIR')}
    """
    modalities = list(modalities)
    mask = next((files[name] for name in MASKS if name in files), None)
    for state in STATES:
        if all(state.names[modality] in files for modality in modalities) and (mask or not state.masked):
            images = {modality: files[state.names[modality]] for modality in modalities}
            return Chosen(images, mask if state.masked else None, state.done)
    return None
