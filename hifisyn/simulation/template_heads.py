"""Heads where no label map is given: the phantom's deformed template, as classes of tissue."""

import numpy as np

from hifisyn.simulation import template
from hifisyn.simulation.anatomy import build_head, draw_person
from hifisyn.simulation.label_maps import INDEX, Anatomy, anatomy_of

STEP_MM = 1.5
CLASS_OF = {
    "CSF": "fluid",
    "GM": "cortex",
    "WM": "white_matter",
    "fluid": "fluid",
    "nerve": "nerve",
    "muscle": "soft_tissue",
    "fat": "skin",
}
VENTRICLES_MM = ((-36.0, 36.0), (-56.0, 44.0), (-44.0, 34.0))


def template_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a head from the template: the largest of its tissues in each voxel; deep grey matter counts as cortex.

    Fluid in a box in the middle of the head is called ventricle.
    """
    head = build_head(draw_person(rng), STEP_MM)
    names = list(head.fractions)
    fractions = np.stack([head.fractions[name] for name in names])
    table = np.array([INDEX[CLASS_OF[name]] for name in names], dtype=np.uint8)
    classes = np.where(fractions.sum(axis=0) > 0.5, table[fractions.argmax(axis=0)], INDEX["air"]).astype(np.uint8)
    axes = template.box_axes(STEP_MM)
    central = np.ix_(*((a > low) & (a < high) for a, (low, high) in zip(axes, VENTRICLES_MM, strict=True)))
    deep = np.zeros(classes.shape, dtype=bool)
    deep[central] = classes[central] == INDEX["fluid"]
    classes[deep] = INDEX["ventricle"]
    return anatomy_of(classes, np.full(3, STEP_MM))
