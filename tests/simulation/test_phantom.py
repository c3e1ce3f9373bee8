"""The simulated cohort: signals by the equations, exact labels and truth, transforms that map, draws that repeat."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator

from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import phantom
from hifisyn.errors import UserError
from hifisyn.simulation import mr_signal, scan_grid, subject, template
from hifisyn.simulation.anatomy import build_head, draw_person, template_points
from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.mr_signal import SEQUENCES, Sequence, Tissue, magnetisation
from hifisyn.simulation.options import PhantomOptions
from hifisyn.volume import Volume

COARSE = PhantomOptions(subjects=1, test=1, seed=3, resolution=4.0, modalities=("T1", "T2", "FLAIR"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw") / "PHANTOM"
    phantom.convert(folder, COARSE, name="PHANTOM", processes=1)
    return folder


def slow_spin_echo(t1, t2, pd, tr, te):
    return pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2)


def slow_inversion_recovery(t1, t2, pd, tr, te, ti):
    return pd * (1 - 2 * np.exp(-ti / t1) + np.exp(-tr / t1)) * np.exp(-te / t2)


def slow_field(field, point):
    """The cubic B-spline sum, one lattice point at a time, by the kernel's two polynomials."""

    def kernel(u):
        u = abs(u)
        return 2 / 3 - u**2 + u**3 / 2 if u < 1 else max(2 - u, 0) ** 3 / 6

    total = 0.0
    for index in np.ndindex(field.coefficients.shape):
        centre = field.low + field.knot * (np.array(index) - 1)
        total += field.coefficients[index] * np.prod([kernel(u) for u in (point - centre) / field.knot])
    return total


def test_a_field_is_the_cubic_b_spline_of_its_lattice():
    low, high = np.array([-10.0, 0, 5]), np.array([20.0, 25, 30])
    field = draw_field(np.random.default_rng(0), low, high, 10.0, 2.0)
    axes = (np.array([-10.0, 3.3, 20]), np.array([0.0, 24.9]), np.array([5.0, 17.2, 30]))
    values = field.on(axes)
    for index in np.ndindex(values.shape):
        point = np.array([axis[i] for axis, i in zip(axes, index, strict=True)])
        assert values[index] == pytest.approx(slow_field(field, point), abs=1e-5)


def test_pure_tissues_follow_the_signal_equations():
    grey = Tissue(833, 83, 0.86)
    assert magnetisation(grey, Sequence(TR=400, TE=10)) == pytest.approx(slow_spin_echo(833, 83, 0.86, 400, 10))
    inverted = magnetisation(grey, Sequence(TR=9000, TE=120, TI=300))
    assert inverted == pytest.approx(slow_inversion_recovery(833, 83, 0.86, 9000, 120, 300))
    assert inverted < 0
    fluid = magnetisation(mr_signal.NORMAL["CSF"], SEQUENCES["FLAIR"])
    assert abs(fluid) < 1e-3


def test_contrast_agent_adds_to_both_relaxation_rates():
    rim = mr_signal.with_agent(Tissue(1000, 100, 1.0), 0.5)
    np.testing.assert_allclose([1 / rim.T1, 1 / rim.T2], [1 / 1000 + 0.0041 * 0.5, 1 / 100 + 0.0046 * 0.5])


@pytest.mark.slow
def test_truth_on_every_grid_is_the_forward_model_voxel_by_voxel(written):
    head = subject.make_head(COARSE, 0)
    tissues = mr_signal.draw_tissues(subject.stream(COARSE, 0, subject.TISSUES))
    poses = json.loads((written / "truth" / "transforms.json").read_text())["phantom001"]["head_to_world"]
    axes = template.box_axes(4.0)
    look_up = {name: RegularGridInterpolator(axes, f.astype(np.float64)) for name, f in head.fractions.items()}
    rng = np.random.default_rng(0)
    for on in COARSE.modalities:
        label = Volume.load(written / "truth" / f"on_{on}" / "phantom001_label.nii.gz", np.uint8)
        voxels = np.argwhere(ndimage.binary_dilation(label.data > 0, iterations=5))
        voxels = voxels[rng.integers(len(voxels), size=60)]
        for contrast in COARSE.modalities:
            truth = Volume.load(written / "truth" / f"on_{on}" / f"phantom001_{contrast}.nii.gz")
            wanted = []
            for voxel in voxels:
                world = truth.affine @ np.array([*voxel, 1.0])
                point = (np.linalg.inv(poses[on]) @ world)[:3]
                point = np.clip(point, [a[0] for a in axes], [a[-1] for a in axes])
                total = 0.0
                for name, tissue in tissues.items():
                    times = (tissue.T1, tissue.T2, tissue.PD)
                    if contrast == "FLAIR":
                        pure = slow_inversion_recovery(*times, 9000, 120, 1705)
                    else:
                        pure = slow_spin_echo(*times, *{"T1": (400, 10), "T2": (4000, 90)}[contrast])
                    if name in look_up:
                        total += float(look_up[name](point)[0]) * pure
                wanted.append(abs(total))
            found = truth.data[tuple(voxels.T)]
            gain = found.sum() / sum(wanted)
            assert 700 <= gain <= 1400
            np.testing.assert_allclose(found, gain * np.array(wanted), atol=0.05)


@pytest.mark.slow
def test_an_undeformed_head_has_the_templates_tissues():
    from nilearn import datasets

    person = draw_person(np.random.default_rng(0))
    still = replace(
        person, size=np.ones(3), warps=(), folds=replace(person.folds, coefficients=0 * person.folds.coefficients)
    )
    head = build_head(still, 4.0)
    grey, white, mask = (
        np.asarray(getattr(datasets, f"load_mni152_{name}")(resolution=1).dataobj)
        for name in ("gm_template", "wm_template", "brain_mask")
    )
    # Every fourth millimetre of the template is a voxel of the head.
    corner = (np.array([-98, -134, -72]) - template.LOW).astype(int)
    checked = 0
    for index in np.ndindex(head.fractions["GM"].shape):
        there = tuple(4 * np.array(index) - corner)
        if min(there) < 0 or any(v >= n for v, n in zip(there, mask.shape, strict=True)) or not mask[there]:
            continue
        wanted = np.array([1 - grey[there] - white[there], grey[there], white[there]])
        found = np.array([head.fractions[name][index] for name in ("CSF", "GM", "WM")])
        assert found.sum() == pytest.approx(1, abs=1e-4)
        if np.diff(np.sort(wanted))[-1] > 0.01:
            assert found.argmax() == wanted.argmax()
            checked += 1
    assert checked > 10_000


@pytest.mark.parametrize("seed", range(4))
def test_deformations_never_fold(seed):
    axes = template.box_axes(4.0)
    points = template_points(draw_person(np.random.default_rng(seed)), axes)
    gradients = np.stack([np.stack(np.gradient(component, 4.0)) for component in points])
    jacobian = np.linalg.det(np.moveaxis(gradients, (0, 1), (-2, -1)))
    assert jacobian.min() > 0.2
    assert jacobian.std() > 0.03


@pytest.mark.slow
def test_fractions_never_exceed_one_and_the_layers_come_in_order():
    head = subject.make_head(COARSE, 0)
    total = np.sum(list(head.fractions.values()), axis=0)
    assert min(f.min() for f in head.fractions.values()) >= -1e-5
    assert total.max() <= 1 + 1e-4
    brain = np.sum([head.fractions[t] for t in template.BRAIN_TISSUES], axis=0)
    middle = [int(v) for v in np.argwhere(brain > 0.5).mean(axis=0)]
    up = slice(middle[2] + 5, None)
    ray = {t: head.fractions[t][middle[0], middle[1], up] for t in ("fat", "muscle")}
    edge = np.flatnonzero(brain[middle[0], middle[1], up] > 0.5)[-1]
    scalp = np.flatnonzero(ray["fat"] + ray["muscle"] > 0.5)
    assert scalp.min() > edge
    assert total[middle[0], middle[1], up][edge + 1 : scalp.min()].min() < 0.5
    assert total[middle[0], middle[1], -1] == 0


def test_the_brain_has_an_adult_size():
    for index in range(2):
        head = subject.make_head(COARSE, index)
        brain = np.sum([head.fractions[t] for t in template.BRAIN_TISSUES], axis=0)
        assert 1.3e6 < (brain > 0.5).sum() * 64 < 2.4e6


def test_the_same_person_at_every_resolution():
    fine = subject.make_head(replace(COARSE, resolution=3.0), 0)
    coarse = subject.make_head(COARSE, 0)
    for tissue in ("GM", "WM", "fat"):
        f, c = fine.fractions[tissue], coarse.fractions[tissue]
        assert f.sum() * 27 == pytest.approx(c.sum() * 64, rel=0.03)
        np.testing.assert_allclose(
            fine.affine[:3] @ [*ndimage.center_of_mass(f), 1],
            coarse.affine[:3] @ [*ndimage.center_of_mass(c), 1],
            atol=1,
        )


def test_transforms_carry_every_contrast_onto_the_reference(written):
    entry = json.loads((written / "truth" / "transforms.json").read_text())["phantom001"]
    assert entry["reference"] == "T1"
    np.testing.assert_allclose(entry["moving_to_fixed"]["T1"], np.eye(4), atol=1e-9)
    truth = written / "truth"
    fixed = Volume.load(truth / "on_T1" / "phantom001_T1.nii.gz")
    brain = Volume.load(truth / "on_T1" / "phantom001_brain.nii.gz", np.uint8).data > 0
    voxels = np.argwhere(ndimage.binary_erosion(brain, iterations=2))[::7]
    world = voxels @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    for moving in ("T2", "FLAIR"):
        transform = np.array(entry["moving_to_fixed"][moving])
        assert np.linalg.det(transform[:3, :3]) == pytest.approx(1)
        image = Volume.load(truth / f"on_{moving}" / "phantom001_T1.nii.gz")
        back = np.linalg.inv(transform @ image.affine)
        seen = ndimage.map_coordinates(image.data, back[:3, :3] @ world.T + back[:3, 3:], order=1)
        unmoved = np.linalg.inv(image.affine)
        still = ndimage.map_coordinates(image.data, unmoved[:3, :3] @ world.T + unmoved[:3, 3:], order=1)
        reference = fixed.data[tuple(voxels.T)]
        assert np.corrcoef(seen, reference)[0, 1] > 0.95
        assert np.corrcoef(still, reference)[0, 1] < 0.8
        found = moving_centre(truth, moving)
        np.testing.assert_allclose((transform @ [*found, 1])[:3], moving_centre(truth, "T1"), atol=0.3)


def moving_centre(truth, modality):
    brain = Volume.load(truth / f"on_{modality}" / "phantom001_brain.nii.gz", np.uint8)
    return (brain.affine @ [*ndimage.center_of_mass(brain.data), 1])[:3]


@pytest.mark.slow
def test_a_landmark_is_rendered_where_the_pose_puts_it():
    data = np.zeros((41, 41, 41), dtype=np.float32)
    data[25, 14, 30] = 1
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -80
    pose = scan_grid.Pose(np.array([5.0, -8, 12]), np.array([3.0, -7, 2])).matrix()
    onto = scan_grid.scan_grid(scan_grid.Geometry("PSR", (0.5, 0.5, 0.75)), 2.0, 6.0)
    seen = scan_grid.render(ndimage.gaussian_filter(data, 1.5), affine, pose, onto)
    found = onto.affine @ [*ndimage.center_of_mass(seen), 1]
    np.testing.assert_allclose(found, pose @ affine @ [25, 14, 30, 1], atol=0.05)


def test_every_contrast_has_its_own_orientation_and_voxels(written):
    codes = {m: Volume.load(written / "imagesTr" / f"phantom001_{m}.nii.gz") for m in COARSE.modalities}
    assert {m: v.axcodes for m, v in codes.items()} == {"T1": "PSR", "T2": "LPS", "FLAIR": "LAS"}
    np.testing.assert_allclose(codes["T1"].spacing, (3.76, 3.76, 4.8), atol=1e-4)
    np.testing.assert_allclose(codes["T2"].spacing, (3.76, 3.76, 5.0), atol=1e-4)


def test_labels_lie_on_the_reference_grid_and_agree_with_the_truth(written):
    label = Volume.load(written / "labelsTr" / "phantom001.nii.gz", np.uint8)
    assert label.same_grid(Volume.load(written / "imagesTr" / "phantom001_T1.nii.gz"))
    assert set(np.unique(label.data)) == {0, 1, 2, 3}
    brain = Volume.load(written / "truth" / "on_T1" / "phantom001_brain.nii.gz", np.uint8)
    np.testing.assert_array_equal(brain.data, label.data > 0)
    t1, t2 = (Volume.load(written / "truth" / "on_T1" / f"phantom001_{m}.nii.gz").data for m in ("T1", "T2"))
    means = [[np.median(image[label.data == v]) for v in (1, 2, 3)] for image in (t1, t2)]
    assert means[0] == sorted(means[0])
    assert means[1] == sorted(means[1], reverse=True)


def test_without_noise_and_bias_the_image_is_the_truth():
    clean = replace(COARSE, noise=0.0, bias=0.0, modalities=("T2",))
    (seen,) = subject.scan(clean, 0)
    assert seen.image.data.dtype == np.int16
    np.testing.assert_allclose(seen.image.data, seen.truth["T2"].data, atol=0.501)


def test_noise_is_rician_and_bias_spans_what_was_asked():
    noise = mr_signal.rician(np.zeros((60, 60, 60), np.float32), 5.0, np.random.default_rng(0))
    assert noise.mean() == pytest.approx(5 * np.sqrt(np.pi / 2), rel=0.01)
    strong = mr_signal.rician(np.full((60, 60, 60), 500, np.float32), 5.0, np.random.default_rng(0))
    assert strong.std() == pytest.approx(5, rel=0.02)
    biased = replace(COARSE, noise=0.0, bias=0.4, modalities=("T2",))
    (seen,) = subject.scan(biased, 0)
    ratio = (seen.image.data / np.maximum(seen.truth["T2"].data, 1e-3))[(seen.label.data > 0) & (seen.image.data > 200)]
    assert ratio.min() == pytest.approx(0.8, abs=0.02)
    assert ratio.max() == pytest.approx(1.2, abs=0.02)


@pytest.mark.slow
def test_a_subject_depends_on_seed_and_number_alone(written, tmp_path):
    larger = replace(COARSE, subjects=1, test=2)
    phantom.convert(tmp_path / "again", larger, name="AGAIN", processes=2)
    for name in ("imagesTr/phantom001_T2", "imagesTs/phantom002_FLAIR", "truth/on_T1/phantom002_T2"):
        first, again = (Volume.load(folder / f"{name}.nii.gz") for folder in (written, tmp_path / "again"))
        np.testing.assert_array_equal(first.data, again.data)
        np.testing.assert_array_equal(first.affine, again.affine)
    fewer = {s.modality: s.image.data for s in subject.scan(replace(COARSE, modalities=("FLAIR",)), 0)}
    np.testing.assert_array_equal(
        fewer["FLAIR"], Volume.load(written / "imagesTr" / "phantom001_FLAIR.nii.gz", np.int16).data
    )


def test_another_seed_and_another_subject_are_other_people():
    people = [subject.make_head(replace(COARSE, seed=s), i).fractions["WM"] for s, i in ((3, 0), (3, 1), (4, 0))]
    assert np.abs(people[0] - people[1]).max() > 0.5
    assert np.abs(people[0] - people[2]).max() > 0.5


def test_lesions_are_labelled_and_only_their_rim_enhances():
    sick = replace(COARSE, lesions=2, modalities=("T1", "T1ce", "FLAIR"), noise=0.0, bias=0.0)
    seen = next(subject.scan(sick, 0))
    label, labels = seen.label.data, sick.labels
    assert {labels[name] for name in ("oedema", "necrosis", "enhancing")} <= set(np.unique(label))
    t1, t1ce, flair = (seen.truth[m].data for m in ("T1", "T1ce", "FLAIR"))
    scale = np.median(t1ce[label == 3]) / np.median(t1[label == 3])
    gained = t1ce / scale - t1
    assert np.median(gained[label == labels["enhancing"]]) > 0.3 * np.median(t1[label == 3])
    far = ndimage.binary_dilation(label == labels["enhancing"], iterations=4)
    assert np.abs(gained[~far]).max() < 1e-2 * np.median(t1[label == 3])
    assert np.median(flair[label == labels["oedema"]]) > 1.2 * np.median(flair[label == 3])
    healthy = subject.make_head(replace(sick, lesions=0, modalities=("T1",)), 0).fractions
    lesioned = subject.make_head(sick, 0).fractions
    np.testing.assert_allclose(sum(lesioned.values()), sum(healthy.values()), atol=1e-4)


@pytest.mark.parametrize(("lesions", "wanted"), [(0, 0), (3, 3), (14, 14), (0.5, 7)])
def test_as_many_subjects_have_lesions_as_were_asked_for(lesions, wanted):
    cohort = PhantomOptions(lesions=lesions)
    assert sum(cohort.has_lesion(i) for i in range(cohort.total)) == wanted


@pytest.mark.parametrize(
    ("change", "what", "got"),
    [
        ({"subjects": 0}, "--subjects-number must be at least 1", "0"),
        ({"test": -1}, "--test-number must be at least 0", "-1"),
        ({"resolution": 0.1}, "--resolution must be 0.7 to 6.0 mm", "0.1"),
        ({"resolution": float("nan")}, "--resolution must be 0.7 to 6.0 mm", "nan"),
        ({"modalities": ("T1", "T9")}, "--modalities must be of T1, T2, FLAIR, T1ce, PD", "T1 T9"),
        ({"modalities": ("T1", "T1")}, "--modalities must differ", "T1 T1"),
        ({"modalities": ()}, "--modalities must be of T1, T2, FLAIR, T1ce, PD", ""),
        ({"modalities": ("T1", "T1ce")}, "T1ce needs lesions, since nothing else enhances", ""),
        ({"lesions": 99}, "--lesions must be 0 to 2 subjects", "99"),
        ({"noise": -1}, "--noise must be 0 to 0.5", "-1"),
        ({"seed": -1}, "--seed must be at least 0", "-1"),
    ],
)
def test_impossible_cohorts_are_users_errors(change, what, got):
    with pytest.raises(UserError) as error:
        replace(COARSE, **change)
    assert (error.value.what, error.value.got) == (what, got)


def test_the_raw_folder_is_complete_and_loads(written):
    dataset = Dataset.load(written)
    assert dataset.modalities == ("T1", "T2", "FLAIR")
    assert list(dataset.cases) == ["phantom001"]
    assert list(dataset.test) == ["phantom002"]
    for case in dataset.all_cases.values():
        assert set(case.images) == set(dataset.modalities)
        assert case.label is not None
        assert all(file.is_file() for file in [*case.images.values(), case.label])
    assert len(list((written / "truth").glob("on_*/*.nii.gz"))) == 2 * 3 * 5


def test_nnunet_lists_the_cases(written):
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    listed = get_filenames_of_train_images_and_targets(str(written))
    assert listed["phantom001"]["label"] == str((written / "labelsTr" / "phantom001.nii.gz").resolve())
    assert [f.rsplit("_", 1)[1] for f in listed["phantom001"]["images"]] == ["T1.nii.gz", "T2.nii.gz", "FLAIR.nii.gz"]


@pytest.mark.slow
def test_nnunet_accepts_a_cohort_of_one_contrast(tmp_path):
    # With more contrasts nnU-Net asks for one grid a case, which raw scans do not have.
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    single = replace(COARSE, modalities=("T1",), test=0, lesions=1)
    phantom.convert(tmp_path / "Dataset901_PHANTOM", single, name="PHANTOM", processes=1)
    verify_dataset_integrity(str(tmp_path / "Dataset901_PHANTOM"), num_processes=1)
