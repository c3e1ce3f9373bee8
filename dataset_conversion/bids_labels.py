"""The label map of a case from BIDS derivatives: tissues, with lesions laid over them, on the grid of the scan."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hifisyn.dataset import TISSUES, Case
from hifisyn.dataset_conversion.bids_dataset import BidsDataset, Session
from hifisyn.dataset_conversion.bids_derivatives import Candidate, candidates
from hifisyn.dataset_conversion.bids_tables import STANDARD, is_brain, lesion, look_up, structure, tissue
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.errors import FileError, UserError

if TYPE_CHECKING:
    import numpy as np

    Load = Callable[["Layer"], np.ndarray]

COMPUTED = ("CSF", "GM", "WM")


@dataclass(frozen=True)
class Layer:
    """What a file adds to a label map.

    Attributes:
        file: holds values, or the probability of one tissue.
        values: value in the file to value in the label map; none: every voxel above one half becomes `becomes`.
        becomes: value in the label map.
        standard: the meaning of the values is the specification's, for want of a table.
    """

    file: Path
    values: dict[int, int] | None = None
    becomes: int = 0
    standard: bool = False


@dataclass(frozen=True)
class Recipe:
    """The sources of the label map of a case: tissues as values or as probabilities, then lesions."""

    modality: str
    reference: Path
    tissues: tuple[Layer, ...] = ()
    lesions: tuple[Layer, ...] = ()

    @property
    def files(self) -> list[Path]:
        """All files."""
        return [layer.file for layer in (*self.tissues, *self.lesions)]


class Labels:
    """The label maps of a data set: found first, written later.

    Attributes:
        values: structure to value: the tissues, then lesions as they come.
    """

    def __init__(self) -> None:
        self.values = dict(TISSUES)
        self._recipes: dict[str, Recipe] = {}

    def attach(self, case: Case, session: Session, folders: Sequence[BidsDataset]) -> tuple[Case, list[LeftOut]]:
        """Return the case with its brain mask and label map, and what could not be used and left it without.

        Only headers and tables are read.
        """
        modality, reference = next(iter(case.images.items()))
        try:
            there = candidates(folders, session, reference)
        except (UserError, OSError):
            return case, []
        brains, problems = _usable(c for c in there if is_brain(c.name))
        lesions, more = self._lesions([c for c in there if lesion(c.name)])
        tissues, others = self._tissues([c for c in there if not is_brain(c.name) and not lesion(c.name)])
        recipe = Recipe(modality, reference, tissues, lesions)
        if recipe.files:
            self._recipes[case.name] = recipe
        left_out = [LeftOut(case.name, c.path, c.problem) for c in (*problems, *more, *others)]
        brain = brains[0].path if brains else None
        return replace(case, brain=brain, label=next(iter(recipe.files), None)), left_out

    def write(self, case: Case, target: Path) -> None:
        """Write the label map of a case, uint8 on the grid of its scan.

        Raises:
            UserError: a file cannot be read, or its values are not in the order of the specification.
        """
        import numpy as np

        from hifisyn.volume import Volume, read_grid

        recipe = self._recipes[case.name]
        grid = read_grid(recipe.reference)

        def turned(volume: Volume) -> np.ndarray:
            return volume.canonical().reoriented(grid.axcodes).data

        def load(layer: Layer) -> np.ndarray:
            file = layer.file
            return turned(Volume.load_labels(file) if layer.values else Volume.load(file, constant=True))

        labels = _tissue_map(recipe.tissues, load, grid.shape)
        if recipe.modality == "T1" and any(layer.standard for layer in recipe.tissues):
            _check_order(turned(Volume.load(recipe.reference, constant=True)), labels, recipe.tissues[0].file)
        for layer in recipe.lesions:
            painted = _painted(layer, load(layer))
            labels = np.where(painted > 0, painted, labels)
        Volume(labels, grid.affine, grid.header).save(target, overwrite=True)

    def _lesions(self, there: list[Candidate]) -> tuple[tuple[Layer, ...], list[Candidate]]:
        """Return the lesions of the first derivatives that know any."""
        usable, problems = _usable(there)
        return tuple(self._lesion_layer(c) for c in usable if c.root == usable[0].root), problems

    def _lesion_layer(self, candidate: Candidate) -> Layer:
        word = lesion(candidate.name)
        table = look_up(candidate.path, candidate.root) if candidate.name.suffix == "dseg" else {}
        names = {value: structure(name) for value, name in table.items()}
        values = {value: self._value(name) for value, name in names.items() if name}
        return Layer(candidate.path, values) if values else Layer(candidate.path, becomes=self._value(word))

    def _tissues(self, there: list[Candidate]) -> tuple[tuple[Layer, ...], list[Candidate]]:
        """Return a segmentation that names all tissues, or else the probability of each."""
        explained = [(c, *self._segmentation(c)) for c in there if c.name.suffix == "dseg"]
        for _, layer, _ in explained:
            if layer:
                return (layer,), []
        for root in dict.fromkeys(c.root for c in there):
            layers = _probabilities(c for c in there if c.root == root)
            if layers:
                return layers, []
        problems = [replace(c, problem=c.problem or problem) for c, _, problem in explained]
        return (), [*problems, *(c for c in there if c.name.suffix == "probseg" and c.problem)]

    def _segmentation(self, candidate: Candidate) -> tuple[Layer | None, str]:
        if candidate.problem:
            return None, candidate.problem
        table = look_up(candidate.path, candidate.root)
        standard = not table and not {"desc", "seg", "atlas"} & set(candidate.name.entities)
        names = {value: tissue(name) for value, name in (STANDARD if standard else table).items()}
        if not names:
            return None, "must have a table that names its values; write the .tsv beside it"
        if not set(COMPUTED) <= set(names.values()):
            return None, "must have CSF, GM and WM among the names of its values; name them in its .tsv"
        return Layer(candidate.path, {v: TISSUES[name] for v, name in names.items() if name}, standard=standard), ""

    def _value(self, name: str) -> int:
        return self.values.setdefault(name, len(self.values))


def _usable(there: Iterable[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Return the candidates without a problem; and, only where there are none, those with one."""
    listed = list(there)
    good = [candidate for candidate in listed if not candidate.problem]
    return good, [] if good else listed


def _probabilities(there: Iterable[Candidate]) -> tuple[Layer, ...]:
    """Return a layer for each map of a tissue, where all three tissues are there."""
    layers = []
    for candidate in there:
        name = tissue(candidate.name.entities.get("label", ""))
        if name and candidate.name.suffix == "probseg" and not candidate.problem:
            layers.append(Layer(candidate.path, becomes=TISSUES[name]))
    return tuple(layers) if {layer.becomes for layer in layers} == {TISSUES[name] for name in COMPUTED} else ()


def _tissue_map(layers: Sequence[Layer], load: "Load", shape: tuple[int, int, int]) -> "np.ndarray":
    import numpy as np

    if len(layers) == 1:
        return _painted(layers[0], load(layers[0]))
    likelihood = np.zeros((len(COMPUTED) + 1, *shape), np.float32)
    for layer in layers:
        likelihood[layer.becomes] += load(layer)
    # What is left of 1 is none of the tissues.
    likelihood[0] = 1 - likelihood[1:].sum(0)
    return np.asarray(likelihood.argmax(0).astype(np.uint8))


def _painted(layer: Layer, data: "np.ndarray") -> "np.ndarray":
    import numpy as np

    if layer.values is None:
        return np.where(data > 0.5, layer.becomes, 0).astype(np.uint8)
    painted = np.zeros(data.shape, np.uint8)
    for value, label in layer.values.items():
        painted[data == value] = label
    return painted


def _check_order(scan: "np.ndarray", labels: "np.ndarray", file: Path) -> None:
    """Check that values without a table are in the order of the specification; FAST and early fMRIPrep have another.

    Raises:
        UserError: CSF is brighter than white matter on T1.
    """
    import numpy as np

    csf, wm = (scan[labels == TISSUES[name]] for name in ("CSF", "WM"))
    if csf.size and wm.size and np.median(csf) > np.median(wm):
        raise FileError(
            file,
            "must have the values of the BIDS table (1 GM, 2 WM, 3 CSF)",
            got="CSF brighter than WM on T1",
            hint="write the .tsv that names them beside it",
        )
