"""Mass effect: tissue moves away and nothing folds, lesions and the skull keep their place, sulci near close."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from hifisyn.simulation import growths
from hifisyn.simulation.label_maps import INDEX, members
from hifisyn.simulation.mass_effect import Mass, effaced, pull, pushed
from hifisyn.simulation.strokes import GROUPS, paint_groups, paint_signal, stroke, whole
from hifisyn.simulation.tissue_parameters import PARAMETERS
from tests.support.toy_heads import STEP, toy_anatomy


@pytest.fixture(scope="module")
def toy():
    return toy_anatomy()


@pytest.fixture(scope="module")
def middle(toy):
    return (np.array(toy.classes.shape) - 1) / 2


def centre_of(anatomy, name, middle):
    """Return where a class lies, mm from the middle of the head."""
    return (np.argwhere(anatomy.classes == INDEX[name]).mean(axis=0) - middle) * STEP


def test_what_is_beside_a_mass_moves_away_along_the_ray(toy, middle):
    mass = Mass(middle, 15.0, 0.6)
    before, after = (centre_of(a, "putamen", middle) for a in (toy, pushed(toy, [mass])))
    start = np.linalg.norm(before)

    def gained(radius):
        depth = np.clip((58 - radius - 3) / 30, 0, 1)
        return radius - 0.58 * depth**2 * (3 - 2 * depth) * radius / np.sqrt(1 + (radius / 15) ** 6) - start

    assert mass.share == pytest.approx(0.58, abs=0.01)
    assert np.linalg.norm(after) == pytest.approx(brentq(gained, start, start + 15), abs=0.5)
    np.testing.assert_allclose(after / np.linalg.norm(after), before / start, atol=0.05)


def test_the_midline_shifts_away_from_a_mass_and_the_skull_stays(toy, middle):
    right = pushed(toy, [Mass(middle + np.array([13, 0, 0]), 20.0, 0.5)])
    assert centre_of(right, "ventricle", middle)[0] < -2
    np.testing.assert_allclose(centre_of(right, "ventricle", middle)[1:], 0, atol=0.3)
    for name in ("bone", "air", "fluid"):
        np.testing.assert_array_equal(right.classes == INDEX[name], toy.classes == INDEX[name])
    moved, still = (a.to_ventricle[:, 17, 17] for a in (right, toy))
    assert moved[22] > still[22]
    assert moved[14] < still[14]
    unmoved = pushed(toy, [Mass(middle + np.array([13, 0, 0]), 20.0, 0.0)])
    np.testing.assert_array_equal(unmoved.classes, toy.classes)


@pytest.mark.parametrize("radius", [8.0, 20.0, 34.0])
@pytest.mark.parametrize("away", [0, 10, 18, 24])
def test_nothing_folds_however_hard_the_push(toy, middle, radius, away):
    mass = Mass(middle + np.array([away, 0, 0]), radius, 1.0)
    places = np.indices(toy.classes.shape, dtype=np.float32) * STEP
    way = places - (mass.centre * STEP).reshape(3, 1, 1, 1)
    source = places - pull(mass, toy) * way
    jacobian = np.stack([np.stack(np.gradient(s, STEP)) for s in source]).transpose(2, 3, 4, 0, 1)
    assert np.linalg.det(jacobian).min() > 0.02


def test_a_lesion_keeps_its_place_and_volume(toy, middle):
    mass = Mass(middle + np.array([0, 12, 0]), 14.0, 0.5)
    covered = [
        paint_groups(a.classes, growths.grown(np.random.default_rng(1), a, growths.Growth("glioma", mass)))
        == GROUPS["lesion"]
        for a in (toy, pushed(toy, [mass]))
    ]
    assert covered[0].sum() * STEP**3 > 5000
    assert (covered[0] != covered[1]).sum() < 0.05 * covered[0].sum()


def furrowed(toy):
    """Cut a sulcus a voxel wide into the cortex of both sides."""
    classes = toy.classes.copy()
    middle = toy.classes.shape[1] // 2
    plane = classes[:, middle]
    plane[plane == INDEX["cortex"]] = INDEX["fluid"]
    return replace(toy, classes=classes, spacing=np.ones(3))


def test_sulci_near_a_mass_close_and_those_far_away_stay(toy):
    head = furrowed(toy)
    size = np.array(head.classes.shape)
    mass = Mass(size / 2 + [size[0] / 4, 0, 0], 8.0, 0.5)
    cortex = members(head.classes, ("cortex",)) * np.float32(0.5)
    widened = stroke("fluid", cortex, whole(head.classes.shape), head.classes.shape)
    values = dict.fromkeys(PARAMETERS, 0.0) | {"fluid": 1.0}
    furrow = (slice(None), head.classes.shape[1] // 2)
    for strokes in ([], [widened]):
        before = paint_signal(head.classes, values, strokes)
        after = paint_signal(head.classes, values, effaced(head, [mass], strokes))
        cut = head.classes[furrow] == INDEX["fluid"]
        inner = np.hypot(*np.indices(cut.shape) - size[[0, 2]].reshape(2, 1, 1) / 2) < 28
        left = np.indices(cut.shape)[0] < size[0] / 2 - 10
        right = (np.indices(cut.shape)[0] > size[0] / 2 + 10) & (np.abs(np.indices(cut.shape)[1] - size[2] / 2) < 10)
        assert after[furrow][cut & inner & right].mean() < 0.5 * before[furrow][cut & inner & right].mean()
        np.testing.assert_array_equal(after[furrow][cut & left], before[furrow][cut & left])
    beside = members(head.classes, ("cortex",)) & (np.indices(head.classes.shape)[0] > size[0] / 2 + 20)
    assert after[beside].mean() < 0.8 * before[beside].mean()


def test_half_of_the_gliomas_and_no_old_infarct_push(toy):
    rng = np.random.default_rng(0)
    gliomas = [growths.draw_glioma(rng, toy).mass for _ in range(200)]
    assert np.mean([m.push > 0 for m in gliomas]) == pytest.approx(0.5, abs=0.1)
    infarcts = [growths.draw_infarct(rng, toy) for _ in range(200)]
    pushing = [i for i in infarcts if i.mass.push]
    assert len(pushing) > 10
    assert all(i.kind == "infarct" and i.mass.radius_mm > growths.SWOLLEN_MM for i in pushing)
