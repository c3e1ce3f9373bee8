"""Geometry from the file to the slices and back, and the handling of brains, labels and missing contrasts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hifisyn.dataset import TISSUES
from hifisyn.errors import UserError
from hifisyn.plans import Plans, PreprocessingPlan, SlicePlan
from hifisyn.preprocessing import brain_networks
from hifisyn.preprocessing.align import align_case
from hifisyn.preprocessing.extract_slices import extract_slices
from hifisyn.preprocessing.neighbours import with_neighbours
from hifisyn.preprocessing.prepare import prepare_source
from hifisyn.preprocessing.slices_axial import to_slices
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool
from hifisyn.volume import Volume
from tests.support.heads import grid, rigid, scan, truth
from tests.support.untrusted import DOUBTFUL, FAILED

T1_GRID = grid((62, 56, 40), (2.4, 2.6, 3.6), axes="PRS", degrees=(6, -4, 9), middle=(20, 5, -8))
T2_GRID = grid((60, 50, 52), (2.2, 3.4, 2.8), axes="LIA", degrees=(-5, 8, 3), middle=(25, 12, -4))
HOME = rigid((0, 0, 0), (20, 5, -8))
AWAY = rigid((5, -3, 7), (26, 11, -3))
LANDMARK = np.array([22.0, -18.0, 14.0])
QUICK = PreprocessingPlan(skull_strip="none", bias="never", registration="none")
NO_LABELS = {"background": 0}
LABELS = {**TISSUES, "lesion": 4}


def plans(settings=QUICK, **slices):
    plan = SlicePlan(**{"size": 80, "crop": 72, "pixel_mm": 2.0, **slices})
    return Plans(
        dataset="X",
        modalities=("T1", "T2"),
        labels=TISSUES,
        slices=plan,
        preprocessing=settings,
    )


def trained_on(cut):
    """Return the cut with its training slices alone."""
    rows = list(cut.training)
    label = None if cut.label is None else cut.label[rows]
    return replace(cut, images={m: a[rows] for m, a in cut.images.items()}, brain=cut.brain[rows], label=label)


def place_in_scan(slices, record, modality):
    """Undo by the record alone: the bright landmark in the slices, in voxel indices of the modality's file."""
    s, h, w = ndimage.center_of_mass(np.clip(slices - 0.2, 0, None))
    grid_index = [w, h, np.interp(s, np.arange(len(record.slice_indices)), record.slice_indices), 1]
    world = np.array(record.slice_grid.affine) @ grid_index
    scan_of = record.scans[modality]
    own_world = np.linalg.solve(np.array(scan_of.moving_to_fixed), world)
    return np.linalg.solve(np.array(scan_of.original.affine), own_world)[:3]


def place_of(landmark, pose, volume):
    return np.linalg.solve(volume.affine, pose @ [*landmark, 1])[:3]


@pytest.fixture(scope="module")
def t1():
    return scan(*T1_GRID, "T1", pose=HOME, stripped=True, noise=2)[0]


@pytest.mark.slow
@pytest.mark.parametrize(("registration", "away"), [("none", HOME), ("rigid", AWAY)])
def test_a_landmark_is_found_again_within_half_a_voxel(registration, away):
    settings = QUICK.model_copy(update={"registration": registration, "upper_percentile": 100.0})
    t1, _ = scan(*T1_GRID, "T1", pose=HOME, stripped=True, landmark=LANDMARK)
    t2, _ = scan(*T2_GRID, "T2", pose=away, stripped=True, landmark=LANDMARK)
    plan = plans(settings)
    aligned = align_case({"T1": t1, "T2": t2}, settings, labels=NO_LABELS)
    assert {volume.axcodes for volume in aligned.images.values()} == {"RAS"}
    cut = trained_on(extract_slices(aligned, plan))
    for modality, volume, pose in (("T1", t1, HOME), ("T2", t2, away)):
        found = place_in_scan(cut.images[modality], cut.record, modality)
        assert np.abs(found - place_of(LANDMARK, pose, volume)).max() < 0.5, modality
    prepared = prepare_source(t2, "T2", plan)
    found = place_in_scan(prepared.slices, prepared.record, "T2")
    assert np.abs(found - place_of(LANDMARK, away, t2)).max() < 0.5


def test_slices_are_normalised_inside_the_brain_and_empty_outside(t1):
    cut = trained_on(extract_slices(align_case({"T1": t1}, QUICK, labels=NO_LABELS), plans()))
    image = cut.images["T1"]
    assert image.dtype == np.float32
    assert (image.min(), image.max()) == (-1, pytest.approx(1))
    assert (image[~cut.brain] == -1).all()
    assert (image[cut.brain] > 0.9999).mean() == pytest.approx(0.005, abs=0.003)
    intensity = cut.record.scans["T1"].intensity
    assert intensity is not None
    assert intensity.low == 0
    assert len(image) == len(cut.record.slice_indices)
    assert cut.label is None


def test_a_scan_to_predict_is_seen_as_in_training(t1):
    plan = plans(min_brain=0.1)
    stored, prepared = (
        extract_slices(align_case({"T1": t1}, QUICK, labels=NO_LABELS), plan),
        prepare_source(t1, "T1", plan),
    )
    cut = trained_on(stored)
    assert prepared.slices.shape[1:] == (72, 72)
    at = [prepared.record.slice_indices.index(place) for place in cut.record.slice_indices]
    assert len(at) < len(prepared.slices)
    np.testing.assert_allclose(prepared.slices[at], cut.images["T1"][:, 4:-4, 4:-4], atol=1e-5)
    np.testing.assert_array_equal(prepared.brain[at], cut.brain[:, 4:-4, 4:-4])
    assert prepared.record.slice_indices == stored.record.stored_indices
    np.testing.assert_array_equal(prepared.covered, stored.covered["T1"])
    amid = [
        with_neighbours(slices, covered, cut.training, 2)
        for slices, covered in (
            (prepared.slices, prepared.covered),
            (stored.images["T1"][:, 4:-4, 4:-4], stored.covered["T1"]),
        )
    ]
    np.testing.assert_allclose(amid[0], amid[1], atol=1e-5)
    assert prepared.mask.same_grid(t1)
    np.testing.assert_array_equal(prepared.mask.data > 0, t1.data > 0)


def test_a_contrast_whose_registration_failed_has_no_slices(t1):
    t2 = scan(*T2_GRID, "T2", pose=HOME, stripped=True)[0]
    aligned = align_case({"T1": t1, "T2": t2}, QUICK, labels=NO_LABELS)
    for checks, modalities in ((DOUBTFUL, {"T1", "T2"}), (FAILED, {"T1"})):
        scans = aligned.record.scans | {"T2": replace(aligned.record.scans["T2"], checks=checks)}
        judged = replace(aligned, record=replace(aligned.record, scans=scans))
        assert set(extract_slices(judged, plans()).images) == modalities


SPOILT = {
    "hot": ("brain", 32767),
    "wrapped around": ("air", 65535),
    "marked": ("air", -32768),
    "dead": ("brain", 0),
}


@pytest.fixture(scope="module")
def whole_head():
    return scan(*T1_GRID, "T1", pose=HOME, noise=2)


@pytest.mark.parametrize("pattern", SPOILT)
def test_one_voxel_in_a_thousand_changes_no_brightness(whole_head, pattern):
    volume, mask = whole_head
    where, value = SPOILT[pattern]
    places = np.flatnonzero((mask.data > 0) if where == "brain" else volume.data < 5)
    data = volume.data.copy()
    data.flat[places[::1000]] = value
    clean, spoilt = (prepare_source(v, "T1", plans(), mask=mask) for v in (volume, volume.with_data(data)))
    ends = [p.record.scans["T1"].intensity for p in (clean, spoilt)]
    assert spoilt.slices[spoilt.brain].mean() == pytest.approx(clean.slices[clean.brain].mean(), abs=0.01)
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[1].high == pytest.approx(ends[0].high, rel=0.02)
    assert ends[1].low == pytest.approx(ends[0].low, abs=0.02 * ends[0].high)
    assert (np.abs(spoilt.slices - clean.slices) > 0.05).mean() < 0.005


@pytest.mark.parametrize(("scale", "offset"), [(1, 1024), (1, -200), (1e-6, 0), (1e6, 0)])
def test_an_offset_and_a_scale_change_no_slice_in_training_and_prediction(whole_head, scale, offset):
    volume, mask = whole_head
    other = volume.with_data((volume.data * scale + offset).astype(np.float32))
    clean, found = (prepare_source(v, "T1", plans(), mask=mask) for v in (volume, other))
    np.testing.assert_allclose(found.slices, clean.slices, atol=1e-3)
    settings = QUICK.model_copy(update={"skull_strip": "mask"})
    cut = extract_slices(align_case({"T1": other}, settings, labels=NO_LABELS, mask=mask), plans(settings))
    np.testing.assert_allclose(cut.images["T1"][:, 4:-4, 4:-4], found.slices, atol=1e-5)
    assert cut.record.scans["T1"].intensity == found.record.scans["T1"].intensity


def test_given_tissues_are_used_as_they_are(t1):
    label = t1.with_data(truth(t1, HOME))
    aligned = align_case({"T1": t1}, QUICK, label=label)
    assert aligned.label is not None
    np.testing.assert_array_equal(aligned.label.data, label.canonical().data)
    assert aligned.label.same_grid(aligned.brain)
    assert aligned.record.steps[Stage.LABELS] == Step(Status.GIVEN)
    cut = trained_on(extract_slices(aligned, plans(pixel_mm=1.973)))
    assert cut.label is not None
    assert cut.record.slice_grid is not None
    nearest = nearest_voxels(label, cut.record.slice_grid.volume())[list(cut.record.slice_indices)]
    np.testing.assert_array_equal(cut.label[cut.brain], nearest[cut.brain])
    assert (cut.label[~cut.brain] == 0).all()


def nearest_voxels(volume, onto):
    """Look the nearest voxel up for each pixel of the slices, one by one."""
    width, height, places = np.indices(onto.shape).reshape(3, -1)
    index = np.linalg.solve(volume.affine, onto.affine) @ np.stack([width, height, places, np.ones_like(width)])
    i, j, k = (np.clip(np.rint(row).astype(int), 0, n - 1) for row, n in zip(index, volume.shape, strict=False))
    return to_slices(onto.with_data(volume.data[i, j, k].reshape(onto.shape)))


def test_lesions_are_laid_over_computed_tissues_and_belong_to_the_brain(t1):
    lesion = np.zeros(t1.shape, np.uint8)
    place = np.rint(place_of([-50.0, 0, 10], HOME, t1)).astype(int)
    lesion[tuple(slice(p - 2, p + 3) for p in place)] = 4
    hollow = t1.with_data(np.where(lesion > 0, 0, t1.data))
    aligned = align_case({"T1": hollow}, QUICK, label=t1.with_data(lesion), labels=LABELS)
    upright = t1.with_data(lesion).canonical().data > 0
    assert aligned.label is not None
    assert (aligned.label.data[upright] == 4).all()
    assert (aligned.brain.data[upright] == 1).all()
    exact = t1.with_data(truth(t1, HOME)).canonical().data
    healthy = (exact > 0) & ~upright & (aligned.brain.data > 0)
    assert (aligned.label.data == exact)[healthy].mean() > 0.8
    assert aligned.record.steps[Stage.LABELS].detail == "on T1, lesions as given"


def test_a_label_map_on_another_grid_is_refused(t1):
    t2, _ = scan(*T2_GRID, "T2", pose=HOME, stripped=True)
    with pytest.raises(UserError, match="the label map must be on the grid of T1"):
        align_case({"T1": t1, "T2": t2}, QUICK, label=t2.with_data(truth(t2, HOME)))


def test_labels_corrected_by_hand_are_used_in_full(t1):
    label = truth(t1, HOME)
    partial = t1.with_data(np.where(label == 2, 2, 0).astype(np.uint8))
    aligned = align_case({"T1": t1}, QUICK, label=partial, labels=LABELS, manual=True)
    assert aligned.label is not None
    np.testing.assert_array_equal(aligned.label.data, partial.canonical().data)
    assert aligned.label.data.dtype == np.uint8
    assert aligned.record.steps[Stage.LABELS] == Step(Status.CORRECTED)


def test_the_mask_of_the_user_is_the_brain(t1):
    eroded = ndimage.binary_erosion(t1.data > 0, iterations=2)
    mask = t1.with_data(np.where(eroded, 0.6, 0.4).astype(np.float32))
    settings = QUICK.model_copy(update={"skull_strip": "auto"})
    aligned = align_case({"T1": t1}, settings, labels=NO_LABELS, mask=mask)
    np.testing.assert_array_equal(aligned.brain.data > 0, mask.canonical().data > 0.5)
    assert aligned.record.steps[Stage.SKULL_STRIP] == Step(Status.GIVEN)
    turned = align_case({"T1": t1}, settings, labels=NO_LABELS, mask=mask.reoriented("ILP"))
    np.testing.assert_array_equal(turned.brain.data, aligned.brain.data)
    with pytest.raises(UserError, match=r"the brain mask must be on the grid of T1 \(shape .*resample it"):
        align_case({"T1": t1}, settings, mask=Volume(mask.data, mask.affine + np.eye(4)[:, [0, 1, 3, 2]] * 2))


def test_seconds_are_told_but_change_no_record(t1):
    first, second = (align_case({"T1": t1}, QUICK, labels=NO_LABELS) for _ in range(2))
    assert set(first.seconds) == {"brain", "registration", "bias", "labels"}
    assert first.seconds["brain"] > 0
    assert first.record == second.record
    assert "seconds" not in first.record.as_json()


def test_a_tool_that_is_named_is_used_whatever_the_scan_looks_like(t1, monkeypatch):
    monkeypatch.setattr(brain_networks, "find_brain", lambda tool, volume, device: volume.data > 30)
    settings = QUICK.model_copy(update={"skull_strip": "deepbet"})
    aligned = align_case({"T1": t1}, settings, labels=NO_LABELS, mask=t1)
    assert aligned.record.steps[Stage.SKULL_STRIP] == Step.ran(Tool.DEEPBET)
    seen = align_case({"T1": t1}, QUICK.model_copy(update={"skull_strip": "auto"}), labels=NO_LABELS)
    assert seen.record.steps[Stage.SKULL_STRIP] == Step(Status.SEEN_DONE)


def test_a_scan_to_predict_is_stripped_as_the_user_says_or_else_as_planned(t1, monkeypatch):
    monkeypatch.setattr(brain_networks, "find_brain", lambda tool, volume, device: volume.data > 30)
    monkeypatch.setattr(brain_networks, "installed", lambda tool: True)
    monkeypatch.setattr("hifisyn.preprocessing.steps.version", lambda package: "1.0")
    plan = plans(QUICK.model_copy(update={"skull_strip": "hd-bet"}))

    def stripper(**choice):
        return prepare_source(t1, "T1", plan, **choice).record.steps[Stage.SKULL_STRIP]

    assert stripper() == Step(Status.SEEN_DONE)
    assert stripper(stripped=True) == Step(Status.DONE_BEFORE)
    assert stripper(stripped=False) == Step.ran(Tool.HD_BET)
    assert stripper(tool="deepbet", mask=t1) == Step.ran(Tool.DEEPBET)
    assert stripper(mask=t1) == stripper(mask=t1, stripped=False) == Step(Status.GIVEN)


def test_a_command_of_a_model_is_never_run(t1, tmp_path):
    ran = tmp_path / "ran"
    planned = PreprocessingPlan(bias="never", skull_strip="command", strip_command=f"touch {ran} {{input}} {{mask}}")
    with pytest.raises(UserError, match=r"which is never run unasked; .*pass --strip-command 'touch .*\{mask\}'"):
        prepare_source(t1, "T1", plans(planned))
    for choice in ({"stripped": True}, {"mask": t1}, {"tool": "auto"}):
        prepare_source(t1, "T1", plans(planned), **choice)
    with pytest.raises(UserError, match="must be a program followed by"):
        prepare_source(t1, "T1", plans(planned), tool="command")
    assert not ran.exists()


def test_a_command_of_a_model_is_shown_without_tricks(t1):
    planned = PreprocessingPlan(skull_strip="command", strip_command="x {input} {mask} \x1b[2K\n; rm\u202e")
    with pytest.raises(UserError) as caught:
        prepare_source(t1, "T1", plans(planned))
    assert str(caught.value).isprintable()


def test_the_first_contrast_stands_in_for_a_lacking_reference():
    t2, _ = scan(*T2_GRID, "T2", pose=HOME, stripped=True)
    aligned = align_case({"T2": t2}, QUICK, labels=NO_LABELS)
    assert aligned.record.reference == "T2"
    assert aligned.brain.same_grid(t2.canonical())
    assert aligned.record.scans["T2"].original.shape == t2.shape


def test_slices_that_a_contrast_does_not_show_are_left_out(t1):
    short, _ = scan((60, 22, 52), T2_GRID[1], "T2", pose=HOME, stripped=True)
    whole = trained_on(extract_slices(align_case({"T1": t1}, QUICK, labels=NO_LABELS), plans()))
    aligned = align_case({"T1": t1, "T2": short}, QUICK, labels=NO_LABELS)
    cut = trained_on(extract_slices(aligned, plans()))
    assert 0 < len(cut.brain) < len(whole.brain)
    assert ((cut.images["T2"] > -1) | ~cut.brain).mean() > 0.99
    assert cut.record.slice_indices == (28, 29, 30, 31, 32, 33)
    assert extract_slices(aligned, plans(min_brain=0.1)).record.slice_indices == (28, 29, 30, 31, 32)
    assert extract_slices(aligned, plans(crop=48, per_case=5)).record.slice_indices == (28, 29, 30, 32, 33)


def test_brain_beyond_the_field_of_view_is_told(t1):
    aligned = align_case({"T1": t1}, QUICK, labels=NO_LABELS)
    assert extract_slices(aligned, plans()).record.outside_crop < 0.02
    assert extract_slices(aligned, plans(crop=48)).record.outside_crop > 0.1
