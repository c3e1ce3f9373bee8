"""One person's head: the template, deformed and with own folds and layers, as tissue fractions on a grid."""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation import template
from hifisyn.simulation.fields import INJECTIVE_SHARE, Field, draw_field
from hifisyn.simulation.head import Shell, draw_shell, outer_tissues
from hifisyn.simulation.template import BRAIN_TISSUES, OUTER_TISSUES

# Knot distance of each lattice and its share of INJECTIVE_SHARE: together below 1, so that nothing folds.
DEFORMATIONS_MM = {60.0: 0.6, 24.0: 0.38}
SIZE_SD = 0.03
FOLDS_KNOT_MM, FOLDS_AMPLITUDE = 10.0, 4.0
TEXTURE_KNOT_MM, TEXTURE_AMPLITUDE = 5.0, 5.0
SHARPNESS = 1.6
RARE = 0.02


@dataclass(frozen=True)
class Person:
    """Everything that is drawn for one head.

    Attributes:
        size: (3,) person's size over the template's, along x, y, z.
        warps: displacement fields, three components, mm.
        folds: noise on the log-odds of CSF, GM and WM.
        texture: noise that breaks up muscle and fat.
        shell: thickness of skull and scalp.
    """

    size: np.ndarray
    warps: tuple[Field, ...]
    folds: Field
    texture: Field
    shell: Shell


@dataclass(frozen=True)
class Head:
    """Tissue fractions on an isotropic grid, in the person's own millimetres.

    Attributes:
        fractions: tissue to (I, J, K) float32; what is missing to 1 is air or compact bone.
        affine: (4, 4), voxel to head mm.
    """

    fractions: dict[str, np.ndarray]
    affine: np.ndarray


def draw_person(rng: np.random.Generator) -> Person:
    """Draw one head."""
    low, high = template.LOW, template.HIGH

    def warp(knot: float, share: float) -> Field:
        return draw_field(rng, low, high, knot, share * INJECTIVE_SHARE * knot, (3,))

    return Person(
        size=np.exp(SIZE_SD * (0.7 * rng.standard_normal() + 0.7 * rng.standard_normal(3))),
        warps=tuple(warp(knot, share) for knot, share in DEFORMATIONS_MM.items()),
        folds=draw_field(rng, low, high, FOLDS_KNOT_MM, FOLDS_AMPLITUDE, (len(BRAIN_TISSUES),)),
        texture=draw_field(rng, low, high, TEXTURE_KNOT_MM, TEXTURE_AMPLITUDE),
        shell=draw_shell(rng),
    )


def build_head(person: Person, step: float) -> Head:
    """Return the head's tissues on a grid of `step` mm; the same person at every step."""
    axes = template.box_axes(step)
    points = template_points(person, axes)
    maps = template.load_template()
    brain = [template.sample(tissue, maps.tissues_affine, points) for tissue in maps.tissues]
    folded = fold(np.stack(brain), person.folds.on(axes))
    to_brain, to_hull = (
        template.sample(distance, maps.distance_affine, points, outside="nearest")
        for distance in (maps.to_brain, maps.to_hull)
    )
    outer = outer_tissues(points, to_brain, to_hull, person.texture.on(axes), person.shell)
    outer *= 1 - folded.sum(axis=0)
    names = (*BRAIN_TISSUES, *OUTER_TISSUES)
    return Head(dict(zip(names, [*folded, *outer], strict=True)), template.box_affine(step))


def template_points(person: Person, axes: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Return where in the template each point of a head grid comes from; (3, I, J, K) mm."""
    points = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    for warp in person.warps:
        points += warp.on(axes)
    return points / person.size.astype(np.float32).reshape(3, 1, 1, 1)


def fold(fractions: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Shift and sharpen the balance of the brain's tissues; the brain as a whole keeps its place.

    The template is a mean of many brains, so its folds are blurred. Noise on the log-odds gives each person own
    folds, and an exponent makes them crisp.

    Args:
        fractions: (3, I, J, K), 0..1.
        noise: (3, I, J, K) added to the log of the fractions.

    Returns:
        (3, I, J, K) float32 with the same sum over tissues.
    """
    total = fractions.sum(axis=0)
    raised = (fractions + RARE * total) ** SHARPNESS * np.exp(noise)
    scaled: np.ndarray = raised * (total / np.maximum(raised.sum(axis=0), 1e-12))
    return scaled
