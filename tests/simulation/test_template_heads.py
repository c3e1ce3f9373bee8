"""Heads of the template: structures lie where an atlas of other people has them, and are as large as they are."""

from collections import Counter
from pathlib import Path

import nilearn.datasets
import numpy as np
import pytest

from hifisyn.simulation import template
from hifisyn.simulation.label_maps import CLASSES, INDEX
from hifisyn.simulation.simulated_head import simulate_head
from hifisyn.simulation.template_heads import template_anatomy
from hifisyn.simulation.template_structures import with_structures

# Seitzman et al. (NeuroImage 206, 2020) name the structure of each of their 300 places; nilearn packages them.
STRUCTURES = {
    "3": ("hippocampus",),
    "4": ("hippocampus",),
    "5": ("caudate", "putamen", "pallidum", "accumbens"),
    "6": ("thalamus",),
    "7": ("cerebellar_cortex", "cerebellar_white_matter"),
}
CEREBRUM = ("0", "1", "2")


def places():
    """Return the number of its structure and where it lies, mm, for each place."""
    folder = Path(nilearn.datasets.__file__).parent / "data"
    names = (folder / "seitzman_2018_ROIs_anatomicalLabels.txt").read_text().split("\n", 1)[1].split()
    rows = (folder / "seitzman_2018_ROIs_300inVol_MNI_allInfo.txt").read_text().strip().split("\n")[1:]
    return names, np.array([[float(v) for v in row.split()[:3]] for row in rows])


def undeformed():
    """Return the template's classes with structures, on its own grid."""
    maps = template.load_template()
    table = np.array([INDEX["fluid"], INDEX["cortex"], INDEX["white_matter"]], dtype=np.uint8)
    brain = maps.tissues.sum(axis=0) > 0.5
    points = np.argwhere(brain).T.astype(np.float32) + maps.tissues_affine[:3, 3:]
    classes = np.zeros(brain.shape, dtype=np.uint8)
    classes[brain] = with_structures(table[maps.tissues.argmax(axis=0)[brain]], points, maps.tissues[1][brain])
    return classes, maps.tissues_affine[:3, 3]


@pytest.fixture(scope="module")
def whole():
    return undeformed()


def test_structures_lie_where_an_atlas_has_them(whole):
    classes, origin = whole
    names, where = places()
    found = [CLASSES[classes[tuple(v)]] for v in np.rint(where - origin).astype(int)]
    for number, allowed in STRUCTURES.items():
        seen = Counter(f for f, n in zip(found, names, strict=True) if n == number)
        assert sum(seen[a] for a in allowed) == seen.total(), (number, seen)
    cerebrum = Counter(f for f, n in zip(found, names, strict=True) if n in CEREBRUM)
    assert cerebrum["cortex"] + cerebrum["white_matter"] + cerebrum["fluid"] > 0.98 * cerebrum.total()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        # Both sides, ml; spans wide enough for adults and for the template, which is a large brain.
        ("thalamus", 10, 18),
        ("caudate", 5.5, 10),
        ("putamen", 7, 13.5),
        ("pallidum", 2, 4.2),
        ("hippocampus", 7, 14),
        ("accumbens", 0.7, 1.6),
        ("brainstem", 18, 34),
        ("cerebellar_cortex", 90, 185),
        ("cerebellar_white_matter", 18, 40),
        ("ventricle", 10, 40),
    ],
)
def test_structures_are_as_large_as_in_people_and_on_both_sides(whole, name, low, high):
    inside = whole[0] == INDEX[name]
    assert low < inside.sum() / 1000 < high
    right = inside[int(-whole[1][0]) + 1 :].sum() / inside.sum()
    assert right == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_a_persons_structures_follow_the_deformation():
    first, second = (template_anatomy(np.random.default_rng(seed)) for seed in (1, 2))
    centres = []
    for head in (first, second):
        counts = np.bincount(head.classes.ravel(), minlength=len(CLASSES)) * head.spacing.prod() / 1000
        assert 8 < counts[INDEX["thalamus"]] < 22
        assert 60 < counts[INDEX["cerebellar_cortex"]] < 230
        assert 8 < counts[INDEX["ventricle"]] < 60
        beside = np.argwhere(head.classes == INDEX["putamen"])
        centre = np.argwhere(head.classes == INDEX["thalamus"]).mean(axis=0)
        assert (beside[:, 0] < centre[0]).mean() == pytest.approx(0.5, abs=0.1)
        centres.append(np.argwhere(head.classes == INDEX["cerebellar_cortex"]).mean(axis=0) - centre)
        assert centres[-1][1] < -15
        assert centres[-1][2] < -15
    assert np.abs(centres[0] - centres[1]).max() > 0.3


@pytest.mark.slow
def test_a_head_of_the_template_has_grey_and_white_matter_in_its_slices():
    head = simulate_head(None, 4, 1, 64)
    assert set(np.unique(head.labels)) >= {0, 1, 2, 3}
