"""Heads where no label map is given: the phantom's deformed template, as classes of tissue."""

import numpy as np

from hifisyn.simulation import template, template_structures
from hifisyn.simulation.anatomy import Person, build_head, draw_person, template_points
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
# How far a person's structures may lie outside the template's box: their size, and the warps.
LARGER, MOVED_MM = 1.12, 12.0


def template_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a head from the template: the largest of its tissues in each voxel, and structures by where they lie."""
    person = draw_person(rng)
    head = build_head(person, STEP_MM)
    names = list(head.fractions)
    fractions = np.stack([head.fractions[name] for name in names])
    table = np.array([INDEX[CLASS_OF[name]] for name in names], dtype=np.uint8)
    classes = np.where(fractions.sum(axis=0) > 0.5, table[fractions.argmax(axis=0)], INDEX["air"]).astype(np.uint8)
    name_structures(classes, person)
    return anatomy_of(classes, np.full(3, STEP_MM))


def name_structures(classes: np.ndarray, person: Person) -> None:
    """Give the structures of a person's brain their classes, in place."""
    axes = template.box_axes(STEP_MM)
    low, high = (end * LARGER + np.sign(end) * MOVED_MM for end in (template_structures.LOW, template_structures.HIGH))
    spans = [np.flatnonzero((a > bottom) & (a < top)) for a, bottom, top in zip(axes, low, high, strict=True)]
    box = tuple(slice(s[0], s[-1] + 1) for s in spans)
    x, y, z = (a[cut] for a, cut in zip(axes, box, strict=True))
    points = template_points(person, (x, y, z))
    brain = np.isin(classes[box], [INDEX[name] for name in ("fluid", "cortex", "white_matter")])
    for place, bottom, top in zip(points, template_structures.LOW, template_structures.HIGH, strict=True):
        brain &= (place > bottom) & (place < top)
    maps = template.load_template()
    grey = template.sample(maps.tissues[template.BRAIN_TISSUES.index("GM")], maps.tissues_affine, points[:, brain])
    inner = classes[box]
    inner[brain] = template_structures.with_structures(inner[brain], points[:, brain], grey)
