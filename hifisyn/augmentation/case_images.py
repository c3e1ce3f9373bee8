"""The channels of one case, real and synthetic, on the grid of its labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hifisyn.augmentation.measures import Agreement, compare
from hifisyn.augmentation.on_labels import OnLabels, put_on_labels
from hifisyn.augmentation.recipe import Recipe
from hifisyn.dataset import Case
from hifisyn.errors import UserError
from hifisyn.inference.outputs import Outputs
from hifisyn.volume import Volume


@dataclass(frozen=True)
class CaseImages:
    """The channels of a case.

    Attributes:
        placed: the grid, the brain, and what was registered.
        real: contrast to scan.
        synthetic: contrast to synthetic volume.
    """

    placed: OnLabels
    real: Mapping[str, Volume]
    synthetic: Mapping[str, Volume]

    def of(self, generated: tuple[str, ...], channels: tuple[str, ...]) -> list[Volume]:
        """Return the channels of an image, those of `generated` synthetic."""
        return [(self.synthetic if channel in generated else self.real)[channel] for channel in channels]

    def agreement(self, labels: Mapping[str, int]) -> dict[str, Agreement]:
        """Return how synthetic channels compare with the real ones, of those that the case has too."""
        inside, label = self.placed.inside.data > 0, self.placed.label.data
        both = [contrast for contrast in self.synthetic if contrast in self.real]
        return {c: compare(self.real[c].data, self.synthetic[c].data, inside, label, labels) for c in both}


def scans_needed(case: Case, recipe: Recipe, sidecars: Mapping[str, Mapping[str, Any]]) -> dict[str, Path]:
    """Return the scans of a case that are channels, that something was predicted from, and the reference."""
    sources = {content["SourceModality"] for content in sidecars.values()}
    needed = {*recipe.channels, *sources, recipe.reference}
    return {contrast: file for contrast, file in case.images.items() if contrast in needed}


def read_images(
    case: Case,
    recipe: Recipe,
    files: Mapping[str, Path],
    made: Mapping[str, Outputs],
    sidecars: Mapping[str, Mapping[str, Any]],
) -> CaseImages:
    """Read a case and bring it onto the grid of its labels.

    Args:
        case: with a label map.
        recipe: of the set.
        files: of `scans_needed`.
        made: target to what a model made.
        sidecars: target to how it was made.

    Raises:
        UserError: a file cannot be read, or no scan lies on the grid of the labels.
    """
    if case.label is None:
        raise UserError(f"{case.name} needs a label map", hint="add one, or leave the case out")
    scans = {contrast: Volume.load(file) for contrast, file in files.items()}
    masks = [*([case.brain] if case.brain else []), *(outputs.brain for outputs in made.values())]
    placed = put_on_labels(
        Volume.load_labels(case.label),
        scans,
        reference=recipe.reference,
        registered=recipe.registered or "registered" in case.done,
        brains=map(Volume.load_mask, masks),
        stripping=recipe.stripping,
    )
    sources = {target: str(content["SourceModality"]) for target, content in sidecars.items()}
    return CaseImages(
        placed,
        {c: placed.real(scans[c], c) for c in recipe.channels if c in placed.moved},
        {t: _synthetic(made[t], t, source, placed) for t, source in sources.items() if source in placed.moved},
    )


def _synthetic(outputs: Outputs, target: str, source: str, placed: OnLabels) -> Volume:
    image = placed.synthetic(Volume.load(outputs.image), Volume.load_mask(outputs.brain), source)
    return image.described(f"synthetic {target} by hifisyn")
