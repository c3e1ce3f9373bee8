import os
from pathlib import Path

import numpy as np
import pytest

from hifisyn.preprocessing.brain_pose import Pose, find_pose
from hifisyn.volume import Volume

TURNS = {
    Pose.UPRIGHT: lambda data: data,
    Pose.UPSIDE_DOWN: lambda data: data[:, :, ::-1],
    Pose.BACK_TO_FRONT: lambda data: data[:, ::-1],
    Pose.ROLLED: lambda data: data[:, ::-1, ::-1],
    Pose.SIDEWAYS: lambda data: data.transpose(1, 2, 0),
}


@pytest.fixture(scope="module")
def template():
    from nilearn import datasets

    image = datasets.load_mni152_brain_mask(resolution=3)
    return Volume(np.asarray(image.dataobj) > 0, image.affine)


@pytest.mark.parametrize("pose", TURNS)
def test_a_turned_brain_is_told(template, pose):
    assert find_pose(Volume(TURNS[pose](template.data).copy(), template.affine)) is pose


@pytest.mark.slow
@pytest.mark.parametrize("pose", TURNS)
def test_the_brain_of_a_person_is_told(pose):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    labels = Volume.load(Path(root) / "head_labels" / "head_07.nii.gz").canonical()
    brain = (labels.data > 0) & (labels.data < 500)
    assert find_pose(Volume(TURNS[pose](brain).copy(), labels.affine)) is pose


def test_mirror_grid_and_size_do_not_matter(template):
    assert find_pose(template.with_data(template.data[::-1].copy())) is Pose.UPRIGHT
    small = Volume(template.data, template.affine @ np.diag([0.6, 0.6, 0.6, 1]))
    assert find_pose(small) is Pose.UPRIGHT
    assert find_pose(template.reoriented("PIL")) is Pose.UPRIGHT


@pytest.mark.parametrize("part", [slice(0, 0), slice(0, 12), slice(12, 28), slice(30, None)])
def test_a_slab_and_an_empty_mask_are_not_judged(template, part):
    data = np.zeros_like(template.data)
    data[:, :, part] = template.data[:, :, part]
    assert find_pose(template.with_data(data)) is Pose.UPRIGHT


def test_noise_is_not_judged():
    blob = np.random.default_rng(0).random((40, 40, 40)) > 0.4
    assert find_pose(Volume(blob, np.eye(4))) is Pose.UPRIGHT
